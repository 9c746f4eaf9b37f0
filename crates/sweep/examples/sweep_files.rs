//! Scans the paths that are named and prints the table: what bench/gate.md and bench/sweep.md measure.
//!
//! `cargo run --release -p casemate-sweep --example sweep_files -- [--kinds=pii,secrets,models] [--workers=N] [--history] PATH…`

use std::{io::Write as _, process::ExitCode};

use casemate_detect::Key;
use casemate_report::{Style, to_table};
use casemate_sweep::{Kinds, ScanPlan, Target, run};

fn main() -> ExitCode {
    let (mut kinds, mut workers, mut history, mut paths) = (Kinds::ALL, 0, false, Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("--kinds", list)) => kinds = Kinds::parse(list).unwrap_or(Kinds::ALL),
            Some(("--workers", n)) => workers = n.parse().unwrap_or(0),
            _ if argument == "--history" => history = true,
            _ => paths.push(argument),
        }
    }
    let target = |p: String| if history { Target::GitHistory(p.into()) } else { Target::Path(p.into()) };
    let targets = paths.into_iter().map(target).collect();
    let plan = ScanPlan { workers, ..ScanPlan::new(targets, kinds, Key::new([0; 32])) };
    let mut out = std::io::stdout();
    match run(&plan, &mut |_| {}) {
        Ok(report) => {
            let table = to_table(&report.document(&plan, env!("CARGO_PKG_VERSION")), &Style::plain());
            _ = writeln!(out, "{table}{:?}", report.totals);
            ExitCode::SUCCESS
        }
        Err(e) => {
            _ = writeln!(out, "{e}");
            ExitCode::from(2)
        }
    }
}
