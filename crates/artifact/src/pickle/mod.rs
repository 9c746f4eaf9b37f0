//! Pickle: a symbolic machine that follows every opcode and calls nothing.

mod literal;
mod machine;
mod names;
mod render;
mod stream;
mod value;

pub(crate) use literal::{decode_encoded, unquote};
pub(crate) use machine::StorageRef;
pub(crate) use machine::calls::item_bytes;
pub(crate) use stream::{Setting, looks_like_pickle, opcodes, scan_pickle, trace};
