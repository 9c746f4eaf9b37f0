//! Git history: every blob that any reference reaches, each once, named by the first commit that held it.
//!
//! Git itself reads the repository (`rev-list`, `diff-tree`-like raw logs, `cat-file --batch`): no pack reader here can be
//! fooled into another reading than git's. Hooks, filters and external diffs are not run.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Child, Command, Stdio},
};

use casemate_report::NotScanned;

use crate::{
    FileScan, Progress, ScanPlan, ScanReport, SweepError,
    run::{failed, message},
    scan_reader,
};

/// Blobs of one history.
const BLOBS_MAX: usize = 5_000_000;
/// Bytes of one blob; a larger one is not scanned.
const BLOB_BYTES_MAX: u64 = 256 << 20;

/// Where a blob was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct First {
    commit: String,
    path: String,
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

/// Scans the history of `repository` into `report`.
pub(crate) fn scan(
    plan: &ScanPlan,
    repository: &Path,
    report: &mut ScanReport,
    state: &mut Progress,
    progress: &mut (dyn FnMut(&Progress) + Send),
) -> Result<(), SweepError> {
    let (blobs, order) = first_commits(repository)?;
    let shown = repository.display().to_string();
    if order.len() >= BLOBS_MAX {
        let reason = format!("the history has more than {BLOBS_MAX} blobs; older commits' were taken first");
        report.not_scanned.push(NotScanned { path: shown.clone(), reason });
    }
    state.files_total += order.len() as u64;
    let mut batch = Batch::start(repository)?;
    for (done, id) in order.iter().enumerate() {
        let Some(first) = blobs.get(id) else { continue };
        if plan.cancelled() {
            let reason = format!("the scan was stopped with {} blobs left", order.len() - done);
            report.not_scanned.push(NotScanned { path: shown.clone(), reason });
            break;
        }
        let path = format!("{}@{}", first.path, &first.commit[..first.commit.len().min(12)]);
        let (scan, bytes) = batch.read(plan, id, &path, repository)?;
        report.totals.bytes += bytes;
        report.add(&path, scan, plan.limits.findings_max);
        state.files_done += 1;
        state.bytes_done += bytes;
        state.bytes_total += bytes;
        state.path.clone_from(&path);
        progress(state);
    }
    batch.stop();
    Ok(())
}

/// Every blob with the oldest commit that has it, and the order in which they came.
fn first_commits(repository: &Path) -> Result<(HashMap<String, First>, Vec<String>), SweepError> {
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
    let mut blobs = HashMap::new();
    let mut order = Vec::new();
    if let Some(out) = child.stdout.take() {
        read_log(BufReader::new(out), &mut blobs, &mut order).map_err(|e| error(repository, e))?;
    }
    finish(child, repository)?;
    Ok((blobs, order))
}

/// Reads a raw log with NUL between its parts.
fn read_log(mut log: impl BufRead, blobs: &mut HashMap<String, First>, order: &mut Vec<String>) -> std::io::Result<()> {
    let (mut commit, mut pending): (String, Option<String>) = (String::new(), None);
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
            if order.len() < BLOBS_MAX && !blobs.contains_key(&id) {
                let path = String::from_utf8_lossy(&part).into_owned();
                blobs.insert(id.clone(), First { commit: commit.clone(), path });
                order.push(id);
            }
            continue;
        }
        let text = String::from_utf8_lossy(&part);
        let text = text.trim_start_matches('\n');
        if let Some(hash) = text.strip_prefix('\u{1}') {
            hash.trim().clone_into(&mut commit);
        } else if let Some(change) = text.strip_prefix(':') {
            // `old-mode new-mode old-id new-id status`, then the path as the next part.
            let mut fields = change.split(' ');
            let (mode, id) = (fields.nth(1).unwrap_or_default(), fields.nth(1).unwrap_or_default());
            let deleted = id.bytes().all(|b| b == b'0');
            // A submodule is a commit of another repository.
            let wanted = !deleted && mode.starts_with("100") || mode.starts_with("120");
            pending = Some(if wanted { id.to_owned() } else { String::new() });
            if !wanted {
                // The path is passed over with the name of no blob.
                part.clear();
                log.read_until(0, &mut part)?;
                pending = None;
            }
        }
    }
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

    /// Scans one blob; the scan and the blob's bytes.
    fn read(
        &mut self,
        plan: &ScanPlan,
        id: &str,
        path: &str,
        repository: &Path,
    ) -> Result<(FileScan, u64), SweepError> {
        let fail = |e: std::io::Error| error(repository, e);
        let Some(input) = &mut self.input else { return Err(error(repository, "git takes no input")) };
        writeln!(input, "{id}").and_then(|()| input.flush()).map_err(fail)?;
        let mut head = String::new();
        self.output.read_line(&mut head).map_err(fail)?;
        // `<id> blob <size>`, or `<id> missing` in a partial clone.
        let size = head.split(' ').nth(2).and_then(|n| n.trim().parse::<u64>().ok());
        let Some(size) = size else {
            return Ok((failed(path, format!("git does not have it: {}", head.trim())), 0));
        };
        let mut content = (&mut self.output).take(size);
        let scan = if size > BLOB_BYTES_MAX {
            failed(path, format!("a blob of {size} bytes; the limit is {BLOB_BYTES_MAX}"))
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
        Ok((scan, size))
    }

    fn stop(mut self) {
        // End of input ends git.
        self.input = None;
        _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{First, read_log};

    #[test]
    fn a_raw_log_names_each_blob_once_by_its_first_commit() {
        let (a, b, zero) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        let log = format!(
            "\u{1}c1\0\n:000000 100644 {zero} {a} A\0one.txt\0:000000 160000 {zero} {b} A\0sub\0\u{1}c2\0\
             \n:100644 100644 {a} {b} M\0one.txt\0:000000 100755 {zero} {a} A\0copy\0:100644 000000 {b} {zero} D\0gone\0"
        );
        let (mut blobs, mut order) = (HashMap::new(), Vec::new());
        read_log(log.as_bytes(), &mut blobs, &mut order).unwrap();
        assert_eq!(order, [a.clone(), b.clone()]);
        assert_eq!(blobs[&a], First { commit: "c1".into(), path: "one.txt".into() });
        assert_eq!(blobs[&b], First { commit: "c2".into(), path: "one.txt".into() });
    }
}
