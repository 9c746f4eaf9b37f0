//! What the history of a case says of a run. Every entry has a key made of the run and the place, so that it is there once
//! however often it is written.

use casemate_finding::UnixMs;
use casemate_playbook::{Event, RunOutcome, RunState as State, StepState};
use casemate_store::model::{Run, TimelineEntry};
use casemate_store::{Store, StoreError};
use futures_util::future::try_join_all;
use serde_json::{Value, json};

/// Writes what these events mean to people, all at once.
pub(super) async fn tell(store: &dyn Store, run: &Run, state: &State, events: &[Event]) -> Result<(), StoreError> {
    let entries: Vec<_> = events.iter().filter_map(|e| entry(run, state, e)).collect();
    let written = entries.iter().map(|(key, entry)| store.append_timeline(&run.case, entry, Some(key)));
    match try_join_all(written).await {
        Ok(_) => Ok(()),
        // A run may be started on a case that another store keeps; it has no history here.
        Err(StoreError::NotFound { kind: "case", .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn entry(run: &Run, state: &State, event: &Event) -> Option<(String, TimelineEntry)> {
    let name = &run.playbook_name;
    let done = |place: &str| state.steps.get(place).filter(|s| !s.commands.is_empty());
    let (key, kind, text, at, data) = match event {
        Event::RunStarted { started_by, at, .. } => {
            ("started".into(), "run", format!("playbook {name} began"), *at, json!({"by": started_by}))
        }
        Event::StepStarted { step, approval: Some(need), at, .. } => {
            let text = format!("asked for approval: {}", step.name);
            let data = json!({"step": step.place, "need": need.need, "roles": need.roles, "until": need.expires});
            (format!("{}/asked", step.place), "approval", text, *at, data)
        }
        Event::ApprovalDecided { place, approve, by, role, comment, at, .. } => {
            let word = if *approve { "approved" } else { "denied" };
            let title = state.steps.get(place).map_or(place.as_str(), |s| s.name.as_str());
            let data = json!({"step": place, "role": role, "comment": comment});
            (format!("{place}/by/{by}"), "approval", format!("{by} {word}: {title}"), *at, data)
        }
        Event::ApprovalExpired { place, at } => {
            (format!("{place}/lapsed"), "approval", "nobody answered in time".into(), *at, json!({"step": place}))
        }
        Event::StepCompleted { place, at, .. } => {
            let step = done(place)?;
            (format!("{place}/done"), kind_of(step), step.name.clone(), *at, outcome(step))
        }
        Event::StepFailed { place, error, at, .. } => {
            let step = done(place)?;
            (format!("{place}/failed"), kind_of(step), format!("{} failed: {error}", step.name), *at, outcome(step))
        }
        Event::StepDenied { place, reason, at, .. } => {
            let step = done(place)?;
            (format!("{place}/denied"), "approval", format!("{} was not done: {reason}", step.name), *at, outcome(step))
        }
        Event::CompensationStarted { error, at, .. } => {
            ("undo".into(), "run", format!("what was done is being taken back: {error}"), *at, Value::Null)
        }
        Event::RunCancelled { by, at } => {
            ("cancelled".into(), "run", format!("{by} stopped playbook {name}"), *at, Value::Null)
        }
        Event::RunFinished { outcome, reason, at } => {
            let text = match outcome {
                RunOutcome::Succeeded => format!("playbook {name} is done"),
                RunOutcome::Failed => format!("playbook {name} failed: {reason}"),
                RunOutcome::Compensated => format!("playbook {name} failed and was taken back: {reason}"),
                RunOutcome::Cancelled => format!("playbook {name} was stopped"),
            };
            ("finished".into(), "run", text, *at, json!({"outcome": outcome}))
        }
        _ => return None,
    };
    Some((format!("{}/{key}", run.id), line(run, kind, text, at, data)))
}

/// An entry by this run.
pub(super) fn line(run: &Run, kind: &str, text: String, at: UnixMs, data: Value) -> TimelineEntry {
    TimelineEntry { seq: 0, at, actor: format!("run {}", run.id), kind: kind.into(), text, data }
}

fn kind_of(step: &StepState) -> &'static str {
    let does = |name: &str| step.commands.iter().any(|c| c.command.action == name);
    let effect =
        |c: &casemate_playbook::CommandState| casemate_playbook::action(&c.command.action).is_some_and(|a| a.effect);
    if does("evidence.preserve") {
        "evidence"
    } else if step.commands.iter().any(effect) {
        "action"
    } else {
        "step"
    }
}

fn outcome(step: &StepState) -> Value {
    let commands: Vec<_> = step
        .commands
        .iter()
        .map(|c| json!({"action": c.command.action, "args": c.command.args, "output": c.output, "error": c.error}))
        .collect();
    json!({"step": step.place, "phase": step.phase, "commands": commands})
}
