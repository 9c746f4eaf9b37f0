//! What stands around a place of a file, as pseudo-code: every import and call that an unpickler would make.

use std::path::Path;

use crate::ScanConfig;
use crate::budget::Budget;
use crate::pickle;
use crate::source::Source;

/// One line of pseudo-code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainLine {
    /// Offset of the opcode in the explained part.
    pub offset: u64,
    /// The import, call or state change as Python would write it.
    pub text: String,
}

/// Lines shown before and after the place that was asked for.
const AROUND: usize = 12;

/// Decompiles the pickle in `bytes` (a file, or a member that the caller took out) around `offset`: at most
/// twelve imports and calls before it and twelve from it on. Nothing is run. Empty when `bytes` holds no pickle.
pub fn explain_bytes(bytes: &[u8], offset: u64, config: &ScanConfig) -> Vec<ExplainLine> {
    explain(&Source::borrowed(bytes), offset, config)
}

/// [`explain_bytes`] for a member of a file, named as in a finding (`archive/data.pkl`, empty for the file itself).
///
/// # Errors
/// When the file cannot be read.
pub fn explain_path(path: &Path, member: &str, offset: u64, config: &ScanConfig) -> std::io::Result<Vec<ExplainLine>> {
    let (found, _) = crate::scan::with_member(path, member, config, |source| explain(source, offset, config))?;
    Ok(found.unwrap_or_default())
}

fn explain(source: &Source<'_>, offset: u64, config: &ScanConfig) -> Vec<ExplainLine> {
    let budget = Budget::new(config);
    let lines = pickle::trace(source, config, &budget);
    let first = lines.partition_point(|(at, _)| *at < offset).saturating_sub(AROUND);
    lines.into_iter().skip(first).take(2 * AROUND).map(|(offset, text)| ExplainLine { offset, text }).collect()
}
