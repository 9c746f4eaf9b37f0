//! What gateway and gate say to response: the payload of an event in the store.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Entity, Severity};

/// A detection that is worth an alert. Prompts, personal data and secrets are never in it in the clear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Stable id of the detector, as `gateway/surge`, `gateway/key-stuffing`, `gateway/injection`,
    /// `gateway/secret-in-output`, `gateway/decoy-key`, `gate/model-artifact`, `gate/pii`.
    pub rule: String,
    /// One line for people.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Calibrated probability that it is true, 0 to 1.
    pub confidence: f64,
    /// Who and what it is about.
    pub entities: Vec<Entity>,
    /// MITRE ATLAS technique ids.
    #[serde(default)]
    pub atlas: Vec<String>,
    /// The numbers it rests on (baseline, observed, window, counts, samples masked).
    #[serde(default)]
    pub details: Value,
}
