//! The response engine end to end: a real SQLite file, real HTTP, real playbooks; the one stub is a counting target.

mod configuration;
mod crash;
mod intake;
mod situations;
mod stub;
mod world;
