//! One run: its state in memory, and the log that it is the fold of.

use std::sync::Arc;

use casemate_finding::UnixMs;
use casemate_playbook::{
    CommandState, Event, Limits, Playbook, Program, RunOutcome, RunState as State, StepStatus, advance,
};
use casemate_store::model::{CaseState, Intent, Run, RunEvent, RunState};
use casemate_store::{Store, StoreError};
use serde_json::{Value, json};

use super::start::Beginning;
use crate::library::Library;

/// A run that is being carried out.
pub(super) struct Live {
    /// Its row.
    pub(super) run: Run,
    /// Its playbook, compiled.
    pub(super) program: Arc<Program>,
    /// Where it stands.
    pub(super) state: State,
    /// What the case was last told by this run.
    pub(super) case_state: Option<CaseState>,
    /// Last position in the log.
    seq: i64,
}

impl Live {
    /// Reads a run back, and records that it goes on; a fresh one is begun.
    pub(super) async fn read(store: &dyn Store, library: &Library, run: Run, now: UnixMs) -> Result<Self, StoreError> {
        let corrupt = |why: String| StoreError::Corrupt { kind: "run", id: run.id.0.clone(), why };
        let begun: Beginning = serde_json::from_value(run.input.clone()).map_err(|e| corrupt(e.to_string()))?;
        let program = match library.program(&run.playbook_digest) {
            Some(program) => program,
            // The playbook has changed since: this run goes on as it began.
            None => {
                let playbook: Playbook =
                    serde_json::from_value(run.playbook.clone()).map_err(|e| corrupt(e.to_string()))?;
                let compiled = Program::compile(&playbook, &begun.called, &Limits::DEFAULT);
                Arc::new(compiled.map_err(|p| corrupt(p.first().map_or_else(String::new, ToString::to_string)))?)
            }
        };
        let log = store.run_events(&run.id).await?;
        let mut state = State::default();
        for entry in &log {
            let event: Event = serde_json::from_value(entry.event.clone()).map_err(|e| corrupt(e.to_string()))?;
            state.apply(&event).map_err(|e| corrupt(format!("event {} does not fit: {e}", entry.seq)))?;
        }
        let mut live = Self { seq: log.last().map_or(0, |e| e.seq), run, program, state, case_state: None };
        let first = if log.is_empty() {
            live.program.start(live.run.id.as_str(), begun.input, &begun.given, &begun.started_by, now)
        } else {
            Event::RunResumed { at: now }
        };
        live.take(store, vec![first], now).await?;
        Ok(live)
    }

    /// Applies events from outside, drives the playbook on, and writes all of it, intents included, in one transaction.
    /// Events that do not fit (late, or given twice) are left out. Returns what was written.
    pub(super) async fn take(
        &mut self,
        store: &dyn Store,
        outside: Vec<Event>,
        now: UnixMs,
    ) -> Result<Vec<Event>, StoreError> {
        let events = self.apply(outside, now);
        if !events.is_empty() {
            let (rows, intents, state) = self.rows(&events);
            self.tell(store, &events, store.append_run(&self.run.id, &rows, &intents, state)).await?;
        }
        Ok(events)
    }

    /// The same for the result of an effect, which is written next to its intent.
    pub(super) async fn take_result(
        &mut self,
        store: &dyn Store,
        intent: &str,
        result: &Value,
        event: Event,
        now: UnixMs,
    ) -> Result<Vec<Event>, StoreError> {
        let events = self.apply(vec![event], now);
        if !events.is_empty() {
            let (rows, intents, state) = self.rows(&events);
            self.tell(store, &events, store.record_result(intent, result, &rows, &intents, state)).await?;
        }
        Ok(events)
    }

    fn apply(&mut self, outside: Vec<Event>, now: UnixMs) -> Vec<Event> {
        let mut events = Vec::new();
        for event in outside {
            match self.state.apply(&event) {
                Ok(()) => events.push(event),
                Err(why) => tracing::info!(run = %self.run.id, %why, "an event does not fit and was left out"),
            }
        }
        events.extend(advance(&self.program, &mut self.state, now));
        events
    }

    fn rows(&mut self, events: &[Event]) -> (Vec<RunEvent>, Vec<Intent>, RunState) {
        let mut intents = Vec::new();
        let mut rows = Vec::with_capacity(events.len());
        for event in events {
            self.seq += 1;
            rows.push(RunEvent { seq: self.seq, at: at(event), event: json!(event) });
            if let Event::IntentRecorded { place, index, attempt, at } = event
                && let Some(CommandState { command, .. }) =
                    self.state.steps.get(place).and_then(|s| s.commands.get(*index))
            {
                intents.push(Intent {
                    key: intent_key(&command.key, *attempt),
                    run: self.run.id.clone(),
                    step: place.clone(),
                    command: json!({"action": command.action, "args": command.args, "lasts_ms": command.lasts_ms}),
                    undo: json!(command.undo),
                    at: *at,
                    result: None,
                });
            }
        }
        (rows, intents, self.row_state())
    }

    /// Writes the history of the case first and the log after it, in one group commit: whatever the log has, the history
    /// has too, and its keys make a repeat harmless.
    async fn tell(
        &self,
        store: &dyn Store,
        events: &[Event],
        log: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let history = super::history::tell(store, &self.run, &self.state, events);
        let (history, log) = tokio::join!(biased; history, log);
        log?;
        history
    }

    fn row_state(&self) -> RunState {
        match self.state.outcome {
            Some(RunOutcome::Succeeded) => RunState::Completed,
            Some(RunOutcome::Cancelled) => RunState::Cancelled,
            Some(RunOutcome::Failed | RunOutcome::Compensated) => RunState::Failed,
            None => {
                let steps = || self.state.steps.values();
                let waits = steps().any(|s| matches!(s.status, StepStatus::AwaitingApproval | StepStatus::Delayed));
                // Control steps around a waiting one are on their way too; only effects are work.
                let busy = steps().any(|s| s.status == StepStatus::Running && !s.commands.is_empty());
                if waits && !busy { RunState::Waiting } else { RunState::Running }
            }
        }
    }
}

/// The key of an attempt's intent.
pub(super) fn intent_key(key: &str, attempt: u32) -> String {
    format!("{key}/{attempt}")
}

fn at(event: &Event) -> UnixMs {
    match event {
        Event::RunStarted { at, .. }
        | Event::StepDelayed { at, .. }
        | Event::StepStarted { at, .. }
        | Event::BranchesOpened { at, .. }
        | Event::IntentRecorded { at, .. }
        | Event::ActionResult { at, .. }
        | Event::RetryScheduled { at, .. }
        | Event::ApprovalDecided { at, .. }
        | Event::ApprovalExpired { at, .. }
        | Event::StepCompleted { at, .. }
        | Event::StepFailed { at, .. }
        | Event::StepDenied { at, .. }
        | Event::ExceptionEntered { at, .. }
        | Event::CompensationStarted { at, .. }
        | Event::RunResumed { at, .. }
        | Event::RunCancelled { at, .. }
        | Event::RunFinished { at, .. } => *at,
    }
}
