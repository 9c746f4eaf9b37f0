//! What a person is told when a command cannot go on: what, where, why and what to do.

use serde::Serialize;

use crate::exit::Exit;
use crate::output::Format;

/// A command's failure.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// Which exit code it ends with.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// What could not be done.
    pub(crate) what: String,
    /// File, line and column, address or argument.
    #[serde(rename = "where", skip_serializing_if = "String::is_empty")]
    pub(crate) place: String,
    /// Why not.
    pub(crate) why: String,
    /// What to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) remedy: String,
}

/// What every command returns.
pub(crate) type Done = Result<Exit, Failure>;

impl Failure {
    /// The person asked for something that cannot be.
    pub(crate) fn usage(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, why)
    }

    /// The program or its surroundings failed.
    pub(crate) fn internal(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::new(Exit::Internal, what, why.to_string())
    }

    fn new(exit: Exit, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { exit, what: what.into(), place: String::new(), why: why.into(), remedy: String::new() }
    }

    /// Says where.
    #[must_use]
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Writes it to standard error.
    #[expect(clippy::print_stderr, reason = "errors go to the terminal")]
    pub(crate) fn print(&self, format: Format) {
        if format == Format::Json {
            eprintln!("{}", serde_json::json!({ "error": self }));
            return;
        }
        let place = if self.place.is_empty() { String::new() } else { format!("\n  where   {}", self.place) };
        let remedy = if self.remedy.is_empty() { String::new() } else { format!("\n  do      {}", self.remedy) };
        eprintln!("casemate: {}{place}\n  why     {}{remedy}", self.what, self.why);
    }
}
