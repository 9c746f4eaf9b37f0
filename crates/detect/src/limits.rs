//! How far a decision may look. Each is in bytes. [`crate::StreamScanner`] relies on all of them.

/// Context words count up to this far before a candidate.
pub const CONTEXT_BEFORE: usize = 96;
/// Context words count up to this far after a candidate.
pub const CONTEXT_AFTER: usize = 40;
/// Longest run of letters and digits that is looked at as one number or code.
pub const RUN_MAX: usize = 128;
/// Longest gap between a name and the value assigned to it.
pub const ASSIGN_GAP_MAX: usize = 112;
/// What a rule `requires` is looked for this far before a candidate; after it, up to [`LOOK_AHEAD`].
pub const REQUIRED_BEFORE: usize = 512;
/// Longest match; what a rule's tail adds is not counted.
pub const MATCH_MAX: usize = 3_072;
/// Longest anchor, keyword or context word of a rule.
pub const WORD_MAX: usize = 64;
/// Text kept before the undecided part of a stream.
pub const STREAM_LEFT: usize = 640;
/// Most text a stream ever holds back.
pub const HOLD_MAX: usize = 4_096;
/// Most bytes that a candidate's decision reads after the end of its last run.
pub const LOOK_AHEAD: usize = 160;
