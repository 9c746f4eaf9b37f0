//! What is wrong with a playbook, said so that its author can put it right.

use serde::{Deserialize, Serialize};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It runs, but should be looked at.
    Warning,
    /// It must not run.
    Error,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code, as `missing-step`.
    pub code: String,
    /// How bad it is.
    pub level: Level,
    /// Name of the step, or the member of the playbook.
    pub place: String,
    /// Line in the YAML text, from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Problem {
    /// An error with this code at this place.
    pub fn error(code: &str, place: &str, message: String, remedy: &str) -> Self {
        Self {
            code: code.to_owned(),
            level: Level::Error,
            place: place.to_owned(),
            line: None,
            message,
            remedy: remedy.to_owned(),
        }
    }

    /// A warning with this code at this place.
    pub fn warning(code: &str, place: &str, message: String, remedy: &str) -> Self {
        Self { level: Level::Warning, ..Self::error(code, place, message, remedy) }
    }

    /// True for an error.
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = if self.is_error() { "error" } else { "warning" };
        write!(f, "{level}[{}] {}", self.code, self.place)?;
        if let Some(line) = self.line {
            write!(f, " (line {line})")?;
        }
        write!(f, ": {}", self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}
