//! Texts that are nearly the same: fingerprints to compare by (`SimHash`, `MinHash`), neighbours by embedding, and leader
//! clustering in bounded memory. Campaigns, extraction detection and feedback are built of these.

mod leader;
mod minhash;
mod neighbours;
mod simhash;

pub use leader::{Joined, Leader, LeaderClusters, LeaderSettings};
pub use minhash::MinHash;
pub use neighbours::{Near, NeighbourError, Neighbours, Vector};
pub use simhash::SimHash;

use crate::text::{fold, words};

/// 64-bit hashes of the word 3-grams of a folded text (of its words, if there are fewer than three).
pub fn shingles(text: &str) -> Vec<u64> {
    let folded = fold(text);
    let text = folded.text.text();
    let mut found = Vec::new();
    words(text, &mut found);
    let hashes: Vec<u64> = found.iter().map(|w| spread(w.of(text).bytes().fold(0xcbf2_9ce4_8422_2325, step))).collect();
    if hashes.len() < 3 {
        return hashes;
    }
    hashes.windows(3).map(|w| spread(w[0].rotate_left(1) ^ w[1].rotate_left(23) ^ w[2].rotate_left(43))).collect()
}

const fn step(h: u64, b: u8) -> u64 {
    (h ^ b as u64).wrapping_mul(0x0100_0000_01b3)
}

/// The finaliser of `SplitMix64`: every bit of the input moves every bit of the output.
const fn spread(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
