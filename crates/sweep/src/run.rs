//! The scan: several threads over one list of files, then the histories.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use casemate_report::NotScanned;

use crate::{
    FileScan, ScanPlan, ScanReport, Target, git, scan_file,
    walk::{self, Job},
};

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
    /// What was just done.
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

/// Runs the plan. `progress` is called after each file, one call at a time.
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
    let (jobs, refused) = walk::files(plan);
    let mut report = ScanReport { not_scanned: refused, ..ScanReport::default() };
    let mut state = Progress {
        files_total: jobs.len() as u64,
        bytes_total: jobs.iter().map(|j| j.bytes).sum(),
        ..Progress::default()
    };
    let scans = scan_all(plan, &jobs, &mut state, progress);
    for (job, scan) in jobs.iter().zip(scans) {
        report.totals.bytes += job.bytes;
        match scan {
            Some(scan) => report.add(&job.shown, scan, plan.limits.findings_max),
            None => report.not_scanned.push(NotScanned {
                path: job.shown.clone(),
                reason: "the scan was stopped before it was reached".into(),
            }),
        }
    }
    for target in &plan.targets {
        if let Target::GitHistory(repository) = target {
            git::scan(plan, repository, &mut report, &mut state, progress)?;
        }
    }
    report.settle(plan);
    Ok(report)
}

struct Shared<'p> {
    scans: Vec<Option<FileScan>>,
    state: &'p mut Progress,
    progress: &'p mut (dyn FnMut(&Progress) + Send),
}

fn scan_all(
    plan: &ScanPlan,
    jobs: &[Job],
    state: &mut Progress,
    progress: &mut (dyn FnMut(&Progress) + Send),
) -> Vec<Option<FileScan>> {
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let workers = if plan.workers == 0 { cores } else { plan.workers }.clamp(1, jobs.len().max(1));
    let mut scans = Vec::with_capacity(jobs.len());
    scans.resize_with(jobs.len(), || None);
    // The largest first, so that no thread is left alone with one at the end.
    let mut order: Vec<usize> = (0..jobs.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(jobs[*i].bytes));
    let next = AtomicUsize::new(0);
    let shared = Mutex::new(Shared { scans, state, progress });
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(&i) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if plan.cancelled() {
                        break;
                    }
                    let job = &jobs[i];
                    let scan = scan_one(plan, job);
                    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.scans[i] = Some(scan);
                    shared.state.files_done += 1;
                    shared.state.bytes_done += job.bytes;
                    shared.state.path.clone_from(&job.shown);
                    let Shared { state, progress, .. } = &mut *shared;
                    progress(state);
                }
            });
        }
    });
    shared.into_inner().unwrap_or_else(PoisonError::into_inner).scans
}

/// Scans one file; a failure or a crash of a reader is a file that was not scanned.
fn scan_one(plan: &ScanPlan, job: &Job) -> FileScan {
    match catch_unwind(AssertUnwindSafe(|| scan_file(plan, &job.path, &job.shown))) {
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
