//! One token bucket, refilled evenly over the minute; pure arithmetic.

use casemate_finding::UnixMs;

/// Refilling adds fractions; a millionth less than needed is a rounding error, not a debt.
const ROUNDING: f64 = 1e-6;

/// A bucket that holds one minute's worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    level: f64,
    at: UnixMs,
}

impl Bucket {
    /// A full bucket.
    pub fn full(per_min: u64, now: UnixMs) -> Self {
        Self { level: per_min as f64, at: now }
    }

    fn refill(&mut self, per_min: u64, now: UnixMs) {
        let capacity = per_min as f64;
        // A clock that steps back refills nothing.
        let passed = now.since_ms(self.at).max(0) as f64;
        self.level = (self.level + passed * capacity / 60_000.0).min(capacity);
        self.at = self.at.max(now);
    }

    /// Takes `n`, or says in how many milliseconds there will be enough. More than the bucket ever holds counts as
    /// all that it holds.
    pub fn take(&mut self, n: u64, per_min: u64, now: UnixMs) -> Result<(), u64> {
        self.refill(per_min, now);
        let needed = n.min(per_min) as f64;
        if self.level + ROUNDING < needed {
            return Err(wait_ms(needed - self.level, per_min));
        }
        self.level -= needed;
        Ok(())
    }

    /// Corrects by the difference between what was taken and what was used; the level may go below zero, and whoever
    /// comes next waits for it.
    pub fn correct(&mut self, taken: u64, used: u64, per_min: u64) {
        let capacity = per_min as f64;
        self.level = (self.level + taken.min(per_min) as f64 - used as f64).clamp(-capacity, capacity);
    }

    /// What is left, whole.
    pub fn remaining(&self) -> u64 {
        (self.level + ROUNDING).max(0.0) as u64
    }

    /// Milliseconds until it is full.
    pub fn full_in_ms(&self, per_min: u64) -> u64 {
        wait_ms(per_min as f64 - self.level, per_min)
    }

    /// True if nothing would be lost by forgetting it.
    pub fn is_full(&self, per_min: u64, now: UnixMs) -> bool {
        let mut later = *self;
        later.refill(per_min, now);
        later.level + ROUNDING >= per_min as f64
    }
}

fn wait_ms(missing: f64, per_min: u64) -> u64 {
    ((missing - ROUNDING).max(0.0) * 60_000.0 / per_min.max(1) as f64).ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::Bucket;
    use casemate_finding::UnixMs;

    #[test]
    fn a_minutes_worth_then_one_at_a_time() {
        let mut b = Bucket::full(60, UnixMs(0));
        for _ in 0..60 {
            assert_eq!(b.take(1, 60, UnixMs(0)), Ok(()));
        }
        assert_eq!(b.take(1, 60, UnixMs(0)), Err(1_000));
        assert_eq!(b.take(1, 60, UnixMs(999)), Err(1));
        assert_eq!(b.take(1, 60, UnixMs(1_000)), Ok(()));
        assert_eq!(b.take(1, 60, UnixMs(500)), Err(1_000), "a clock that steps back gives nothing");
        assert!(!b.is_full(60, UnixMs(60_999)));
        assert!(b.is_full(60, UnixMs(61_000)));
    }

    #[test]
    fn debts_are_paid_before_the_next_one() {
        let mut b = Bucket::full(100, UnixMs(0));
        assert_eq!(b.take(500, 100, UnixMs(0)), Ok(()), "more than it holds is all that it holds");
        b.correct(500, 150, 100);
        assert_eq!(b.remaining(), 0);
        assert_eq!(b.take(1, 100, UnixMs(0)), Err(30_600));
        b.correct(0, u64::MAX, 100);
        assert_eq!(b.take(0, 100, UnixMs(0)), Err(60_000), "a debt is at most one minute");
        b.correct(100, 0, 100);
        assert_eq!(b.take(0, 100, UnixMs(0)), Ok(()));
    }
}
