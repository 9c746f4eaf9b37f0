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
    if !text.bytes().any(|b| substitute(b, b'i').is_some()) {
        return None;
    }
    let mut out = Mapped::with_capacity(text.len());
    let (mut changed, mut known, mut at) = (0, 0, 0);
    let mut word = String::new();
    while let Some(rest) = text.get(at..).filter(|r| !r.is_empty()) {
        let len = rest.bytes().position(|b| !in_leet_word(b)).unwrap_or(rest.len());
        if len == 0 {
            let c = rest.chars().next().unwrap_or(' ');
            out.push(c, Span::new(at, at + c.len_utf8()));
            at += c.len_utf8();
            continue;
        }
        let raw = &rest.as_bytes()[..len];
        // `hello!` ends a sentence, `println!` is called.
        let raw = &raw[..raw.iter().rposition(|b| *b != b'!').map_or(0, |last| last + 1)];
        if is_leet(raw) {
            let known_with = |one: u8, word: &mut String| {
                word.clear();
                word.extend(raw.iter().map(|&b| char::from(substitute(b, one).unwrap_or(b))));
                word.len() >= KNOWN_BYTES_MIN && lexicon::look_up(word).is_common()
            };
            // `1` is an i or an l: the one that makes a known word, else an i.
            let hit = known_with(b'i', &mut word) || known_with(b'l', &mut word) || {
                known_with(b'i', &mut word);
                false
            };
            changed += 1;
            known += usize::from(hit);
            for (i, c) in word.chars().enumerate() {
                out.push(c, Span::new(at + i, at + i + 1));
            }
        } else {
            for (i, &b) in raw.iter().enumerate() {
                out.push(char::from(b), Span::new(at + i, at + i + 1));
            }
        }
        at += raw.len();
        for _ in raw.len()..len {
            out.push('!', Span::new(at, at + 1));
            at += 1;
        }
    }
    (changed >= WORDS_MIN && known > 0).then_some(out)
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
