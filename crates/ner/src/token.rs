//! WordPiece with places: what BERT's uncased tokenizer does (clean, split, strip accents, lower-case, longest piece
//! first), keeping for each piece the bytes of the text that it stands for.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use crate::limits::WORD_CHARS_MAX;

/// The piece that stands for what is not in the vocabulary.
const UNKNOWN: &str = "[UNK]";

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: u32,
    /// Bytes of the text that it stands for.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Number of the word that it is part of, counted from 0.
    pub(crate) word: u32,
}

/// Why a vocabulary cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PiecesError {
    #[error("is not UTF-8")]
    Encoding,
    #[error("has no piece {0}")]
    Missing(&'static str),
    #[error("has a piece twice")]
    Twice,
}

/// The pieces and their numbers.
pub(crate) struct Tokenizer {
    ids: HashMap<Box<str>, u32>,
    unknown: u32,
    pub(crate) begin: u32,
    pub(crate) end: u32,
}

/// Marks that are stripped, other characters that are dropped, and punctuation: Unicode's classes beyond ASCII.
static NONSPACING: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{Mn}$").expect("a constant"));
static OTHER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{C}$").expect("a constant"));
static PUNCTUATION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^\p{P}$").expect("a constant"));

fn in_class(class: &Regex, c: char) -> bool {
    class.is_match(c.encode_utf8(&mut [0; 4]))
}

/// Punctuation as BERT counts it: all of ASCII's, so `$` and `+` too.
fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { in_class(&PUNCTUATION, c) }
}

/// Dropped before anything else.
fn is_dropped(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        '\u{fffd}' => true,
        c if c.is_ascii() => c.is_ascii_control(),
        c => in_class(&OTHER, c),
    }
}

/// The blocks of ideographs that stand alone as words.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x2_0000..=0x2_a6df | 0x2_a700..=0x2_b73f | 0x2_b740..=0x2_b81f
        | 0x2_b920..=0x2_ceaf | 0xf900..=0xfaff | 0x2_f800..=0x2_fa1f)
}

/// A character after normalisation, with the bytes of the one that it comes from.
#[derive(Clone, Copy)]
struct Letter {
    c: char,
    start: usize,
    end: usize,
}

impl Tokenizer {
    /// Reads `vocab.txt`: a piece on each line, its number the line's.
    pub(crate) fn read(file: &[u8]) -> Result<Self, PiecesError> {
        let text = std::str::from_utf8(file).map_err(|_| PiecesError::Encoding)?;
        let mut ids = HashMap::new();
        for (id, line) in (0_u32..).zip(text.lines()) {
            if ids.insert(Box::from(line), id).is_some() {
                return Err(PiecesError::Twice);
            }
        }
        let find = |piece: &'static str| ids.get(piece).copied().ok_or(PiecesError::Missing(piece));
        Ok(Self { unknown: find(UNKNOWN)?, begin: find("[CLS]")?, end: find("[SEP]")?, ids })
    }

    /// Number of pieces.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The pieces of a text.
    pub(crate) fn pieces(&self, text: &str) -> Vec<Piece> {
        let mut out = Vec::with_capacity(text.len() / 4);
        let (mut word, mut count): (Vec<Letter>, u32) = (Vec::new(), 0);
        for (start, c) in text.char_indices() {
            let end = start + c.len_utf8();
            if is_dropped(c) {
                continue;
            }
            if c.is_whitespace() {
                self.finish(&mut word, &mut count, &mut out);
            } else if c.is_ascii() && !c.is_ascii_punctuation() {
                word.push(Letter { c: c.to_ascii_lowercase(), start, end });
            } else if is_ideograph(c) {
                self.finish(&mut word, &mut count, &mut out);
                word.extend(std::iter::once(c).nfd().map(|c| Letter { c, start, end }));
                self.finish(&mut word, &mut count, &mut out);
            } else {
                for c in std::iter::once(c).nfd().filter(|c| c.is_ascii() || !in_class(&NONSPACING, *c)) {
                    if is_punctuation(c) {
                        self.finish(&mut word, &mut count, &mut out);
                        word.push(Letter { c, start, end });
                        self.finish(&mut word, &mut count, &mut out);
                    } else {
                        word.extend(c.to_lowercase().map(|c| Letter { c, start, end }));
                    }
                }
            }
        }
        self.finish(&mut word, &mut count, &mut out);
        out
    }

    /// Splits a word into the longest pieces from its left; if that fails anywhere, the word is one unknown piece.
    fn finish(&self, word: &mut Vec<Letter>, count: &mut u32, out: &mut Vec<Piece>) {
        let (Some(first), Some(last)) = (word.first(), word.last()) else { return };
        let whole = Piece { id: self.unknown, start: first.start, end: last.end, word: *count };
        let before = out.len();
        let mut from = 0;
        let mut name = String::new();
        while word.len() <= WORD_CHARS_MAX && from < word.len() {
            name.clear();
            if from > 0 {
                name.push_str("##");
            }
            name.extend(word[from..].iter().map(|l| l.c));
            let mut to = word.len();
            let found = loop {
                if let Some(id) = self.ids.get(name.as_str()) {
                    break Some(*id);
                }
                name.pop();
                to -= 1;
                if to == from {
                    break None;
                }
            };
            let Some(id) = found else { break };
            out.push(Piece { id, start: word[from].start, end: word[to - 1].end, word: *count });
            from = to;
        }
        if from < word.len() {
            out.truncate(before);
            out.push(whole);
        }
        *count += 1;
        word.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{PiecesError, Tokenizer};

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nnoor\nlind\n##q\n##vist\n,\ntromsø\nstrasse\n東\ne\n";

    fn shown(text: &str) -> Vec<(u32, &str, u32)> {
        let tokenizer = Tokenizer::read(VOCABULARY.as_bytes()).expect("reads");
        tokenizer.pieces(text).iter().map(|p| (p.id, &text[p.start..p.end], p.word)).collect()
    }

    #[test]
    fn longest_piece_first_with_places() {
        assert_eq!(
            shown("Noor LINDQVIST, noor"),
            [(5, "Noor", 0), (6, "LIND", 1), (7, "Q", 1), (8, "VIST", 1), (9, ",", 2), (5, "noor", 3)]
        );
        assert_eq!(shown("lindx"), [(1, "lindx", 0)], "what has no piece is unknown as a whole");
        assert_eq!(shown(" \u{0}\u{200b}"), []);
    }

    #[test]
    fn accents_fall_and_letters_stay() {
        assert_eq!(shown("Nóor"), [(5, "Nóor", 0)]);
        assert_eq!(shown("TROMSØ"), [(10, "TROMSØ", 0)]);
        assert_eq!(shown("東東"), [(12, "東", 0), (12, "東", 1)]);
        assert_eq!(shown("e\u{301}"), [(13, "e", 0)], "a mark of its own belongs to no piece");
    }

    #[test]
    fn long_words_are_unknown() {
        let (at, past) = ("e".repeat(100), "e".repeat(101));
        let tokenizer = Tokenizer::read(format!("{VOCABULARY}##e\n").as_bytes()).expect("reads");
        assert_eq!(tokenizer.pieces(&at).len(), 100);
        assert_eq!(tokenizer.pieces(&past).len(), 1);
    }

    #[test]
    fn a_vocabulary_without_its_marks_is_refused() {
        assert_eq!(Tokenizer::read(b"a\nb").err(), Some(PiecesError::Missing("[UNK]")));
        assert_eq!(Tokenizer::read(b"a\na").err(), Some(PiecesError::Twice));
        assert_eq!(Tokenizer::read(b"\xff").err(), Some(PiecesError::Encoding));
    }

    proptest::proptest! {
        #[test]
        fn pieces_lie_in_order_inside_the_text(text in "\\PC{0,80}") {
            let tokenizer = Tokenizer::read(VOCABULARY.as_bytes()).expect("reads");
            let mut last = 0;
            for p in tokenizer.pieces(&text) {
                assert!(p.start >= last && p.start < p.end && text.get(p.start..p.end).is_some());
                last = p.start;
            }
        }
    }
}
