//! How little a text reads like text: character trigrams over a window. Optimised suffixes (GCG, Zou et al. 2023) are
//! strings that no person would write; the idea of measuring them by surprise is Jain et al. 2023, Alon and Kamfonas 2023.

use casemate_finding::Span;

use super::{Adjacency, ModelError};
use crate::text::Word;
use crate::views::View;

/// Kinds of characters: a–z, capitals, digits, space, line feed, 31 marks, everything else.
pub(crate) const SYMBOLS: usize = 62;
/// Numbers that describe one window.
pub const SUFFIX_FEATURES: usize = 15;
const WINDOW_BYTES: usize = 64;
const STEP_BYTES: usize = 32;
/// Windows of one text that are looked at; evenly spread if there are more.
const WINDOWS_MAX: usize = 1024;
const MARKS: &[u8; 32] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Surprise of a character after the two before it, in sixteenths of a bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprisal {
    /// By the last three symbols, six bits each.
    places: Box<[u8; Surprisal::PLACES]>,
}

impl Surprisal {
    /// Entries of a table.
    pub const ENTRIES: usize = SYMBOLS * SYMBOLS * SYMBOLS;
    const PLACES: usize = 1 << 18;

    /// Reads a table.
    pub(super) fn parse(raw: &[u8]) -> Result<Self, ModelError> {
        if raw.len() != Self::ENTRIES {
            return Err(ModelError::shape("SURP", format!("{} entries, wanted {}", raw.len(), Self::ENTRIES)));
        }
        Ok(Self::of(raw))
    }

    /// A table from counts of trigrams, smoothed with the bigram and the symbol (Jelinek–Mercer, .8/.15/.05).
    pub fn from_counts(counts: &[u32]) -> Self {
        let at =
            |a: usize, b: usize, c: usize| counts.get((a * SYMBOLS + b) * SYMBOLS + c).copied().unwrap_or(0) as f64;
        let mut pair = vec![0.0; SYMBOLS * SYMBOLS];
        let mut single = vec![0.0; SYMBOLS];
        for a in 0..SYMBOLS {
            for b in 0..SYMBOLS {
                for c in 0..SYMBOLS {
                    pair[b * SYMBOLS + c] += at(a, b, c);
                    single[c] += at(a, b, c);
                }
            }
        }
        let total: f64 = single.iter().sum::<f64>() + SYMBOLS as f64;
        let mut table = vec![0_u8; Self::ENTRIES];
        for a in 0..SYMBOLS {
            for b in 0..SYMBOLS {
                let context: f64 = (0..SYMBOLS).map(|c| at(a, b, c)).sum();
                let shorter: f64 = pair[b * SYMBOLS..][..SYMBOLS].iter().sum();
                for c in 0..SYMBOLS {
                    let p3 = if context > 0.0 { at(a, b, c) / context } else { 0.0 };
                    let p2 = if shorter > 0.0 { pair[b * SYMBOLS + c] / shorter } else { 0.0 };
                    let p1 = (single[c] + 1.0) / total;
                    let bits = -(0.8 * p3 + 0.15 * p2 + 0.05 * p1).log2();
                    table[(a * SYMBOLS + b) * SYMBOLS + c] = (bits * 16.0).clamp(0.0, 255.0) as u8;
                }
            }
        }
        Self::of(&table)
    }

    fn of(table: &[u8]) -> Self {
        let mut places = Box::new([0; Self::PLACES]);
        Self::each(|entry, place| places[place] = table[entry]);
        Self { places }
    }

    /// Every entry of the file with its place.
    fn each(mut see: impl FnMut(usize, usize)) {
        for a in 0..SYMBOLS {
            for b in 0..SYMBOLS {
                for c in 0..SYMBOLS {
                    see((a * SYMBOLS + b) * SYMBOLS + c, a << 12 | b << 6 | c);
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut table = vec![0; Self::ENTRIES];
        Self::each(|entry, place| table[entry] = self.places[place]);
        table
    }
}

/// The symbol of a byte.
pub(crate) const fn symbol(b: u8) -> u8 {
    SYMBOL[b as usize]
}

const SYMBOL: [u8; 256] = {
    let mut table = [SYMBOLS as u8 - 1; 256];
    let mut b = 0;
    while b < 26 {
        table[b'a' as usize + b] = b as u8;
        table[b'A' as usize + b] = 26;
        b += 1;
    }
    let mut d = b'0';
    while d <= b'9' {
        table[d as usize] = 27;
        d += 1;
    }
    table[b' ' as usize] = 28;
    table[b'\t' as usize] = 28;
    table[b'\n' as usize] = 29;
    table[b'\r' as usize] = 29;
    let mut m = 0;
    while m < MARKS.len() {
        // Thirty-two marks share thirty-one places: `^` and `~` are both rare.
        table[MARKS[m] as usize] = if m == 31 { 30 + 25 } else { 30 + m as u8 };
        m += 1;
    }
    table
};

/// What the words of a text say by where they stand: rare tokens and pieces of words, gathered over steps of
/// `STEP_BYTES` bytes.
#[derive(Clone, Debug, Default)]
pub struct TokenBins {
    bins: Vec<[f32; BIN]>,
    folded: bool,
    previous: Option<u32>,
}

/// Numbers gathered in one bin: rarity, tokens, words, common tokens, pairs, their logits, those that nobody would write.
const BIN: usize = 7;
/// A pair below this logit is one that nobody would write.
const ODD_PAIR: f32 = -1.0;
/// No pair counts for more than this.
const PAIR_MAX: f32 = 4.0;

impl TokenBins {
    /// Bins for a text of `bytes` as it was written.
    pub fn of_written(bytes: usize) -> Self {
        Self { bins: vec![[0.0; BIN]; bytes / STEP_BYTES + 1], folded: false, previous: None }
    }

    /// Bins for a view, by places in its folded text: for decoded views, and where what was written is in disguise.
    pub fn of_folded(view: &View) -> Self {
        Self { folded: true, ..Self::of_written(view.text.text().len()) }
    }

    /// Counts a word of `view` by its tokens: their ids follow their frequency.
    pub fn add(&mut self, view: &View, word: Word, tokens: &[u32], adjacency: &Adjacency) {
        let start = word.start as usize;
        let at = if self.folded { start } else { view.text.origin(Span::new(start, start + 1)).start };
        let Some(bin) = self.bins.get_mut(at / STEP_BYTES) else { return };
        bin[0] += tokens.iter().map(|&t| rarity(t)).sum::<f32>();
        bin[1] += tokens.len() as f32;
        bin[2] += 1.0;
        bin[3] += tokens.iter().filter(|&&t| t < COMMON_TOKENS).count() as f32;
        for &token in tokens {
            if let Some(left) = self.previous.replace(token) {
                let logit = adjacency.logit(left, token).clamp(-PAIR_MAX, PAIR_MAX);
                bin[4] += 1.0;
                bin[5] += logit;
                bin[6] += f32::from(u8::from(logit < ODD_PAIR));
            }
        }
    }

    /// Of a window: mean rarity of the tokens, tokens a word, share of common tokens, words, mean logit of the pairs, share of
    /// odd pairs, and their number.
    fn describe(&self, start: usize, end: usize) -> [f32; BIN] {
        let first = start / STEP_BYTES;
        let last = end.div_ceil(STEP_BYTES).min(self.bins.len()).max(first);
        let mut sum = [0.0; BIN];
        for bin in self.bins.get(first..last).unwrap_or_default() {
            sum.iter_mut().zip(bin).for_each(|(s, b)| *s += b);
        }
        let [rare, tokens, words, common, pairs, logits, odd] = sum;
        [
            rare / tokens.max(1.0),
            tokens / words.max(1.0) / 2.0,
            common / tokens.max(1.0),
            words / 12.0,
            logits / pairs.max(1.0) / 2.0,
            odd / pairs.max(1.0) * 2.0,
            odd / 8.0,
        ]
    }
}

/// Tokens with lower ids are the commonest of the vocabulary: letters, marks, function words and everyday words.
const COMMON_TOKENS: u32 = 2000;

/// How rare a token is, from about 0 for the commonest word to about 1 for the rarest.
fn rarity(token: u32) -> f32 {
    // The integer logarithm with the next three bits after it: fine enough, and quick.
    let v = token | 1;
    let log = v.ilog2();
    let fraction = (v << (31 - log)) >> 28 & 7;
    ((log as f32 + fraction as f32 / 8.0) - 8.0).max(0.0) / 7.0
}

/// What the windows of `text` (as written, where it is not in disguise) look like: mean surprise, its worst half, shares of letters, marks,
/// capitals, changes of case inside words, runs of marks, marks beside letters without a space, and what `bins` say.
pub fn suffix_windows(
    model: &Surprisal,
    text: &str,
    bins: &TokenBins,
    mut see: impl FnMut(usize, [f32; SUFFIX_FEATURES]),
) {
    let bytes = text.as_bytes();
    if bytes.len() < WINDOW_BYTES / 2 {
        return;
    }
    let windows = bytes.len().saturating_sub(WINDOW_BYTES) / STEP_BYTES + 1;
    let skip = windows.div_ceil(WINDOWS_MAX);
    let mut next: Option<Step> = None;
    for start in (0..windows).step_by(skip).map(|w| w * STEP_BYTES).chain([bytes.len().saturating_sub(WINDOW_BYTES)]) {
        let end = bytes.len().min(start + WINDOW_BYTES);
        let mut numbers = [0.0; SUFFIX_FEATURES];
        let middle = start + (end - start).div_ceil(2);
        // The second half of a window is the first of the next, but for what stood before it.
        let first = match next.take().filter(|step| step.start == start) {
            Some(step) => step.alone,
            None => Step::of(model, bytes, start, middle).alone,
        };
        let second = Step::of(model, bytes, middle, end);
        numbers[..8].copy_from_slice(&describe(first, second.after, end - start));
        numbers[8..].copy_from_slice(&bins.describe(start, end));
        next = (end - middle == STEP_BYTES).then_some(second);
        see(start, numbers);
    }
}

/// Counts over half a window, fourteen bits each for the first and six for the others, since a half has 32 bytes at most: surprise,
/// letters, marks, capitals, changes of case inside words, runs of marks, marks beside letters without a space.
#[derive(Clone, Copy, Default)]
struct Counts(u64);

const SURPRISE_BITS: u32 = 14;
const COUNT_BITS: u32 = 6;

impl Counts {
    const RUN_OF_MARKS: u32 = SURPRISE_BITS + 4 * COUNT_BITS;

    /// One more of the `i`-th count after surprise.
    const fn one(i: u32) -> u64 {
        1 << (SURPRISE_BITS + (i - 1) * COUNT_BITS)
    }

    const fn surprise(self) -> u32 {
        (self.0 & ((1 << SURPRISE_BITS) - 1)) as u32
    }

    /// The `i`-th count after surprise.
    const fn of(self, i: u32) -> u32 {
        (self.0 >> (SURPRISE_BITS + (i - 1) * COUNT_BITS)) as u32 & ((1 << COUNT_BITS) - 1)
    }

    /// Adds `text` after the symbols `(a, b)`; returns the last two symbols.
    fn add(&mut self, model: &Surprisal, text: &[u8], (a, b): (u8, u8)) -> (u8, u8) {
        let mut last = usize::from(a) << 6 | usize::from(b);
        let mut before = KIND[usize::from(b) & 63];
        for &byte in text {
            let c = symbol(byte);
            let kind = KIND[usize::from(c) & 63];
            // The same mark again is a line or an ellipsis.
            let again = u64::from(kind == MARK && last & 63 == usize::from(c)) << Self::RUN_OF_MARKS;
            last = (last << 6 | usize::from(c)) & (Surprisal::PLACES - 1);
            self.0 += u64::from(model.places[last]) + PAIRS[usize::from(before * KINDS + kind) & 31] - again;
            before = kind;
        }
        ((last >> 6 & 63) as u8, (last & 63) as u8)
    }
}

/// Half a window, counted as it stands after the text before it, and as if it began a text.
struct Step {
    start: usize,
    after: Counts,
    alone: Counts,
}

impl Step {
    fn of(model: &Surprisal, bytes: &[u8], start: usize, end: usize) -> Self {
        let before = |back: usize| start.checked_sub(back).map_or(SPACE, |at| symbol(bytes[at]));
        // What stands before it reaches no further than its second character.
        let (head, tail) = bytes[start..end].split_at((end - start).min(2));
        let (mut after, mut alone, mut rest) = (Counts::default(), Counts::default(), Counts::default());
        let context = alone.add(model, head, (SPACE, SPACE));
        after.add(model, head, (before(2), before(1)));
        rest.add(model, tail, context);
        Self { start, after: Counts(after.0 + rest.0), alone: Counts(alone.0 + rest.0) }
    }
}

const SPACE: u8 = symbol(b' ');
const MARK_FIRST: u8 = 30;
const OTHER: u8 = SYMBOLS as u8 - 1;

/// Kinds of symbols: small letters, capitals, marks, all beyond ASCII, the rest.
const KINDS: u8 = 5;
const SMALL: u8 = 0;
const CAPITAL: u8 = 1;
const MARK: u8 = 2;
const BEYOND: u8 = 3;
const REST: u8 = 4;

const KIND: [u8; 64] = {
    let mut table = [REST; 64];
    let mut s = 0;
    while s < 64 {
        table[s] = match s as u8 {
            0..26 => SMALL,
            26 => CAPITAL,
            MARK_FIRST..OTHER => MARK,
            OTHER => BEYOND,
            _ => REST,
        };
        s += 1;
    }
    table
};

/// What a symbol of the second kind counts for after one of the first.
const PAIRS: [u64; 32] = {
    let mut table = [0; 32];
    let mut b = 0;
    while b < KINDS {
        let mut c = 0;
        while c < KINDS {
            let letter = matches!(c, SMALL | CAPITAL);
            let mut counts = 0;
            if letter || c == BEYOND {
                counts += Counts::one(1);
            }
            if c == MARK {
                counts += Counts::one(2);
            }
            if c == CAPITAL {
                counts += Counts::one(3);
            }
            if c == CAPITAL && b == SMALL {
                counts += Counts::one(4);
            }
            if c == MARK && b == MARK {
                counts += Counts::one(5);
            }
            if letter && b == MARK {
                counts += Counts::one(6);
            }
            table[(b * KINDS + c) as usize] = counts;
            c += 1;
        }
        b += 1;
    }
    table
};

/// The numbers of a window of `bytes` by its two halves.
fn describe(first: Counts, second: Counts, bytes: usize) -> [f32; 8] {
    let n = bytes.max(1) as f32;
    let half = n / 2.0 * 16.0 * 5.0;
    let mean = (first.surprise() + second.surprise()) as f32 / (n * 16.0 * 5.0);
    let worst = first.surprise().max(second.surprise()) as f32 / half;
    let share = |i: u32| (first.of(i) + second.of(i)) as f32 / n;
    [mean, worst, share(1), share(2) * 4.0, share(3) * 4.0, share(4) * 16.0, share(5) * 8.0, share(6) * 8.0]
}

#[cfg(test)]
mod tests {
    use super::{SYMBOLS, Surprisal, TokenBins, suffix_windows, symbol};

    #[test]
    fn what_was_seen_surprises_less() {
        let mut counts = vec![0; Surprisal::ENTRIES];
        let text = b"the cat sat on the mat and the cat sat on the hat ".repeat(4);
        for w in text.windows(3) {
            let [a, b, c] = [w[0], w[1], w[2]].map(|x| usize::from(symbol(x)));
            counts[(a * SYMBOLS + b) * SYMBOLS + c] += 1;
        }
        let model = Surprisal::from_counts(&counts);
        let worst = |text: &str| {
            let mut worst = 0.0_f32;
            suffix_windows(&model, text, &TokenBins::of_written(text.len()), |_, f| worst = worst.max(f[0]));
            worst
        };
        let odd = worst("]( descr Xq]{* zzIng.. +similarlyNow {{ @@ qZ");
        assert!(worst("the cat sat on the mat and the cat sat on it") * 2.0 < odd, "{odd}");
        assert_eq!(worst("too short"), 0.0);
        assert!(Surprisal::parse(&[0; 4]).is_err());
    }
}
