//! Is there anything to look at? An empty file or a table without rows passes every other check by saying nothing.

use std::fs::File;

use casemate_dataset::{Batch, ParquetTable, Table, TableFormat, TableLimits};
use casemate_finding::{Finding, Location, Severity};
use casemate_sweep::FileKind;

use super::whole_fingerprint;
use crate::{Check, CheckContext, CheckReport, Seen, SubjectKind};

pub(super) struct Input;

/// Bytes of data that may pass with no rows: none. Bytes at all that a subject may have is a setting.
const EMPTY: &str = "gate/empty-input";
const NO_ROWS: &str = "gate/no-rows";
const FILL: &str = "Find out what should have filled it.";

impl Check for Input {
    fn id(&self) -> &'static str {
        "input"
    }

    fn about(&self) -> &'static str {
        "the subject has content, a table has rows, and neither is larger than the limit"
    }

    fn always_enforced(&self) -> bool {
        true
    }

    fn applies(&self, _: &CheckContext) -> bool {
        true
    }

    fn run(&self, context: &CheckContext) -> Result<CheckReport, String> {
        let size = context.size_bytes();
        if size == 0 {
            return Ok(refused(context, EMPTY, "the file is empty", "Find out what should have written it."));
        }
        if size > context.settings.bytes_max {
            let text = format!("the file has {size} bytes; the limit is {}", context.settings.bytes_max);
            return Ok(refused(context, "gate/too-large", &text, "Split it, or raise bytes_max of the check `input`."));
        }
        if context.kind == FileKind::Parquet && context.subject.kind != SubjectKind::Model {
            return parquet(context, size);
        }
        let format = match context.kind {
            FileKind::Csv => TableFormat::Csv,
            FileKind::JsonLines => TableFormat::JsonLines,
            FileKind::JsonTable => TableFormat::Json,
            _ => return Ok(CheckReport::clean(format!("{size} bytes, {}", context.kind.as_str()))),
        };
        if context.subject.kind == SubjectKind::Model {
            return Ok(CheckReport::clean(format!("{size} bytes")));
        }
        let file = File::open(&context.subject.path).map_err(|e| format!("cannot be opened: {e}"))?;
        let Ok(mut table) = Table::open(file, format, TableLimits::default()) else {
            // What is no text is the business of the checks that read it.
            return Ok(CheckReport::clean(format!("{size} bytes, no table that can be read")));
        };
        let mut batch = Batch::default();
        while table.read(&mut batch) {
            if batch.rows > 0 {
                return Ok(CheckReport::clean(format!("{size} bytes, a table with rows")));
            }
            if context.cancelled() {
                return Err("stopped before the first row".into());
            }
        }
        Ok(refused(context, NO_ROWS, "the table has a header and no row", FILL))
    }
}

/// A Parquet table says in its footer how many rows it has; that they can be read is the business of `table-form`.
fn parquet(context: &CheckContext, size: u64) -> Result<CheckReport, String> {
    let file = File::open(&context.subject.path).map_err(|e| format!("cannot be opened: {e}"))?;
    let Ok(table) = ParquetTable::open(file, TableLimits::default()) else {
        return Ok(CheckReport::clean(format!("{size} bytes, no table that can be read")));
    };
    Ok(match table.rows_promised() {
        0 => refused(context, NO_ROWS, "the table has columns and no row", FILL),
        rows => CheckReport::clean(format!("{size} bytes, a table of {rows} rows")),
    })
}

fn refused(context: &CheckContext, rule: &str, message: &str, remedy: &str) -> CheckReport {
    let finding = Finding {
        rule: rule.to_owned(),
        severity: Severity::High,
        message: message.to_owned(),
        location: Location { path: Some(context.shown.clone()), ..Location::default() },
        evidence: String::new(),
        score: 1.0,
        fingerprint: whole_fingerprint(rule, context.sha256()),
        remedy: remedy.to_owned(),
        references: Vec::new(),
    };
    CheckReport { seen: vec![Seen::held_if(true, finding)], summary: message.to_owned(), ..CheckReport::default() }
}
