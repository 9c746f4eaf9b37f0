//! Writers of findings and verdicts: JSON, SARIF 2.1.0, a table for people, Markdown and JUnit.
//!
//! ```
//! use casemate_finding::{CheckResult, Outcome};
//! use casemate_report::{Document, Style, to_table};
//! let check = CheckResult {
//!     check: "file-type".into(),
//!     subject: "model.pkl".into(),
//!     outcome: Outcome::Pass,
//!     reason: "content and extension agree".into(),
//!     findings: vec![],
//! };
//! let document = Document::new("gate", "0.1.0", vec![check]);
//! assert!(to_table(&document, &Style::plain()).starts_with("PASS"));
//! ```
//!
//! Invariants: no I/O, no clock, no randomness: the same document gives the same bytes. Knows findings and nothing of
//! who made them. What it writes holds no control character of what it was given, whatever file names say.

mod document;
mod json;
mod junit;
mod markdown;
mod printable;
mod sarif;
mod table;
mod tally;
mod wrap;

pub use document::{Document, NotScanned, Subject, Suppression};
pub use json::{JSON_SCHEMA_ID, to_json};
pub use junit::to_junit;
pub use markdown::to_markdown;
pub use printable::printable;
pub use sarif::{SarifLimits, to_sarif, to_sarif_value};
pub use table::{Style, to_table};
pub use tally::Tally;
