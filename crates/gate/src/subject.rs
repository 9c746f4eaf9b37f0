//! What the gate looks at.

use std::path::PathBuf;

use casemate_finding::{Entity, EntityKind};
use serde::{Deserialize, Serialize};

/// What a subject is meant to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A model file.
    Model,
    /// A data set.
    Data,
    /// Whatever its content is.
    #[default]
    Auto,
}

/// One file to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Where the file is; relative to the configuration file in a configuration.
    pub path: PathBuf,
    /// What it is meant to be.
    #[serde(default)]
    pub kind: SubjectKind,
    /// What the registry calls it: `churn@8` for a model version, `churn-train` for a data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Subject {
    /// A subject whose kind its content says.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), kind: SubjectKind::Auto, name: None }
    }

    /// The path as reports show it.
    pub fn shown(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// The entities that a containment may hold it by, the most telling first. A model version brings its model.
    pub fn entities(&self, sha256: Option<&str>) -> Vec<Entity> {
        let mut out = Vec::new();
        if let Some(name) = &self.name {
            if self.kind != SubjectKind::Data {
                out.push(Entity::new(EntityKind::ModelVersion, name.clone()));
                if let Some((model, _)) = name.rsplit_once('@') {
                    out.push(Entity::new(EntityKind::Model, model));
                }
            }
            if self.kind != SubjectKind::Model {
                out.push(Entity::new(EntityKind::Dataset, name.clone()));
            }
        }
        if let Some(sha256) = sha256 {
            out.push(Entity::new(EntityKind::Digest, format!("sha256:{sha256}")));
        }
        out
    }
}
