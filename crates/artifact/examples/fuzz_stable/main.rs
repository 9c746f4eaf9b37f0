//! Mutation fuzzing on the stable toolchain: structure-aware seeds of every format, a seed number and a time limit.
//!
//! `cargo run --release -p casemate-artifact --example fuzz_stable -- SEED SECONDS [FOLDER_OF_SEEDS]`
//! `cargo run --release -p casemate-artifact --example fuzz_stable -- --write-seeds FOLDER` writes the seeds for the
//! libFuzzer targets of `fuzz/`, a folder for each.
//!
//! Each round takes a seed (or splices two), changes it (bits, lengths, blocks, opcodes, magics), scans it with small
//! limits and checks what must hold: no panic, no scan over the processor time for one input, the same report twice for
//! the same bytes now and then, peak memory below the budget. On a failure the bytes are written to
//! `fuzz-crash-SEED-ROUND.hex` and the run ends. Each minute a line says how far it is and what processor time it took.

#[expect(dead_code, reason = "shared with the tests; the seeds need a part of it")]
#[path = "../../tests/scan/assemble.rs"]
mod assemble;
mod heads;
mod mutate;
mod seeds;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use casemate_artifact::{ScanConfig, explain_bytes, scan_bytes};

#[path = "../process/mod.rs"]
mod process;

use crate::mutate::{Random, mutate};
use process::{cpu_seconds, peak_mib};

/// Memory over what the corpus takes, above which a run fails: the scanner's budget, with room for the allocator.
const MEMORY_MIB_MAX: u64 = 160;

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "an example with a time limit that prints its counts"
)]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, folder] = &args[..]
        && flag == "--write-seeds"
    {
        return match seeds::write(std::path::Path::new(folder)) {
            Ok(n) => {
                println!("{n} seeds in {folder}");
                ExitCode::SUCCESS
            }
            Err(e) => {
                eprintln!("cannot write seeds to {folder}: {e}");
                ExitCode::FAILURE
            }
        };
    }
    let (Some(seed), Some(seconds)) =
        (args.first().and_then(|s| s.parse::<u64>().ok()), args.get(1).and_then(|s| s.parse::<u64>().ok()))
    else {
        eprintln!("usage: fuzz_stable SEED SECONDS [FOLDER_OF_SEEDS] | fuzz_stable --write-seeds FOLDER");
        return ExitCode::from(2);
    };
    let mut corpus = seeds::seeds();
    let mut folders: Vec<std::path::PathBuf> = args.get(2).map(Into::into).into_iter().collect();
    while let Some(f) = folders.pop() {
        for e in std::fs::read_dir(f).into_iter().flatten().flatten() {
            if e.path().is_dir() {
                folders.push(e.path());
            } else if e.metadata().is_ok_and(|m| m.len() < 64 << 10)
                && let Ok(bytes) = std::fs::read(e.path())
            {
                corpus.push((e.file_name().to_string_lossy().into_owned(), bytes));
            }
        }
    }
    let config = ScanConfig {
        inflated_bytes_max: 8 << 20,
        opcodes_max: 4 << 20,
        work_max: 1 << 20,
        entries_max: 1 << 12,
        ..ScanConfig::default()
    };
    let mut r = Random(seed | 1);
    let start = Instant::now();
    let (cpu_before, memory_before) = (cpu_seconds(), peak_mib());
    let mut told = 0;
    let (mut rounds, mut slowest, mut flagged) = (0u64, 0u128, 0u64);
    while start.elapsed().as_secs() < seconds {
        rounds += 1;
        let (name, bytes) = &corpus[r.below(corpus.len())];
        let mut bytes = bytes.clone();
        let other = corpus[r.below(corpus.len())].1.clone();
        mutate(&mut r, &mut bytes, &other);
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let report = scan_bytes(name, &bytes, &config);
            if rounds.is_multiple_of(64) {
                assert_eq!(report, scan_bytes(name, &bytes, &config), "two scans of the same bytes differ");
                explain_bytes(&bytes, 0, &config);
            }
            report
        }));
        let took = began.elapsed().as_millis();
        slowest = slowest.max(took);
        flagged += u64::from(result.as_ref().is_ok_and(|report| !report.is_clean()));
        // Another process may have held this one up: only processor time counts.
        let slow = took > 2_000 && {
            let before = cpu_seconds();
            scan_bytes(name, &bytes, &config);
            cpu_seconds() - before > 2.0
        };
        let minutes = start.elapsed().as_secs() / 60;
        let large = minutes > told && peak_mib().saturating_sub(memory_before) > MEMORY_MIB_MAX;
        if minutes > told {
            told = minutes;
            println!(
                "seed {seed}: {minutes} min, {rounds} inputs, {:.1} cpu s, slowest {slowest} ms, peak {} MiB",
                cpu_seconds() - cpu_before,
                peak_mib()
            );
        }
        if result.is_err() || slow || large {
            let file = format!("fuzz-crash-{seed}-{rounds}.hex");
            let _ = std::fs::write(&file, hex::encode(&bytes));
            eprintln!("round {rounds}, {name}, {took} ms: see {file}");
            return ExitCode::FAILURE;
        }
    }
    println!(
        "seed {seed}: {rounds} inputs from {} seeds in {seconds} s ({:.1} cpu s), none failed; slowest {slowest} ms; peak {} MiB; {flagged} not clean",
        corpus.len(),
        cpu_seconds() - cpu_before,
        peak_mib()
    );
    ExitCode::SUCCESS
}
