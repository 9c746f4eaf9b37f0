//! Tables: CSV, JSON Lines, Parquet and the rows of sheets read in bounded memory, with a profile of each column, the place of each cell, and every
//! break in the form said.
//!
//! ```
//! use casemate_dataset::{Batch, Table, TableFormat, TableLimits};
//! let csv = "name;city\nAnna;Ulm\nBen\n";
//! let mut table = Table::open(csv.as_bytes(), TableFormat::Csv, TableLimits::default()).unwrap();
//! let mut batch = Batch::default();
//! while table.read(&mut batch) {}
//! let report = table.finish();
//! assert_eq!((report.rows, report.columns[1].name.as_str()), (2, "city"));
//! assert_eq!(report.problems[0].kind.rule(), "dataset/ragged-row");
//! ```
//!
//! How a read goes: the head says encoding, delimiter and header; a state machine cuts records; cells are gathered by
//! column into a [`Batch`], so that a detector is called once for thousands of cells with the header as context; profiles
//! take each cell as it passes. A table is never held whole.
//!
//! Invariants: synchronous, no clock, no randomness; nothing here knows what personal data or a secret is. Broken input
//! is a [`Problem`] or an incomplete report with the reason, never a panic; `Err` is for what is no text at all.

mod batch;
mod csv;
mod dialect;
mod distinct;
mod encoding;
mod json;
mod limits;
mod lines;
mod parquet;
mod problem;
mod profile;
mod sheet;
mod table;
mod values;

pub use batch::{Batch, Cell, ColumnCells};
pub use csv::{CsvReader, Record};
pub use dialect::{Dialect, detect_dialect};
pub use distinct::Distinct;
pub use encoding::{DecodingReader, Encoding, NotText, detect_encoding};
pub use limits::TableLimits;
pub use parquet::{ParquetError, ParquetTable};
pub use problem::{Problem, ProblemKind};
pub use profile::{ColumnProfile, ColumnType};
pub use sheet::{SheetTable, days_as_date};
pub use table::{Table, TableFormat, TableReport};
