//! Loops over many numbers at once, compiled for the widest vectors that the processor has. What they compute is the same to
//! the last bit on every processor: lanes are not summed in another order, and nothing is rounded once where it was twice.

use std::sync::LazyLock;

use pulp::{Arch, NullaryFnOnce};

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// A loop. It must be `#[inline(always)]`, with all that it calls: what is not inlined is compiled for any processor.
pub(super) trait Wide {
    /// What it makes.
    type Output;

    /// Runs it.
    fn run(self) -> Self::Output;
}

struct Work<W>(W);

impl<W: Wide> NullaryFnOnce for Work<W> {
    type Output = W::Output;

    #[inline(always)]
    fn call(self) -> W::Output {
        self.0.run()
    }
}

/// Runs `work` as the processor at hand does it best.
pub(super) fn wide<W: Wide>(work: W) -> W::Output {
    ARCH.dispatch(Work(work))
}
