//! A table from the hashes of short byte strings to numbers: open addressing. A string that is not in it is taken for one that is with
//! a chance of 2^-46: nothing but the hash is compared, so that a look-up is one cache line.

/// Bits of a number: more than any table has entries.
const ID_BITS: u32 = 18;
const ID_MASK: u64 = (1 << ID_BITS) - 1;
const EMPTY: u64 = u64::MAX;

/// From hashes to numbers.
#[derive(Debug)]
pub(crate) struct Index {
    /// The hash, with the number in its low bits.
    slots: Box<[u64]>,
    /// One bit for each hash that may be there: small enough to stay in the cache.
    maybe: Box<[u64]>,
}

impl Index {
    /// A table for so many entries, half full at most.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        let slots = (entries * 2).next_power_of_two().max(64);
        Self { slots: vec![EMPTY; slots].into(), maybe: vec![0; slots / 32].into() }
    }

    /// The first number that is put in for a hash is the one that is found.
    pub(crate) fn insert(&mut self, hash: u64, id: u32) {
        let mut at = self.slot(hash);
        while self.slots[at] != EMPTY {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = hash & !ID_MASK | u64::from(id) & ID_MASK;
        let (word, bit) = self.bit(hash);
        self.maybe[word] |= bit;
    }

    /// The number of a hash.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        let mut at = self.slot(hash);
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                return None;
            }
            if (slot ^ hash) <= ID_MASK {
                return Some((slot & ID_MASK) as u32);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// False if a hash is not there; for who asks of many that are not.
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = self.bit(hash);
        self.maybe[word] & bit != 0
    }

    fn slot(&self, hash: u64) -> usize {
        (hash >> 24) as usize & (self.slots.len() - 1)
    }

    fn bit(&self, hash: u64) -> (usize, u64) {
        ((hash >> 30) as usize & (self.maybe.len() - 1), 1 << (hash >> 24 & 63))
    }
}

/// The hash of a word. Trained tables depend on it: it must not change.
pub(crate) fn word_hash(word: &[u8]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325_u64;
    let mut rest = word;
    while let Some((chunk, more)) = rest.split_first_chunk::<8>() {
        h = stir(h, u64::from_le_bytes(*chunk));
        rest = more;
    }
    if !rest.is_empty() {
        // Put together bit by bit: a copy of so few bytes would be a call.
        h = stir(h, rest.iter().rev().fold(0, |raw, &b| raw << 8 | u64::from(b)));
    }
    h
}

/// The hashes of the first one, two, three … bytes of `word`, at most as many as `out` has places.
pub(crate) fn prefix_hashes(word: &[u8], out: &mut [u64]) {
    let (mut h, mut raw) = (0xcbf2_9ce4_8422_2325_u64, 0);
    for (i, (&b, out)) in word.iter().zip(out).enumerate() {
        if i > 0 && i % 8 == 0 {
            h = stir(h, raw);
            raw = 0;
        }
        raw |= u64::from(b) << (i % 8 * 8);
        *out = stir(h, raw);
    }
}

const fn stir(h: u64, raw: u64) -> u64 {
    let h = (h ^ raw).wrapping_mul(0x9fb2_1c65_1e98_df25);
    h ^ (h >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Index, word_hash};

    #[test]
    fn what_was_put_in_is_found() {
        let words: Vec<String> = (0..100).map(|i| "ab".repeat(i % 13) + &i.to_string()).collect();
        let mut index = Index::with_capacity(words.len());
        words.iter().enumerate().for_each(|(i, w)| index.insert(word_hash(w.as_bytes()), i as u32));
        for (i, w) in words.iter().enumerate() {
            let hash = word_hash(w.as_bytes());
            assert_eq!((index.find(hash), index.may_have(hash)), (Some(i as u32), true));
        }
        assert_eq!(index.find(word_hash(b"missing")), None);
        let absent = (0..1000_u32).filter(|i| index.may_have(word_hash(&i.to_le_bytes()))).count();
        assert!(absent < 300, "{absent}");
    }

    #[test]
    fn the_hash_is_the_one_that_models_were_trained_with() {
        assert_eq!(word_hash(b""), 0xcbf2_9ce4_8422_2325);
        let by_chunks = |word: &[u8]| {
            word.chunks(8).fold(0xcbf2_9ce4_8422_2325_u64, |h, chunk| {
                let mut raw = [0; 8];
                raw[..chunk.len()].copy_from_slice(chunk);
                let h = (h ^ u64::from_le_bytes(raw)).wrapping_mul(0x9fb2_1c65_1e98_df25);
                h ^ (h >> 31)
            })
        };
        for word in ["a", "ignore", "previous", "instructions", "x".repeat(17).as_str()] {
            assert_eq!(word_hash(word.as_bytes()), by_chunks(word.as_bytes()));
            let mut prefixes = [0; 20];
            super::prefix_hashes(word.as_bytes(), &mut prefixes);
            for (i, hash) in prefixes.iter().take(word.len()).enumerate() {
                assert_eq!(*hash, word_hash(&word.as_bytes()[..=i]));
            }
        }
    }
}
