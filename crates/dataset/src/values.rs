//! Columns of JSON values: one for each path.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    Batch, ProblemKind,
    json::{JsonError, Sink, walk},
    problem::Problems,
    profile::Profiler,
};

/// Column of lines that are no JSON.
const RAW: &str = "(raw)";
/// Column of keys that are met for the first time.
const KEYS: &str = "(keys)";
/// Column of everything past the limit on columns.
const OTHER: &str = "(other fields)";

/// Finds the column of a path.
pub(crate) struct ValueColumns {
    by_path: HashMap<Box<str>, usize>,
    /// Paths of objects and arrays, which have no column.
    containers: HashSet<Box<str>>,
    names: Vec<Arc<str>>,
    columns_max: usize,
    pending: String,
    cells: Vec<Pending>,
}

/// A scalar of a value that is not yet known to be whole.
struct Pending {
    column: usize,
    start: usize,
    end: usize,
    row: u64,
    /// Keys are text to be scanned but no value of the table.
    profiled: bool,
}

struct Collector<'a> {
    columns: &'a mut ValueColumns,
    row: u64,
    rows_seen: bool,
    duplicates: u64,
}

impl Collector<'_> {
    fn put(&mut self, column: usize, text: &str, profiled: bool) {
        let start = self.columns.pending.len();
        self.columns.pending.push_str(text);
        let end = self.columns.pending.len();
        self.columns.cells.push(Pending { column, start, end, row: self.row, profiled });
    }
}

impl Sink for Collector<'_> {
    fn scalar(&mut self, path: &str, text: &str) {
        let (column, _) = self.columns.index(path);
        self.put(column, text, true);
    }

    fn key(&mut self, path: &str, key: &str) {
        if !self.columns.knows(path) {
            let (keys, _) = self.columns.index(KEYS);
            self.put(keys, key, false);
        }
    }

    fn duplicate_key(&mut self) {
        self.duplicates += 1;
    }

    fn row(&mut self) {
        if self.rows_seen {
            self.row += 1;
        }
        self.rows_seen = true;
    }
}

impl ValueColumns {
    pub(crate) fn new(columns_max: usize) -> Self {
        Self {
            by_path: HashMap::new(),
            containers: HashSet::new(),
            names: Vec::new(),
            columns_max,
            pending: String::new(),
            cells: Vec::new(),
        }
    }

    /// Name of column `index`.
    pub(crate) fn name(&self, index: usize) -> Arc<str> {
        self.names.get(index).map_or_else(|| OTHER.into(), Arc::clone)
    }

    /// The column of `path`, and whether it was known.
    fn index(&mut self, path: &str) -> (usize, bool) {
        if let Some(&index) = self.by_path.get(path) {
            return (index, true);
        }
        let full = self.names.len() >= self.columns_max;
        let (path, name): (&str, Arc<str>) = if full { (OTHER, OTHER.into()) } else { (path, path.into()) };
        if full && let Some(&index) = self.by_path.get(OTHER) {
            return (index, false);
        }
        let index = self.names.len();
        self.by_path.insert(path.into(), index);
        self.names.push(if name.is_empty() { "(value)".into() } else { name });
        (index, false)
    }

    /// True when the path was met before.
    fn knows(&mut self, path: &str) -> bool {
        if self.by_path.contains_key(path) || self.containers.contains(path) {
            return true;
        }
        if self.containers.len() < self.columns_max {
            self.containers.insert(path.into());
        }
        false
    }

    /// Adds the scalars of the value in `text`; a text that is no value is one cell of the column `(raw)`. Returns the
    /// last row, which is past `place.0` when the value is an array.
    pub(crate) fn walk(
        &mut self,
        text: &str,
        place: (u64, u64),
        depth_max: usize,
        batch: &mut Batch,
        profiles: &mut Vec<Profiler>,
        problems: &mut Problems,
    ) -> u64 {
        let (row, line) = place;
        self.pending.clear();
        self.cells.clear();
        let mut collector = Collector { columns: self, row, rows_seen: false, duplicates: 0 };
        let result = walk(text, depth_max, &mut collector);
        let (mut last, rows_seen, duplicates) = (collector.row, collector.rows_seen, collector.duplicates);
        // The end of an array is told as one more row.
        if rows_seen && last > row {
            last -= 1;
        }
        if duplicates > 0 {
            problems.add_many(ProblemKind::DuplicateKey, line, duplicates, || "an object has one key twice".into());
        }
        match result {
            Ok(()) => {}
            Err(JsonError::TooDeep) => {
                let detail = || format!("a value is nested deeper than {depth_max} levels; it was read as text");
                problems.add(ProblemKind::JsonTooDeep, line, detail);
            }
            Err(JsonError::Bad(ref why)) => {
                problems.add(ProblemKind::BadJson, line, || format!("no JSON ({why}); it was read as text"));
            }
        }
        if result.is_err() {
            self.raw(text, row, line, batch, profiles);
            return row;
        }
        let cells = std::mem::take(&mut self.cells);
        let pending = std::mem::take(&mut self.pending);
        for cell in &cells {
            let text = &pending[cell.start..cell.end];
            if cell.profiled {
                self.profile(cell.column, text, profiles);
            }
            let column = batch.column(cell.column, |i| self.name(i));
            batch.bytes += column.push(text, cell.row, line);
        }
        (self.cells, self.pending) = (cells, pending);
        last
    }

    /// Adds `text` as one cell of the column `(raw)`.
    pub(crate) fn raw(&mut self, text: &str, row: u64, line: u64, batch: &mut Batch, profiles: &mut Vec<Profiler>) {
        let (index, _) = self.index(RAW);
        self.profile(index, text, profiles);
        let column = batch.column(index, |i| self.name(i));
        batch.bytes += column.push(text, row, line);
    }

    fn profile(&self, index: usize, text: &str, profiles: &mut Vec<Profiler>) {
        if profiles.len() <= index {
            profiles.resize_with(index + 1, Profiler::default);
        }
        profiles[index].add(text.as_bytes());
    }
}
