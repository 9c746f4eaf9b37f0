//! E-mail addresses, from the `@` outwards (RFC 5321 dot-atoms; quoted local parts are not looked for).

use casemate_finding::Span;

use crate::bytes::{ALNUM, ByteSet};

/// `atext` of RFC 5322 without what ends a value in code and prose (`/ = ? | { } ! # $ & * ^ ~` and quotes).
const LOCAL: ByteSet = ByteSet::of(b"._%+-'").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');
const DOMAIN: ByteSet = ByteSet::of(b"-.").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');

/// The address around the `@` at `at`, if its domain ends in a public suffix.
pub(crate) fn email(text: &str, at: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    if !bytes.get(at + 1).is_some_and(|b| ALNUM.has(*b)) {
        return None;
    }
    let domain_end = DOMAIN.run_end(bytes, at + 1, 253);
    if !bytes[at + 1..domain_end].contains(&b'.') {
        return None;
    }
    let mut start = at;
    for (i, c) in text[..at].char_indices().rev() {
        let fits = if c.is_ascii() { LOCAL.has(c as u8) } else { c.is_alphanumeric() };
        if !fits || at - i > 64 {
            break;
        }
        start = i;
    }
    while start < at && matches!(bytes[start], b'.' | b'-' | b'%' | b'+' | b'\'') {
        start += 1;
    }
    if start == at || !bytes[start..at].iter().all(|b| LOCAL.has(*b) || *b >= 0x80) || bytes[at - 1] == b'.' {
        return None;
    }
    let mut end = domain_end;
    while end > at + 1 && !ALNUM.has(bytes[end - 1]) {
        end -= 1;
    }
    // `user:pass@host` in a URL is not an address.
    if bytes[start.saturating_sub(64)..start].windows(3).any(|w| w == b"://")
        && !bytes[start.saturating_sub(64)..start].contains(&b' ')
        && bytes[start - 1] == b':'
    {
        return None;
    }
    let domain = &text[at + 1..end];
    (domain_is_public(domain) && !domain.contains("..")).then_some(Span::new(start, end))
}

/// True for a name under a suffix of the public suffix list (ICANN part), with at least one label before it.
pub(crate) fn domain_is_public(domain: &str) -> bool {
    let lower;
    let domain = if domain.bytes().any(|b| b.is_ascii_uppercase()) {
        lower = domain.to_ascii_lowercase();
        lower.as_str()
    } else {
        domain
    };
    let Some(dot) = domain.rfind('.') else { return false };
    let tld = &domain[dot + 1..];
    if tld.len() < 2 || !tld.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-' || b.is_ascii_digit()) {
        return false;
    }
    // The usual ones, where the last label is the suffix: no need to ask the list.
    if matches!(
        tld,
        "com"
            | "org"
            | "net"
            | "edu"
            | "gov"
            | "info"
            | "dev"
            | "io"
            | "de"
            | "fr"
            | "es"
            | "it"
            | "nl"
            | "ch"
            | "at"
            | "be"
    ) && domain[..dot].split('.').next_back().is_some_and(|name| name.len() > 3)
    {
        return true;
    }
    psl::suffix(domain.as_bytes()).is_some_and(|s| s.is_known() && s.as_bytes().len() < domain.len())
}

#[cfg(test)]
mod tests {
    use super::email;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let at = text.find('@').unwrap();
        assert_eq!(email(text, at).map(|s| &text[s.range()]), expected);
    }

    #[test]
    fn finds_the_whole_address_and_no_more() {
        check("to <a.b+c@mail.example.co.uk>.", Some("a.b+c@mail.example.co.uk"));
        check("x=josé@example.es,", Some("josé@example.es"));
        check("“anna@firma.de”", Some("anna@firma.de"));
        check("ends anna@firma.de.", Some("anna@firma.de"));
        check("npm i @types/node", None);
        check("a@b", None);
        check("a@b.notatld0", None);
        check("user@10.0.0.1", None);
        check("@media (x)", None);
        check("git@localhost", None);
    }
}
