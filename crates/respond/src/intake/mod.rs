//! The door for alerts: `POST /api/v1/alerts/{source}`. An alert is acknowledged once it is durable, and not before.

mod auth;
mod door;
mod refusal;

pub(crate) use door::content_hash;
pub use door::{Intake, router};
pub use refusal::Refusal;
