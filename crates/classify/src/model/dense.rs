//! A network of one hidden layer: `w2 · max(0, w1 x + b1) + b2`.

use super::ModelError;
use super::wide::{Wide, wide};

/// Units that are worked on side by side.
const LANES: usize = 8;

/// The network.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    inputs: usize,
    hidden: usize,
    /// `hidden` rows of `inputs` weights, then `hidden` biases, then `hidden` weights of the output, then its bias.
    numbers: Vec<f32>,
    /// The rows again, eight side by side: for every group of units and every input, its weight to each unit of the group.
    columns: Vec<[f32; LANES]>,
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
        let weight = |unit: usize, input: usize| if unit < hidden { numbers[unit * inputs + input] } else { 0.0 };
        let columns = (0..hidden.div_ceil(LANES))
            .flat_map(|group| (0..inputs).map(move |input| (group, input)))
            .map(|(group, input)| std::array::from_fn(|lane| weight(group * LANES + lane, input)))
            .collect();
        Ok(Self { inputs, hidden, numbers, columns })
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

    /// The logit of `x`; inputs too few count as zero.
    pub fn logit(&self, x: &[f32]) -> f32 {
        self.finish(self.columns.chunks_exact(self.inputs).map(|group| project(group, x)), 1.0)
    }

    /// What the hidden units get of `x` before their biases. It is linear: of a sum of inputs it is the sum.
    pub(super) fn project(&self, x: &[f32], out: &mut Vec<[f32; LANES]>) {
        out.clear();
        out.resize(self.columns.len() / self.inputs, [0.0; LANES]);
        wide(Project { columns: &self.columns, inputs: self.inputs, x, out });
    }

    /// The logit of an input by its projection, times `scale`.
    #[inline]
    pub(super) fn finish(&self, projected: impl Iterator<Item = [f32; LANES]>, scale: f32) -> f32 {
        let (biases, rest) = self.numbers.split_at(self.hidden * self.inputs).1.split_at(self.hidden);
        let (out, bias) = rest.split_at(self.hidden);
        let mut z = bias.first().copied().unwrap_or(0.0);
        for ((units, b), o) in projected.zip(biases.chunks(LANES)).zip(out.chunks(LANES)) {
            for ((u, b), o) in units.iter().zip(b).zip(o) {
                z += o * (u * scale + b).max(0.0);
            }
        }
        z
    }
}

struct Project<'a> {
    columns: &'a [[f32; LANES]],
    inputs: usize,
    x: &'a [f32],
    out: &'a mut [[f32; LANES]],
}

impl Wide for Project<'_> {
    #[inline(always)]
    fn run(self) {
        for (out, group) in self.out.iter_mut().zip(self.columns.chunks_exact(self.inputs)) {
            *out = project(group, self.x);
        }
    }
}

/// The sums of one group of units over `x`, two inputs at a time, so that no sum waits for the one before it.
#[inline(always)]
fn project(group: &[[f32; LANES]], x: &[f32]) -> [f32; LANES] {
    let count = x.len().min(group.len());
    let (x2, x_rest) = x[..count].as_chunks::<2>();
    let (g2, g_rest) = group[..count].as_chunks::<2>();
    let (mut even, mut odd) = ([0.0_f32; LANES], [0.0_f32; LANES]);
    for (x, g) in x2.iter().zip(g2) {
        even = add_times(even, x[0], g[0]);
        odd = add_times(odd, x[1], g[1]);
    }
    if let ([x], [g]) = (x_rest, g_rest) {
        even = add_times(even, *x, *g);
    }
    add_times(even, 1.0, odd)
}

/// `sum + x · weights`, lane by lane: of arrays of this width the compiler makes vector instructions.
#[inline(always)]
fn add_times(sum: [f32; LANES], x: f32, weights: [f32; LANES]) -> [f32; LANES] {
    std::array::from_fn(|lane| sum[lane] + x * weights[lane])
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
