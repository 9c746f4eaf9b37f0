//! Rot13 and reversal, told by common words that show when read so. Only the stretch of the text that is disguised is read:
//! prose turned round is gibberish, and says nothing.

use casemate_finding::Span;

use super::{Reading, View};
use crate::text::{Mapped, lexicon::Known};

/// Disguised common words in a stretch, beyond the words in clear among them, before it is read that way: one may be chance.
const WORDS_MIN: i32 = 2;
/// Words of a stretch for each disguised common word in it, at most: of running text a third to a half is common words, of a request with an
/// optimised suffix a sixth; among the names of a program a few look like one by chance.
const WORDS_TO_ONE_MAX: usize = 8;

pub(super) fn read(view: &View) -> Vec<(Reading, Mapped)> {
    let mut out = Vec::new();
    if let Some(span) = stretch(view, Known::is_rot13) {
        let mut turned = Mapped::with_capacity(span.len());
        for (i, c) in view.text.text().get(span.range()).unwrap_or_default().char_indices() {
            let c2 = if c.is_ascii_lowercase() { char::from((c as u8 - b'a' + 13) % 26 + b'a') } else { c };
            turned.push(c2, Span::new(span.start + i, span.start + i + c.len_utf8()));
        }
        out.push((Reading::Rot13, turned));
    }
    if let Some(span) = stretch(view, Known::is_reversed) {
        let text = view.text.text();
        out.push((Reading::Reversed, backwards(text, span.start, span.end, Mapped::with_capacity(span.len()))));
        let mut words = Mapped::with_capacity(span.len());
        let mut at = span.start;
        for w in view.words.iter().filter(|w| span.start <= w.start as usize && w.end as usize <= span.end) {
            let (start, end) = (w.start as usize, w.end as usize);
            words.keep(text, at, start);
            words = backwards(text, start, end, words);
            at = end;
        }
        out.push((Reading::WordsReversed, words));
    }
    out
}

/// The stretch with most disguised words beyond words in clear (Kadane's maximal segment), and the words around it that are
/// in neither form.
fn stretch(view: &View, disguised: impl Fn(Known) -> bool) -> Option<Span> {
    let (mut best, mut best_words) = (0, (0, 0));
    let (mut sum, mut from) = (0, 0);
    for (i, &known) in view.known.iter().enumerate() {
        if sum <= 0 {
            (sum, from) = (0, i);
        }
        sum += i32::from(disguised(known)) - i32::from(known.is_common());
        if sum > best {
            (best, best_words) = (sum, (from, i));
        }
    }
    if best < WORDS_MIN {
        return None;
    }
    let (mut first, mut last) = best_words;
    while first > 0 && !view.known[first - 1].is_common() {
        first -= 1;
    }
    while last + 1 < view.known.len() && !view.known[last + 1].is_common() {
        last += 1;
    }
    let count = view.known[first..=last].iter().filter(|k| disguised(**k)).count();
    if count * WORDS_TO_ONE_MAX < last + 1 - first {
        return None;
    }
    Some(Span::new(view.words[first].start as usize, view.words[last].end as usize))
}

fn backwards(text: &str, from: usize, to: usize, mut out: Mapped) -> Mapped {
    for (i, c) in text.get(from..to).unwrap_or_default().char_indices().rev() {
        out.push(c, Span::new(from + i, from + i + c.len_utf8()));
    }
    out
}
