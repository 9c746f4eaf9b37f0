//! Runs the gate at `deploy` on the files that are named and prints the table: what bench/gate.md measures.
//!
//! `cargo run --release -p casemate-gate --example gate_files -- model.pkl train.csv`

use std::{io::Write as _, process::ExitCode};

use casemate_detect::Key;
use casemate_finding::UnixMs;
use casemate_gate::{Exemptions, GateConfig, RunInput, Stage, Subject, run};
use casemate_report::{Style, to_table};

fn main() -> ExitCode {
    let input = RunInput {
        subjects: std::env::args().skip(1).map(Subject::new).collect(),
        stage: Stage::Deploy,
        config: GateConfig::default(),
        exemptions: Exemptions::default(),
        held: Vec::new(),
        // Nothing that is kept is made with it.
        key: Key::new([0; 32]),
        now: UnixMs(0),
    };
    let verdict = run(&input, &mut |_| {});
    let table = to_table(&verdict.document(env!("CARGO_PKG_VERSION")), &Style::plain());
    // A closed pipe is the reader's wish.
    _ = std::io::stdout().write_all(table.as_bytes());
    ExitCode::from(verdict.exit_code(&input.config))
}
