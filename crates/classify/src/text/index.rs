//! A table from short byte strings to numbers: open addressing over a hash that is worked out eight bytes at a time. The
//! strings themselves lie with whoever owns the table.

const EMPTY: u32 = u32::MAX;

/// From hashes to numbers; who asks says whether the string behind a number is the one meant.
#[derive(Debug)]
pub(crate) struct Index {
    slots: Box<[(u32, u32)]>,
    mask: u32,
}

impl Index {
    /// A table for so many entries, half full at most.
    pub(crate) fn with_capacity(entries: usize) -> Self {
        let slots = (entries * 2).next_power_of_two().max(16);
        Self { slots: vec![(0, EMPTY); slots].into_boxed_slice(), mask: slots as u32 - 1 }
    }

    pub(crate) fn insert(&mut self, hash: u64, id: u32) {
        let tag = hash as u32;
        let mut at = tag & self.mask;
        while self.slots[at as usize].1 != EMPTY {
            at = (at + 1) & self.mask;
        }
        self.slots[at as usize] = (tag, id);
    }

    pub(crate) fn find(&self, hash: u64, same: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = hash as u32;
        let mut at = tag & self.mask;
        loop {
            let (t, id) = self.slots[at as usize];
            if id == EMPTY {
                return None;
            }
            if t == tag && same(id) {
                return Some(id);
            }
            at = (at + 1) & self.mask;
        }
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
            let found = index.find(word_hash(w.as_bytes()), |id| words[id as usize] == *w);
            assert_eq!(found, Some(i as u32));
        }
        assert_eq!(index.find(word_hash(b"missing"), |id| words[id as usize] == "missing"), None);
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
        }
    }
}
