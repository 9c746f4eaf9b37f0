//! Any bytes as any file: archives, documents, tables, text. No panic, and within the budget of what comes out.
#![no_main]

use casemate_detect::Key;
use casemate_sweep::{Kinds, ScanPlan, SweepLimits, scan_reader};
use libfuzzer_sys::fuzz_target;

/// Names that decide where content does not; archives, documents and Parquet files are told by their first bytes.
const NAMES: [&str; 8] = ["a.txt", "a.csv", "a.jsonl", "a.json", "a.tsv", "a.md", "a.py", "a"];

fuzz_target!(|data: &[u8]| {
    let Some((&first, input)) = data.split_first() else { return };
    let limits = SweepLimits {
        depth_max: 3,
        members_max: 64,
        inflated_bytes_max: 1 << 20,
        member_bytes_max: 1 << 18,
        pdf_bytes_max: 1 << 18,
        piece_bytes: 512,
        ..SweepLimits::default()
    };
    let kinds = Kinds { models: false, ..Kinds::ALL };
    let plan = ScanPlan { limits, ..ScanPlan::new(Vec::new(), kinds, Key::new([0; 32])) };
    let scan = scan_reader(&plan, NAMES[usize::from(first & 7)], input).expect("memory does not fail");
    assert!(scan.findings.iter().all(|f| !f.fingerprint.0.is_empty()));
});
