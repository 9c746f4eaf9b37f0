//! Secrets are named in the configuration, never written in it.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Secret;

/// Where a secret is: one of an environment variable or a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// Name of an environment variable.
    Env(String),
    /// A file whose first line it is; white space around it is cut.
    File(PathBuf),
}

/// Reads secrets. The ways to the environment and to files are passed in: nothing here does I/O.
pub struct SecretReader<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Reads a file.
    pub file: &'a dyn Fn(&Path) -> io::Result<String>,
    /// The folder that relative files are in.
    pub base: &'a Path,
}

impl SecretReader<'_> {
    /// The secret.
    ///
    /// # Errors
    /// One sentence that names the variable or file, and never what is in it.
    pub fn read(&self, from: &SecretSource) -> Result<Secret<String>, String> {
        let text = match from {
            SecretSource::Env(name) => {
                (self.env)(name).ok_or_else(|| format!("environment variable {name} is not set"))?
            }
            SecretSource::File(path) => {
                let path = self.base.join(path);
                (self.file)(&path).map_err(|e| format!("{}: {e}", path.display()))?
            }
        };
        let text = text.lines().next().map(str::trim).unwrap_or_default();
        if text.is_empty() {
            return Err(match from {
                SecretSource::Env(name) => format!("environment variable {name} is empty"),
                SecretSource::File(path) => format!("{} is empty", path.display()),
            });
        }
        Ok(Secret::new(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::{SecretReader, SecretSource};

    #[test]
    fn the_first_line_counts_and_an_error_never_shows_what_was_read() {
        let env =
            |name: &str| (name != "UNSET").then(|| if name == "EMPTY" { " \n".into() } else { "from env".to_owned() });
        let file = |path: &Path| match path.to_str() {
            Some("/base/key") => Ok(" s3cret \nsecond line".to_owned()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let reader = SecretReader { env: &env, file: &file, base: Path::new("/base") };
        let read = |source| reader.read(&source).map(|s| s.expose().clone());
        assert_eq!(read(SecretSource::File("key".into())).as_deref(), Ok("s3cret"));
        assert_eq!(read(SecretSource::Env("X".into())).as_deref(), Ok("from env"));
        assert_eq!(read(SecretSource::Env("EMPTY".into())), Err("environment variable EMPTY is empty".into()));
        assert_eq!(read(SecretSource::Env("UNSET".into())), Err("environment variable UNSET is not set".into()));
        assert!(read(SecretSource::File("none".into())).is_err_and(|e| e.starts_with("/base/none: ")));
    }
}
