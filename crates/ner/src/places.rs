//! Streets, cities and addresses out of words.

use casemate_finding::Span;

use crate::gazetteer;
use crate::people::is_company;
use crate::spell::{Entity, Label, Word};
use crate::things::is_listed;

/// Least probability of a word of a place, written with a capital or a number.
const PLACE_MIN: f32 = 0.5;
/// The same for one written small.
const SMALL_PLACE_MIN: f32 = 0.9;
/// Score of a place that only the gazetteer knows.
const LISTED: f32 = 0.6;

/// Words before the number of a part of a house. Sorted.
static UNITS: &[&str] =
    &["apartment", "apt", "box", "flat", "floor", "level", "room", "ste", "studio", "suite", "unit"];

/// How a word belongs to a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    No,
    /// Part of one that is there for other reasons.
    Beside,
    /// A name of a place.
    Name,
}

/// Places in a text, in order. Adjoining parts of an address are one place.
pub(crate) fn places(text: &str, words: &[Word<'_>]) -> Vec<Entity> {
    let parts = parts(text, words);
    let mut out = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if parts[i] == Part::No {
            i += 1;
            continue;
        }
        let last = end_of(text, words, &parts, i);
        let run = i..last + 1;
        let unit = words[i].is_one_of(UNITS) && last > i && words[last].place() >= PLACE_MIN;
        let named = parts[run.clone()].contains(&Part::Name)
            && !is_company(text, words, run.end)
            && !is_listed(&words[run.clone()]);
        if named || unit {
            let span = Span::new(words[i].start, words[last].end);
            let told = words[run].iter().map(Word::place).filter(|p| *p >= PLACE_MIN);
            let (sum, count) = told.fold((0.0, 0.0), |(sum, count), p| (sum + p, count + 1.0));
            let score = if count > 0.0 { sum / count } else { LISTED };
            out.push(Entity { label: Label::Location, span, score });
        }
        i = last + 1;
    }
    out
}

fn parts(text: &str, words: &[Word<'_>]) -> Vec<Part> {
    let mut parts = vec![Part::No; words.len()];
    for (i, word) in words.iter().enumerate() {
        let least = if word.is_capital() || word.has_digit() { PLACE_MIN } else { SMALL_PLACE_MIN };
        if word.place() >= least {
            parts[i] = if word.has_letter() && word.named_place() >= PLACE_MIN { Part::Name } else { Part::Beside };
        }
    }
    for (i, word) in words.iter().enumerate() {
        // `Apt. 12`: the word and its number.
        if word.is_one_of(UNITS) {
            let number = words.iter().enumerate().skip(i + 1).take(2).find(|(_, w)| w.text != ".");
            if let Some((at, _)) = number.filter(|(_, w)| w.has_digit() && w.text.len() < 6) {
                for part in &mut parts[i..=at] {
                    *part = if *part == Part::No { Part::Beside } else { *part };
                }
            }
        }
        if word.is_capital() {
            for length in (1..=3).rev().filter(|n| i + n <= words.len()) {
                let name = text.get(word.start..words[i + length - 1].end).unwrap_or_default();
                if gazetteer::has(name) {
                    parts[i..i + length].fill(Part::Name);
                    break;
                }
            }
        }
    }
    parts
}

/// The last word of the place that begins at `i`.
fn end_of(text: &str, words: &[Word<'_>], parts: &[Part], i: usize) -> usize {
    let (mut last, mut next) = (i, i + 1);
    while next < words.len() && next <= last + 3 {
        let gap = text.get(words[next - 1].end..words[next].start).unwrap_or("\n\n\n");
        if gap.matches('\n').count() > 2 || gap.len() > 8 {
            break;
        }
        let word = &words[next];
        let ends = is_code(word) || is_state(word) && words[next - 1].text == ",";
        if parts[next] != Part::No || (next <= last + 2 && ends && parts[i..next].contains(&Part::Name)) {
            last = next;
        } else if !matches!(word.text, "," | "." | "-" | "/" | "#" | "'" | "’") {
            break;
        }
        next += 1;
    }
    last
}

/// Looks like a post code or half of one: `62921`, `SW1A`, `2AA`, `E3L5L2`.
fn is_code(word: &Word<'_>) -> bool {
    let text = word.text;
    let (digits, letters) = text.bytes().fold((0, 0), |(d, l), b| match b {
        b'0'..=b'9' => (d + 1, l),
        b'A'..=b'Z' => (d, l + 1),
        _ => (d, l + 9),
    });
    (letters == 0 && (4..=6).contains(&digits)) || (digits > 0 && letters > 0 && digits + letters <= 7)
}

/// Two or three capitals, as states and provinces are shortened.
fn is_state(word: &Word<'_>) -> bool {
    (2..=3).contains(&word.text.len()) && word.text.bytes().all(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::{UNITS, places};
    use crate::spell::word;

    fn found(text: &str, of: &[(&'static str, f32)]) -> Vec<String> {
        let mut at = 0;
        let words: Vec<_> = of
            .iter()
            .map(|(part, place)| {
                let mut w = word(&text[at..], part, 0.0, *place);
                (w.start, w.end) = (w.start + at, w.end + at);
                at = w.end;
                w
            })
            .collect();
        places(text, &words).iter().map(|e| text[e.span.range()].to_owned()).collect()
    }

    #[test]
    fn an_address_is_one_place() {
        assert!(UNITS.is_sorted());
        let text = "at 4 Elm Street Apt. 9, Galway, TX 78024 today";
        let of = [
            ("at", 0.0),
            ("4", 0.9),
            ("Elm", 0.9),
            ("Street", 0.9),
            ("Apt", 0.1),
            (".", 0.1),
            ("9", 0.2),
            (",", 0.0),
            ("Galway", 0.9),
            (",", 0.0),
            ("TX", 0.2),
            ("78024", 0.3),
            ("today", 0.0),
        ];
        assert_eq!(found(text, &of), ["4 Elm Street Apt. 9, Galway, TX 78024"]);
    }

    #[test]
    fn numbers_alone_are_no_place() {
        assert_eq!(found("item 78024", &[("item", 0.0), ("78024", 0.9)]), Vec::<String>::new());
    }

    #[test]
    fn countries_and_great_cities_are_known_without_the_model() {
        let of = [("to", 0.0), ("New", 0.0), ("Zealand", 0.0), ("and", 0.0), ("Kenya", 0.0)];
        assert_eq!(found("to New Zealand and Kenya", &of), ["New Zealand", "Kenya"]);
        assert_eq!(found("the turkey", &[("the", 0.0), ("turkey", 0.0)]), Vec::<String>::new());
    }
}
