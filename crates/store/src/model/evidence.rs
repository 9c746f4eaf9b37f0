//! Preserved objects: content-addressed, never changed, never deleted.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};

use super::{CaseId, EvidenceId, TenantId};

/// An object to be preserved; its bytes are already in the vault under `sha256`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvidence {
    /// Same key, same row.
    pub idempotency_key: String,
    /// Whose.
    pub tenant: TenantId,
    /// The case.
    pub case: CaseId,
    /// What it is, for people.
    pub name: String,
    /// Digest of the bytes, in hex.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
    /// Where it came from.
    pub origin: String,
    /// Who preserved it.
    pub collected_by: String,
    /// When.
    pub collected_at: UnixMs,
}

/// A preserved object in the case's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Its id.
    pub id: EvidenceId,
    /// Position in the case's chain, from 1.
    pub seq: i64,
    /// What was preserved.
    #[serde(flatten)]
    pub item: NewEvidence,
    /// SHA-256 over the previous head and this row: the chain's new head, in hex.
    pub head: String,
}
