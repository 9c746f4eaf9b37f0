//! The one pass.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memchr2;

use super::value::{Kind, Node, unescape};
use super::{JsonLimits, JsonProblem};

/// Objects with more keys than this find duplicates in a hash set instead of by comparing all pairs.
const LINEAR_KEYS_MAX: usize = 16;

pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    limits: JsonLimits,
}

type Scan<T> = Result<T, JsonProblem>;

pub(super) fn scan<'a>(bytes: &'a [u8], limits: &JsonLimits) -> Scan<(&'a str, Vec<Node>)> {
    let bytes_max = limits.bytes_max.min(u32::MAX as usize - 1);
    if bytes.len() > bytes_max {
        return Err(JsonProblem::TooLarge { bytes: bytes.len(), bytes_max });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| JsonProblem::NotUtf8 { offset: e.valid_up_to() })?;
    let nodes = Vec::with_capacity((bytes.len() / 24).clamp(16, 4096));
    let mut scanner = Scanner { text, bytes, at: 0, nodes, limits: *limits };
    scanner.space();
    scanner.value(0)?;
    scanner.space();
    if scanner.at < bytes.len() {
        return Err(scanner.expected("the end of the body"));
    }
    Ok((text, scanner.nodes))
}

impl<'a> Scanner<'a> {
    fn expected(&self, expected: &'static str) -> JsonProblem {
        JsonProblem::Syntax { offset: self.at, expected }
    }

    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, escaped: bool, start: usize, end: usize) -> Scan<usize> {
        let index = self.nodes.len();
        if index >= self.limits.values_max as usize {
            return Err(JsonProblem::TooManyValues { values_max: self.limits.values_max });
        }
        // Offsets fit: the length was checked against u32::MAX, the count against a u32.
        self.nodes.push(Node { kind, escaped, start: start as u32, end: end as u32, next: index as u32 + 1 });
        Ok(index)
    }

    fn value(&mut self, depth: u16) -> Scan<()> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.literal("true", Kind::True),
            b'f' => self.literal("false", Kind::False),
            b'n' => self.literal("null", Kind::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.expected("a value")),
        }
    }

    fn literal(&mut self, word: &'static str, kind: Kind) -> Scan<()> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.expected(word));
        }
        self.push(kind, false, self.at, end)?;
        self.at = end;
        Ok(())
    }

    fn digits(&mut self) -> Scan<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start { Err(self.expected("a digit")) } else { Ok(()) }
    }

    fn number(&mut self) -> Scan<()> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        if !self.is_finite(start) {
            return Err(JsonProblem::Number { offset: start });
        }
        self.push(Kind::Number, false, start, self.at).map(|_| ())
    }

    /// False for a number that no double holds: one reader takes it as infinity, another refuses it.
    fn is_finite(&self, start: usize) -> bool {
        let text = &self.bytes[start..self.at];
        // Without an exponent and with fewer digits than the greatest double has there is nothing to find out.
        if text.len() < 300 && !text.iter().any(|b| matches!(b, b'e' | b'E')) {
            return true;
        }
        std::str::from_utf8(text).ok().and_then(|t| t.parse::<f64>().ok()).is_some_and(f64::is_finite)
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        let digits = self.bytes.get(at..at + 4)?;
        digits.iter().try_fold(0u32, |n, d| (*d as char).to_digit(16).map(|d| n << 4 | d))
    }

    fn escape(&mut self) -> Scan<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = self.hex4(self.at + 2).ok_or_else(|| self.expected("four hexadecimal digits"))?;
                match unit {
                    0xD800..=0xDBFF => {
                        let low = (self.bytes.get(self.at + 6..self.at + 8) == Some(b"\\u"))
                            .then(|| self.hex4(self.at + 8))
                            .flatten();
                        if !matches!(low, Some(0xDC00..=0xDFFF)) {
                            return Err(JsonProblem::LoneSurrogate { offset: self.at });
                        }
                        self.at += 12;
                    }
                    0xDC00..=0xDFFF => return Err(JsonProblem::LoneSurrogate { offset: self.at }),
                    _ => self.at += 6,
                }
            }
            _ => return Err(self.expected("an escape character")),
        }
        Ok(())
    }

    fn string(&mut self) -> Scan<usize> {
        self.at += 1;
        let (start, mut escaped) = (self.at, false);
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(run) = memchr2(b'"', b'\\', rest) else {
                self.at = self.bytes.len();
                return Err(self.expected("the end of a string"));
            };
            if let Some(bad) = rest[..run].iter().position(|b| *b < 0x20) {
                self.at += bad;
                return Err(self.expected("an escape instead of a control character"));
            }
            self.at += run;
            if rest[run] == b'"' {
                break;
            }
            escaped = true;
            self.escape()?;
        }
        let end = self.at;
        self.at += 1;
        self.push(Kind::String, escaped, start, end)
    }

    fn enter(&self, depth: u16) -> Scan<u16> {
        if depth >= self.limits.depth_max {
            return Err(JsonProblem::TooDeep { offset: self.at, depth_max: self.limits.depth_max });
        }
        Ok(depth + 1)
    }

    fn close(&mut self, index: usize) {
        self.at += 1;
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[index];
        (node.end, node.next) = (self.at as u32, next);
    }

    fn array(&mut self, depth: u16) -> Scan<()> {
        let depth = self.enter(depth)?;
        let index = self.push(Kind::Array, false, self.at, 0)?;
        self.at += 1;
        self.space();
        if self.peek() != b']' {
            loop {
                self.value(depth)?;
                self.space();
                match self.peek() {
                    b',' => self.at += 1,
                    b']' => break,
                    _ => return Err(self.expected("a comma or the end of an array")),
                }
                self.space();
            }
        }
        self.close(index);
        Ok(())
    }

    fn object(&mut self, depth: u16) -> Scan<()> {
        let depth = self.enter(depth)?;
        let index = self.push(Kind::Object, false, self.at, 0)?;
        self.at += 1;
        self.space();
        let mut keys = Keys { first: index + 1, count: 0, seen: None };
        if self.peek() != b'}' {
            loop {
                if self.peek() != b'"' {
                    return Err(self.expected("a key"));
                }
                let key = self.string()?;
                if !self.is_new_key(&mut keys, key) {
                    return Err(JsonProblem::DuplicateKey { offset: self.nodes[key].start as usize - 1 });
                }
                self.space();
                if self.peek() != b':' {
                    return Err(self.expected("a colon"));
                }
                self.at += 1;
                self.space();
                self.value(depth)?;
                self.space();
                match self.peek() {
                    b',' => self.at += 1,
                    b'}' => break,
                    _ => return Err(self.expected("a comma or the end of an object")),
                }
                self.space();
            }
        }
        self.close(index);
        Ok(())
    }

    fn key_text(&self, index: usize) -> Cow<'a, str> {
        let node = self.nodes[index];
        let raw = &self.text[node.start as usize..node.end as usize];
        if node.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }

    fn is_new_key(&self, keys: &mut Keys<'a>, key: usize) -> bool {
        let text = self.key_text(key);
        keys.count += 1;
        if let Some(seen) = &mut keys.seen {
            return seen.insert(text);
        }
        let mut seen = (keys.count > LINEAR_KEYS_MAX).then(HashSet::new);
        let mut at = keys.first;
        while at < key {
            let earlier = self.key_text(at);
            if earlier == text {
                return false;
            }
            if let Some(seen) = &mut seen {
                seen.insert(earlier);
            }
            // A key is followed by its value; the value's `next` is the key after it.
            at = self.nodes[at + 1].next as usize;
        }
        if let Some(seen) = &mut seen {
            seen.insert(text);
        }
        keys.seen = seen;
        true
    }
}

struct Keys<'a> {
    first: usize,
    count: usize,
    seen: Option<HashSet<Cow<'a, str>>>,
}
