//! The one place of this crate that reads a clock: how long a check has run.

use std::time::{Duration, Instant};

/// A moment to measure from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(Instant);

impl Moment {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "time-outs of checks are measured here and nowhere else")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// Time since this moment.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
