//! A whole answer: the same machine as for streams, with all of it as one event.

use casemate_wire::Dialect;
use casemate_wire::json::{JsonLimits, JsonProblem};
use casemate_wire::usage::Usage;

use super::doubt::Doubt;
use super::engines::Engines;
use super::notice::{Check, Notice};
use super::stopped_call::StoppedToolCall;
use super::stream::StreamInspector;
use crate::config::Checks;

/// What an inspection of an answer came to.
#[derive(Debug)]
pub struct Inspected {
    /// The answer with what the checks change; none if nothing changed.
    pub body: Option<Vec<u8>>,
    /// What was seen.
    pub notices: Vec<Notice>,
    /// The check that refuses the answer. Where it is [`Check::ToolApproval`] and calls are stopped, nothing else refuses it.
    pub blocked_by: Option<Check>,
    /// Tool calls that wait for a person.
    pub stopped: Vec<StoppedToolCall>,
    /// Tokens as the upstream reports them.
    pub usage: Option<Usage>,
    /// Bytes of text in it, to estimate tokens by where the upstream reports none.
    pub text_bytes: u64,
    /// What somebody is to be asked about before it goes out.
    pub doubts: Vec<Doubt>,
    /// How its texts begin, where the conversation is followed.
    pub openings: Vec<String>,
}

/// Inspects a whole answer.
///
/// # Errors
/// [`JsonProblem`] if it cannot be read, and therefore not be looked at.
pub fn inspect_answer(
    body: &[u8],
    dialect: Dialect,
    checks: &Checks,
    engines: &Engines,
    limits: &JsonLimits,
) -> Result<Inspected, JsonProblem> {
    StreamInspector::new(dialect, *checks, engines.clone(), *limits, false).into_whole(body)
}
