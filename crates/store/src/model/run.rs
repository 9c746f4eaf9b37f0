//! Playbook runs as an event log: the log is the truth, everything shown is folded from it.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CaseId, RunId, TenantId};

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Has steps to do.
    Running,
    /// Waits for people or for a timer.
    Waiting,
    /// Reached its end.
    Completed,
    /// Failed; the log says where.
    Failed,
    /// Stopped by people.
    Cancelled,
}

impl RunState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// True if nothing more happens.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// One run of one playbook on one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Same key (case and playbook), same run: started once.
    pub idempotency_key: String,
    /// Whose.
    pub tenant: TenantId,
    /// The case.
    pub case: CaseId,
    /// Name of the playbook.
    pub playbook_name: String,
    /// SHA-256 of the playbook's canonical JSON.
    pub playbook_digest: String,
    /// The playbook as it ran, CACAO JSON.
    pub playbook: Value,
    /// Variables that it began with.
    pub input: Value,
    /// How far it has come.
    pub state: RunState,
    /// When it began.
    pub started_at: UnixMs,
    /// Last event.
    pub updated_at: UnixMs,
}

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// Position in the run, from 1, no gaps: a writer that lost its lease loses the race on it.
    pub seq: i64,
    /// When.
    pub at: UnixMs,
    /// The interpreter's event.
    pub event: Value,
}

/// An effect about to happen: durable before it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The command's idempotency key (SHA-256 of run, step, iteration and canonical command), `/` and the attempt.
    pub key: String,
    /// Which run.
    pub run: RunId,
    /// Which step.
    pub step: String,
    /// The exact command.
    pub command: Value,
    /// How to undo it; null if it cannot be.
    pub undo: Value,
    /// When it was written.
    pub at: UnixMs,
    /// The result; none while the effect is under way or after a crash.
    pub result: Option<Value>,
}
