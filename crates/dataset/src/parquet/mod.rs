//! Parquet files (<https://parquet.apache.org/docs/file-format/>): columns read page by page, each value of a dictionary
//! once, with how many cells hold it.
//!
//! A reader of our own, as for CSV and JSON: every size in a file is checked against a limit before memory is taken, what
//! cannot be read is a problem with its column and row, and nothing of Arrow is built (docs/decisions/0031-own-parquet-reader).

mod codec;
mod delta;
mod footer;
mod levels;
mod page;
mod render;
mod schema;
mod thrift;
mod values;

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

pub(crate) use self::render::date;
use self::{
    footer::{Chunk, Footer, RowGroup},
    page::{Dictionary, Header, Next, Page, PageKind},
    schema::Leaf,
};
use crate::{
    Batch, Encoding, ProblemKind, TableFormat, TableLimits, TableReport, encoding::read_full, problem::Problems,
    profile::Profiler,
};

/// What every file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// What a file with an encrypted footer ends with.
const MAGIC_ENCRYPTED: &[u8; 4] = b"PARE";
/// Sizes in which the header of a page is looked for; statistics make some long.
const HEADER_BYTES: [u64; 3] = [1 << 10, 64 << 10, 16 << 20];
/// Smallest charge of a page against the budget of what comes out.
const PAGE_CHARGE: u64 = 64;
/// Column of the keys and values that writers put into the footer.
const METADATA: &str = "(metadata)";
/// Metadata that is a schema in binary form.
const ARROW_SCHEMA: &str = "ARROW:schema";

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Broken(&'static str);

/// Why a file is not read as Parquet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParquetError {
    /// The magic bytes or the length at the end are not those of a Parquet file.
    #[error("is no Parquet file: it has no footer (cut, or still being written)")]
    NoFooter,
    /// The footer is encrypted.
    #[error("is an encrypted Parquet file; decrypt it and scan it again")]
    Encrypted,
    /// The footer is longer than the limit.
    #[error("has a footer of {bytes} bytes; the limit is {limit}")]
    FooterTooLong {
        /// Its bytes.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The footer cannot be understood.
    #[error("is a broken Parquet file: {0}")]
    Broken(&'static str),
    /// The source failed.
    #[error("cannot be read: {0}")]
    Io(String),
}

impl From<Broken> for ParquetError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.0)
    }
}

impl From<io::Error> for ParquetError {
    fn from(e: io::Error) -> Self {
        Self::Io(e.to_string())
    }
}

/// A Parquet file that is being read.
pub struct ParquetTable<R> {
    source: R,
    /// Where pages end and the footer begins.
    pages_end: u64,
    leaves: Vec<Leaf>,
    names: Vec<Arc<str>>,
    groups: Vec<RowGroup>,
    metadata: Vec<(String, String)>,
    /// The chunk that is read next.
    group: usize,
    column: usize,
    chunk: Option<ChunkReader>,
    profiles: Vec<Profiler>,
    /// Values of each column that are bytes without text.
    binary: Vec<u64>,
    problems: Problems,
    limits: TableLimits,
    /// Bytes that may still come out.
    left: u64,
    rows_before: u64,
    text: String,
}

/// The pages of one column in one row group, as they are read.
struct ChunkReader {
    chunk: Chunk,
    at: u64,
    values_left: u64,
    row: u64,
    dictionary: Option<Dictionary>,
    page: Option<Page>,
    /// Next value of the dictionary to be given out, once every page was read.
    given: usize,
    ended: bool,
}

enum Fault {
    Broken(Broken),
    Io(io::Error),
    TooLong(usize),
    Spent,
}

impl From<Broken> for Fault {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

impl<R: Read + Seek> ParquetTable<R> {
    /// Opens the file in `source`.
    ///
    /// # Errors
    /// [`ParquetError`] when it has no footer that can be read.
    pub fn open(mut source: R, limits: TableLimits) -> Result<Self, ParquetError> {
        let length = source.seek(SeekFrom::End(0))?;
        let Some(tail_at) = length.checked_sub(8).filter(|at| *at >= 4) else { return Err(ParquetError::NoFooter) };
        let tail = read_at(&mut source, tail_at, 8)?;
        let Some((size, magic)) = tail.split_first_chunk::<4>() else { return Err(ParquetError::NoFooter) };
        if magic == MAGIC_ENCRYPTED {
            return Err(ParquetError::Encrypted);
        }
        let bytes = u64::from(u32::from_le_bytes(*size));
        let pages_end = tail_at.checked_sub(bytes).filter(|at| magic == MAGIC && *at >= 4);
        let pages_end = pages_end.ok_or(ParquetError::NoFooter)?;
        let limit = limits.footer_bytes_max;
        if bytes > limit {
            return Err(ParquetError::FooterTooLong { bytes, limit });
        }
        let footer = Footer::parse(&read_at(&mut source, pages_end, bytes)?)?;
        let mut leaves = schema::leaves(&footer.schema)?;
        let mut problems = Problems::default();
        if leaves.len() > limits.columns_max {
            let (dropped, max) = (leaves.len() - limits.columns_max, limits.columns_max);
            problems.add(ProblemKind::TooManyColumns, 0, || {
                format!("the table has more than {max} columns; {dropped} were not seen")
            });
            leaves.truncate(max);
        }
        let names = leaves.iter().map(|l| l.name.as_str().into()).collect();
        let left = limits.unpacked_bytes_min.saturating_add(length.saturating_mul(limits.unpacked_ratio_max));
        Ok(Self {
            source,
            pages_end,
            names,
            groups: footer.groups,
            metadata: footer.metadata,
            group: 0,
            column: 0,
            chunk: None,
            profiles: vec![Profiler::default(); leaves.len()],
            binary: vec![0; leaves.len()],
            leaves,
            problems,
            limits,
            left,
            rows_before: 0,
            text: String::new(),
        })
    }

    /// Rows that the footer promises.
    pub fn rows_promised(&self) -> u64 {
        self.groups.iter().fold(0, |n, g| n.saturating_add(g.rows))
    }

    /// Fills `batch` with the next cells, a column of a row group after the other; false when there are none left.
    /// Cells have no line. What the footer holds besides the schema is cells of row 0.
    pub fn read(&mut self, batch: &mut Batch) -> bool {
        batch.clear();
        self.give_metadata(batch);
        while batch.bytes < self.limits.batch_bytes {
            if self.chunk.is_none() && !self.open_chunk() {
                return batch.columns.iter().any(|c| !c.cells.is_empty());
            }
            let Some(mut chunk) = self.chunk.take() else { break };
            if let Err(fault) = self.advance(&mut chunk, batch) {
                self.blame(fault, chunk.row);
                (chunk.page, chunk.ended) = (None, true);
            }
            let over = chunk.ended && chunk.page.is_none() && self.give_dictionary(&mut chunk, batch);
            if over {
                self.column += 1;
            } else {
                self.chunk = Some(chunk);
                let cells = batch.columns.get(self.column).map_or(0, |c| c.cells.len());
                if cells >= self.limits.batch_rows {
                    break;
                }
            }
        }
        true
    }

    /// What the table came to.
    pub fn finish(mut self) -> TableReport {
        for (name, n) in self.names.iter().zip(&self.binary).filter(|(_, n)| **n > 0) {
            let detail = || format!("column {name:?} and perhaps others hold bytes without text, which were not read");
            self.problems.add_many(ProblemKind::BinaryValue, 0, *n, detail);
        }
        let columns = self.profiles.iter().zip(&self.names).map(|(profile, name)| profile.finish(name)).collect();
        TableReport {
            format: TableFormat::Parquet,
            encoding: Encoding::Utf8,
            dialect: None,
            rows: self.rows_before,
            columns,
            problems: self.problems.into_vec(),
        }
    }

    fn give_metadata(&mut self, batch: &mut Batch) {
        let index = self.leaves.len();
        for (key, value) in std::mem::take(&mut self.metadata) {
            if key == ARROW_SCHEMA {
                continue;
            }
            let names = &self.names;
            let column = batch.column(index, |i| names.get(i).map_or_else(|| METADATA.into(), Arc::clone));
            batch.bytes += column.push(&format!("{key}: {value}"), 0, 0);
        }
    }

    /// Opens the next chunk that can be read; false when there is none.
    fn open_chunk(&mut self) -> bool {
        loop {
            let Some(group) = self.groups.get(self.group) else { return false };
            if self.column >= self.leaves.len() {
                self.rows_before = self.rows_before.saturating_add(group.rows);
                (self.group, self.column) = (self.group + 1, 0);
                continue;
            }
            let row = self.rows_before;
            // Groups without columns cost nothing in the file.
            let Some(left) = self.left.checked_sub(PAGE_CHARGE) else {
                self.blame(Fault::Spent, row);
                return false;
            };
            self.left = left;
            let refused = match group.columns.get(self.column) {
                None => Some((ProblemKind::BrokenPage, "is not in every row group")),
                Some(c) if c.encrypted => Some((ProblemKind::EncryptedColumn, "is encrypted")),
                Some(c) if c.elsewhere => Some((ProblemKind::BrokenPage, "has its pages in another file")),
                Some(c) if !c.described => Some((ProblemKind::BrokenPage, "is not described in the footer")),
                Some(c) if c.values == 0 => None,
                Some(chunk) => {
                    let at = chunk.dictionary_offset.unwrap_or(chunk.data_offset).min(chunk.data_offset);
                    self.chunk = Some(ChunkReader {
                        chunk: chunk.clone(),
                        at,
                        values_left: chunk.values,
                        row,
                        dictionary: None,
                        page: None,
                        given: 0,
                        ended: false,
                    });
                    return true;
                }
            };
            if let Some((kind, what)) = refused {
                let name = &self.names[self.column];
                self.problems.add(kind, row + 1, || format!("column {name:?} {what}; it was not seen"));
            }
            self.column += 1;
        }
    }

    /// Reads on in a chunk until the batch is full or a page is at its end.
    fn advance(&mut self, chunk: &mut ChunkReader, batch: &mut Batch) -> Result<(), Fault> {
        if chunk.ended {
            return Ok(());
        }
        let Some(mut page) = chunk.page.take() else {
            if chunk.values_left == 0 {
                chunk.ended = true;
                return Ok(());
            }
            return self.load(chunk);
        };
        let index = self.column;
        let leaf = &self.leaves[index];
        let profile = &mut self.profiles[index];
        let names = &self.names;
        let free = self.limits.batch_bytes.saturating_sub(batch.bytes);
        let column = batch.column(index, |i| names.get(i).map_or_else(|| METADATA.into(), Arc::clone));
        let room = self.limits.batch_rows.max(1) + column.cells.len();
        let mut bytes = 0;
        while page.left > 0 && bytes < free && column.cells.len() < room {
            let before = page.left;
            let (next, rows) = page.next(leaf)?;
            let first = if rows > 0 { chunk.row + 1 } else { chunk.row };
            chunk.row += rows;
            match next {
                Next::Nulls(n) => profile.add_missing(n),
                Next::Index(at, n) => match &mut chunk.dictionary {
                    Some(dictionary) => dictionary.count(at, n, first)?,
                    None => return Err(Broken("a page refers to a dictionary that is not there").into()),
                },
                Next::Value(value) => {
                    self.text.clear();
                    if render::render(value, leaf.physical, leaf.logical, &mut self.text) {
                        profile.add(self.text.as_bytes());
                        bytes += column.push(&self.text, first, 0);
                    } else {
                        profile.add(value);
                        self.binary[index] += 1;
                    }
                    let charge = self.text.len() as u64 + 1;
                    self.left = self.left.checked_sub(charge).ok_or(Fault::Spent)?;
                }
            }
            chunk.values_left = chunk.values_left.saturating_sub(before - page.left);
        }
        batch.bytes += bytes;
        if index == 0 {
            batch.rows = chunk.row.saturating_sub(self.rows_before);
        }
        if page.left > 0 {
            chunk.page = Some(page);
        }
        Ok(())
    }

    /// Reads the next page of a chunk.
    fn load(&mut self, chunk: &mut ChunkReader) -> Result<(), Fault> {
        let (header, length) = self.header(chunk.at)?;
        let start = chunk.at + length as u64;
        let end = start + header.packed_bytes as u64;
        if end > self.pages_end {
            return Err(Broken("a page reaches into the footer").into());
        }
        chunk.at = end;
        if header.kind == PageKind::Other {
            return Ok(());
        }
        let longest = header.unpacked_bytes.max(header.packed_bytes);
        if longest > self.limits.page_bytes_max {
            return Err(Fault::TooLong(longest));
        }
        self.left = self.left.checked_sub(longest as u64 + PAGE_CHARGE).ok_or(Fault::Spent)?;
        let packed = read_at(&mut self.source, start, header.packed_bytes as u64)?;
        let bytes = header.unpack(chunk.chunk.codec, &packed)?;
        let leaf = &self.leaves[self.column];
        if header.kind == PageKind::Dictionary {
            if chunk.dictionary.is_some() {
                return Err(Broken("a column has two dictionaries").into());
            }
            chunk.dictionary = Some(Dictionary::open(&header, bytes, leaf.physical)?);
        } else if header.values > 0 {
            if header.values > chunk.values_left {
                return Err(Broken("a page has more values than its column").into());
            }
            chunk.page = Some(Page::open(&header, bytes, leaf)?);
        }
        Ok(())
    }

    fn header(&mut self, at: u64) -> Result<(Header, usize), Fault> {
        let there = self.pages_end.checked_sub(at).filter(|n| *n > 0);
        let there = there.ok_or(Broken("a column has fewer values than the footer says"))?;
        for size in HEADER_BYTES {
            let bytes = read_at(&mut self.source, at, size.min(there))?;
            match Header::parse(&bytes) {
                Ok(found) => return Ok(found),
                Err(broken) if size >= there || Some(&size) == HEADER_BYTES.last() => return Err(broken.into()),
                Err(_) => {}
            }
        }
        Err(Broken("a page has no header").into())
    }

    /// Gives out the values of a chunk's dictionary, each once; true when all of them are out.
    fn give_dictionary(&mut self, chunk: &mut ChunkReader, batch: &mut Batch) -> bool {
        let Some(dictionary) = &chunk.dictionary else { return true };
        let index = self.column;
        let leaf = &self.leaves[index];
        let names = &self.names;
        let free = self.limits.batch_bytes.saturating_sub(batch.bytes);
        let column = batch.column(index, |i| names.get(i).map_or_else(|| METADATA.into(), Arc::clone));
        let room = self.limits.batch_rows.max(1) + column.cells.len();
        let mut bytes = 0;
        while let Some((value, uses)) = dictionary.get(chunk.given) {
            if bytes >= free || column.cells.len() >= room {
                batch.bytes += bytes;
                return false;
            }
            chunk.given += 1;
            self.text.clear();
            if render::render(value, leaf.physical, leaf.logical, &mut self.text) {
                self.profiles[index].add_times(self.text.as_bytes(), uses.times);
                bytes += column.push_times(&self.text, uses.row, 0, uses.times);
            } else {
                self.profiles[index].add_times(value, uses.times);
                self.binary[index] += uses.times;
            }
        }
        batch.bytes += bytes;
        true
    }

    fn blame(&mut self, fault: Fault, row: u64) {
        let name = &self.names[self.column];
        let (max, left) = (self.limits.page_bytes_max, "what follows it in the column was not seen");
        match fault {
            Fault::Broken(Broken(what)) => {
                self.problems.add(ProblemKind::BrokenPage, row + 1, || format!("column {name:?}: {what}; {left}"));
            }
            Fault::Io(e) => {
                let detail = || format!("the source failed in column {name:?}: {e}");
                self.problems.add(ProblemKind::ReadError, row + 1, detail);
            }
            Fault::TooLong(bytes) => {
                let detail = || format!("column {name:?} has a page of {bytes} bytes, the limit is {max}; {left}");
                self.problems.add(ProblemKind::RecordTooLong, row + 1, detail);
            }
            Fault::Spent => {
                let detail = || format!("more comes out of the file than its size allows; it was read up to {name:?}");
                self.problems.add(ProblemKind::TooMuch, row + 1, detail);
                self.groups.clear();
            }
        }
    }
}

/// The `length` bytes at `at`, or an error when there are fewer.
fn read_at(source: &mut (impl Read + Seek), at: u64, length: u64) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(at))?;
    let length = usize::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    let mut bytes = vec![0; length];
    if read_full(source, &mut bytes)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}
