//! One turn of a run: effects, results and answers, until it is over or waits for people or time.

use std::collections::HashSet;
use std::time::Duration;

use casemate_finding::UnixMs;
use casemate_playbook::{ActionOutcome, Command, CommandStatus, Event, RunOutcome, StepStatus, pending, wake_at};
use casemate_store::StoreError;
use casemate_store::model::{CaseState, Run};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::watch;

use super::live::{Live, intent_key};
use super::{history, questions};
use crate::connectors::{Call, Surroundings, connector};

/// How often a turn that has effects on their way looks for answers and timers beside them.
const LOOK_MS: u64 = 200;

/// Why a turn ended.
pub(super) enum Rest {
    /// The run is over.
    Over,
    /// It waits.
    Waits {
        /// Until then at the latest.
        wake_at: Option<UnixMs>,
        /// Keys of the questions that it waits for.
        questions: Vec<String>,
    },
    /// The program stops; nothing is on its way.
    Stopped,
}

/// What came of an effect.
struct Landed {
    place: String,
    index: usize,
    attempt: u32,
    key: String,
    result: ActionOutcome,
}

/// Drives the run as far as it goes.
pub(super) async fn turn(
    around: &Surroundings,
    live: &mut Live,
    steps: &std::sync::atomic::AtomicU64,
    stop: &watch::Receiver<bool>,
) -> Result<Rest, StoreError> {
    let store = &*around.store;
    let run = live.run.clone();
    let mut flying = FuturesUnordered::new();
    let mut keys: HashSet<String> = HashSet::new();
    loop {
        let mut written = live.take(store, Vec::new(), around.clock.now()).await?;
        let mut asked = Vec::new();
        let mut answers = Vec::new();
        for command in pending(&live.state) {
            match &command {
                Command::Perform { key, .. } | Command::Verify { key, .. } => {
                    if !*stop.borrow() && keys.insert(key.clone()) {
                        flying.push(fly(around, &run, command));
                    }
                }
                Command::RequestApproval { .. } | Command::AskPerson { .. } => {
                    let by = live.state.started_by.clone();
                    let (key, events) = questions::put(store, &run, &by, &command, around.clock.now()).await?;
                    asked.push(key);
                    answers.extend(events.into_iter().filter(|e| is_news(live, e)));
                }
            }
        }
        if !answers.is_empty() {
            written.extend(live.take(store, answers, around.clock.now()).await?);
        } else if flying.is_empty() {
            case_state(around, live, &run, !asked.is_empty()).await?;
            if live.state.is_finished() {
                return Ok(Rest::Over);
            }
            if *stop.borrow() {
                return Ok(Rest::Stopped);
            }
            let wake_at = wake_at(&live.state);
            if wake_at.is_none_or(|at| at > around.clock.now()) {
                return Ok(Rest::Waits { wake_at, questions: asked });
            }
        } else {
            case_state(around, live, &run, !asked.is_empty()).await?;
            let landed = tokio::select! {
                landed = flying.next() => landed,
                () = tokio::time::sleep(Duration::from_millis(LOOK_MS)) => None,
            };
            if let Some(landed) = landed {
                keys.remove(&landed.key);
                written.extend(land(around, live, landed).await?);
            }
        }
        let ended = written.iter().filter(|e| matches!(e, Event::StepCompleted { .. } | Event::StepFailed { .. }));
        steps.fetch_add(ended.count() as u64, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Carries out or verifies one command, within its time.
async fn fly(around: &Surroundings, run: &Run, command: Command) -> Landed {
    let nothing = json!(null);
    let (place, index, attempt, key, result) = match command {
        Command::Perform { place, index, attempt, key, action, args, lasts_ms, timeout_ms, .. } => {
            let call = Call { run, action: &action, args: &args, key: &key, lasts_ms };
            let result = match connector(&action) {
                None => ActionOutcome::Failed { message: format!("there is no action `{action}`"), retryable: false },
                Some(connector) => {
                    let time = Duration::from_millis(timeout_ms);
                    match tokio::time::timeout(time, connector.perform(around, &call)).await {
                        Ok(Ok(output)) => ActionOutcome::Done { output },
                        Ok(Err(failure)) => failure.into_outcome(),
                        Err(_) => ActionOutcome::Unknown { message: format!("no answer within {timeout_ms} ms") },
                    }
                }
            };
            (place, index, attempt, key, result)
        }
        Command::Verify { place, index, attempt, key, action, args } => {
            let call = Call { run, action: &action, args: &args, key: &key, lasts_ms: None };
            let result = match connector(&action) {
                None => ActionOutcome::Unknown { message: format!("there is no action `{action}`") },
                Some(connector) => match connector.verify(around, &call).await {
                    Ok(Some(output)) => ActionOutcome::Done { output },
                    Ok(None) => ActionOutcome::NotDone,
                    Err(failure) => match failure.into_outcome() {
                        // Not being able to ask says nothing of what happened.
                        ActionOutcome::Failed { message, .. } => ActionOutcome::Unknown { message },
                        other => other,
                    },
                },
            };
            (place, index, attempt, key, result)
        }
        Command::AskPerson { place, index, attempt, key, .. } => {
            (place, index, attempt, key, ActionOutcome::Unknown { message: "people are asked elsewhere".into() })
        }
        Command::RequestApproval { place, .. } => {
            (place, 0, 0, nothing.to_string(), ActionOutcome::Unknown { message: "people are asked elsewhere".into() })
        }
    };
    Landed { place, index, attempt, key, result }
}

/// Writes the result of an effect.
async fn land(around: &Surroundings, live: &mut Live, landed: Landed) -> Result<Vec<Event>, StoreError> {
    let Landed { place, index, attempt, key, result } = landed;
    let now = around.clock.now();
    let unknown = matches!(result, ActionOutcome::Unknown { .. });
    let said = json!(result);
    let intent = intent_key(&key, attempt);
    let event = Event::ActionResult { place, index, attempt, key, result, by: None, at: now };
    if unknown {
        // The intent stays without a result until somebody knows.
        live.take(&*around.store, vec![event], now).await
    } else {
        live.take_result(&*around.store, &intent, &said, event, now).await
    }
}

/// True for an answer that the run has not taken yet.
fn is_news(live: &Live, event: &Event) -> bool {
    match event {
        Event::ApprovalDecided { place, by, .. } => {
            let approval = live.state.steps.get(place).and_then(|s| s.approval.as_ref());
            approval.is_some_and(|a| !a.decisions.iter().any(|d| d.by == *by))
        }
        Event::ActionResult { place, index, .. } => {
            let command = live.state.steps.get(place).and_then(|s| s.commands.get(*index));
            command.is_some_and(|c| matches!(c.status, CommandStatus::Intended | CommandStatus::Uncertain))
        }
        _ => false,
    }
}

/// Keeps the case's state in step with the run: working, waiting for people, or open again after a failure.
async fn case_state(around: &Surroundings, live: &mut Live, run: &Run, asks: bool) -> Result<(), StoreError> {
    let handed = |s: &casemate_playbook::StepState| {
        s.status == StepStatus::Done && s.commands.iter().any(|c| c.command.action == "case.handoff")
    };
    if live.state.steps.values().any(handed) {
        return Ok(());
    }
    let (state, text) = match live.state.outcome {
        Some(RunOutcome::Succeeded) => return Ok(()),
        Some(_) => (CaseState::Open, "the playbook did not end well: people must look"),
        None if asks => (CaseState::Waiting, "waits for people"),
        None => (CaseState::Working, "a playbook works on it"),
    };
    if live.case_state.replace(state) == Some(state) {
        return Ok(());
    }
    let now = around.clock.now();
    let entry = history::line(run, "state", text.into(), now, json!({"state": state}));
    match around.store.set_case_state(&run.case, state, &entry).await {
        // Closed by people meanwhile, or kept elsewhere: the run goes on all the same.
        Ok(()) | Err(StoreError::Conflict { .. } | StoreError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
