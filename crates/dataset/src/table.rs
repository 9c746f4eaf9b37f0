//! A table, whatever its format: opened, read in batches, and summed up.

use std::{
    io::{self, Chain, Cursor, Read},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    Batch, ColumnProfile, CsvReader, DecodingReader, Dialect, Encoding, NotText, Problem, ProblemKind, Record,
    TableLimits, detect_dialect, detect_encoding,
    encoding::read_full,
    lines::{Line, LineReader},
    problem::Problems,
    profile::Profiler,
    values::ValueColumns,
};

/// How the rows of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableFormat {
    /// Delimiter-separated values; which delimiter is found out.
    Csv,
    /// One JSON value on each line.
    JsonLines,
    /// One JSON value; the elements of an array at the top are rows.
    Json,
    /// Parquet, read by [`crate::ParquetTable`].
    Parquet,
    /// Rows that something else reads, given to [`crate::SheetTable`].
    Sheet,
}

impl TableFormat {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "json_lines",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Sheet => "sheet",
        }
    }
}

/// What a whole table came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableReport {
    /// How the rows are written.
    pub format: TableFormat,
    /// How bytes stand for characters.
    pub encoding: Encoding,
    /// How a CSV file is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Every column, in order.
    pub columns: Vec<ColumnProfile>,
    /// What is wrong with the form.
    pub problems: Vec<Problem>,
}

impl TableReport {
    /// Why not all of the content was seen; empty when it was.
    pub fn incomplete_reasons(&self) -> Vec<String> {
        let lossy = self.problems.iter().filter(|p| p.kind.loses_content());
        lossy.map(|p| format!("{} (first on line {}, {} in all)", p.detail, p.line, p.count)).collect()
    }
}

type Source<R> = DecodingReader<Chain<Cursor<Vec<u8>>, R>>;

enum Rows<R> {
    Csv { reader: Box<CsvReader<Source<R>>>, record: Record, dialect: Dialect },
    Lines(LineReader<Source<R>>),
    Document(Option<Source<R>>),
}

/// A table that is being read.
pub struct Table<R> {
    rows: Rows<R>,
    format: TableFormat,
    encoding: Encoding,
    limits: TableLimits,
    names: Vec<Arc<str>>,
    values: ValueColumns,
    profiles: Vec<Profiler>,
    problems: Problems,
    width: Option<usize>,
    row: u64,
    ended: bool,
}

impl<R: Read> Table<R> {
    /// Opens the table in `source`.
    ///
    /// # Errors
    /// [`NotText`] when the head is empty or no text, cannot be read, or the format is none of text.
    pub fn open(mut source: R, format: TableFormat, limits: TableLimits) -> Result<Self, NotText> {
        if matches!(format, TableFormat::Parquet | TableFormat::Sheet) {
            return Err(NotText::Form(format.as_str()));
        }
        let mut head = vec![0; limits.head_bytes.max(4)];
        let filled = read_full(&mut source, &mut head).map_err(|e| NotText::Io(e.to_string()))?;
        let whole = filled < head.len();
        head.truncate(filled);
        let (encoding, mark) = detect_encoding(&head)?;
        let mut decoded = Vec::new();
        // In memory there is nothing that can fail.
        _ = DecodingReader::new(&head[mark..], encoding).read_to_end(&mut decoded);
        let dialect = detect_dialect(&decoded, whole);
        let mut start = Cursor::new(head);
        start.set_position(mark as u64);
        let source = DecodingReader::new(start.chain(source), encoding);
        let rows = match format {
            TableFormat::Csv => {
                let reader = Box::new(CsvReader::new(source, dialect.delimiter, limits));
                Rows::Csv { reader, record: Record::default(), dialect }
            }
            TableFormat::JsonLines => Rows::Lines(LineReader::new(source, limits.record_bytes_max)),
            _ => Rows::Document(Some(source)),
        };
        Ok(Self {
            rows,
            format,
            encoding,
            limits,
            names: Vec::new(),
            values: ValueColumns::new(limits.columns_max),
            profiles: Vec::new(),
            problems: Problems::default(),
            width: None,
            row: 0,
            ended: false,
        })
    }

    /// Fills `batch` with the next rows; false when there are none left. Names in a header are cells of row 0.
    pub fn read(&mut self, batch: &mut Batch) -> bool {
        batch.clear();
        while !self.ended && batch.bytes < self.limits.batch_bytes && batch.rows < self.limits.batch_rows as u64 {
            let result = match self.format {
                TableFormat::Csv => self.csv_record(batch),
                TableFormat::JsonLines => self.json_line(batch),
                _ => self.json_document(batch),
            };
            match result {
                Ok(more) => self.ended = !more,
                Err(e) => {
                    self.ended = true;
                    let line = self.row + 1;
                    self.problems.add(ProblemKind::ReadError, line, || format!("the source failed: {e}"));
                }
            }
        }
        batch.rows > 0 || batch.bytes > 0 || !self.ended
    }

    /// What the table came to.
    pub fn finish(mut self) -> TableReport {
        let broken = match &self.rows {
            Rows::Csv { reader, .. } => reader.source().broken_units(),
            Rows::Lines(reader) => reader.source().broken_units(),
            Rows::Document(_) => 0,
        };
        self.broken_units(broken);
        let mut columns = Vec::with_capacity(self.profiles.len());
        for (i, profile) in self.profiles.iter_mut().enumerate() {
            profile.add_missing(self.row.saturating_sub(profile.cells()));
            let name = match self.format {
                TableFormat::Csv => self.names.get(i).map_or_else(|| unnamed(i), Arc::clone),
                _ => self.values.name(i),
            };
            columns.push(profile.finish(&name));
        }
        TableReport {
            format: self.format,
            encoding: self.encoding,
            dialect: match &self.rows {
                Rows::Csv { dialect, .. } => Some(*dialect),
                _ => None,
            },
            rows: self.row,
            columns,
            problems: self.problems.into_vec(),
        }
    }

    fn broken_units(&mut self, n: u64) {
        if n > 0 {
            let detail = || "code units that are no UTF-16, each read as U+FFFD".to_owned();
            self.problems.add_many(ProblemKind::Encoding, 1, n, detail);
        }
    }

    fn csv_record(&mut self, batch: &mut Batch) -> io::Result<bool> {
        let Rows::Csv { reader, record, dialect } = &mut self.rows else { return Ok(false) };
        if !reader.read(record)? {
            return Ok(false);
        }
        let problems = &mut self.problems;
        note_oddities(record, &self.limits, problems);
        let whole = if self.encoding == Encoding::Utf8 { std::str::from_utf8(record.bytes()).ok() } else { None };
        let header = self.width.is_none() && dialect.header;
        let width = *self.width.get_or_insert(record.len());
        if record.len() != width {
            let found = record.len();
            problems
                .add(ProblemKind::RaggedRow, record.line, || format!("a row has {found} fields instead of {width}"));
        }
        if !header {
            self.row += 1;
            batch.rows += 1;
        }
        let (mut start, mut broken) = (0, false);
        for (i, bytes) in record.fields().enumerate() {
            let end = start + bytes.len();
            let decoded;
            let text = match whole.and_then(|w| w.get(start..end)).or_else(|| std::str::from_utf8(bytes).ok()) {
                Some(text) => text,
                None => {
                    broken |= self.encoding == Encoding::Utf8;
                    decoded = bytes.iter().copied().map(char::from).collect::<String>();
                    &decoded
                }
            };
            start = end;
            if header {
                self.names.push(header_name(text, i, &self.names, problems));
            } else {
                if self.profiles.len() <= i {
                    self.profiles.resize_with(i + 1, Profiler::default);
                }
                self.profiles[i].add(text.as_bytes());
            }
            let names = &self.names;
            let column = batch.column(i, |i| names.get(i).map_or_else(|| unnamed(i), Arc::clone));
            let row = if header { 0 } else { self.row };
            batch.bytes += column.push(text, row, record.line);
        }
        if header {
            self.profiles.resize_with(record.len(), Profiler::default);
        }
        if broken {
            problems.add(ProblemKind::Encoding, record.line, || {
                "a record is no UTF-8 although the file begins so; it was read as Latin-1".to_owned()
            });
        }
        Ok(true)
    }

    fn json_line(&mut self, batch: &mut Batch) -> io::Result<bool> {
        let Rows::Lines(reader) = &mut self.rows else { return Ok(false) };
        let Some(Line { bytes, number, dropped }) = reader.read()? else { return Ok(false) };
        if bytes.iter().all(u8::is_ascii_whitespace) && dropped == 0 {
            return Ok(true);
        }
        let text = decode(bytes, self.encoding, number, &mut self.problems);
        self.row += 1;
        batch.rows += 1;
        if dropped > 0 {
            let max = self.limits.record_bytes_max;
            self.problems.add(ProblemKind::RecordTooLong, number, || {
                format!("a line is longer than {max} bytes; {dropped} bytes of it were not seen")
            });
            self.values.raw(&text, self.row, number, batch, &mut self.profiles);
            return Ok(true);
        }
        // A line may hold an array, whose elements are rows as they are in a document.
        let place = (self.row, number);
        let last = self.values.walk(&text, place, self.limits.depth_max, batch, &mut self.profiles, &mut self.problems);
        batch.rows += last.saturating_sub(self.row);
        self.row = self.row.max(last);
        Ok(true)
    }

    fn json_document(&mut self, batch: &mut Batch) -> io::Result<bool> {
        let Rows::Document(source) = &mut self.rows else { return Ok(false) };
        let Some(mut source) = source.take() else { return Ok(false) };
        let max = self.limits.record_bytes_max;
        let mut bytes = Vec::new();
        let result = (&mut source).take(max as u64 + 1).read_to_end(&mut bytes);
        self.broken_units(source.broken_units());
        let too_long = bytes.len() > max;
        bytes.truncate(max);
        let text = decode(&bytes, self.encoding, 1, &mut self.problems);
        if too_long {
            self.problems.add(ProblemKind::RecordTooLong, 1, || {
                format!("the document is longer than {max} bytes; the rest was not seen")
            });
            self.row += 1;
            self.values.raw(&text, self.row, 1, batch, &mut self.profiles);
        } else {
            let place = (self.row + 1, 1);
            self.row =
                self.values.walk(&text, place, self.limits.depth_max, batch, &mut self.profiles, &mut self.problems);
        }
        batch.rows = self.row;
        result.map(|_| false)
    }
}

fn note_oddities(record: &Record, limits: &TableLimits, problems: &mut Problems) {
    let line = record.line;
    if record.stray_quote {
        problems.add(ProblemKind::StrayQuote, line, || "a quote stands inside a field that is not quoted".into());
    }
    if record.text_after_quote {
        problems.add(ProblemKind::TextAfterQuote, line, || "text stands after a closing quote".into());
    }
    if record.unclosed_quote {
        problems.add(ProblemKind::UnclosedQuote, line, || "the input ends within quotes".into());
    }
    if memchr::memchr(0, record.bytes()).is_some() {
        problems.add(ProblemKind::Nul, line, || "a field holds a NUL byte".into());
    }
    if record.fields_dropped > 0 {
        let (dropped, max) = (record.fields_dropped, limits.columns_max);
        problems.add(ProblemKind::TooManyColumns, line, || {
            format!("a row has more than {max} columns; {dropped} were not seen")
        });
    } else if record.bytes_dropped > 0 {
        let (dropped, max) = (record.bytes_dropped, limits.record_bytes_max);
        problems.add(ProblemKind::RecordTooLong, line, || {
            format!("a record is longer than {max} bytes; {dropped} bytes of it were not seen")
        });
    }
}

pub(crate) fn unnamed(index: usize) -> Arc<str> {
    format!("column {}", index + 1).into()
}

pub(crate) fn header_name(text: &str, index: usize, names: &[Arc<str>], problems: &mut Problems) -> Arc<str> {
    let text = text.trim();
    if text.is_empty() {
        return unnamed(index);
    }
    // Quadratic, so bounded: nobody reads a report of ten thousand equal names.
    if index < 2_048 && names.iter().any(|n| **n == *text) {
        problems.add(ProblemKind::DuplicateColumn, 1, || "two columns have one name".to_owned());
        return format!("{text} ({})", index + 1).into();
    }
    text.into()
}

fn decode(bytes: &[u8], encoding: Encoding, line: u64, problems: &mut Problems) -> String {
    if memchr::memchr(0, bytes).is_some() {
        problems.add(ProblemKind::Nul, line, || "a line holds a NUL byte".into());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            if encoding == Encoding::Utf8 {
                problems.add(ProblemKind::Encoding, line, || {
                    "a line is no UTF-8 although the file begins so; it was read as Latin-1".to_owned()
                });
            }
            bytes.iter().copied().map(char::from).collect()
        }
    }
}
