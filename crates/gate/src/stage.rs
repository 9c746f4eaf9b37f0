//! Stages of a pipeline.

use serde::{Deserialize, Serialize};

/// Where in the pipeline the gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Data comes in.
    Ingest,
    /// A model is trained.
    Train,
    /// A model is packed.
    Build,
    /// A model goes to where it is used.
    Deploy,
}

impl Stage {
    /// Every stage, in the order of the pipeline.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Train, Self::Build, Self::Deploy];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Train => "train",
            Self::Build => "build",
            Self::Deploy => "deploy",
        }
    }

    /// The stage of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
