//! What a check, and a whole run of checks, came to.

use serde::{Deserialize, Serialize};

use crate::Finding;

/// Outcome of one check, ordered by how much it holds up: the verdict of a run is the worst of its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Looked at all of it, found nothing.
    Pass,
    /// Found something that an exemption covers.
    Exempted,
    /// Found something that does not hold the pipeline.
    Warn,
    /// There was too little to judge by.
    Insufficient,
    /// Could not look at all of it: never the same as clean.
    NotScanned,
    /// The check itself failed.
    Error,
    /// Found something that holds the pipeline.
    Block,
}

impl Outcome {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Exempted => "exempted",
            Self::Warn => "warn",
            Self::Insufficient => "insufficient",
            Self::NotScanned => "not_scanned",
            Self::Error => "error",
            Self::Block => "block",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one check said of one subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Id of the check, as `model-artifact`.
    pub check: String,
    /// What it looked at.
    pub subject: String,
    /// What it came to.
    pub outcome: Outcome,
    /// One sentence: why this outcome.
    pub reason: String,
    /// What it saw.
    pub findings: Vec<Finding>,
}

/// The worst outcome of a run, with all that led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst outcome among the checks.
    pub outcome: Outcome,
    /// Every check that ran, in the order of the registry.
    pub checks: Vec<CheckResult>,
}

impl Verdict {
    /// The verdict over `checks`. No check at all is not a pass: it is `block`, since nothing was looked at.
    pub fn over(checks: Vec<CheckResult>) -> Self {
        let outcome = checks.iter().map(|c| c.outcome).max().unwrap_or(Outcome::Block);
        Self { outcome, checks }
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckResult, Outcome, Verdict};

    fn check(outcome: Outcome) -> CheckResult {
        CheckResult { check: "c".into(), subject: "s".into(), outcome, reason: String::new(), findings: vec![] }
    }

    #[test]
    fn the_worst_check_decides_and_nothing_is_not_a_pass() {
        assert_eq!(Verdict::over(vec![]).outcome, Outcome::Block);
        assert_eq!(Verdict::over(vec![check(Outcome::Pass)]).outcome, Outcome::Pass);
        assert_eq!(
            Verdict::over(vec![check(Outcome::Warn), check(Outcome::NotScanned), check(Outcome::Pass)]).outcome,
            Outcome::NotScanned
        );
    }
}
