//! Scans the given files one after the other and prints megabytes per CPU second and the peak memory of the process.
//!
//! `cargo run --release -p casemate-artifact --example scan_speed -- FILE…`

use std::path::Path;
use std::process::ExitCode;

use casemate_artifact::{ScanConfig, scan_path};

/// User and system time of this process in seconds, from `/proc/self/stat` (clock ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// Peak resident memory in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|k| k.parse::<u64>().ok()).unwrap_or(0) / 1024
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints its table")]
fn main() -> ExitCode {
    let config = ScanConfig::default();
    println!("| file | MB | CPU s | MB/s/core | peak MiB | verdict |\n|---|---|---|---|---|---|");
    for path in std::env::args().skip(1) {
        let before = cpu_seconds();
        match scan_path(Path::new(&path), &config) {
            Ok(r) => {
                let s = (cpu_seconds() - before).max(0.001);
                let mb = r.size_bytes as f64 / 1e6;
                let name = Path::new(&path).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                println!(
                    "| {name} ({}) | {mb:.1} | {s:.2} | {:.0} | {} | {} {}{:?} |",
                    r.format,
                    mb / s,
                    peak_mib(),
                    r.severity,
                    if r.complete { "" } else { "incomplete " },
                    r.incomplete_reasons
                );
            }
            Err(e) => eprintln!("{path}: {e}"),
        }
    }
    ExitCode::SUCCESS
}
