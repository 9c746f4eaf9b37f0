//! `--watch DIR`: looks again and again, and scans what is new or has changed once it has stopped changing.
//!
//! Folders are read anew in each round: that works on network file systems, where notices of the kernel do not.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use casemate_artifact::FileReport;
use casemate_report::printable;
use casemate_sweep::FoundFile;

use super::models::{exit_of, files, scan_all, unreadable};
use crate::cli::{Global, ScanArgs};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::progress;

/// What says that a file is the one that was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let meta = path.metadata().ok()?;
        Some(Self { bytes: meta.len(), modified: meta.modified().ok() })
    }
}

/// What is known of the files under the watched folders.
#[derive(Default)]
struct Seen {
    /// Stamp of the last round, and whether this very state was scanned.
    files: HashMap<PathBuf, (Stamp, bool)>,
    rounds: u64,
}

impl Seen {
    /// Takes the files of a round; returns those to be scanned now. In the first round that is all of them; later a file
    /// must have looked the same in two rounds, so that one that is still being written is not taken for damaged.
    fn round(&mut self, now: Vec<(PathBuf, Stamp)>) -> Vec<PathBuf> {
        self.rounds += 1;
        let mut next = HashMap::with_capacity(now.len());
        let mut due = Vec::new();
        for (path, stamp) in now {
            let before = self.files.get(&path).copied();
            let scanned = match before {
                Some((old, scanned)) if old == stamp => {
                    if !scanned {
                        due.push(path.clone());
                    }
                    true
                }
                _ if self.rounds == 1 => {
                    due.push(path.clone());
                    true
                }
                _ => false,
            };
            next.insert(path, (stamp, scanned));
        }
        self.files = next;
        due
    }
}

pub(super) fn run(global: &Global, args: &ScanArgs) -> Done {
    if global.format == Format::Sarif || args.ml_bom.is_some() {
        return Err(Failure::usage("cannot watch", "SARIF and the ML-BOM describe one scan, not many")
            .remedy("use --format json: one line for each file"));
    }
    let interval = Duration::from_secs(args.watch_interval.max(1));
    let mut seen = Seen::default();
    let mut told: HashSet<String> = HashSet::new();
    let mut exit = Exit::Ok;
    loop {
        // A folder that is not there yet is no reason to stop, but it is said once.
        let (found, unread) = match files(&args.paths) {
            Ok(found) => found,
            Err(failure) if seen.rounds == 0 => return Err(failure),
            Err(_) => (Vec::new(), Vec::new()),
        };
        let stamped = found.iter().filter_map(|f| Stamp::of(&f.path).map(|s| (f.path.clone(), s))).collect();
        let first = seen.rounds == 0;
        let due: HashSet<PathBuf> = seen.round(stamped).into_iter().collect();
        let due: Vec<FoundFile> = found.into_iter().filter(|f| due.contains(&f.path)).collect();
        let mut reports = scan_all(&due);
        // What cannot be read is said when it is first seen, in whichever round that is, and not again until it was gone.
        let fresh = unread.iter().filter(|item| !told.contains(&item.path));
        reports.extend(fresh.map(|item| unreadable(&item.path, &item.reason)));
        told = unread.into_iter().map(|item| item.path).collect();
        for report in &reports {
            tell(global.format, report);
        }
        if exit_of(&reports, args.incomplete_exit) != Exit::Ok {
            exit = exit_of(&reports, args.incomplete_exit);
        }
        if first && global.format == Format::Human {
            let roots: Vec<String> =
                args.paths.iter().map(|p| printable(&p.display().to_string()).into_owned()).collect();
            progress::say(&format!("watching {}; stop with Ctrl-C", roots.join(", ")));
        }
        if args.watch_rounds.is_some_and(|n| seen.rounds >= n) {
            return Ok(exit);
        }
        std::thread::sleep(interval);
    }
}

/// One line for each file: all of them for programs, those that are not clean with their findings for people.
fn tell(format: Format, report: &FileReport) {
    if format == Format::Json {
        if let Ok(text) = serde_json::to_string(report) {
            output::line(text);
        }
        return;
    }
    let state = if report.is_blocked() {
        "BLOCKED"
    } else if report.is_clean() {
        "clean"
    } else if report.complete {
        "review"
    } else {
        "incomplete"
    };
    output::line(format!("{state:10} {}  ({}, {})", printable(&report.path), report.format, report.severity));
    for f in report.findings.iter().take(5) {
        let place = if f.member.is_empty() { String::new() } else { format!("{} ", printable(&f.member)) };
        output::line(format!(
            "           {place}@{:#x} {}: {}",
            f.offset,
            printable(&f.message),
            printable(&f.evidence)
        ));
    }
    for reason in &report.incomplete_reasons {
        output::line(format!("           not read: {}", printable(reason)));
    }
}

#[cfg(test)]
mod tests {
    use super::{PathBuf, Seen, Stamp};

    fn stamp(bytes: u64) -> Stamp {
        Stamp { bytes, modified: None }
    }

    #[test]
    fn what_still_changes_waits() {
        let (old, new) = (PathBuf::from("old"), PathBuf::from("new"));
        let mut seen = Seen::default();
        assert_eq!(seen.round(vec![(old.clone(), stamp(1))]), std::slice::from_ref(&old), "what is there at first");
        assert!(seen.round(vec![(old.clone(), stamp(1)), (new.clone(), stamp(5))]).is_empty(), "just come");
        assert!(seen.round(vec![(old.clone(), stamp(1)), (new.clone(), stamp(9))]).is_empty(), "still growing");
        assert_eq!(
            seen.round(vec![(old.clone(), stamp(1)), (new.clone(), stamp(9))]),
            std::slice::from_ref(&new),
            "at rest"
        );
        assert!(seen.round(vec![(old.clone(), stamp(1)), (new.clone(), stamp(9))]).is_empty(), "known");
        assert!(seen.round(vec![(old.clone(), stamp(2)), (new.clone(), stamp(9))]).is_empty(), "changed");
        assert_eq!(seen.round(vec![(old.clone(), stamp(2)), (new, stamp(9))]), std::slice::from_ref(&old));
        assert!(seen.round(Vec::new()).is_empty());
        assert!(seen.round(vec![(old.clone(), stamp(2))]).is_empty(), "gone and back is new");
        assert_eq!(seen.round(vec![(old.clone(), stamp(2))]), [old]);
    }
}
