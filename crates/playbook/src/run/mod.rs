//! The interpreter: events in, state and commands out.
//!
//! A driver (casemate-respond) does this, for every run:
//! 1. append [`crate::Program::start`] to the log and apply it;
//! 2. `advance(program, &mut state, now)`, append what it returns in one durable transaction;
//! 3. carry out what `pending(&state)` asks for, one in flight by key; apply each answer, and if it is not refused append
//!    it; then 2 again. Wake up at `wake_at(&state)` and do 2;
//! 4. after a restart: `RunState::fold(log)`, append and apply `RunResumed`, then 2 and 3.

mod advance;
mod apply;
mod command;
mod event;
mod state;

pub use advance::{advance, commands_digest};
pub(crate) use apply::MANUAL;
pub use apply::Refused;
pub use command::{Command, pending, wake_at};
pub use event::{ActionOutcome, ApprovalNeed, Branch, Event, ResolvedCommand, ResolvedUndo, RunOutcome, StepRef};
pub use state::{
    Answer, ApprovalState, CommandState, CommandStatus, Decision, RunState, RunStatus, ScopeState, StepState,
    StepStatus,
};
