//! The pickle machine: protocol header given, opcodes by the fuzzer; the report must be the same twice, and every opcode
//! that is listed must lie inside the input.
#![no_main]

use casemate_artifact::{ScanConfig, explain_bytes, pickle_opcodes, scan_bytes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut bytes = vec![0x80, 4];
    bytes.extend_from_slice(data);
    let config = ScanConfig { stack_max: 4096, memo_max: 4096, nodes_max: 256, ..ScanConfig::default() };
    let report = scan_bytes("a.pkl", &bytes, &config);
    assert_eq!(report, scan_bytes("a.pkl", &bytes, &config));
    assert!(pickle_opcodes(&bytes).iter().all(|at| *at <= bytes.len() as u64));
    explain_bytes(&bytes, 0, &config);
});
