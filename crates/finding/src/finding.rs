//! One thing that a check saw.

use serde::{Deserialize, Serialize};

use crate::{Reference, Severity, Span};

/// Names one finding across runs, so that a baseline or an exemption can speak of it. Made by the check from what does
/// not change when lines move: rule, subject and a keyed hash of the value; never from the value in the clear.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// Where a finding is. All parts are optional: a column has no line, a stream has no path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// File, or member of an archive as `outer.zip!/inner.pkl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Column, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// Name of a table's column or of a JSON field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Bytes in the file or text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// One thing that a check saw, in the shape that every report writer reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable id of the rule, as `pii/credit-card` or `artifact/pickle-dangerous-call`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence for people; holds no secret or personal value in the clear.
    pub message: String,
    /// Where it is.
    pub location: Location,
    /// What was seen, masked where it is personal or secret.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// Calibrated probability that the finding is true, 0 to 1.
    pub score: f32,
    /// Names it across runs.
    pub fingerprint: Fingerprint,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// Public ids that it maps to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}
