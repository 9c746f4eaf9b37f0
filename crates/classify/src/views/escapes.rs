//! Percent-encoding (RFC 3986), HTML character references and `\uXXXX` / `\xXX` escapes.

use casemate_finding::Span;
use memchr::{memchr_iter, memchr3};

use super::Reading;
use crate::text::{Mapped, Patches};

/// Fewest escapes in a text before it is read through them: a URL has one or two by right.
const ESCAPES_MIN: usize = 3;

/// Reads `text` through each kind of escape that it holds enough of, and so much around them.
pub(super) fn decode(text: &str, reach: usize) -> Vec<(Reading, Mapped)> {
    let bytes = text.as_bytes();
    if memchr3(b'%', b'&', b'\\', bytes).is_none() {
        return Vec::new();
    }
    [
        (Reading::Percent, b'%', ESCAPES_MIN, percent_at as fn(&str) -> Option<(Decoded, usize)>),
        (Reading::Html, b'&', 2, reference_at),
        (Reading::Escape, b'\\', ESCAPES_MIN, escape_at),
    ]
    .into_iter()
    .filter_map(|(reading, lead, at_least, step)| Some((reading, replace(text, lead, at_least, step, reach)?)))
    .collect()
}

/// What an escape stands for.
enum Decoded {
    Byte(u8),
    Char(char),
}

/// `text` near the escapes that begin with `lead` and that `step` knows, with them replaced, if there are `at_least` of them.
fn replace(
    text: &str,
    lead: u8,
    at_least: usize,
    step: fn(&str) -> Option<(Decoded, usize)>,
    reach: usize,
) -> Option<Mapped> {
    let mut patches = Patches::default();
    let (mut read_to, mut found) = (0, 0);
    // Bytes of escapes in a row, which may be one character together.
    let mut bytes: Vec<(u8, Span)> = Vec::new();
    for at in memchr_iter(lead, text.as_bytes()) {
        let Some((decoded, used)) = text.get(at..).filter(|_| at >= read_to).and_then(step) else { continue };
        if at != read_to {
            flush(&mut bytes, &mut patches);
        }
        let place = Span::new(at, at + used);
        match decoded {
            Decoded::Byte(b) => bytes.push((b, place)),
            Decoded::Char(c) => {
                flush(&mut bytes, &mut patches);
                patches.push(c, place);
                patches.close(place);
            }
        }
        (read_to, found) = (place.end, found + 1);
    }
    flush(&mut bytes, &mut patches);
    (found >= at_least).then(|| patches.near(text, reach))
}

/// Bytes gathered one by one to characters; what is not UTF-8 is read as Latin-1.
fn flush(bytes: &mut Vec<(u8, Span)>, out: &mut Patches) {
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return };
    let place = Span::new(first.1.start, last.1.end);
    let raw: Vec<u8> = bytes.iter().map(|b| b.0).collect();
    match std::str::from_utf8(&raw) {
        Ok(text) => {
            for (i, c) in text.char_indices() {
                out.push(c, Span::new(bytes[i].1.start, bytes[i + c.len_utf8() - 1].1.end));
            }
        }
        Err(_) => bytes.iter().for_each(|&(b, origin)| out.push(char::from(b), origin)),
    }
    out.close(place);
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
