//! Text of PDF documents (ISO 32000-1): the strings that content streams show. Fonts whose codes are not characters
//! (composite fonts without a plain encoding) are said to be unreadable, as are encrypted documents and other filters.

use std::io::Read;

use flate2::read::ZlibDecoder;
use memchr::memmem;

/// Bytes before a stream in which its dictionary is looked for.
const DICTIONARY_BYTES_MAX: usize = 8 << 10;
/// A move to the left of this many thousandths of an em is a gap between words.
const WORD_GAP: f32 = -180.0;

/// What a PDF document says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PdfText {
    /// The text, a line for each line that is shown.
    pub(crate) text: String,
    /// Why not all of it could be read.
    pub(crate) reasons: Vec<String>,
}

/// Reads the text of the document in `bytes`; `inflated_max` bounds what its streams give.
pub(crate) fn text_of(bytes: &[u8], inflated_max: u64) -> PdfText {
    let mut out = PdfText::default();
    if memmem::find(bytes, b"/Encrypt").is_some() {
        out.reasons.push("an encrypted PDF; remove the password and scan it again".into());
        return out;
    }
    if memmem::rfind(bytes, b"%%EOF").is_none() {
        out.reasons.push("the PDF has no end: it is cut or broken".into());
    }
    let mut left = inflated_max;
    let (mut broken, mut unknown, mut composite) = (0, 0, memmem::find(bytes, b"/Identity-H").is_some());
    let mut at = 0;
    while let Some(found) = memmem::find(&bytes[at..], b"stream") {
        let keyword = at + found;
        at = keyword + b"stream".len();
        if bytes[..keyword].ends_with(b"end") {
            continue;
        }
        let skip = match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\n' | b'\r', ..]) => 1,
            _ => continue,
        };
        let start = at + skip;
        let end = memmem::find(&bytes[start..], b"endstream").map_or(bytes.len(), |n| start + n);
        let dictionary = dictionary_before(bytes, keyword);
        at = end;
        let has = |name: &[u8]| memmem::find(dictionary, name).is_some();
        if has(b"/Image") || has(b"/FontFile") || has(b"/Length1") || has(b"/XRef") || has(b"/Metadata") {
            continue;
        }
        let content = if has(b"/FlateDecode") || has(b"/Fl ") {
            match inflate(&bytes[start..end], &mut left) {
                Some((content, whole)) => {
                    broken += usize::from(!whole);
                    content
                }
                None => {
                    out.reasons.push(format!("more than {inflated_max} bytes come out of the PDF"));
                    break;
                }
            }
        } else if has(b"/Filter") {
            unknown += 1;
            continue;
        } else {
            bytes[start..end].to_vec()
        };
        composite |= memmem::find(&content, b"/Identity-H").is_some();
        if memmem::find(&content, b"BT").is_some() && !has(b"/ObjStm") {
            show(&content, &mut out.text);
        }
    }
    if composite {
        out.reasons
            .push("some text is in composite fonts, whose codes are not characters; save the PDF as text".into());
    }
    if unknown > 0 {
        out.reasons.push(format!("{unknown} streams use a filter that is not read"));
    }
    if broken > 0 {
        out.reasons.push(format!("{broken} streams are broken and were read up to the break"));
    }
    out
}

fn dictionary_before(bytes: &[u8], keyword: usize) -> &[u8] {
    let window = &bytes[keyword.saturating_sub(DICTIONARY_BYTES_MAX)..keyword];
    let start = memmem::rfind(window, b" obj").unwrap_or(0);
    &window[start..]
}

/// What a deflated stream gives, and whether it was whole; `None` when the budget is spent.
fn inflate(data: &[u8], left: &mut u64) -> Option<(Vec<u8>, bool)> {
    let mut content = Vec::new();
    let whole = ZlibDecoder::new(data).take(*left + 1).read_to_end(&mut content).is_ok();
    *left = left.checked_sub(content.len() as u64)?;
    Some((content, whole))
}

/// Appends the strings that the operators of a content stream show.
fn show(content: &[u8], out: &mut String) {
    let mut lexer = Lexer { rest: content };
    let mut pending: Vec<u8> = Vec::new();
    let mut last_number = 0.0_f32;
    while let Some(token) = lexer.next() {
        match token {
            Token::String(s) => pending.extend_from_slice(&s),
            Token::Number(n) => {
                if n < WORD_GAP && !pending.is_empty() {
                    pending.push(b' ');
                }
                last_number = n;
            }
            Token::Operator(b"Tj" | b"TJ") => put(&mut pending, out),
            Token::Operator(b"'" | b"\"") => {
                out.push('\n');
                put(&mut pending, out);
            }
            Token::Operator(b"T*" | b"TD" | b"ET" | b"Tm") => {
                pending.clear();
                newline(out);
            }
            Token::Operator(b"Td") => {
                pending.clear();
                // The last operand is the move down; none of it stays on the line.
                if last_number == 0.0 {
                    out.push(' ');
                } else {
                    newline(out);
                }
            }
            Token::Operator(_) => pending.clear(),
        }
    }
    newline(out);
}

fn newline(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

fn put(pending: &mut Vec<u8>, out: &mut String) {
    // Simple fonts: one byte, one character of a Latin encoding. UTF-16 with a mark occurs in generated files.
    if let Some(units) = pending.strip_prefix(&[0xfe, 0xff]) {
        let units: Vec<u16> = units.chunks_exact(2).map(|p| u16::from_be_bytes([p[0], p[1]])).collect();
        out.push_str(&String::from_utf16_lossy(&units));
    } else {
        out.extend(pending.iter().filter(|b| **b >= 0x20 || **b == b'\t').map(|b| char::from(*b)));
    }
    pending.clear();
}

enum Token<'a> {
    String(Vec<u8>),
    Number(f32),
    Operator(&'a [u8]),
}

struct Lexer<'a> {
    rest: &'a [u8],
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let (&first, rest) = self.rest.split_first()?;
            match first {
                b'(' => {
                    self.rest = rest;
                    return Some(Token::String(self.literal()));
                }
                b'<' if rest.first() == Some(&b'<') => self.rest = &rest[1..],
                b'<' => {
                    let end = memchr::memchr(b'>', rest).unwrap_or(rest.len());
                    self.rest = rest.get(end + 1..).unwrap_or_default();
                    return Some(Token::String(hex(&rest[..end])));
                }
                b'%' => {
                    let end = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
                    self.rest = &rest[end..];
                }
                b if is_regular(b) => {
                    let end = self.rest.iter().position(|b| !is_regular(*b)).unwrap_or(self.rest.len());
                    let (word, after) = self.rest.split_at(end);
                    self.rest = after;
                    let number = std::str::from_utf8(word).ok().and_then(|w| w.parse::<f32>().ok());
                    return Some(number.map_or(Token::Operator(word), Token::Number));
                }
                b'/' => {
                    let end = rest.iter().position(|b| !is_regular(*b)).unwrap_or(rest.len());
                    self.rest = &rest[end..];
                }
                _ => self.rest = rest,
            }
        }
    }

    /// The rest of a literal string: balanced parentheses, escapes, octal codes.
    fn literal(&mut self) -> Vec<u8> {
        let (mut out, mut depth) = (Vec::new(), 1);
        while let Some((&b, rest)) = self.rest.split_first() {
            self.rest = rest;
            match b {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    let Some((&escaped, after)) = self.rest.split_first() else { break };
                    self.rest = after;
                    match escaped {
                        b'n' => out.push(b'\n'),
                        b'r' | b'b' | b'f' => out.push(b' '),
                        b't' => out.push(b'\t'),
                        b'\n' => {}
                        b'\r' => self.rest = self.rest.strip_prefix(b"\n").unwrap_or(self.rest),
                        b'0'..=b'7' => {
                            let more = self.rest.iter().take(2).take_while(|b| matches!(b, b'0'..=b'7')).count();
                            let code = self.rest[..more]
                                .iter()
                                .fold(u32::from(escaped - b'0'), |n, d| n * 8 + u32::from(d - b'0'));
                            self.rest = &self.rest[more..];
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

const fn is_regular(b: u8) -> bool {
    !matches!(
        b,
        0 | b'\t' | b'\n' | 0x0c | b'\r' | b' ' | b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%'
    )
}

fn hex(digits: &[u8]) -> Vec<u8> {
    let nibbles: Vec<u8> = digits.iter().filter_map(|b| char::from(*b).to_digit(16)).map(|d| d as u8).collect();
    nibbles.chunks(2).map(|p| p[0] << 4 | p.get(1).copied().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};
    use proptest::prelude::*;

    use super::text_of;

    fn pdf(content: &[u8], deflate: bool) -> Vec<u8> {
        let (filter, data) = if deflate {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(content).unwrap();
            ("/Filter /FlateDecode ", encoder.finish().unwrap())
        } else {
            ("", content.to_vec())
        };
        let head = format!("%PDF-1.4\n1 0 obj\n<< {filter}/Length {} >>\nstream\n", data.len());
        [head.as_bytes(), &data, b"\nendstream\nendobj\n%%EOF"].concat()
    }

    const PAGE: &[u8] =
        b"BT /F1 12 Tf 72 700 Td (Call \\(A\\) ) Tj [(An) -20 (na) -300 <426f62>] TJ 0 -14 Td (se\\143ond) Tj ET";

    #[test]
    fn strings_are_read_plain_and_deflated() {
        for deflate in [false, true] {
            let read = text_of(&pdf(PAGE, deflate), 1 << 20);
            assert_eq!((read.text.as_str(), read.reasons.len()), ("Call (A) Anna Bob\nsecond\n", 0));
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let whole = pdf(PAGE, true);
        for (bytes, max, why) in [
            ([whole.as_slice(), b"/Encrypt"].concat(), 1 << 20, "encrypted"),
            (whole.clone(), PAGE.len() as u64 - 1, "bytes come out"),
            ([whole.as_slice(), b"/Identity-H"].concat(), 1 << 20, "composite"),
            (whole[..whole.len() - 60].to_vec(), 1 << 20, "cut or broken"),
            ([b"2 0 obj << /Filter /LZWDecode >> stream\nx\nendstream %%EOF".as_slice()].concat(), 1 << 20, "filter"),
        ] {
            let read = text_of(&bytes, max);
            assert!(read.reasons.iter().any(|r| r.contains(why)), "{why}: {:?}", read.reasons);
        }
        assert!(text_of(&whole, PAGE.len() as u64).reasons.is_empty(), "at the limit");
    }

    proptest! {
        #[test]
        fn any_content_is_read_without_a_panic(content in "[()<>\\\\/\\[\\]0-9TjBE '\"%-]{0,80}") {
            let read = text_of(&pdf(content.as_bytes(), false), 1 << 10);
            prop_assert!(read.text.len() <= content.len() * 4 + 1);
        }
    }
}
