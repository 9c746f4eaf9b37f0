//! JSON web tokens (RFC 7519): three base64url parts, the first two of which begin with `{"` decoded.

use casemate_finding::Span;

use crate::bytes::ByteSet;

const PART: ByteSet = ByteSet::of(b"_-").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');

/// The token whose `eyJ` is at `at`, and whether it is whole: with a signature part.
pub(crate) fn web_token(bytes: &[u8], at: usize, max: usize) -> Option<Span> {
    if !bytes[at..].starts_with(b"eyJ") || at.checked_sub(1).is_some_and(|i| PART.has(bytes[i]) || bytes[i] == b'.') {
        return None;
    }
    let header_end = PART.run_end(bytes, at, max);
    if header_end - at < 12 || bytes.get(header_end) != Some(&b'.') {
        return None;
    }
    let body = header_end + 1;
    let body_end = PART.run_end(bytes, body, max);
    if body_end - body < 10 || !(bytes[body..].starts_with(b"ey") || bytes[at..header_end].len() > 30) {
        return None;
    }
    let mut end = body_end;
    if bytes.get(end) == Some(&b'.') {
        end = PART.run_end(bytes, end + 1, max);
    }
    Some(Span::new(at, end))
}

#[cfg(test)]
mod tests {
    use super::web_token;

    #[test]
    fn three_parts() {
        let text = format!("{}.{}.{}", "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxIn0", "c2lnbmF0dXJl");
        assert_eq!(web_token(text.as_bytes(), 0, 1000).unwrap().len(), text.len());
        assert!(web_token(b"eyJhbGciOiJIUzI1NiJ9", 0, 1000).is_none());
    }
}
