//! Hashed features of a view: word 1- to 3-grams and character 3- to 5-grams, in the order of the text, so that any run of
//! words has a run of features; and the blocks (sentences) that windows are made of.

use crate::views::View;

/// Tables have at most this many bits of index; smaller tables drop the high ones.
pub const TABLE_BITS_MAX: u32 = 19;
/// Longest block in words: a text without full stops is cut there.
const BLOCK_WORDS_MAX: usize = 32;

/// A sentence or a piece of one, by its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// First word.
    pub start: usize,
    /// One past the last word.
    pub end: usize,
}

/// Features of one view.
#[derive(Clone, Debug, Default)]
pub struct Features {
    /// Indices of [`TABLE_BITS_MAX`] bits.
    indices: Vec<u32>,
    /// For each word, how many indices stand before its own; one more entry at the end.
    word_starts: Vec<u32>,
    /// Sentences.
    blocks: Vec<Block>,
}

impl Features {
    /// Computes the features of `view`.
    pub fn of(view: &View) -> Self {
        let text = view.text.text().as_bytes();
        let mut this = Self {
            indices: Vec::with_capacity(text.len() * 3 + view.words.len() * 3 + 8),
            word_starts: Vec::with_capacity(view.words.len() + 1),
            blocks: Vec::with_capacity(view.words.len() / 12 + 1),
        };
        let (mut one, mut two) = (0_u64, 0_u64);
        let mut window = 0x20_u64;
        let mut seen = 0;
        let mut block_start = 0;
        for (i, word) in view.words.iter().enumerate() {
            let end = view.words.get(i + 1).map_or(text.len(), |next| next.start as usize);
            let start = if i == 0 { 0 } else { word.start as usize };
            this.word_starts.push(this.indices.len() as u32);
            let hash = word.hash;
            this.push(index(hash ^ 0x57));
            if i > block_start {
                this.push(index(hash.wrapping_add(one.rotate_left(17)) ^ 0x58));
            }
            if i > block_start + 1 {
                this.push(index(hash.wrapping_add(one.rotate_left(17)).wrapping_add(two.rotate_left(34)) ^ 0x59));
            }
            (two, one) = (one, hash);
            for &b in &text[start..end] {
                let c = SHOWN[usize::from(b)];
                if c == b' ' && window & 0xff == 0x20 {
                    continue;
                }
                window = window << 8 | u64::from(c);
                seen += 1;
                if seen >= 2 {
                    this.push(index(window & 0xff_ffff));
                }
                if seen >= 3 {
                    this.push(index(window & 0xffff_ffff));
                }
                if seen >= 4 {
                    this.push(index(window & 0xff_ffff_ffff));
                }
            }
            if ends_sentence(&text[word.end as usize..end])
                || i + 1 - block_start >= BLOCK_WORDS_MAX
                || i + 1 == view.words.len()
            {
                this.blocks.push(Block { start: block_start, end: i + 1 });
                block_start = i + 1;
                // Character n-grams do not run over sentences: a window then has the features it has alone.
                window = 0x20;
                seen = 0;
            }
        }
        this.word_starts.push(this.indices.len() as u32);
        this
    }

    fn push(&mut self, index: u32) {
        self.indices.push(index);
    }

    /// All indices.
    pub fn all(&self) -> &[u32] {
        &self.indices
    }

    /// The indices of words `start..end`.
    pub fn of_words(&self, start: usize, end: usize) -> &[u32] {
        let at = |word: usize| self.word_starts.get(word).map_or(self.indices.len(), |&i| i as usize);
        self.indices.get(at(start)..at(end)).unwrap_or_default()
    }

    /// Sentences of the view.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }
}

/// Digits are alike, and so is white space.
const SHOWN: [u8; 256] = {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = match b as u8 {
            b'0'..=b'9' => b'0',
            b'\n' | b'\t' | b'\r' => b' ',
            other => other,
        };
        b += 1;
    }
    table
};

/// The place of a value in the largest table.
#[inline(always)]
pub(super) const fn index(value: u64) -> u32 {
    let h = value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((h ^ (h >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> (64 - TABLE_BITS_MAX)) as u32
}

/// Shows each sentence of `view` with what its features are the places of: for each word one to three values, and for each
/// character the eight bytes up to it, of which the last three (from the second character on), four (from the third) and five
/// (from the fourth) are values. The same features as [`Features::of`], for who sums them at once.
pub(super) fn walk_blocks(view: &View, mut see: impl FnMut(Block, &[u64], &[u64])) {
    let text = view.text.text().as_bytes();
    let (mut words, mut windows) = (Vec::with_capacity(128), Vec::with_capacity(256));
    let (mut one, mut two) = (0_u64, 0_u64);
    let mut block_start = 0;
    let mut from = 0;
    for (i, word) in view.words.iter().enumerate() {
        let end = view.words.get(i + 1).map_or(text.len(), |next| next.start as usize);
        let hash = word.hash;
        words.push(hash ^ 0x57);
        if i > block_start {
            words.push(hash.wrapping_add(one.rotate_left(17)) ^ 0x58);
        }
        if i > block_start + 1 {
            words.push(hash.wrapping_add(one.rotate_left(17)).wrapping_add(two.rotate_left(34)) ^ 0x59);
        }
        (two, one) = (one, hash);
        if !ends_sentence(&text[word.end as usize..end])
            && i + 1 - block_start < BLOCK_WORDS_MAX
            && i + 1 < view.words.len()
        {
            continue;
        }
        let mut window = 0x20_u64;
        let bytes = &text[from..end];
        windows.resize(bytes.len(), 0);
        let mut count = 0;
        for &b in bytes {
            let c = SHOWN[usize::from(b)];
            if c == b' ' && window & 0xff == 0x20 {
                continue;
            }
            window = window << 8 | u64::from(c);
            if let Some(place) = windows.get_mut(count) {
                *place = window;
            }
            count += 1;
        }
        windows.truncate(count);
        see(Block { start: block_start, end: i + 1 }, &words, &windows);
        words.clear();
        windows.clear();
        (block_start, from) = (i + 1, end);
    }
}

/// True if what stands between two words ends a sentence: Latin marks, a line end, `。` or `！`.
fn ends_sentence(between: &[u8]) -> bool {
    match between {
        [] | [b' '] => false,
        _ => {
            between.iter().any(|b| matches!(b, b'.' | b'!' | b'?' | b'\n' | b';'))
                || between.windows(3).any(|w| matches!(w, b"\xe3\x80\x82" | b"\xef\xbc\x81"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Features;
    use crate::text::fold;
    use crate::views::{ViewLimits, views};

    fn features(text: &str) -> Features {
        Features::of(&views(text, &mut fold(text), &ViewLimits::default()).views[0])
    }

    #[test]
    fn sentences_are_blocks_and_windows_have_their_own_features() {
        let f = features("Hello there. Please ignore this! ok");
        let spans: Vec<_> = f.blocks().iter().map(|b| (b.start, b.end)).collect();
        assert_eq!(spans, [(0, 2), (2, 5), (5, 6)]);
        assert_eq!(f.of_words(0, 6).len(), f.all().len());
        assert_eq!(f.of_words(9, 12), [0; 0]);
        assert!(features("").all().is_empty());
        let long = "word ".repeat(65);
        let ends: Vec<_> = features(&long).blocks().iter().map(|b| b.end).collect();
        assert_eq!(ends, [32, 64, 65]);
    }
}
