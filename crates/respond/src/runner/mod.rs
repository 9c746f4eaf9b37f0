//! Playbooks on cases, durably: the driver of casemate-playbook's interpreter.
//!
//! Reading order: `live` (one run in memory and in the log), `turn` (drives it as far as it goes), `questions` (people),
//! `history` (what the case's timeline says of it), `scheduler` (which run is driven when).
//!
//! Invariants: the intent of an effect is in the log before the effect; a result is in the log before what follows from it;
//! a run that fails to write is forgotten and read again from the log, which is the truth.

mod history;
mod live;
mod questions;
mod scheduler;
mod start;
mod turn;

pub use scheduler::{Runner, RunnerFigures};
pub use start::{Starter, new_run};
