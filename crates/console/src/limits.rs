//! Every limit of the console in one place, with the reason for its size.

/// Largest body of a form or JSON request, in bytes: the largest form is a note.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest note or reason, in characters.
pub const TEXT_CHARS_MAX: usize = 4_000;
/// Longest name of a person, key or tenant, in characters.
pub const NAME_CHARS_MAX: usize = 64;
/// Shortest password that people may choose, in characters (NIST SP 800-63B asks for at least 8, and advises 15).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, in bytes: hashing is not a way to keep the processor busy.
pub const PASSWORD_BYTES_MAX: usize = 256;
/// Argon2 computations at once: each takes 19 MiB and tens of milliseconds.
pub const HASHES_AT_ONCE_MAX: usize = 2;
/// Connections at once; one more waits in the listen queue.
pub const CONNECTIONS_MAX: usize = 512;
/// Live-update streams at once; one more is refused and the page falls back to reloading by hand.
pub const STREAMS_MAX: usize = 128;
/// Time for a TLS handshake, in milliseconds.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;
/// Time for a request's head to arrive, in milliseconds.
pub const HEAD_MS_MAX: u64 = 10_000;
/// Rows on one page of a table.
pub const PAGE_ROWS: u32 = 25;
/// Rows that one API answer holds at most.
pub const API_ROWS_MAX: u32 = 200;
/// Cases of one state that a filtered or sorted list looks at, newest first.
pub const CASES_WINDOW: u32 = 2_000;
/// Timeline entries shown on a case.
pub const TIMELINE_MAX: u32 = 500;
/// Events and audit entries that a list scans for those that the person may see.
pub const LOG_WINDOW: u32 = 500;
/// Names and addresses with failed log-ins that are remembered.
pub const THROTTLE_ENTRIES_MAX: usize = 10_000;
/// Longest time that a containment set by hand may last, in minutes: a week.
pub const CONTAINMENT_MINUTES_MAX: u32 = 7 * 24 * 60;
/// A component that has not reported for this long counts as down, in milliseconds.
pub const COMPONENT_SILENT_MS: i64 = 60_000;
/// Components that were last heard longer ago than this are forgotten, in milliseconds.
pub const COMPONENT_FORGOTTEN_MS: i64 = 24 * 3_600_000;
/// Largest body that the Presidio routes take, in bytes: a text at its limit, escaped, with its results.
pub const PRESIDIO_BODY_BYTES_MAX: usize = 4 << 20;
/// Longest text, or all texts of one request together, that they analyze or anonymise, in bytes.
pub const PRESIDIO_TEXT_BYTES_MAX: usize = 1 << 20;
/// Most texts of one request.
pub const PRESIDIO_TEXTS_MAX: usize = 1_000;
/// Most results of an analyzer in one request.
pub const PRESIDIO_RESULTS_MAX: usize = 10_000;
/// Most patterns and words of the recognizers, or entries of the allow-list, that come with a request.
pub const PRESIDIO_PATTERNS_MAX: usize = 200;
/// Longest of them, in bytes.
pub const PRESIDIO_PATTERN_BYTES_MAX: usize = 1_000;
/// Most memory of one compiled pattern, in bytes.
pub const PRESIDIO_REGEX_BYTES_MAX: usize = 1 << 18;
