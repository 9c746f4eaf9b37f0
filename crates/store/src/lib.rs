//! Durable state by aggregate: what gateway, gate, response and console share, and the only place where they meet.
//!
//! Reading order: [`model`] (what is kept), [`traits`] (what can be done with it), [`sqlite`] (the back end), [`clock`].
//!
//! Invariants: a write that returned `Ok` is on disk (WAL, `synchronous=FULL`); every row carries its tenant; every
//! write that may be repeated after a crash takes an idempotency key and says whether it was new; the store knows
//! nothing of HTTP, playbook semantics or detectors; payloads it does not act on are kept verbatim as JSON.

pub mod canonical;
pub mod clock;
mod error;
pub mod model;
pub mod sqlite;
pub mod traits;

pub use error::StoreError;
pub use traits::Store;

/// What every store call returns.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
