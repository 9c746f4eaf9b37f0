//! What a column holds: type, nulls, different values, range.

use serde::{Deserialize, Serialize};

use crate::{Distinct, distinct::DistinctCounter};

/// Type of a cell, and of a column when nearly all its cells have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// No cell with a value.
    Empty,
    /// `true`, `false`, `yes`, `no`.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Decimal numbers.
    Decimal,
    /// Calendar dates, with or without a time.
    Date,
    /// Anything else.
    Text,
    /// Several types, none of them in 95 of 100 cells.
    Mixed,
}

impl ColumnType {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Text => "text",
            Self::Mixed => "mixed",
        }
    }
}

/// What one column holds. No cell's text is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Name from the header, or `column 3`.
    pub name: String,
    /// Type of the values.
    pub kind: ColumnType,
    /// Cells, nulls included.
    pub cells: u64,
    /// Cells that are empty or one of `NA`, `NaN`, `null`, `None`, `N/A`, `-`.
    pub nulls: u64,
    /// Different values.
    pub distinct: Distinct,
    /// Smallest number; absent when the column holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Bytes of the shortest value that is no null.
    pub bytes_min: u64,
    /// Bytes of the longest value.
    pub bytes_max: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Profiler {
    cells: u64,
    nulls: u64,
    booleans: u64,
    integers: u64,
    decimals: u64,
    dates: u64,
    texts: u64,
    distinct: DistinctCounter,
    range: Option<(f64, f64)>,
    bytes: Option<(u64, u64)>,
}

impl Profiler {
    pub(crate) fn add(&mut self, cell: &[u8]) {
        self.add_times(cell, 1);
    }

    /// Adds a value that `times` cells hold.
    pub(crate) fn add_times(&mut self, cell: &[u8], times: u64) {
        if times == 0 {
            return;
        }
        self.cells += times;
        if is_null(cell) {
            self.nulls += times;
            return;
        }
        let (kind, number) = classify(cell);
        *match kind {
            ColumnType::Boolean => &mut self.booleans,
            ColumnType::Integer => &mut self.integers,
            ColumnType::Decimal => &mut self.decimals,
            ColumnType::Date => &mut self.dates,
            _ => &mut self.texts,
        } += times;
        if let Some(n) = number {
            let (min, max) = self.range.unwrap_or((n, n));
            self.range = Some((min.min(n), max.max(n)));
        }
        let length = cell.len() as u64;
        let (min, max) = self.bytes.unwrap_or((length, length));
        self.bytes = Some((min.min(length), max.max(length)));
        self.distinct.add(cell);
    }

    /// A cell that a shorter row does not have.
    pub(crate) fn add_missing(&mut self, n: u64) {
        self.cells += n;
        self.nulls += n;
    }

    pub(crate) fn cells(&self) -> u64 {
        self.cells
    }

    pub(crate) fn finish(&self, name: &str) -> ColumnProfile {
        let values = self.cells - self.nulls;
        let mostly = |n: u64| n * 100 >= values * 95;
        let kind = if values == 0 {
            ColumnType::Empty
        } else if mostly(self.booleans) {
            ColumnType::Boolean
        } else if mostly(self.integers) {
            ColumnType::Integer
        } else if mostly(self.integers + self.decimals) {
            ColumnType::Decimal
        } else if mostly(self.dates) {
            ColumnType::Date
        } else if mostly(self.texts) {
            ColumnType::Text
        } else {
            ColumnType::Mixed
        };
        let (bytes_min, bytes_max) = self.bytes.unwrap_or((0, 0));
        ColumnProfile {
            name: name.to_owned(),
            kind,
            cells: self.cells,
            nulls: self.nulls,
            distinct: self.distinct.count(),
            min: self.range.map(|r| r.0),
            max: self.range.map(|r| r.1),
            bytes_min,
            bytes_max,
        }
    }
}

fn is_null(cell: &[u8]) -> bool {
    cell.len() <= 4
        && (matches!(cell, b"" | b"NA" | b"N/A" | b"n/a" | b"-" | b"None" | b"none")
            || cell.eq_ignore_ascii_case(b"null")
            || cell.eq_ignore_ascii_case(b"nan"))
}

/// Type of a cell that is no null, and its value when it is a finite number.
pub(crate) fn classify(cell: &[u8]) -> (ColumnType, Option<f64>) {
    let Some(&first) = cell.first() else { return (ColumnType::Text, None) };
    if first.is_ascii_alphabetic() {
        let boolean = cell.len() <= 5
            && [&b"true"[..], b"false", b"yes", b"no"].iter().any(|word| cell.eq_ignore_ascii_case(word));
        return (if boolean { ColumnType::Boolean } else { ColumnType::Text }, None);
    }
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) || cell.len() > 40 {
        return (ColumnType::Text, None);
    }
    let digits = &cell[usize::from(matches!(first, b'-' | b'+'))..];
    if !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) {
        let value = digits.iter().fold(0_i64, |n, d| n * 10 + i64::from(d - b'0'));
        #[expect(clippy::cast_precision_loss, reason = "a range is shown to people")]
        let value = value as f64;
        return (ColumnType::Integer, Some(if first == b'-' { -value } else { value }));
    }
    if cell.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
        && let Some(number) = std::str::from_utf8(cell).ok().and_then(|t| t.parse::<f64>().ok())
    {
        return (ColumnType::Decimal, number.is_finite().then_some(number));
    }
    (if is_date(cell) { ColumnType::Date } else { ColumnType::Text }, None)
}

/// `2026-11-21`, `21.11.2026`, `11/21/2026`, each with anything that looks like a time behind it.
fn is_date(cell: &[u8]) -> bool {
    let (date, time) = match cell.iter().position(|b| matches!(b, b' ' | b'T')) {
        Some(at) => (&cell[..at], &cell[at + 1..]),
        None => (cell, &[][..]),
    };
    let Some(&separator) = date.iter().find(|b| !b.is_ascii_digit()) else { return false };
    let parts: Vec<&[u8]> = date.split(|b| *b == separator).collect();
    matches!(separator, b'-' | b'/' | b'.')
        && matches!(parts.as_slice(), [a, b, c]
            if (a.len() == 4 && (1..=2).contains(&b.len()) && (1..=2).contains(&c.len()))
            || ((1..=2).contains(&a.len()) && (1..=2).contains(&b.len()) && matches!(c.len(), 2 | 4)))
        && parts.iter().all(|p| p.iter().all(u8::is_ascii_digit))
        && time.iter().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'+' | b'-' | b'Z'))
}

#[cfg(test)]
mod tests {
    use super::{ColumnType, Profiler, classify};

    #[test]
    fn cells() {
        for (cell, kind, number) in [
            ("12", ColumnType::Integer, Some(12.0)),
            ("-7", ColumnType::Integer, Some(-7.0)),
            ("1.5e3", ColumnType::Decimal, Some(1500.0)),
            ("9999999999999999999999", ColumnType::Decimal, Some(1e22)),
            ("1e999", ColumnType::Decimal, None),
            ("2026-11-21", ColumnType::Date, None),
            ("2026-11-21T20:00:00Z", ColumnType::Date, None),
            ("21.11.2026", ColumnType::Date, None),
            ("123-45-6789", ColumnType::Text, None),
            ("+", ColumnType::Text, None),
            ("Yes", ColumnType::Boolean, None),
            ("yesterday", ColumnType::Text, None),
        ] {
            assert_eq!(classify(cell.as_bytes()), (kind, number), "{cell}");
        }
    }

    #[test]
    fn a_column() {
        let mut p = Profiler::default();
        for cell in ["3", "NA", "", "10", "3", "null"] {
            p.add(cell.as_bytes());
        }
        p.add_missing(1);
        let profile = p.finish("age");
        assert_eq!((profile.kind, profile.cells, profile.nulls), (ColumnType::Integer, 7, 4));
        assert_eq!((profile.distinct.count, profile.min, profile.max), (2, Some(3.0), Some(10.0)));
        assert_eq!((profile.bytes_min, profile.bytes_max), (1, 2));
        let mut mixed = Profiler::default();
        mixed.add(b"3");
        mixed.add(b"abc");
        assert_eq!(mixed.finish("x").kind, ColumnType::Mixed);
        assert_eq!(Profiler::default().finish("x").kind, ColumnType::Empty);
    }
}
