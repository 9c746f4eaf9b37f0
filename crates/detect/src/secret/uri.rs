//! Passwords in URIs: `scheme://user:password@host`.

use casemate_finding::Span;

use super::is_placeholder;

/// The password in the URI whose `://` is at `at`, and whether it is no more than a word such as `secret`: on a web
/// address that is an example, on a database or file server a weak password.
pub(crate) fn url_password(bytes: &[u8], at: usize) -> Option<(Span, bool)> {
    let start = at + 3;
    let stop = bytes.len().min(start + 320);
    let mut colon = None;
    let mut i = start;
    while i < stop {
        match bytes[i] {
            b':' if colon.is_none() => colon = Some(i),
            // `smtps://me@mail.test:password@host`: an address as user name.
            b'@' if colon.is_none() && bytes[i..stop].iter().take(120).skip(1).any(|b| *b == b'@') => {}
            b'@' => break,
            b'/' | b'?' if colon.is_none() => return None,
            b'/' if bytes[i - 1] == b'/' => return None,
            b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'|' => return None,
            _ => {}
        }
        i += 1;
    }
    if bytes.get(i) != Some(&b'@')
        || i >= stop
        || !bytes.get(i + 1).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'[' | b'$' | b'{' | b'_'))
    {
        return None;
    }
    let colon = colon?;
    let value = &bytes[colon + 1..i];
    let plain = matches!(value.to_ascii_lowercase().as_slice(), b"password" | b"secret" | b"passwd");
    let port = value.iter().position(|b| !b.is_ascii_digit()).is_some_and(|i| i > 0 && value[i] == b'/');
    if matches!(value.to_ascii_lowercase().as_slice(), b"pass" | b"pwd" | b"token" | b"user") {
        return None;
    }
    let slashes = value.iter().filter(|b| **b == b'/').count();
    let web = bytes[at.saturating_sub(5)..at].to_ascii_lowercase().windows(4).any(|w| w == b"http");
    let host = &bytes[i + 1..bytes.len().min(i + 24)];
    // Hosts that documents use (RFC 2606, 3849, 5737).
    let documented = [&b"[2001:db8:"[..], b"192.0.2.", b"198.51.100.", b"203.0.113.", b"example.com", b"example.org"]
        .iter()
        .any(|name| host.starts_with(name));
    let example = plain && (documented || web && value != b"secret");
    if port || value.len() < 3 || slashes > 2 || example || (!plain && is_placeholder(value)) {
        return None;
    }
    Some((Span::new(colon + 1, i), plain))
}

#[cfg(test)]
mod tests {
    use super::url_password;

    #[test]
    fn passwords() {
        let of =
            |text: &str| url_password(text.as_bytes(), text.find("://").unwrap()).map(|s| text[s.0.range()].to_owned());
        assert_eq!(of("postgres://app:s3cr3t-x@db:5432/x").as_deref(), Some("s3cr3t-x"));
        assert_eq!(of("https://example.com:80/a@b"), None);
        assert_eq!(of("mongodb://$USER:$PASS@host"), None);
        assert_eq!(of("http://user:password@host"), None);
    }
}
