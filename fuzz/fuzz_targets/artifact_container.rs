//! Containers other than zip, and compressed streams: the first byte picks a head, the rest follows it. The header of a
//! tar gets a check sum that fits, so that the fuzzer reaches what stands behind that test.
#![no_main]

#[expect(dead_code, reason = "shared by three targets")]
#[path = "../../crates/artifact/examples/fuzz_stable/heads.rs"]
mod heads;

use casemate_artifact::{ScanConfig, scan_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let (name, head) = heads::CONTAINERS[usize::from(*first) % heads::CONTAINERS.len()];
    let mut bytes = [head, rest].concat();
    if name.ends_with(".tar") {
        for block in bytes.chunks_exact_mut(512).filter(|b| b[0] != 0) {
            let sum: u32 = block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    let config = ScanConfig { inflated_bytes_max: 4 << 20, work_max: 1 << 18, entries_max: 1 << 12, ..ScanConfig::default() };
    scan_bytes(name, &bytes, &config);
});
