//! Text of any length, scanned as it streams past.

use std::io::Read;

use casemate_dataset::{DecodingReader, Encoding, detect_encoding};
use casemate_detect::{Match, StreamScanner};
use casemate_finding::{Location, Span};

use crate::{
    allow::Allowances,
    content::FileScan,
    hit,
    names::{BLOCK_BYTES, NamesAsked},
    plan::ScanPlan,
};

/// Where a byte of the stream is, counted forward.
#[derive(Debug)]
struct Place {
    offset: usize,
    line: u64,
    column: u64,
}

impl Place {
    const fn start() -> Self {
        Self { offset: 0, line: 1, column: 1 }
    }

    fn pass(&mut self, text: &str) {
        self.offset += text.len();
        match memchr::memrchr(b'\n', text.as_bytes()) {
            None => self.column += text.chars().count() as u64,
            Some(last) => {
                self.line += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
                self.column = 1 + text[last + 1..].chars().count() as u64;
            }
        }
    }
}

/// Scans the text in `source`, whose first bytes are `head` (not in `source` any more).
pub(crate) fn scan_text(plan: &ScanPlan, path: &str, head: &[u8], source: impl Read, out: &mut FileScan) {
    let (encoding, mark) = match detect_encoding(head) {
        Ok(found) => found,
        Err(why) => {
            out.not_scanned(path, why.to_string());
            return;
        }
    };
    let mut reader = DecodingReader::new(head[mark..].chain(source), encoding);
    let mut feed = Feed::new(plan, path);
    let mut bytes = vec![0; plan.limits.piece_bytes.max(4)];
    let (mut held, mut broken) = (0, 0_u64);
    loop {
        if plan.cancelled() {
            out.not_scanned(path, "the scan was stopped before its end");
            break;
        }
        let got = match reader.read(&mut bytes[held..]) {
            Ok(got) => got,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => {
                out.not_scanned(path, format!("cannot be read to its end: {e}"));
                break;
            }
        };
        let filled = held + got;
        held = decode(&bytes[..filled], encoding, got == 0, &mut feed.piece, &mut broken);
        feed.advance(out);
        if got == 0 {
            break;
        }
        bytes.copy_within(filled - held..filled, 0);
        out.bytes += got as u64;
    }
    feed.finish(out);
    if broken > 0 {
        out.notes.push(format!("{path}: {broken} bytes are no UTF-8; the text around them was read"));
    }
    if reader.broken_units() > 0 {
        out.notes.push(format!("{path}: {} code units are no UTF-16", reader.broken_units()));
    }
}

/// Scans text that is in memory already, as the pages of a document.
pub(crate) fn scan_str(plan: &ScanPlan, path: &str, text: &str, out: &mut FileScan) {
    let mut feed = Feed::new(plan, path);
    feed.push(text, out);
    feed.finish(out);
}

/// Appends `bytes` to `piece` as text and returns how many at the end are the start of a character that is still coming.
fn decode(bytes: &[u8], encoding: Encoding, last: bool, piece: &mut String, broken: &mut u64) -> usize {
    if encoding == Encoding::Latin1 {
        piece.extend(bytes.iter().copied().map(char::from));
        return 0;
    }
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                piece.push_str(text);
                return 0;
            }
            Err(e) => {
                let (valid, after) = rest.split_at(e.valid_up_to());
                piece.push_str(std::str::from_utf8(valid).unwrap_or_default());
                match e.error_len() {
                    None if !last => return after.len(),
                    length => {
                        let length = length.unwrap_or(after.len());
                        *broken += length as u64;
                        // Latin-1 keeps the number of characters, so that columns stay true.
                        piece.extend(after[..length].iter().copied().map(char::from));
                        rest = &after[length..];
                    }
                }
            }
        }
    }
}

/// Feeds pieces to the detectors and places what they find.
pub(crate) struct Feed<'p> {
    plan: &'p ScanPlan,
    path: &'p str,
    scanner: StreamScanner<'p>,
    allowances: Allowances,
    piece: String,
    place: Place,
    first: usize,
    hidden: u64,
    /// The last line that was scanned has no end yet.
    open: bool,
    /// Text that is known but for the names in it, and the matches in it.
    unnamed: (String, Vec<Match>),
    asked: NamesAsked,
}

impl<'p> Feed<'p> {
    pub(crate) fn new(plan: &'p ScanPlan, path: &'p str) -> Self {
        Self {
            plan,
            path,
            scanner: StreamScanner::new(plan.engine(), plan.options(path)),
            allowances: Allowances::default(),
            piece: String::new(),
            place: Place::start(),
            first: 0,
            hidden: 0,
            open: false,
            unnamed: (String::new(), Vec::new()),
            asked: NamesAsked::default(),
        }
    }

    /// Adds text; what is gathered is scanned as soon as there is a piece of it.
    pub(crate) fn push(&mut self, text: &str, out: &mut FileScan) {
        let mut rest = text;
        while !rest.is_empty() {
            let room = self.plan.limits.piece_bytes.max(4).saturating_sub(self.piece.len());
            let (piece, after) = rest.split_at(rest.floor_char_boundary(room));
            self.piece.push_str(piece);
            rest = after;
            if !rest.is_empty() {
                self.flush(out);
            }
        }
    }

    /// Ends the line, unless nothing stands on it.
    pub(crate) fn end_line(&mut self, out: &mut FileScan) {
        let open = self.piece.chars().next_back().map_or(self.open, |c| c != '\n');
        if open {
            self.push("\n", out);
        }
    }

    fn flush(&mut self, out: &mut FileScan) {
        if let Some(last) = self.piece.chars().next_back() {
            self.open = last != '\n';
        }
        out.bytes += self.piece.len() as u64;
        self.advance(out);
    }

    fn advance(&mut self, out: &mut FileScan) {
        if self.first == 0 {
            self.first = out.findings.len() + 1;
        }
        let piece = std::mem::take(&mut self.piece);
        self.allowances.push(&piece);
        let progress = self.scanner.push(&piece);
        self.settle(&progress.text, progress.offset, &progress.matches, false, out);
        self.piece = piece;
        self.piece.clear();
    }

    /// Takes what became certain; asks for names in it, a block of lines at a time.
    fn settle(&mut self, piece: &str, offset: usize, found: &[Match], last: bool, out: &mut FileScan) {
        if self.plan.names.is_none() || !self.plan.kinds.pii {
            return self.place(piece, offset, found, out);
        }
        let (mut text, mut matches) = std::mem::take(&mut self.unnamed);
        let before = offset.saturating_sub(text.len());
        text.push_str(piece);
        matches.extend(found.iter().map(|m| moved(m, before)));
        while text.len() >= BLOCK_BYTES || (last && !text.is_empty()) {
            let end = block_end(&text, &matches, last);
            let rest = matches.split_off(matches.partition_point(|m| m.span.start < end));
            let named = self.asked.add(self.plan, &text[..end], matches);
            self.place(&text[..end], 0, &named, out);
            matches = rest.iter().map(|m| moved(m, end)).collect();
            text.drain(..end);
        }
        self.unnamed = (text, matches);
    }

    /// Counts lines and columns on to each match, and lists it.
    fn place(&mut self, text: &str, offset: usize, matches: &[Match], out: &mut FileScan) {
        let mut done = 0;
        for m in matches {
            let start = text.floor_char_boundary(m.span.start.saturating_sub(offset).min(text.len()));
            let end = text.floor_char_boundary(m.span.end.saturating_sub(offset).clamp(start, text.len()));
            if start > done {
                self.place.pass(&text[done..start]);
                done = start;
            }
            let value = &text[start..end];
            let known = out.findings.len() - (self.first - 1);
            if known >= self.plan.limits.findings_per_file_max {
                self.hidden += 1;
                continue;
            }
            let location = Location {
                path: Some(self.path.to_owned()),
                line: Some(self.place.line),
                column: Some(self.place.column),
                ..Location::default()
            };
            out.findings.push(hit::finding(&self.plan.key, m, value, location));
        }
        self.place.pass(&text[done..]);
    }

    pub(crate) fn finish(mut self, out: &mut FileScan) {
        if !self.piece.is_empty() {
            self.flush(out);
        }
        let progress = self.scanner.finish();
        self.settle(&progress.text, progress.offset, &progress.matches, true, out);
        self.asked.finish(self.plan, self.path, out);
        if self.hidden > 0 {
            out.hidden += self.hidden;
            out.notes.push(format!("{}: {} more findings are counted but not listed", self.path, self.hidden));
        }
        let first = self.first.saturating_sub(1).min(out.findings.len());
        out.allow(first, &self.allowances.finish());
    }
}

/// The match in a text that begins `by` bytes later.
fn moved(m: &Match, by: usize) -> Match {
    let (start, end) = (m.span.start.saturating_sub(by), m.span.end.saturating_sub(by));
    Match { span: Span::new(start, end), ..m.clone() }
}

/// Where the first block of `text` ends: at a line's end if there is one, and inside no match.
fn block_end(text: &str, matches: &[Match], last: bool) -> usize {
    if last && text.len() <= BLOCK_BYTES {
        return text.len();
    }
    let block = &text[..text.floor_char_boundary(BLOCK_BYTES)];
    let bytes = block.as_bytes();
    let cut = memchr::memrchr(b'\n', bytes).or_else(|| memchr::memrchr(b' ', bytes)).map_or(block.len(), |at| at + 1);
    match matches.iter().find(|m| m.span.start < cut && m.span.end > cut) {
        Some(m) if m.span.start > 0 => m.span.start,
        Some(m) => text.ceil_char_boundary(m.span.end.min(text.len())),
        None => cut,
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, decode};

    #[test]
    fn characters_that_reads_cut_come_out_whole_and_broken_bytes_stay_counted() {
        let (mut piece, mut broken) = (String::new(), 0);
        let held = decode("aé".as_bytes().split_at(2).0, Encoding::Utf8, false, &mut piece, &mut broken);
        assert_eq!((piece.as_str(), held, broken), ("a", 1, 0));
        let held = decode(b"\xc3\xa9\xffz\xc3", Encoding::Utf8, true, &mut piece, &mut broken);
        assert_eq!((piece.as_str(), held, broken), ("aéÿzÃ", 0, 2));
    }
}
