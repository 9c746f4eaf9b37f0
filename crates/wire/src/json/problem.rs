//! Why a document was refused.

/// Why a document was refused; every offset is in bytes from its start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonProblem {
    /// Longer than the limit.
    #[error("the body has {bytes} bytes, over the limit of {bytes_max}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Not UTF-8.
    #[error("the body is not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// First byte that is not.
        offset: usize,
    },
    /// Not JSON.
    #[error("the body is not JSON: expected {expected} at byte {offset}")]
    Syntax {
        /// Where.
        offset: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// The same key twice in one object: two parsers may read two different messages.
    #[error("an object has the same key twice, the second at byte {offset}")]
    DuplicateKey {
        /// The second key.
        offset: usize,
    },
    /// A `\u` escape that is half of a pair.
    #[error("a string has half of a surrogate pair at byte {offset}")]
    LoneSurrogate {
        /// The escape.
        offset: usize,
    },
    /// A number beyond what a double holds: one reader takes it as infinity, another refuses it.
    #[error("a number at byte {offset} is too large")]
    Number {
        /// Its first character.
        offset: usize,
    },
    /// Nested too deeply.
    #[error("the body is nested deeper than {depth_max} levels at byte {offset}")]
    TooDeep {
        /// The bracket that went too far.
        offset: usize,
        /// The limit.
        depth_max: u16,
    },
    /// Too many values.
    #[error("the body has more than {values_max} values")]
    TooManyValues {
        /// The limit.
        values_max: u32,
    },
}
