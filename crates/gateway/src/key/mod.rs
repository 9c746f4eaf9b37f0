//! API keys: their written form, their digest, and the table that requests are checked against.

mod digest;
mod format;
mod table;

pub use digest::digest;
pub use format::{KeyFault, KeyParts, NewKey, RANDOM_BYTES, issue_key, read_key};
pub use table::{KeyRecord, KeyTable, Known};
