//! What every writer reads: checks, subjects, what was let through and what was not looked at.

use casemate_finding::{CheckResult, Finding, Fingerprint, Outcome, UnixMs, Verdict};
use serde::{Deserialize, Serialize};

/// A file or data set that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Name that check results use.
    pub name: String,
    /// Digest of the content, lower-case hex; `None` when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Bytes.
    pub size_bytes: u64,
    /// What it is by content, as `pickle`, `csv`, `text`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub format: String,
}

/// Something that was not looked at, or not all of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NotScanned {
    /// Where it is.
    pub path: String,
    /// Why, and what to do about it.
    pub reason: String,
}

/// A finding that somebody took responsibility for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// Who, until when, on what ground.
    pub justification: String,
    /// True for a comment in the scanned source, false for an exemption or baseline kept elsewhere.
    pub in_source: bool,
}

/// One run, in the shape that every writer reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Title for people, as `gate, stage deploy`.
    pub title: String,
    /// Version of Casemate that made it.
    pub tool_version: String,
    /// When the run began; absent where output must not depend on the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMs>,
    /// The verdict of the run.
    pub outcome: Outcome,
    /// What was looked at.
    pub subjects: Vec<Subject>,
    /// Every check, in the order of the run.
    pub checks: Vec<CheckResult>,
    /// What was let through, by whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressions: Vec<Suppression>,
    /// What was not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_scanned: Vec<NotScanned>,
    /// Sentences about the run as a whole, as an exemption that nothing used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Document {
    /// A document over `checks`; the outcome is the worst of them.
    pub fn new(title: impl Into<String>, tool_version: impl Into<String>, checks: Vec<CheckResult>) -> Self {
        let Verdict { outcome, checks } = Verdict::over(checks);
        Self {
            title: title.into(),
            tool_version: tool_version.into(),
            at: None,
            outcome,
            subjects: Vec::new(),
            checks,
            suppressions: Vec::new(),
            not_scanned: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Every finding with the check that made it, in order.
    pub fn findings(&self) -> impl Iterator<Item = (&CheckResult, &Finding)> {
        self.checks.iter().flat_map(|c| c.findings.iter().map(move |f| (c, f)))
    }

    /// Why this finding was let through, if it was.
    pub fn suppression(&self, fingerprint: &Fingerprint) -> Option<&Suppression> {
        self.suppressions.iter().find(|s| s.fingerprint == *fingerprint)
    }
}
