//! Objects of a PDF document (ISO 32000-1, 7.2 and 7.3): what a byte sequence says, however broken it is.

/// Nesting of arrays and dictionaries.
const DEPTH_MAX: u32 = 64;
/// Elements of one array or dictionary.
const ELEMENTS_MAX: usize = 1 << 20;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    Null,
    Bool(bool),
    Number(f64),
    Name(Vec<u8>),
    String(Vec<u8>),
    Array(Vec<Object>),
    Dictionary(Dictionary),
    /// Another object, by its number.
    Reference(u32),
}

/// Keys and values in order; the last of two equal keys counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dictionary(Vec<(Vec<u8>, Object)>);

impl Dictionary {
    pub(super) fn get(&self, key: &[u8]) -> Option<&Object> {
        self.0.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.0.iter().map(|(k, v)| (k.as_slice(), v))
    }

    /// True when `key` is the name `name`.
    pub(super) fn is(&self, key: &[u8], name: &[u8]) -> bool {
        self.get(key).and_then(Object::name) == Some(name)
    }
}

impl Object {
    pub(super) fn name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    pub(super) const fn number(&self) -> Option<f64> {
        if let Self::Number(n) = self { Some(*n) } else { None }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    pub(super) fn index(&self) -> Option<usize> {
        self.number().filter(|n| (0.0..4e9).contains(n)).map(|n| n as usize)
    }

    pub(super) fn string(&self) -> Option<&[u8]> {
        if let Self::String(s) = self { Some(s) } else { None }
    }

    pub(super) fn array(&self) -> Option<&[Self]> {
        if let Self::Array(a) = self { Some(a) } else { None }
    }
}

/// What stands next: a value, or a word that is none (`obj`, `Tj`).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Object(Object),
    Word(&'a [u8]),
}

/// Reads tokens one after the other.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// `1 0 R` is a reference; in a content stream there is none.
    references: bool,
}

impl<'a> Lexer<'a> {
    /// Objects of a file.
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, references: true }
    }

    /// Operands and operators of a content stream.
    pub(super) const fn content(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, references: false }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b) = self.peek() {
            if b == b'%' {
                let rest = &self.bytes[self.at..];
                self.at += rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
            } else if is_space(b) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The next value, and nothing if a word stands there.
    pub(super) fn object(&mut self) -> Option<Object> {
        match self.token()? {
            Token::Object(object) => Some(object),
            Token::Word(_) => None,
        }
    }

    pub(super) fn token(&mut self) -> Option<Token<'a>> {
        self.token_at(0)
    }

    fn token_at(&mut self, depth: u32) -> Option<Token<'a>> {
        loop {
            self.skip_space();
            let object = match self.peek()? {
                b'(' => {
                    self.at += 1;
                    Object::String(self.literal())
                }
                b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => {
                    self.at += 2;
                    Object::Dictionary(self.dictionary(depth))
                }
                b'<' => {
                    self.at += 1;
                    let rest = &self.bytes[self.at..];
                    let end = memchr::memchr(b'>', rest).unwrap_or(rest.len());
                    self.at = (self.at + end + 1).min(self.bytes.len());
                    Object::String(hex(&rest[..end]))
                }
                b'/' => {
                    self.at += 1;
                    Object::Name(unescape_name(self.word()))
                }
                b'[' => {
                    self.at += 1;
                    Object::Array(self.array(depth))
                }
                b if is_regular(b) => {
                    let word = self.word();
                    match word {
                        b"true" => Object::Bool(true),
                        b"false" => Object::Bool(false),
                        b"null" => Object::Null,
                        _ => match number(word) {
                            Some(n) => self.reference(n).unwrap_or(Object::Number(n)),
                            None => return Some(Token::Word(word)),
                        },
                    }
                }
                // A closing mark that nothing opened.
                _ => {
                    self.at += 1;
                    continue;
                }
            };
            return Some(Token::Object(object));
        }
    }

    fn word(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| !is_regular(*b)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// `12 0 R` after the 12.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    fn reference(&mut self, n: f64) -> Option<Object> {
        if !self.references || n.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&n) {
            return None;
        }
        let mut ahead = self.clone();
        ahead.skip_space();
        let generation = ahead.word();
        ahead.skip_space();
        let found =
            (1..=5).contains(&generation.len()) && generation.iter().all(u8::is_ascii_digit) && ahead.word() == b"R";
        found.then(|| {
            self.at = ahead.at;
            Object::Reference(n as u32)
        })
    }

    fn array(&mut self, depth: u32) -> Vec<Object> {
        let mut out = Vec::new();
        if depth >= DEPTH_MAX {
            return out;
        }
        loop {
            self.skip_space();
            match self.peek() {
                None => return out,
                Some(b']') => {
                    self.at += 1;
                    return out;
                }
                // The end of what is around it: the array was left open.
                Some(b'>') => return out,
                Some(_) => match self.token_at(depth + 1) {
                    Some(Token::Object(object)) if out.len() < ELEMENTS_MAX => out.push(object),
                    Some(_) => {}
                    None => return out,
                },
            }
        }
    }

    fn dictionary(&mut self, depth: u32) -> Dictionary {
        let mut out = Dictionary::default();
        if depth >= DEPTH_MAX {
            return out;
        }
        loop {
            self.skip_space();
            match self.peek() {
                None => return out,
                Some(b'>') => {
                    self.at = (self.at + 2).min(self.bytes.len());
                    return out;
                }
                Some(b'/') => {
                    self.at += 1;
                    let key = unescape_name(self.word());
                    self.skip_space();
                    if self.peek() == Some(b'>') && self.bytes.get(self.at + 1) == Some(&b'>') {
                        continue;
                    }
                    if let Some(Token::Object(value)) = self.token_at(depth + 1)
                        && out.0.len() < ELEMENTS_MAX
                    {
                        out.0.push((key, value));
                    }
                }
                Some(_) => {
                    // No key: `endobj` and the like end a dictionary that was left open.
                    if matches!(self.token_at(depth + 1), None | Some(Token::Word(_))) {
                        return out;
                    }
                }
            }
        }
    }

    /// The rest of a literal string: balanced parentheses, escapes, octal codes.
    fn literal(&mut self) -> Vec<u8> {
        let (mut out, mut depth) = (Vec::new(), 1);
        while let Some(b) = self.peek() {
            self.at += 1;
            match b {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    let Some(escaped) = self.peek() else { break };
                    self.at += 1;
                    match escaped {
                        b'n' => out.push(b'\n'),
                        b'r' => out.push(b'\r'),
                        b't' => out.push(b'\t'),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'\n' => {}
                        b'\r' => self.at += usize::from(self.peek() == Some(b'\n')),
                        b'0'..=b'7' => {
                            let mut code = u32::from(escaped - b'0');
                            for _ in 0..2 {
                                let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                                code = code * 8 + u32::from(digit - b'0');
                                self.at += 1;
                            }
                            out.push((code & 0xff) as u8);
                        }
                        other => out.push(other),
                    }
                    continue;
                }
                _ => {}
            }
            out.push(b);
        }
        out
    }
}

const fn is_space(b: u8) -> bool {
    matches!(b, 0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ')
}

pub(super) const fn is_regular(b: u8) -> bool {
    !is_space(b) && !matches!(b, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

fn number(word: &[u8]) -> Option<f64> {
    let plain = word.iter().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    if !plain || !word.iter().any(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}

fn unescape_name(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&b, after)) = rest.split_first() {
        rest = after;
        let code = after.get(..2).filter(|_| b == b'#').and_then(|d| {
            let digit = |b: u8| char::from(b).to_digit(16);
            Some((digit(d[0])? * 16 + digit(d[1])?) as u8)
        });
        match code {
            Some(code) => {
                out.push(code);
                rest = &after[2..];
            }
            None => out.push(b),
        }
    }
    out
}

fn hex(digits: &[u8]) -> Vec<u8> {
    let nibbles: Vec<u8> = digits.iter().filter_map(|b| char::from(*b).to_digit(16)).map(|d| d as u8).collect();
    nibbles.chunks(2).map(|p| p[0] << 4 | p.get(1).copied().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Lexer, Object, Token};

    #[test]
    fn values_of_every_sort() {
        let source = b"<< /A 1 0 R /B [1 -.5 (a\\(b\\)\\101) <4a4>] /C#20D true % no\n /E null >> Tj";
        let mut lexer = Lexer::new(source, 0);
        let Some(Object::Dictionary(d)) = lexer.object() else { panic!("no dictionary") };
        assert_eq!(d.get(b"A"), Some(&Object::Reference(1)));
        let strings = [Object::String(b"a(b)A".to_vec()), Object::String(b"J@".to_vec())];
        let [a, b] = strings;
        assert_eq!(d.get(b"B").unwrap().array().unwrap(), [Object::Number(1.0), Object::Number(-0.5), a, b]);
        assert_eq!((d.get(b"C D"), d.get(b"E")), (Some(&Object::Bool(true)), Some(&Object::Null)));
        assert_eq!(lexer.token(), Some(Token::Word(b"Tj")));
        assert_eq!(lexer.token(), None);
        let deep = "[".repeat(10_000);
        assert!(Lexer::new(deep.as_bytes(), 0).object().is_some());
    }

    proptest! {
        #[test]
        fn anything_ends(source in "[()<>\\\\/\\[\\]0-9Rab '\"%#.-]{0,80}") {
            let mut lexer = Lexer::new(source.as_bytes(), 0);
            let mut n = 0;
            while lexer.token().is_some() {
                n += 1;
            }
            prop_assert!(n <= source.len());
        }
    }
}
