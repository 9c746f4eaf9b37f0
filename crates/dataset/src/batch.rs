//! Cells gathered by column, so that what looks for a thing in them is called once for many.

use std::sync::Arc;

/// Stands between two cells of a column's text.
pub(crate) const SEPARATOR: char = '\n';

/// Where one cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// First byte in [`ColumnCells::text`].
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Row, from 1; the header is row 0, and so is what no row shows.
    pub row: u64,
    /// Line in the file, from 1; 0 in a format without lines.
    pub line: u64,
    /// Cells of the column that hold this very value, of which this is the first: a dictionary's value is here once.
    pub times: u64,
}

/// Cells of one column, joined by line feeds. Empty cells are left out.
#[derive(Clone, Debug, Default)]
pub struct ColumnCells {
    /// Name of the column; for JSON the path of the field, as `user.emails[]`.
    pub name: Arc<str>,
    /// Index of the column.
    pub index: usize,
    /// The cells, one after the other.
    pub text: String,
    /// Where each cell is in `text`, in order.
    pub cells: Vec<Cell>,
}

impl ColumnCells {
    pub(crate) fn push(&mut self, text: &str, row: u64, line: u64) -> usize {
        self.push_times(text, row, line, 1)
    }

    pub(crate) fn push_times(&mut self, text: &str, row: u64, line: u64, times: u64) -> usize {
        if text.is_empty() {
            return 0;
        }
        if !self.cells.is_empty() {
            self.text.push(SEPARATOR);
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.cells.push(Cell { start, end: self.text.len(), row, line, times });
        text.len() + 1
    }

    /// The cell that holds byte `at` of the text; `None` for a separator.
    pub fn cell_at(&self, at: usize) -> Option<Cell> {
        let index = self.cells.partition_point(|c| c.end <= at);
        self.cells.get(index).filter(|c| c.start <= at).copied()
    }

    /// The text of `cell`.
    pub fn cell_text(&self, cell: Cell) -> &str {
        self.text.get(cell.start..cell.end).unwrap_or_default()
    }
}

/// Some rows of a table, by column. Reused from read to read.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Columns that have cells in this batch and those that had some before.
    pub columns: Vec<ColumnCells>,
    /// Rows in this batch.
    pub rows: u64,
    /// Bytes of cells in this batch.
    pub bytes: usize,
}

impl Batch {
    pub(crate) fn clear(&mut self) {
        for column in &mut self.columns {
            column.text.clear();
            column.cells.clear();
        }
        self.rows = 0;
        self.bytes = 0;
    }

    /// Column `index`, made if it is new.
    pub(crate) fn column(&mut self, index: usize, name: impl Fn(usize) -> Arc<str>) -> &mut ColumnCells {
        while self.columns.len() <= index {
            let index = self.columns.len();
            self.columns.push(ColumnCells { name: name(index), index, ..ColumnCells::default() });
        }
        &mut self.columns[index]
    }
}

#[cfg(test)]
mod tests {
    use super::ColumnCells;

    #[test]
    fn cells_are_found_by_byte() {
        let mut column = ColumnCells::default();
        for (i, text) in ["ab", "", "cde"].iter().enumerate() {
            column.push(text, i as u64 + 1, i as u64 + 2);
        }
        assert_eq!(column.text, "ab\ncde");
        let rows: Vec<Option<u64>> = (0..7).map(|at| column.cell_at(at).map(|c| c.row)).collect();
        assert_eq!(rows, [Some(1), Some(1), None, Some(3), Some(3), Some(3), None]);
    }
}
