//! A circuit breaker for each upstream.

use std::sync::{Mutex, PoisonError};

use casemate_finding::UnixMs;

/// Failures in a row that open it.
const FAILURES_MAX: u32 = 5;
/// How long it stays open before one request may try.
const OPEN_MS: i64 = 10_000;

/// How a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// Nothing passes until the time given.
    Open {
        /// When one may try.
        until: UnixMs,
    },
    /// One request is trying.
    HalfOpen,
}

impl BreakerState {
    /// The name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

#[derive(Debug)]
struct Inner {
    state: BreakerState,
    failures: u32,
    /// When the request that tries began: one that never says how it went must not hold the breaker for ever.
    trying_since: UnixMs,
}

/// Opens after some failures in a row, lets one request try after a while, closes when it succeeds.
#[derive(Debug)]
pub struct Breaker(Mutex<Inner>);

impl Default for Breaker {
    fn default() -> Self {
        Self(Mutex::new(Inner { state: BreakerState::Closed, failures: 0, trying_since: UnixMs(0) }))
    }
}

impl Breaker {
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// True if a request may go. After the open time exactly one may.
    pub fn allows(&self, now: UnixMs) -> bool {
        self.with(|b| match b.state {
            BreakerState::Closed => true,
            BreakerState::Open { until } if now < until => false,
            BreakerState::HalfOpen if now.since_ms(b.trying_since) < OPEN_MS => false,
            _ => {
                b.state = BreakerState::HalfOpen;
                b.trying_since = now;
                true
            }
        })
    }

    /// An answer began. One that tries closes the breaker with it; whether answers come to their end is seen later.
    pub fn began(&self) {
        self.with(|b| {
            if b.state != BreakerState::Closed {
                b.state = BreakerState::Closed;
                b.failures = FAILURES_MAX - 1;
            }
        });
    }

    /// An answer came to its end.
    pub fn succeeded(&self) {
        self.with(|b| {
            b.state = BreakerState::Closed;
            b.failures = 0;
        });
    }

    /// A request failed in a way that is the upstream's fault. True if this opened the breaker.
    pub fn failed(&self, now: UnixMs) -> bool {
        self.with(|b| {
            b.failures = b.failures.saturating_add(1);
            let opens = b.state == BreakerState::HalfOpen || b.failures >= FAILURES_MAX;
            if opens {
                b.state = BreakerState::Open { until: now.plus_ms(OPEN_MS) };
            }
            opens
        })
    }

    /// How it stands.
    pub fn state(&self) -> BreakerState {
        self.with(|b| b.state)
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, BreakerState, FAILURES_MAX, OPEN_MS};
    use casemate_finding::UnixMs;

    #[test]
    fn opens_tries_once_and_closes() {
        let b = Breaker::default();
        for n in 1..FAILURES_MAX {
            assert!(!b.failed(UnixMs(i64::from(n))));
            assert!(b.allows(UnixMs(0)));
        }
        assert!(b.failed(UnixMs(0)));
        assert_eq!(b.state(), BreakerState::Open { until: UnixMs(OPEN_MS) });
        assert!(!b.allows(UnixMs(OPEN_MS - 1)));
        assert!(b.allows(UnixMs(OPEN_MS)));
        assert!(!b.allows(UnixMs(OPEN_MS)), "only one tries");
        assert!(b.failed(UnixMs(OPEN_MS)));
        assert!(b.allows(UnixMs(2 * OPEN_MS)));
        b.succeeded();
        assert!(b.allows(UnixMs(2 * OPEN_MS)));
        assert!(!b.failed(UnixMs(0)), "the count starts anew");
    }

    #[test]
    fn answers_that_begin_and_break_off_count_as_failures() {
        let b = Breaker::default();
        for n in 1..FAILURES_MAX {
            b.began();
            assert!(!b.failed(UnixMs(0)), "{n}");
        }
        b.began();
        assert!(b.failed(UnixMs(0)));
        assert!(b.allows(UnixMs(OPEN_MS)));
        b.began();
        assert_eq!(b.state(), BreakerState::Closed);
        assert!(b.failed(UnixMs(OPEN_MS)), "one more opens it again");
        assert!(b.allows(UnixMs(2 * OPEN_MS)));
        b.began();
        b.succeeded();
        assert!(!b.failed(UnixMs(2 * OPEN_MS)), "the count starts anew");
    }

    #[test]
    fn a_try_that_never_ends_does_not_hold_it() {
        let b = Breaker::default();
        for _ in 0..FAILURES_MAX {
            b.failed(UnixMs(0));
        }
        assert!(b.allows(UnixMs(OPEN_MS)));
        assert!(b.allows(UnixMs(2 * OPEN_MS)));
    }
}
