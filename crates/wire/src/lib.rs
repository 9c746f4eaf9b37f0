//! LLM wire formats as they pass through a proxy: what we act on is read, all other bytes stay as they are.
//!
//! Reading order: [`Dialect`], [`json`] (strict one-pass reader over the original bytes), [`Edits`] (changes to those
//! bytes), [`request`] and [`carrier`] (what a request asks, and every text in it), [`answer`] (every text that comes
//! back, whole or as stream events), [`sse`] (the event-stream codec), [`usage`], [`WireError`].
//!
//! Invariants: no I/O, no clock, no HTTP library; hostile bytes give an error or a finding, never a panic; a document
//! that nobody edits is forwarded byte for byte.

mod dialect;
pub mod json;

mod edit;
pub mod request;

pub mod carrier;

pub mod answer;

pub mod sse;

pub mod usage;

mod error;

pub use dialect::Dialect;
pub use edit::{Edits, escape_into};
pub use error::{ErrorKind, WireError};
