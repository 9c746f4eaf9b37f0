//! Alerts, from durable intake to their incident.

use casemate_finding::{Entity, Severity, UnixMs};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AlertId, Case, CaseId, Incident, IncidentId, Run, TenantId, TimelineEntry};

/// An alert as intake accepts it: raw first, so that it can be acknowledged before anything else is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewAlert {
    /// Whose alert.
    pub tenant: TenantId,
    /// Name of the source in the configuration, or `gateway` / `gate`.
    pub source: String,
    /// The source's own delivery id: the same id from the same source is one alert.
    #[serde(default)]
    pub delivery_id: Option<String>,
    /// SHA-256 of the content without its volatile fields, in hex: a second dedupe, within a window.
    pub content_hash: String,
    /// When it came in.
    pub received_at: UnixMs,
    /// What came in.
    pub raw: Value,
}

/// What intake did with one alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "id", rename_all = "snake_case")]
pub enum Ingested {
    /// Stored; durable when the call returns.
    New(AlertId),
    /// The same delivery, or the same content within the window, stands under this id.
    Duplicate(AlertId),
}

/// How far an alert has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// Durable, not yet looked at.
    Received,
    /// In an incident.
    Triaged,
    /// Could not be mapped; kept with the reason in the dead-letter list.
    Dead,
}

impl AlertState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Triaged => "triaged",
            Self::Dead => "dead",
        }
    }
}

/// An alert with what triage made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// What came in.
    #[serde(flatten)]
    pub intake: NewAlert,
    /// How far it has come.
    pub state: AlertState,
    /// Deliveries folded into it, itself included.
    pub count: u64,
    /// Last time the same alert came.
    pub last_seen_at: UnixMs,
    /// One line for people; empty until triaged.
    pub title: String,
    /// The source's rule.
    pub rule: String,
    /// How bad, re-scored by triage.
    pub severity: Severity,
    /// Who and what it is about.
    pub entities: Vec<Entity>,
    /// MITRE ATLAS technique ids.
    pub atlas: Vec<String>,
    /// The OCSF Detection Finding; null until triaged.
    pub ocsf: Value,
    /// The incident that it joined.
    pub incident: Option<IncidentId>,
    /// The case of that incident.
    pub case: Option<CaseId>,
}

/// Something that came in and could not be read as an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Row number.
    pub seq: i64,
    /// Which source.
    pub source: String,
    /// When.
    pub received_at: UnixMs,
    /// Which field, and why it was refused.
    pub reason: String,
    /// The first bytes of what came, lossily decoded and cut to a limit.
    pub excerpt: String,
}

/// What triage made of one alert; written in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Triaged {
    /// The alert, filled in.
    pub alert: Alert,
    /// Its incident as it is now.
    pub incident: Incident,
    /// What correlation must know of the incident after a restart; null keeps what stands.
    pub memory: Value,
    /// Its case as it is now.
    pub case: Case,
    /// Appended to the case's history.
    pub timeline: Vec<TimelineEntry>,
    /// Playbook runs that begin with it; those whose idempotency key is known are left as they are.
    pub runs: Vec<Run>,
}
