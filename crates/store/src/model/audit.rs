//! The audit log: who changed what, hash-chained.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TenantId;

/// One entry. `hash` = SHA-256(previous hash ‖ canonical JSON of the rest).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Position, from 1, no gaps.
    pub seq: i64,
    /// When.
    pub at: UnixMs,
    /// Whose.
    pub tenant: TenantId,
    /// Who.
    pub actor: String,
    /// What, as `key.create`, `approval.approve`, `containment.apply`.
    pub action: String,
    /// On what.
    pub subject: String,
    /// Details; no secret in it.
    pub data: Value,
    /// The chain's hash after this entry, in hex.
    pub hash: String,
}
