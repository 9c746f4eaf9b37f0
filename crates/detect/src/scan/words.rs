//! Every literal of every rule in one pass: anchors, service names, context words.
//!
//! Not an automaton: a filter of 16 KB over the classes of four bytes, which stays in the first-level cache whatever the
//! number of words, and a comparison where the filter lets a position through. Why not an Aho-Corasick DFA, with figures:
//! docs/decisions/0004.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    RuleError,
    bytes::{ALNUM, word_ends, word_starts},
    find::is_escape,
    limits::WORD_MAX,
    rule::Finder,
};

/// An occurrence of a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) word: u16,
    /// Stands as a word of its own.
    pub(crate) whole: bool,
    /// Begins where a word begins.
    pub(crate) initial: bool,
}

/// What a word is for.
#[derive(Clone, Debug, Default)]
pub(crate) struct WordUse {
    /// Counts only as a whole word, on either side.
    pub(crate) whole: bool,
    /// Counts only where a word starts.
    pub(crate) initial: bool,
    /// Counts only where no letter or digit is before it.
    pub(crate) bare: bool,
    /// Has work in the anchor pass.
    pub(crate) active: bool,
    pub(crate) against: bool,
    pub(crate) secret: bool,
    pub(crate) services: Vec<u16>,
    /// Rule and index of its token pattern.
    pub(crate) tokens: Vec<(u16, u16)>,
    pub(crate) regexes: Vec<u16>,
    pub(crate) finders: Vec<Finder>,
}

/// FNV-1a: words and ids are short, many, and those of rule files, so that nobody gains by making them collide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    }
}

/// Words being gathered, then compiled.
#[derive(Debug, Default)]
pub(crate) struct WordTable {
    ids: HashMap<String, u16, BuildHasherDefault<Fnv>>,
    texts: Vec<String>,
    pub(crate) uses: Vec<WordUse>,
}

impl WordTable {
    /// The id of a word, added if new.
    pub(crate) fn id(&mut self, rule: &str, word: &str) -> Result<u16, RuleError> {
        let lower = word.to_ascii_lowercase();
        if lower.len() < 2 || lower.len() > WORD_MAX {
            return Err(RuleError::Word { id: rule.into(), word: word.into(), min: 2, max: WORD_MAX });
        }
        if let Some(id) = self.ids.get(&lower) {
            return Ok(*id);
        }
        let id = u16::try_from(self.texts.len())
            .map_err(|_| RuleError::Automaton { reason: "more than 65535 different words".into() })?;
        self.uses.push(WordUse { whole: true, initial: true, ..WordUse::default() });
        self.texts.push(lower.clone());
        self.ids.insert(lower, id);
        Ok(id)
    }

    pub(crate) fn build(mut self) -> Result<Words, RuleError> {
        for (used, text) in self.uses.iter_mut().zip(&self.texts) {
            used.bare = !used.tokens.is_empty()
                && !used.secret
                && used.services.is_empty()
                && used.regexes.is_empty()
                && used.finders.is_empty()
                && text.as_bytes()[0].is_ascii_alphanumeric();
        }
        let texts: Vec<Vec<u8>> = self.texts.into_iter().map(String::into_bytes).collect();
        let mut keyed: Vec<(u32, u16)> = Vec::with_capacity(texts.len() * 2);
        for (id, text) in texts.iter().enumerate() {
            match text.first_chunk::<KEY_BYTES>() {
                Some(four) => keyed.push((key_of(*four), id as u16)),
                None => keyed.extend(keys(text, self.uses[id].whole).into_iter().map(|key| (key, id as u16))),
            }
        }
        let keyed = by_key(&keyed);
        let lists = || keyed.chunk_by(|a, b| a.0 == b.0);
        let count = lists().count();
        if count > SLOTS_MAX / 2 {
            return Err(RuleError::Automaton { reason: format!("{count} beginnings, limit {}", SLOTS_MAX / 2) });
        }
        let slots = (count * 2).next_power_of_two().max(64);
        let mut words = Words {
            filter: Box::new([0; FILTER_WORDS]),
            slots: vec![Slot::default(); slots],
            shift: 32 - slots.trailing_zeros(),
            entries: Vec::with_capacity(keyed.len()),
            texts,
            uses: self.uses,
        };
        for list in lists() {
            words.insert(list);
        }
        Ok(words)
    }
}

/// Bits of the filter for one sort of place.
const FILTER_BITS: usize = 1 << 17;
const FILTER_WORDS: usize = 2 * FILTER_BITS / 64;
/// Most slots of the table from keys to words, at most half of them used.
const SLOTS_MAX: usize = 1 << 16;
/// Bytes of a word that make its key, five bits each.
const KEY_BYTES: usize = 4;
const KEY_MASK: u32 = (1 << (5 * KEY_BYTES)) - 1;

/// Class of a byte: letters without case, digits, the usual separators, all others.
const CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 26 {
        table[b'a' as usize + i] = 1 + i as u8;
        table[b'A' as usize + i] = 1 + i as u8;
        i += 1;
    }
    i = 0;
    while i < 10 {
        table[b'0' as usize + i] = 27;
        i += 1;
    }
    table[b'_' as usize] = 28;
    table[b'$' as usize] = 28;
    table[b'-' as usize] = 29;
    table[b'/' as usize] = 29;
    table[b'.' as usize] = 30;
    table[b':' as usize] = 30;
    table[b' ' as usize] = 31;
    let mut wide = 0x80;
    while wide < 256 {
        table[wide] = 1 + (wide % 26) as u8;
        wide += 1;
    }
    table
};

/// The keys that a word can have: one, or, of a word shorter than a key, one for everything that may follow it.
fn keys(text: &[u8], whole: bool) -> Vec<u32> {
    let mut keys = vec![0u32];
    for i in 0..KEY_BYTES {
        let next: Vec<u32> = match text.get(i) {
            Some(b) => vec![u32::from(CLASS[usize::from(*b)])],
            // A whole word of two letters is followed by no letter but a plural's.
            None if whole && text.len() == 2 && i == 2 => vec![0, u32::from(CLASS[b's' as usize]), 27, 28, 29, 30, 31],
            None => (0..32).collect(),
        };
        keys = keys.iter().flat_map(|key| next.iter().map(move |class| key << 5 | class)).collect();
    }
    keys
}

/// The one key of four bytes.
fn key_of(four: [u8; KEY_BYTES]) -> u32 {
    four.iter().fold(0, |key, b| key << 5 | u32::from(CLASS[usize::from(*b)]))
}

/// Sorted by key, and as they came where keys are the same: by counting, half a key at a time.
fn by_key(keyed: &[(u32, u16)]) -> Vec<(u32, u16)> {
    const HALF: u32 = 5 * KEY_BYTES as u32 / 2;
    let mut sorted = keyed.to_vec();
    let mut from = keyed.to_vec();
    for shift in [0, HALF] {
        let digit = |key: u32| (key >> shift & ((1 << HALF) - 1)) as usize;
        let mut places = [0usize; 1 + (1 << HALF)];
        from.iter().for_each(|(key, _)| places[digit(*key) + 1] += 1);
        for i in 1..places.len() {
            places[i] += places[i - 1];
        }
        for one in &from {
            let place = &mut places[digit(one.0)];
            sorted[*place] = *one;
            *place += 1;
        }
        std::mem::swap(&mut sorted, &mut from);
    }
    from
}

/// Bytes of which the beginnings of words are marked together.
const BLOCK: usize = 256;

/// Marks with 1, from `from` on, where a word may begin: after anything but a letter, at a hump, after `\\n`, `\\r`, `\\t`.
///
/// Not inlined: the constants of its vectors would be loaded again after every call of the loop that it is inlined into.
#[inline(never)]
fn mark_beginnings(bytes: &[u8], from: usize, out: &mut [u8]) {
    let mark = |two: u8, one: u8, here: u8| {
        let lower = one.wrapping_sub(b'a') < 26;
        let upper = one.wrapping_sub(b'A') < 26;
        let escape = (two == b'\\') & ((one == b'n') | (one == b'r') | (one == b't'));
        u8::from(!(lower | upper) | (lower & (here.wrapping_sub(b'A') < 26)) | escape)
    };
    let near = |i: usize| bytes.get(i).copied().unwrap_or_default();
    let before = |i: usize, back: usize| i.checked_sub(back).map_or(0, near);
    let to = bytes.len().min(from + out.len());
    for i in from..to.min(from + 2) {
        out[i - from] = mark(before(i, 2), before(i, 1), near(i));
    }
    if to < from + 2 {
        return;
    }
    let here = &bytes[from + 2..to];
    let one = &bytes[from + 1..to - 1];
    let two = &bytes[from..to - 2];
    for (((out, two), one), here) in out[2..].iter_mut().zip(two).zip(one).zip(here) {
        *out = mark(*two, *one, *here);
    }
}

/// The bit of a key: inside a word, or where one begins. What is above the bits of a key is multiplied away.
#[inline]
fn filter_at(key: u32, begins: u8) -> usize {
    const SPREAD: u32 = 0x9_E37B1 << (32 - 5 * KEY_BYTES);
    (key.wrapping_mul(SPREAD) >> 15) as usize | usize::from(begins & 1) << FILTER_BITS.trailing_zeros()
}

const fn spread(key: u32) -> u32 {
    key.wrapping_mul(0x9E37_79B1)
}

/// A word under a key, with what rules it out soonest.
#[derive(Clone, Copy, Debug)]
struct Entry {
    word: u16,
    len: u8,
    initial: bool,
    bare: bool,
    whole: bool,
    /// The last one under its key.
    last: bool,
    /// The bytes after the key, and which of their bits count: all but the case of letters.
    next: u32,
    known: u32,
}

/// A key that words have.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// The key + 1; 0 if the slot is free.
    key: u32,
    /// Index of its first entry.
    first: u32,
    /// Classes that the byte after the key may have, as bits.
    fifth: u32,
}

/// The compiled words.
#[derive(Debug)]
pub(crate) struct Words {
    /// Bits by key: of those that count inside a word, then of those that count where one begins.
    filter: Box<[u64; FILTER_WORDS]>,
    slots: Vec<Slot>,
    shift: u32,
    entries: Vec<Entry>,
    texts: Vec<Vec<u8>>,
    pub(crate) uses: Vec<WordUse>,
}

impl Words {
    /// Adds the words under one key.
    fn insert(&mut self, list: &[(u32, u16)]) {
        let Some(&(key, _)) = list.first() else { return };
        let first = self.entries.len() as u32;
        let (mut anywhere, mut fifth) = (false, 0);
        for (i, &(_, word)) in list.iter().enumerate() {
            let (used, text) = (&self.uses[usize::from(word)], &self.texts[usize::from(word)]);
            let (mut next, mut known) = ([0; 4], [0; 4]);
            let more = text.get(KEY_BYTES..).unwrap_or_default();
            for (i, b) in more.iter().take(4).enumerate() {
                (next[i], known[i]) = (*b, if b.is_ascii_alphabetic() { 0xdf } else { 0xff });
            }
            let known = u32::from_le_bytes(known);
            fifth |= more.first().map_or(u32::MAX, |b| 1 << CLASS[usize::from(*b)]);
            anywhere |= !used.initial && !used.bare;
            self.entries.push(Entry {
                word,
                len: text.len() as u8,
                initial: used.initial,
                bare: used.bare,
                whole: used.whole,
                last: i + 1 == list.len(),
                next: u32::from_le_bytes(next) & known,
                known,
            });
        }
        for place in [filter_at(key, 1)].into_iter().chain(anywhere.then(|| filter_at(key, 0))) {
            self.filter[place / 64] |= 1 << (place % 64);
        }
        let mut slot = (spread(key) >> self.shift) as usize;
        while self.slots[slot].key != 0 {
            slot = (slot + 1) % self.slots.len();
        }
        self.slots[slot] = Slot { key: key + 1, first, fifth };
    }

    /// Every occurrence that counts, ordered by end.
    pub(crate) fn find(&self, bytes: &[u8], hits: &mut Vec<Hit>) {
        let filter = &*self.filter;
        let passes = |key: u32, begins: u8| {
            let place = filter_at(key, begins);
            filter[place / 64] >> (place % 64) & 1 == 1
        };
        let mut key = 0u32;
        let mut begins = [0u8; BLOCK + KEY_BYTES];
        for (n, block) in bytes.chunks(BLOCK).enumerate() {
            let from = n * BLOCK;
            begins.copy_within(BLOCK.., 0);
            mark_beginnings(bytes, from, &mut begins[KEY_BYTES..]);
            // Where the key began, three bytes back, in a table that begins four bytes before the block.
            for (i, (byte, begins)) in block.iter().zip(&begins[1..]).enumerate() {
                key = key << 5 | u32::from(CLASS[usize::from(*byte)]);
                if passes(key, *begins) && from + i >= KEY_BYTES - 1 {
                    self.candidates(bytes, from + i + 1 - KEY_BYTES, key & KEY_MASK, hits);
                }
            }
        }
        // Short words at the very end, as if something else followed.
        for i in bytes.len()..bytes.len() + KEY_BYTES - 1 {
            key <<= 5;
            if passes(key, 1) && i >= KEY_BYTES - 1 {
                self.candidates(bytes, i + 1 - KEY_BYTES, key & KEY_MASK, hits);
            }
        }
    }

    /// The words with this key that stand at `start`.
    #[inline(never)]
    fn candidates(&self, bytes: &[u8], start: usize, key: u32, hits: &mut Vec<Hit>) {
        let mut slot = (spread(key) >> self.shift) as usize;
        let after = bytes.get(start + KEY_BYTES..).unwrap_or_default();
        let fifth = after.first().map_or(0, |b| CLASS[usize::from(*b)]);
        let first = loop {
            let held = self.slots[slot];
            if held.key == key + 1 {
                if held.fifth >> fifth & 1 == 0 {
                    return;
                }
                break held.first as usize;
            }
            if held.key == 0 {
                return;
            }
            slot += 1;
            if slot == self.slots.len() {
                slot = 0;
            }
        };
        let next = match after.first_chunk::<4>() {
            Some(next) => u32::from_le_bytes(*next),
            None => (0..).zip(after).fold(0, |next, (i, b)| next | u32::from(*b) << (8 * i)),
        };
        for entry in &self.entries[first..] {
            if next & entry.known == entry.next {
                self.compare(entry, bytes, start, hits);
            }
            if entry.last {
                return;
            }
        }
    }

    /// The rest of the comparison, once the first eight bytes are likely.
    fn compare(&self, entry: &Entry, bytes: &[u8], start: usize, hits: &mut Vec<Hit>) {
        // `\nghp_` in JSON: what is before the word is an escape, no letter.
        let initial = word_starts(bytes, start) || is_escape(bytes, start);
        let bare = initial || !ALNUM.has(bytes[start - 1]);
        if (entry.initial && !initial) || (entry.bare && !bare) {
            return;
        }
        let end = start + usize::from(entry.len);
        let text = &self.texts[usize::from(entry.word)];
        if !bytes.get(start..end).is_some_and(|found| found.eq_ignore_ascii_case(text)) {
            return;
        }
        let whole = initial && word_ends(bytes, end);
        if entry.whole && !whole {
            return;
        }
        let hit = Hit { start: start as u32, end: end as u32, word: entry.word, whole, initial };
        // They come by their start; few have to go before those that came.
        let key = |h: &Hit| (h.end, h.start, h.word);
        let later = hits.iter().rev().take_while(|h| key(h) > key(&hit)).count();
        hits.insert(hits.len() - later, hit);
    }
}
