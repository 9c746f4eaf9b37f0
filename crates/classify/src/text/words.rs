//! Words of a folded text: runs of letters and digits.

use super::word_hash;

/// One word by its bytes in the folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Its hash, by which every table knows it.
    pub hash: u64,
}

impl Word {
    fn new(text: &str, start: usize, end: usize) -> Self {
        let hash = word_hash(text.as_bytes().get(start..end).unwrap_or_default());
        Self { start: start as u32, end: end as u32, hash }
    }

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
    while let Some(skipped) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| KIND[usize::from(*b)] != OTHER))
    {
        let start = at + skipped;
        at = start;
        loop {
            let rest = &bytes[at..];
            at += rest.iter().position(|b| KIND[usize::from(*b)] != WORD).unwrap_or(rest.len());
            if at > start && bytes.get(at) == Some(&b'\'') && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic) {
                at += 1;
            } else {
                break;
            }
        }
        if bytes.get(at).is_none_or(u8::is_ascii) {
            out.push(Word::new(text, start, at));
        } else {
            at = wide(text, start, at, out);
        }
    }
}

const OTHER: u8 = 0;
const WORD: u8 = 1;
const BEYOND_ASCII: u8 = 2;
const KIND: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut b = 0;
    while b < 256 {
        if b >= 128 {
            table[b] = BEYOND_ASCII;
        } else if (b as u8).is_ascii_alphanumeric() {
            table[b] = WORD;
        }
        b += 1;
    }
    table
};

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
        out.push(Word::new(text, start, end));
    }
    end
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
