//! The model artifact scanner: containers, the symbolic pickle machine, format readers. Never runs what it reads.
//!
//! [`scan_path`] and [`scan_bytes`] say what a file can do when it is loaded ([`ArtifactSeverity`]), whether all of it
//! was read (`complete`) and whether its structure says two different things (`tampered`). Formats are identified by
//! content; every reader whose magic matches runs.
//!
//! Invariants: synchronous; no file is written; nothing recurses over input; no length is trusted before it is checked
//! against what is there; the verdict does not depend on what is installed on the machine. Of other files it is only looked
//! whether one of a name that the file imports lies in its folder ([`scan_path`]; never for [`scan_bytes`]).

mod advice;
mod bom;
mod budget;
mod compare;
mod config;
mod container;
mod cursor;
mod explain;
mod format;
mod identify;
mod pickle;
mod policy;
mod report;
mod rules;
mod scan;
mod source;
mod tree;

pub use advice::conversion_advice;
pub use bom::ml_bom;
pub use compare::{NpyHeader, npy_header, pickle_opcodes, safetensors_layout, zip_members};
pub use config::ScanConfig;
pub use explain::{ExplainLine, explain_bytes, explain_path};
pub use report::{ArtifactFinding, ArtifactSeverity, FileReport, ScanDocument, TreeNode};
pub use rules::{RULES, Rule};
pub use scan::{scan_bytes, scan_path};
pub use tree::render_tree;
