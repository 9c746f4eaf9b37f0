//! Batch scanning: files, trees, git history, tables, documents and archives, for personal data, secrets and hostile
//! models.
//!
//! A [`ScanPlan`] says what to look for and within which limits; [`run`] walks its targets on several threads and gives a
//! [`ScanReport`]. [`scan_file`] looks at one file; the gate's checks are made of it.
//!
//! Invariants: bounded memory whatever the input; no value is ever whole in a finding; what could not be looked at is in
//! the report with the reason, so that silence always means that it was read. Nothing found is run, and no file is written.

mod allow;
mod archive;
mod baseline;
mod content;
mod gather;
mod git;
mod hit;
mod kind;
mod names;
mod office;
mod pdf;
mod plan;
mod report;
mod run;
mod sarif;
mod table;
mod text;
mod walk;
mod xml;

pub use archive::Packing;
pub use baseline::{Baseline, BaselineError};
pub use content::{FileScan, scan_file, scan_reader};
pub use hit::ColumnHits;
pub use kind::{FileKind, HEAD_BYTES, detect_kind};
pub use names::{NameTier, Named};
pub use plan::{Kinds, ScanPlan, SweepLimits, Target};
pub use report::{ScanReport, Totals};
pub use run::{Progress, SweepError, run};
pub use sarif::{SARIF_BYTES_MAX, sarif_within};
pub use walk::{FoundFile, list_files};
