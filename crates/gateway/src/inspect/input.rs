//! One walk over every text of a request.

use casemate_classify::Decision;
use casemate_detect::ScanOptions;
use casemate_wire::Edits;
use casemate_wire::carrier::{Carrier, Channel, Form, walk_fields, walk_request};
use casemate_wire::json::Doc;

use super::engines::{Engines, action_for, check_of, class_channel, decide, scan_options};
use super::notice::{Check, Notice};
use super::readings::{Found, has_canary, read_whole};
use super::replacements::Replacements;
use crate::address::is_public_url;
use crate::config::{Action, Checks};

/// Texts shorter than this cannot carry an instruction.
const ASSESSED_BYTES_MIN: usize = 8;
/// Findings kept of one request.
const NOTICES_MAX: usize = 64;

/// What an inspection of a request came to.
#[derive(Debug, Default)]
pub struct InputVerdict {
    /// What was seen, at most 64, in document order.
    pub notices: Vec<Notice>,
    /// The check that refuses the request.
    pub blocked_by: Option<Check>,
    /// Changes to the body.
    pub edits: Edits,
}

struct Walk<'a> {
    doc: &'a Doc<'a>,
    checks: &'a Checks,
    engines: &'a Engines,
    options: Option<ScanOptions>,
    private_ok: bool,
    verdict: InputVerdict,
}

/// Inspects a chat or messages request, or with `fields` the named members of a plain end-point's.
pub fn inspect_input(
    doc: &Doc<'_>,
    fields: Option<&[String]>,
    checks: &Checks,
    private_ok: bool,
    engines: &Engines,
) -> InputVerdict {
    let options = scan_options(checks);
    let mut walk = Walk { doc, checks, engines, options, private_ok, verdict: InputVerdict::default() };
    match fields {
        Some(fields) => walk_fields(doc, fields, |c| walk.carrier(&c)),
        None => walk_request(doc, |c| walk.carrier(&c)),
    }
    walk.verdict
}

impl Walk<'_> {
    fn note(&mut self, carrier: &Carrier<'_>, check: Check, action: Action, label: &str, score: f32) {
        if action == Action::Block {
            self.verdict.blocked_by.get_or_insert(check);
        }
        if self.verdict.notices.len() < NOTICES_MAX {
            let path = self.doc.path_of(carrier.value);
            self.verdict.notices.push(Notice { check, action, label: label.to_owned(), path, score });
        }
    }

    fn carrier(&mut self, carrier: &Carrier<'_>) {
        let text = carrier.value.text();
        // What a model gave to a tool, and how tools are described, is fetched by nobody upstream.
        let fetched = !matches!(carrier.channel, Channel::ToolCall | Channel::ToolDefinition);
        if carrier.form == Form::Url && fetched && !self.private_ok && !is_public_url(&text) {
            self.note(carrier, Check::PrivateUrl, Action::Block, "private address", 1.0);
        }
        // The classifiers read what the model will read, and a credential never: it looks like encoded text to them,
        // and whatever is to be done about it is done by the check that knows it.
        let told = self.scan(carrier, &text);
        self.assess(carrier, told.as_deref().unwrap_or(&text));
        if self.checks.canary != Action::Off && has_canary(self.engines, &text) {
            self.note(carrier, Check::Canary, self.checks.canary, "canary", 1.0);
        }
    }

    /// Looks for personal data and credentials; the text without what is replaced or a credential, if there is any.
    fn scan(&mut self, carrier: &Carrier<'_>, text: &str) -> Option<String> {
        let found = read_whole(self.engines, self.options.as_ref()?, text);
        let (mut sent, mut told) = (Replacements::default(), Replacements::default());
        for Found { range, matched, fresh } in &found {
            let (check, action) = (check_of(matched), action_for(matched, self.checks));
            if *fresh || action == Action::Block {
                self.note(carrier, check, action, matched.label(), matched.score);
            }
            if action == Action::Redact {
                sent.add(range.clone(), matched);
            }
            if action == Action::Redact || check == Check::Secrets {
                told.add(range.clone(), matched);
            }
        }
        let all = 0..text.len();
        if !sent.is_empty() {
            self.verdict.edits.set_text(carrier.value, &sent.apply(text, &all));
        }
        (!told.is_empty()).then(|| told.apply(text, &all))
    }

    fn assess(&mut self, carrier: &Carrier<'_>, text: &str) {
        let Checks { injection, toxicity, .. } = *self.checks;
        if (injection, toxicity) == (Action::Off, Action::Off) || text.len() < ASSESSED_BYTES_MIN {
            return;
        }
        let seen = self.engines.assess(text, class_channel(carrier.channel));
        // Whoever writes the system prompt speaks with its authority: strong words there are noted, not refused.
        let injection = if carrier.channel == Channel::System { injection.min(Action::Flag) } else { injection };
        for (check, decision, action, score) in [
            (Check::Injection, seen.injection_decision, injection, seen.injection),
            (Check::Toxicity, seen.toxicity_decision, toxicity, seen.toxicity),
        ] {
            let action = decide(decision, action);
            if action != Action::Off {
                let strongest = seen.findings.iter().max_by(|a, b| a.score.total_cmp(&b.score));
                let label = match (check, strongest) {
                    (Check::Injection, Some(f)) if decision != Decision::Pass => f.rule,
                    (check, _) => check.as_str(),
                };
                self.note(carrier, check, action, label, score);
            }
        }
    }
}
