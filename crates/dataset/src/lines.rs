//! Lines in bounded memory.

use std::io::{self, Read};

use memchr::memchr;

use crate::encoding::read_some;

/// One line without its line feed.
pub(crate) struct Line<'a> {
    pub(crate) bytes: &'a [u8],
    /// Number of the line, from 1.
    pub(crate) number: u64,
    /// Bytes beyond the limit, which are gone.
    pub(crate) dropped: u64,
}

/// Reads lines, each up to a limit.
pub(crate) struct LineReader<R> {
    source: R,
    buffer: Box<[u8]>,
    at: usize,
    end: usize,
    line: Vec<u8>,
    number: u64,
    bytes_max: usize,
}

impl<R: Read> LineReader<R> {
    pub(crate) fn new(source: R, bytes_max: usize) -> Self {
        let buffer = vec![0; 64 << 10].into_boxed_slice();
        Self { source, buffer, at: 0, end: 0, line: Vec::new(), number: 0, bytes_max }
    }

    pub(crate) const fn source(&self) -> &R {
        &self.source
    }

    /// The next line; `None` at the end.
    pub(crate) fn read(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let (mut dropped, mut any) = (0, false);
        loop {
            if self.at == self.end {
                (self.at, self.end) = (0, read_some(&mut self.source, &mut self.buffer)?);
                if self.end == 0 {
                    if !any {
                        return Ok(None);
                    }
                    break;
                }
            }
            any = true;
            let chunk = &self.buffer[self.at..self.end];
            let found = memchr(b'\n', chunk);
            let piece = &chunk[..found.unwrap_or(chunk.len())];
            let fits = piece.len().min(self.bytes_max - self.line.len());
            self.line.extend_from_slice(&piece[..fits]);
            dropped += (piece.len() - fits) as u64;
            self.at += piece.len() + usize::from(found.is_some());
            if found.is_some() {
                break;
            }
        }
        self.number += 1;
        Ok(Some(Line { bytes: &self.line, number: self.number, dropped }))
    }
}

#[cfg(test)]
mod tests {
    use super::LineReader;

    #[test]
    fn lines_at_the_limit_and_past_it() {
        let mut reader = LineReader::new(&b"abc\nabcd\n\nlast"[..], 3);
        let mut seen = Vec::new();
        while let Some(line) = reader.read().unwrap() {
            seen.push((String::from_utf8(line.bytes.to_vec()).unwrap(), line.number, line.dropped));
        }
        let expected = [("abc", 1, 0), ("abc", 2, 1), ("", 3, 0), ("las", 4, 1)];
        assert_eq!(seen, expected.map(|(text, number, dropped)| (text.to_owned(), number, dropped)));
    }
}
