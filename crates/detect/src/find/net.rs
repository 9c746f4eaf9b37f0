//! Network addresses: IPv4, IPv6, MAC.

use casemate_finding::Span;

use crate::{
    bytes::{ByteSet, DIGIT, WORD},
    rule::Finder,
};

const ADDRESS: ByteSet = ByteSet::of(b":.").range(b'0', b'9').range(b'a', b'f').range(b'A', b'F');

/// The dotted quad at `start`, and a correction to its log odds: documentation and unroutable ones weigh less.
pub(crate) fn ipv4(bytes: &[u8], start: usize) -> Option<(Span, f32)> {
    let mut i = start;
    let mut octets = [0u16; 4];
    for (n, octet) in octets.iter_mut().enumerate() {
        let end = DIGIT.run_end(bytes, i, 4);
        if end == i || end - i > 3 || (end - i > 1 && bytes[i] == b'0') {
            return None;
        }
        *octet = bytes[i..end].iter().fold(0, |v, b| v * 10 + u16::from(b - b'0'));
        if *octet > 255 {
            return None;
        }
        i = end;
        if n < 3 {
            if bytes.get(i) != Some(&b'.') {
                return None;
            }
            i += 1;
        }
    }
    if bytes.get(i).is_some_and(|b| WORD.has(*b))
        || (bytes.get(i) == Some(&b'.') && bytes.get(i + 1).is_some_and(u8::is_ascii_digit))
        || (bytes.get(i) == Some(&b'-') && bytes.get(i + 1).is_some_and(|b| WORD.has(*b)))
    {
        return None;
    }
    // `Chrome/107.0.5931.44`, `v1.2.3.4`, `package-1.2.3.4`.
    let before = start.checked_sub(1).map(|i| bytes[i]);
    let mut extra = 0.0;
    if matches!(before, Some(b'-' | b'_' | b'+' | b'~')) {
        extra -= 3.0;
    }
    if before == Some(b'/') && start >= 2 && bytes[start - 2].is_ascii_alphabetic() {
        extra -= 4.0;
    }
    // 0.0.0.0, 127.0.0.1 and net masks name no one.
    if octets[0] == 0 || octets == [127, 0, 0, 1] || octets[0] == 255 {
        extra -= 3.5;
    }
    Some((Span::new(start, i), extra))
}

/// The IPv6 or MAC address that the run `start..end` is a part of, reported from its first group with a digit only.
pub(crate) fn hex_groups(bytes: &[u8], start: usize, end: usize) -> Option<(Span, Finder)> {
    if let Some(span) = mac(bytes, start) {
        return Some((span, Finder::Mac));
    }
    let first = ADDRESS.run_start(bytes, start, 48);
    let last = ADDRESS.run_end(bytes, end.min(start), 48);
    if bytes[first..start].iter().any(u8::is_ascii_digit)
        || first.checked_sub(1).is_some_and(|i| WORD.has(bytes[i]) || bytes[i] == b'-')
        || bytes
            .get(last)
            .is_some_and(|b| WORD.has(*b) || (*b == b'-' && bytes.get(last + 1).is_some_and(|b| WORD.has(*b))))
    {
        return None;
    }
    let mut text = std::str::from_utf8(&bytes[first..last]).ok()?;
    let mut from = first;
    if let Some(rest) = text.strip_prefix(':').filter(|rest| !rest.starts_with(':')) {
        (text, from) = (rest, first + 1);
    }
    let trimmed = text.trim_end_matches('.');
    let trimmed = trimmed.strip_suffix(':').filter(|t| !t.ends_with(':')).unwrap_or(trimmed);
    if let Some(span) = mac(bytes, from).filter(|s| s.end == from + trimmed.len()) {
        return Some((span, Finder::Mac));
    }
    if trimmed.len() < 6
        || trimmed.bytes().filter(|b| *b == b':').count() < 3
        || trimmed.parse::<std::net::Ipv6Addr>().is_err()
    {
        return None;
    }
    Some((Span::new(from, from + trimmed.len()), Finder::Ipv6))
}

/// `00:1a:2b:3c:4d:5e`, with hyphens, or as `001a.2b3c.4d5e`, from its first byte.
fn mac(bytes: &[u8], near: usize) -> Option<Span> {
    const GROUPS: ByteSet = ByteSet::of(b":-").range(b'0', b'9').range(b'a', b'f').range(b'A', b'F');
    // The run may be any group: go back to the first.
    let start = GROUPS.run_start(bytes, near, 18);
    let code = bytes.get(start..start + 17)?;
    let separator = code[2];
    let well_formed = matches!(separator, b':' | b'-')
        && code.iter().enumerate().all(|(i, b)| if i % 3 == 2 { *b == separator } else { b.is_ascii_hexdigit() });
    let free = start.checked_sub(1).is_none_or(|i| !WORD.has(bytes[i]))
        && !bytes.get(start + 17).is_some_and(|b| WORD.has(*b) || *b == separator);
    // Reported once: from the first group that has a digit.
    let first_seed = code.iter().position(u8::is_ascii_digit).map(|i| start + i - i % 3)?;
    let digits_only = code.iter().all(|b| b.is_ascii_digit() || *b == separator) && separator == b'-';
    (well_formed && free && first_seed == near && !digits_only && code.iter().any(|b| !matches!(b, b'0' | b':' | b'-')))
        .then_some(Span::new(start, start + 17))
}

#[cfg(test)]
mod tests {
    use super::{hex_groups, ipv4};
    use crate::rule::Finder;

    #[test]
    fn quads_not_versions() {
        assert_eq!(ipv4(b"10.90.134.233|", 0).unwrap().0.len(), 13);
        assert!(ipv4(b"10.90.134.256", 0).is_none());
        assert!(ipv4(b"1.2.3.4.5", 0).is_none());
        assert!(ipv4(b"1.2.3", 0).is_none());
        assert!(ipv4(b"Chrome/107.0.59.44", 7).unwrap().1 < -2.0);
    }

    #[test]
    fn groups() {
        assert_eq!(hex_groups(b"00:1a:2b:3c:4d:5e", 0, 2).unwrap().1, Finder::Mac);
        assert_eq!(hex_groups(b"2001:db8::ff00:42:8329", 0, 4).unwrap().1, Finder::Ipv6);
        assert!(hex_groups(b"12:34:56", 0, 2).is_none());
        assert!(hex_groups(b"a:12", 2, 4).is_none());
    }
}
