//! The demonstration: a built-in model server with its own listener, and a scripted play that speaks to the real
//! listeners of gateway, response and console over loopback, as clients, attackers and analysts would.
//!
//! Invariants: it knows no other part of Casemate, only HTTP (and one function that runs the gate, handed in by the
//! binary); it never speaks to an address outside 127.0.0.0/8; every loop ends; what a scene reports as observed was
//! read back from the listeners, never assumed.

mod client;
pub mod model;
mod play;
mod scenes;

pub use client::{Answer, CallError, Caller};
pub use play::{GateAnswer, GateRun, Play, PlayReport, Progress, SceneReport, Stage};
