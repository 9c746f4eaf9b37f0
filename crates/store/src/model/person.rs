//! People, their roles and their sessions.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};

use super::TenantId;

/// What a person may do, least first; each includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Works on cases.
    Analyst,
    /// Answers approvals.
    Approver,
    /// Changes playbooks, rules, keys, limits.
    Engineer,
    /// Everything, people included.
    Admin,
}

impl Role {
    /// Every role, least first.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Analyst, Self::Approver, Self::Engineer, Self::Admin];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Approver => "approver",
            Self::Engineer => "engineer",
            Self::Admin => "admin",
        }
    }

    /// The role with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == name)
    }
}

/// A local user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Log-in name, unique.
    pub name: String,
    /// Argon2id hash in PHC form.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
    /// Where they may do it; `*` is everywhere.
    pub tenant: TenantId,
    /// A password set by the program must be changed at the first log-in.
    pub must_change_password: bool,
    /// When they were added.
    pub created_at: UnixMs,
    /// When they were shut out.
    pub disabled_at: Option<UnixMs>,
}

/// A log-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of the cookie's value, in hex; the value itself is not kept.
    pub token_digest: String,
    /// Who.
    pub person: String,
    /// The token that forms must carry.
    pub csrf: String,
    /// When it began.
    pub created_at: UnixMs,
    /// When it ends.
    pub expires_at: UnixMs,
}
