//! What the gate says to response when it holds something.

use casemate_finding::{Outcome, Severity, Signal, Taxonomy};
use serde_json::json;

use crate::{GateVerdict, GatedCheck, Mode, Subject};

/// Findings that a signal carries.
const FINDINGS_MAX: usize = 10;

impl GateVerdict {
    /// One signal for each check that holds the pipeline, for the store. `subjects` are those of the run, in order.
    pub fn signals(&self, subjects: &[Subject]) -> Vec<Signal> {
        let holding = self
            .checks
            .iter()
            .filter(|c| c.mode != Mode::Audit && matches!(c.result.outcome, Outcome::Block | Outcome::Error));
        holding.map(|c| self.signal(c, subjects)).collect()
    }

    fn signal(&self, check: &GatedCheck, subjects: &[Subject]) -> Signal {
        let result = &check.result;
        let subject = subjects.iter().find(|s| s.shown() == result.subject);
        let record = self.subjects.iter().find(|s| s.path == result.subject);
        let sha256 = record.and_then(|r| r.sha256.as_deref());
        let entities = subject.map(|s| s.entities(sha256)).unwrap_or_default();
        let severity = result.findings.iter().map(|f| f.severity).max().unwrap_or(Severity::High);
        let score = result.findings.iter().filter(|f| f.severity == severity).map(|f| f.score).fold(0.0, f32::max);
        let mut worst: Vec<_> = result.findings.iter().collect();
        worst.sort_by_key(|f| std::cmp::Reverse(f.severity));
        let mut atlas: Vec<String> = worst
            .iter()
            .flat_map(|f| &f.references)
            .filter(|r| r.taxonomy == Taxonomy::Atlas)
            .map(|r| r.id.clone())
            .collect();
        atlas.sort_unstable();
        atlas.dedup();
        let name = subject.and_then(|s| s.name.clone()).unwrap_or_else(|| result.subject.clone());
        let findings: Vec<_> = worst
            .iter()
            .take(FINDINGS_MAX)
            .map(|f| json!({"rule": f.rule, "severity": f.severity, "message": f.message, "evidence": f.evidence}))
            .collect();
        Signal {
            rule: format!("gate/{}", result.check),
            title: format!("{name} was held by {} at {}: {}", result.check, self.stage, result.reason),
            severity,
            // A check that failed says nothing of the subject: it was held because nobody could look.
            confidence: if result.outcome == Outcome::Error { 0.5 } else { f64::from(score) },
            entities,
            atlas,
            details: json!({
                "stage": self.stage,
                "outcome": result.outcome,
                "subject": result.subject,
                "sha256": sha256,
                "findings_total": result.findings.len(),
                "findings": findings,
            }),
        }
    }
}
