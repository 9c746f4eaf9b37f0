//! Names of people out of words.

use std::ops::Range;

use casemate_finding::Span;

use crate::gazetteer;
use crate::spell::{Entity, Label, Word};
use crate::things::is_thing;

/// Least probability of a word of a name that is written with a capital.
const NAME_MIN: f32 = 0.4;
/// The same after a title, and for a rare word inside a sentence.
const LIKELY_NAME_MIN: f32 = 0.2;
/// The same beside a word that is one.
const BESIDE_NAME_MIN: f32 = 0.1;
/// The same for a word written small, which may stand beside small ones only.
const SMALL_NAME_MIN: f32 = 0.9;

/// Words that stand inside names of people. Sorted.
static PARTICLES: &[&str] = &[
    "'", "-", ".", "af", "al", "auch", "aus", "av", "ben", "bin", "bint", "da", "das", "de", "del", "della", "den",
    "der", "di", "do", "dos", "du", "e", "el", "ibn", "la", "le", "ten", "ter", "van", "vom", "von", "y", "zu", "zum",
    "zur", "’",
];

/// Forms of address. Sorted.
static TITLES: &[&str] = &[
    "capt",
    "captain",
    "dame",
    "doctor",
    "dr",
    "frau",
    "herr",
    "judge",
    "lady",
    "lord",
    "madam",
    "madame",
    "miss",
    "mme",
    "mr",
    "mrs",
    "ms",
    "mx",
    "prof",
    "professor",
    "rev",
    "senator",
    "señor",
    "señora",
    "sir",
];

/// What follows the name of a company. Sorted.
static COMPANIES: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "bank",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "foundation",
    "gmbh",
    "group",
    "holding",
    "holdings",
    "inc",
    "incorporated",
    "industries",
    "kg",
    "kgaa",
    "labs",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "nv",
    "ohg",
    "oy",
    "partners",
    "plc",
    "pte",
    "pty",
    "sa",
    "sarl",
    "sas",
    "se",
    "sl",
    "spa",
    "srl",
    "stiftung",
    "technologies",
    "ug",
    "university",
];

/// People in a text, in order.
pub(crate) fn people(text: &str, words: &[Word<'_>]) -> Vec<Entity> {
    let mut runs = Vec::new();
    let mut i = 0;
    while i < words.len() {
        if !begins(words, i) {
            i += 1;
            continue;
        }
        let last = end_of(text, words, i);
        runs.push(i..last + 1);
        i = last + 1;
    }
    drop_firms(words, &mut runs);
    runs.retain(|run| {
        let written = text.get(words[run.start].start..words[run.end - 1].end).unwrap_or_default();
        let is_word = words[run.clone()].iter().any(|w| w.text.len() > 1);
        is_word && !is_company(text, words, run.end) && !gazetteer::has(written) && !is_thing(text, words, run.clone())
    });
    runs.into_iter()
        .map(|run| {
            let named: Vec<f32> =
                words[run.clone()].iter().map(Word::person).filter(|p| *p >= BESIDE_NAME_MIN).collect();
            // The surest word speaks for those beside it, and they for it.
            let best = named.iter().copied().fold(0.0, f32::max);
            let mean = named.iter().sum::<f32>() / named.len().max(1) as f32;
            let span = Span::new(words[run.start].start, words[run.end - 1].end);
            Entity { label: Label::Person, span, score: best.midpoint(mean) }
        })
        .collect()
}

fn begins(words: &[Word<'_>], i: usize) -> bool {
    let word = &words[i];
    if !word.has_letter() || word.has_digit() || word.is_one_of(TITLES) {
        return false;
    }
    let before = |n: usize| i.checked_sub(n).and_then(|at| words.get(at));
    if !word.is_capital() {
        // `Berg flew`: who writes names with capitals writes verbs without.
        let after_name = before(1).is_some_and(|w| w.is_capital() && w.has_letter());
        return word.person() >= SMALL_NAME_MIN && !after_name;
    }
    let titled = before(1).is_some_and(|w| w.is_one_of(TITLES))
        || (before(1).is_some_and(|w| w.text == ".") && before(2).is_some_and(|w| w.is_one_of(TITLES)));
    let inside = before(1).is_some_and(|w| w.has_letter() || w.text == ",");
    word.person() >= if titled || (inside && word.is_rare) { LIKELY_NAME_MIN } else { NAME_MIN }
}

/// The last word of the name that begins at `i`.
fn end_of(text: &str, words: &[Word<'_>], i: usize) -> usize {
    let capital = words[i].is_capital();
    let (mut last, mut next) = (i, i + 1);
    while next < words.len() && next <= last + 4 && !breaks(text, words[next - 1].end, words[next].start) {
        let word = &words[next];
        let least = if capital { BESIDE_NAME_MIN } else { SMALL_NAME_MIN };
        if word.has_letter() && !word.has_digit() && word.is_capital() == capital && word.person() >= least {
            last = next;
        } else if !word.is_one_of(PARTICLES) {
            break;
        }
        next += 1;
    }
    last
}

/// True if a name cannot go on over the text between two words.
fn breaks(text: &str, from: usize, to: usize) -> bool {
    text.get(from..to).is_none_or(|gap| gap.len() > 2 || gap.contains('\n'))
}

/// True if the words from `next` on make a company of the name before them.
pub(crate) fn is_company(text: &str, words: &[Word<'_>], next: usize) -> bool {
    // The form itself may have been taken for a name.
    if words.get(next - 1).is_some_and(|w| w.is_one_of(COMPANIES)) {
        return true;
    }
    let on_line = |n: usize| {
        let word = words.get(next + n)?;
        (!breaks(text, words[next + n - 1].end, word.start)).then_some(word)
    };
    let is = |n: usize, what: &str| on_line(n).is_some_and(|w| w.text.eq_ignore_ascii_case(what));
    on_line(0).is_some_and(|w| w.is_capital() && w.is_one_of(COMPANIES))
        || (is(0, "s") && is(1, ".") && is(2, "a"))
        || (is(0, "&") && is(1, "co"))
        || (is(0, "and") && (is(1, "sons") || is(1, "partners")))
        || (is(0, "et") && (is(1, "fils") || is(1, "associés")))
}

/// Drops the names in `A, B and C` where at least two are rather family names: people who are listed have given names,
/// firms do not.
fn drop_firms(words: &[Word<'_>], runs: &mut Vec<Range<usize>>) {
    let mut firms: Vec<Range<usize>> = Vec::new();
    for i in 0..words.len().saturating_sub(4) {
        let [a, comma, b, and, c] = &words[i..i + 5] else { continue };
        let joined = comma.text == "," && matches!(and.text, "and" | "und" | "et" | "&" | "y");
        let names = [a, b, c];
        let likely = names.iter().filter(|w| w.person() >= LIKELY_NAME_MIN).count() > 1;
        let surnames = names.iter().filter(|w| w.is_surname()).count() > 1;
        if joined && likely && surnames && names.iter().all(|w| w.is_capital() && w.has_letter()) {
            firms.push(i..i + 5);
        }
    }
    // A longer name that only touches the list is somebody.
    runs.retain(|run| !firms.iter().any(|firm| firm.start <= run.start && run.end <= firm.end));
}

#[cfg(test)]
mod tests {
    use super::{COMPANIES, PARTICLES, TITLES, people};
    use crate::spell::word;

    fn found(text: &str, of: &[(&'static str, f32)]) -> Vec<String> {
        let mut at = 0;
        let words: Vec<_> = of
            .iter()
            .map(|(part, person)| {
                let mut w = word(&text[at..], part, *person, 0.0);
                (w.start, w.end) = (w.start + at, w.end + at);
                at = w.end;
                w
            })
            .collect();
        people(text, &words).iter().map(|e| text[e.span.range()].to_owned()).collect()
    }

    #[test]
    fn lists_are_sorted() {
        assert!(PARTICLES.is_sorted() && TITLES.is_sorted() && COMPANIES.is_sorted());
    }

    #[test]
    fn words_join_over_particles_and_not_over_lines() {
        let text = "Noor van der Berg\nIda flew";
        let of = [("Noor", 0.9), ("van", 0.1), ("der", 0.1), ("Berg", 0.2), ("Ida", 0.9), ("flew", 0.95)];
        assert_eq!(found(text, &of), ["Noor van der Berg", "Ida"]);
        assert_eq!(found("to Kenya", &[("to", 0.0), ("Kenya", 0.9)]), Vec::<String>::new());
        assert_eq!(found("noor berg", &[("noor", 0.95), ("berg", 0.95)]), ["noor berg"]);
        assert_eq!(found("noor berg", &[("noor", 0.8), ("berg", 0.8)]), Vec::<String>::new());
    }

    #[test]
    fn titles_help_and_are_not_the_name() {
        assert_eq!(found("Dr. Berg", &[("Dr", 0.6), (".", 0.0), ("Berg", 0.25)]), ["Berg"]);
        assert_eq!(found("so. Berg", &[("so", 0.0), (".", 0.0), ("Berg", 0.25)]), Vec::<String>::new());
    }

    #[test]
    fn companies_are_not_people() {
        assert_eq!(found("Berg Inc", &[("Berg", 0.9), ("Inc", 0.0)]), Vec::<String>::new());
        assert_eq!(found("Berg PLC", &[("Berg", 0.9), ("PLC", 0.9)]), Vec::<String>::new());
        let firm = [("Berg", 0.9), (",", 0.0), ("Lund", 0.9), ("and", 0.0), ("Dahl", 0.9)];
        assert_eq!(found("Berg, Lund and Dahl", &firm), Vec::<String>::new());
        let people = [("Berg", 0.9), (",", 0.0), ("Lund", 0.9), ("and", 0.0), ("Dahl", 0.9), ("Vik", 0.9)];
        assert_eq!(found("Berg, Lund and Dahl Vik", &people), ["Dahl Vik"], "a whole name is somebody");
    }
}
