//! Learns which token follows which: skip-gram with negative samples over neighbours only (Mikolov et al. 2013), and for tokens
//! seen too seldom a ridge regression from their embedding to what their likes have learned.

use super::Rng;
use crate::model::{ADJACENCY_RANK as RANK, Adjacency, DIMENSIONS, Embedding, sigmoid};

const EPOCHS: usize = 3;
const NEGATIVES: usize = 3;
const RATE: f32 = 0.05;
/// A token seen so often is believed as much as its likes.
const PRIOR_COUNT: f32 = 12.0;
/// Tokens seen less teach nothing about their likes.
const TEACHER_COUNT: u32 = 30;
const RIDGE: f64 = 3.0;
/// Tokens of one text: a long one does not drown the others.
pub(super) const TEXT_TOKENS_MAX: usize = 600;

/// Draws tokens as often as texts use them, to a power.
#[derive(Debug)]
pub struct TokenSampler {
    cumulative: Vec<f64>,
}

impl TokenSampler {
    /// A sampler over the counts of `texts`, each raised to `power`.
    pub fn of(counts: &[u32], power: f64) -> Self {
        let mut sum = 0.0;
        let cumulative = counts
            .iter()
            .map(|&c| {
                sum += f64::from(c).powf(power) * f64::from(u8::from(c > 0));
                sum
            })
            .collect();
        Self { cumulative }
    }

    /// A token; 0 if there are none.
    pub fn draw(&self, rng: &mut Rng) -> u32 {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let at = rng.unit() * total;
        self.cumulative.partition_point(|c| *c <= at).min(self.cumulative.len().saturating_sub(1)) as u32
    }
}

/// How often each of `tokens` tokens stands in `texts`.
pub fn counts(texts: &[Vec<u32>], tokens: usize) -> Vec<u32> {
    let mut counts = vec![0_u32; tokens];
    for &t in texts.iter().flatten() {
        if let Some(c) = counts.get_mut(t as usize) {
            *c += 1;
        }
    }
    counts
}

/// Learns from `texts` as tokens.
pub fn learn(texts: &[Vec<u32>], embedding: &Embedding, seed: u64) -> Adjacency {
    let tokens = embedding.tokens();
    let counts = counts(texts, tokens);
    let noise = TokenSampler::of(&counts, 0.75);
    let mut rng = Rng::new(seed ^ 0xad);
    let mut vectors = vec![0.0_f32; tokens * RANK * 2];
    vectors.iter_mut().for_each(|v| *v = rng.signed() * 0.3);
    let mut bias = 0.0_f32;
    let mut order: Vec<usize> = (0..texts.len()).collect();
    let steps = (EPOCHS * texts.len()).max(1);
    let mut step = 0;
    for _ in 0..EPOCHS {
        rng.shuffle(&mut order);
        for &i in &order {
            let rate = RATE * (1.0 - step as f32 / steps as f32).max(0.1);
            step += 1;
            for pair in texts[i].windows(2) {
                nudge(&mut vectors, &mut bias, pair[0], pair[1], true, rate);
                for _ in 0..NEGATIVES {
                    let other = noise.draw(&mut rng);
                    nudge(&mut vectors, &mut bias, pair[0], other, false, rate);
                }
            }
        }
    }
    share_with_the_rare(&mut vectors, &counts, embedding);
    Adjacency::quantise(&vectors, bias)
}

fn nudge(vectors: &mut [f32], bias: &mut f32, left: u32, right: u32, follows: bool, rate: f32) {
    let (a, b) = (left as usize * RANK * 2, right as usize * RANK * 2 + RANK);
    let mut z = *bias;
    for k in 0..RANK {
        z += vectors[a + k] * vectors[b + k];
    }
    let error = sigmoid(z) - f32::from(u8::from(follows));
    for k in 0..RANK {
        let (x, y) = (vectors[a + k], vectors[b + k]);
        vectors[a + k] -= rate * (error * y + 1e-4 * x);
        vectors[b + k] -= rate * (error * x + 1e-4 * y);
    }
    *bias -= rate * 0.01 * error;
}

/// Blends each vector with what a ridge regression makes of the token's embedding, the less the oftener it was seen.
fn share_with_the_rare(vectors: &mut [f32], counts: &[u32], embedding: &Embedding) {
    const WIDTH: usize = RANK * 2;
    let unit = |token: usize| {
        let mut x = [0.0; DIMENSIONS];
        embedding.add(&[token as u32], &mut x);
        crate::model::normalise(&mut x);
        x
    };
    let mut gram = vec![0.0_f64; DIMENSIONS * DIMENSIONS];
    let mut target = vec![0.0_f64; DIMENSIONS * WIDTH];
    for (token, _) in counts.iter().enumerate().filter(|(_, c)| **c >= TEACHER_COUNT) {
        let x = unit(token);
        for i in 0..DIMENSIONS {
            let xi = f64::from(x[i]);
            for j in 0..=i {
                gram[i * DIMENSIONS + j] += xi * f64::from(x[j]);
            }
            for k in 0..WIDTH {
                target[i * WIDTH + k] += xi * f64::from(vectors[token * WIDTH + k]);
            }
        }
    }
    for i in 0..DIMENSIONS {
        gram[i * DIMENSIONS + i] += RIDGE;
    }
    solve(&mut gram, &mut target, WIDTH);
    for (token, &count) in counts.iter().enumerate() {
        let own = count as f32 / (count as f32 + PRIOR_COUNT);
        let x = unit(token);
        for k in 0..WIDTH {
            let likes: f64 = (0..DIMENSIONS).map(|i| f64::from(x[i]) * target[i * WIDTH + k]).sum();
            let v = &mut vectors[token * WIDTH + k];
            *v = own * *v + (1.0 - own) * likes as f32;
        }
    }
}

/// Solves `gram · w = target` in place by Cholesky; `gram` is symmetric and positive definite, its lower half given.
fn solve(gram: &mut [f64], target: &mut [f64], width: usize) {
    let n = DIMENSIONS;
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| gram[i * n + k] * gram[j * n + k]).sum();
            let rest = gram[i * n + j] - dot;
            gram[i * n + j] = if i == j { rest.max(1e-9).sqrt() } else { rest / gram[j * n + j] };
        }
    }
    for k in 0..width {
        for i in 0..n {
            let dot: f64 = (0..i).map(|j| gram[i * n + j] * target[j * width + k]).sum();
            target[i * width + k] = (target[i * width + k] - dot) / gram[i * n + i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|j| gram[j * n + i] * target[j * width + k]).sum();
            target[i * width + k] = (target[i * width + k] - dot) / gram[i * n + i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenSampler, counts, learn};
    use crate::model::Embedding;
    use crate::train::Rng;

    #[test]
    fn what_was_seen_in_order_is_likelier_than_what_was_not() {
        let embedding = Embedding::parse(&crate::model::tiny_table(&["[UNK]", "a", "b", "c", "d"])).expect("a table");
        let texts = vec![vec![1, 2, 1, 2, 3, 4, 3, 4, 1, 2]; 60];
        let learned = learn(&texts, &embedding, 3);
        assert!(learned.logit(1, 2) > learned.logit(1, 4) + 1.0);
        assert!(learned.logit(3, 4) > learned.logit(4, 2) + 1.0);
        assert_eq!(learned, learn(&texts, &embedding, 3));
        assert_eq!(counts(&texts, 5)[1], 180);
        let mut rng = Rng::new(1);
        let sampler = TokenSampler::of(&[0, 3, 0, 1], 1.0);
        let drawn: Vec<u32> = (0..400).map(|_| sampler.draw(&mut rng)).collect();
        let ones = drawn.iter().filter(|t| **t == 1).count();
        assert!(drawn.iter().all(|t| matches!(t, 1 | 3)) && (250..350).contains(&ones), "{ones}");
    }
}
