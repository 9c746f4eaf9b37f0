//! Wallet seed phrases by their check bits (BIP-39): twelve to twenty-four words of the standard's English list in a row.
//!
//! Of the words only hashes are kept (`bench/bip39_table.py`). Words are looked at far apart, since a phrase is long, so
//! that prose costs little.

use std::sync::LazyLock;

use casemate_finding::Span;
use sha2::{Digest, Sha256};

use crate::bytes::{ALPHA, ByteSet, letters};

/// [`hash`] of each word, little-endian, in the list's order.
const HASHES: &[u8; 4 * WORDS] = include_bytes!("../../rules/bip39.bin");
/// Words of the list.
const WORDS: usize = 2_048;
/// Slots of the table, a power of two.
const SLOTS: usize = 4 * WORDS;
/// Lengths of phrases, longest first.
const LENGTHS: [usize; 5] = [24, 21, 18, 15, 12];
/// Most words of the list in a row that may hold a phrase: more are a list of words.
const ROW_MAX: usize = 30;
/// Bytes from one look to the next: less than the shortest phrase has.
const STRIDE: usize = 44;
/// Bytes of the shortest and the longest word.
const WORD: [usize; 2] = [3, 8];
/// Most bytes between two words: `", "`, a line end, `\n12. `.
const GAP_MAX: usize = 6;
/// What may stand between two words.
const GAP: ByteSet = ByteSet::of(b" \t\r\n,\"'`.)").range(b'0', b'9');

/// Number of a word + 1 (0: free), by its hash.
static TABLE: LazyLock<Box<[u16]>> = LazyLock::new(|| {
    let mut table = vec![0u16; SLOTS].into_boxed_slice();
    for number in 0..WORDS {
        let mut slot = slot(hash_of(number));
        while table[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = number as u16 + 1;
    }
    table
});

fn hash_of(number: usize) -> u32 {
    HASHES[4 * number..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

const fn slot(hash: u32) -> usize {
    hash as usize % SLOTS
}

/// High half of the product of the word, as a little-endian number in small letters, and an odd number.
const fn hash(word: u64) -> u32 {
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// A word of the list in the text.
#[derive(Clone, Copy, Debug, Default)]
struct Listed {
    start: usize,
    end: usize,
    number: u16,
}

/// The word at `start..end`, if it is in the list.
fn listed(bytes: &[u8], start: usize, end: usize) -> Option<Listed> {
    if !(WORD[0]..=WORD[1]).contains(&(end - start)) {
        return None;
    }
    let word = match bytes[start..].first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * (end - start))),
        None => (0..).zip(&bytes[start..end]).fold(0, |word, (i, b)| word | u64::from(*b) << (8 * i)),
    };
    let hash = hash(word | 0x2020_2020_2020_2020 & (u64::MAX >> (64 - 8 * (end - start))));
    let mut slot = slot(hash);
    while let Some(number) = TABLE[slot].checked_sub(1) {
        if hash_of(usize::from(number)) == hash {
            return Some(Listed { start, end, number });
        }
        slot = (slot + 1) % SLOTS;
    }
    None
}

/// The listed word at `at`, or that begins shortly after it.
fn word_at(bytes: &[u8], at: usize) -> Option<Listed> {
    let eight = |i: usize| bytes.get(i..).and_then(|rest| rest.first_chunk()).map(|eight| u64::from_le_bytes(*eight));
    let (Some(before), Some(here)) = (at.checked_sub(8).and_then(eight), eight(at)) else {
        return word_near_end(bytes, at);
    };
    // Eight bytes at a time: prose has a look every few words.
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let gap = letters(here).trailing_zeros() as usize / 8;
    let start = match gap {
        0 => at - (!letters(before) & HIGH).leading_zeros() as usize / 8,
        1..=GAP_MAX => at + gap,
        _ => return None,
    };
    let Some(word) = eight(start) else { return word_near_end(bytes, at) };
    let len = (!letters(word) & HIGH).trailing_zeros() as usize / 8;
    let alone = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_none_or(|b| !ALPHA.has(*b));
    if len < WORD[0] || !alone(Some(start + len)) || !alone(start.checked_sub(1)) {
        return None;
    }
    listed(bytes, start, start + len)
}

/// The same, byte by byte: at the ends of the text.
fn word_near_end(bytes: &[u8], at: usize) -> Option<Listed> {
    let gap = bytes[at..].iter().take(GAP_MAX + 1).position(|b| ALPHA.has(*b))?;
    let start = if gap == 0 { ALPHA.run_start(bytes, at, WORD[1]) } else { at + gap };
    let free = start.checked_sub(1).is_none_or(|i| !ALPHA.has(bytes[i]));
    listed(bytes, start, ALPHA.run_end(bytes, start, WORD[1] + 1)).filter(|_| free)
}

fn word_after(bytes: &[u8], end: usize) -> Option<Listed> {
    let start = GAP.run_end(bytes, end, GAP_MAX);
    (start > end && begins_gap(bytes[end])).then(|| listed(bytes, start, ALPHA.run_end(bytes, start, WORD[1] + 1)))?
}

fn word_before(bytes: &[u8], start: usize) -> Option<Listed> {
    let end = GAP.run_start(bytes, start, GAP_MAX);
    let from = ALPHA.run_start(bytes, end, WORD[1] + 1);
    (end < start && begins_gap(bytes[end])).then(|| listed(bytes, from, end))?
}

/// What may stand right after a word of a phrase: not a full stop, which ends a sentence of prose and lets a stream go on.
const fn begins_gap(byte: u8) -> bool {
    byte != b'.' && !byte.is_ascii_digit()
}

/// Calls `found` with every phrase in `bytes` whose check bits are right.
pub(crate) fn mnemonics(bytes: &[u8], mut found: impl FnMut(Span)) {
    let mut at = 0;
    let mut row = [Listed::default(); 2 * ROW_MAX + 3];
    while at < bytes.len() {
        let Some(word) = word_at(bytes, at) else {
            at += STRIDE;
            continue;
        };
        let (mut first, mut last) = (ROW_MAX + 1, ROW_MAX + 1);
        row[first] = word;
        while first > 0
            && let Some(before) = word_before(bytes, row[first].start)
        {
            first -= 1;
            row[first] = before;
        }
        while last + 1 < row.len()
            && let Some(after) = word_after(bytes, row[last].end)
        {
            last += 1;
            row[last] = after;
        }
        at = row[last].end.max(at + STRIDE);
        if let Some(span) = phrase(&row[first..=last]) {
            found(span);
        }
    }
}

/// The phrase in a row of listed words: all of it, or what is left when words of the sentence around it are in the list.
fn phrase(row: &[Listed]) -> Option<Span> {
    // Most rows are one word that happens to be in the list.
    if row.len() > ROW_MAX || row.len() < 12 {
        return None;
    }
    let part = LENGTHS.iter().flat_map(|n| row.windows(*n)).find(|part| check_bits_right(part))?;
    Some(Span::new(part.first()?.start, part.last()?.end))
}

/// The last bits of a phrase are the first of the SHA-256 of all others: one for each three words.
fn check_bits_right(words: &[Listed]) -> bool {
    let mut packed = [0u8; 33];
    for (i, word) in words.iter().enumerate() {
        for bit in 0..11 {
            let at = i * 11 + bit;
            packed[at / 8] |= ((word.number >> (10 - bit) & 1) as u8) << (7 - at % 8);
        }
    }
    let check = words.len() / 3;
    let entropy = (words.len() * 11 - check) / 8;
    let digest: [u8; 32] = Sha256::digest(&packed[..entropy]).into();
    (packed[entropy] ^ digest[0]) >> (8 - check) == 0
}

/// Where a phrase that the end of `bytes` cuts short may begin.
pub(crate) fn unfinished(bytes: &[u8]) -> usize {
    let end = ALPHA.run_start(bytes, bytes.len(), WORD[1] + 1);
    if bytes.len() - end > WORD[1] {
        return bytes.len();
    }
    let mut start = end;
    let mut words = 0;
    while words <= ROW_MAX
        && let Some(word) = word_before(bytes, start)
    {
        (start, words) = (word.start, words + 1);
    }
    if words > ROW_MAX { bytes.len() } else { start }
}

#[cfg(test)]
mod tests {
    use super::{listed, mnemonics, unfinished};

    /// The first test vector of BIP-39: entropy of zeros.
    fn zeros(words: usize, last: &str) -> String {
        format!("{}{last}", "abandon ".repeat(words - 1))
    }

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let mut seen = None;
        mnemonics(text.as_bytes(), |span| seen = Some(&text[span.range()]));
        assert_eq!(seen, expected, "{text}");
        // Wherever the looks fall.
        for pad in 0..super::STRIDE {
            let text = format!("{}{text}", "-".repeat(pad));
            let mut seen = false;
            mnemonics(text.as_bytes(), |_| seen = true);
            assert_eq!(seen, expected.is_some(), "{pad} {text}");
        }
    }

    #[test]
    fn phrases_with_right_check_bits() {
        for (words, last) in [(12, "about"), (18, "agent"), (24, "art")] {
            let phrase = zeros(words, last);
            check(&format!("Write it down: {phrase}."), Some(&phrase));
            check(&phrase.to_uppercase(), Some(&phrase.to_uppercase()));
            check(&zeros(words, "zoo"), None);
            check(&zeros(words, "table-top"), None);
        }
        let listed = zeros(12, "about").replace(' ', "\", \"");
        check(&format!("[\"{listed}\"]"), Some(&listed));
        let numbered: Vec<String> =
            zeros(12, "about").split(' ').enumerate().map(|(i, w)| format!("{}. {w}", i + 1)).collect();
        check(&numbered.join("\n"), Some(&numbered.join("\n")[3..]));
    }

    #[test]
    fn words_of_the_sentence_are_not_the_phrase() {
        let phrase = zeros(12, "about");
        check(&format!("my secret phrase {phrase} there"), Some(&phrase));
        check(&format!("my secret phrase {phrase}: there"), Some(&phrase));
        check(&format!("phrase: {phrase} good luck, Noor"), Some(&phrase));
    }

    #[test]
    fn a_list_of_words_is_no_phrase() {
        check(&"abandon ".repeat(2_048), None);
        check(&zeros(31, "about"), None);
        check(&zeros(11, "about"), None);
    }

    #[test]
    fn eight_bytes_at_a_time_as_one() {
        let text = "Abandon, ability-able x zoo; (zebra) unlistable words. ab\u{e9}able 12 year\nyellow_wrong WORTH ";
        for at in 0..text.len() {
            let [fast, slow] =
                [super::word_at, super::word_near_end].map(|f| f(text.as_bytes(), at).map(|w| (w.start, w.end)));
            assert_eq!(fast, slow, "{at}");
        }
    }

    #[test]
    fn every_hash_is_found() {
        assert!(listed(b"zoo", 0, 3).is_some_and(|w| w.number == 2_047));
        assert!(listed(b"Abandon", 0, 7).is_some_and(|w| w.number == 0));
        assert!(listed(b"abandons", 0, 8).is_none());
    }

    #[test]
    fn what_may_go_on_is_held() {
        assert_eq!(unfinished(b"so: abandon abo"), 4);
        assert_eq!(unfinished(b"so: abandon ability, "), 4);
        assert_eq!(unfinished(b"so: abandon unlistable"), 22);
        let long = "abandon ".repeat(40);
        assert_eq!(unfinished(long.as_bytes()), long.len());
    }
}
