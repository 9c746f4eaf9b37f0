//! Cutting the pieces of a text into windows that the model takes.

use std::ops::Range;

use crate::limits::{OVERLAP_PIECES, WINDOW_PIECES};
use crate::token::Piece;

/// Windows over `pieces`: each at most [`WINDOW_PIECES`] long, all together covering every piece. A window ends at a line
/// or sentence end where its second half has one, and the next begins there; else they share some pieces.
pub(crate) fn windows(text: &str, pieces: &[Piece]) -> Vec<Range<usize>> {
    let (mut out, mut start) = (Vec::new(), 0);
    while start < pieces.len() {
        let end = (start + WINDOW_PIECES).min(pieces.len());
        if end == pieces.len() {
            out.push(start..end);
            break;
        }
        let half = start + WINDOW_PIECES / 2;
        let line = (half..end).rev().find(|i| gap(text, pieces, *i).contains('\n'));
        let stop = line.or_else(|| (half..end).rev().find(|i| ends_sentence(text, pieces, *i)));
        if let Some(stop) = stop {
            out.push(start..stop);
            start = stop;
            continue;
        }
        let end = word_start(pieces, half, end);
        out.push(start..end);
        start = word_start(pieces, start + 1, end - OVERLAP_PIECES);
    }
    out
}

/// The text between piece `i` and the one before it.
fn gap<'t>(text: &'t str, pieces: &[Piece], i: usize) -> &'t str {
    text.get(pieces[i - 1].end..pieces[i].start).unwrap_or_default()
}

fn ends_sentence(text: &str, pieces: &[Piece], i: usize) -> bool {
    matches!(&text[pieces[i - 1].start..pieces[i - 1].end], "." | "!" | "?" | "。") && !gap(text, pieces, i).is_empty()
}

/// The last beginning of a word in `from..=to`, or `to` if there is none.
fn word_start(pieces: &[Piece], from: usize, to: usize) -> usize {
    (from..=to).rev().find(|i| pieces[*i].word != pieces[*i - 1].word).unwrap_or(to)
}

#[cfg(test)]
mod tests {
    use super::{WINDOW_PIECES, windows};
    use crate::token::Piece;

    /// One piece for each byte that is not a space or line end.
    fn pieces(text: &str) -> Vec<Piece> {
        let letters = text.bytes().enumerate().filter(|(_, b)| !b.is_ascii_whitespace());
        let words = |at: usize| text[..at].split_whitespace().count() as u32;
        letters.map(|(start, _)| Piece { id: 0, start, end: start + 1, word: words(start) }).collect()
    }

    #[test]
    fn one_window_at_the_limit_two_past_it() {
        let text = "a ".repeat(WINDOW_PIECES);
        assert_eq!(windows(&text, &pieces(&text)), std::iter::once(0..WINDOW_PIECES).collect::<Vec<_>>());
        let text = "a ".repeat(WINDOW_PIECES + 1);
        assert_eq!(windows(&text, &pieces(&text)), [0..WINDOW_PIECES, WINDOW_PIECES - 24..WINDOW_PIECES + 1]);
        assert!(windows("", &[]).is_empty());
    }

    #[test]
    fn windows_end_at_lines_and_sentences() {
        let text = format!("{}\n{}", "a ".repeat(80), "b ".repeat(80));
        assert_eq!(windows(&text, &pieces(&text)), [0..80, 80..160]);
        let text = format!("{}. {}", "a ".repeat(80), "b ".repeat(80));
        assert_eq!(windows(&text, &pieces(&text)), [0..81, 81..161]);
    }

    proptest::proptest! {
        #[test]
        fn every_piece_is_in_a_window(text in "[ab .\\n]{0,900}") {
            let pieces = pieces(&text);
            let mut covered = 0;
            for w in windows(&text, &pieces) {
                assert!(w.start <= covered && w.end > covered && w.len() <= WINDOW_PIECES);
                covered = w.end;
            }
            assert_eq!(covered, pieces.len());
        }
    }
}
