//! Percent-encoding (RFC 3986), HTML character references and `\uXXXX` / `\xXX` escapes.

use casemate_finding::Span;

use super::Reading;
use crate::text::Mapped;

/// Fewest escapes in a text before it is read through them: a URL has one or two by right.
const ESCAPES_MIN: usize = 3;

/// Reads `text` through each kind of escape that it holds enough of.
pub(super) fn decode(text: &str) -> Vec<(Reading, Mapped)> {
    let (mut percent, mut html, mut escape) = (0, 0, 0);
    for b in text.bytes() {
        match b {
            b'%' => percent += 1,
            b'&' => html += 1,
            b'\\' => escape += 1,
            _ => {}
        }
    }
    let mut out = Vec::new();
    for (reading, count, step) in [
        (Reading::Percent, percent, percent_at as fn(&str) -> Option<(Decoded, usize)>),
        (Reading::Html, html, reference_at),
        (Reading::Escape, escape, escape_at),
    ] {
        if count >= if reading == Reading::Html { 2 } else { ESCAPES_MIN } {
            out.extend(
                replace(text, step, if reading == Reading::Html { 2 } else { ESCAPES_MIN }).map(|m| (reading, m)),
            );
        }
    }
    out
}

/// What an escape stands for.
enum Decoded {
    Byte(u8),
    Char(char),
}

/// `text` with every escape that `step` knows replaced, if there are `at_least` of them.
fn replace(text: &str, step: fn(&str) -> Option<(Decoded, usize)>, at_least: usize) -> Option<Mapped> {
    let mut out = Mapped::with_capacity(text.len());
    let (mut at, mut found) = (0, 0);
    let mut bytes: Vec<(u8, Span)> = Vec::new();
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        match step(rest) {
            Some((Decoded::Byte(b), used)) => {
                bytes.push((b, Span::new(at, at + used)));
                found += 1;
                at += used;
            }
            Some((Decoded::Char(c), used)) => {
                flush(&mut bytes, &mut out);
                out.push(c, Span::new(at, at + used));
                found += 1;
                at += used;
            }
            None => {
                flush(&mut bytes, &mut out);
                let c = rest.chars().next().unwrap_or(' ');
                out.push(c, Span::new(at, at + c.len_utf8()));
                at += c.len_utf8();
            }
        }
    }
    flush(&mut bytes, &mut out);
    (found >= at_least).then_some(out)
}

/// Bytes gathered one by one to characters; what is not UTF-8 is read as Latin-1.
fn flush(bytes: &mut Vec<(u8, Span)>, out: &mut Mapped) {
    let raw: Vec<u8> = bytes.iter().map(|b| b.0).collect();
    match std::str::from_utf8(&raw) {
        Ok(text) => {
            for (i, c) in text.char_indices() {
                out.push(c, Span::new(bytes[i].1.start, bytes[i + c.len_utf8() - 1].1.end));
            }
        }
        Err(_) => bytes.iter().for_each(|&(b, origin)| out.push(char::from(b), origin)),
    }
    bytes.clear();
}

fn percent_at(rest: &str) -> Option<(Decoded, usize)> {
    let digits = rest.strip_prefix('%')?.get(..2)?;
    hex(digits).map(|v| (Decoded::Byte(v as u8), 3))
}

fn escape_at(rest: &str) -> Option<(Decoded, usize)> {
    let tail = rest.strip_prefix('\\')?;
    if let Some(tail) = tail.strip_prefix('x') {
        return hex(tail.get(..2)?).map(|v| (Decoded::Byte(v as u8), 4));
    }
    let tail = tail.strip_prefix(['u', 'U'])?;
    if let Some(braced) = tail.strip_prefix('{') {
        let end = braced.find('}').filter(|&e| e <= 6)?;
        return Some((Decoded::Char(char::from_u32(hex(&braced[..end])?)?), end + 4));
    }
    Some((Decoded::Char(char::from_u32(hex(tail.get(..4)?)?)?), 6))
}

fn reference_at(rest: &str) -> Option<(Decoded, usize)> {
    let tail = rest.strip_prefix('&')?;
    let end = tail.bytes().take(10).position(|b| b == b';')?;
    let name = tail.get(..end)?;
    let value = if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => hex(digits)?,
            None => number.parse().ok()?,
        };
        char::from_u32(code)?
    } else {
        match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => ' ',
            _ => return None,
        }
    };
    Some((Decoded::Char(value), end + 2))
}

fn hex(digits: &str) -> Option<u32> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}
