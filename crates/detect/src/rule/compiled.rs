//! A rule ready to be applied.

use std::sync::{Arc, OnceLock};

use casemate_finding::Severity;
use regex::bytes::Regex;

use super::{Finder, OnFail, Pattern, RuleSpec};
use crate::{Kind, validate::Validator};

/// A set of word ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordSet(Vec<u64>);

impl WordSet {
    pub(crate) fn insert(&mut self, word: u16) {
        let slot = usize::from(word) / 64;
        if self.0.len() <= slot {
            self.0.resize(slot + 1, 0);
        }
        self.0[slot] |= 1 << (word % 64);
    }

    #[inline]
    pub(crate) fn has(&self, word: u16) -> bool {
        self.0.get(usize::from(word) / 64).is_some_and(|bits| bits >> (word % 64) & 1 == 1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }

    pub(crate) fn intersects(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

/// How a rule matches, beyond masks and finders (which the engine's tables hold).
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    pub(crate) tokens: Vec<Pattern>,
    pub(crate) values: Arc<[Pattern]>,
    pub(crate) regex: Option<(String, OnceLock<Option<Regex>>)>,
    pub(crate) window: [usize; 2],
}

/// A rule ready to be applied.
#[derive(Debug)]
pub struct Rule {
    /// Stable id, as `pii/us-ssn`.
    pub id: String,
    /// Label of its matches.
    pub label: String,
    /// Family.
    pub kind: Kind,
    /// How bad a find is.
    pub severity: Severity,
    /// The rule as written.
    pub spec: RuleSpec,
    pub(crate) find: Option<Finder>,
    pub(crate) matcher: Matcher,
    pub(crate) validator: Option<&'static Validator>,
    pub(crate) on_fail: OnFail,
    /// Logits.
    pub(crate) prior: f32,
    pub(crate) prior_bare: f32,
    pub(crate) context: WordSet,
    pub(crate) against: WordSet,
    pub(crate) needs_context: bool,
    pub(crate) rarity: f32,
    /// Index of the rule that must match near by.
    pub(crate) requires: Option<u16>,
}

impl Rule {
    /// Says in a few lines how the rule works: what it matches, checks and weighs.
    pub fn explain(&self) -> String {
        use std::fmt::Write as _;
        let spec = &self.spec;
        let mut out = format!("{}: {} ({}, {})\n", self.id, spec.name, self.kind.as_str(), self.label);
        let mut line = |name: &str, items: &[String]| {
            if !items.is_empty() {
                let _ = writeln!(out, "  {name}: {}", items.join(", "));
            }
        };
        line("written as", &spec.masks);
        line("or plainly as", &spec.bare);
        line("tokens", &spec.tokens);
        line("announced by", &spec.services);
        line("values", spec.values());
        line("keywords", &spec.keywords);
        line("words for it", &spec.context);
        line("words against it", &spec.against);
        if !spec.runs.is_empty() {
            let _ = writeln!(out, "  runs of letters and digits of length: {:?}", spec.runs);
        }
        if let Some(find) = spec.find {
            let _ = writeln!(out, "  recogniser: {find:?}");
        }
        if let Some(regex) = &spec.regex {
            let _ = writeln!(out, "  regex: {regex}");
        }
        if let Some(check) = &spec.validate {
            let _ = writeln!(
                out,
                "  check: {check}, a failure {}",
                match spec.on_fail {
                    OnFail::Drop => "drops the candidate",
                    OnFail::Lower => "lowers the score",
                }
            );
        }
        let _ = writeln!(out, "  probability without context: {}", spec.prior);
        if let Some(prior) = spec.prior_bare {
            let _ = writeln!(out, "  the same where it is written plainly: {prior}");
        }
        if let Some(other) = &spec.requires {
            let _ = writeln!(out, "  blocks only near a match of: {other}");
        }
        if spec.needs_context {
            let _ = writeln!(out, "  never reported without a context word");
        }
        // Templates stay templates: an example written out would look like a secret.
        for (name, list) in [("finds", spec.examples()), ("passes over", spec.counterexamples())] {
            for example in list.iter() {
                let _ = writeln!(out, "  {name}: {}", example.escape_debug());
            }
        }
        out
    }
}
