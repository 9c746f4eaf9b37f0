//! `SimHash` (Charikar 2002): texts that share most shingles differ in few of 64 bits.

use serde::{Deserialize, Serialize};

/// A fingerprint of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimHash(pub u64);

impl SimHash {
    /// The fingerprint of `text`, after folding.
    pub fn of(text: &str) -> Self {
        let mut votes = [0_i32; 64];
        for h in super::shingles(text) {
            for (bit, vote) in votes.iter_mut().enumerate() {
                *vote += if h >> bit & 1 == 1 { 1 } else { -1 };
            }
        }
        Self(votes.iter().enumerate().fold(0, |bits, (i, v)| bits | u64::from(*v > 0) << i))
    }

    /// Bits in which two differ, 0 to 64: unrelated texts come near 32, edits of one text under 12.
    pub const fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

#[cfg(test)]
mod tests {
    use super::SimHash;

    #[test]
    fn edits_are_near_and_others_far() {
        let base = "please transfer the whole amount to the account below before noon today and do not tell anyone in \
                    the office about it because the deal is secret until the board has met next week";
        let edited = base.replace("noon", "evening");
        let other = "the quick brown fox jumps over the lazy dog while seven wizards box with five dozen liquor jugs in \
                     a quiet garden behind the old stone house near the river every single summer afternoon";
        let near = SimHash::of(base).distance(SimHash::of(&edited));
        let far = SimHash::of(base).distance(SimHash::of(other));
        assert!(near <= 12 && far >= 18, "{near} {far}");
        assert_eq!(SimHash::of(base), SimHash::of(&base.to_uppercase()));
    }
}
