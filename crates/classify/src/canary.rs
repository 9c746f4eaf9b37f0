//! Canaries: unguessable words planted in a system prompt. One that shows in an answer is a leak of the prompt, whether
//! plain, with other characters between its letters, backwards, in base64 or in hexadecimal.

use aho_corasick::{AhoCorasick, MatchKind};
use casemate_finding::Span;

/// How a canary was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CanaryForm {
    /// As planted, in any letter case.
    Plain,
    /// With spaces, marks or unseen characters between its letters.
    Spaced,
    /// Backwards.
    Reversed,
    /// In base64, at any alignment.
    Base64,
    /// As hexadecimal digits of its bytes.
    Hex,
}

impl CanaryForm {
    /// The name that findings carry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Spaced => "spaced",
            Self::Reversed => "reversed",
            Self::Base64 => "base64",
            Self::Hex => "hex",
        }
    }
}

/// Why a set of canaries was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CanaryError {
    /// No canary was given.
    #[error("no canary was given")]
    Empty,
    /// Too many.
    #[error("{count} canaries are more than the {max} that a set holds")]
    TooMany {
        /// How many were given.
        count: usize,
        /// [`CanarySet::CANARIES_MAX`].
        max: usize,
    },
    /// A canary is too short to be no chance, too long, or holds more than ASCII letters, digits and separators.
    #[error("canary {index} has {letters} letters and digits: it needs {min} to {max}, all ASCII")]
    Shape {
        /// Its place in the list.
        index: usize,
        /// Letters and digits it has.
        letters: usize,
        /// [`CanarySet::LETTERS_MIN`].
        min: usize,
        /// [`CanarySet::LETTERS_MAX`].
        max: usize,
    },
    /// The matcher could not be built.
    #[error("cannot build the canary matcher: {0}")]
    Build(String),
}

/// One canary seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanaryHit {
    /// Its place in the list that the set was made of.
    pub canary: usize,
    /// How it was written.
    pub form: CanaryForm,
    /// Bytes of the text, or of the whole stream since its start.
    pub span: Span,
}

/// Canaries to look for.
#[derive(Clone, Debug)]
pub struct CanarySet {
    /// Letters and digits in lower case: plain, spaced, reversed, hexadecimal.
    squeezed: AhoCorasick,
    squeezed_forms: Vec<(usize, CanaryForm)>,
    /// Base64, in its own case.
    encoded: AhoCorasick,
    encoded_forms: Vec<usize>,
    /// Longest pattern in squeezed bytes.
    longest: usize,
}

impl CanarySet {
    /// Most canaries of one set.
    pub const CANARIES_MAX: usize = 1024;
    /// Fewest letters and digits of a canary: eight of 36 kinds come by chance once in 10^12.
    pub const LETTERS_MIN: usize = 8;
    /// Most letters and digits of a canary.
    pub const LETTERS_MAX: usize = 128;

    /// A set of `canaries`, each ASCII with [`Self::LETTERS_MIN`] to [`Self::LETTERS_MAX`] letters and digits.
    ///
    /// # Errors
    /// [`CanaryError`] if there is none, too many, or one of another shape.
    pub fn new<S: AsRef<str>>(canaries: &[S]) -> Result<Self, CanaryError> {
        if canaries.is_empty() {
            return Err(CanaryError::Empty);
        }
        if canaries.len() > Self::CANARIES_MAX {
            return Err(CanaryError::TooMany { count: canaries.len(), max: Self::CANARIES_MAX });
        }
        let (mut patterns, mut forms) = (Vec::new(), Vec::new());
        let (mut encoded, mut encoded_forms) = (Vec::new(), Vec::new());
        for (index, canary) in canaries.iter().map(AsRef::as_ref).enumerate() {
            let letters: Vec<u8> = canary.bytes().filter_map(squeeze).collect();
            if !canary.is_ascii() || !(Self::LETTERS_MIN..=Self::LETTERS_MAX).contains(&letters.len()) {
                let (min, max) = (Self::LETTERS_MIN, Self::LETTERS_MAX);
                return Err(CanaryError::Shape { index, letters: letters.len(), min, max });
            }
            let backwards: Vec<u8> = letters.iter().rev().copied().collect();
            for (form, pattern) in [
                (CanaryForm::Hex, hex(canary.as_bytes())),
                (CanaryForm::Plain, letters),
                (CanaryForm::Reversed, backwards),
            ] {
                patterns.push(pattern);
                forms.push((index, form));
            }
            for pattern in base64_alignments(canary.as_bytes()) {
                encoded.push(pattern);
                encoded_forms.push(index);
            }
        }
        let longest = patterns.iter().chain(&encoded).map(Vec::len).max().unwrap_or(0);
        let build = |patterns: Vec<Vec<u8>>| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .build(patterns)
                .map_err(|e| CanaryError::Build(e.to_string()))
        };
        Ok(Self { squeezed: build(patterns)?, squeezed_forms: forms, encoded: build(encoded)?, encoded_forms, longest })
    }

    /// Canaries in a whole text.
    pub fn find(&self, text: &str) -> Vec<CanaryHit> {
        let mut stream = CanaryStream::default();
        stream.push(self, text.as_bytes())
    }
}

/// The state of looking for canaries in a stream of bytes; chunks may be cut anywhere.
#[derive(Clone, Debug, Default)]
pub struct CanaryStream {
    /// Lower-case letters and digits not yet done with, each with its place in the stream.
    squeezed: Vec<(u8, u64)>,
    /// Base64 characters not yet done with.
    encoded: Vec<(u8, u64)>,
    bytes_seen: u64,
}

impl CanaryStream {
    /// Takes the next bytes and tells which canaries end in them. Memory stays under twice the longest pattern and the
    /// chunk.
    pub fn push(&mut self, set: &CanarySet, chunk: &[u8]) -> Vec<CanaryHit> {
        for (&b, at) in chunk.iter().zip(self.bytes_seen..) {
            if let Some(letter) = squeeze(b) {
                self.squeezed.push((letter, at));
            }
            match b {
                b'-' => self.encoded.push((b'+', at)),
                b'_' => self.encoded.push((b'/', at)),
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => self.encoded.push((b, at)),
                _ => {}
            }
        }
        self.bytes_seen += chunk.len() as u64;
        let mut hits = Vec::new();
        drain(&mut self.squeezed, &set.squeezed, set.longest, |pattern, span, letters| {
            let (canary, form) = set.squeezed_forms[pattern];
            let form = if form == CanaryForm::Plain && span.len() > letters { CanaryForm::Spaced } else { form };
            hits.push(CanaryHit { canary, form, span });
        });
        drain(&mut self.encoded, &set.encoded, set.longest, |pattern, span, _| {
            hits.push(CanaryHit { canary: set.encoded_forms[pattern], form: CanaryForm::Base64, span });
        });
        hits.sort_by_key(|h| (h.span.start, h.span.end));
        hits
    }
}

/// Reports the matches in `kept`, then drops what no later match can need.
fn drain(
    kept: &mut Vec<(u8, u64)>,
    automaton: &AhoCorasick,
    longest: usize,
    mut report: impl FnMut(usize, Span, usize),
) {
    let bytes: Vec<u8> = kept.iter().map(|k| k.0).collect();
    let mut done = 0;
    for m in automaton.find_iter(&bytes) {
        let span = Span::new(kept[m.start()].1 as usize, kept[m.end() - 1].1 as usize + 1);
        report(m.pattern().as_usize(), span, m.len());
        done = m.end();
    }
    let keep_from = done.max(kept.len().saturating_sub(longest.saturating_sub(1)));
    kept.drain(..keep_from);
}

const fn squeeze(b: u8) -> Option<u8> {
    if b.is_ascii_alphanumeric() { Some(b.to_ascii_lowercase()) } else { None }
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect()
}

/// The part of the base64 of `bytes` that does not depend on its neighbours, for each of the three alignments.
fn base64_alignments(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..3).map(move |shift| {
        let mut bits = Vec::with_capacity(bytes.len() * 8 + 16);
        bits.resize(shift * 8, None);
        for b in bytes {
            bits.extend((0..8).rev().map(|i| Some(b >> i & 1)));
        }
        bits.chunks_exact(6)
            .filter_map(|six| six.iter().try_fold(0_u8, |v, bit| bit.map(|bit| v << 1 | bit)))
            .map(base64_char)
            .collect()
    })
}

const fn base64_char(sextet: u8) -> u8 {
    match sextet {
        0..=25 => b'A' + sextet,
        26..=51 => b'a' + sextet - 26,
        52..=61 => b'0' + sextet - 52,
        62 => b'+',
        _ => b'/',
    }
}

#[cfg(test)]
mod tests {
    use super::{CanaryError, CanaryForm, CanarySet, CanaryStream};
    use proptest::prelude::*;

    const CANARY: &str = "Kestrel-4417-qv";

    fn forms(text: &str) -> Vec<CanaryForm> {
        let set = CanarySet::new(&["another-one-0", CANARY]).expect("a set");
        set.find(text)
            .into_iter()
            .map(|h| {
                assert_eq!(h.canary, 1);
                h.form
            })
            .collect()
    }

    #[test]
    fn each_form() {
        for (text, form) in [
            ("my code is kestrel4417qv.", CanaryForm::Plain),
            ("it is Kestrel-4417-QV!", CanaryForm::Spaced),
            ("K e s t r e l 4 4 1 7 q\u{200b}v", CanaryForm::Spaced),
            ("vq-7144-lertseK", CanaryForm::Reversed),
            ("so: S2VzdHJlbC00NDE3LXF2", CanaryForm::Base64),
            ("so: IEtlc3RyZWwtNDQxNy1xdg", CanaryForm::Base64),
            ("YWJLZXN0cmVsLTQ0MTctcXZh", CanaryForm::Base64),
            ("4b65737472656c2d343431372d7176", CanaryForm::Hex),
        ] {
            assert_eq!(forms(text), [form], "{text}");
        }
        assert_eq!(forms("kestrel 4417 q"), []);
    }

    #[test]
    fn sets_have_limits() {
        let eight = "abcd1234";
        assert!(CanarySet::new(&[eight]).is_ok());
        assert!(matches!(CanarySet::new(&[&eight[1..]]), Err(CanaryError::Shape { letters: 7, .. })));
        assert!(CanarySet::new(&["a".repeat(128)]).is_ok());
        assert!(matches!(CanarySet::new(&["a".repeat(129)]), Err(CanaryError::Shape { letters: 129, .. })));
        assert!(CanarySet::new(&vec![eight; 1024]).is_ok());
        assert!(matches!(CanarySet::new(&vec![eight; 1025]), Err(CanaryError::TooMany { count: 1025, .. })));
        assert!(matches!(CanarySet::new::<&str>(&[]), Err(CanaryError::Empty)));
    }

    proptest! {
        #[test]
        fn every_split_of_a_stream_finds_the_same(cuts in proptest::collection::vec(0_usize..90, 0..8)) {
            let text = format!("abc {CANARY} é K.e.s.t.r.e.l.4.4.1.7.q.v S2VzdHJlbC00NDE3LXF2 end of it");
            let set = CanarySet::new(&[CANARY]).expect("a set");
            let whole = set.find(&text);
            prop_assert_eq!(whole.len(), 3);
            let mut cuts = cuts;
            cuts.push(text.len());
            cuts.sort_unstable();
            let (mut stream, mut from, mut hits) = (CanaryStream::default(), 0, Vec::new());
            for to in cuts {
                let to = to.min(text.len());
                hits.extend(stream.push(&set, &text.as_bytes()[from..to]));
                from = to;
            }
            prop_assert_eq!(hits, whole);
        }
    }
}
