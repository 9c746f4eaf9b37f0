//! Counts by outcome and severity.

use casemate_finding::{Outcome, Severity};
use serde::Serialize;

use crate::Document;

/// How many checks came to what, and how many findings of each severity there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Checks that hold the pipeline.
    pub blocked: usize,
    /// Checks that failed themselves.
    pub errors: usize,
    /// Checks that could not look at all of it, or had too little to judge by.
    pub incomplete: usize,
    /// Checks that found something that does not hold the pipeline.
    pub warned: usize,
    /// Checks whose findings are all exempted.
    pub exempted: usize,
    /// Checks that found nothing.
    pub passed: usize,
    /// Findings of severity critical.
    pub critical: usize,
    /// Findings of severity high.
    pub high: usize,
    /// Findings of severity medium.
    pub medium: usize,
    /// Findings of severity low.
    pub low: usize,
    /// Findings of severity info.
    pub info: usize,
}

impl Tally {
    /// Counts `document`; suppressed findings count too.
    pub fn of(document: &Document) -> Self {
        let mut tally = Self::default();
        for check in &document.checks {
            *match check.outcome {
                Outcome::Block => &mut tally.blocked,
                Outcome::Error => &mut tally.errors,
                Outcome::NotScanned | Outcome::Insufficient => &mut tally.incomplete,
                Outcome::Warn => &mut tally.warned,
                Outcome::Exempted => &mut tally.exempted,
                Outcome::Pass => &mut tally.passed,
            } += 1;
        }
        for (_, finding) in document.findings() {
            *match finding.severity {
                Severity::Critical => &mut tally.critical,
                Severity::High => &mut tally.high,
                Severity::Medium => &mut tally.medium,
                Severity::Low => &mut tally.low,
                Severity::Info => &mut tally.info,
            } += 1;
        }
        tally
    }

    /// Findings of any severity.
    pub const fn findings(&self) -> usize {
        self.critical + self.high + self.medium + self.low + self.info
    }

    /// `2 checks blocked, 1 incomplete, 3 passed`; parts that are zero are left out.
    pub fn checks_sentence(&self) -> String {
        join(&[
            (self.blocked, "blocked"),
            (self.errors, "failed to run"),
            (self.incomplete, "incomplete"),
            (self.warned, "warned"),
            (self.exempted, "exempted"),
            (self.passed, "passed"),
        ])
        .map_or_else(|| "no check ran".to_owned(), |parts| format!("checks: {parts}"))
    }

    /// `1 critical, 4 low`; `no findings` when there are none.
    pub fn findings_sentence(&self) -> String {
        join(&[
            (self.critical, "critical"),
            (self.high, "high"),
            (self.medium, "medium"),
            (self.low, "low"),
            (self.info, "info"),
        ])
        .map_or_else(|| "no findings".to_owned(), |parts| format!("findings: {parts}"))
    }
}

fn join(parts: &[(usize, &str)]) -> Option<String> {
    let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}
