//! Blocks and limits in force: what response, people and detectors ask of the gateway, always with an end.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};

use super::{CaseId, ContainmentId, TenantId};

/// What a containment does to the traffic that it matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Refuse it.
    Block,
    /// Let through this many requests a minute, shared by all that match.
    Limit {
        /// Requests a minute.
        requests_per_min: u32,
    },
}

/// Which traffic it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Target {
    /// An address or range in CIDR form, with the network address.
    Range(String),
    /// An API key's public id.
    Key(String),
    /// A tenant.
    Tenant(String),
    /// A model or end-point name.
    Model(String),
    /// A model version held back by the gate or response, as `name@version`.
    ModelVersion(String),
    /// A data set held back.
    Dataset(String),
    /// A pipeline held.
    Pipeline(String),
}

impl Target {
    /// The wire name of the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Range(_) => "range",
            Self::Key(_) => "key",
            Self::Tenant(_) => "tenant",
            Self::Model(_) => "model",
            Self::ModelVersion(_) => "model_version",
            Self::Dataset(_) => "dataset",
            Self::Pipeline(_) => "pipeline",
        }
    }

    /// The value that is matched.
    pub fn value(&self) -> &str {
        match self {
            Self::Range(v)
            | Self::Key(v)
            | Self::Tenant(v)
            | Self::Model(v)
            | Self::ModelVersion(v)
            | Self::Dataset(v)
            | Self::Pipeline(v) => v,
        }
    }
}

/// One block, limit or hold (a circuit breaker that was opened by hand, by a playbook or by a detector).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// Its id.
    pub id: ContainmentId,
    /// Same key, same containment: a repeated `apply` changes nothing.
    pub idempotency_key: String,
    /// Whose it is; a tenant's containment matches only that tenant's traffic, `*` matches all.
    pub tenant: TenantId,
    /// What it is about.
    pub target: Target,
    /// Only requests to this model or end-point; none means all.
    #[serde(default)]
    pub scope: Option<String>,
    /// What it does.
    #[serde(flatten)]
    pub effect: Effect,
    /// Why, for people.
    pub reason: String,
    /// Who asked: a run, a person or a detector.
    pub created_by: String,
    /// The case that it belongs to.
    #[serde(default)]
    pub case: Option<CaseId>,
    /// When it began.
    pub created_at: UnixMs,
    /// When it ends by itself; always set.
    pub expires_at: UnixMs,
    /// When it was lifted early.
    #[serde(default)]
    pub lifted_at: Option<UnixMs>,
}

impl Containment {
    /// True if it is in force at `now`.
    pub fn is_active(&self, now: UnixMs) -> bool {
        self.lifted_at.is_none() && now < self.expires_at
    }
}

/// Whether a write was the first with its idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied<T> {
    /// It was; here is what was written.
    New(T),
    /// It was not; here is what stands since the first.
    Already(T),
}

impl<T> Applied<T> {
    /// What stands now, either way.
    pub fn into_inner(self) -> T {
        match self {
            Self::New(x) | Self::Already(x) => x,
        }
    }

    /// True for the first write.
    pub const fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}
