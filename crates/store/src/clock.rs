//! The one home of the clock: everything else takes the time as a parameter or holds a [`Clock`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use casemate_finding::UnixMs;

/// Tells the time; cheap to clone. Tests use [`Clock::manual`] and move it themselves.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved.
    pub fn manual(start: UnixMs) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// Now.
    #[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
    pub fn now(&self) -> UnixMs {
        match &self.0 {
            Source::System => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Source::Manual(ms) => UnixMs(ms.load(Ordering::SeqCst)),
        }
    }

    /// Moves a manual clock forward; the system's clock is not moved.
    pub fn advance_ms(&self, by_ms: i64) {
        if let Source::Manual(ms) = &self.0 {
            ms.fetch_add(by_ms, Ordering::SeqCst);
        }
    }
}
