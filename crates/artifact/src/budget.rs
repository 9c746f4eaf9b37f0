//! One budget for all work that a file causes, nested work included.

use std::cell::Cell;

use crate::ScanConfig;

/// What is left of each limit. Shared by reference; the scan of one file is single-threaded.
#[derive(Debug)]
pub(crate) struct Budget {
    entries: Cell<u64>,
    inflated: Cell<u64>,
    opcodes: Cell<u64>,
    work: Cell<u64>,
}

impl Budget {
    /// A full budget.
    pub(crate) fn new(config: &ScanConfig) -> Self {
        Self {
            entries: Cell::new(config.entries_max),
            inflated: Cell::new(config.inflated_bytes_max),
            opcodes: Cell::new(config.opcodes_max),
            work: Cell::new(config.work_max),
        }
    }

    fn take(cell: &Cell<u64>, n: u64) -> bool {
        let left = cell.get();
        cell.set(left.saturating_sub(n));
        left >= n
    }

    /// One more container member; false once they are spent.
    pub(crate) fn entry(&self) -> bool {
        Self::take(&self.entries, 1)
    }

    /// `n` more decompressed bytes; false once they are spent.
    pub(crate) fn inflate(&self, n: u64) -> bool {
        Self::take(&self.inflated, n)
    }

    /// `n` more opcodes; false once they are spent.
    pub(crate) fn opcodes(&self, n: u64) -> bool {
        Self::take(&self.opcodes, n)
    }

    /// `n` more work units; false once they are spent.
    pub(crate) fn work(&self, n: u64) -> bool {
        Self::take(&self.work, n)
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;
    use crate::ScanConfig;

    #[test]
    fn spends_to_the_limit_and_not_past_it() {
        let b = Budget::new(&ScanConfig {
            entries_max: 2,
            inflated_bytes_max: 10,
            opcodes_max: 3,
            work_max: 1,
            ..ScanConfig::default()
        });
        assert!(b.entry() && b.entry() && !b.entry());
        assert!(b.inflate(10) && !b.inflate(1));
        assert!(b.opcodes(3) && !b.opcodes(1));
        assert!(b.work(1) && !b.work(1));
    }
}
