//! Text in, text out.

use crate::cacao::{Playbook, SPEC_VERSION};
use crate::limits::Limits;
use crate::source::form::SourcePlaybook;

/// Why a text is not a playbook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Longer than [`Limits::source_bytes_max`].
    #[error("the playbook is {bytes} bytes long; the limit is {max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not the form that is expected.
    #[error("line {line}, column {column}: {why}")]
    Malformed {
        /// Line, from 1; 0 if it is not known.
        line: u64,
        /// Column, from 1; 0 if it is not known.
        column: u64,
        /// What the parser said.
        why: String,
    },
    /// Another version of CACAO, or another kind of object.
    #[error("type `{kind}` with spec_version `{version}` is not a CACAO 2.0 playbook")]
    NotCacao {
        /// Its `type`.
        kind: String,
        /// Its `spec_version`.
        version: String,
    },
    /// It cannot be written as text.
    #[error("cannot write the playbook: {why}")]
    Unwritable {
        /// What the writer said.
        why: String,
    },
}

fn check_length(text: &str, limits: &Limits) -> Result<(), SourceError> {
    if text.len() > limits.source_bytes_max {
        return Err(SourceError::TooLong { bytes: text.len(), max: limits.source_bytes_max });
    }
    Ok(())
}

/// Reads the YAML form.
///
/// # Errors
/// [`SourceError::TooLong`] or [`SourceError::Malformed`].
pub fn parse_yaml(text: &str, limits: &Limits) -> Result<SourcePlaybook, SourceError> {
    parse_yaml_as(text, limits)
}

/// Reads any YAML document of ours.
///
/// # Errors
/// As [`parse_yaml`].
pub(crate) fn parse_yaml_as<T>(text: &str, limits: &Limits) -> Result<T, SourceError>
where
    T: serde::de::DeserializeOwned + Send + 'static,
{
    check_length(text, limits)?;
    let text = text.to_owned();
    let unparsed = |why: &str| SourceError::Malformed { line: 0, column: 0, why: why.to_owned() };
    // On a thread of its own: steps within steps take a good deal of stack each.
    let parsed = std::thread::Builder::new()
        .name("yaml-parse".to_owned())
        .stack_size(PARSE_STACK_BYTES)
        .spawn(move || {
            let options = serde_saphyr::options! { budget: serde_saphyr::budget! { max_depth: YAML_DEPTH_MAX } };
            serde_saphyr::from_str_with_options(&text, options).map_err(|e| malformed(&e))
        })
        .map_err(|_| unparsed("cannot start the parser"))?
        .join();
    parsed.unwrap_or_else(|_| Err(unparsed("the parser gave up on it")))
}

/// Lists and maps inside one another in a YAML text: three for each step within a step, and some for arguments.
const YAML_DEPTH_MAX: usize = 80;
/// Address space only: pages that are not touched cost nothing.
const PARSE_STACK_BYTES: usize = 64 << 20;

fn malformed(e: &serde_saphyr::Error) -> SourceError {
    let (line, column) = e.location().map_or((0, 0), |l| (l.line(), l.column()));
    let why = e.without_snippet().to_string();
    let why = why.lines().next().unwrap_or_default().chars().take(300).collect();
    SourceError::Malformed { line, column, why }
}

/// Writes the YAML form.
///
/// # Errors
/// [`SourceError::Unwritable`].
pub fn render_yaml(source: &SourcePlaybook) -> Result<String, SourceError> {
    serde_saphyr::to_string(source).map_err(|e| SourceError::Unwritable { why: e.to_string() })
}

/// Reads CACAO JSON.
///
/// # Errors
/// [`SourceError::TooLong`], [`SourceError::Malformed`] or [`SourceError::NotCacao`].
pub fn parse_json(text: &str, limits: &Limits) -> Result<Playbook, SourceError> {
    check_length(text, limits)?;
    let playbook: Playbook = serde_json::from_str(text).map_err(|e| SourceError::Malformed {
        line: e.line() as u64,
        column: e.column() as u64,
        why: e.to_string().chars().take(300).collect(),
    })?;
    if playbook.r#type != "playbook" || playbook.spec_version != SPEC_VERSION {
        let clip = |s: &str| s.chars().take(40).collect();
        return Err(SourceError::NotCacao { kind: clip(&playbook.r#type), version: clip(&playbook.spec_version) });
    }
    Ok(playbook)
}

/// Writes CACAO JSON, indented.
///
/// # Errors
/// [`SourceError::Unwritable`].
pub fn render_json(playbook: &Playbook) -> Result<String, SourceError> {
    serde_json::to_string_pretty(playbook).map_err(|e| SourceError::Unwritable { why: e.to_string() })
}

/// Line of the step with this name in a YAML text, from 1.
pub fn line_of_step(text: &str, slug: &str) -> Option<u64> {
    let names = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        line.strip_prefix("step:")
            .is_some_and(|rest| rest.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']) == slug)
    };
    text.lines().position(names).map(|i| i as u64 + 1)
}
