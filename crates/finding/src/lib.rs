//! The words that every part of Casemate shares: findings, severities, outcomes, verdicts, spans, fingerprints,
//! entities, secrets that do not print, and the ids of public taxonomies.
//!
//! Invariants: this crate depends on serde and serde_json alone, does no I/O, reads no clock and knows no other part.

mod entity;
mod finding;
mod outcome;
mod reference;
mod secret;
mod secret_source;
mod severity;
mod signal;
mod span;
mod time;

pub use entity::{Entity, EntityKind};
pub use finding::{Finding, Fingerprint, Location};
pub use outcome::{CheckResult, Outcome, Verdict};
pub use reference::{Reference, Taxonomy};
pub use secret::Secret;
pub use secret_source::{SecretReader, SecretSource};
pub use severity::Severity;
pub use signal::Signal;
pub use span::Span;
pub use time::UnixMs;
