//! Private keys in PEM, OpenSSH, PuTTY and PGP armour.

use casemate_finding::Span;

/// Bytes of the body that are looked at.
const EARLY: usize = 320;

/// The part of the key block whose `-----BEGIN` is at `at` that shows it to be one: its first line and some of its body.
/// Where the block ends is for the match's tail to find.
pub(crate) fn key_block(bytes: &[u8], at: usize) -> Option<Span> {
    let head = &bytes[at..bytes.len().min(at + 80)];
    let line_end = 11 + head.get(11..)?.windows(5).position(|w| w == b"-----")?;
    let title = head.get(11..line_end)?;
    let private = title.windows(11).any(|w| w == b"PRIVATE KEY");
    if !private || !title.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ') {
        return None;
    }
    let body_start = at + line_end + 5;
    let stop = bytes.len().min(body_start + EARLY);
    // Enough of a key to be one: 24 characters of base 64 that are not one letter, within the first bytes.
    let early = &bytes[body_start..stop];
    let run = longest_base64(early);
    if run.len() < 24 || run.iter().filter(|b| **b == run[0]).count() * 2 > run.len() {
        return None;
    }
    Some(Span::new(at, stop))
}

fn longest_base64(bytes: &[u8]) -> &[u8] {
    bytes
        .split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=')))
        .max_by_key(|run| run.len())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::key_block;
    use crate::rule::render_example;

    #[test]
    fn a_block_with_and_without_its_end() {
        let text = render_example(
            "-----BEGIN RSA PRIV¦ATE KEY-----\n{b64:64}\n{b64:64}\n-----END RSA PRIV¦ATE KEY-----\nrest",
            3,
        );
        assert!(key_block(text.as_bytes(), 0).is_some());
        assert!(key_block(&text.as_bytes()[..120], 0).is_some());
        assert!(key_block(text.replace("PRIVATE", "PUBLIC").as_bytes(), 0).is_none());
        assert!(key_block(b"-----BEGIN PRIVATE KEY----- goes here", 0).is_none());
    }
}
