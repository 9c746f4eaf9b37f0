//! Any bytes under any ending: the first byte picks the name, the rest is the file.
#![no_main]

use casemate_artifact::{ScanConfig, scan_bytes};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 8] = ["a.pkl", "a.pt", "a.json", "a.onnx", "a.keras", "a.h5", "a.gz", "a"];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let config = ScanConfig { inflated_bytes_max: 8 << 20, opcodes_max: 4 << 20, work_max: 1 << 20, ..ScanConfig::default() };
    scan_bytes(NAMES[usize::from(*first) % NAMES.len()], rest, &config);
});
