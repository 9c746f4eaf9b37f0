//! How many different values a column has, in constant memory.

use serde::{Deserialize, Serialize};

/// Values counted exactly before the estimate takes over.
const EXACT_MAX: usize = 128;
/// Registers are 2^10: standard error 1.04 / √1024 = 3.25 %.
const REGISTER_BITS: u32 = 10;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// A number of different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// Different values.
    pub count: u64,
    /// False when `count` is an estimate (standard error 3.25 %).
    pub exact: bool,
}

/// Counts different values: exactly at first, then HyperLogLog (Flajolet et al., 2007).
#[derive(Clone, Debug)]
pub(crate) enum DistinctCounter {
    Exact(Vec<u64>),
    Estimate(Box<[u8; REGISTERS]>),
}

impl Default for DistinctCounter {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl DistinctCounter {
    pub(crate) fn add(&mut self, value: &[u8]) {
        let hash = hash(value);
        match self {
            Self::Exact(seen) => {
                let Err(at) = seen.binary_search(&hash) else { return };
                if seen.len() < EXACT_MAX {
                    seen.insert(at, hash);
                    return;
                }
                let mut registers = Box::new([0; REGISTERS]);
                for h in seen.iter().chain([&hash]) {
                    register(&mut registers, *h);
                }
                *self = Self::Estimate(registers);
            }
            Self::Estimate(registers) => register(registers, hash),
        }
    }

    pub(crate) fn count(&self) -> Distinct {
        match self {
            Self::Exact(seen) => Distinct { count: seen.len() as u64, exact: true },
            Self::Estimate(registers) => Distinct { count: estimate(registers), exact: false },
        }
    }
}

fn register(registers: &mut [u8; REGISTERS], hash: u64) {
    let index = (hash >> (64 - REGISTER_BITS)) as usize;
    let rest = hash << REGISTER_BITS | 1 << (REGISTER_BITS - 1);
    let rank = u8::try_from(rest.leading_zeros() + 1).unwrap_or(u8::MAX);
    registers[index] = registers[index].max(rank);
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate of a count: positive, and far below 2^53"
)]
fn estimate(registers: &[u8; REGISTERS]) -> u64 {
    let m = REGISTERS as f64;
    let alpha = 0.7213 / (1.0 + 1.079 / m);
    let sum: f64 = registers.iter().map(|r| (-f64::from(*r)).exp2()).sum();
    let raw = alpha * m * m / sum;
    let zeros = registers.iter().filter(|r| **r == 0).count();
    if raw <= 2.5 * m && zeros > 0 {
        return (m * (m / zeros as f64).ln()).round() as u64;
    }
    raw.round() as u64
}

/// 64 well-mixed bits: eight bytes at a time through a folded multiplication. Not keyed: it only ever counts.
fn hash(value: &[u8]) -> u64 {
    const A: u64 = 0x9e37_79b9_7f4a_7c15;
    const B: u64 = 0xd1b5_4a32_d192_ed03;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let mut state = A ^ (value.len() as u64);
    let chunks = value.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        state = fold(state ^ u64::from_le_bytes(word), B);
    }
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    state = fold(state ^ u64::from_le_bytes(word), B);
    fold(state ^ A, A | 1).wrapping_mul(B) ^ state.rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::{Distinct, DistinctCounter, EXACT_MAX};

    fn count(n: usize) -> Distinct {
        let mut counter = DistinctCounter::default();
        for _ in 0..3 {
            for i in 0..n {
                counter.add(format!("value {i}").as_bytes());
            }
        }
        counter.count()
    }

    #[test]
    fn exact_to_the_limit_then_within_four_errors() {
        assert_eq!(count(0), Distinct { count: 0, exact: true });
        assert_eq!(count(EXACT_MAX), Distinct { count: EXACT_MAX as u64, exact: true });
        for n in [EXACT_MAX + 1, 1_000, 20_000, 200_000] {
            let Distinct { count, exact } = count(n);
            let error = (count as f64 - n as f64).abs() / n as f64;
            assert!(!exact && error < 0.13, "{n}: {count}");
        }
    }
}
