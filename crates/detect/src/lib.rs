//! The text detection engine: personal data and secrets in one pass, streaming, anonymisation. Text in, matches out.
//!
//! ```
//! use casemate_detect::{Engine, ScanOptions, redact};
//! let text = "write to anna@firma.de";
//! let matches = Engine::builtin().scan(text, &ScanOptions::default());
//! assert_eq!(matches[0].label(), "EMAIL_ADDRESS");
//! assert_eq!(redact(text, &matches), "write to [REDACTED:EMAIL_ADDRESS]");
//! ```
//!
//! How a scan goes: one pass finds every anchor and context word of every rule; a second pass stops at
//! digits and `@` only; candidates go through shape, check digits and a score (sum of logits: the rule's prior, context
//! words near by, evidence against); overlaps are resolved left to right; what scores below the operating point is
//! dropped. Every decision looks at a bounded neighbourhood ([`limits`]), which is what makes [`StreamScanner`] give the
//! same matches as [`Engine::scan`] for every way to cut the text.
//!
//! Invariants: synchronous, no I/O, no clock, no randomness; nothing here knows HTTP, SQL or files. No backtracking.

mod anonymise;
mod bytes;
pub mod decode;
mod find;
mod fingerprint;
mod kind;
pub mod limits;
mod matched;
mod options;
mod redact;
mod rule;
mod scan;
mod secret;
mod stream;
mod validate;

pub use anonymise::{Anonymiser, FormatPreserving, Operator, Operators, PreserveError, Vault, VaultError, restore};
pub use fingerprint::{Key, fingerprint, mask};
pub use kind::{Kind, Kinds};
pub use matched::Match;
pub use options::{OperatingPoint, ScanOptions};
pub use redact::{redact, redact_with};
pub use rule::{Finder, OnFail, Rule, RuleError, RuleSet, RuleSpec, render_example};
pub use scan::Engine;
pub use stream::{StreamRedactor, StreamScanner};
