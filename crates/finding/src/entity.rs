//! Who and what an alert, a case or a containment is about.

use serde::{Deserialize, Serialize};

/// Kinds of entity that correlation and containment know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A person or service account.
    Principal,
    /// An API key, by its public id.
    Key,
    /// One network address.
    Address,
    /// A network range in CIDR form.
    Range,
    /// A model end-point.
    Endpoint,
    /// A model.
    Model,
    /// One version of a model, as `name@version`.
    ModelVersion,
    /// A data set.
    Dataset,
    /// A pipeline or training run.
    Run,
    /// An agent.
    Agent,
    /// A tool that an agent may call.
    Tool,
    /// A tenant.
    Tenant,
    /// A file or artifact by digest, as `sha256:…`.
    Digest,
}

impl EntityKind {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Key => "key",
            Self::Address => "address",
            Self::Range => "range",
            Self::Endpoint => "endpoint",
            Self::Model => "model",
            Self::ModelVersion => "model_version",
            Self::Dataset => "dataset",
            Self::Run => "run",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Tenant => "tenant",
            Self::Digest => "digest",
        }
    }
}

/// One entity: a kind and its canonical value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entity {
    /// What it is.
    pub kind: EntityKind,
    /// Its canonical value (lower-case host names, CIDR with the network address, …).
    pub value: String,
}

impl Entity {
    /// An entity of `kind` with this canonical value.
    pub fn new(kind: EntityKind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }
}
