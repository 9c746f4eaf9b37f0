//! Any bytes under any ending: the first byte picks the name, the rest is the file.
#![no_main]

#[expect(dead_code, reason = "shared by three targets")]
#[path = "../../crates/artifact/examples/fuzz_stable/heads.rs"]
mod heads;

use casemate_artifact::{ScanConfig, scan_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let config = ScanConfig { inflated_bytes_max: 8 << 20, opcodes_max: 4 << 20, work_max: 1 << 20, ..ScanConfig::default() };
    scan_bytes(heads::NAMES[usize::from(*first) % heads::NAMES.len()], rest, &config);
});
