//! URLs, from `://` outwards.

use casemate_finding::Span;

use crate::bytes::{ALNUM, ByteSet, DIGIT};

use super::email::domain_is_public;

const SCHEME: ByteSet = ByteSet::of(b"+.-").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');
/// What a URL holds in running text (RFC 3986, less quotes and brackets that usually enclose it).
const URL: ByteSet = ByteSet::of(b"-._~:/?#@!$&*+,;=%()").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');

/// The URL whose `://` is at `at`: web schemes with a public or numeric host.
pub(crate) fn url(text: &str, at: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    let start = SCHEME.run_start(bytes, at, 16);
    let scheme = text.get(start..at)?;
    if !["http", "https", "ftp", "ws", "wss"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) {
        return None;
    }
    let host = at + 3;
    let mut end = URL.run_end(bytes, host, 2_000);
    while end > host && matches!(bytes[end - 1], b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b'*') {
        let open = bytes[host..end].iter().filter(|b| **b == b'(').count();
        let closed = bytes[host..end].iter().filter(|b| **b == b')').count();
        if bytes[end - 1] == b')' && open >= closed {
            break;
        }
        end -= 1;
    }
    let authority_end = bytes[host..end].iter().position(|b| matches!(b, b'/' | b'?' | b'#')).map_or(end, |i| host + i);
    let authority = text.get(host..authority_end)?;
    let name = authority.rsplit('@').next()?.split(':').next()?;
    let numeric = name.split('.').count() == 4 && name.bytes().all(|b| DIGIT.has(b) || b == b'.');
    let usable = name.bytes().all(|b| ALNUM.has(b) || b == b'-' || b == b'.') && (numeric || domain_is_public(name));
    usable.then_some(Span::new(start, end))
}

#[cfg(test)]
mod tests {
    use super::url;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let at = text.find("://").unwrap();
        assert_eq!(url(text, at).map(|s| &text[s.range()]), expected);
    }

    #[test]
    fn urls_in_prose() {
        check("see https://example.com/a?b=c#d.", Some("https://example.com/a?b=c#d"));
        check("(http://example.org/x_(y))", Some("http://example.org/x_(y)"));
        check("http://localhost:80/", None);
        check("mongodb://a.com", None);
        check("https://192.0.2.7/x", Some("https://192.0.2.7/x"));
    }
}
