//! Turning tokens back, as they were or as a model has mangled them.

use casemate_finding::UnixMs;

use super::Vault;
use crate::Key;

/// Longest token, mangled or not.
const TOKEN_MAX: usize = 96;

/// The text with every token that the vault knows turned back. A token is known in any letter case, without its angle
/// brackets or with `&lt;` and `&gt;` for them, with spaces, backslashes or asterisks that a model put around or into it.
/// What the vault does not know, or has let expire, stays.
pub fn restore(text: &str, vault: &Vault, key: &Key, now: UnixMs) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    let mut i = 0;
    while i < bytes.len() {
        // A token's label begins with a letter; look only where one may begin.
        let begins = bytes[i].is_ascii_alphabetic() && (i == 0 || !word(bytes[i - 1]));
        if (begins || matches!(bytes[i], b'<' | b'&'))
            && let Some((token, end)) = token_at(bytes, i)
            && let Some(value) = vault.open(key, &token, now)
        {
            out.push_str(&text[from..i]);
            out.push_str(&value);
            i = end;
            from = end;
            continue;
        }
        i += 1;
    }
    out.push_str(&text[from..]);
    out
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The token that is meant at `start`, in its proper form, and where it ends.
fn token_at(bytes: &[u8], start: usize) -> Option<(String, usize)> {
    let window = &bytes[..bytes.len().min(start + TOKEN_MAX)];
    let skip = |mut i: usize| {
        while window.get(i).is_some_and(|b| matches!(b, b' ' | b'*' | b'\\' | b'`')) {
            i += 1;
        }
        i
    };
    let mut i = start;
    let opened = window[i] == b'<' || window[i..].starts_with(b"&lt;");
    if opened {
        i = skip(i + if window[i] == b'<' { 1 } else { 4 });
    }
    // Label and digits: letters, digits and underscores; inside brackets also what was put between.
    let mut name = String::new();
    let mut end = i;
    while let Some(&b) = window.get(i) {
        if word(b) {
            name.push(char::from(b));
            i += 1;
            end = i;
        } else if matches!(b, b'\\' | b'*') || (opened && matches!(b, b' ' | b'-' | b'`')) {
            i += 1;
        } else {
            break;
        }
    }
    if opened {
        i = skip(end);
        let close = if window[i..].starts_with(b"&gt;") { 4 } else { usize::from(window.get(i) == Some(&b'>')) };
        if close > 0 {
            end = i + close;
        }
    }
    // The last group of hexadecimal digits, with or without the underscore before it.
    let digits = [32, 16, 10, 6].into_iter().find(|n| {
        name.len() > n + 1
            && name.as_bytes()[name.len() - n..].iter().all(u8::is_ascii_hexdigit)
            && name.as_bytes()[name.len() - n - 1] == b'_'
    })?;
    let (label, tag) = name.split_at(name.len() - digits);
    Some((format!("<{}_{}>", label.trim_end_matches('_').to_uppercase(), tag.to_lowercase()), end))
}
