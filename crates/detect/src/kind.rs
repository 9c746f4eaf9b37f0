//! What sort of thing was found.

use serde::{Deserialize, Serialize};

/// The two families of findings of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something that names or describes a person.
    Pii,
    /// Something that opens a door.
    Secret,
}

impl Kind {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pii => "pii",
            Self::Secret => "secret",
        }
    }
}

/// A set of [`Kind`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Personal data only.
    pub const PII: Self = Self(1);
    /// Secrets only.
    pub const SECRETS: Self = Self(2);
    /// Both.
    pub const ALL: Self = Self(3);
    /// Neither.
    pub const NONE: Self = Self(0);

    /// True if `kind` is in the set.
    pub const fn contains(self, kind: Kind) -> bool {
        self.0
            & match kind {
                Kind::Pii => 1,
                Kind::Secret => 2,
            }
            != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
