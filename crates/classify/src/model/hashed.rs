//! Logistic regression over hashed features, weights in int8: the sum of the weights over the root of their number, so that
//! a long text does not outweigh a short one.

use super::ModelError;

/// A table of weights and a bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Hashed {
    weights: Box<[i8]>,
    scale: f32,
    bias: f32,
    shift: u32,
}

impl Hashed {
    /// Quantises trained weights; their number is a power of two of at most [`super::TABLE_BITS_MAX`] bits.
    pub fn quantise(weights: &[f32], bias: f32) -> Self {
        let largest = weights.iter().fold(0.0_f32, |m, w| m.max(w.abs()));
        let scale = (largest / 127.0).max(1e-9);
        let quantised = weights.iter().map(|w| (w / scale).round().clamp(-127.0, 127.0) as i8).collect();
        let bits = weights.len().max(1).ilog2();
        Self { weights: quantised, scale, bias, shift: super::TABLE_BITS_MAX.saturating_sub(bits) }
    }

    /// Reads the sections `tag` (weights) and `head` (scale, bias).
    pub(super) fn parse(raw: &[u8], head: &[f32], tag: &'static str) -> Result<Self, ModelError> {
        let [scale, bias] = *head else {
            return Err(ModelError::shape(tag, format!("head has {} numbers, wanted 2", head.len())));
        };
        if !raw.len().is_power_of_two() || raw.len().ilog2() > super::TABLE_BITS_MAX {
            return Err(ModelError::shape(
                tag,
                format!("{} weights are no power of two of at most 19 bits", raw.len()),
            ));
        }
        let shift = super::TABLE_BITS_MAX - raw.len().ilog2();
        Ok(Self { weights: raw.iter().map(|b| b.cast_signed()).collect(), scale, bias, shift })
    }

    /// Number of weights.
    pub(super) const fn len(&self) -> usize {
        self.weights.len()
    }

    /// The weight of one feature, in units of the table.
    pub(super) fn weight(&self, index: u32) -> i8 {
        self.weights[(index >> self.shift) as usize]
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.weights.iter().map(|w| w.cast_unsigned()).collect()
    }

    pub(super) const fn head(&self) -> [f32; 2] {
        [self.scale, self.bias]
    }

    /// The logit of these features.
    pub fn logit(&self, indices: &[u32]) -> f32 {
        self.logit_of(self.sum(indices), indices.len())
    }

    /// The sum of the weights of these features, in units of the table.
    pub(super) fn sum(&self, indices: &[u32]) -> i32 {
        indices.iter().map(|&i| i32::from(self.weight(i))).sum()
    }

    /// The logit of `count` features by the sum of their weights.
    pub(super) fn logit_of(&self, sum: i32, count: usize) -> f32 {
        if count == 0 { self.bias } else { sum as f32 * self.scale / (count as f32).sqrt() + self.bias }
    }
}

#[cfg(test)]
mod tests {
    use super::Hashed;
    use crate::model::{ModelError, TABLE_BITS_MAX};

    #[test]
    fn the_logit_is_the_sum_over_the_root() {
        let mut weights = vec![0.0; 8];
        weights[1] = 1.0;
        weights[7] = -0.5;
        let h = Hashed::quantise(&weights, 0.25);
        let index = |i: u32| i << (TABLE_BITS_MAX - 3);
        assert_eq!(h.logit(&[]), 0.25);
        assert!((h.logit(&[index(1), index(1), index(7), index(0)]) - (1.5 / 2.0 + 0.25)).abs() < 0.01);
        let back = Hashed::parse(&h.bytes(), &h.head(), "TEST").expect("the same");
        assert_eq!(back, h);
    }

    #[test]
    fn odd_tables_are_refused() {
        for raw in [vec![0; 3], vec![0; 1 << 20], vec![]] {
            assert!(matches!(Hashed::parse(&raw, &[1.0, 0.0], "TEST"), Err(ModelError::Shape { .. })));
        }
        assert!(Hashed::parse(&[0; 4], &[1.0], "TEST").is_err());
    }
}
