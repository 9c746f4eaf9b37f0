//! Encodings inside text, found and decoded.

use casemate_finding::Span;

use super::MappedText;
use crate::bytes::ByteSet;

/// How much is decoded.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Encodings within encodings.
    pub depth_max: usize,
    /// Bytes of one encoded piece.
    pub piece_bytes_max: usize,
    /// Encoded pieces of one text, all depths together.
    pub pieces_max: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { depth_max: 2, piece_bytes_max: 1 << 20, pieces_max: 512 }
    }
}

/// An encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Base 64, either alphabet (RFC 4648).
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// `%40` (RFC 3986).
    Percent,
    /// `\u0040` and `\x40`.
    Escape,
    /// `=40` (RFC 2045).
    QuotedPrintable,
}

/// A decoded piece.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// How it was encoded, outermost first.
    pub encodings: Vec<Encoding>,
    /// What it says, with origins in the text that was given.
    pub text: MappedText,
}

const B64: ByteSet = ByteSet::of(b"+/-_").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');
/// Shortest run of base 64 that is decoded: shorter ones are words.
const B64_MIN: usize = 20;
/// Shortest run of hexadecimal digits that is decoded.
const HEX_MIN: usize = 24;

/// Everything encoded in `text`, and in what that decodes to, as deep as the limits allow.
pub fn decode_layers(text: &str, limits: &DecodeLimits) -> Vec<Decoded> {
    let mut out: Vec<Decoded> = Vec::new();
    decode_once(text, limits, &mut |encoding, piece| {
        out.push(Decoded { encodings: vec![encoding], text: piece });
        out.len() < limits.pieces_max
    });
    let mut from = 0;
    for _ in 1..limits.depth_max {
        let to = out.len();
        for i in from..to {
            let mut inner = Vec::new();
            let room = limits.pieces_max - out.len();
            decode_once(out[i].text.text(), limits, &mut |encoding, piece| {
                inner.push((encoding, piece));
                inner.len() < room
            });
            for (encoding, piece) in inner.into_iter().take(room) {
                let outer = &out[i];
                let encodings = outer.encodings.iter().copied().chain([encoding]).collect();
                let text = outer.text.then(piece);
                out.push(Decoded { encodings, text });
            }
        }
        from = to;
    }
    out
}

/// Gives every piece of `text` that one decoder takes; stops when `found` says so.
fn decode_once(text: &str, limits: &DecodeLimits, found: &mut dyn FnMut(Encoding, MappedText) -> bool) {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if B64.has(bytes[i]) {
            let end = B64.run_end(bytes, i, usize::MAX);
            let run = Span::new(i, end);
            i = end;
            if run.len() < B64_MIN || run.len() > limits.piece_bytes_max {
                continue;
            }
            let piece = &bytes[run.range()];
            let hex = run.len() >= HEX_MIN && run.len().is_multiple_of(2) && piece.iter().all(u8::is_ascii_hexdigit);
            let decoded = if hex {
                hexadecimal(piece, run.start).map(|d| (Encoding::Hex, d))
            } else {
                base64(piece, run.start).map(|d| (Encoding::Base64, d))
            };
            if let Some((encoding, decoded)) = decoded
                && !found(encoding, decoded)
            {
                return;
            }
        } else {
            i += 1;
        }
    }
    for (encoding, mark) in [(Encoding::Percent, b'%'), (Encoding::Escape, b'\\'), (Encoding::QuotedPrintable, b'=')] {
        if let Some(decoded) = escapes(text, encoding, mark, limits)
            && !found(encoding, decoded)
        {
            return;
        }
    }
}

fn base64(run: &[u8], at: usize) -> Option<MappedText> {
    let value = |b: u8| match b {
        b'A'..=b'Z' => u32::from(b - b'A'),
        b'a'..=b'z' => u32::from(b - b'a') + 26,
        b'0'..=b'9' => u32::from(b - b'0') + 52,
        b'+' | b'-' => 62,
        _ => 63,
    };
    if run.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(run.len() * 3 / 4);
    let mut origins = Vec::with_capacity(run.len() * 3 / 4);
    for (n, group) in run.chunks(4).enumerate() {
        let bits = group.iter().fold(0, |v, b| v << 6 | value(*b)) << (6 * (4 - group.len()));
        let from = at + 4 * n;
        for k in 0..group.len() - 1 {
            let byte = (bits >> (16 - 8 * k)) as u8;
            // Most runs are words or keys, not text: give up at the first byte that text has not.
            if byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t') || byte == 0x7f {
                return None;
            }
            bytes.push(byte);
            origins.push(((from + k) as u32, (from + k + 2) as u32));
        }
    }
    MappedText::from_bytes(&bytes, origins)
}

fn hexadecimal(run: &[u8], at: usize) -> Option<MappedText> {
    let mut bytes = Vec::with_capacity(run.len() / 2);
    let mut origins = Vec::with_capacity(run.len() / 2);
    for (n, pair) in run.chunks_exact(2).enumerate() {
        bytes.push(hex_pair(pair)?);
        origins.push(((at + 2 * n) as u32, (at + 2 * n + 2) as u32));
    }
    MappedText::from_bytes(&bytes, origins)
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    Some((digit(*pair.first()?)? * 16 + digit(*pair.get(1)?)?) as u8)
}

/// The whole text with its escapes of one kind decoded, if it has at least two.
fn escapes(text: &str, encoding: Encoding, mark: u8, limits: &DecodeLimits) -> Option<MappedText> {
    let source = text.as_bytes();
    memchr::memchr(mark, source)?;
    if source.len() > limits.piece_bytes_max {
        return None;
    }
    let mut bytes = Vec::with_capacity(source.len());
    let mut origins: Vec<(u32, u32)> = Vec::with_capacity(source.len());
    let mut count = 0;
    let mut i = 0;
    while i < source.len() {
        let (decoded, len) = match source[i] == mark {
            true => escape(encoding, &source[i..]).unwrap_or((None, 0)),
            false => (None, 0),
        };
        if len == 0 {
            bytes.push(source[i]);
            origins.push((i as u32, i as u32 + 1));
            i += 1;
            continue;
        }
        count += 1;
        let origin = (i as u32, (i + len) as u32);
        match decoded {
            Some(Unit::Byte(b)) => {
                bytes.push(b);
                origins.push(origin);
            }
            Some(Unit::Char(c)) => {
                let mut buffer = [0; 4];
                let encoded = c.encode_utf8(&mut buffer).as_bytes();
                bytes.extend_from_slice(encoded);
                origins.extend(std::iter::repeat_n(origin, encoded.len()));
            }
            None => {}
        }
        i += len;
    }
    if count < 2 {
        return None;
    }
    MappedText::from_bytes(&bytes, origins)
}

enum Unit {
    Byte(u8),
    Char(char),
}

/// What the escape at the start of `rest` stands for (nothing, for a soft line break), and its length.
fn escape(encoding: Encoding, rest: &[u8]) -> Option<(Option<Unit>, usize)> {
    match encoding {
        Encoding::Percent => Some((Some(Unit::Byte(hex_pair(rest.get(1..3)?)?)), 3)),
        Encoding::QuotedPrintable if rest.starts_with(b"=\r\n") => Some((None, 3)),
        Encoding::QuotedPrintable if rest.starts_with(b"=\n") => Some((None, 2)),
        // Soft-wrapped mail has capitals only (RFC 2045, section 6.7).
        Encoding::QuotedPrintable => {
            let pair = rest.get(1..3)?;
            (!pair.iter().any(u8::is_ascii_lowercase)).then_some(())?;
            Some((Some(Unit::Byte(hex_pair(pair)?)), 3))
        }
        Encoding::Escape => match rest.get(1)? {
            b'u' => {
                let unit = |at: usize| -> Option<u32> {
                    let pair = [hex_pair(rest.get(at..at + 2)?)?, hex_pair(rest.get(at + 2..at + 4)?)?];
                    Some(u32::from(u16::from_be_bytes(pair)))
                };
                let high = unit(2)?;
                if (0xd800..0xdc00).contains(&high) && rest.get(6..8) == Some(b"\\u") {
                    let low = unit(8).filter(|low| (0xdc00..0xe000).contains(low))?;
                    let c = char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?;
                    return Some((Some(Unit::Char(c)), 12));
                }
                Some((Some(Unit::Char(char::from_u32(high)?)), 6))
            }
            b'x' => Some((Some(Unit::Byte(hex_pair(rest.get(2..4)?)?)), 4)),
            _ => None,
        },
        Encoding::Base64 | Encoding::Hex => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{DecodeLimits, Encoding, decode_layers};
    use casemate_finding::Span;

    #[track_caller]
    fn check(text: &str, encodings: &[Encoding], expected: &str, source: &str) {
        let layers = decode_layers(text, &DecodeLimits::default());
        let layer = layers.iter().find(|l| l.encodings == encodings).unwrap_or_else(|| panic!("{layers:?}"));
        let at = layer.text.text().find(expected).unwrap_or_else(|| panic!("{layer:?}"));
        let span = layer.text.source(Span::new(at, at + expected.len()));
        assert_eq!(&text[span.range()], source);
    }

    #[test]
    fn each_encoding_and_its_offsets() {
        check("x aGVsbG8gd29ybGQsIGhlbGxv y", &[Encoding::Base64], "hello world, hello", "aGVsbG8gd29ybGQsIGhlbGxv");
        check("68656c6c6f20776f726c6421", &[Encoding::Hex], "world", "776f726c64");
        check("to anna%40firma%2Ede", &[Encoding::Percent], "anna@firma.de", "anna%40firma%2Ede");
        check(r"a\u0040b\u002ede \ud83d\ude00", &[Encoding::Escape], "@b.", r"\u0040b\u002e");
        check("caf=C3=A9 so=\nft", &[Encoding::QuotedPrintable], "café soft", "caf=C3=A9 so=\nft");
    }

    #[test]
    fn nested_twice_and_not_thrice() {
        // base64(base64("hello world, hello"))
        check(
            "YUdWc2JHOGdkMjl5YkdRc0lHaGxiR3h2",
            &[Encoding::Base64, Encoding::Base64],
            "hello world",
            "YUdWc2JHOGdkMjl5YkdR",
        );
        let limits = DecodeLimits { depth_max: 1, ..DecodeLimits::default() };
        assert!(decode_layers("YUdWc2JHOGdkMjl5YkdRc0lHaGxiR3h2", &limits).iter().all(|l| l.encodings.len() == 1));
    }

    #[test]
    fn limits_hold() {
        let text = "aGVsbG8gd29ybGQsIGhlbGxv ".repeat(20);
        let limits = DecodeLimits { pieces_max: 5, ..DecodeLimits::default() };
        assert_eq!(decode_layers(&text, &limits).len(), 5);
        let at = DecodeLimits { piece_bytes_max: 24, ..DecodeLimits::default() };
        assert!(!decode_layers("aGVsbG8gd29ybGQsIGhlbGxv", &at).is_empty());
        let past = DecodeLimits { piece_bytes_max: 23, ..DecodeLimits::default() };
        assert!(decode_layers("aGVsbG8gd29ybGQsIGhlbGxv", &past).is_empty());
    }
}
