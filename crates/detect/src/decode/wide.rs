//! UTF-16, with or without a byte order mark.

use casemate_finding::Span;

use super::MappedText;

/// Bytes looked at to tell whether they are UTF-16.
const SAMPLE: usize = 512;

/// The bytes as UTF-16 text, if they begin with its mark or nearly every second byte of their beginning is zero. Lone
/// surrogates become U+FFFD. Origins are bytes of `bytes`.
pub fn decode_utf16(bytes: &[u8]) -> Option<MappedText> {
    let (big, skip) = match bytes {
        [0xff, 0xfe, ..] => (false, 2),
        [0xfe, 0xff, ..] => (true, 2),
        _ => {
            let sample = &bytes[..bytes.len().min(SAMPLE)];
            let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count() * 2;
            let (even, odd) = (zeros(0), zeros(1));
            if sample.len() < 8 || even.max(odd) * 10 < sample.len() * 7 || even.min(odd) * 10 > sample.len() * 2 {
                return None;
            }
            (even > odd, 0)
        }
    };
    let units = bytes[skip..].chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
    });
    let mut out = MappedText::default();
    let mut at = skip;
    for decoded in char::decode_utf16(units) {
        let c = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
        let len = 2 * c.len_utf16();
        out.push(c, Span::new(at, at + len));
        at += len;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::decode_utf16;
    use casemate_finding::Span;

    #[test]
    fn with_and_without_a_mark() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let mut marked = vec![0xff, 0xfe];
        marked.extend(wide("key 😀 x"));
        let decoded = decode_utf16(&marked).unwrap();
        assert_eq!(decoded.text(), "key 😀 x");
        assert_eq!(decoded.source(Span::new(0, 3)), Span::new(2, 8));
        assert_eq!(decode_utf16(&wide("password")).unwrap().text(), "password");
        assert_eq!(decode_utf16(b"password in ASCII"), None);
    }
}
