//! The response engine: from an alert at the door to a case that was acted on and handed to people.
//!
//! Reading order: [`config`], [`intake`] (alerts in), `pump` (alerts to cases), `runner` (playbooks on cases),
//! [`connectors`] (what playbooks can do), [`Respond`] (all of it in one process).
//!
//! Invariants: an alert is acknowledged after it is durable; an effect happens after its intent is durable; alert text is
//! data, never markup, command or address; nothing here decides by itself what the playbook or triage decides.

pub mod config;
pub mod connectors;
pub mod egress;
pub mod intake;
pub mod inventory;
pub mod library;
pub mod pump;
pub mod runner;
mod start;
mod status;
mod strict_json;
pub mod vault;

pub use start::{Respond, RunningRespond, StartError};
