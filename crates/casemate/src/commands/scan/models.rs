//! Model files: what can they do when they are loaded?

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use casemate_artifact::{
    ArtifactFinding, ArtifactSeverity, FileReport, ScanConfig, ScanDocument, conversion_advice, ml_bom, render_tree,
    scan_path,
};
use casemate_finding::{CheckResult, Outcome};
use casemate_report::{Document, NotScanned, SarifLimits, Subject, printable, to_table};
use casemate_sweep::{FoundFile, SARIF_BYTES_MAX, list_files, sarif_within};

use crate::cli::{Global, ScanArgs};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::progress;

pub(super) fn run(global: &Global, args: &ScanArgs) -> Done {
    let (files, unread) = files(&args.paths)?;
    let mut reports = scan_all(&files);
    reports.extend(unread.into_iter().map(|item| unreadable(&item.path, &item.reason)));
    reports.sort_by(|a, b| a.path.cmp(&b.path));
    let exit = exit_of(&reports, args.incomplete_exit);
    if let Some(path) = &args.ml_bom {
        if path.as_os_str() == "-" {
            output::json(&ml_bom(&reports));
            return Ok(exit);
        }
        write_bom(path, &reports)?;
    }
    match global.format {
        Format::Json => output::json(&ScanDocument { files: reports }),
        Format::Sarif => {
            output::line(sarif_within(&document(&reports), SarifLimits::default(), SARIF_BYTES_MAX).trim_end());
        }
        Format::Human => print(&reports, args.tree),
    }
    Ok(exit)
}

fn write_bom(path: &Path, reports: &[FileReport]) -> Result<(), Failure> {
    let text = format!("{:#}\n", ml_bom(reports));
    std::fs::write(path, text)
        .map_err(|e| Failure::usage("cannot write the ML-BOM", e.to_string()).at(path.display().to_string()))
}

/// More files than this in one call are refused, with the advice to split.
const FILES_MAX: usize = 2_000_000;

/// Every file under `roots`, ignored ones too: models are what `.gitignore` names. A root that is not there is an error,
/// what cannot be read below it comes back beside the files.
pub(super) fn files(roots: &[PathBuf]) -> Result<(Vec<FoundFile>, Vec<NotScanned>), Failure> {
    for root in roots {
        std::fs::metadata(root)
            .map_err(|e| Failure::usage("cannot scan", e.to_string()).at(root.display().to_string()))?;
    }
    Ok(list_files(roots, false, FILES_MAX))
}

/// Scans on every core; the order of the answers is the order of the files.
pub(super) fn scan_all(files: &[FoundFile]) -> Vec<FileReport> {
    let total: u64 = files.iter().map(|f| f.bytes).sum();
    let bar = progress::bar(total, "scanning");
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, FileReport)>> = Mutex::new(Vec::with_capacity(files.len()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let config = ScanConfig::default();
                while let Some((index, file)) = take(files, &next) {
                    let mut report =
                        scan_path(&file.path, &config).unwrap_or_else(|e| unreadable(&file.shown, &e.to_string()));
                    report.path.clone_from(&file.shown);
                    bar.inc(report.size_bytes);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, report));
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut reports = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(index, _)| *index);
    reports.into_iter().map(|(_, report)| report).collect()
}

fn take<'a>(files: &'a [FoundFile], next: &AtomicUsize) -> Option<(usize, &'a FoundFile)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    files.get(index).map(|file| (index, file))
}

/// A file that could not be opened: not clean, and said to be.
pub(super) fn unreadable(path: &str, why: &str) -> FileReport {
    FileReport {
        path: path.to_owned(),
        sha256: String::new(),
        format: "unreadable".into(),
        severity: ArtifactSeverity::Data,
        complete: false,
        tampered: false,
        findings: Vec::new(),
        incomplete_reasons: vec![why.to_owned()],
        tree: Vec::new(),
        size_bytes: 0,
    }
}

pub(super) fn exit_of(reports: &[FileReport], incomplete_exit: bool) -> Exit {
    if reports.iter().any(FileReport::is_blocked) {
        Exit::Blocked
    } else if incomplete_exit && reports.iter().any(|r| !r.complete) {
        Exit::Incomplete
    } else {
        Exit::Ok
    }
}

fn as_check(report: &FileReport) -> CheckResult {
    let outcome = if report.is_blocked() {
        Outcome::Block
    } else if !report.complete {
        Outcome::NotScanned
    } else if report.severity == ArtifactSeverity::Review {
        Outcome::Warn
    } else {
        Outcome::Pass
    };
    CheckResult {
        check: "model-artifact".into(),
        subject: report.path.clone(),
        outcome,
        reason: summary(report),
        findings: report.to_findings(),
    }
}

fn summary(report: &FileReport) -> String {
    let tampered = if report.tampered { ", structure tampered with" } else { "" };
    let complete =
        if report.complete { String::new() } else { format!(", incomplete: {}", report.incomplete_reasons.join("; ")) };
    format!("{}{tampered}{complete}", report.severity)
}

/// The folder of reports as every writer reads it.
fn document(reports: &[FileReport]) -> Document {
    let mut document = Document::new("scan, models", env!("CARGO_PKG_VERSION"), reports.iter().map(as_check).collect());
    document.subjects = reports
        .iter()
        .map(|r| Subject {
            name: r.path.clone(),
            sha256: (!r.sha256.is_empty()).then(|| r.sha256.clone()),
            size_bytes: r.size_bytes,
            format: r.format.clone(),
        })
        .collect();
    for report in reports {
        let reasons = report.incomplete_reasons.iter();
        document.not_scanned.extend(reasons.map(|r| NotScanned { path: report.path.clone(), reason: r.clone() }));
    }
    document
}

/// The first finding in a pickle, which `--explain` can show as calls.
fn first_call(reports: &[FileReport]) -> Option<(&FileReport, &ArtifactFinding)> {
    reports.iter().find_map(|r| Some((r, r.findings.iter().find(|f| f.rule.starts_with("artifact/pickle-"))?)))
}

fn print(reports: &[FileReport], tree: bool) {
    let noteworthy: Vec<FileReport> = reports.iter().filter(|r| !r.is_clean()).cloned().collect();
    if !noteworthy.is_empty() {
        output::line(to_table(&document(&noteworthy), &output::style()).trim_end());
    }
    if tree {
        for report in reports {
            render_tree(report).lines().for_each(|l| output::line(printable(l)));
        }
    }
    let blocked = reports.iter().filter(|r| r.is_blocked()).count();
    let review = reports.iter().filter(|r| !r.is_blocked() && r.severity == ArtifactSeverity::Review).count();
    let incomplete = reports.iter().filter(|r| !r.is_blocked() && !r.complete).count();
    let clean = reports.iter().filter(|r| r.is_clean()).count();
    output::line(format!(
        "{} files: {blocked} blocked, {review} to review, {incomplete} not read to the end, {clean} clean",
        reports.len()
    ));
    if let Some((report, finding)) = first_call(&noteworthy) {
        let member = if finding.member.is_empty() { String::new() } else { format!("!/{}", finding.member) };
        output::line(printable(&format!(
            "See the calls around a finding: casemate scan --explain '{}{member}@{}'",
            report.path, finding.offset
        )));
    }
    if blocked > 0 {
        output::line("Do not load the blocked files: ask for safetensors, or for the code that made them.");
        for advice in conversion_advice(&noteworthy) {
            output::line(advice);
        }
    }
}
