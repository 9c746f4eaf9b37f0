//! Fitting: logistic regression over hashed features by `AdaGrad` (Duchi et al. 2011), networks of one hidden layer by Adam
//! (Kingma and Ba 2015), and plain logistic regression for the last step. One thread, a fixed order for a seed.

use super::Rng;
use crate::model::{Dense, Hashed, ModelError, TABLE_BITS_MAX, sigmoid};

/// One example over hashed features.
#[derive(Clone, Copy, Debug)]
pub struct Sparse<'a> {
    /// Indices of [`TABLE_BITS_MAX`] bits.
    pub indices: &'a [u32],
    /// The label.
    pub positive: bool,
    /// How much the example counts.
    pub weight: f32,
}

/// Settings of [`hashed`].
#[derive(Clone, Copy, Debug)]
pub struct SparseSettings {
    /// Bits of the table.
    pub bits: u32,
    /// Passes over the data.
    pub epochs: usize,
    /// Step.
    pub rate: f32,
    /// Part of each weight that is given up after each pass.
    pub decay: f32,
}

/// Fits a table.
pub fn hashed(rows: &[Sparse<'_>], settings: SparseSettings, seed: u64) -> Hashed {
    let shift = TABLE_BITS_MAX - settings.bits;
    let mut weights = vec![0.0_f32; 1 << settings.bits];
    let mut squares = vec![1e-4_f32; 1 << settings.bits];
    let (mut bias, mut bias_square) = (0.0_f32, 1e-4_f32);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut rng = Rng::new(seed);
    for _ in 0..settings.epochs {
        rng.shuffle(&mut order);
        for row in order.iter().map(|&i| rows[i]).filter(|r| !r.indices.is_empty()) {
            let x = 1.0 / (row.indices.len() as f32).sqrt();
            let z = row.indices.iter().map(|&i| weights[(i >> shift) as usize]).sum::<f32>() * x + bias;
            let error = (sigmoid(z) - f32::from(u8::from(row.positive))) * row.weight;
            if error.abs() < 1e-5 {
                continue;
            }
            let g = error * x;
            for &i in row.indices {
                let at = (i >> shift) as usize;
                squares[at] += g * g;
                weights[at] -= settings.rate * g / squares[at].sqrt();
            }
            bias_square += error * error;
            bias -= settings.rate * 0.1 * error / bias_square.sqrt();
        }
        weights.iter_mut().for_each(|w| *w *= 1.0 - settings.decay);
    }
    Hashed::quantise(&weights, bias)
}

/// One example over a few numbers.
#[derive(Clone, Copy, Debug)]
pub struct Full<'a> {
    /// Inputs.
    pub x: &'a [f32],
    /// The label.
    pub positive: bool,
    /// How much the example counts.
    pub weight: f32,
}

/// Settings of [`dense`].
#[derive(Clone, Copy, Debug)]
pub struct DenseSettings {
    /// Hidden units.
    pub hidden: usize,
    /// Passes over the data.
    pub epochs: usize,
    /// Step.
    pub rate: f32,
    /// Weight decay, decoupled from the step (Loshchilov and Hutter 2019).
    pub decay: f32,
}

/// Fits a network of `inputs` inputs.
///
/// # Errors
/// [`ModelError::Shape`] if the widths are not those of a network.
pub fn dense(rows: &[Full<'_>], inputs: usize, settings: DenseSettings, seed: u64) -> Result<Dense, ModelError> {
    const BATCH: usize = 32;
    let hidden = settings.hidden;
    let mut rng = Rng::new(seed);
    let mut numbers = vec![0.0_f32; hidden * (inputs + 2) + 1];
    let spread = (6.0 / (inputs + hidden) as f32).sqrt() * if inputs > 64 { 4.0 } else { 1.0 };
    numbers[..hidden * inputs].iter_mut().for_each(|w| *w = rng.signed() * spread);
    numbers[hidden * (inputs + 1)..hidden * (inputs + 2)].iter_mut().for_each(|w| *w = rng.signed());
    let mut adam = Adam::new(numbers.len());
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut gradient = vec![0.0_f32; numbers.len()];
    let mut active = vec![0.0_f32; hidden];
    let steps = settings.epochs * rows.len().div_ceil(BATCH);
    let mut step = 0;
    for _ in 0..settings.epochs {
        rng.shuffle(&mut order);
        for batch in order.chunks(BATCH) {
            gradient.fill(0.0);
            for row in batch.iter().map(|&i| rows[i]) {
                backward(&numbers, inputs, hidden, row, &mut active, &mut gradient);
            }
            let rate = settings.rate * (1.0 - step as f32 / steps as f32).max(0.05);
            adam.step(&mut numbers, &gradient, rate, settings.decay, 1.0 / batch.len() as f32);
            step += 1;
        }
    }
    Dense::new(inputs, hidden, numbers, "fit")
}

fn backward(numbers: &[f32], inputs: usize, hidden: usize, row: Full<'_>, active: &mut [f32], gradient: &mut [f32]) {
    let (biases, out) = (hidden * inputs, hidden * (inputs + 1));
    let mut z = numbers[out + hidden];
    for (h, a) in active.iter_mut().enumerate() {
        let weights = &numbers[h * inputs..(h + 1) * inputs];
        *a = (weights.iter().zip(row.x).map(|(w, x)| w * x).sum::<f32>() + numbers[biases + h]).max(0.0);
        z += numbers[out + h] * *a;
    }
    let error = (sigmoid(z) - f32::from(u8::from(row.positive))) * row.weight;
    gradient[out + hidden] += error;
    for (h, &a) in active.iter().enumerate().filter(|(_, a)| **a > 0.0) {
        gradient[out + h] += error * a;
        let back = error * numbers[out + h];
        gradient[biases + h] += back;
        gradient[h * inputs..(h + 1) * inputs].iter_mut().zip(row.x).for_each(|(g, x)| *g += back * x);
    }
}

struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Adam {
    fn new(count: usize) -> Self {
        Self { first: vec![0.0; count], second: vec![0.0; count], steps: 0 }
    }

    fn step(&mut self, numbers: &mut [f32], gradient: &[f32], rate: f32, decay: f32, scale: f32) {
        self.steps += 1;
        let (c1, c2) = (1.0 - 0.9_f32.powi(self.steps), 1.0 - 0.999_f32.powi(self.steps));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((n, g), (m, v)) in numbers.iter_mut().zip(gradient).zip(moments) {
            let g = g * scale;
            *m = 0.9 * *m + 0.1 * g;
            *v = 0.999 * *v + 0.001 * g * g;
            *n -= rate * ((*m / c1) / ((*v / c2).sqrt() + 1e-8) + decay * *n);
        }
    }
}

/// Weights and bias of a logistic regression over few numbers, as a network that is linear: each input passes through two
/// hidden units, one for its positive and one for its negative part. Weights whose sign `keep_positive` forbids are cut.
///
/// # Errors
/// [`ModelError::Shape`] if there are no inputs.
pub fn linear(rows: &[Full<'_>], inputs: usize, keep_positive: &[bool]) -> Result<Dense, ModelError> {
    let mut numbers = vec![0.0_f32; inputs + 1];
    let mut adam = Adam::new(numbers.len());
    let mut gradient = vec![0.0_f32; numbers.len()];
    let total: f32 = rows.iter().map(|r| r.weight).sum::<f32>().max(1e-6);
    for step in 0..600 {
        gradient.fill(0.0);
        for row in rows {
            let z = numbers[inputs] + numbers.iter().zip(row.x).map(|(w, x)| w * x).sum::<f32>();
            let error = (sigmoid(z) - f32::from(u8::from(row.positive))) * row.weight;
            gradient.iter_mut().zip(row.x).for_each(|(g, x)| *g += error * x);
            gradient[inputs] += error;
        }
        adam.step(&mut numbers, &gradient, 0.05 * (1.0 - step as f32 / 620.0), 1e-3, 1.0 / total);
        numbers.iter_mut().zip(keep_positive).filter(|(_, keep)| **keep).for_each(|(w, _)| *w = w.max(0.0));
    }
    let hidden = inputs * 2;
    let mut network = vec![0.0_f32; hidden * (inputs + 2) + 1];
    for i in 0..inputs {
        for (h, sign) in [(2 * i, 1.0), (2 * i + 1, -1.0)] {
            network[h * inputs + i] = sign;
            network[hidden * (inputs + 1) + h] = sign * numbers[i];
        }
    }
    network[hidden * (inputs + 2)] = numbers[inputs];
    Dense::new(inputs, hidden, network, "fit")
}

#[cfg(test)]
mod tests {
    use super::{DenseSettings, Full, Sparse, SparseSettings, dense, hashed, linear};
    use crate::model::TABLE_BITS_MAX;

    #[test]
    fn each_learns_what_it_can() {
        let index = |i: u32| i << (TABLE_BITS_MAX - 4);
        let (yes, no) = ([index(1), index(2)], [index(2), index(3)]);
        let rows: Vec<_> = (0..40)
            .map(|i| Sparse { indices: if i % 2 == 0 { &yes } else { &no }, positive: i % 2 == 0, weight: 1.0 })
            .collect();
        let h = hashed(&rows, SparseSettings { bits: 4, epochs: 20, rate: 0.5, decay: 0.0 }, 1);
        assert!(h.logit(&yes) > 1.0 && h.logit(&no) < -1.0);

        // Exclusive or: the network can, a line cannot.
        let points = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
        let rows: Vec<_> =
            (0..400).map(|i| Full { x: &points[i % 4], positive: matches!(i % 4, 1 | 2), weight: 1.0 }).collect();
        let settings = DenseSettings { hidden: 16, epochs: 60, rate: 0.02, decay: 0.0 };
        let d = dense(&rows, 2, settings, 3).expect("fits");
        assert!(points.iter().enumerate().all(|(i, p)| (d.logit(p) > 0.0) == matches!(i, 1 | 2)));
        assert_eq!(dense(&rows, 2, settings, 3).expect("fits"), d);

        let rows: Vec<_> = (0..40).map(|i| Full { x: &points[i % 4], positive: i % 4 >= 2, weight: 1.0 }).collect();
        let l = linear(&rows, 2, &[true, true]).expect("fits");
        assert!(l.logit(&[1.0, 0.0]) > 1.0 && l.logit(&[0.0, 1.0]) < -1.0);
    }
}
