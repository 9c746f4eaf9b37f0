//! Text of string operands: Python literals, raw unicode escapes, UTF-8 with surrogates.

use super::value::StrForm;

/// The text of an operand as Python would see it; bytes that are not text come out as U+FFFD.
pub(crate) fn decode_text(raw: &[u8], form: StrForm) -> String {
    match form {
        StrForm::Utf8 | StrForm::Line => String::from_utf8_lossy(raw).into_owned(),
        StrForm::Binary => match std::str::from_utf8(raw) {
            Ok(s) => s.to_owned(),
            Err(_) => raw.iter().map(|&b| char::from(b)).collect(),
        },
        StrForm::RawEscape => raw_unicode_escape(raw),
        StrForm::Quoted => latin1(&unquote(raw)),
    }
}

fn latin1(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(s) => s.to_owned(),
        Err(_) => raw.iter().map(|&b| char::from(b)).collect(),
    }
}

/// `raw-unicode-escape`: only `\uXXXX` and `\UXXXXXXXX` after an odd number of backslashes are escapes.
fn raw_unicode_escape(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut i = 0;
    while i < raw.len() {
        if raw[i] != b'\\' {
            out.push(char::from(raw[i]));
            i += 1;
            continue;
        }
        let run = raw[i..].iter().take_while(|&&b| b == b'\\').count();
        let digits = match raw.get(i + run) {
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let value =
            (digits > 0 && run % 2 == 1).then(|| hex_digits(raw.get(i + run + 1..i + run + 1 + digits)?)).flatten();
        match value {
            Some(v) => {
                out.extend(std::iter::repeat_n('\\', run - 1));
                out.push(char::from_u32(v).unwrap_or('\u{fffd}'));
                i += run + 1 + digits;
            }
            None => {
                out.extend(std::iter::repeat_n('\\', run));
                i += run;
            }
        }
    }
    out
}

fn hex_digits(d: &[u8]) -> Option<u32> {
    d.iter().try_fold(0u32, |v, &b| Some(v.wrapping_mul(16) + char::from(b).to_digit(16)?))
}

/// A quoted byte-string literal as `codecs.escape_decode` reads it; unquoted input is taken as it is.
pub(crate) fn unquote(raw: &[u8]) -> Vec<u8> {
    let inner = match raw {
        [a @ (b'\'' | b'"'), mid @ .., b] if a == b => mid,
        other => other,
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut i = 0;
    while i < inner.len() {
        let b = inner[i];
        i += 1;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let Some(&e) = inner.get(i) else { break };
        i += 1;
        match e {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(e),
            b'0'..=b'7' => {
                let mut v = u32::from(e - b'0');
                for _ in 0..2 {
                    match inner.get(i) {
                        Some(&d @ b'0'..=b'7') => {
                            v = v * 8 + u32::from(d - b'0');
                            i += 1;
                        }
                        _ => break,
                    }
                }
                out.push((v & 0xff) as u8);
            }
            b'x' => match inner.get(i..i + 2).and_then(hex_digits) {
                Some(v) => {
                    out.push((v & 0xff) as u8);
                    i += 2;
                }
                None => out.extend_from_slice(b"\\x"),
            },
            other => out.extend_from_slice(&[b'\\', other]),
        }
    }
    out
}

/// Base64 (either alphabet) or hex text as bytes, when all of it is.
pub(crate) fn decode_encoded(raw: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine;
    let compact: Vec<u8> = raw.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    if compact.len() < 12 {
        return None;
    }
    if compact.len().is_multiple_of(2)
        && compact.iter().all(u8::is_ascii_hexdigit)
        && let Ok(v) = hex::decode(&compact)
    {
        return Some(v);
    }
    let trimmed: Vec<u8> = compact
        .iter()
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            o => *o,
        })
        .collect();
    let end = trimmed.iter().rposition(|b| *b != b'=').map_or(0, |i| i + 1);
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(&trimmed[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::{StrForm, decode_text};

    #[test]
    fn escapes_hide_nothing() {
        for (raw, form, text) in [
            (&br"'o\163'"[..], StrForm::Quoted, "os"),
            (br#""sys\x74em""#, StrForm::Quoted, "system"),
            (br"o\u0073", StrForm::RawEscape, "os"),
            (br"o\\u0073", StrForm::RawEscape, r"o\\u0073"),
            (br"\U0001F600", StrForm::RawEscape, "😀"),
            (b"eval", StrForm::Utf8, "eval"),
            (b"\xff", StrForm::Binary, "\u{ff}"),
        ] {
            assert_eq!(decode_text(raw, form), text);
        }
    }
}
