//! The store's behaviour: one conformance suite for every back end, and what is SQLite's own.

mod conformance;
mod sqlite;
