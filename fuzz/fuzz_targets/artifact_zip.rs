//! The zip reader: a local signature before and an end record behind what the fuzzer gives.
#![no_main]

use casemate_artifact::{ScanConfig, render_tree, scan_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend_from_slice(data);
    let config = ScanConfig { inflated_bytes_max: 4 << 20, work_max: 1 << 18, entries_max: 1 << 12, ..ScanConfig::default() };
    render_tree(&scan_bytes("a.pt", &bytes, &config));
});
