//! Secrets are named in the configuration, never written in it.

use std::path::{Path, PathBuf};

use casemate_finding::Secret;
use serde::{Deserialize, Serialize};

/// Where a secret is: one of an environment variable or a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretConfig {
    /// Name of an environment variable.
    Env(String),
    /// A file that holds it; white space at its end is cut.
    File(PathBuf),
}

/// Reads secrets; only the binary reads the environment, and passes the way in.
pub struct SecretReader<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The folder that relative files are in.
    pub base: &'a Path,
}

impl SecretReader<'_> {
    /// The secret.
    ///
    /// # Errors
    /// One sentence that names the variable or file, and never what is in it.
    pub fn read(&self, from: &SecretConfig) -> Result<Secret<String>, String> {
        let text = match from {
            SecretConfig::Env(name) => {
                (self.env)(name).ok_or_else(|| format!("environment variable {name} is not set"))?
            }
            SecretConfig::File(path) => {
                let path = self.base.join(path);
                std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?
            }
        };
        let text = text.trim_end();
        if text.is_empty() {
            return Err(match from {
                SecretConfig::Env(name) => format!("environment variable {name} is empty"),
                SecretConfig::File(path) => format!("{} is empty", path.display()),
            });
        }
        Ok(Secret::new(text.to_owned()))
    }
}
