//! Is the table well formed? A broken one is read differently by every reader.

use casemate_sweep::FileKind;

use crate::{Check, CheckContext, CheckReport, Seen};

pub(super) struct TableForm;

impl Check for TableForm {
    fn id(&self) -> &'static str {
        "table-form"
    }

    fn about(&self) -> &'static str {
        "every row has the same fields, quotes close, one encoding throughout; every page of a Parquet file can be read"
    }

    fn applies(&self, context: &CheckContext) -> bool {
        matches!(context.kind, FileKind::Csv | FileKind::JsonLines | FileKind::JsonTable | FileKind::Parquet)
    }

    fn run(&self, context: &CheckContext) -> Result<CheckReport, String> {
        let scan = context.content.scan()?;
        let mut seen = Vec::new();
        for finding in &scan.form {
            seen.push(Seen::held_if(context.settings.counts(finding), finding.clone()));
        }
        let summary = match &scan.table {
            Some(t) if seen.is_empty() => format!("{} rows, {}, well formed", t.rows, t.encoding.as_str()),
            Some(t) => format!("{} kinds of break in {} rows, {}", seen.len(), t.rows, t.encoding.as_str()),
            None => "no table could be read".to_owned(),
        };
        Ok(CheckReport { seen, not_scanned: scan.not_scanned.clone(), summary })
    }
}
