//! How each event changes the state. Total: an event that does not fit is refused and changes nothing.

use casemate_finding::UnixMs;
use serde_json::{Map, Value, json};

use crate::canonical::json_bytes;
use crate::extension::{Mode, OnExpiry, Retry};
use crate::limits::Limits;
use crate::run::event::{ActionOutcome, Event, ResolvedCommand, StepRef};
use crate::run::state::{
    Answer, ApprovalState, CommandState, CommandStatus, Decision, RunState, RunStatus, ScopeState, StepState,
    StepStatus,
};

/// Place of the step that takes things back.
pub(crate) const UNDO_PLACE: &str = "(undo)";
/// Scope of the exception step.
pub(crate) const EXCEPTION_SCOPE: &str = "(exception)";
/// The action that only a person can carry out.
pub(crate) const MANUAL: &str = "manual";

/// Why an event does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Anything before the start.
    #[error("the run has not started")]
    NotStarted,
    /// A second start.
    #[error("the run has started already")]
    AlreadyStarted,
    /// Anything after the end.
    #[error("the run is over")]
    Finished,
    /// No such step instance.
    #[error("no step at `{place}`")]
    UnknownStep {
        /// Where.
        place: String,
    },
    /// The step or command does not wait for this: a duplicate, or a late answer.
    #[error("the step at `{place}` does not wait for this")]
    NotWaiting {
        /// Where.
        place: String,
    },
    /// The result belongs to another command.
    #[error("the result is for another command than the one at `{place}`")]
    WrongKey {
        /// Where.
        place: String,
    },
    /// What was seen is not what would run.
    #[error("the digest is not that of the commands at `{place}`")]
    DigestMismatch {
        /// Where.
        place: String,
    },
    /// The person's role may not decide this.
    #[error("role `{role}` may not decide this; one of {allowed} may")]
    RoleNotAllowed {
        /// Theirs.
        role: String,
        /// Those that may.
        allowed: String,
    },
    /// Nobody approves their own request.
    #[error("`{by}` started the run and may not approve its steps")]
    OwnRequest {
        /// Who.
        by: String,
    },
    /// One person counts once.
    #[error("`{by}` has decided already")]
    AlreadyDecided {
        /// Who.
        by: String,
    },
    /// The question stands no more.
    #[error("the approval expired at {expired}")]
    Expired {
        /// When.
        expired: UnixMs,
    },
}

impl RunState {
    /// Applies one event.
    ///
    /// # Errors
    /// [`Refused`] if it does not fit; the state is then as it was. Check an event from outside by applying it *before*
    /// writing it to the log: a refused one must not be written.
    pub fn apply(&mut self, event: &Event) -> Result<(), Refused> {
        match (self.status, event) {
            (RunStatus::NotStarted, Event::RunStarted { .. }) => {}
            (RunStatus::NotStarted, _) => return Err(Refused::NotStarted),
            (_, Event::RunStarted { .. }) => return Err(Refused::AlreadyStarted),
            (RunStatus::Finished, _) => return Err(Refused::Finished),
            _ => {}
        }
        self.change(event)?;
        self.events += 1;
        Ok(())
    }

    fn change(&mut self, event: &Event) -> Result<(), Refused> {
        match event {
            Event::RunStarted { run, playbook, name, entry, input, vars, started_by, at } => {
                self.run.clone_from(run);
                self.playbook.clone_from(playbook);
                self.name.clone_from(name);
                self.started_by.clone_from(started_by);
                self.input = input.clone();
                self.vars = vars.clone();
                self.status = RunStatus::Running;
                self.started = Some(*at);
                self.open_scope("", None, entry, None);
            }
            Event::StepDelayed { step, until, .. } => {
                let mut state = new_step(step, StepStatus::Delayed);
                state.until = Some(*until);
                self.insert_step(state);
            }
            Event::StepStarted { step, commands, approval, retry, many, error, at } => {
                let mut state = new_step(step, StepStatus::Running);
                state.started = Some(*at);
                state.commands = commands.iter().map(new_command).collect();
                state.retry = *retry;
                state.many = *many;
                state.error = error.clone().unwrap_or_default();
                if let Some(need) = approval {
                    state.status = StepStatus::AwaitingApproval;
                    state.approval =
                        Some(ApprovalState { need: need.clone(), decisions: Vec::new(), answer: Answer::Waiting });
                }
                self.insert_step(state);
            }
            Event::BranchesOpened { place, decision, branches, vars, .. } => {
                let step = self.step_mut(place)?;
                step.decision.clone_from(decision);
                step.branches = branches.iter().map(|b| b.scope.clone()).collect();
                for branch in branches {
                    self.open_scope(&branch.scope, Some(place), &branch.first, branch.item.clone());
                }
                self.set_vars(vars);
            }
            Event::IntentRecorded { place, index, attempt, .. } => {
                let command = self.command_mut(place, *index)?;
                command.status = CommandStatus::Intended;
                command.attempts = *attempt;
            }
            Event::ActionResult { place, index, attempt, key, result, at, .. } => {
                self.result(place, *index, *attempt, key, result, *at)?;
            }
            Event::RetryScheduled { place, index, until, .. } => {
                self.command_mut(place, *index)?.status = CommandStatus::Backoff { until: *until };
            }
            Event::ApprovalDecided { .. } => self.decided(event)?,
            Event::ApprovalExpired { place, .. } => {
                let step = self.step_mut(place)?;
                if let Some(approval) = &mut step.approval {
                    approval.answer = match approval.need.on_expiry {
                        OnExpiry::Deny => Answer::Lapsed,
                        OnExpiry::Proceed => Answer::Granted,
                        OnExpiry::Fail => Answer::Expired,
                    };
                }
                step.status = StepStatus::Running;
            }
            Event::StepCompleted { place, next, output, vars, at } => {
                self.set_vars(vars);
                self.end_step(place, StepStatus::Done, output.clone(), "", next.as_ref(), *at)?;
            }
            Event::StepFailed { place, error, next, at } => {
                self.end_step(place, StepStatus::Failed, Value::Null, error, next.as_ref(), *at)?;
            }
            Event::StepDenied { place, reason, next, at } => {
                self.end_step(place, StepStatus::Denied, Value::Null, reason, next.as_ref(), *at)?;
            }
            Event::ExceptionEntered { first, error, .. } => {
                self.reason.clone_from(error);
                self.open_scope(EXCEPTION_SCOPE, None, first, None);
            }
            Event::CompensationStarted { commands, error, at } => {
                self.reason.clone_from(error);
                self.status = RunStatus::Compensating;
                self.ready.clear();
                self.open.clear();
                let mut step = new_step(&undo_ref(), StepStatus::Running);
                step.started = Some(*at);
                step.commands = commands.iter().map(new_command).collect();
                step.many = true;
                self.insert_step(step);
            }
            Event::RunResumed { .. } => {
                for place in &self.open {
                    for command in self.steps.get_mut(place).into_iter().flat_map(|s| &mut s.commands) {
                        if command.status == CommandStatus::Intended {
                            command.status = CommandStatus::Uncertain;
                        }
                    }
                }
            }
            Event::RunCancelled { by, .. } => self.cancelled_by = Some(by.clone()),
            Event::RunFinished { outcome, reason, at } => {
                self.status = RunStatus::Finished;
                self.outcome = Some(*outcome);
                self.reason.clone_from(reason);
                self.ended = Some(*at);
                self.open.clear();
                self.ready.clear();
            }
        }
        Ok(())
    }

    fn result(
        &mut self,
        place: &str,
        index: usize,
        attempt: u32,
        key: &str,
        result: &ActionOutcome,
        at: UnixMs,
    ) -> Result<(), Refused> {
        let not_waiting = || Refused::NotWaiting { place: place.to_owned() };
        let retry = self.step_mut(place)?.retry;
        let command = self.command_mut(place, index)?;
        if command.command.key != key {
            return Err(Refused::WrongKey { place: place.to_owned() });
        }
        if attempt > command.attempts {
            return Err(not_waiting());
        }
        let waits = matches!(command.status, CommandStatus::Intended | CommandStatus::Uncertain);
        // "It happened" is news whenever it comes, as long as nothing else settled the matter.
        let late_news = matches!(result, ActionOutcome::Done { .. })
            && matches!(command.status, CommandStatus::Backoff { .. } | CommandStatus::Retryable { .. });
        if !(late_news || waits && attempt == command.attempts) {
            return Err(not_waiting());
        }
        match result {
            ActionOutcome::Done { output } => {
                command.status = CommandStatus::Done;
                command.output = bounded(output);
                command.error.clear();
                self.done.push((place.to_owned(), index));
            }
            ActionOutcome::Failed { message, retryable } => {
                command.error = clip(message);
                let more = *retryable && command.attempts < retry.attempts;
                command.status = if more { CommandStatus::Retryable { at } } else { CommandStatus::Failed };
            }
            ActionOutcome::NotDone => {
                command.error = "it had not happened".to_owned();
                // Whoever says so, target or person, makes it safe to try again; what only people do they have declined.
                let more = command.command.action != MANUAL && command.attempts < retry.attempts;
                command.status = if more { CommandStatus::Retryable { at } } else { CommandStatus::Failed };
            }
            ActionOutcome::Unknown { message } => {
                command.error = clip(message);
                command.unknowns += 1;
                let repeat = command.command.mode == Mode::Idempotent && command.attempts < retry.attempts;
                command.status = if repeat { CommandStatus::Retryable { at } } else { CommandStatus::Uncertain };
            }
        }
        Ok(())
    }

    fn decided(&mut self, event: &Event) -> Result<(), Refused> {
        let Event::ApprovalDecided { place, digest, approve, by, role, comment, at } = event else { return Ok(()) };
        let own = *by == self.started_by;
        let step = self.step_mut(place)?;
        let not_waiting = Refused::NotWaiting { place: place.clone() };
        let Some(approval) = step.approval.as_mut().filter(|_| step.status == StepStatus::AwaitingApproval) else {
            return Err(not_waiting);
        };
        if approval.need.digest != *digest {
            return Err(Refused::DigestMismatch { place: place.clone() });
        }
        if *at >= approval.need.expires {
            return Err(Refused::Expired { expired: approval.need.expires });
        }
        if !approval.need.roles.contains(role) {
            return Err(Refused::RoleNotAllowed { role: role.clone(), allowed: approval.need.roles.join(", ") });
        }
        if own && *approve {
            return Err(Refused::OwnRequest { by: by.clone() });
        }
        if approval.decisions.iter().any(|d| d.by == *by) {
            return Err(Refused::AlreadyDecided { by: by.clone() });
        }
        approval.decisions.push(Decision {
            by: by.clone(),
            role: role.clone(),
            approve: *approve,
            comment: clip(comment),
            at: *at,
        });
        let agreed = approval.decisions.iter().filter(|d| d.approve).count();
        if !approve {
            approval.answer = Answer::Denied;
            step.status = StepStatus::Running;
        } else if agreed >= usize::try_from(approval.need.need).unwrap_or(usize::MAX) {
            approval.answer = Answer::Granted;
            step.status = StepStatus::Running;
        }
        Ok(())
    }

    fn end_step(
        &mut self,
        place: &str,
        status: StepStatus,
        output: Value,
        error: &str,
        next: Option<&String>,
        at: UnixMs,
    ) -> Result<(), Refused> {
        let step = self.step_mut(place)?;
        step.status = status;
        step.ended = Some(at);
        step.output = bounded(&output);
        step.error = clip(error);
        let seen = json!({"status": status.as_str(), "output": step.output, "error": step.error});
        let (slug, scope_name) = (step.slug.clone(), step.scope.clone());
        self.outputs.insert(slug, seen);
        self.open.remove(place);
        if let Some(scope) = self.scopes.get_mut(&scope_name) {
            scope.next = next.cloned();
            if scope.next.is_some() {
                self.ready.insert(scope_name);
            } else {
                scope.ended = true;
                if status == StepStatus::Failed {
                    scope.error = Some(clip(error));
                }
            }
        }
        Ok(())
    }

    fn open_scope(&mut self, name: &str, owner: Option<&String>, first: &str, item: Option<Value>) {
        let scope = ScopeState { owner: owner.cloned(), next: Some(first.to_owned()), item, ended: false, error: None };
        self.scopes.insert(name.to_owned(), scope);
        self.ready.insert(name.to_owned());
    }

    fn insert_step(&mut self, step: StepState) {
        self.ready.remove(&step.scope);
        self.open.insert(step.place.clone());
        if !self.steps.contains_key(&step.place) {
            self.order.push(step.place.clone());
        }
        self.steps.insert(step.place.clone(), step);
    }

    fn set_vars(&mut self, vars: &Map<String, Value>) {
        for (name, value) in vars {
            self.vars.insert(name.clone(), bounded(value));
        }
    }

    fn step_mut(&mut self, place: &str) -> Result<&mut StepState, Refused> {
        self.steps.get_mut(place).ok_or_else(|| Refused::UnknownStep { place: place.to_owned() })
    }

    fn command_mut(&mut self, place: &str, index: usize) -> Result<&mut CommandState, Refused> {
        let step = self.step_mut(place)?;
        step.commands.get_mut(index).ok_or_else(|| Refused::UnknownStep { place: format!("{place}#{index}") })
    }
}

pub(crate) fn undo_ref() -> StepRef {
    StepRef {
        place: UNDO_PLACE.to_owned(),
        scope: UNDO_PLACE.to_owned(),
        id: UNDO_PLACE.to_owned(),
        slug: UNDO_PLACE.to_owned(),
        name: "Take back what was done".to_owned(),
        phase: None,
        kind: "compensation".to_owned(),
    }
}

fn new_step(step: &StepRef, status: StepStatus) -> StepState {
    StepState {
        place: step.place.clone(),
        scope: step.scope.clone(),
        id: step.id.clone(),
        slug: step.slug.clone(),
        name: step.name.clone(),
        phase: step.phase,
        kind: step.kind.clone(),
        status,
        started: None,
        ended: None,
        until: None,
        commands: Vec::new(),
        retry: Retry::DEFAULT,
        many: false,
        approval: None,
        decision: String::new(),
        branches: Vec::new(),
        output: Value::Null,
        error: String::new(),
    }
}

fn new_command(command: &ResolvedCommand) -> CommandState {
    CommandState {
        command: command.clone(),
        status: CommandStatus::Ready,
        attempts: 0,
        unknowns: 0,
        output: Value::Null,
        error: String::new(),
    }
}

/// A value too large to keep says so in its place; the evidence vault is where large things go.
fn bounded(value: &Value) -> Value {
    let bytes = json_bytes(value);
    if bytes <= Limits::DEFAULT.value_bytes_max { value.clone() } else { json!({"truncated": true, "bytes": bytes}) }
}

fn clip(text: &str) -> String {
    text.chars().take(1_000).collect()
}
