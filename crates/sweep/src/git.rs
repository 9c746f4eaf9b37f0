//! Git history: every blob that any reference reaches, each once, named by the first commit that held it.
//!
//! Git itself reads the repository (`rev-list`, `diff-tree`-like raw logs, `cat-file --batch`): no pack reader here can be
//! fooled into another reading than git's. Hooks, filters and external diffs are not run.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    FileScan, ScanPlan, SweepError,
    run::{Shared, failed, message, workers},
    scan_reader,
};

/// Blobs of one history.
const BLOBS_MAX: usize = 5_000_000;
/// Blobs that a thread takes at a time: those of one commit lie side by side in the pack.
const TAKEN: usize = 32;
/// Bytes of a path that are kept.
const PATH_BYTES_MAX: usize = 4 << 10;

/// Id of an object: the bytes of SHA-1 or SHA-256, padded.
type Id = [u8; 32];

/// A blob, and where it was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blob {
    id: Box<str>,
    /// Index of the commit.
    commit: u32,
    path: Box<str>,
    bytes: u64,
}

/// Every blob of a history once, in the order of the commits that brought them.
#[derive(Debug, Default)]
struct History {
    blobs: Vec<Blob>,
    commits: Vec<Box<str>>,
    seen: HashSet<Id>,
}

impl History {
    /// The place of a blob as reports show it.
    fn shown(&self, blob: &Blob) -> String {
        let commit = self.commits.get(blob.commit as usize).map_or("", |c| &c[..c.len().min(12)]);
        format!("{}@{commit}", blob.path)
    }

    fn add(&mut self, id: &str, path: &str) {
        let mut key = [0; 32];
        for (byte, pair) in key.iter_mut().zip(id.as_bytes().chunks(2)) {
            *byte = std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()).unwrap_or(0);
        }
        if self.blobs.len() < BLOBS_MAX && self.seen.insert(key) {
            let commit = u32::try_from(self.commits.len().saturating_sub(1)).unwrap_or(u32::MAX);
            let path = &path[..path.floor_char_boundary(PATH_BYTES_MAX)];
            self.blobs.push(Blob { id: id.into(), commit, path: path.into(), bytes: 0 });
        }
    }
}

fn command(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(repository).args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=", "--no-pager"]);
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1").env("GIT_TERMINAL_PROMPT", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn error(repository: &Path, reason: impl std::fmt::Display) -> SweepError {
    SweepError::Git { path: repository.display().to_string(), reason: reason.to_string() }
}

/// Scans the history of `repository`. Its blobs take the places from `place` on in the order of the report; returns how
/// many there are.
pub(crate) fn scan(plan: &ScanPlan, repository: &Path, place: usize, shared: &Shared<'_>) -> Result<usize, SweepError> {
    let mut history = first_commits(repository)?;
    history.seen = HashSet::new();
    let shown = repository.display().to_string();
    if history.blobs.len() >= BLOBS_MAX {
        shared.refuse(&shown, format!("the history has more than {BLOBS_MAX} blobs; older commits' were taken first"));
    }
    sizes(repository, &mut history)?;
    let history = &history;
    let total = history.blobs.len();
    shared.expect(total as u64, history.blobs.iter().map(|b| b.bytes).sum());
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..workers(plan, total.div_ceil(TAKEN)) {
            scope.spawn(|| {
                if let Err(e) = work(plan, repository, history, place, &next, shared) {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
                    next.store(total, Ordering::Relaxed);
                }
            });
        }
    });
    if let Some(e) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(e);
    }
    let taken = next.load(Ordering::Relaxed);
    if taken < total {
        shared.refuse(&shown, format!("the scan was stopped with {} blobs left", total - taken));
    }
    Ok(total)
}

/// One thread: takes blobs until there are none left.
fn work(
    plan: &ScanPlan,
    repository: &Path,
    history: &History,
    place: usize,
    next: &AtomicUsize,
    shared: &Shared<'_>,
) -> Result<(), SweepError> {
    let mut batch = Batch::start(repository)?;
    while !plan.cancelled() {
        let first = next.fetch_add(TAKEN, Ordering::Relaxed);
        let Some(blobs) = history.blobs.get(first..).filter(|b| !b.is_empty()) else { break };
        for (i, blob) in blobs.iter().take(TAKEN).enumerate() {
            let path = history.shown(blob);
            let scan = batch.read(plan, &blob.id, &path, repository)?;
            shared.done(place + first + i, &path, blob.bytes, 0, scan);
        }
    }
    batch.stop();
    Ok(())
}

/// Every blob with the oldest commit that has it.
fn first_commits(repository: &Path) -> Result<History, SweepError> {
    let mut child = command(repository)
        .args([
            "log",
            "--all",
            "--reverse",
            "--topo-order",
            "--format=%x01%H",
            "--raw",
            "-z",
            "--no-abbrev",
            "--no-renames",
        ])
        .args(["-m", "--root", "--no-ext-diff", "--no-textconv"])
        .spawn()
        .map_err(|e| error(repository, format!("git cannot be started ({e}); is it installed?")))?;
    let mut history = History::default();
    if let Some(out) = child.stdout.take() {
        read_log(BufReader::new(out), &mut history).map_err(|e| error(repository, e))?;
    }
    finish(child, repository)?;
    Ok(history)
}

/// Reads a raw log with NUL between its parts.
fn read_log(mut log: impl BufRead, history: &mut History) -> std::io::Result<()> {
    let mut pending: Option<String> = None;
    let mut part = Vec::new();
    loop {
        part.clear();
        if log.read_until(0, &mut part)? == 0 {
            return Ok(());
        }
        if part.last() == Some(&0) {
            part.pop();
        }
        if let Some(id) = pending.take() {
            if !id.is_empty() {
                history.add(&id, &String::from_utf8_lossy(&part));
            }
            continue;
        }
        let text = String::from_utf8_lossy(&part);
        let text = text.trim_start_matches('\n');
        if let Some(hash) = text.strip_prefix('\u{1}') {
            history.commits.push(hash.trim().into());
        } else if let Some(change) = text.strip_prefix(':') {
            // `old-mode new-mode old-id new-id status`, then the path as the next part.
            let mut fields = change.split(' ');
            let (mode, id) = (fields.nth(1).unwrap_or_default(), fields.nth(1).unwrap_or_default());
            let deleted = id.bytes().all(|b| b == b'0');
            // A submodule is a commit of another repository. A path without an id to it is passed over.
            let wanted = !deleted && (mode.starts_with("100") || mode.starts_with("120"));
            pending = Some(if wanted { id.to_owned() } else { String::new() });
        }
    }
}

/// Asks git how long each blob is, so that there is a time left to tell.
fn sizes(repository: &Path, history: &mut History) -> Result<(), SweepError> {
    let mut child = command(repository)
        .args(["cat-file", "--batch-check=%(objectsize)", "--buffer"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| error(repository, e))?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(mut input), Some(output)) = (input, output) else { return Err(error(repository, "git has no pipes")) };
    let ids: Vec<Box<str>> = history.blobs.iter().map(|b| b.id.clone()).collect();
    thread::scope(|scope| {
        // Git answers while it is still being asked.
        scope.spawn(move || {
            for id in ids {
                if writeln!(input, "{id}").is_err() {
                    break;
                }
            }
        });
        for (blob, line) in history.blobs.iter_mut().zip(BufReader::new(output).lines()) {
            // A blob that a partial clone does not have is told when it is read.
            blob.bytes = line.ok().and_then(|l| l.trim().parse().ok()).unwrap_or(0);
        }
    });
    _ = child.wait();
    Ok(())
}

fn finish(mut child: Child, repository: &Path) -> Result<(), SweepError> {
    let mut said = String::new();
    if let Some(err) = child.stderr.take() {
        // What git says beyond this is more of the same.
        _ = err.take(4 << 10).read_to_string(&mut said);
    }
    let status = child.wait().map_err(|e| error(repository, e))?;
    if status.success() { Ok(()) } else { Err(error(repository, said.trim())) }
}

/// A running `git cat-file --batch`.
struct Batch {
    child: Child,
    input: Option<std::process::ChildStdin>,
    output: BufReader<std::process::ChildStdout>,
}

impl Batch {
    fn start(repository: &Path) -> Result<Self, SweepError> {
        let mut child = command(repository)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| error(repository, e))?;
        let input = child.stdin.take();
        let Some(output) = child.stdout.take() else { return Err(error(repository, "git has no output")) };
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Scans one blob.
    fn read(&mut self, plan: &ScanPlan, id: &str, path: &str, repository: &Path) -> Result<FileScan, SweepError> {
        let fail = |e: std::io::Error| error(repository, e);
        let Some(input) = &mut self.input else { return Err(error(repository, "git takes no input")) };
        writeln!(input, "{id}").and_then(|()| input.flush()).map_err(fail)?;
        let mut head = String::new();
        self.output.read_line(&mut head).map_err(fail)?;
        // `<id> blob <size>`, or `<id> missing` in a partial clone.
        let size = head.split(' ').nth(2).and_then(|n| n.trim().parse::<u64>().ok());
        let Some(size) = size else {
            return Ok(failed(path, format!("git does not have it: {}", head.trim())));
        };
        let mut content = (&mut self.output).take(size);
        let max = plan.limits.blob_bytes_max;
        let scan = if size > max {
            failed(path, format!("a blob of {size} bytes; the limit is {max}"))
        } else {
            match catch_unwind(AssertUnwindSafe(|| scan_reader(plan, path, &mut content))) {
                Ok(Ok(scan)) => scan,
                Ok(Err(e)) => failed(path, format!("cannot be read: {e}")),
                Err(panic) => failed(path, format!("a reader crashed, please report it: {}", message(&*panic))),
            }
        };
        // What the scan left, and the line feed behind the content.
        std::io::copy(&mut content, &mut std::io::sink()).map_err(fail)?;
        let mut end = [0];
        self.output.read_exact(&mut end).map_err(fail)?;
        Ok(scan)
    }

    fn stop(mut self) {
        // End of input ends git.
        self.input = None;
        _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::{History, read_log};

    #[test]
    fn a_raw_log_names_each_blob_once_by_its_first_commit() {
        let (a, b, zero) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        let log = format!(
            "\u{1}c1\0\n:000000 100644 {zero} {a} A\0one.txt\0:000000 160000 {zero} {b} A\0sub\0\u{1}c2\0\
             \n:100644 100644 {a} {b} M\0one.txt\0:000000 100755 {zero} {a} A\0copy\0:100644 000000 {b} {zero} D\0gone\0"
        );
        let mut history = History::default();
        read_log(log.as_bytes(), &mut history).unwrap();
        let seen: Vec<_> = history.blobs.iter().map(|blob| (&*blob.id, history.shown(blob))).collect();
        assert_eq!(seen, [(a.as_str(), "one.txt@c1".to_owned()), (b.as_str(), "one.txt@c2".to_owned())]);
    }
}
