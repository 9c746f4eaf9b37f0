//! Tables: a column at a time, thousands of cells in one call, with the name of the column as context.

use std::io::Read;

use casemate_dataset::{Batch, Cell, ColumnCells, Table, TableFormat};
use casemate_detect::{Engine, Match, ScanOptions};
use casemate_finding::{Finding, Location};

use crate::{
    content::FileScan,
    hit::{self, ColumnCounter},
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
    let mut batch = Batch::default();
    let mut found = Columns { plan, path, counter: ColumnCounter::default(), findings: Vec::new() };
    let mut options: Vec<ScanOptions> = Vec::new();
    let base = plan.options(path);
    while table.read(&mut batch) {
        if plan.cancelled() {
            out.not_scanned(path, "the scan was stopped before its end");
            break;
        }
        for column in &batch.columns {
            if column.cells.is_empty() {
                continue;
            }
            while options.len() <= column.index {
                let name = &batch.columns[options.len()].name;
                options.push(base.clone().in_field(name));
            }
            scan_column(column, &options[column.index], &mut found);
        }
        out.bytes += batch.bytes as u64;
    }
    let report = table.finish();
    for problem in &report.problems {
        out.form.push(problem.to_finding(path));
    }
    for reason in report.incomplete_reasons() {
        out.not_scanned(path, reason);
    }
    let values = |index: usize| report.columns.get(index).map_or(0, |c| c.cells - c.nulls);
    let columns = found.counter.finish(values);
    for hits in &columns {
        // One cell speaks for itself; several are told as a column as well.
        if hits.cells > 1 {
            out.findings.push(hits.to_finding(&plan.key, path));
        }
        out.hidden += hits.cells.saturating_sub(plan.limits.cells_per_column_max as u64);
    }
    out.findings.append(&mut found.findings);
    out.columns.extend(columns);
    out.table = Some(report);
}

/// What was found in the columns of one table so far.
struct Columns<'a> {
    plan: &'a ScanPlan,
    path: &'a str,
    counter: ColumnCounter,
    findings: Vec<Finding>,
}

fn scan_column(column: &ColumnCells, options: &ScanOptions, found: &mut Columns<'_>) {
    let engine = Engine::builtin();
    let mut again: Vec<Cell> = Vec::new();
    for m in engine.scan(&column.text, options) {
        let Some(cell) = column.cell_at(m.span.start) else { continue };
        if m.span.end > cell.end {
            // It runs over the border of cells, where no value does: each of them is looked at on its own.
            let first = column.cells.partition_point(|c| c.start < cell.start);
            let last = column.cells.partition_point(|c| c.start < m.span.end);
            again.extend(&column.cells[first..last]);
            continue;
        }
        let value = column.text.get(m.span.range()).unwrap_or_default();
        found.record(column, cell, &m, value);
    }
    again.sort_unstable_by_key(|c| c.start);
    again.dedup();
    for cell in again {
        let text = column.cell_text(cell);
        for m in engine.scan(text, options) {
            let value = text.get(m.span.range()).unwrap_or_default();
            found.record(column, cell, &m, value);
        }
    }
}

impl Columns<'_> {
    fn record(&mut self, column: &ColumnCells, cell: Cell, m: &Match, value: &str) {
        let nth = self.counter.add(column.index, &column.name, m, value, cell.row, cell.line);
        if nth > self.plan.limits.cells_per_column_max as u64 {
            return;
        }
        let location = Location {
            path: Some(self.path.to_owned()),
            line: Some(cell.line),
            field: Some(column.name.to_string()),
            ..Location::default()
        };
        let mut finding = hit::finding(&self.plan.key, m, value, location);
        if cell.row > 0 {
            finding.message = format!("{} in row {}", finding.message, cell.row);
        }
        self.findings.push(finding);
    }
}
