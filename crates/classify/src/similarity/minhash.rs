//! `MinHash` (Broder 1997): the share of equal places estimates how much two sets of shingles overlap.

use super::{shingles, spread};

const PLACES: usize = 64;

/// A signature of 64 places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinHash([u32; PLACES]);

impl MinHash {
    /// The signature of `text`, after folding. A text without words is like nothing, not even itself.
    pub fn of(text: &str) -> Self {
        let mut places = [u32::MAX; PLACES];
        for h in shingles(text) {
            for (i, place) in places.iter_mut().enumerate() {
                let value = (spread(h ^ (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 32) as u32;
                *place = (*place).min(value);
            }
        }
        Self(places)
    }

    /// Estimated Jaccard overlap, 0 to 1, with a standard error of at most .0625.
    pub fn overlap(&self, other: &Self) -> f32 {
        let equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b && **a != u32::MAX).count();
        equal as f32 / PLACES as f32
    }

    /// Sixteen bands of four places: two texts that overlap by .7 share a band with probability .99, by .2 with .03.
    pub fn bands(&self) -> impl Iterator<Item = u64> + '_ {
        self.0
            .chunks_exact(4)
            .enumerate()
            .map(|(i, band)| band.iter().fold(spread(i as u64 + 1), |h, &place| spread(h ^ u64::from(place))))
    }
}

#[cfg(test)]
mod tests {
    use super::MinHash;

    #[test]
    fn overlap_is_estimated() {
        let words: Vec<String> = (0..200).map(|i| format!("word{i}")).collect();
        let (a, b) = (words[..150].join(" "), words[50..].join(" "));
        // 98 shared of 198 shingles.
        let overlap = MinHash::of(&a).overlap(&MinHash::of(&b));
        assert!((overlap - 0.495).abs() < 0.19, "{overlap}");
        assert_eq!(MinHash::of(&a).overlap(&MinHash::of(&a)), 1.0);
        assert_eq!(MinHash::of("").overlap(&MinHash::of("")), 0.0);
        assert_eq!(MinHash::of(&a).bands().count(), 16);
    }
}
