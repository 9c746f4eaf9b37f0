//! The readers of single formats: the first byte picks a head, the rest follows it.
#![no_main]

#[expect(dead_code, reason = "shared by three targets")]
#[path = "../../crates/artifact/examples/fuzz_stable/heads.rs"]
mod heads;

use casemate_artifact::{ScanConfig, scan_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let (name, head) = heads::HEADS[usize::from(*first) % heads::HEADS.len()];
    let config = ScanConfig { inflated_bytes_max: 4 << 20, work_max: 1 << 18, ..ScanConfig::default() };
    scan_bytes(name, &[head, rest].concat(), &config);
});
