//! A run's events as sentences.

use casemate_finding::UnixMs;
use casemate_playbook::{ActionOutcome, Event, ResolvedCommand, RunOutcome};
use casemate_store::model::RunEvent;
use serde::Serialize;
use serde_json::Value;

use super::run_view::SUMMARY_CHARS;
use crate::words;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogLine {
    /// Position in the run.
    pub seq: i64,
    /// When.
    pub at: UnixMs,
    /// Name of the event.
    pub event: String,
    /// Where in the run; empty for the run itself.
    pub place: String,
    /// What happened, on one line.
    pub text: String,
}

impl LogLine {
    /// The line for an event; one that this program cannot read is shown as it is.
    pub(super) fn of(e: &RunEvent, event: Option<&Event>) -> Self {
        let name = e.event.get("event").and_then(Value::as_str).unwrap_or("unknown");
        let place = e.event.get("place").or_else(|| e.event.pointer("/step/place")).and_then(Value::as_str);
        let text = event.map_or_else(|| words::one_line(&e.event, SUMMARY_CHARS), say);
        Self {
            seq: e.seq,
            at: e.at,
            event: words::plain(name),
            place: place.unwrap_or_default().to_owned(),
            text: words::cut(&text, SUMMARY_CHARS),
        }
    }
}

fn actions(commands: &[ResolvedCommand]) -> String {
    commands.iter().map(|c| c.action.as_str()).collect::<Vec<_>>().join(", ")
}

fn say(event: &Event) -> String {
    match event {
        Event::RunStarted { name, started_by, .. } => format!("“{name}”, started by {started_by}"),
        Event::StepDelayed { step, until, .. } => format!("{} waits until {}", step.name, words::absolute(*until)),
        Event::StepStarted { step, commands, approval, error, .. } => {
            let mut text = step.name.clone();
            if !commands.is_empty() {
                text.push_str(": ");
                text.push_str(&actions(commands));
            }
            if let Some(need) = approval {
                text.push_str(&format!("; asks {} of {}", need.need, need.roles.join(" or ")));
            }
            if let Some(error) = error {
                text.push_str(&format!("; cannot be made: {error}"));
            }
            text
        }
        Event::BranchesOpened { decision, .. } => format!("decided: {decision}"),
        Event::IntentRecorded { index, attempt, .. } => {
            format!("about to act: command {}, attempt {attempt}; written down first", index + 1)
        }
        Event::ActionResult { result, by, .. } => {
            let what = match result {
                ActionOutcome::Done { output } => format!("done: {}", words::one_line(output, SUMMARY_CHARS)),
                ActionOutcome::Failed { message, retryable: true } => format!("failed, may be tried again: {message}"),
                ActionOutcome::Failed { message, .. } => format!("failed: {message}"),
                ActionOutcome::Unknown { message } => format!("nobody knows whether it happened: {message}"),
                ActionOutcome::NotDone => "it had not happened".to_owned(),
            };
            by.as_ref().map_or_else(|| what.clone(), |by| format!("{what} (said {by})"))
        }
        Event::RetryScheduled { until, .. } => format!("next attempt at {}", words::absolute(*until)),
        Event::ApprovalDecided { approve, by, role, comment, .. } => {
            let answer = if *approve { "yes" } else { "no" };
            let why = if comment.is_empty() { String::new() } else { format!(": {comment}") };
            format!("{by} ({role}) said {answer}{why}")
        }
        Event::ApprovalExpired { .. } => "nobody answered in time".to_owned(),
        Event::StepCompleted { output, .. } => words::one_line(output, SUMMARY_CHARS),
        Event::StepFailed { error, .. } => error.clone(),
        Event::StepDenied { reason, .. } => reason.clone(),
        Event::ExceptionEntered { error, .. } => format!("the exception step takes over: {error}"),
        Event::CompensationStarted { commands, error, .. } => {
            format!("takes back what was done ({}) because: {error}", actions(commands))
        }
        Event::RunResumed { .. } => "the driver was restarted; what has no result yet is uncertain".to_owned(),
        Event::RunCancelled { by, .. } => format!("stopped by {by}"),
        Event::RunFinished { outcome, reason, .. } => {
            let outcome = match outcome {
                RunOutcome::Succeeded => "reached its end",
                RunOutcome::Failed => "failed; what it did stands",
                RunOutcome::Compensated => "failed; what it did was taken back",
                RunOutcome::Cancelled => "was stopped",
            };
            if reason.is_empty() { outcome.to_owned() } else { format!("{outcome}: {reason}") }
        }
    }
}
