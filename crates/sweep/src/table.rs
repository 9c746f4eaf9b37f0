//! Tables: a column at a time, thousands of cells in one call, with the name of the column as context.

use std::io::{Read, Seek};

use casemate_dataset::{Batch, Cell, ColumnCells, ParquetTable, Table, TableFormat, TableReport};
use casemate_detect::{Match, ScanOptions};
use casemate_finding::{Finding, Location};

use crate::{
    content::FileScan,
    hit::{self, ColumnCounter},
    names::NamesAsked,
    plan::ScanPlan,
};

/// Scans the table in `source`, whose first bytes are `head` (not in `source` any more).
pub(crate) fn scan_table(
    plan: &ScanPlan,
    path: &str,
    format: TableFormat,
    head: &[u8],
    source: impl Read,
    out: &mut FileScan,
) {
    let mut table = match Table::open(head.chain(source), format, plan.limits.table) {
        Ok(table) => table,
        Err(why) => {
            out.not_scanned(path, why.to_string());
            return;
        }
    };
    look_through(plan, path, |batch| table.read(batch), out).finish(table.finish(), out);
}

/// Scans a Parquet file.
pub(crate) fn scan_parquet(plan: &ScanPlan, path: &str, source: impl Read + Seek, out: &mut FileScan) {
    let mut table = match ParquetTable::open(source, plan.limits.table) {
        Ok(table) => table,
        Err(why) => {
            out.not_scanned(path, why.to_string());
            return;
        }
    };
    look_through(plan, path, |batch| table.read(batch), out).finish(table.finish(), out);
}

/// Looks at every batch that `read` gives until it has no more, or the scan is stopped.
fn look_through<'a>(
    plan: &'a ScanPlan,
    path: &'a str,
    mut read: impl FnMut(&mut Batch) -> bool,
    out: &mut FileScan,
) -> Columns<'a> {
    let mut found = Columns::new(plan, path);
    let mut batch = Batch::default();
    while read(&mut batch) {
        if plan.cancelled() {
            out.not_scanned(path, "the scan was stopped before its end");
            break;
        }
        found.look(&batch);
    }
    found
}

/// What was found in the columns of one table so far.
pub(crate) struct Columns<'a> {
    plan: &'a ScanPlan,
    path: &'a str,
    /// Name of the sheet, where cells have addresses.
    sheet: Option<&'a str>,
    base: ScanOptions,
    options: Vec<ScanOptions>,
    counter: ColumnCounter,
    findings: Vec<Finding>,
    asked: NamesAsked,
    bytes: u64,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(plan: &'a ScanPlan, path: &'a str) -> Self {
        Self {
            plan,
            path,
            sheet: None,
            base: plan.options(path),
            options: Vec::new(),
            counter: ColumnCounter::default(),
            findings: Vec::new(),
            asked: NamesAsked::default(),
            bytes: 0,
        }
    }

    /// Findings then name their cell, as `B2`.
    pub(crate) fn in_sheet(self, name: &'a str) -> Self {
        Self { sheet: Some(name), ..self }
    }

    /// Scans the cells of `batch`.
    pub(crate) fn look(&mut self, batch: &Batch) {
        for column in &batch.columns {
            if column.cells.is_empty() {
                continue;
            }
            while self.options.len() <= column.index {
                let name = &batch.columns[self.options.len()].name;
                self.options.push(self.base.clone().in_field(name));
            }
            self.column(column);
        }
        self.bytes += batch.bytes as u64;
    }

    fn column(&mut self, column: &ColumnCells) {
        let engine = self.plan.engine();
        let mut again: Vec<Cell> = Vec::new();
        let matches = engine.scan(&column.text, &self.options[column.index]);
        for m in self.asked.add(self.plan, &column.text, matches) {
            let Some(cell) = column.cell_at(m.span.start) else { continue };
            if m.span.end > cell.end {
                // It runs over the border of cells, where no value does: each of them is looked at on its own.
                let first = column.cells.partition_point(|c| c.start < cell.start);
                let last = column.cells.partition_point(|c| c.start < m.span.end);
                again.extend(&column.cells[first..last]);
                continue;
            }
            let value = column.text.get(m.span.range()).unwrap_or_default();
            self.record(column, cell, &m, value);
        }
        again.sort_unstable_by_key(|c| c.start);
        again.dedup();
        for cell in again {
            let text = column.cell_text(cell);
            for m in engine.scan(text, &self.options[column.index]) {
                let value = text.get(m.span.range()).unwrap_or_default();
                self.record(column, cell, &m, value);
            }
        }
    }

    fn record(&mut self, column: &ColumnCells, cell: Cell, m: &Match, value: &str) {
        if !self.counter.add(column, cell, m, value, self.plan.limits.cells_per_column_max) {
            return;
        }
        let location = Location {
            path: Some(self.path.to_owned()),
            line: Some(cell.line).filter(|line| *line > 0),
            field: Some(column.name.to_string()),
            ..Location::default()
        };
        let mut finding = hit::finding(&self.plan.key, m, value, location);
        finding.message = match self.sheet {
            Some(sheet) => format!("{} in cell {sheet}!{}{}", finding.message, letters(column.index), cell.row),
            None if cell.row > 0 => format!("{} in row {}", finding.message, cell.row),
            None => finding.message,
        };
        if cell.times > 1 {
            finding.message = format!("{} and {} more with this value", finding.message, cell.times - 1);
        }
        self.findings.push(finding);
    }

    /// Adds what was found, and what the table came to, to `out`.
    pub(crate) fn finish(mut self, report: TableReport, out: &mut FileScan) {
        let path = self.path;
        out.bytes += self.bytes;
        self.asked.finish(self.plan, path, out);
        for problem in &report.problems {
            out.form.push(problem.to_finding(path));
        }
        for reason in report.incomplete_reasons() {
            out.not_scanned(path, reason);
        }
        let values = |index: usize| report.columns.get(index).map_or(0, |c| c.cells - c.nulls);
        let columns = self.counter.finish(values);
        for hits in &columns {
            // One cell speaks for itself; several are told as a column as well.
            if hits.cells > 1 {
                out.findings.push(hits.to_finding(&self.plan.key, path));
            }
            out.hidden += hits.hidden;
        }
        out.findings.append(&mut self.findings);
        out.columns.extend(columns);
        out.table = Some(report);
    }
}

/// Column 27 as `AB`.
pub(crate) fn letters(index: usize) -> String {
    let (mut left, mut out) = (index + 1, Vec::new());
    while left > 0 {
        out.push(b'A' + ((left - 1) % 26) as u8);
        left = (left - 1) / 26;
    }
    out.iter().rev().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn columns_have_letters() {
        assert_eq!([0, 25, 26, 27, 701, 702].map(letters), ["A", "Z", "AA", "AB", "ZZ", "AAA"]);
    }
}
