//! Parquet files that a small writer makes here: what is read of good ones, and what is said of bad ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[path = "support/parquet_writer.rs"]
mod parquet_writer;

use std::io::Cursor;

use casemate_dataset::{Batch, ColumnType, ParquetError, ParquetTable, ProblemKind, TableLimits, TableReport};
use parquet_writer::{Column, data_page, dictionary_page, file, levels, plain};
use proptest::prelude::*;

/// A column of strings with a dictionary: an, nothing, ben, an, an.
fn with_dictionary() -> Column {
    // Four indices of one bit, packed: 0, 1, 0, 0.
    let indices = [&levels(&[(1, 1), (0, 1), (1, 3)])[..], &[1, 0x03, 0b0010]].concat();
    let pages = [dictionary_page(&["an", "ben", "unused"]), data_page(5, 8, &indices)].concat();
    Column::new("name", 1, pages, 5)
}

type Seen = (String, String, u64, u64);

fn read(bytes: &[u8], limits: TableLimits) -> (Vec<Seen>, TableReport) {
    let mut table = ParquetTable::open(Cursor::new(bytes), limits).unwrap();
    let (mut batch, mut seen) = (Batch::default(), Vec::new());
    while table.read(&mut batch) {
        for column in &batch.columns {
            for cell in &column.cells {
                assert_eq!(column.cell_at(cell.start), Some(*cell));
                seen.push((column.name.to_string(), column.cell_text(*cell).to_owned(), cell.row, cell.times));
            }
        }
    }
    (seen, table.finish())
}

fn cell(column: &str, text: &str, row: u64, times: u64) -> Seen {
    (column.into(), text.into(), row, times)
}

#[test]
fn values_of_a_dictionary_are_read_once_with_their_first_row_and_number() {
    let text = data_page(5, 0, &plain(&["a", "b", "c", "d", "e"]));
    let bytes = file(vec![with_dictionary(), Column::new("note", 0, text, 5)], 5);
    let (seen, report) = read(&bytes, TableLimits::default());
    assert!(seen.contains(&cell("name", "an", 1, 3)) && seen.contains(&cell("name", "ben", 3, 1)), "{seen:?}");
    assert!(seen.contains(&cell("name", "unused", 0, 0)), "what no row shows is in the file all the same");
    assert!(seen.contains(&cell("(metadata)", "owner: ann@firma.de", 0, 1)));
    assert_eq!(seen.iter().filter(|s| s.0 == "note").map(|s| s.2).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let names = &report.columns[0];
    assert_eq!((report.rows, names.cells, names.nulls, names.distinct.count), (5, 5, 1, 2));
    assert_eq!(names.kind, ColumnType::Text);
    let tight = TableLimits { batch_bytes: 1, batch_rows: 1, ..TableLimits::default() };
    let (mut small, mut whole) = (read(&bytes, tight).0, seen);
    small.sort();
    whole.sort();
    assert_eq!(small, whole);
}

#[test]
fn lists_have_the_row_that_they_are_in() {
    // Rows [a, b], [], [c]: repetition 0 1 0 0, definition 1 1 0 1.
    let body = [levels(&[(0, 1), (1, 1), (0, 2)]), levels(&[(1, 2), (0, 1), (1, 1)]), plain(&["a", "b", "c"])].concat();
    let bytes = file(vec![Column::new("tags", 2, data_page(4, 0, &body), 4)], 3);
    let (seen, report) = read(&bytes, TableLimits::default());
    let tags: Vec<_> = seen.iter().filter(|s| s.0 == "tags[]").map(|s| (s.1.as_str(), s.2)).collect();
    assert_eq!(tags, [("a", 1), ("b", 1), ("c", 3)]);
    assert_eq!((report.rows, report.columns[0].nulls), (3, 1));
}

#[test]
fn what_cannot_be_read_is_said_and_the_other_columns_are_read() {
    use ProblemKind as P;
    let good = || Column::new("good", 0, data_page(1, 0, &plain(&["fine"])), 1);
    let bad = |pages: Vec<u8>, values: usize| Column::new("bad", 0, pages, values);
    let mut lzo = bad(data_page(1, 0, &plain(&["x"])), 1);
    lzo.codec = 3;
    let long = data_page(1, 0, &plain(&["x".repeat(2_000).as_str()]));
    for (column, kind, why) in [
        (lzo, P::BrokenPage, "no reader here"),
        (bad(data_page(1, 77, b""), 1), P::BrokenPage, "encoding is not known"),
        (bad(data_page(2, 0, &plain(&["x"])), 2), P::BrokenPage, "cut"),
        (bad(data_page(9, 0, &plain(&["x"])), 1), P::BrokenPage, "more values than its column"),
        (bad(data_page(1, 8, &[1, 2, 0]), 1), P::BrokenPage, "dictionary that is not there"),
        (bad([dictionary_page(&["x"]), data_page(1, 8, &[1, 2, 1])].concat(), 1), P::BrokenPage, "past the end"),
        (bad(b"\x15\x99".to_vec(), 1), P::BrokenPage, ""),
        (bad(long, 1), P::RecordTooLong, "limit is 1000"),
    ] {
        let limits = TableLimits { page_bytes_max: 1_000, ..TableLimits::default() };
        let (seen, report) = read(&file(vec![column, good()], 1), limits);
        assert_eq!(report.problems.len(), 1, "{why}: {:?}", report.problems);
        assert!(report.problems[0].kind == kind && report.problems[0].detail.contains(why), "{:?}", report.problems);
        assert_eq!(report.incomplete_reasons().len(), 1);
        assert!(seen.contains(&cell("good", "fine", 1, 1)), "{why}: {seen:?}");
    }
}

#[test]
fn limits_hold_at_the_limit_and_past_it() {
    let text = plain(&["0123456789"]);
    let bytes = file(vec![Column::new("a", 0, data_page(1, 0, &text), 1), with_dictionary()], 1);
    let reasons = |limits| read(&bytes, limits).1.incomplete_reasons();
    let base = TableLimits { unpacked_ratio_max: 0, ..TableLimits::default() };
    let longest = dictionary_page(&["an", "ben", "unused"]).len();
    assert!(reasons(TableLimits { page_bytes_max: longest, ..base }).is_empty());
    assert_eq!(reasons(TableLimits { page_bytes_max: text.len() - 1, ..base }).len(), 1);
    assert!(reasons(TableLimits { columns_max: 2, ..base }).is_empty());
    assert_eq!(reasons(TableLimits { columns_max: 1, ..base }).len(), 1);
    // A column and a page are charged with a little, a page with its size, a value with its text and one.
    let first = 64 + text.len() as u64 + 64 + 11;
    let spent = reasons(TableLimits { unpacked_bytes_min: first, ..base });
    assert!(spent.len() == 1 && spent[0].contains("read up to \"name\""), "{spent:?}");
    let spent = reasons(TableLimits { unpacked_bytes_min: first - 1, ..base });
    assert!(spent.len() == 1 && spent[0].contains("read up to \"a\""), "{spent:?}");
    let footer = u32::from_le_bytes(*bytes[bytes.len() - 8..].first_chunk().unwrap());
    for (footer_bytes_max, whole) in [(u64::from(footer), true), (u64::from(footer) - 1, false)] {
        let limits = TableLimits { footer_bytes_max, ..base };
        let error = ParquetTable::open(Cursor::new(&bytes), limits).err();
        assert_eq!(error.is_none(), whole, "{error:?}");
    }
}

#[test]
fn what_is_no_parquet_file_is_refused_with_the_reason() {
    let whole = file(vec![with_dictionary()], 5);
    let encrypted = [&whole[..whole.len() - 4], b"PARE"].concat();
    for (bytes, why) in [
        (&b""[..], "no footer"),
        (b"PAR1....PAR1", "no footer"),
        (&whole[..whole.len() - 20], "no footer"),
        (&encrypted, "encrypted"),
        (b"PAR1\0\0\0\0\0PAR1", "broken"),
    ] {
        let error = ParquetTable::open(Cursor::new(bytes), TableLimits::default()).err().unwrap();
        assert!(error.to_string().contains(why), "{error}");
    }
    let error = ParquetTable::open(Cursor::new(&encrypted), TableLimits::default()).err().unwrap();
    assert_eq!(error, ParquetError::Encrypted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Some bytes changed: read, refused, or read with a problem; never a panic, and never more than the budget.
    #[test]
    fn damaged_files_are_read_or_said(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        shorten in prop::bool::weighted(0.2),
    ) {
        let text = data_page(3, 0, &plain(&["a", "b", "c"]));
        let body = [levels(&[(0, 1), (1, 1), (0, 2)]), levels(&[(1, 2), (0, 1), (1, 1)]), plain(&["a", "b", "c"])].concat();
        let tags = Column::new("tags", 2, data_page(4, 0, &body), 4);
        let mut bytes = file(vec![with_dictionary(), Column::new("t", 0, text, 3), tags], 5);
        for (at, to) in changes {
            let at = at.index(bytes.len());
            bytes[at] = to;
        }
        if shorten {
            bytes.remove(cut.index(bytes.len()));
        }
        let limits = TableLimits { batch_bytes: 8, unpacked_bytes_min: 1 << 16, ..TableLimits::default() };
        if let Ok(mut table) = ParquetTable::open(Cursor::new(&bytes), limits) {
            let (mut batch, mut total) = (Batch::default(), 0);
            while table.read(&mut batch) {
                total += batch.bytes;
                prop_assert!(total <= (1 << 16) + 32 * bytes.len());
            }
            let report = table.finish();
            prop_assert!(report.problems.iter().all(|p| !p.to_finding("f").remedy.is_empty()));
        }
    }
}
