//! A network of one hidden layer: `w2 · max(0, w1 x + b1) + b2`.

use super::ModelError;

/// The network.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    inputs: usize,
    hidden: usize,
    /// `hidden` rows of `inputs` weights, then `hidden` biases, then `hidden` weights of the output, then its bias.
    numbers: Vec<f32>,
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
        Ok(Self { inputs, hidden, numbers })
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
        let (rows, rest) = self.numbers.split_at(self.hidden * self.inputs);
        let (biases, rest) = rest.split_at(self.hidden);
        let (out, bias) = rest.split_at(self.hidden);
        let mut z = bias.first().copied().unwrap_or(0.0);
        for ((row, b), o) in rows.chunks_exact(self.inputs).zip(biases).zip(out) {
            z += o * (dot(row, x) + b).max(0.0);
        }
        z
    }
}

/// A dot product in eight lanes, which the compiler turns into vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for (x, y) in a8.iter().zip(b8) {
        for (lane, (u, v)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += u * v;
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(u, v)| u * v).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::Dense;

    #[test]
    fn one_hidden_layer() {
        let d = Dense::new(2, 1, vec![1.0, 2.0, -1.0, 3.0, 0.5], "TEST").expect("fits");
        assert_eq!(d.logit(&[1.0, 1.0]), 6.5);
        assert_eq!(d.logit(&[0.0, 0.0]), 0.5);
        assert!(Dense::new(2, 1, vec![0.0; 4], "TEST").is_err());
        assert!(Dense::new(0, 1, vec![0.0; 3], "TEST").is_err());
        assert!(Dense::parse(2, vec![0.0; 9], "TEST").is_ok());
        assert!(Dense::parse(2, vec![0.0; 8], "TEST").is_err());
    }
}
