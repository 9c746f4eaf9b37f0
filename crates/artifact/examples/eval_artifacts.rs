//! Scores the scanner against a folder of labelled samples.
//!
//! `cargo run --release -p casemate-artifact --example eval_artifacts -- LABELS.csv SAMPLES_DIR [--misses | --lines]`
//! `--lines` prints a line for each file instead (path, tab, blocked, review, clean or error) for
//! bench/artifacts_peers.py. LABELS.csv has the columns path, label (malicious | benign), format, class, tier; SAMPLES_DIR holds the paths.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use casemate_artifact::{ArtifactSeverity, FileReport, ScanConfig, scan_path};

#[derive(Default, Clone)]
struct Tally {
    files: u32,
    clean: u32,
    named: u32,
    review: u32,
    errors: u32,
}

/// What one file came to: named (suspicious or worse, or tampered), review (unknown or incomplete), or clean.
fn tally(t: &mut Tally, report: &FileReport) {
    t.files += 1;
    if report.is_blocked() {
        t.named += 1;
    } else if report.severity == ArtifactSeverity::Review || !report.complete {
        t.review += 1;
    } else {
        t.clean += 1;
    }
}

/// Benign formats that carry pickles.
fn carries_pickle(report: &FileReport) -> bool {
    report.tree.iter().any(|n| n.format.contains("pickle") || n.format.contains("torch"))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints its table")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [labels, root, rest @ ..] = args.as_slice() else {
        eprintln!("usage: eval_artifacts LABELS.csv SAMPLES_DIR [--misses | --lines]");
        return ExitCode::from(2);
    };
    let misses = rest.iter().any(|a| a == "--misses");
    let Ok(mut reader) = csv::Reader::from_path(labels) else {
        eprintln!("cannot read {labels}");
        return ExitCode::from(2);
    };
    let lines = rest.iter().any(|a| a == "--lines");
    let config = ScanConfig::default();
    let mut classes: BTreeMap<(String, String), Tally> = BTreeMap::new();
    let mut groups: BTreeMap<&str, Tally> = BTreeMap::new();
    for row in reader.records().flatten() {
        let (Some(path), Some(label), Some(class)) = (row.get(0), row.get(1), row.get(3)) else { continue };
        let family = class.split([':', ' ']).next().unwrap_or(class).to_owned();
        let key = (label.to_owned(), family);
        if lines {
            let answer = match scan_path(&Path::new(root).join(path), &config) {
                Err(_) => "error",
                Ok(r) if r.is_blocked() => "blocked",
                Ok(r) if r.is_clean() => "clean",
                Ok(_) => "review",
            };
            println!("{path}\t{answer}");
            continue;
        }
        match scan_path(&Path::new(root).join(path), &config) {
            Err(e) => {
                eprintln!("{path}: {e}");
                classes.entry(key).or_default().errors += 1;
            }
            Ok(report) => {
                tally(classes.entry(key).or_default(), &report);
                let group = match label {
                    "malicious" => "malicious",
                    _ if carries_pickle(&report) => "benign, pickle-bearing",
                    _ => "benign, other",
                };
                tally(groups.entry(group).or_default(), &report);
                let missed = match label {
                    "malicious" => !report.is_blocked(),
                    _ => !report.is_clean(),
                };
                if misses && missed {
                    let state = if report.is_clean() { "CLEAN" } else { report.severity.as_str() };
                    println!(
                        "{label} {class} {path}: {state} format={} {:?}",
                        report.format, report.incomplete_reasons
                    );
                    for f in report.findings.iter().take(6) {
                        println!(
                            "    {} {} @{:#x} {} {} | {}",
                            f.severity, f.rule, f.offset, f.member, f.message, f.evidence
                        );
                    }
                }
            }
        }
    }
    if lines {
        return ExitCode::SUCCESS;
    }
    println!("| label | class | files | named or blocked | review | clean | errors |\n|---|---|---|---|---|---|---|");
    for ((label, class), t) in &classes {
        println!("| {label} | {class} | {} | {} | {} | {} | {} |", t.files, t.named, t.review, t.clean, t.errors);
    }
    println!();
    for (group, t) in &groups {
        let pc = |n: u32| f64::from(n) * 100.0 / f64::from(t.files.max(1));
        println!(
            "{group}: {} files; flagged {} ({:.2} %), named or blocked {} ({:.2} %), review {} ({:.2} %), clean {} ({:.2} %)",
            t.files,
            t.named + t.review,
            pc(t.named + t.review),
            t.named,
            pc(t.named),
            t.review,
            pc(t.review),
            t.clean,
            pc(t.clean)
        );
    }
    ExitCode::SUCCESS
}
