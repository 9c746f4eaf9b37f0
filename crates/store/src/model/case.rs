//! Incidents (alerts that belong together) and cases (what people and playbooks work on).

use casemate_finding::{Entity, Severity, UnixMs};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CaseId, IncidentId, TenantId};

/// Alerts that share entities within a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: IncidentId,
    /// Whose.
    pub tenant: TenantId,
    /// What correlation keys on.
    pub fingerprint: String,
    /// Alerts in it.
    pub alerts: u64,
    /// First alert.
    pub first_at: UnixMs,
    /// Last alert.
    pub last_at: UnixMs,
    /// Closed incidents take no more alerts.
    pub closed: bool,
    /// Its case.
    pub case: CaseId,
}

/// How far a case has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Nobody and nothing works on it yet.
    Open,
    /// A playbook or a person works on it.
    Working,
    /// Waits for a decision of people.
    Waiting,
    /// Handed off: the playbook did its part, people have the package.
    HandedOff,
    /// Closed with a verdict.
    Closed,
}

impl CaseState {
    /// Every state, in order.
    pub const ALL: [Self; 5] = [Self::Open, Self::Working, Self::Waiting, Self::HandedOff, Self::Closed];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::HandedOff => "handed_off",
            Self::Closed => "closed",
        }
    }
}

/// Closing verdict of people on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The alert was right.
    TruePositive,
    /// The alert was wrong.
    FalsePositive,
    /// Right, but harmless.
    Benign,
}

/// What people and playbooks work on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// Whose.
    pub tenant: TenantId,
    /// One line for people.
    pub title: String,
    /// Worst severity of its alerts, or what people set.
    pub severity: Severity,
    /// How far it has come.
    pub state: CaseState,
    /// Risk in 0..=1, by triage.
    pub risk: f64,
    /// Who works on it.
    pub assignee: Option<String>,
    /// Everything its alerts name.
    pub entities: Vec<Entity>,
    /// MITRE ATLAS technique ids of its alerts.
    pub atlas: Vec<String>,
    /// The decision arithmetic, as triage returned it; null if none was made.
    pub decision: Value,
    /// Alerts in it.
    pub alerts: u64,
    /// When it was opened.
    pub opened_at: UnixMs,
    /// Last change.
    pub updated_at: UnixMs,
    /// When a first answer is due.
    pub due_at: Option<UnixMs>,
    /// When it was closed.
    pub closed_at: Option<UnixMs>,
    /// People's verdict.
    pub verdict: Option<Verdict>,
}

/// One line of a case's history; never changed, never removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Position in the case, from 1.
    pub seq: i64,
    /// When.
    pub at: UnixMs,
    /// Who: a person, `run …`, `triage`, `intake`.
    pub actor: String,
    /// `alert`, `decision`, `run`, `step`, `action`, `approval`, `note`, `evidence`, `handoff`, `state`.
    pub kind: String,
    /// One sentence for people.
    pub text: String,
    /// Details, as the kind has them.
    pub data: Value,
}
