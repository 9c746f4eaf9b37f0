//! API keys of the gateway.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};

use super::{KeyId, TenantId};

/// An API key as it is kept: the key itself is not among it, only its keyed digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Public part, shown everywhere.
    pub id: KeyId,
    /// HMAC-SHA-256 of the whole key under the server's pepper, in hex.
    pub digest: String,
    /// Who pays and who sees.
    pub tenant: TenantId,
    /// Name of the tier in the configuration.
    pub tier: String,
    /// What people call it.
    pub name: String,
    /// Model patterns that it may use; empty means all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Route prefixes that it may use; empty means all.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Requests a minute; none means the tier's.
    #[serde(default)]
    pub requests_per_min: Option<u32>,
    /// Tokens a minute; none means the tier's.
    #[serde(default)]
    pub tokens_per_min: Option<u64>,
    /// A honeypot: any use is an incident.
    #[serde(default)]
    pub decoy: bool,
    /// When it was made.
    pub created_at: UnixMs,
    /// When it ends by itself.
    #[serde(default)]
    pub expires_at: Option<UnixMs>,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<UnixMs>,
}

impl ApiKey {
    /// True if the key may be used at `now`.
    pub fn is_live(&self, now: UnixMs) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}
