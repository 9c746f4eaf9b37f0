//! Ids as types, so that a case id is never passed for a run id.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )+};
}

ids! {
    /// A tenant: organisation, business unit or team, as `acme/risk`. The single-team default is `default`.
    TenantId,
    /// The public part of an API key.
    KeyId,
    /// An alert, `alert-` and a sortable number.
    AlertId,
    /// A group of alerts that belong together.
    IncidentId,
    /// A case that people and playbooks work on, `case-` and a running number.
    CaseId,
    /// One run of a playbook.
    RunId,
    /// A question to people.
    ApprovalId,
    /// A block, limit or hold in force.
    ContainmentId,
    /// A preserved object.
    EvidenceId,
    /// What people ruled on traffic.
    RulingId,
}

impl TenantId {
    /// The tenant of an installation that has only one.
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}
