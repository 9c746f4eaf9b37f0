//! The scan: several threads over one list of files, then the histories.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use casemate_report::NotScanned;

use crate::{
    FileScan, FoundFile, ScanPlan, ScanReport, Target, content::scan_counted, gather::Gather, git, list_files,
};

/// Bytes of a file after which progress is told.
const STEP_BYTES: u64 = 4 << 20;

/// How far a scan has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files and blobs done.
    pub files_done: u64,
    /// Files and blobs in all, as far as they are counted yet.
    pub files_total: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes in all, as far as they are counted yet; the rest over the speed so far is the time that is left.
    pub bytes_total: u64,
    /// What was just done, or is being read.
    pub path: String,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The plan names nothing to scan.
    #[error("nothing to scan: name a file, a folder or a repository")]
    NoTarget,
    /// The plan names nothing to look for.
    #[error("nothing to look for: name at least one of pii, secrets, models")]
    NoKind,
    /// A named target is not there.
    #[error("there is no {path}")]
    Missing {
        /// The target.
        path: String,
    },
    /// A repository cannot be read.
    #[error("the history of {path} cannot be read: {reason}")]
    Git {
        /// The repository.
        path: String,
        /// What git said.
        reason: String,
    },
}

/// Runs the plan. `progress` is called after each file and, in long ones, every few megabytes; one call at a time.
///
/// # Errors
/// [`SweepError`] when the plan is empty or a target is not there. What cannot be read inside a target is in the report.
pub fn run(plan: &ScanPlan, progress: &mut (dyn FnMut(&Progress) + Send)) -> Result<ScanReport, SweepError> {
    if plan.targets.is_empty() {
        return Err(SweepError::NoTarget);
    }
    if !plan.kinds.text() && !plan.kinds.models {
        return Err(SweepError::NoKind);
    }
    for target in &plan.targets {
        let (Target::Path(path) | Target::GitHistory(path)) = target;
        if path.symlink_metadata().is_err() {
            return Err(SweepError::Missing { path: path.display().to_string() });
        }
    }
    let roots: Vec<PathBuf> = plan
        .targets
        .iter()
        .filter_map(|t| if let Target::Path(root) = t { Some(root.clone()) } else { None })
        .collect();
    let (files, refused) = list_files(&roots, plan.respect_ignore, plan.limits.files_max);
    let mut gather = Gather::new(plan.limits.findings_max);
    gather.refuse(refused);
    let state = Progress {
        files_total: files.len() as u64,
        bytes_total: files.iter().map(|f| f.bytes).sum(),
        ..Progress::default()
    };
    let shared = Shared::new(gather, state, progress);
    scan_all(plan, &files, &shared);
    let mut place = files.len();
    for target in &plan.targets {
        if let Target::GitHistory(repository) = target {
            place += git::scan(plan, repository, place, &shared)?;
        }
    }
    let mut report = shared.into_gather().into_report();
    report.settle(plan);
    Ok(report)
}

/// What the threads of a scan share.
pub(crate) struct Shared<'p>(Mutex<Inner<'p>>);

struct Inner<'p> {
    gather: Gather,
    state: Progress,
    progress: &'p mut (dyn FnMut(&Progress) + Send),
}

impl<'p> Shared<'p> {
    fn new(gather: Gather, state: Progress, progress: &'p mut (dyn FnMut(&Progress) + Send)) -> Self {
        Self(Mutex::new(Inner { gather, state, progress }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<'p>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn into_gather(self) -> Gather {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).gather
    }

    /// Adds to what there is to do.
    pub(crate) fn expect(&self, files: u64, bytes: u64) {
        let mut inner = self.lock();
        inner.state.files_total += files;
        inner.state.bytes_total += bytes;
    }

    /// Some of a file was read.
    fn read(&self, path: &str, bytes: u64) {
        let mut inner = self.lock();
        inner.state.bytes_done += bytes;
        path.clone_into(&mut inner.state.path);
        inner.tell();
    }

    /// A file is done; `told` of its bytes were reported by [`Self::read`].
    pub(crate) fn done(&self, place: usize, path: &str, bytes: u64, told: u64, scan: FileScan) {
        let mut inner = self.lock();
        inner.gather.add(place, path, bytes, scan);
        inner.state.files_done += 1;
        inner.state.bytes_done += bytes.saturating_sub(told);
        path.clone_into(&mut inner.state.path);
        inner.tell();
    }

    /// Something was not looked at.
    pub(crate) fn refuse(&self, path: &str, reason: impl Into<String>) {
        let item = NotScanned { path: path.to_owned(), reason: reason.into() };
        self.lock().gather.refuse(vec![item]);
    }
}

impl Inner<'_> {
    fn tell(&mut self) {
        (self.progress)(&self.state);
    }
}

/// Threads for `jobs` things to do.
pub(crate) fn workers(plan: &ScanPlan, jobs: usize) -> usize {
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    if plan.workers == 0 { cores } else { plan.workers }.clamp(1, jobs.max(1))
}

fn scan_all(plan: &ScanPlan, files: &[FoundFile], shared: &Shared<'_>) {
    // The largest first, so that no thread is left alone with one at the end.
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(files[*i].bytes));
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..workers(plan, files.len()) {
            scope.spawn(|| {
                while let Some(&place) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let file = &files[place];
                    if plan.cancelled() {
                        shared.refuse(&file.shown, "the scan was stopped before it was reached");
                        continue;
                    }
                    // Told in steps, and never more than the file has: a reader may go over it twice.
                    let (read, told) = (Cell::new(0_u64), Cell::new(0_u64));
                    let count = |n: u64| {
                        read.set(read.get().saturating_add(n).min(file.bytes));
                        let step = read.get() - told.get();
                        if step >= STEP_BYTES {
                            told.set(read.get());
                            shared.read(&file.shown, step);
                        }
                    };
                    let scan = scan_one(plan, file, &count);
                    shared.done(place, &file.shown, file.bytes, told.get(), scan);
                }
            });
        }
    });
}

/// Scans one file; a failure or a crash of a reader is a file that was not scanned.
fn scan_one(plan: &ScanPlan, job: &FoundFile, count: &dyn Fn(u64)) -> FileScan {
    match catch_unwind(AssertUnwindSafe(|| scan_counted(plan, &job.path, &job.shown, count))) {
        Ok(Ok(scan)) => scan,
        Ok(Err(e)) => failed(&job.shown, format!("cannot be read: {e}")),
        Err(panic) => failed(&job.shown, format!("a reader crashed, please report it: {}", message(&*panic))),
    }
}

pub(crate) fn failed(path: &str, reason: String) -> FileScan {
    let mut scan = FileScan::default();
    scan.not_scanned(path, reason);
    scan
}

/// What a crash said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
