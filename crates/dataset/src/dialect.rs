//! How a CSV file is written: which byte parts the fields, and whether the first record names the columns.

use serde::{Deserialize, Serialize};

use crate::{ColumnType, CsvReader, Record, TableLimits, profile::classify};

/// Bytes that are tried as delimiter, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Records looked at.
const RECORDS_MAX: usize = 64;
/// Longest name of a column.
const NAME_BYTES_MAX: usize = 128;

/// How a CSV file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// Byte between fields.
    pub delimiter: u8,
    /// True when the first record names the columns.
    pub header: bool,
}

/// The dialect of the text that begins with `head`; `whole` says that nothing follows it.
///
/// The delimiter that gives the most records of the commonest width wins, wider before narrower; one column is parted by
/// commas. The first record is a header when none of its fields is a number, a date, empty or a repetition, and no field
/// holds what a name does not (`@`, more than 128 bytes).
pub fn detect_dialect(head: &[u8], whole: bool) -> Dialect {
    let mut best = (0, b',', Vec::new());
    for delimiter in DELIMITERS {
        let records = sample(head, whole, delimiter);
        let widths: Vec<usize> = records.iter().map(Vec::len).collect();
        let Some(common) = commonest(&widths) else { continue };
        if common < 2 {
            if best.2.is_empty() {
                best.2 = records;
            }
            continue;
        }
        let agreeing = widths.iter().filter(|w| **w == common).count();
        // Per mille of records that agree first; width decides between delimiters that agree alike.
        let score = (agreeing * 1_000 / widths.len()) * 1_000 + common.min(999);
        if score > best.0 {
            best = (score, delimiter, records);
        }
    }
    Dialect { delimiter: best.1, header: best.2.first().is_some_and(|first| is_header(first)) }
}

fn sample(head: &[u8], whole: bool, delimiter: u8) -> Vec<Vec<Vec<u8>>> {
    let mut reader = CsvReader::new(head, delimiter, TableLimits::default());
    let (mut record, mut out) = (Record::default(), Vec::new());
    while out.len() <= RECORDS_MAX && matches!(reader.read(&mut record), Ok(true)) {
        out.push(record.fields().map(<[u8]>::to_vec).collect());
    }
    // The end of the head may cut the last record.
    if !whole && out.len() > 1 {
        out.pop();
    }
    out
}

fn commonest(widths: &[usize]) -> Option<usize> {
    let mut sorted = widths.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).max_by_key(|run| (run.len(), run[0])).map(|run| run[0])
}

pub(crate) fn is_header(first: &[Vec<u8>]) -> bool {
    let name = |f: &Vec<u8>| {
        f.len() <= NAME_BYTES_MAX
            && !f.contains(&b'@')
            && f.iter().any(u8::is_ascii_alphabetic) | f.iter().any(|b| *b >= 0x80)
            && matches!(classify(f).0, ColumnType::Text)
            && f.iter().filter(|b| b.is_ascii_digit()).count() * 2 <= f.len()
    };
    let mut seen: Vec<&Vec<u8>> = first.iter().collect();
    seen.sort_unstable();
    seen.dedup();
    first.iter().all(name) && seen.len() * 2 > first.len()
}

#[cfg(test)]
mod tests {
    use super::{Dialect, detect_dialect};

    #[test]
    fn delimiters_and_headers() {
        for (text, delimiter, header) in [
            ("name,age\nAnn,3\n", b',', true),
            ("name;note\nAnn;a, b\nBen;c\n", b';', true),
            ("a\tb\tc\n1,5\t2\t3\n", b'\t', true),
            ("a|b\n1|2\n", b'|', true),
            ("1,2\n3,4\n", b',', false),
            ("ann@firma.de,Ulm\nben@firma.de,Bonn\n", b',', false),
            ("word\nother\n", b',', true),
            ("378282246310005\n371449635398431\n", b',', false),
            ("2026-01-01;x\n2026-01-02;y\n", b';', false),
            ("", b',', false),
        ] {
            assert_eq!(detect_dialect(text.as_bytes(), true), Dialect { delimiter, header }, "{text:?}");
        }
    }

    #[test]
    fn a_cut_last_record_does_not_count() {
        let text = b"a,b,c\n1,2,3\n4,5";
        assert_eq!(detect_dialect(text, false).delimiter, b',');
    }
}
