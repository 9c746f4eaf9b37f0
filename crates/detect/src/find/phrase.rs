//! Ages, dates of birth and wallet seed phrases: words and numbers that mean something only together.

use casemate_finding::Span;

use crate::{
    bytes::{ALPHA, DIGIT},
    rule::Finder,
    scan::{Candidate, Pass},
};

/// Words of a seed phrase (BIP-39).
const PHRASE_WORDS: [usize; 5] = [12, 15, 18, 21, 24];
/// Log odds of a seed phrase whose check bits are not right, beside one whose are not looked at.
const BY_PLACE: f32 = -2.5;

impl Pass<'_> {
    /// Ages and dates of birth near their words.
    pub(crate) fn phrases(&self, out: &mut Vec<Candidate>) {
        for (finder, rule) in &self.engine.finders {
            if !matches!(finder, Finder::Age | Finder::Birthday | Finder::SeedPhrase) || !self.applies(*rule) {
                continue;
            }
            let context = &self.engine.rules[usize::from(*rule)].context;
            for hit in self.hits.iter().filter(|h| h.whole && context.has(h.word)) {
                let (start, end) = (hit.start as usize, hit.end as usize);
                let found = match finder {
                    Finder::Age => age(self.bytes, start, end),
                    Finder::Birthday => birthday(self.bytes, end),
                    Finder::SeedPhrase => seed_phrase(self.bytes, end),
                    _ => break,
                };
                if let Some(span) = found {
                    // Words that are in no list, or whose check bits are wrong: a phrase by its place alone.
                    let extra = if *finder == Finder::SeedPhrase { BY_PLACE } else { 0.0 };
                    self.consider(*rule, span.start, span.end, false, extra, out);
                }
            }
        }
    }
}

/// `age 38`, `aged 38`, `turned 38`; or `38 years old`, `38-year-old` from the word `old`.
fn age(bytes: &[u8], start: usize, end: usize) -> Option<Span> {
    let number = |from: usize| {
        let stop = DIGIT.run_end(bytes, from, 4);
        let value = bytes[from..stop].iter().fold(0u32, |v, b| v * 10 + u32::from(b - b'0'));
        let free = !bytes.get(stop).is_some_and(|b| {
            matches!(b, b'%' | b'.' | b',' | b'/' | b':') && bytes.get(stop + 1).is_some_and(u8::is_ascii_digit)
        });
        ((1..=3).contains(&(stop - from)) && (1..=119).contains(&value) && free).then_some(Span::new(from, stop))
    };
    let word = bytes[start..end].to_ascii_lowercase();
    if word == b"old" || word.starts_with(b"year") {
        // Back over `years`, `year`, spaces and hyphens.
        let mut i = start;
        while i > start.saturating_sub(12) && !bytes[i - 1].is_ascii_digit() {
            i -= 1;
        }
        let between = std::str::from_utf8(&bytes[i..start]).ok()?.trim_matches([' ', '-', '\u{a0}']);
        if !(["years", "year", "yrs", "yr"].contains(&between) || (between.is_empty() && word.ends_with(b"old"))) {
            return None;
        }
        let digits = DIGIT.run_start(bytes, i, 4);
        let free =
            digits.checked_sub(1).is_none_or(|p| !matches!(bytes[p], b'.' | b'$' | b'-') && !ALPHA.has(bytes[p]));
        return number(digits).filter(|span| free && span.end == i);
    }
    let mut i = end;
    while i < bytes.len().min(end + 6) && matches!(bytes[i], b' ' | b':' | b'=' | b'"' | b'\'') {
        i += 1;
    }
    for filler in [&b"of "[..], b"is "] {
        if bytes[i..].starts_with(filler) {
            i += filler.len();
        }
    }
    if i == end {
        return None;
    }
    number(i).filter(|span| !bytes.get(span.end).is_some_and(|b| ALPHA.has(*b)))
}

/// The date within a few words after `born`, `DOB` and the like.
fn birthday(bytes: &[u8], end: usize) -> Option<Span> {
    let stop = bytes.len().min(end + 24);
    let at = end + bytes[end..stop].iter().position(|b| b.is_ascii_digit())?;
    date(bytes, at)
}

/// A numeric date at `start`: `1980-02-29`, `29.2.1980`, `2/29/80`.
fn date(bytes: &[u8], start: usize) -> Option<Span> {
    let mut parts = [(0u32, 0usize); 3];
    let mut i = start;
    let mut separator = 0;
    for (n, part) in parts.iter_mut().enumerate() {
        let end = DIGIT.run_end(bytes, i, 5);
        *part = (bytes[i..end].iter().fold(0, |v, b| v * 10 + u32::from(b - b'0')), end - i);
        if !(1..=4).contains(&(end - i)) {
            return None;
        }
        i = end;
        if n < 2 {
            let b = *bytes.get(i)?;
            if !matches!(b, b'-' | b'/' | b'.') || (n == 1 && b != separator) {
                return None;
            }
            separator = b;
            i += 1;
        }
    }
    let year_ok = |p: (u32, usize)| (p.1 == 4 && (1900..=2100).contains(&p.0)) || p.1 == 2;
    let day_month = |a: u32, b: u32| (1..=31).contains(&a) && (1..=31).contains(&b) && (a <= 12 || b <= 12);
    let [a, b, c] = parts;
    let valid =
        (a.1 == 4 && year_ok(a) && day_month(b.0, c.0)) || (c.1 >= 2 && a.1 <= 2 && year_ok(c) && day_month(a.0, b.0));
    valid.then_some(Span::new(start, i))
}

/// Twelve to twenty-four short lower-case words in a row, shortly after a word such as `mnemonic`: a phrase of another
/// list, or mistyped. Those of the standard's list are found by their check bits, without such a word.
fn seed_phrase(bytes: &[u8], end: usize) -> Option<Span> {
    let stop = bytes.len().min(end + 24);
    let colon = end + bytes[end..stop].iter().position(|b| matches!(b, b':' | b'='))?;
    let mut i = colon + 1;
    while i < stop && matches!(bytes[i], b' ' | b'"' | b'\'' | b'\n') {
        i += 1;
    }
    let start = i;
    let mut words = 0;
    let mut last = start;
    while words < 25 {
        let word_end = ALPHA.run_end(bytes, i, 9);
        if !(3..=8).contains(&(word_end - i)) || !bytes[i..word_end].iter().all(u8::is_ascii_lowercase) {
            break;
        }
        words += 1;
        last = word_end;
        if bytes.get(word_end) != Some(&b' ') {
            break;
        }
        i = word_end + 1;
    }
    PHRASE_WORDS.contains(&words).then_some(Span::new(start, last))
}

#[cfg(test)]
mod tests {
    use super::{age, birthday, seed_phrase};

    #[test]
    fn ages() {
        let of = |text: &str, word: &str| {
            let at = text.find(word).unwrap();
            age(text.as_bytes(), at, at + word.len()).map(|s| text[s.range()].to_owned())
        };
        assert_eq!(of("a 38 year old man", "old").as_deref(), Some("38"));
        assert_eq!(of("a 38-year-old", "old").as_deref(), Some("38"));
        assert_eq!(of("aged 102.", "aged").as_deref(), Some("102"));
        assert_eq!(of("at the age of 77", "age").as_deref(), Some("77"));
        assert_eq!(of("the old 38 year", "old"), None);
        assert_eq!(of("aged 2.5", "aged"), None);
    }

    #[test]
    fn dates_and_phrases() {
        let text = "born on 1963-12-21.";
        assert_eq!(birthday(text.as_bytes(), 4).map(|s| &text[s.range()]), Some("1963-12-21"));
        assert_eq!(birthday(b"born in 1963", 4), None);
        let phrase = ["abandon", "ability"].repeat(6).join(" ");
        assert!(seed_phrase(format!("mnemonic: {phrase}").as_bytes(), 8).is_some());
        assert!(seed_phrase(format!("mnemonic: {phrase} zoo").as_bytes(), 8).is_none());
    }
}
