//! Strict JSON over borrowed bytes: one pass that checks everything two parsers could read differently, and leaves a
//! flat list of nodes with byte offsets, so that single strings can be looked at and changed in place.
//!
//! Strict means: UTF-8 throughout, no duplicate key in an object (compared after unescaping), no lone surrogate, no
//! control character in a string, numbers after RFC 8259 grammar, nothing after the value, depth and count bounded.

mod problem;
mod scanner;
mod unescaper;
mod value;

pub use problem::JsonProblem;
pub use unescaper::Unescaper;
pub use value::{Doc, Kind, Value};

/// Bounds of one document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// Longest document in bytes; at most 4 GiB − 1 whatever is set.
    pub bytes_max: usize,
    /// Deepest nesting of arrays and objects.
    pub depth_max: u16,
    /// Most values, keys included.
    pub values_max: u32,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self { bytes_max: 16 << 20, depth_max: 64, values_max: 1 << 20 }
    }
}
