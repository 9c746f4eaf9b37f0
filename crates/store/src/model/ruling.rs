//! What people ruled on traffic, for the gateway to heed: always with an end.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RulingId, TenantId};

/// One ruling. What it says is in `payload`; no prompt text is in it in the clear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// Its id.
    pub id: RulingId,
    /// Same key, same ruling: a repeat changes nothing.
    pub idempotency_key: String,
    /// Whose traffic it is about.
    pub tenant: TenantId,
    /// What it is: `verdict` on a text, `release` of a refit.
    pub kind: String,
    /// Who made it.
    pub by: String,
    /// The second person, where it takes two.
    #[serde(default)]
    pub second: Option<String>,
    /// What it says.
    pub payload: Value,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it ends by itself; always set.
    pub expires_at: UnixMs,
    /// When it was taken back.
    #[serde(default)]
    pub withdrawn_at: Option<UnixMs>,
}

impl Ruling {
    /// True if it holds at `now`.
    pub fn is_active(&self, now: UnixMs) -> bool {
        self.withdrawn_at.is_none() && now < self.expires_at
    }
}
