//! Words of a folded text: runs of letters and digits.

/// One word by its bytes in the folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Word {
    /// The word in the text that it was found in.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Appends the words of `text` to `out`. An apostrophe between letters belongs to the word (`don't`), as do
/// letters beyond ASCII; Chinese and Japanese characters are words of one character each.
pub fn words(text: &str, out: &mut Vec<Word>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || apostrophe(bytes, at, start)) {
            at += 1;
        }
        if at > start && bytes.get(at).is_none_or(u8::is_ascii) {
            out.push(Word { start: start as u32, end: at as u32 });
            continue;
        }
        if at < bytes.len() && bytes[at].is_ascii() {
            at += 1;
            continue;
        }
        at = wide(text, start, at, out);
    }
}

/// A word that holds characters beyond ASCII, begun at `start` and read up to `at`. Returns where to go on.
fn wide(text: &str, start: usize, at: usize, out: &mut Vec<Word>) -> usize {
    let mut end = at;
    for c in text.get(at..).unwrap_or_default().chars() {
        let ideograph = matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}');
        if ideograph && end == start {
            end += c.len_utf8();
            break;
        }
        if ideograph || !c.is_alphanumeric() {
            if end == start {
                return end + c.len_utf8();
            }
            break;
        }
        end += c.len_utf8();
    }
    if end > start {
        out.push(Word { start: start as u32, end: end as u32 });
    }
    end
}

fn apostrophe(bytes: &[u8], at: usize, start: usize) -> bool {
    bytes[at] == b'\'' && at > start && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::words;

    fn split(text: &str) -> Vec<&str> {
        let mut out = Vec::new();
        words(text, &mut out);
        out.into_iter().map(|w| w.of(text)).collect()
    }

    #[test]
    fn words_of_several_scripts() {
        assert_eq!(split("don't stop 'now' x1"), ["don't", "stop", "now", "x1"]);
        assert_eq!(split("olvidá über-all"), ["olvidá", "über", "all"]);
        assert_eq!(split("忽略 这个a"), ["忽", "略", "这", "个", "a"]);
        assert_eq!(split("…—x🙂y"), ["x", "y"]);
        assert_eq!(split(""), [""; 0]);
    }
}
