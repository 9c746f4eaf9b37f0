//! Injection, toxicity and similarity: the embedded classifiers. Text in, calibrated scores out.
//!
//! Invariants: no I/O, no clock, no randomness but from a seed that is a parameter; nothing of the workspace but
//! `casemate-finding`. Every span leads back to bytes of the text that was given.

pub mod canary;
mod channel;
mod check;
mod classifier;
pub mod external;
pub mod feedback;
pub mod model;
pub mod rules;
pub mod session;
pub mod similarity;
pub mod text;
pub mod train;
pub mod views;

pub use canary::{CanaryError, CanaryForm, CanaryHit, CanarySet, CanaryStream};
pub use channel::{Channel, Decision, Thresholds};
pub use check::{CheckScore, CustomCheck};
pub use classifier::{AssessLimits, Assessment, ClassFinding, Classifier};
