//! Personal data and secrets in data subjects: by column for tables, by place for text, documents and archives.

use casemate_finding::Finding;
use casemate_sweep::{ColumnHits, FileKind, FileScan};

use crate::{Check, CheckContext, CheckReport, Seen, SubjectKind};

/// A check for one family of what the detectors find.
pub(super) struct ContentHits {
    id: &'static str,
    about: &'static str,
    /// Rules of the family begin so.
    prefix: &'static str,
    noun: &'static str,
}

/// Personal data.
pub(super) const PII: ContentHits = ContentHits {
    id: "pii",
    about: "the data holds no personal data over the thresholds",
    prefix: "pii/",
    noun: "personal data",
};

/// Secrets.
pub(super) const SECRETS: ContentHits = ContentHits {
    id: "secrets",
    about: "the data holds no keys, passwords or tokens",
    prefix: "secret/",
    noun: "secrets",
};

/// Columns named in the summary.
const COLUMNS_NAMED_MAX: usize = 5;

impl Check for ContentHits {
    fn id(&self) -> &'static str {
        self.id
    }

    fn about(&self) -> &'static str {
        self.about
    }

    fn applies(&self, context: &CheckContext) -> bool {
        // Weights hold no text; an archive of a model may (a tokenizer, a configuration).
        let weights = matches!(context.kind, FileKind::Model) && context.subject.kind != SubjectKind::Data;
        context.kind != FileKind::Empty && !weights
    }

    fn run(&self, context: &CheckContext) -> Result<CheckReport, String> {
        let scan = context.content.scan()?;
        let settings = &context.settings;
        let mine: Vec<&Finding> = scan
            .findings
            .iter()
            .filter(|f| f.rule.starts_with(self.prefix))
            .filter(|f| !scan.suppressions.iter().any(|s| s.fingerprint == f.fingerprint) || !settings.honour_comments)
            .collect();
        let columns: Vec<&ColumnHits> = scan.columns.iter().filter(|c| c.rule.starts_with(self.prefix)).collect();
        let over = |c: &&&ColumnHits| settings.column_holds(c);
        let seen = mine.iter().map(|f| Seen::held_if(self.holds(context, f, &columns), (*f).clone())).collect();
        let mut not_scanned = scan.not_scanned.clone();
        if scan.bytes == 0 && !scan.binaries.is_empty() && context.subject.kind == SubjectKind::Data {
            not_scanned.push(casemate_report::NotScanned {
                path: context.shown.clone(),
                reason: format!("{} bytes hold no text that is read", scan.binaries.join(", ")),
            });
        }
        let held = columns.iter().filter(over).count();
        let summary = self.summary(scan, &mine, &columns, held);
        Ok(CheckReport { seen, not_scanned, summary })
    }
}

impl ContentHits {
    /// A cell holds when its column does: one stray match in a million rows is a matter of the thresholds.
    fn holds(&self, context: &CheckContext, finding: &Finding, columns: &[&ColumnHits]) -> bool {
        if !context.settings.counts(finding) {
            return false;
        }
        let column = columns
            .iter()
            .find(|c| c.rule == finding.rule && finding.location.field.as_deref() == Some(c.column.as_str()));
        column.is_none_or(|c| context.settings.column_holds(c))
    }

    fn summary(&self, scan: &FileScan, mine: &[&Finding], columns: &[&ColumnHits], held: usize) -> String {
        let size = match &scan.table {
            Some(t) => format!("{} rows, {} columns", t.rows, t.columns.len()),
            None => format!("{} bytes of text", scan.bytes),
        };
        if mine.is_empty() && columns.is_empty() {
            return format!("no {} in {size}", self.noun);
        }
        if columns.is_empty() {
            let n = mine.len();
            return format!("{} in {n} {} of {size}", self.noun, if n == 1 { "place" } else { "places" });
        }
        let mut named: Vec<String> = columns
            .iter()
            .take(COLUMNS_NAMED_MAX)
            .map(|c| format!("{} {} ({} of {})", c.column, c.label, c.cells, c.of_cells))
            .collect();
        if columns.len() > COLUMNS_NAMED_MAX {
            named.push(format!("and {} more", columns.len() - COLUMNS_NAMED_MAX));
        }
        let over = if held == columns.len() { String::new() } else { format!(", {held} over the thresholds") };
        format!("{} in {size}: {}{over}", self.noun, named.join(", "))
    }
}
