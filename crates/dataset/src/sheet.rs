//! Rows of a sheet, as a table: which of the first rows names the columns is found out.

use std::sync::Arc;

use crate::{
    Batch, Encoding, ProblemKind, TableFormat, TableLimits, TableReport,
    dialect::is_header,
    parquet,
    problem::Problems,
    profile::Profiler,
    table::{header_name, unnamed},
};

/// Rows that are looked at for the one that names the columns: sheets begin with titles and remarks.
const HEADER_ROWS_MAX: usize = 16;
/// Bytes of rows that are held for it.
const HEADER_BYTES_MAX: usize = 1 << 20;

type Row = (u64, Vec<(usize, String)>);

/// Takes rows of cells, and gives them on by column.
#[derive(Default)]
pub struct SheetTable {
    limits: TableLimits,
    /// The first rows, until it is known which of them is the header.
    held: Vec<Row>,
    held_bytes: usize,
    settled: bool,
    names: Vec<Arc<str>>,
    profiles: Vec<Profiler>,
    problems: Problems,
    header: u64,
    rows: u64,
    batch: Batch,
}

impl SheetTable {
    /// A table within `limits`.
    pub fn new(limits: TableLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds a row: its number in the sheet, and its cells, each with its column from 0.
    pub fn push(&mut self, number: u64, cells: Vec<(usize, String)>) {
        if self.settled {
            self.add(number, &cells);
            return;
        }
        self.held_bytes += cells.iter().map(|c| c.1.len()).sum::<usize>();
        self.held.push((number, cells));
        if self.held.len() >= HEADER_ROWS_MAX || self.held_bytes >= HEADER_BYTES_MAX {
            self.settle();
        }
    }

    /// True when there are enough cells to be looked at: call [`Self::take`].
    pub fn is_full(&self) -> bool {
        self.batch.bytes >= self.limits.batch_bytes || self.batch.rows >= self.limits.batch_rows as u64
    }

    /// Gives `look` the cells that came since the last time. Line and row of a cell are its row's number in the sheet.
    pub fn take(&mut self, look: impl FnOnce(&Batch)) {
        look(&self.batch);
        self.batch.clear();
    }

    /// Ends the table: what is held goes to `look`, and the report comes back.
    pub fn finish(mut self, look: impl FnOnce(&Batch)) -> TableReport {
        if !self.settled {
            self.settle();
        }
        look(&self.batch);
        let name = |i: usize| self.names.get(i).map_or_else(|| unnamed(i), Arc::clone);
        let mut columns = Vec::with_capacity(self.profiles.len());
        for (i, profile) in self.profiles.iter_mut().enumerate() {
            profile.add_missing(self.rows.saturating_sub(profile.cells()));
            columns.push(profile.finish(&name(i)));
        }
        TableReport {
            format: TableFormat::Sheet,
            encoding: Encoding::Utf8,
            dialect: None,
            rows: self.rows,
            columns,
            problems: self.problems.into_vec(),
        }
    }

    /// Finds the header among the held rows: the widest of them, the first of several, if it looks like one.
    fn settle(&mut self) {
        self.settled = true;
        let held = std::mem::take(&mut self.held);
        let filled = |row: &Row| {
            let mut columns: Vec<usize> = row.1.iter().filter(|c| !c.1.is_empty()).map(|c| c.0).collect();
            columns.sort_unstable();
            columns.dedup();
            columns.len()
        };
        let widest = held.iter().map(filled).max().unwrap_or(0);
        let header = held.iter().position(|row| filled(row) == widest).filter(|at| {
            let bytes: Vec<Vec<u8>> =
                held[*at].1.iter().filter(|c| !c.1.is_empty()).map(|c| c.1.clone().into_bytes()).collect();
            widest > 0 && is_header(&bytes)
        });
        if let Some((number, cells)) = header.map(|at| &held[at]) {
            self.header = *number;
            for (column, text) in cells {
                // Two cells of one place are no two columns.
                if (self.names.len()..self.limits.columns_max).contains(column) {
                    while self.names.len() < *column {
                        self.names.push(unnamed(self.names.len()));
                    }
                    let name = header_name(text, *column, &self.names, &mut self.problems);
                    self.names.push(name);
                }
            }
        }
        for (number, cells) in held {
            self.add(number, &cells);
        }
    }

    fn add(&mut self, number: u64, cells: &[(usize, String)]) {
        // Titles above the header are no values of the column.
        let row = number > self.header;
        self.rows += u64::from(row);
        self.batch.rows += 1;
        for (index, text) in cells {
            if *index >= self.limits.columns_max {
                let max = self.limits.columns_max;
                let detail = || format!("a row has more than {max} columns; the others were not seen");
                self.problems.add(ProblemKind::TooManyColumns, number, detail);
                continue;
            }
            if row {
                if self.profiles.len() <= *index {
                    self.profiles.resize_with(*index + 1, Profiler::default);
                }
                self.profiles[*index].add(text.as_bytes());
            }
            let names = &self.names;
            let column = self.batch.column(*index, |i| names.get(i).map_or_else(|| unnamed(i), Arc::clone));
            self.batch.bytes += column.push(text, number, number);
        }
    }
}

/// Days since 1970 as `2026-11-22`.
pub fn days_as_date(days: i64) -> String {
    let mut out = String::new();
    parquet::date(days, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::{SheetTable, days_as_date};
    use crate::TableLimits;

    fn row(cells: &[(usize, &str)]) -> Vec<(usize, String)> {
        cells.iter().map(|(at, text)| (*at, (*text).to_owned())).collect()
    }

    #[test]
    fn the_header_is_found_below_a_title() {
        let mut table = SheetTable::new(TableLimits::default());
        table.push(1, row(&[(0, "Staff 2026")]));
        table.push(3, row(&[(0, "name"), (2, "mail")]));
        table.push(4, row(&[(0, "Ann"), (2, "ann@firma.de")]));
        table.push(5, row(&[(0, "Ben")]));
        let mut seen = Vec::new();
        let report = table.finish(|batch| {
            for column in &batch.columns {
                for cell in &column.cells {
                    seen.push((column.name.to_string(), column.cell_text(*cell).to_owned(), cell.row));
                }
            }
        });
        assert!(seen.contains(&("mail".into(), "ann@firma.de".into(), 4)), "{seen:?}");
        assert!(seen.contains(&("name".into(), "Staff 2026".into(), 1)), "titles are read too");
        assert_eq!((report.rows, report.columns[2].nulls, report.columns[0].cells), (2, 1, 2));
    }

    #[test]
    fn columns_at_the_limit_and_past_it() {
        let limits = TableLimits { columns_max: 2, ..TableLimits::default() };
        for (last, problems) in [(1, 0), (2, 1)] {
            let mut table = SheetTable::new(limits);
            table.push(1, row(&[(0, "1"), (last, "2")]));
            assert_eq!(table.finish(|_| ()).problems.len(), problems);
        }
        assert_eq!(days_as_date(20_779), "2026-11-22");
    }
}
