//! Leet: digits and signs inside words for the letters that they look like.

use casemate_finding::Span;

use super::View;
use crate::text::{Mapped, lexicon};

/// Words that must change before a view is made, and of which at least one must be known after the change.
const WORDS_MIN: usize = 2;
/// Shortest word that counts as known: `h1`, `r3` and `u8` are names in code.
const KNOWN_BYTES_MIN: usize = 3;

pub(super) fn read(view: &View) -> Option<Mapped> {
    let text = view.text.text();
    let mut word = String::new();
    let (mut changed, mut known) = (0, 0);
    for (_, raw) in leet_words(text.as_bytes()) {
        changed += 1;
        known += usize::from(spell(raw, &mut word));
    }
    if changed < WORDS_MIN || known == 0 {
        return None;
    }
    let mut out = Mapped::with_capacity(text.len());
    let mut done = 0;
    let keep = |from: usize, to: usize, out: &mut Mapped| {
        for (i, c) in text[from..to].char_indices() {
            out.push(c, Span::new(from + i, from + i + c.len_utf8()));
        }
    };
    for (at, raw) in leet_words(text.as_bytes()) {
        keep(done, at, &mut out);
        spell(raw, &mut word);
        for (i, c) in word.chars().enumerate() {
            out.push(c, Span::new(at + i, at + i + 1));
        }
        done = at + raw.len();
    }
    keep(done, text.len(), &mut out);
    Some(out)
}

/// The words in leet, and where they begin.
fn leet_words(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let rest = &bytes[at..];
            let start = at + rest.iter().position(|b| in_leet_word(*b))?;
            let run = &bytes[start..];
            let run = &run[..run.iter().position(|b| !in_leet_word(*b)).unwrap_or(run.len())];
            at = start + run.len();
            // `hello!` ends a sentence, `println!` is called.
            let raw = &run[..run.iter().rposition(|b| *b != b'!').map_or(0, |last| last + 1)];
            if is_leet(raw) {
                return Some((start, raw));
            }
        }
        None
    })
}

/// Writes the word in letters; true if it is known then. `1` is an i or an l: the one that makes a known word, else an i.
fn spell(raw: &[u8], word: &mut String) -> bool {
    let mut known_with = |one: u8| {
        word.clear();
        word.extend(raw.iter().map(|&b| char::from(substitute(b, one).unwrap_or(b))));
        word.len() >= KNOWN_BYTES_MIN && lexicon::look_up(word).is_common()
    };
    known_with(b'i') || known_with(b'l') || {
        known_with(b'i');
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
