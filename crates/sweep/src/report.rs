//! What a whole scan came to.

use std::collections::{BTreeMap, HashSet};

use casemate_artifact::FileReport;
use casemate_finding::{CheckResult, Finding, Fingerprint, Outcome};
use casemate_report::{Document, NotScanned, Suppression};
use serde::Serialize;

use crate::{ColumnHits, ScanPlan};

/// Numbers of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Files and blobs looked at.
    pub files: u64,
    /// Bytes of them on disk.
    pub bytes: u64,
    /// Bytes of text and cells that the detectors saw.
    pub text_bytes: u64,
    /// Findings that are counted but not listed.
    pub hidden: u64,
}

/// What a whole scan came to.
#[derive(Clone, Debug, Default)]
pub struct ScanReport {
    /// Everything found, in order of path and place.
    pub findings: Vec<Finding>,
    /// What is wrong with the form of tables.
    pub form: Vec<Finding>,
    /// What was let through, by a comment or the baseline.
    pub suppressions: Vec<Suppression>,
    /// What was not looked at, with the reason.
    pub not_scanned: Vec<NotScanned>,
    /// What each rule found in each column, with the path of the table.
    pub columns: Vec<(String, ColumnHits)>,
    /// The model scanner's own reports.
    pub models: Vec<FileReport>,
    /// Sentences about what was read with reservations.
    pub notes: Vec<String>,
    /// Numbers.
    pub totals: Totals,
    /// Files without text that were passed over, by what they are.
    pub binaries: BTreeMap<&'static str, u64>,
}

impl ScanReport {
    /// Findings that nothing lets through.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        let known: HashSet<&Fingerprint> = self.suppressions.iter().map(|s| &s.fingerprint).collect();
        self.findings.iter().filter(move |f| !known.contains(&f.fingerprint))
    }

    /// Puts everything in order, whatever order the threads worked in, and applies the baseline.
    pub(crate) fn settle(&mut self, plan: &ScanPlan) {
        self.not_scanned.sort_unstable();
        self.not_scanned.dedup();
        self.notes.sort_unstable();
        if let Some(baseline) = &plan.baseline {
            let known = self.findings.iter().filter(|f| baseline.knows(f));
            let mut suppressions: Vec<Suppression> = known
                .map(|f| Suppression {
                    fingerprint: f.fingerprint.clone(),
                    justification: "in the baseline".to_owned(),
                    in_source: false,
                })
                .collect();
            suppressions.dedup();
            let gone = baseline.gone(&self.findings);
            self.suppressions.append(&mut suppressions);
            if gone > 0 {
                self.notes
                    .push(format!("{gone} of {} findings of the baseline are gone; write it again", baseline.len()));
            }
        }
        let mut seen = HashSet::new();
        self.suppressions.retain(|s| seen.insert(s.fingerprint.clone()));
        if !self.binaries.is_empty() {
            let kinds: Vec<String> = self.binaries.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
            self.notes
                .push(format!("files without text, not read for personal data and secrets: {}", kinds.join(", ")));
        }
        if self.totals.hidden > 0 {
            self.notes.push(format!("{} findings are counted but not listed", self.totals.hidden));
        }
    }

    /// The report in the shape that the writers read: one check for each kind that was looked for. A check with an open
    /// finding blocks; one without is incomplete where something was not looked at.
    pub fn document(&self, plan: &ScanPlan, tool_version: &str) -> Document {
        let open: HashSet<&Fingerprint> = self.open().map(|f| &f.fingerprint).collect();
        let kinds = [
            ("pii", plan.kinds.pii, "pii/"),
            ("secrets", plan.kinds.secrets, "secret/"),
            ("models", plan.kinds.models, "artifact/"),
        ];
        let subject =
            if plan.targets.len() == 1 { "1 target".to_owned() } else { format!("{} targets", plan.targets.len()) };
        let mut checks = Vec::new();
        for (check, _, prefix) in kinds.iter().filter(|k| k.1) {
            let findings: Vec<Finding> = self.findings.iter().filter(|f| f.rule.starts_with(prefix)).cloned().collect();
            let held = findings.iter().filter(|f| open.contains(&f.fingerprint)).count();
            let (outcome, reason) = if held > 0 {
                (Outcome::Block, format!("{held} findings"))
            } else if !self.not_scanned.is_empty() {
                (Outcome::NotScanned, format!("nothing found, but {} items were not looked at", self.not_scanned.len()))
            } else if self.totals.files == 0 {
                (Outcome::Insufficient, "there was no file to look at".to_owned())
            } else if findings.is_empty() {
                (Outcome::Pass, format!("nothing found in {} files", self.totals.files))
            } else {
                (Outcome::Exempted, format!("{} findings, all known or allowed", findings.len()))
            };
            checks.push(CheckResult {
                check: (*check).to_owned(),
                subject: subject.clone(),
                outcome,
                reason,
                findings,
            });
        }
        let mut document = Document::new("scan", tool_version, checks);
        document.suppressions.clone_from(&self.suppressions);
        document.not_scanned.clone_from(&self.not_scanned);
        document.notes.clone_from(&self.notes);
        document
    }
}
