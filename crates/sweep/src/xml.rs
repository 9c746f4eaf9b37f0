//! XML as a row of events from a stream, for text extraction: no entities but the five and numbers, no document type is
//! acted on, and no more is held than one tag or one piece of text.

use std::{
    borrow::Cow,
    io::{self, Read},
};

use memchr::{memchr, memmem};

/// Bytes of a tag or comment mark that are kept; a longer tag is passed over.
const TAG_BYTES_MAX: usize = 1 << 20;
/// Bytes of text after which a piece is given out.
const TEXT_BYTES_MAX: usize = 256 << 10;
/// Bytes read at a time.
const STEP: usize = 64 << 10;
/// The longest entity that counts is `&#x10ffff;`.
const ENTITY_BYTES_MAX: usize = 10;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A start tag (or an empty one), by its local name.
    Start { name: &'a str, attributes: &'a str },
    /// An end tag, by its local name; follows an empty tag too.
    End(&'a str),
    /// Text between tags, perhaps not all of it.
    Text(Cow<'a, str>),
}

/// Gives the events of a document, however broken it is.
pub(crate) struct Xml<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where the next event begins.
    at: usize,
    ended: bool,
    /// The tag was empty: its name, for the end that is still to be told.
    closing: Option<String>,
    tag: String,
    /// Within a `CDATA` section.
    raw: bool,
    /// Tags that were too long to be read.
    dropped: u64,
}

enum Found {
    /// So many bytes are text, of a section or not.
    Text(usize, bool),
    Tag,
    End,
}

impl<R: Read> Xml<R> {
    pub(crate) fn new(source: R) -> Self {
        let (buffer, tag) = (Vec::new(), String::new());
        Self { source, buffer, at: 0, ended: false, closing: None, tag, raw: false, dropped: 0 }
    }

    /// Tags that were longer than is read.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The next event; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Event<'_>>> {
        if let Some(name) = self.closing.take() {
            self.tag = name;
            return Ok(Some(Event::End(&self.tag)));
        }
        match self.find()? {
            Found::End => Ok(None),
            Found::Text(length, raw) => {
                let bytes = &self.buffer[self.at..self.at + length];
                self.at += length;
                let text = String::from_utf8_lossy(bytes);
                Ok(Some(Event::Text(if raw { text } else { unescape(text) })))
            }
            Found::Tag => {
                let tag = self.tag.as_str();
                if let Some(name) = tag.strip_prefix('/') {
                    return Ok(Some(Event::End(local(name.trim()))));
                }
                let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
                let (name, attributes) = tag.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((tag, ""));
                let name = local(name);
                if empty {
                    self.closing = Some(name.to_owned());
                }
                Ok(Some(Event::Start { name, attributes }))
            }
        }
    }

    fn find(&mut self) -> io::Result<Found> {
        loop {
            if self.raw {
                match self.seek(b"]]>", TEXT_BYTES_MAX)? {
                    Some(0) => {
                        (self.raw, self.at) = (false, self.at + 3);
                        continue;
                    }
                    Some(length) => return Ok(Found::Text(length, true)),
                    None => return Ok(self.rest(true)),
                }
            }
            if !self.fill(1)? {
                return Ok(Found::End);
            }
            if self.buffer[self.at] != b'<' {
                return Ok(match self.seek(b"<", TEXT_BYTES_MAX)? {
                    Some(length) => Found::Text(length, false),
                    None => self.rest(false),
                });
            }
            self.fill(9)?;
            let start = &self.buffer[self.at..];
            if start.starts_with(b"<![CDATA[") {
                (self.raw, self.at) = (true, self.at + 9);
            } else if start.starts_with(b"<!--") {
                self.at += 4;
                self.skip_past(b"-->")?;
            } else if start.starts_with(b"<?") || start.starts_with(b"<!") {
                self.skip_past(b">")?;
            } else {
                self.at += 1;
                if self.read_tag()? {
                    return Ok(Found::Tag);
                }
            }
        }
    }

    /// What is left at the end of a broken document.
    fn rest(&self, raw: bool) -> Found {
        match self.buffer.len() - self.at {
            0 => Found::End,
            length => Found::Text(length, raw),
        }
    }

    /// Bytes before `mark`; as many as may be given out when the mark is far; `None` when the source ends before it.
    fn seek(&mut self, mark: &[u8], longest: usize) -> io::Result<Option<usize>> {
        let mut from = self.at;
        loop {
            if let Some(found) = memmem::find(&self.buffer[from..], mark) {
                return Ok(Some(from + found - self.at));
            }
            let there = self.buffer.len() - self.at;
            if there >= longest {
                return Ok(Some(self.cut(there - (mark.len() - 1))));
            }
            // The mark may be cut by the end of the buffer.
            let behind = there.saturating_sub(mark.len() - 1);
            if !self.fill(there + 1)? {
                return Ok(None);
            }
            from = self.at + behind;
        }
    }

    /// Where text of at most `length` bytes is cut: no character and no entity goes in two.
    fn cut(&self, length: usize) -> usize {
        let text = &self.buffer[self.at..self.at + length];
        let tail = length.saturating_sub(ENTITY_BYTES_MAX);
        let whole = text[tail..].iter().rposition(|b| *b == b'&').map_or(length, |at| tail + at);
        let character = (whole.saturating_sub(3)..whole).rev().find(|at| text[*at] >= 0xc0);
        match character {
            Some(at) if std::str::from_utf8(&text[at..whole]).is_err() && at > 0 => at,
            _ => whole.max(1),
        }
    }

    fn skip_past(&mut self, mark: &[u8]) -> io::Result<()> {
        loop {
            if let Some(found) = memmem::find(&self.buffer[self.at..], mark) {
                self.at += found + mark.len();
                return Ok(());
            }
            self.at = self.buffer.len().saturating_sub(mark.len() - 1).max(self.at);
            let there = self.buffer.len() - self.at;
            if !self.fill(there + 1)? {
                self.at = self.buffer.len();
                return Ok(());
            }
        }
    }

    /// Reads a tag up to its end: a `>` in quotes does not end it. False when it was too long to be kept.
    fn read_tag(&mut self) -> io::Result<bool> {
        let (mut quote, mut length, mut long) = (None, 0, false);
        loop {
            let rest = &self.buffer[self.at + length..];
            let end = match quote {
                None => rest.iter().position(|b| matches!(b, b'>' | b'"' | b'\'')),
                Some(q) => memchr(q, rest),
            };
            match end.map(|n| (n, rest[n])) {
                Some((n, b'>')) if quote.is_none() => {
                    length += n;
                    break;
                }
                Some((n, q)) => {
                    quote = if quote.is_none() { Some(q) } else { None };
                    length += n + 1;
                }
                None => {
                    length += rest.len();
                    if length > TAG_BYTES_MAX {
                        (self.at, length, long) = (self.at + length, 0, true);
                    }
                    if !self.fill(length + 1)? {
                        break;
                    }
                }
            }
        }
        let bytes = &self.buffer[self.at..self.at + length];
        self.tag.clear();
        self.tag.push_str(&String::from_utf8_lossy(bytes));
        self.at = (self.at + length + 1).min(self.buffer.len());
        self.dropped += u64::from(long);
        Ok(!long)
    }

    /// Reads until `wanted` bytes are there; false when the source ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.buffer.len() - self.at >= wanted {
            return Ok(true);
        }
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        while self.buffer.len() < wanted && !self.ended {
            let there = self.buffer.len();
            self.buffer.resize(there + STEP, 0);
            let got = loop {
                match self.source.read(&mut self.buffer[there..]) {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            self.buffer.truncate(there + *got.as_ref().unwrap_or(&0));
            self.ended = got? == 0;
        }
        Ok(self.buffer.len() >= wanted)
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The value of an attribute, by its name without prefix.
pub(crate) fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after[1..].split_once(quote)?;
        if local(key.trim()) == name {
            return Some(unescape(Cow::Borrowed(value)).into_owned());
        }
        rest = next;
    }
}

fn unescape(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('&') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.bytes().take(ENTITY_BYTES_MAX).position(|b| b == b';');
        match end.and_then(|end| Some((entity(&rest[..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::{Event, TEXT_BYTES_MAX, Xml, attribute};

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(buf.len());
            self.0.read(&mut buf[..n])
        }
    }

    /// Events as text, with pieces of text joined.
    fn events(source: impl Read) -> Vec<String> {
        let (mut xml, mut out) = (Xml::new(source), Vec::<String>::new());
        while let Some(event) = xml.next().unwrap() {
            match event {
                Event::Start { name, attributes } => out.push(format!("<{name}|{attributes}")),
                Event::End(name) => out.push(format!("/{name}")),
                Event::Text(text) => match out.last_mut().filter(|last| last.starts_with('t')) {
                    Some(last) => last.push_str(&text),
                    None => out.push(format!("t{text}")),
                },
            }
        }
        out
    }

    #[test]
    fn events_are_the_same_however_the_source_is_read() {
        let source =
            "<?xml?><!DOCTYPE x><a:b c=\"1>2\" d='&#x41;'>té&amp;&bogus;<!-- n > --><e/><![CDATA[<raw>]]></a:b>";
        let expected = ["<b|c=\"1>2\" d='&#x41;'", "té&&bogus;", "<e|", "/e", "t<raw>", "/b"];
        let expected: Vec<String> = expected.iter().map(|e| e.replacen("té", "tté", 1)).collect();
        assert_eq!(events(source.as_bytes()), expected);
        for step in 1..20 {
            assert_eq!(events(Slow(source.as_bytes(), step)), expected, "{step}");
        }
        assert_eq!(attribute("c=\"1>2\" x:d='&#x41;'", "d").as_deref(), Some("A"));
        assert_eq!(attribute("c", "c"), None);
    }

    #[test]
    fn long_text_comes_in_pieces_that_cut_nothing() {
        let text = "é&amp;".repeat(TEXT_BYTES_MAX / 4);
        let whole = format!("<t>{text}</t>");
        let mut xml = Xml::new(whole.as_bytes());
        let (mut read, mut pieces) = (String::new(), 0);
        while let Some(event) = xml.next().unwrap() {
            if let Event::Text(t) = event {
                read.push_str(&t);
                pieces += 1;
            }
        }
        assert!(read == "é&".repeat(TEXT_BYTES_MAX / 4) && pieces > 1, "{pieces}");
    }

    proptest! {
        #[test]
        fn anything_ends(source in "[<>/!\\[\\]?a&;'\"=é -]{0,60}", step in 1..9_usize) {
            let whole = events(source.as_bytes());
            prop_assert!(whole.len() <= source.len() * 2 + 2);
            prop_assert_eq!(events(Slow(source.as_bytes(), step)), whole);
        }
    }
}
