//! The engine: all rules compiled together, and the passes of one scan.

mod anchors;
mod compile;
mod deep;
mod masks;
mod numbers;
mod pass;
mod resolve;
mod score;
mod tail;
mod words;

use std::sync::{Arc, LazyLock};

pub(crate) use pass::Pass;
pub(crate) use resolve::{Candidate, Fold};
pub(crate) use tail::TailState;
pub(crate) use words::{Fnv, Hit};

use crate::{Kinds, Match, OperatingPoint, Rule, RuleSet, ScanOptions, StreamScanner, rule::Finder};

/// Longest text scanned in one piece; longer ones go through a [`StreamScanner`], with the same result.
const ONE_SHOT_MAX: usize = 32 << 20;
const PIECE_BYTES: usize = 4 << 20;

/// All rules, compiled together.
#[derive(Debug)]
pub struct Engine {
    pub(crate) rules: Vec<Arc<Rule>>,
    pub(crate) words: words::Words,
    pub(crate) masks: masks::MaskTrie,
    /// Rules by length of a plain run.
    pub(crate) runs: Vec<Vec<u16>>,
    /// Rules by recogniser.
    pub(crate) finders: Vec<(Finder, u16)>,
}

impl Engine {
    /// The engine with the built-in rules, compiled on first use.
    ///
    /// # Panics
    /// Never in a released build: this crate's tests compile the built-in rules.
    pub fn builtin() -> &'static Self {
        static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
            let set = RuleSet::builtin().expect("the built-in rule files parse: tested");
            Engine::compile(set).expect("the built-in rules compile: tested")
        });
        &ENGINE
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Finds everything in `text` that scores at least `options.min_score`, in order, without overlaps.
    pub fn scan(&self, text: &str, options: &ScanOptions) -> Vec<Match> {
        if text.len() > ONE_SHOT_MAX {
            return self.scan_in_pieces(text, options);
        }
        let mut candidates = Vec::new();
        Pass::new(self, text, options).run(&mut candidates);
        candidates.sort_unstable_by(Candidate::order);
        let mut fold = Fold::default();
        let mut matches = Vec::new();
        for candidate in candidates {
            if let Some(done) = fold.push(candidate) {
                self.accept(&done, text, 0, options, &mut matches);
            }
        }
        if let Some(done) = fold.finish() {
            self.accept(&done, text, 0, options, &mut matches);
        }
        matches
    }

    fn scan_in_pieces(&self, text: &str, options: &ScanOptions) -> Vec<Match> {
        let mut scanner = StreamScanner::new(self, options.clone());
        let mut matches = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES.min(rest.len())));
            matches.extend(scanner.push(piece).matches);
            rest = after;
        }
        matches.extend(scanner.finish().matches);
        matches
    }

    /// Turns a resolved candidate into a match, if nothing allows its value. `offset` is where `text` begins.
    pub(crate) fn accept(
        &self,
        candidate: &Candidate,
        text: &str,
        offset: usize,
        options: &ScanOptions,
        out: &mut Vec<Match>,
    ) {
        let rule = &self.rules[usize::from(candidate.rule)];
        let score = score::promised(rule.kind, candidate.score);
        if score < options.min_score {
            return;
        }
        if !options.allow_values.is_empty()
            && text.get(candidate.start..candidate.end).is_some_and(|value| options.allow_values.contains(value))
        {
            return;
        }
        out.push(Match {
            rule: Arc::clone(rule),
            kind: rule.kind,
            span: casemate_finding::Span::new(offset + candidate.start, offset + candidate.end),
            score,
        });
    }
}

impl Engine {
    /// Runs a rule's examples (which must be found at the report operating point) and its counterexamples (which must
    /// not be found at the redact one); says of each that fails why. Empty if all pass.
    pub fn test_rule(&self, rule: &Rule) -> Vec<String> {
        let mut failures = Vec::new();
        for (list, expected) in [(rule.spec.examples(), true), (rule.spec.counterexamples(), false)] {
            let point = if expected { OperatingPoint::Report } else { OperatingPoint::Redact };
            let options = ScanOptions::new(Kinds::ALL, point);
            for (i, template) in list.iter().enumerate() {
                let text = crate::render_example(template, rule.id.len() as u64 * 1_000 + i as u64 + 1);
                let found = self.scan(&text, &options);
                if found.iter().any(|m| m.rule.id == rule.id) == expected {
                    continue;
                }
                let seen: Vec<String> = found.iter().map(|m| format!("{} {:.2}", m.rule.id, m.score)).collect();
                let wanted = if expected { "is not found" } else { "is found" };
                failures.push(format!("{}: `{text}` {wanted} (found: {})", rule.id, seen.join(", ")));
            }
        }
        failures
    }
}
