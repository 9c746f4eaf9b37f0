//! The data plane: a reverse proxy in front of LLM and model APIs.
//!
//! Every request passes one straight line, each station a module of `station`:
//! accept → authenticate → admit → parse once → inspect input → decide → forward → inspect output as it streams →
//! settle → record. A request that fails at one station is answered there, in the dialect of its route.
//!
//! Reading order: [`config`], [`key`], [`limit`], `containment`, [`abuse`], [`inspect`], `station`, `forward`, `serve`,
//! [`Gateway`].
//!
//! Invariants: no prompt text in logs, events or errors; no call to the store on the request path; every queue, table
//! and buffer is bounded; a caller's key never goes upstream and an upstream's key never goes to a caller; nothing here
//! knows gate, response or console: they meet in the store.

pub mod abuse;
mod address;
pub mod config;
mod containment;
mod control;
mod conversation;
mod core;
pub mod feedback;
mod forward;
mod gateway;
mod head_scan;
pub mod inspect;
pub mod key;
pub mod limit;
mod metrics;
mod route;
mod serve;
mod shared;
mod signal;
mod station;

pub use config::{ConfigProblem, GatewayConfig, ResolvedSecrets, Settings, compile, compile_in};
pub use gateway::{Gateway, RunningGateway, StartError};
pub use key::{NewKey, digest, issue_key};
