//! What every handler works with.

use std::sync::Arc;

use casemate_finding::{Secret, UnixMs};
use casemate_ner::CachedModel;
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::model::{ApiKey, AuditEntry, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::config::ConsoleSettings;
use crate::entropy::Entropy;
use crate::people::{Passwords, Standing, Throttle};
use crate::problem::Problem;

/// What a new API key is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// What people call it.
    pub name: String,
    /// Whose.
    pub tenant: TenantId,
    /// One of the configured tiers.
    pub tier: String,
    /// When it ends by itself.
    pub expires_at: Option<UnixMs>,
}

/// A key that was made: what is kept, and the key itself, which is shown once.
#[derive(Clone, Debug)]
pub struct IssuedKey {
    /// What is kept.
    pub row: ApiKey,
    /// What the caller gets.
    pub key: Secret<String>,
}

/// Makes API keys in the gateway's scheme; the binary hands it in, since console and gateway do not know each other.
pub trait KeyIssuer: Send + Sync {
    /// A new key. It is not stored: the console does that, and writes the audit entry.
    ///
    /// # Errors
    /// One sentence for people.
    fn issue(&self, request: &KeyRequest, now: UnixMs) -> Result<IssuedKey, String>;
}

/// The limits of a tier, as configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierLimits {
    /// Its name.
    pub name: String,
    /// Requests a minute by key; none: no limit.
    pub requests_per_min: Option<u32>,
    /// Tokens a minute by key; none: no limit.
    pub tokens_per_min: Option<u64>,
    /// Requests at once by key; none: no limit.
    pub concurrent: Option<u32>,
}

/// A playbook that this installation has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlaybookSource {
    /// Its name in the configuration, unique.
    pub name: String,
    /// As people wrote it; empty if it came as CACAO.
    pub yaml: String,
    /// As CACAO JSON.
    pub cacao: Value,
    /// Digest of the canonical JSON.
    pub digest: String,
}

/// What the binary knows and the store does not.
#[derive(Clone)]
pub struct Extras {
    /// Makes API keys; without it the page says that this process cannot.
    pub key_issuer: Option<Arc<dyn KeyIssuer>>,
    /// Tiers of the gateway's configuration.
    pub tiers: Arc<[TierLimits]>,
    /// Playbooks of the configuration.
    pub playbooks: Arc<[PlaybookSource]>,
    /// The model of names and places; without it the analyzer has the rules only.
    pub names: Option<Arc<CachedModel>>,
    /// Where random bytes come from.
    pub entropy: Entropy,
    /// The program's version, for the foot of the page.
    pub version: &'static str,
}

impl Default for Extras {
    fn default() -> Self {
        Self {
            key_issuer: None,
            tiers: Arc::from([]),
            playbooks: Arc::from([]),
            names: None,
            entropy: Entropy::system(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Shared state of all handlers; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// Everything that is kept.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Clock,
    /// Settings in force.
    pub settings: ConsoleSettings,
    /// What the binary handed in.
    pub extras: Extras,
    /// Hashes and verifies.
    pub passwords: Passwords,
    /// Counts failed log-ins.
    pub throttle: Throttle,
    /// Key of the log-in form's token, made anew at each start.
    pub form_key: [u8; 32],
    /// Room for live-update streams.
    pub streams: Arc<Semaphore>,
    /// Turns true when the console stops, so that streams end.
    pub stopping: watch::Receiver<bool>,
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Shared state from its parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Now.
    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// Writes down what a person changed.
    ///
    /// # Errors
    /// What the store says; the change itself stands then, and the caller is told of the failure.
    pub async fn audit(
        &self,
        by: &Standing,
        tenant: &TenantId,
        action: &str,
        subject: &str,
        data: Value,
    ) -> Result<(), Problem> {
        let entry = AuditEntry {
            seq: 0,
            at: self.now(),
            tenant: tenant.clone(),
            actor: by.person.name.clone(),
            action: action.into(),
            subject: subject.into(),
            data,
            hash: String::new(),
        };
        self.store.audit(&entry).await?;
        Ok(())
    }
}
