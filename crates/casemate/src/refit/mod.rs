//! The nightly refit: a correction is fitted to what people said of traffic, compared with what is in force over labelled rows,
//! and left in the store as a candidate. It is never put in force from here: `casemate feedback promote` does that, with the
//! people that it takes.
//!
//! Several processes may share a store. Who makes the refit of a night is settled by an event whose dedupe key names the night:
//! the first to append it makes it. One that dies on the way leaves the night open, and another takes it ten minutes later. How
//! far the nights have come is a cursor of the store: a process that starts late makes the last missed one, once.

mod fit;
mod night;
mod schedule;

pub(crate) use fit::{anchors, compare, current, fit, verdicts};
pub(crate) use night::{Nightly, Refit};
pub(crate) use schedule::Daily;
