//! How likely one token is to follow another: a low-rank table over the vocabulary, learned from harmless text. Words in an
//! order that nobody would write are a sign of an optimised suffix even where each word is common.

use super::ModelError;

/// Numbers of one token on each side.
pub const RANK: usize = 16;

/// Vectors of every token as the left and as the right of a pair, in int8, with one scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjacency {
    /// `RANK` numbers as the left of a pair, then `RANK` as the right, token by token.
    vectors: Box<[i8]>,
    scale: f32,
    bias: f32,
}

impl Adjacency {
    /// Quantises learned vectors: `2 · RANK` numbers a token.
    pub fn quantise(vectors: &[f32], bias: f32) -> Self {
        let largest = vectors.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let scale = (largest / 127.0).max(1e-9);
        let quantised = vectors.iter().map(|v| (v / scale).round().clamp(-127.0, 127.0) as i8).collect();
        Self { vectors: quantised, scale: scale * scale, bias }
    }

    /// Reads a table for a vocabulary of `tokens`.
    pub(super) fn parse(raw: &[u8], head: &[f32], tokens: usize) -> Result<Self, ModelError> {
        let [scale, bias] = *head else {
            return Err(ModelError::shape("ADJH", format!("{} numbers, wanted 2", head.len())));
        };
        if raw.len() != tokens * RANK * 2 {
            let what = format!("{} numbers for {tokens} tokens, wanted {}", raw.len(), tokens * RANK * 2);
            return Err(ModelError::shape("ADJC", what));
        }
        Ok(Self { vectors: raw.iter().map(|b| b.cast_signed()).collect(), scale, bias })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.vectors.iter().map(|w| w.cast_unsigned()).collect()
    }

    pub(super) const fn head(&self) -> [f32; 2] {
        [self.scale, self.bias]
    }

    /// The logit that `right` follows `left` in text rather than by chance; 0 for tokens beyond the table.
    pub fn logit(&self, left: u32, right: u32) -> f32 {
        let side = |token: u32, offset: usize| {
            let at = token as usize * RANK * 2 + offset;
            self.vectors.get(at..at + RANK)
        };
        let (Some(a), Some(b)) = (side(left, 0), side(right, RANK)) else { return 0.0 };
        let dot: i32 = a.iter().zip(b).map(|(x, y)| i32::from(*x) * i32::from(*y)).sum();
        dot as f32 * self.scale + self.bias
    }
}

#[cfg(test)]
mod tests {
    use super::{Adjacency, RANK};
    use crate::model::ModelError;

    #[test]
    fn order_counts() {
        let mut vectors = vec![0.0; 2 * 2 * RANK];
        vectors[0] = 2.0;
        vectors[2 * RANK + RANK] = 1.0;
        let a = Adjacency::quantise(&vectors, -0.5);
        assert!((a.logit(0, 1) - 1.5).abs() < 0.05, "{}", a.logit(0, 1));
        assert_eq!((a.logit(1, 0), a.logit(0, 9)), (-0.5, 0.0));
        assert_eq!(Adjacency::parse(&a.bytes(), &a.head(), 2).as_ref(), Ok(&a));
        assert!(matches!(Adjacency::parse(&a.bytes(), &a.head(), 3), Err(ModelError::Shape { .. })));
        assert!(Adjacency::parse(&a.bytes(), &[1.0], 2).is_err());
    }
}
