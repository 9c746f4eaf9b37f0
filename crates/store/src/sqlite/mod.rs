//! The SQLite back end: one file in WAL mode with `synchronous=FULL`, one writer with group commit, a few readers.
//!
//! Reading order: [`SqliteStore`], `writer` (group commit), `schema` (migrations), then a file for each aggregate.
//! Several processes may share the file: each has its own writer, and SQLite's write lock orders them.

mod counter;
mod fault;
mod open;
mod schema;
mod writer;

mod alerts;
mod approvals;
mod audit;
mod cases;
mod claim;
mod components;
mod containments;
mod events;
mod evidence;
mod ingest;
mod keys;
mod people;
mod rulings;
mod runs;

pub use open::{SqliteOptions, SqliteStore};
