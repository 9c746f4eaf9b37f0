//! The verdict of a run, and the exit code that it means.

use casemate_finding::{CheckResult, Outcome, UnixMs, Verdict};
use casemate_report::{Document, NotScanned, Subject, Suppression};
use serde::{Deserialize, Serialize};

use crate::{ExemptionUse, GateConfig, Incomplete, Mode, Stage};

/// Names the shape of the verdict as JSON.
pub const GATE_VERDICT_SCHEMA: &str = "casemate/gate-verdict/v1";

/// A subject as it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectRecord {
    /// Path as reports name it.
    pub path: String,
    /// What the registry calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SHA-256 of the content, lower-case hex; `None` when it could not be read.
    pub sha256: Option<String>,
    /// Bytes.
    pub size_bytes: u64,
    /// What the content is.
    pub format: String,
}

/// One check with the mode it ran in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GatedCheck {
    /// What it came to.
    #[serde(flatten)]
    pub result: CheckResult,
    /// The mode that counted.
    pub mode: Mode,
    /// What it would have come to if enforced.
    pub raw: Outcome,
}

/// The verdict of one run of the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateVerdict {
    /// [`GATE_VERDICT_SCHEMA`].
    pub schema: String,
    /// Stage of the pipeline.
    pub stage: Stage,
    /// When the run began.
    pub at: UnixMs,
    /// The worst outcome that counts; a check that failed counts as `block`.
    pub outcome: Outcome,
    /// What was looked at.
    pub subjects: Vec<SubjectRecord>,
    /// Every check on every subject.
    pub checks: Vec<GatedCheck>,
    /// Every use of an exemption.
    pub exemptions_used: Vec<ExemptionUse>,
    /// Exemptions that nothing used, by id.
    pub exemptions_unused: Vec<String>,
    /// What was not looked at.
    pub not_scanned: Vec<NotScanned>,
    /// Sentences about the run.
    pub notes: Vec<String>,
}

impl GateVerdict {
    /// The worst outcome among `checks`. Audited ones do not count. A failed check, no check and no subject all block.
    pub(crate) fn worst(checks: &[GatedCheck]) -> Outcome {
        let counted = checks.iter().filter(|c| c.mode != Mode::Audit).map(|c| c.result.clone()).collect();
        match Verdict::over(counted).outcome {
            Outcome::Error => Outcome::Block,
            outcome => outcome,
        }
    }

    /// Exit code: 0 go on, 10 warnings when asked for, 20 blocked, 30 incomplete when configured.
    pub const fn exit_code(&self, config: &GateConfig) -> u8 {
        match self.outcome {
            Outcome::Block | Outcome::Error => 20,
            Outcome::NotScanned | Outcome::Insufficient => match config.incomplete {
                Incomplete::Hold => 30,
                Incomplete::Allow => 0,
            },
            Outcome::Warn if config.warn_exit => 10,
            Outcome::Warn | Outcome::Exempted | Outcome::Pass => 0,
        }
    }

    /// The verdict as JSON that ends with a line feed; the same verdict gives the same bytes.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("no map with keys other than strings is in a verdict");
        text.push('\n');
        text
    }

    /// The verdict in the shape that the writers of tables, SARIF, JUnit and Markdown read.
    pub fn document(&self, tool_version: &str) -> Document {
        let results = self.checks.iter().map(|c| c.result.clone()).collect();
        let mut document = Document::new(format!("gate, stage {}", self.stage), tool_version, results);
        document.outcome = self.outcome;
        document.at = Some(self.at);
        document.subjects = self
            .subjects
            .iter()
            .map(|s| Subject {
                name: s.path.clone(),
                sha256: s.sha256.clone(),
                size_bytes: s.size_bytes,
                format: s.format.clone(),
            })
            .collect();
        document.suppressions = self
            .exemptions_used
            .iter()
            .map(|u| Suppression {
                fingerprint: u.fingerprint.clone(),
                justification: format!(
                    "{} of {}, approved by {}, until {}: {} ({})",
                    u.exemption,
                    u.owner,
                    u.approvers.join(" and "),
                    u.expires,
                    u.reason,
                    u.ticket
                ),
                in_source: false,
            })
            .collect();
        document.not_scanned.clone_from(&self.not_scanned);
        document.notes.clone_from(&self.notes);
        let unused = self.exemptions_unused.iter().map(|id| format!("exemption {id} was not used"));
        document.notes.extend(unused);
        document
    }
}
