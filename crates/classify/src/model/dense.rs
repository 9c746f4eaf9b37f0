//! A network of one hidden layer: `w2 · max(0, w1 x + b1) + b2`.

use super::ModelError;
use super::projection::{Panel, Projection};
use super::wide::{Wide, wide};

/// The network.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    inputs: usize,
    hidden: usize,
    /// `hidden` rows of `inputs` weights, then `hidden` biases, then `hidden` weights of the output, then its bias.
    numbers: Vec<f32>,
    /// The rows again, as they are multiplied.
    rows: Projection,
}

impl Dense {
    /// Most inputs, and most hidden units.
    pub const WIDTH_MAX: usize = 1024;

    /// A network over `numbers` in the order of the field.
    ///
    /// # Errors
    /// [`ModelError::Shape`] if their count is not that of such a network.
    pub fn new(inputs: usize, hidden: usize, numbers: Vec<f32>, tag: &'static str) -> Result<Self, ModelError> {
        let fits = (1..=Self::WIDTH_MAX).contains(&inputs) && (1..=Self::WIDTH_MAX).contains(&hidden);
        if !fits || numbers.len() != hidden * (inputs + 2) + 1 {
            let what = format!("{} numbers do not make a network of {inputs} inputs and {hidden} units", numbers.len());
            return Err(ModelError::shape(tag, what));
        }
        let rows = Projection::of(inputs, &numbers[..hidden * inputs]);
        Ok(Self { inputs, hidden, numbers, rows })
    }

    /// A network whose number of hidden units follows from the count of `numbers`.
    pub(super) fn parse(inputs: usize, numbers: Vec<f32>, tag: &'static str) -> Result<Self, ModelError> {
        let hidden = numbers.len().saturating_sub(1) / (inputs + 2);
        Self::new(inputs, hidden, numbers, tag)
    }

    /// All numbers, in the order of the field.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// Inputs that it takes.
    pub const fn inputs(&self) -> usize {
        self.inputs
    }

    /// Weights of the hidden units to the inputs, unit by unit.
    pub(super) fn weights(&self) -> &[f32] {
        &self.numbers[..self.hidden * self.inputs]
    }

    /// Its hidden units.
    pub(super) const fn hidden(&self) -> usize {
        self.hidden
    }

    /// The logit of `x`; inputs too few count as zero.
    pub fn logit(&self, x: &[f32]) -> f32 {
        wide(Logit { network: self, x })
    }

    /// What the hidden units get of `x` before their biases. It is linear: of a sum of inputs it is the sum.
    pub(super) fn project(&self, x: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.resize(self.rows.width(), 0.0);
        wide(Project { rows: &self.rows, x, out });
    }

    /// The logit of an input by what the hidden units get of it before their biases, times `scale`.
    #[inline(always)]
    pub(super) fn finish(&self, projected: &[f32], scale: f32) -> f32 {
        self.add_units(self.bias(), 0, projected, scale)
    }

    #[inline(always)]
    fn bias(&self) -> f32 {
        self.numbers.last().copied().unwrap_or(0.0)
    }

    /// Adds to `z` what the hidden units from `first` on say.
    #[inline(always)]
    fn add_units(&self, mut z: f32, first: usize, projected: &[f32], scale: f32) -> f32 {
        let (biases, out) = self.numbers[self.hidden * self.inputs..].split_at(self.hidden);
        let biases = biases.get(first..).unwrap_or_default();
        let out = out.get(first..self.hidden).unwrap_or_default();
        for ((u, b), o) in projected.iter().zip(biases).zip(out) {
            z += o * (u * scale + b).max(0.0);
        }
        z
    }
}

struct Project<'a> {
    rows: &'a Projection,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Wide for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.rows.project(self.x, self.out);
    }
}

struct Logit<'a> {
    network: &'a Dense,
    x: &'a [f32],
}

impl Wide for Logit<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let (mut z, mut first) = (self.network.bias(), 0);
        self.network.rows.each_panel(self.x, |panel: &Panel| {
            z = self.network.add_units(z, first, panel, 1.0);
            first += panel.len();
        });
        z
    }
}

#[cfg(test)]
mod tests {
    use super::Dense;

    #[test]
    fn one_hidden_layer() {
        let d = Dense::new(2, 1, vec![1.0, 2.0, -1.0, 3.0, 0.5], "TEST").expect("fits");
        assert_eq!(d.logit(&[1.0, 1.0]), 6.5);
        assert_eq!(d.logit(&[0.0, 0.0]), 0.5);
        assert_eq!(d.logit(&[1.0]), 0.5 + 3.0 * 0.0_f32.max(1.0 - 1.0));
        assert!(Dense::new(2, 1, vec![0.0; 4], "TEST").is_err());
        assert!(Dense::new(0, 1, vec![0.0; 3], "TEST").is_err());
        assert!(Dense::parse(2, vec![0.0; 9], "TEST").is_ok());
        assert!(Dense::parse(2, vec![0.0; 8], "TEST").is_err());
    }

    #[test]
    fn units_side_by_side_are_the_rows() {
        for (inputs, hidden) in [(1, 1), (3, 8), (15, 24), (16, 9), (256, 32)] {
            let at = |i: usize| ((i * 37 + 11) % 101) as f32 / 50.0 - 1.0;
            let numbers: Vec<f32> = (0..hidden * (inputs + 2) + 1).map(at).collect();
            for given in [inputs, inputs / 2, inputs + 1] {
                let x: Vec<f32> = (0..given).map(|i| at(i * 7)).collect();
                let (rows, rest) = numbers.split_at(hidden * inputs);
                let want = rest[2 * hidden]
                    + (0..hidden)
                        .map(|h| {
                            let sum: f32 = rows[h * inputs..][..inputs].iter().zip(&x).map(|(w, x)| w * x).sum();
                            rest[hidden + h] * (sum + rest[h]).max(0.0)
                        })
                        .sum::<f32>();
                let d = Dense::new(inputs, hidden, numbers.clone(), "TEST").expect("fits");
                assert!((d.logit(&x) - want).abs() < 1e-2, "{inputs} {hidden} {given}: {} {want}", d.logit(&x));
            }
        }
    }
}
