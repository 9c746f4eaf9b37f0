//! The content of a data subject, scanned once for all checks that read it.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use casemate_sweep::{FileScan, ScanPlan, scan_file};

/// One subject's content. The first check that asks has it scanned, the others wait for it.
pub(crate) struct Content {
    plan: ScanPlan,
    path: PathBuf,
    shown: String,
    scan: OnceLock<Result<FileScan, String>>,
}

impl Content {
    pub(crate) fn new(plan: ScanPlan, path: PathBuf, shown: String) -> Self {
        Self { plan, path, shown, scan: OnceLock::new() }
    }

    /// The scan; a crash in it passes through and leaves nothing behind.
    pub(crate) fn scan(&self) -> Result<&FileScan, String> {
        let scan = self.scan.get_or_init(|| {
            scan_file(&self.plan, &self.path, &self.shown).map_err(|e: io::Error| format!("cannot be read: {e}"))
        });
        scan.as_ref().map_err(Clone::clone)
    }

    /// Stops a scan that is under way.
    pub(crate) fn stop(&self) {
        self.cancel().store(true, Ordering::Relaxed);
    }

    fn cancel(&self) -> &Arc<AtomicBool> {
        &self.plan.cancel
    }
}
