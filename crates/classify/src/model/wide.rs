//! Loops over many numbers at once, compiled for the widest vectors that the processor has. What they compute is the same to
//! the last bit: lanes are not summed in another order.

use std::sync::LazyLock;

use pulp::{Arch, NullaryFnOnce};

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// A loop. It must be `#[inline(always)]`, with all that it calls: what is not inlined is compiled for any processor.
pub(super) trait Wide {
    /// Runs it.
    fn run(self);
}

struct Work<W>(W);

impl<W: Wide> NullaryFnOnce for Work<W> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.0.run();
    }
}

/// Runs `work` as the processor at hand does it best.
pub(super) fn wide(work: impl Wide) {
    ARCH.dispatch(Work(work));
}
