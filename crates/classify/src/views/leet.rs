//! Leet: digits and signs inside words for the letters that they look like.

use casemate_finding::Span;

use super::View;
use crate::text::{Mapped, Patches, lexicon};

/// Words that must change before a view is made, and of which at least one must be known after the change.
const WORDS_MIN: usize = 2;
/// Shortest word that counts as known: `h1`, `r3` and `u8` are names in code.
const KNOWN_BYTES_MIN: usize = 3;
/// Of so many ones in a word both letters are tried: `w111` is `will`.
const ONES_MAX: usize = 4;
/// Small words that are all stand-ins, but for the s of a genitive.
const SMALL: &[&str] = &["a", "i", "s", "t", "is", "it", "its", "at", "as", "to", "so", "too"];
/// Longest number, or word that ends in digits, that is read beside a word in leet.
const BESIDE_WORD_MAX: usize = 8;
/// Bytes between it and that word.
const BESIDE: usize = 12;

/// The words of the view in letters, and so much around them.
pub(super) fn read(view: &View, reach: usize) -> Option<Mapped> {
    let text = view.text.text();
    let mut word = String::new();
    let mut patches = Patches::default();
    let mut known = 0;
    let (mut numbers, mut last_leet) = (Vec::new(), None);
    for (at, raw) in candidates(text.as_bytes()) {
        let leet = is_leet(raw);
        if !leet {
            numbers.push((at, raw));
            continue;
        }
        // `7h3 4 15 w111`: what stands beside leet may be a word, if it is a known one then.
        for (number, digits) in numbers.drain(..) {
            let near = last_leet.is_some_and(|end| number - end <= BESIDE) || at - number <= BESIDE;
            if near && spell(digits, &mut word) {
                patch(&mut patches, number, digits, &word);
            }
        }
        known += usize::from(spell(raw, &mut word) && word.len() >= KNOWN_BYTES_MIN);
        patch(&mut patches, at, raw, &word);
        last_leet = Some(at + raw.len());
    }
    for (number, digits) in numbers {
        if last_leet.is_some_and(|end| number - end <= BESIDE) && spell(digits, &mut word) {
            patch(&mut patches, number, digits, &word);
        }
    }
    (patches.count() >= WORDS_MIN && known > 0).then(|| patches.near(text, reach))
}

fn patch(patches: &mut Patches, at: usize, raw: &[u8], word: &str) {
    word.chars().enumerate().for_each(|(i, c)| patches.push(c, Span::new(at + i, at + i + 1)));
    patches.close(Span::new(at, at + raw.len()));
}

/// The words in leet and the short numbers and words that end in digits, and where they begin. Only a word with a stand-in can be one.
fn candidates(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(found) = bytes.get(at..)?.iter().position(|b| STAND_IN[usize::from(*b)]) {
            let (before, after) = bytes.split_at(at + found);
            let start = at + before[at..].iter().rposition(|b| !in_leet_word(*b)).map_or(0, |last| last + 1);
            at += found + after.iter().position(|b| !in_leet_word(*b)).unwrap_or(after.len());
            let run = &bytes[start..at];
            // `hello!` ends a sentence, `println!` is called.
            let raw = &run[..run.iter().rposition(|b| *b != b'!').map_or(0, |last| last + 1)];
            if is_leet(raw) || (1..=BESIDE_WORD_MAX).contains(&raw.len()) {
                return Some((start, raw));
            }
        }
        None
    })
}

const STAND_IN: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = substitute(b as u8, b'i').is_some();
        b += 1;
    }
    table
};

/// Writes the word in letters; true if it is known then. Each `1` is an i or an l: as they make a known word, else i.
fn spell(raw: &[u8], word: &mut String) -> bool {
    let ones = raw.iter().filter(|b| **b == b'1').count().min(ONES_MAX) as u32;
    let mut spelled = |choice: u32| {
        let mut one = 0;
        word.clear();
        word.extend(raw.iter().map(|&b| {
            let l = choice >> one & 1 == 1;
            one += u32::from(b == b'1' && one + 1 < u32::BITS);
            char::from(substitute(b, if l { b'l' } else { b'i' }).unwrap_or(b))
        }));
        SMALL.contains(&word.as_str()) || word.len() >= KNOWN_BYTES_MIN && lexicon::look_up(word).is_common()
    };
    (0..1 << ones).any(&mut spelled) || {
        spelled(0);
        false
    }
}

const fn in_leet_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'@' | b'$' | b'!' | b'|' | b'+')
}

/// A word with both letters and stand-ins, where some stand-in is not just a number or a mark at the end.
fn is_leet(raw: &[u8]) -> bool {
    let letters = raw.iter().filter(|b| b.is_ascii_lowercase()).count();
    let stand_ins = raw.iter().filter(|b| substitute(**b, b'i').is_some()).count();
    let trailing = raw.iter().rev().take_while(|b| !b.is_ascii_lowercase()).count();
    letters > 0 && stand_ins > trailing.min(if trailing == 1 { 0 } else { trailing }) && raw.len() >= 2
        || letters == 0 && raw.len() >= 3 && raw.iter().any(|b| !b.is_ascii_digit()) && stand_ins == raw.len()
}

const fn substitute(b: u8, one: u8) -> Option<u8> {
    Some(match b {
        b'0' => b'o',
        b'1' => one,
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'6' | b'9' => b'g',
        b'7' | b'+' => b't',
        b'8' => b'b',
        b'!' => b'i',
        b'|' => b'l',
        _ => return None,
    })
}
