//! Scans the paths that are named for personal data, secrets and hostile models and prints the table: what bench/gate.md
//! measures.
//!
//! `cargo run --release -p casemate-sweep --example sweep_files -- PATH…`

use std::{io::Write as _, process::ExitCode};

use casemate_detect::Key;
use casemate_report::{Style, to_table};
use casemate_sweep::{Kinds, ScanPlan, Target, run};

fn main() -> ExitCode {
    let targets = std::env::args().skip(1).map(|p| Target::Path(p.into())).collect();
    let plan = ScanPlan::new(targets, Kinds::ALL, Key::new([0; 32]));
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
