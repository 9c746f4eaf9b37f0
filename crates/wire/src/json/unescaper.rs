//! Text in which JSON escapes stand, read without them, piece by piece, with the way back to where each byte came from.
//!
//! A tool call's `arguments` are JSON inside a JSON string: once the outer string is read, `\u0067` still stands where the
//! tool will see `g`. What is no valid escape is text that happens to hold a backslash and stays as it is.

use std::collections::VecDeque;
use std::ops::Range;

use memchr::memchr_iter;

/// A stretch that was taken over as it stands, or one escape.
#[derive(Clone, Copy, Debug)]
struct Segment {
    read: usize,
    read_len: usize,
    source: usize,
    source_len: usize,
}

impl Segment {
    const fn is_escape(self) -> bool {
        self.read_len != self.source_len
    }
}

/// Undoes JSON escapes in text that comes in pieces. Offsets are bytes since the start, of what is read and of the source.
#[derive(Debug, Default)]
pub struct Unescaper {
    segments: VecDeque<Segment>,
    /// An escape of which the end has not come: at most eleven bytes.
    pending: String,
    read: usize,
    source: usize,
}

/// What a backslash begins.
enum Escape {
    /// This character, written in so many bytes.
    Whole(char, usize),
    /// More has to come before it is known.
    Unfinished,
    /// No escape.
    Plain,
}

/// The UTF-16 unit of the four digits at `at`; `Err(true)` if they have not all come.
fn unit(bytes: &[u8], at: usize) -> Result<u32, bool> {
    let digits = bytes.get(at..).unwrap_or_default();
    let digits = &digits[..digits.len().min(4)];
    let value = digits.iter().try_fold(0, |v, d| Some(v << 4 | char::from(*d).to_digit(16)?));
    value.filter(|_| digits.len() == 4).ok_or(value.is_some())
}

/// Reads the escape at the start of `rest`, which begins with a backslash.
fn escape(rest: &[u8]) -> Escape {
    let c = match rest.get(1) {
        None => return Escape::Unfinished,
        Some(b'u') => return unicode(rest),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b @ (b'"' | b'\\' | b'/')) => char::from(*b),
        Some(_) => return Escape::Plain,
    };
    Escape::Whole(c, 2)
}

fn unicode(rest: &[u8]) -> Escape {
    const LONE: Escape = Escape::Whole(char::REPLACEMENT_CHARACTER, 6);
    let high = match unit(rest, 2) {
        Ok(high) => high,
        Err(true) => return Escape::Unfinished,
        Err(false) => return Escape::Plain,
    };
    if !(0xD800..0xDC00).contains(&high) {
        return char::from_u32(high).map_or(LONE, |c| Escape::Whole(c, 6));
    }
    let next = &rest[6..rest.len().min(8)];
    if next != b"\\u" {
        return if b"\\u".starts_with(next) { Escape::Unfinished } else { LONE };
    }
    match unit(rest, 8) {
        Ok(low @ 0xDC00..0xE000) => {
            let c = char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00));
            c.map_or(LONE, |c| Escape::Whole(c, 12))
        }
        Err(true) => Escape::Unfinished,
        _ => LONE,
    }
}

impl Unescaper {
    /// One whose source begins at this offset.
    pub fn starting_at(source: usize) -> Self {
        Self { source, ..Self::default() }
    }

    /// True if `text` holds an escape that hides what it stands for: `\uXXXX`, or a slash that needed none. Line breaks,
    /// quotes and backslashes hide nothing of a word.
    pub fn hides(text: &str) -> bool {
        let bytes = text.as_bytes();
        memchr_iter(b'\\', bytes).any(|at| matches!(bytes.get(at + 1), Some(b'u' | b'/')))
    }

    /// Takes the next piece and appends what it reads as.
    pub fn push(&mut self, piece: &str, out: &mut String) {
        let held = std::mem::take(&mut self.pending);
        let joined;
        let mut rest = if held.is_empty() {
            piece
        } else {
            joined = held + piece;
            &joined
        };
        while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
            self.plain(&rest[..at], out);
            rest = &rest[at..];
            let taken = match escape(rest.as_bytes()) {
                Escape::Whole(c, len) => {
                    out.push(c);
                    self.advance(c.len_utf8(), len);
                    len
                }
                Escape::Unfinished => {
                    self.pending.push_str(rest);
                    return;
                }
                Escape::Plain => {
                    self.plain(&rest[..1], out);
                    1
                }
            };
            rest = &rest[taken..];
        }
        self.plain(rest, out);
    }

    /// Ends the text: an escape without an end stays as it stands.
    pub fn finish(&mut self, out: &mut String) {
        let held = std::mem::take(&mut self.pending);
        self.plain(&held, out);
    }

    fn plain(&mut self, text: &str, out: &mut String) {
        out.push_str(text);
        let joins = self.segments.back_mut().filter(|s| !s.is_escape());
        match joins {
            Some(last) => {
                last.read_len += text.len();
                last.source_len += text.len();
                self.read += text.len();
                self.source += text.len();
            }
            None if text.is_empty() => {}
            None => self.advance(text.len(), text.len()),
        }
    }

    fn advance(&mut self, read_len: usize, source_len: usize) {
        self.segments.push_back(Segment { read: self.read, read_len, source: self.source, source_len });
        self.read += read_len;
        self.source += source_len;
    }

    /// Bytes read so far.
    pub const fn read_bytes(&self) -> usize {
        self.read
    }

    /// Where the byte at `read` came from; for the end of what was read, where the next one will come from.
    pub fn source_of(&self, read: usize) -> usize {
        let at = self.segments.partition_point(|s| s.read + s.read_len <= read);
        match self.segments.get(at) {
            Some(s) if s.is_escape() => s.source,
            Some(s) => s.source + read.saturating_sub(s.read),
            None => self.source,
        }
    }

    /// Where a range of what was read came from, whole escapes only.
    pub fn source_range(&self, read: Range<usize>) -> Range<usize> {
        let start = self.source_of(read.start);
        let Some(last) = read.end.checked_sub(1).filter(|last| *last >= read.start) else { return start..start };
        let at = self.segments.partition_point(|s| s.read + s.read_len <= last);
        let end = match self.segments.get(at) {
            Some(s) if s.is_escape() => s.source + s.source_len,
            Some(s) => s.source + (last + 1).saturating_sub(s.read),
            None => self.source,
        };
        start..end.max(start)
    }

    /// A range of the source, widened so that it cuts no escape.
    pub fn widened(&self, source: Range<usize>) -> Range<usize> {
        let holding = |at: usize| {
            let i = self.segments.partition_point(|s| s.source + s.source_len <= at);
            self.segments.get(i).filter(|s| s.is_escape() && s.source < at)
        };
        let start = holding(source.start).map_or(source.start, |s| s.source);
        let end = holding(source.end).map_or(source.end, |s| s.source + s.source_len);
        start..end
    }

    /// Where in what was read the byte at `source` is; for an escape's bytes where its character begins.
    pub fn read_of(&self, source: usize) -> usize {
        let at = self.segments.partition_point(|s| s.source + s.source_len <= source);
        match self.segments.get(at) {
            Some(s) if s.is_escape() => s.read,
            Some(s) => s.read + source.saturating_sub(s.source),
            None => self.read,
        }
    }

    /// Forgets where bytes before `read` came from.
    pub fn forget(&mut self, read: usize) {
        while self.segments.front().is_some_and(|s| s.read + s.read_len <= read) {
            self.segments.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unescaper;
    use proptest::prelude::*;

    fn read(pieces: &[&str]) -> (String, Unescaper) {
        let (mut unescaper, mut out) = (Unescaper::default(), String::new());
        pieces.iter().for_each(|p| unescaper.push(p, &mut out));
        unescaper.finish(&mut out);
        (out, unescaper)
    }

    #[test]
    fn escapes_are_undone_and_what_is_none_stays() {
        for (source, text) in [
            (r"\u0067h\u0070_", "ghp_"),
            (r"\ud83d\ude00\/", "😀/"),
            (r#"a\n\t\r\b\f\"\\b"#, "a\n\t\r\u{8}\u{c}\"\\b"),
            (r"C:\Users \x41 \uZZ \u12 \", r"C:\Users \x41 \uZZ \u12 \"),
            (r"\ud83d! \ude00 \ud83d\u0041", "\u{FFFD}! \u{FFFD} \u{FFFD}A"),
            (r"\ud83d", "\u{FFFD}"),
            (r"\\u0041", r"\u0041"),
        ] {
            let want = if source == r"\ud83d" { source } else { text };
            assert_eq!(read(&[source]).0, want, "{source}");
        }
    }

    #[test]
    fn ranges_lead_back_to_whole_escapes() {
        let source = r"x \u0067hp\/1 \ud83d\ude00";
        let (text, unescaper) = read(&[source]);
        assert_eq!(text, "x ghp/1 😀");
        assert_eq!(&source[unescaper.source_range(2..7)], r"\u0067hp\/1");
        assert_eq!(&source[unescaper.source_range(3..5)], "hp");
        assert_eq!(&source[unescaper.source_range(9..10)], r"\ud83d\ude00", "a byte of a character is all of it");
        assert_eq!(unescaper.source_range(5..5), unescaper.source_of(5)..unescaper.source_of(5));
        assert_eq!(unescaper.source_of(text.len()), source.len());
        assert_eq!(&source[unescaper.widened(4..11)], r"\u0067hp\/");
        assert_eq!(unescaper.widened(8..10), 8..10);
        assert_eq!(
            (unescaper.read_of(1), unescaper.read_of(5), unescaper.read_of(9), unescaper.read_of(99)),
            (1, 2, 4, text.len()),
            "within an escape where it begins, past the end the end"
        );
    }

    #[test]
    fn only_what_hides_a_letter_counts_as_hiding() {
        for (text, hides) in
            [(r"a\u0062", true), (r"a\/b", true), (r"a\\u0062", true), (r#"a\n\"b\\"#, false), ("plain", false)]
        {
            assert_eq!(Unescaper::hides(text), hides, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_chunking_reads_the_same(
            source in r#"([a-zé😀 ]|\\u00[0-9a-f]{2}|\\ud83d|\\ude00|\\[nt"/\\ux]|\\u[0-9a-f]{0,3}){0,24}"#,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|c| source.floor_char_boundary(c.index(source.len() + 1))).collect();
            cuts.extend([0, source.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|w| &source[w[0]..w[1]]).collect();
            let ((whole, one), (cut, two)) = (read(&[&source]), read(&pieces));
            prop_assert_eq!(&whole, &cut);
            prop_assert_eq!(one.source_of(whole.len()), source.len());
            for at in 0..whole.len() {
                prop_assert_eq!(one.source_range(at..at + 1), two.source_range(at..at + 1));
                prop_assert!(source.is_char_boundary(one.source_of(at)) || !whole.is_char_boundary(at));
            }
        }

        #[test]
        fn agrees_with_the_json_reader(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(read(&[&written[1..written.len() - 1]]).0, text);
        }
    }
}
