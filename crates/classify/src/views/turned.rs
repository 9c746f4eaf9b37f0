//! Rot13 and reversal, told by common words that show when read so.

use casemate_finding::Span;

use super::{Reading, View};
use crate::text::Mapped;

/// Disguised common words in a text before it is read that way: one may be chance.
const WORDS_MIN: usize = 2;

pub(super) fn read(view: &View) -> Vec<(Reading, Mapped)> {
    let rot13 = view.known.iter().filter(|k| k.is_rot13()).count();
    let reversed = view.known.iter().filter(|k| k.is_reversed()).count();
    let text = view.text.text();
    let mut out = Vec::new();
    if rot13 >= WORDS_MIN {
        let mut turned = Mapped::with_capacity(text.len());
        for (i, c) in text.char_indices() {
            let c2 = if c.is_ascii_lowercase() { char::from((c as u8 - b'a' + 13) % 26 + b'a') } else { c };
            turned.push(c2, Span::new(i, i + c.len_utf8()));
        }
        out.push((Reading::Rot13, turned));
    }
    if reversed >= WORDS_MIN {
        out.push((Reading::Reversed, backwards(text, 0, text.len(), Mapped::with_capacity(text.len()))));
        let mut words = Mapped::with_capacity(text.len());
        let mut at = 0;
        for w in &view.words {
            let (start, end) = (w.start as usize, w.end as usize);
            for (i, c) in text.get(at..start).unwrap_or_default().char_indices() {
                words.push(c, Span::new(at + i, at + i + c.len_utf8()));
            }
            words = backwards(text, start, end, words);
            at = end;
        }
        out.push((Reading::WordsReversed, words));
    }
    out
}

fn backwards(text: &str, from: usize, to: usize, mut out: Mapped) -> Mapped {
    for (i, c) in text.get(from..to).unwrap_or_default().char_indices().rev() {
        out.push(c, Span::new(from + i, from + i + c.len_utf8()));
    }
    out
}
