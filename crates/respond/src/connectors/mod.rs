//! What playbooks can do: one connector for each action of the catalogue in casemate-playbook. Adding one is a file here
//! and a line in [`CONNECTORS`].
//!
//! A connector is told the idempotency key of its command; the same key comes again after a crash or a failure. Those whose
//! mode is `idempotent` must then do nothing twice; those whose mode is `verify` can say whether a key was carried out.

mod case;
mod containment;
mod evidence;
mod gateway;
mod handoff;
mod holds;
mod http;
mod inventory;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use casemate_finding::Entity;
use casemate_playbook::ActionOutcome;
use casemate_store::clock::Clock;
use casemate_store::model::Run;
use casemate_store::{Store, StoreError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::{Connection, EvidenceConfig, LimitsConfig};
use crate::egress::Egress;
use crate::inventory::Inventory;
use crate::vault::Vault;

/// Every connector, in the order of the catalogue.
pub static CONNECTORS: &[&dyn Connector] = &[
    &gateway::Block,
    &gateway::Limit,
    &gateway::Lift,
    &evidence::Preserve,
    &inventory::Lookup,
    &holds::QuarantineVersion,
    &holds::QuarantineDataset,
    &holds::HoldPipeline,
    &case::Note,
    &handoff::HandOff,
    &http::Request,
    &http::OpenC2,
];

/// The connector of an action.
pub fn connector(action: &str) -> Option<&'static dyn Connector> {
    CONNECTORS.iter().find(|c| c.action() == action).copied()
}

/// Carries out one action.
#[async_trait]
pub trait Connector: Sync {
    /// The action's name in the catalogue.
    fn action(&self) -> &'static str;

    /// Does it. Safe to be called again with the same key if the action's mode is idempotent.
    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure>;

    /// Says whether the command with this key happened: its output, or none.
    async fn verify(&self, _around: &Surroundings, _call: &Call<'_>) -> Result<Option<Value>, Failure> {
        Err(Failure::Unknown("this action's target cannot be asked whether it happened".into()))
    }
}

/// What connectors work with.
pub struct Surroundings {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Clock,
    /// What there is to protect.
    pub inventory: Inventory,
    /// The evidence vault.
    pub vault: Arc<Vault>,
    /// What evidence may be taken from.
    pub evidence: EvidenceConfig,
    /// The way out.
    pub egress: Egress,
    /// Where requests may be sent.
    pub connections: Vec<Connection>,
    /// Folder of the hand-off packages.
    pub handoffs: PathBuf,
    /// Bounds.
    pub limits: LimitsConfig,
}

/// One command to carry out.
pub struct Call<'a> {
    /// The run that asks.
    pub run: &'a Run,
    /// The action.
    pub action: &'a str,
    /// Its arguments, every value filled in.
    pub args: &'a Value,
    /// Its idempotency key.
    pub key: &'a str,
    /// Milliseconds after which it must end by itself.
    pub lasts_ms: Option<u64>,
}

/// Why a command was not carried out, or is not known to have been.
#[derive(Debug)]
pub enum Failure {
    /// It did not happen, and will not if it is tried again.
    Refused(String),
    /// It did not happen; trying again may help.
    Retry(String),
    /// It may have happened.
    Unknown(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } | StoreError::Conflict { .. } => Self::Refused(error.to_string()),
            _ => Self::Retry(error.to_string()),
        }
    }
}

impl Failure {
    /// As the interpreter takes it.
    pub fn into_outcome(self) -> ActionOutcome {
        match self {
            Self::Refused(message) => ActionOutcome::Failed { message, retryable: false },
            Self::Retry(message) => ActionOutcome::Failed { message, retryable: true },
            Self::Unknown(message) => ActionOutcome::Unknown { message },
        }
    }
}

impl Call<'_> {
    /// An argument that must be there.
    fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, Failure> {
        self.optional(name)?.ok_or_else(|| Failure::Refused(format!("argument `{name}` is missing")))
    }

    /// An argument that may be left out.
    fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        match self.args.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|e| Failure::Refused(format!("argument `{name}` is not what the catalogue says: {e}"))),
        }
    }

    fn target(&self) -> Result<Entity, Failure> {
        self.required("target")
    }

    /// Why, for the audit log and for people.
    fn reason(&self) -> Result<String, Failure> {
        let given: Option<String> = self.optional("reason")?;
        Ok(given.unwrap_or_else(|| format!("playbook {}", self.run.playbook_name)))
    }

    /// Who acts, in the case's history and in the audit log.
    fn actor(&self) -> String {
        format!("run {}", self.run.id)
    }
}

#[cfg(test)]
mod tests {
    use casemate_playbook::ACTIONS;

    use super::CONNECTORS;

    #[test]
    fn the_catalogue_and_the_connectors_are_one() {
        let catalogue: Vec<_> = ACTIONS.iter().map(|a| a.name).filter(|n| *n != "manual").collect();
        let here: Vec<_> = CONNECTORS.iter().map(|c| c.action()).collect();
        assert_eq!(here, catalogue, "`manual` is for people; everything else has a connector");
    }
}
