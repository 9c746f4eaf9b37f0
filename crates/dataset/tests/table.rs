//! Whole tables: what is read of good ones, and what is said of bad ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io::Read;

use casemate_dataset::{
    Batch, ColumnType, Encoding, NotText, ProblemKind, Table, TableFormat, TableLimits, TableReport,
};
use proptest::prelude::*;

/// A cell with its column's name and its row.
type Seen = (String, String, u64);

fn read(input: impl Read, format: TableFormat, limits: TableLimits) -> (Vec<Seen>, TableReport) {
    let mut table = Table::open(input, format, limits).unwrap();
    let (mut batch, mut seen) = (Batch::default(), Vec::new());
    while table.read(&mut batch) {
        for column in &batch.columns {
            for cell in &column.cells {
                assert_eq!(column.cell_at(cell.start), Some(*cell));
                seen.push((column.name.to_string(), column.cell_text(*cell).to_owned(), cell.row));
            }
        }
    }
    (seen, table.finish())
}

fn csv(input: &[u8]) -> (Vec<Seen>, TableReport) {
    read(input, TableFormat::Csv, TableLimits::default())
}

fn has(seen: &[Seen], column: &str, text: &str, row: u64) -> bool {
    seen.iter().any(|s| s.0 == column && s.1 == text && s.2 == row)
}

fn kinds(report: &TableReport) -> Vec<(ProblemKind, u64)> {
    report.problems.iter().map(|p| (p.kind, p.count)).collect()
}

#[test]
fn csv_with_profile() {
    let text = "id,name,score,joined\n1,Ann,0.5,2026-01-01\n2,\"Ben, jr\",NA,2026-01-02\n3,Ann,1.5,2026-01-03\n";
    let (seen, report) = csv(text.as_bytes());
    assert!(has(&seen, "name", "Ben, jr", 2) && has(&seen, "joined", "2026-01-03", 3) && has(&seen, "id", "id", 0));
    assert_eq!(report.rows, 3);
    assert!(report.problems.is_empty() && report.incomplete_reasons().is_empty());
    let kinds: Vec<ColumnType> = report.columns.iter().map(|c| c.kind).collect();
    assert_eq!(kinds, [ColumnType::Integer, ColumnType::Text, ColumnType::Decimal, ColumnType::Date]);
    assert_eq!((report.columns[1].distinct.count, report.columns[2].nulls, report.columns[2].max), (2, 1, Some(1.5)));
}

#[test]
fn small_batches_see_the_same_cells() {
    let text: String = (0..500).map(|i| format!("{i},x{i}\n")).collect();
    let (mut whole, _) = csv(text.as_bytes());
    let tight = TableLimits { batch_rows: 7, batch_bytes: 40, ..TableLimits::default() };
    let (mut small, report) = read(text.as_bytes(), TableFormat::Csv, tight);
    whole.sort();
    small.sort();
    assert_eq!(whole, small);
    assert_eq!(report.rows, 500);
}

#[test]
fn encodings() {
    let text = "name,city\nJürgen,Köln\nAnaïs,Besançon\n";
    let utf16 = |mark: &[u8], big: bool| {
        let units = text.encode_utf16().flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() });
        mark.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    for (bytes, encoding) in [
        (text.as_bytes().to_vec(), Encoding::Utf8),
        (marked, Encoding::Utf8),
        (latin1, Encoding::Latin1),
        (utf16(b"\xff\xfe", false), Encoding::Utf16Le),
        (utf16(b"\xfe\xff", true), Encoding::Utf16Be),
        (utf16(b"", false), Encoding::Utf16Le),
    ] {
        let (seen, report) = csv(&bytes);
        assert_eq!(report.encoding, encoding);
        assert!(has(&seen, "name", "Jürgen", 1) && has(&seen, "city", "Besançon", 2), "{encoding:?}");
        assert!(report.problems.is_empty(), "{encoding:?}: {:?}", report.problems);
    }
}

#[test]
fn bad_inputs_are_said_and_what_can_be_read_is_read() {
    use ProblemKind as P;
    let late = [b"a,b\n".as_slice(), &b"x,y\n".repeat(20_000), b"caf\xe9,z\n"].concat();
    for (name, bytes, expected, cell) in [
        ("ragged", b"a,b\n1\n2,3,4\n5,6\n".to_vec(), vec![(P::RaggedRow, 2)], ("column 3", "4", 2)),
        ("nul", b"a,b\nx\0y,2\nmore,text\n".to_vec(), vec![(P::Nul, 1)], ("a", "x\0y", 1)),
        ("unclosed", b"a,b\n1,\"open\n2,3\n".to_vec(), vec![(P::UnclosedQuote, 1)], ("b", "open\n2,3\n", 1)),
        ("stray", b"a,b\nx\"y,\"p\"q\n".to_vec(), vec![(P::StrayQuote, 1), (P::TextAfterQuote, 1)], ("b", "pq", 1)),
        ("twice", b"a,b,a\n1,2,3\n".to_vec(), vec![(P::DuplicateColumn, 1)], ("a (3)", "3", 1)),
        ("late latin-1", late, vec![(P::Encoding, 1)], ("a", "café", 20_001)),
    ] {
        let (seen, report) = csv(&bytes);
        assert_eq!(kinds(&report), expected, "{name}");
        assert!(has(&seen, cell.0, cell.1, cell.2), "{name}: {seen:?}");
        assert!(report.incomplete_reasons().is_empty(), "{name}");
        for p in &report.problems {
            let finding = p.to_finding("f.csv");
            assert_eq!(finding.rule, p.kind.rule());
            assert!(!finding.remedy.is_empty() && finding.location.line == Some(p.line));
        }
    }
}

#[test]
fn what_is_no_text_is_refused_with_the_reason() {
    for (bytes, why) in [
        (&b""[..], "is empty"),
        (b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x01\x02\x03", "is binary"),
        (b"\xff\xfe\0\0a\0\0\0", "is UTF-32"),
    ] {
        let error = Table::open(bytes, TableFormat::Csv, TableLimits::default()).err().unwrap();
        assert!(error.to_string().starts_with(why), "{error}");
    }
}

#[test]
fn one_line_of_ten_megabytes_is_read_and_one_past_the_limit_is_incomplete() {
    let line = "x".repeat(10 << 20);
    let (seen, report) = csv(line.as_bytes());
    assert_eq!((seen[0].1.len(), report.rows + u64::from(report.dialect.unwrap().header)), (10 << 20, 1));
    assert!(report.incomplete_reasons().is_empty());

    let limits = TableLimits { record_bytes_max: 1_000, head_bytes: 100, ..TableLimits::default() };
    for (format, at, past) in [
        (TableFormat::Csv, "x".repeat(1_000), "x".repeat(1_001)),
        (TableFormat::JsonLines, format!("\"{}\"", "x".repeat(998)), format!("\"{}\"", "x".repeat(999))),
        (TableFormat::Json, format!("\"{}\"", "x".repeat(998)), format!("\"{}\"", "x".repeat(999))),
    ] {
        assert!(read(at.as_bytes(), format, limits).1.incomplete_reasons().is_empty(), "{format:?}");
        let (_, report) = read(past.as_bytes(), format, limits);
        assert_eq!(report.incomplete_reasons().len(), 1, "{format:?}");
    }
}

#[test]
fn columns_at_the_limit_and_past_it() {
    let limits = TableLimits { columns_max: 3, ..TableLimits::default() };
    assert!(read(&b"1,2,3\n"[..], TableFormat::Csv, limits).1.problems.is_empty());
    let (_, report) = read(&b"1,2,3,4\n"[..], TableFormat::Csv, limits);
    assert_eq!(kinds(&report), [(ProblemKind::TooManyColumns, 1)]);
    assert_eq!(report.incomplete_reasons().len(), 1);
    // JSON has no columns to drop: what is past the limit is gathered in one.
    let (seen, report) = read(&b"{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5}"[..], TableFormat::JsonLines, limits);
    assert!(has(&seen, "(other fields)", "5", 1), "{seen:?}");
    assert!(report.incomplete_reasons().is_empty());
}

#[test]
fn json_lines_and_documents() {
    let text = "{\"user\":{\"mail\":\"a@b.de\"},\"tags\":[\"x\",\"y\"]}\n\nnot json\n{\"user\":{\"mail\":\"c@d.de\"},\"user\":1}\n";
    let (seen, report) = read(text.as_bytes(), TableFormat::JsonLines, TableLimits::default());
    assert!(has(&seen, "user.mail", "a@b.de", 1) && has(&seen, "tags[]", "y", 1) && has(&seen, "(raw)", "not json", 2));
    assert!(has(&seen, "user.mail", "c@d.de", 3) && has(&seen, "(keys)", "mail", 1), "{seen:?}");
    assert_eq!(kinds(&report), [(ProblemKind::BadJson, 1), (ProblemKind::DuplicateKey, 1)]);
    assert!(report.incomplete_reasons().is_empty(), "what is no JSON was read as text");

    let (seen, report) = read(&b"[{\"a\": 1}, {\"a\": 2}, 3]"[..], TableFormat::Json, TableLimits::default());
    assert_eq!(report.rows, 3);
    assert!(has(&seen, "a", "2", 2) && has(&seen, "(value)", "3", 3), "{seen:?}");
    // Found by fuzzing: lines with arrays had cells in rows past the last.
    let lines = b"[{\"a\":\"x\"},{\"a\":{\"b\":[[]]}}]\n{\"a\":\"y\"}\n[]\n";
    let (seen, report) = read(&lines[..], TableFormat::JsonLines, TableLimits::default());
    assert_eq!(report.rows, 4, "{seen:?}");
    assert!(has(&seen, "a", "x", 1) && has(&seen, "a", "y", 3), "{seen:?}");
    let hostile = b"{\"\\u0000a\":{\"b\":1},\"a\":{\"\":2}}";
    let (seen, _) = read(&hostile[..], TableFormat::JsonLines, TableLimits::default());
    assert!(has(&seen, "\0a.b", "1", 1), "{seen:?}");
}

#[test]
fn a_source_that_fails_is_incomplete() {
    struct Fails(usize);
    impl Read for Fails {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            if self.0 == 0 {
                return Err(std::io::Error::other("disk is gone"));
            }
            let n = buf.len().min(self.0);
            buf[..n].fill(b'x');
            self.0 -= n;
            Ok(n)
        }
    }
    let limits = TableLimits { head_bytes: 64, ..TableLimits::default() };
    for format in [TableFormat::Csv, TableFormat::JsonLines, TableFormat::Json] {
        let (_, report) = read(Fails(100_000), format, limits);
        assert!(report.incomplete_reasons()[0].contains("disk is gone"), "{format:?}");
    }
    assert!(matches!(Table::open(Fails(10), TableFormat::Csv, limits).err(), Some(NotText::Io(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in prop::collection::vec(prop::sample::select(b"a\"',;\n\r\t{}[]:\\0u1\x00\xff\xfe\xc3".to_vec()), 0..200),
        format in prop::sample::select(vec![TableFormat::Csv, TableFormat::JsonLines, TableFormat::Json]),
    ) {
        let limits = TableLimits { record_bytes_max: 64, columns_max: 4, batch_bytes: 16, head_bytes: 32, ..TableLimits::default() };
        if let Ok(mut table) = Table::open(bytes.as_slice(), format, limits) {
            let mut batch = Batch::default();
            let mut cells = 0;
            while table.read(&mut batch) {
                for column in &batch.columns {
                    cells += column.cells.len();
                    prop_assert!(column.cells.iter().all(|c| !column.cell_text(*c).is_empty()));
                }
            }
            let report = table.finish();
            prop_assert!(cells > 0 || report.columns.iter().all(|c| c.bytes_max == 0));
        }
    }
}
