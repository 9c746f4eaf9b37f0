//! One walk over every text of a request.

use std::sync::Arc;

use casemate_classify::{Assessment, Decision};
use casemate_detect::ScanOptions;
use casemate_wire::Edits;
use casemate_wire::carrier::{Carrier, Channel, Form, walk_fields, walk_request};
use casemate_wire::json::Doc;

use super::doubt::{DOUBTS_MAX, Doubt};
use super::engines::{Engines, action_for, check_of, class_channel, decide, scan_options};
use super::known_texts::{Judged, TextKey};
use super::notice::{Check, Notice};
use super::readings::{Found, has_canary, read_whole};
use super::replacements::Replacements;
use super::turns::{Speaker, Turn, Turns};
use crate::address::is_public_url;
use crate::config::{About, Action, Checks, Defences, Direction};
use crate::feedback::{Corrected, Heeded};

/// Texts shorter than this are judged as fast as they are looked up.
const REMEMBERED_BYTES_MIN: usize = 16;
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
    /// What somebody is to be asked about.
    pub doubts: Vec<Doubt>,
    /// The history that it brings along, where the conversation is followed.
    pub turns: Vec<Turn>,
}

impl InputVerdict {
    pub(crate) fn note(&mut self, check: Check, action: Action, notice: impl FnOnce() -> Notice) {
        if action == Action::Block {
            self.blocked_by.get_or_insert(check);
        }
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(notice());
        }
    }
}

struct Walk<'a> {
    doc: &'a Doc<'a>,
    checks: &'a Checks,
    defences: &'a Defences,
    engines: &'a Engines,
    heeded: Option<Heeded<'a>>,
    /// Who asks: what was judged for one tenant is not known for another. None if nothing is remembered.
    tenant: Option<&'a str>,
    options: Option<ScanOptions>,
    private_ok: bool,
    turns: Option<Turns>,
    verdict: InputVerdict,
}

/// Inspects a chat or messages request, or with `fields` the named members of a plain end-point's.
pub fn inspect_input(
    doc: &Doc<'_>,
    fields: Option<&[String]>,
    (checks, defences): (&Checks, &Defences),
    private_ok: bool,
    (engines, tenant): (&Engines, Option<&str>),
    heeded: Option<Heeded<'_>>,
) -> InputVerdict {
    let options = scan_options(checks);
    let turns = (fields.is_none() && defences.conversation.is_some()).then(|| Turns::new(doc));
    let mut walk = Walk {
        doc,
        checks,
        defences,
        engines,
        heeded,
        tenant,
        options,
        private_ok,
        turns,
        verdict: InputVerdict::default(),
    };
    match fields {
        Some(fields) => walk_fields(doc, fields, |c| walk.carrier(&c)),
        None => walk_request(doc, |c| walk.carrier(&c)),
    }
    walk.verdict.turns = walk.turns.map(|t| t.turns).unwrap_or_default();
    walk.verdict
}

impl Walk<'_> {
    fn note(&mut self, carrier: &Carrier<'_>, check: Check, action: Action, label: &str, score: f32) {
        let path = || self.doc.path_of(carrier.value);
        self.verdict.note(check, action, || Notice { check, action, label: label.to_owned(), path: path(), score });
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
        let key = self.key(carrier, &text);
        let before = key.and_then(|key| self.engines.known().get(key));
        let judged = match &before {
            Some(judged) => judged.clone(),
            None => Arc::new(self.judge(carrier, &text)),
        };
        if let (Some(key), None) = (key, before) {
            self.engines.known().put(key, &judged);
        }
        let told = self.found(carrier, &text, judged.found.as_deref().unwrap_or_default());
        let told = told.as_deref().unwrap_or(&text);
        let seen = judged.assessment.as_ref();
        if let Some(seen) = seen {
            self.assessed(carrier, told, seen);
        }
        let speaker = match carrier.channel {
            Channel::User => Some(Speaker::User),
            Channel::Assistant => Some(Speaker::Assistant),
            _ => None,
        };
        if let (Some(turns), Some(speaker), Form::Text) = (&mut self.turns, speaker, carrier.form) {
            turns.take(carrier.value, speaker, told, seen.cloned());
        }
        self.own_checks(carrier, told);
        if self.checks.canary != Action::Off && has_canary(self.engines, &text) {
            self.note(carrier, Check::Canary, self.checks.canary, "canary", 1.0);
        }
    }

    /// Under what a judgement of the text is remembered, where it is worth it.
    fn key(&self, carrier: &Carrier<'_>, text: &str) -> Option<TextKey> {
        let looked_at = self.engines.known().is_on() && (self.options.is_some() || self.classifies());
        let tenant = self.tenant.filter(|_| looked_at && text.len() >= REMEMBERED_BYTES_MIN)?;
        Some(self.engines.known().key(tenant, carrier.channel, (self.checks, self.turns.is_some()), text))
    }

    /// True if somebody wants to know what the classifiers say.
    fn classifies(&self) -> bool {
        let Checks { injection, toxicity, .. } = *self.checks;
        (injection, toxicity) != (Action::Off, Action::Off) || self.turns.is_some()
    }

    /// Looks for personal data and credentials, and asks the classifiers about the text without them: all that rests on the
    /// text, its channel and the checks alone.
    fn judge(&self, carrier: &Carrier<'_>, text: &str) -> Judged {
        let found = self.options.as_ref().map(|options| read_whole(self.engines, options, text));
        let told = self.replacements(found.as_deref().unwrap_or_default()).1;
        let told = (!told.is_empty()).then(|| told.apply(text, &(0..text.len())));
        let told = told.as_deref().unwrap_or(text);
        let assessed = self.classifies() && told.len() >= ASSESSED_BYTES_MIN;
        let assessment = assessed.then(|| self.engines.assess(told, class_channel(carrier.channel)));
        Judged { found, assessment }
    }

    /// What is replaced on the way upstream, and what is before anybody else reads it.
    fn replacements(&self, found: &[Found]) -> (Replacements, Replacements) {
        let (mut sent, mut told) = (Replacements::default(), Replacements::default());
        for Found { range, matched, .. } in found {
            let redacts = action_for(matched, self.checks) == Action::Redact;
            if redacts {
                sent.add(range.clone(), matched);
            }
            if redacts || check_of(matched) == Check::Secrets {
                told.add(range.clone(), matched);
            }
        }
        (sent, told)
    }

    /// Takes what was found; the text without what is replaced or a credential, if there is any.
    fn found(&mut self, carrier: &Carrier<'_>, text: &str, found: &[Found]) -> Option<String> {
        for Found { matched, fresh, .. } in found {
            let (check, action) = (check_of(matched), action_for(matched, self.checks));
            if *fresh || action == Action::Block {
                self.note(carrier, check, action, matched.label(), matched.score);
            }
        }
        let (sent, told) = self.replacements(found);
        let all = 0..text.len();
        if !sent.is_empty() {
            self.verdict.edits.set_text(carrier.value, &sent.apply(text, &all));
        }
        (!told.is_empty()).then(|| told.apply(text, &all))
    }

    fn own_checks(&mut self, carrier: &Carrier<'_>, text: &str) {
        if text.len() < ASSESSED_BYTES_MIN {
            return;
        }
        for check in &self.defences.input_checks {
            if let Some(notice) = self.engines.own_check(check, (text, text.len()), &|| self.doc.path_of(carrier.value))
            {
                self.verdict.note(notice.check, notice.action, || notice);
            }
        }
    }

    /// Takes what the classifiers say, with what people said of texts like this one.
    fn assessed(&mut self, carrier: &Carrier<'_>, text: &str, seen: &Assessment) {
        let Checks { injection, toxicity, .. } = *self.checks;
        let channel = class_channel(carrier.channel);
        // Whoever writes the system prompt speaks with its authority: strong words there are noted, not refused.
        let injection = if carrier.channel == Channel::System { injection.min(Action::Flag) } else { injection };
        let asked = self.heeded.filter(|_| injection != Action::Off);
        let corrected = asked.map_or(
            Corrected { score: seen.injection, decision: seen.injection_decision, judged: false },
            |heeded| {
                heeded.correct(self.engines.classifier(), text, channel, (seen.injection, seen.injection_decision))
            },
        );
        for (check, about, decision, action, score) in [
            (Check::Injection, About::Injection, corrected.decision, injection, corrected.score),
            (Check::Toxicity, About::Toxicity, seen.toxicity_decision, toxicity, seen.toxicity),
        ] {
            let judged = check == Check::Injection && corrected.judged;
            let strongest = || seen.findings.iter().max_by(|a, b| a.score.total_cmp(&b.score));
            let label = || match (check, strongest()) {
                _ if judged => "feedback/attack",
                (Check::Injection, Some(f)) if decision != Decision::Pass => f.rule,
                (check, _) => check.as_str(),
            };
            if action != Action::Off && !judged && self.defences.doubts(Direction::Input, about, score) {
                let text = (self.verdict.doubts.len() < DOUBTS_MAX).then(|| text.to_owned());
                let (label, path) = (label().to_owned(), self.doc.path_of(carrier.value));
                self.verdict.doubts.push(Doubt { text, channel, about, score, decision, action, label, path });
                continue;
            }
            let action = decide(decision, action);
            if action != Action::Off {
                self.note(carrier, check, action, label(), score);
            }
        }
    }
}
