//! Comma-separated values (RFC 4180, read leniently, as spreadsheets and the field's libraries do): records of any shape
//! in memory bounded by a limit, with what is wrong with each.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr2};

use crate::{TableLimits, encoding::read_some};

/// One record: its fields as bytes, where it stands and what is odd about it.
#[derive(Clone, Debug, Default)]
pub struct Record {
    data: Vec<u8>,
    ends: Vec<usize>,
    /// Line that it starts on, from 1.
    pub line: u64,
    /// Bytes that did not fit into the limits and are gone.
    pub bytes_dropped: u64,
    /// Fields that did not fit into the limits and are gone.
    pub fields_dropped: u64,
    /// A quote stands inside a field that is not quoted.
    pub stray_quote: bool,
    /// Text stands between a closing quote and the end of the field.
    pub text_after_quote: bool,
    /// The input ended within quotes.
    pub unclosed_quote: bool,
}

impl Record {
    /// Number of fields.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// True before the first read.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Field `index` without its quotes.
    pub fn field(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |i| self.ends[i]);
        Some(&self.data[start..end])
    }

    /// All fields in order.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map_while(|i| self.field(i))
    }

    /// The fields without anything between them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data
    }

    fn clear(&mut self, line: u64) {
        let (mut data, mut ends) = (std::mem::take(&mut self.data), std::mem::take(&mut self.ends));
        data.clear();
        ends.clear();
        *self = Self { data, ends, line, ..Self::default() };
    }

    fn push(&mut self, bytes: &[u8], limits: &TableLimits) {
        if self.ends.len() >= limits.columns_max {
            self.bytes_dropped += bytes.len() as u64;
            return;
        }
        let fits = bytes.len().min(limits.record_bytes_max.saturating_sub(self.data.len()));
        self.data.extend_from_slice(&bytes[..fits]);
        self.bytes_dropped += (bytes.len() - fits) as u64;
    }

    fn end_field(&mut self, limits: &TableLimits) {
        if self.ends.len() < limits.columns_max {
            self.ends.push(self.data.len());
        } else {
            self.fields_dropped += 1;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing of the record was seen: empty lines are passed over.
    RecordStart,
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote inside quotes: the end, or the first half of a doubled one.
    QuoteSeen,
}

/// Reads records one after the other.
#[derive(Debug)]
pub struct CsvReader<R> {
    source: R,
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
    ended: bool,
    delimiter: u8,
    /// Bytes that end a run of plain text in an unquoted field.
    special: Box<[bool; 256]>,
    limits: TableLimits,
    line: u64,
    /// The last byte was a carriage return: a line feed belongs to it.
    after_return: bool,
}

impl<R: Read> CsvReader<R> {
    /// Reads `source`, whose fields are parted by `delimiter`.
    pub fn new(source: R, delimiter: u8, limits: TableLimits) -> Self {
        let mut special = Box::new([false; 256]);
        for b in [delimiter, b'\n', b'\r', b'"'] {
            special[usize::from(b)] = true;
        }
        let buffer = vec![0; 64 << 10].into_boxed_slice();
        Self { source, buffer, at: 0, end: 0, ended: false, delimiter, special, limits, line: 1, after_return: false }
    }

    /// The source, to ask it what it counted.
    pub const fn source(&self) -> &R {
        &self.source
    }

    /// Reads the next record; false at the end of the input.
    ///
    /// # Errors
    /// What the source says.
    pub fn read(&mut self, record: &mut Record) -> io::Result<bool> {
        record.clear(self.line);
        let mut state = State::RecordStart;
        loop {
            if self.at == self.end {
                if !self.fill()? {
                    return Ok(self.finish(record, state));
                }
                continue;
            }
            match state {
                State::RecordStart => {
                    let b = self.buffer[self.at];
                    if b == b'\n' || b == b'\r' {
                        self.take_newline(b);
                        record.line = self.line;
                    } else {
                        self.after_return = false;
                        state = State::FieldStart;
                    }
                }
                State::FieldStart => {
                    if self.buffer[self.at] == b'"' {
                        self.at += 1;
                        state = State::Quoted;
                    } else {
                        state = State::Unquoted;
                    }
                }
                State::Unquoted => {
                    let chunk = &self.buffer[self.at..self.end];
                    let n = chunk.iter().position(|b| self.special[usize::from(*b)]).unwrap_or(chunk.len());
                    record.push(&chunk[..n], &self.limits);
                    self.at += n;
                    if self.at < self.end {
                        let b = self.buffer[self.at];
                        if b == b'"' && b != self.delimiter {
                            record.stray_quote = true;
                            record.push(b"\"", &self.limits);
                            self.at += 1;
                        } else if self.end_of_field(record, b) {
                            return Ok(true);
                        } else {
                            state = State::FieldStart;
                        }
                    }
                }
                State::Quoted => {
                    let chunk = &self.buffer[self.at..self.end];
                    let n = memchr(b'"', chunk).unwrap_or(chunk.len());
                    let lines = newlines(&chunk[..n], &mut self.after_return);
                    record.push(&chunk[..n], &self.limits);
                    self.line += lines;
                    self.at += n;
                    if self.at < self.end {
                        self.at += 1;
                        self.after_return = false;
                        state = State::QuoteSeen;
                    }
                }
                State::QuoteSeen => {
                    let b = self.buffer[self.at];
                    if b == b'"' {
                        record.push(b"\"", &self.limits);
                        self.at += 1;
                        state = State::Quoted;
                    } else if b == self.delimiter || b == b'\n' || b == b'\r' {
                        if self.end_of_field(record, b) {
                            return Ok(true);
                        }
                        state = State::FieldStart;
                    } else {
                        record.text_after_quote = true;
                        state = State::Unquoted;
                    }
                }
            }
        }
    }

    /// Takes the delimiter or line end `b`; true when the record ends with it.
    fn end_of_field(&mut self, record: &mut Record, b: u8) -> bool {
        record.end_field(&self.limits);
        if b == self.delimiter {
            self.at += 1;
            return false;
        }
        self.take_newline(b);
        true
    }

    fn take_newline(&mut self, b: u8) {
        self.at += 1;
        if !(b == b'\n' && self.after_return) {
            self.line += 1;
        }
        self.after_return = b == b'\r';
    }

    fn finish(&mut self, record: &mut Record, state: State) -> bool {
        if state == State::RecordStart {
            return false;
        }
        record.unclosed_quote = state == State::Quoted;
        record.end_field(&self.limits);
        true
    }

    fn fill(&mut self) -> io::Result<bool> {
        if !self.ended {
            self.at = 0;
            self.end = read_some(&mut self.source, &mut self.buffer)?;
            self.ended = self.end == 0;
        }
        Ok(!self.ended)
    }
}

/// Lines that `text` ends; `after_return` carries a carriage return at the end of one piece to the next.
fn newlines(text: &[u8], after_return: &mut bool) -> u64 {
    if text.is_empty() {
        return 0;
    }
    let mut lines = 0;
    if memchr2(b'\r', b'\n', text).is_some() {
        let feeds = memchr_iter(b'\n', text).filter(|at| *at > 0 || !*after_return).count();
        let returns = memchr_iter(b'\r', text).filter(|at| text.get(at + 1) != Some(&b'\n')).count();
        lines = (feeds + returns) as u64;
    }
    *after_return = text.last() == Some(&b'\r');
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CsvReader, Record};
    use crate::TableLimits;

    fn limits() -> TableLimits {
        TableLimits::default()
    }

    fn all(input: &[u8], delimiter: u8, limits: TableLimits) -> Vec<Record> {
        let mut reader = CsvReader::new(input, delimiter, limits);
        let (mut record, mut out) = (Record::default(), Vec::new());
        while reader.read(&mut record).unwrap() {
            out.push(record.clone());
        }
        out
    }

    /// Gives at most so many bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl std::io::Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(buf.len()).min(self.1);
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn strings(records: &[Record]) -> Vec<Vec<String>> {
        let text = |f: &[u8]| String::from_utf8_lossy(f).into_owned();
        records.iter().map(|r| r.fields().map(text).collect()).collect()
    }

    #[test]
    fn shapes() {
        for (input, expected) in [
            ("", vec![]),
            ("\n\r\n\r", vec![]),
            ("a,b\n1,2\n", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a,b\r\n1,2", vec![vec!["a", "b"], vec!["1", "2"]]),
            ("a\rb\r", vec![vec!["a"], vec!["b"]]),
            (",\n", vec![vec!["", ""]]),
            ("\"\"\n", vec![vec![""]]),
            ("\"a,\"\"b\"\"\nc\",d", vec![vec!["a,\"b\"\nc", "d"]]),
            ("a\"b,c", vec![vec!["a\"b", "c"]]),
            ("\"a\"b,c", vec![vec!["ab", "c"]]),
            ("\"open,\nrest", vec![vec!["open,\nrest"]]),
            ("a,", vec![vec!["a", ""]]),
        ] {
            assert_eq!(strings(&all(input.as_bytes(), b',', limits())), expected, "{input:?}");
        }
    }

    #[test]
    fn oddities_and_lines() {
        let records = all(b"a,b\r\n\r\n\"x\r\ny\",2\r\np\"q,\"r\"s\n\"open", b',', limits());
        assert_eq!(records.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 3, 5, 6]);
        assert!(records[2].stray_quote && records[2].text_after_quote && !records[2].unclosed_quote);
        assert!(records[3].unclosed_quote);
    }

    #[test]
    fn limits_hold_at_the_limit_and_past_it() {
        let tight = TableLimits { record_bytes_max: 6, columns_max: 2, ..limits() };
        let at = all(b"abc,def\n", b',', tight);
        assert_eq!((at[0].bytes_dropped, at[0].fields_dropped), (0, 0));
        let past = all(b"abc,defg\nok,x\n", b',', tight);
        assert_eq!((past[0].bytes_dropped, past[0].field(1)), (1, Some(&b"def"[..])));
        assert_eq!(past[1].bytes_dropped, 0, "the next record has its own limit");
        let wide = all(b"a,b,c,d\n", b',', tight);
        assert_eq!((wide[0].len(), wide[0].fields_dropped, wide[0].bytes_dropped), (2, 2, 2));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn agrees_with_the_csv_crate_on_what_it_wrote(
            rows in prop::collection::vec(prop::collection::vec("[a-c,;\"\r\n\t é]{0,6}", 1..5), 0..12),
            delimiter in prop::sample::select(b",;\t|".to_vec()),
        ) {
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let records = all(&bytes, delimiter, limits());
            prop_assert_eq!(strings(&records), rows);
            prop_assert!(records.iter().all(|r| !r.stray_quote && !r.text_after_quote && !r.unclosed_quote));
        }

        #[test]
        fn records_do_not_depend_on_how_the_input_is_read(input in "[a-b,\"\r\n]{0,60}", step in 1..7_usize) {
            let mut reader = CsvReader::new(Drip(input.as_bytes(), step), b',', limits());
            let (mut record, mut records) = (Record::default(), Vec::new());
            while reader.read(&mut record).unwrap() {
                records.push(record.clone());
            }
            let whole = all(input.as_bytes(), b',', limits());
            prop_assert_eq!(strings(&records), strings(&whole));
            let lines = |r: &[Record]| r.iter().map(|r| r.line).collect::<Vec<_>>();
            prop_assert_eq!(lines(&records), lines(&whole));
        }

        #[test]
        fn agrees_with_the_csv_crate_on_anything(input in "[a-b,\"\r\n]{0,40}") {
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input.as_bytes());
            let expected: Vec<Vec<String>> =
                reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(strings(&all(input.as_bytes(), b',', limits())), expected);
        }
    }
}
