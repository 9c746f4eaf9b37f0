//! Events that one part leaves for the others: gateway and gate write, response reads in order.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TenantId;

/// An event to be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// `gateway` or `gate`.
    pub source: String,
    /// What happened, as `surge`, `key_stuffing`, `injection_blocked`, `secret_redacted`, `gate_blocked`.
    pub kind: String,
    /// Whose traffic or pipeline.
    pub tenant: TenantId,
    /// Same key from the same source: written once.
    pub dedupe_key: String,
    /// When it happened.
    pub at: UnixMs,
    /// The evidence that it rests on; prompts and secrets are not in it in the clear.
    pub payload: Value,
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Position in the log, from 1, without gaps that matter: read with `after`.
    pub seq: i64,
    /// The event.
    #[serde(flatten)]
    pub event: NewEvent,
}
