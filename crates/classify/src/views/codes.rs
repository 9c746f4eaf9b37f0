//! Base64 (RFC 4648, both alphabets), pairs of hexadecimal digits, and groups of binary digits.

use casemate_finding::Span;

use super::Reading;
use crate::text::Mapped;

/// Shortest run of code characters that is tried: eight letters of base64 are a word, sixteen seldom are.
const BASE64_CHARS_MIN: usize = 16;
const HEX_DIGITS_MIN: usize = 16;
const BINARY_DIGITS_MIN: usize = 40;
/// Runs tried in one text.
const RUNS_MAX: usize = 16;

/// Decodes the runs of `text`; all runs of one code make one view, with spaces between.
pub(super) fn decode(text: &str) -> Vec<(Reading, Mapped)> {
    let bytes = text.as_bytes();
    let (mut base64, mut hex, mut binary) = (Runs::default(), Runs::default(), Runs::default());
    // A run of digits is tried once, from its start: trying it again from each of its groups would be quadratic.
    let (mut at, mut hex_tried) = (0, 0);
    while let Some(from) = next_long(bytes, at) {
        let Some(skipped) = bytes[from..].iter().position(|b| CODE[usize::from(*b)]) else { break };
        let start = from + skipped;
        let length = bytes[start..].iter().position(|b| !CODE[usize::from(*b)]);
        at = length.map_or(bytes.len(), |length| start + length);
        let hex_end = if start < hex_tried { start } else { hex_run(bytes, start) };
        hex_tried = hex_tried.max(hex_end);
        if hex_end - start >= HEX_DIGITS_MIN {
            let digits: Vec<(u8, usize)> = digits(bytes, start, hex_end);
            if digits.len() >= BINARY_DIGITS_MIN && digits.iter().all(|d| d.0 < 2) {
                binary.push(&digits, 8, 1);
                at = at.max(hex_end);
                continue;
            }
            if digits.len() >= HEX_DIGITS_MIN && hex.push(&digits, 2, 4) {
                at = at.max(hex_end);
                continue;
            }
        }
        if at - start >= BASE64_CHARS_MIN && looks_like_base64(&bytes[start..at]) {
            let sextets: Vec<(u8, usize)> = (start..at).filter_map(|i| sextet(bytes[i]).map(|v| (v, i))).collect();
            base64.push_base64(&sextets);
        }
    }
    [(Reading::Base64, base64), (Reading::Hex, hex), (Reading::Binary, binary)]
        .into_iter()
        .filter_map(|(reading, runs)| runs.text.map(|t| (reading, t)))
        .collect()
}

#[derive(Default)]
struct Runs {
    text: Option<Mapped>,
    count: usize,
}

impl Runs {
    /// Groups of `per_byte` digits of `bits` bits each to bytes.
    fn push(&mut self, digits: &[(u8, usize)], per_byte: usize, bits: u32) -> bool {
        let decoded: Vec<(u8, Span)> = digits
            .chunks_exact(per_byte)
            .map(|group| {
                let value = group.iter().fold(0_u32, |v, d| (v << bits) | u32::from(d.0));
                (value as u8, Span::new(group[0].1, group[per_byte - 1].1 + 1))
            })
            .collect();
        self.accept(&decoded)
    }

    fn push_base64(&mut self, sextets: &[(u8, usize)]) -> bool {
        let mut decoded = Vec::with_capacity(sextets.len() * 3 / 4);
        for group in sextets.chunks(4) {
            let value = group.iter().fold(0_u32, |v, s| (v << 6) | u32::from(s.0)) << (6 * (4 - group.len()));
            let origin = Span::new(group[0].1, group[group.len() - 1].1 + 1);
            decoded.extend(value.to_be_bytes()[1..group.len()].iter().map(|&b| (b, origin)));
        }
        self.accept(&decoded)
    }

    /// Keeps what reads as text.
    fn accept(&mut self, decoded: &[(u8, Span)]) -> bool {
        if self.count >= RUNS_MAX {
            return false;
        }
        let raw: Vec<u8> = decoded.iter().map(|d| d.0).collect();
        let Some(text) = readable(&raw) else { return false };
        self.count += 1;
        let out = self.text.get_or_insert_with(|| Mapped::with_capacity(raw.len()));
        if let (false, Some(first)) = (out.text().is_empty(), decoded.first()) {
            out.push(' ', Span::new(first.1.start, first.1.start));
        }
        for (i, c) in text.char_indices() {
            let last = (i + c.len_utf8() - 1).min(decoded.len() - 1);
            out.push(c, Span::new(decoded[i].1.start, decoded[last].1.end));
        }
        true
    }
}

/// The bytes as text if they are UTF-8 (but for a broken last character), mostly letters and spaces, none of it control.
fn readable(raw: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(raw) {
        Ok(text) => text,
        Err(e) if e.valid_up_to() + 3 >= raw.len() => std::str::from_utf8(&raw[..e.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let (mut letters, mut all) = (0_usize, 0_usize);
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t') {
            return None;
        }
        all += 1;
        letters += usize::from(c.is_alphabetic() || c == ' ');
    }
    (all >= 4 && letters * 10 >= all * 7).then_some(text)
}

/// Where the next run begins, from `at` on, that is long enough for a code. Such a run covers every sixteenth byte somewhere: only
/// those are looked at, and what stands around them.
fn next_long(bytes: &[u8], at: usize) -> Option<usize> {
    const LONG: usize = if BASE64_CHARS_MIN < HEX_DIGITS_MIN { BASE64_CHARS_MIN } else { HEX_DIGITS_MIN };
    let around = |sample: usize, class: &[bool; 256]| {
        if !class[usize::from(bytes[sample])] {
            return None;
        }
        let is_not = |b: &u8| !class[usize::from(*b)];
        let start = bytes[at..sample].iter().rposition(is_not).map_or(at, |before| at + before + 1);
        let run = bytes.get(start..start + LONG)?;
        // Digits may end a word that began before them.
        let in_word = || bytes[at..start].iter().rev().take_while(|b| CODE[usize::from(**b)]).count();
        (!run.iter().any(is_not)).then(|| start - in_word())
    };
    (at + LONG - 1..bytes.len()).step_by(LONG).find_map(|sample| {
        let (code, hex) = (around(sample, &CODE), around(sample, &HEX_OR_BETWEEN));
        code.into_iter().chain(hex).min()
    })
}

/// Bytes that may be of a code.
const CODE: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = sextet(b as u8).is_some() || b as u8 == b'=';
        b += 1;
    }
    table
};

/// Hexadecimal digits and what may stand between them.
const HEX_OR_BETWEEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = (b as u8).is_ascii_hexdigit() || matches!(b as u8, b' ' | b':' | b',' | b'\n' | b'x' | b'X');
        b += 1;
    }
    table
};

const fn sextet(b: u8) -> Option<u8> {
    Some(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// A long identifier or path is letters of one case or has separators where words end; base64 of text mixes cases and
/// digits. `readable` judges the rest.
fn looks_like_base64(run: &[u8]) -> bool {
    let upper = run.iter().any(u8::is_ascii_uppercase);
    let lower = run.iter().any(u8::is_ascii_lowercase);
    upper && lower
}

fn digits(bytes: &[u8], start: usize, end: usize) -> Vec<(u8, usize)> {
    let mut out = Vec::new();
    let mut at = start;
    while at < end {
        // `0x` and `\x` before a pair are no digits of it.
        if bytes[at] == b'0' && bytes.get(at + 1).is_some_and(|b| b | 0x20 == b'x') {
            at += 2;
            continue;
        }
        if let Some(d) = char::from(bytes[at]).to_digit(16) {
            out.push((d as u8, at));
        }
        at += 1;
    }
    out
}

/// End of a run of hexadecimal digits that may be set in groups by single spaces, commas, colons or `0x`.
fn hex_run(bytes: &[u8], start: usize) -> usize {
    if !bytes[start].is_ascii_hexdigit() {
        return start;
    }
    let (mut at, mut end) = (start, start);
    while at < bytes.len() {
        let b = bytes[at];
        let next_digit = bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit);
        if b.is_ascii_hexdigit() {
            end = at + 1;
        } else if !(matches!(b, b' ' | b':' | b',' | b'\n') && next_digit
            || b | 0x20 == b'x' && at > start && bytes[at - 1] == b'0' && next_digit)
        {
            break;
        }
        at += 1;
    }
    // A hexadecimal run that goes on as a word is that word.
    if bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        while end > start && bytes[end - 1].is_ascii_alphanumeric() {
            end -= 1;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{BASE64_CHARS_MIN, CODE, HEX_DIGITS_MIN, hex_run, next_long};

    #[test]
    fn no_run_that_is_long_enough_is_passed_over() {
        let pieces =
            ["69 6e", "abcdef01", " ", ", ", "word", "Zm9v", "0x1f:", "\n", ".", "é", "aGVsbG8gd29ybGQh", "=", "12"];
        let (mut state, mut long) = (7_u32, 0);
        for _ in 0..2_000 {
            let mut text = String::new();
            for _ in 0..20 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            }
            let bytes = text.as_bytes();
            let code = |i: usize| bytes.get(i).is_some_and(|b| CODE[usize::from(*b)]);
            let starts: Vec<usize> = (0..bytes.len()).filter(|&i| code(i) && (i == 0 || !code(i - 1))).collect();
            for &start in &starts {
                let run = (start..).take_while(|&i| code(i)).count();
                if run < BASE64_CHARS_MIN && hex_run(bytes, start) - start < HEX_DIGITS_MIN {
                    continue;
                }
                long += 1;
                for &at in starts.iter().filter(|at| **at <= start) {
                    assert!(next_long(bytes, at).is_some_and(|from| from <= start), "{text}: {at} {start}");
                }
            }
        }
        assert!(long > 1_000, "{long}");
        assert_eq!(next_long(b"no word of these is as long as sixteen", 0), None);
    }
}
