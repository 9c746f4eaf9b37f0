//! What whoever drives a run is to do now.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::extension::Mode;
use crate::run::apply::MANUAL;
use crate::run::event::{ApprovalNeed, ResolvedCommand, ResolvedUndo};
use crate::run::state::{Answer, CommandState, CommandStatus, RunState, StepState, StepStatus};

/// Something to do outside. The same command is given again until an event settles it: keep one in flight by `key` (or,
/// for approvals, by `digest`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Carry out an action and answer with [`crate::Event::ActionResult`].
    Perform {
        /// Place of the step.
        place: String,
        /// Which of its commands.
        index: usize,
        /// Which attempt.
        attempt: u32,
        /// Idempotency key; the same for every attempt.
        key: String,
        /// Name of the action.
        action: String,
        /// Its arguments.
        args: Value,
        /// What may be done when it is not known whether it happened.
        mode: Mode,
        /// What takes it back.
        undo: Option<ResolvedUndo>,
        /// Milliseconds after which it must end by itself, also if this program is not running by then.
        lasts_ms: Option<u64>,
        /// Milliseconds that it may take; past them answer `unknown`.
        timeout_ms: u64,
    },
    /// Ask the target whether the command with this key happened; answer `done`, `not_done` or `unknown`.
    Verify {
        /// Place of the step.
        place: String,
        /// Which of its commands.
        index: usize,
        /// Which attempt.
        attempt: u32,
        /// Idempotency key.
        key: String,
        /// Name of the action.
        action: String,
        /// Its arguments.
        args: Value,
    },
    /// Ask a person: to do a manual command, or whether an action happened. Answer `done` or `not_done` with `by`; an action
    /// that did not happen is then tried again, a manual command has failed.
    AskPerson {
        /// Place of the step.
        place: String,
        /// Which of its commands.
        index: usize,
        /// Which attempt.
        attempt: u32,
        /// Idempotency key.
        key: String,
        /// Name of the action; `manual` for one that only people do.
        action: String,
        /// Its arguments.
        args: Value,
        /// The question, in one sentence.
        question: String,
    },
    /// Ask people to agree to these exact commands; answer with [`crate::Event::ApprovalDecided`].
    RequestApproval {
        /// Place of the step.
        place: String,
        /// Name of the step for people.
        step: String,
        /// What is needed, with the digest that the answer must carry.
        need: ApprovalNeed,
        /// What would run.
        commands: Vec<ResolvedCommand>,
    },
}

/// What is to be done outside now, in the order of the steps. Pure: call it as often as you like.
pub fn pending(state: &RunState) -> Vec<Command> {
    let mut out = Vec::new();
    for step in state.open.iter().filter_map(|place| state.steps.get(place)) {
        match step.status {
            StepStatus::AwaitingApproval if state.cancelled_by.is_none() => out.extend(request(step)),
            StepStatus::Running => {
                out.extend(step.commands.iter().enumerate().filter_map(|(i, c)| effect(step, i, c)));
            }
            _ => {}
        }
    }
    out
}

/// When [`crate::advance`] will next do something without an event from outside: a delay, a retry or an approval that
/// expires. None if only the outside can move the run.
pub fn wake_at(state: &RunState) -> Option<UnixMs> {
    let of = |step: &StepState| {
        let expires = step.approval.as_ref().filter(|a| a.answer == Answer::Waiting).map(|a| a.need.expires);
        let retry = step.commands.iter().filter_map(|c| match c.status {
            CommandStatus::Backoff { until } => Some(until),
            _ => None,
        });
        let delay = step.until.filter(|_| step.status == StepStatus::Delayed);
        expires.into_iter().chain(retry).chain(delay).min()
    };
    state.open.iter().filter_map(|place| state.steps.get(place)).filter_map(of).min()
}

fn request(step: &StepState) -> Option<Command> {
    let approval = step.approval.as_ref()?;
    Some(Command::RequestApproval {
        place: step.place.clone(),
        step: step.name.clone(),
        need: approval.need.clone(),
        commands: step.commands.iter().map(|c| c.command.clone()).collect(),
    })
}

fn effect(step: &StepState, index: usize, c: &CommandState) -> Option<Command> {
    let (place, attempt, command) = (step.place.clone(), c.attempts, &c.command);
    let (key, action, args) = (command.key.clone(), command.action.clone(), command.args.clone());
    let ask = |question: String| Command::AskPerson {
        place: place.clone(),
        index,
        attempt,
        key: key.clone(),
        action: action.clone(),
        args: args.clone(),
        question,
    };
    let fresh = match c.status {
        CommandStatus::Intended => true,
        CommandStatus::Uncertain => false,
        _ => return None,
    };
    if action == MANUAL {
        return Some(ask("Do this by hand, then say whether it is done.".to_owned()));
    }
    // A mode that cannot find out by itself ends with a person: as declared, or once asking has failed too often.
    let by_person = command.mode == Mode::AtMostOnce
        || c.unknowns > step.retry.attempts
        || command.mode == Mode::Idempotent && c.unknowns >= step.retry.attempts;
    Some(match (fresh, by_person, command.mode) {
        (true, _, _) | (false, false, Mode::Idempotent) => Command::Perform {
            place,
            index,
            attempt,
            key,
            action,
            args,
            mode: command.mode,
            undo: command.undo.clone(),
            lasts_ms: command.lasts_ms,
            timeout_ms: command.timeout_ms,
        },
        (false, true, _) | (false, false, Mode::AtMostOnce) => {
            ask(format!("It is not known whether `{action}` happened. Look at the target: did it?"))
        }
        (false, false, Mode::Verify) => Command::Verify { place, index, attempt, key, action, args },
    })
}
