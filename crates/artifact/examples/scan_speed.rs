//! Scans the given files one after the other and prints megabytes per CPU second and the peak memory of the process.
//!
//! `cargo run --release -p casemate-artifact --example scan_speed -- FILE…`

use std::path::Path;
use std::process::ExitCode;

use casemate_artifact::{ScanConfig, scan_path};

#[path = "process/mod.rs"]
mod process;

use process::{cpu_seconds, peak_mib};

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
