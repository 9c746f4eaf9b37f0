//! From events and raw alerts to cases: gateway and gate events become alerts, alerts are mapped, correlated, scored,
//! decided on and written with the runs that they start.
//!
//! Invariants: an alert is triaged once; what correlation remembers is rebuilt from the store after a crash or a refused
//! write; nothing here acts on anything: acting is the runner's.

mod events;
mod mapping;
mod stage;
mod triage;

pub use stage::{Pump, PumpFigures};
