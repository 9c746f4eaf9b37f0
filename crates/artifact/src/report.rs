//! What the scanner says of one file.

use casemate_finding::{Finding, Fingerprint, Location, Reference, Severity, Span, Taxonomy};
use serde::{Deserialize, Serialize};

use crate::rules::RULES;

/// What a file can do when it is loaded, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ArtifactSeverity {
    /// Holds values only.
    Data,
    /// Calls only known constructors with arguments of the known shape.
    Allowed,
    /// Calls or names something that nobody vouched for.
    Review,
    /// Does what no data file needs to do.
    Suspicious,
    /// Runs code, reads or writes files, or reaches the network when it is loaded.
    Dangerous,
}

impl ArtifactSeverity {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Allowed => "allowed",
            Self::Review => "review",
            Self::Suspicious => "suspicious",
            Self::Dangerous => "dangerous",
        }
    }

    /// The severity in the words that all parts share.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Data | Self::Allowed => Severity::Info,
            Self::Review => Severity::Medium,
            Self::Suspicious => Severity::High,
            Self::Dangerous => Severity::Critical,
        }
    }
}

impl std::fmt::Display for ArtifactSeverity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing seen in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFinding {
    /// Stable id, as `artifact/pickle-dangerous-call`; see [`RULES`].
    pub rule: String,
    /// How bad it is.
    pub severity: ArtifactSeverity,
    /// One sentence for people.
    pub message: String,
    /// Byte in the file, or in the member when `member` is not empty.
    pub offset: u64,
    /// What was seen, as a pseudo-call or a value, cut to a few hundred characters.
    pub evidence: String,
    /// Public ids: `AML.…`, `CVE-…`, `GHSA-…`, `CWE-…`.
    pub references: Vec<String>,
    /// Path inside the file, as `archive/data.pkl`; empty for the file itself. Members of members are joined by `!/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub member: String,
}

/// One node of what was inside what; index 0 is the file itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    /// Path inside the file, empty for the file itself.
    pub member: String,
    /// Format by content.
    pub format: String,
    /// Bytes after decompression, where known.
    pub size_bytes: u64,
    /// Index of the container, in the same list; `None` for the file itself.
    pub parent: Option<usize>,
    /// Worst severity found in this node itself.
    pub severity: ArtifactSeverity,
}

/// What the scanner says of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// The path as it was given.
    pub path: String,
    /// Digest of the whole file, lower-case hex.
    pub sha256: String,
    /// Format by content, as `pickle`, `torch-zip`, `safetensors`; `unknown` where nothing matched.
    pub format: String,
    /// The worst that was found.
    pub severity: ArtifactSeverity,
    /// False when some part was not looked at; such a report is never clean.
    pub complete: bool,
    /// True when the structure says two different things to two readers.
    pub tampered: bool,
    /// What was found, in order of place.
    pub findings: Vec<ArtifactFinding>,
    /// Why the report is incomplete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete_reasons: Vec<String>,
    /// What was inside what.
    #[serde(skip)]
    pub tree: Vec<TreeNode>,
    /// Bytes in the file.
    #[serde(skip)]
    pub size_bytes: u64,
}

/// The document that `casemate scan --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanDocument {
    /// One report for each file, in the order of the scan.
    pub files: Vec<FileReport>,
}

impl FileReport {
    /// True when nothing speaks against loading: data or known constructors, all of it read, no tampering.
    pub fn is_clean(&self) -> bool {
        self.severity <= ArtifactSeverity::Allowed && self.complete && !self.tampered
    }

    /// True when the file should be held: suspicious or worse, or tampered with.
    pub fn is_blocked(&self) -> bool {
        self.severity >= ArtifactSeverity::Suspicious || self.tampered
    }

    /// The findings in the shape that every report writer reads; an incomplete scan adds one finding for each reason.
    pub fn to_findings(&self) -> Vec<Finding> {
        let mut out: Vec<Finding> = self.findings.iter().map(|f| self.convert(f)).collect();
        for reason in &self.incomplete_reasons {
            out.push(self.convert(&ArtifactFinding {
                rule: "artifact/incomplete".into(),
                severity: ArtifactSeverity::Review,
                message: format!("not all of the file could be read: {reason}"),
                offset: 0,
                evidence: String::new(),
                references: Vec::new(),
                member: String::new(),
            }));
        }
        out
    }

    fn convert(&self, f: &ArtifactFinding) -> Finding {
        let path = if f.member.is_empty() { self.path.clone() } else { format!("{}!/{}", self.path, f.member) };
        let at = usize::try_from(f.offset).unwrap_or(usize::MAX);
        let rule = RULES.iter().find(|r| r.id == f.rule);
        Finding {
            rule: f.rule.clone(),
            severity: f.severity.severity(),
            message: f.message.clone(),
            location: Location { path: Some(path), span: Some(Span::new(at, at)), ..Location::default() },
            evidence: f.evidence.clone(),
            score: match f.severity {
                ArtifactSeverity::Dangerous => 0.99,
                ArtifactSeverity::Suspicious => 0.9,
                _ => 0.5,
            },
            fingerprint: Fingerprint(format!("{}:{}:{}:{}", f.rule, self.sha256, f.member, f.offset)),
            remedy: rule.map(|r| r.remedy.to_owned()).unwrap_or_default(),
            references: f.references.iter().map(|id| Reference::new(taxonomy(id), id.clone())).collect(),
        }
    }
}

fn taxonomy(id: &str) -> Taxonomy {
    if id.starts_with("AML.") {
        Taxonomy::Atlas
    } else if id.starts_with("CWE-") {
        Taxonomy::Cwe
    } else if id.starts_with("http") {
        Taxonomy::Url
    } else {
        Taxonomy::Vulnerability
    }
}
