//! The readers of single formats: the first byte picks a magic, the rest follows it.
#![no_main]

use casemate_artifact::{ScanConfig, scan_bytes};
use libfuzzer_sys::fuzz_target;

const MAGICS: [(&str, &[u8]); 21] = [
    ("a.gguf", b"GGUF\x03\0\0\0"),
    ("a.safetensors", b"\x40\0\0\0\0\0\0\0{\""),
    ("a.npy", b"\x93NUMPY\x01\0"),
    ("a.h5", b"\x89HDF\r\n\x1a\n"),
    ("a.tflite", b"\x10\0\0\0TFL3"),
    ("a.rds", b"X\n\0\0\0\x02\0\x04\x03\x01\0\x02\x03\0"),
    ("a.xml", b"<?xml version=\"1.0\"?>"),
    ("a.json", b"{\""),
    ("a.7z", b"7z\xbc\xaf\x27\x1c"),
    ("a.onnx", b"\x08\x08\x3a"),
    ("a.pb", b"\x08\x01\x12"),
    ("a.jinja", b"{{ "),
    ("a.mlmodel", b"\x08\x07\x12\x02\x0a\0"),
    ("a.pdmodel", b"\x0a"),
    ("a.pdiparams", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("a.msgpack", b"\x81\xa1w"),
    ("a.ubj", b"{L\0\0\0\0\0\0\0\x01a"),
    ("a.cbm", b"CBM1"),
    ("a.pte", b"\x10\0\0\0ET12eh00"),
    ("a.params", b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("a.rda", b"RDA3\nA\n3\n263168\n131840\n5\nUTF-8\n"),
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let (name, magic) = MAGICS[usize::from(*first) % MAGICS.len()];
    let config = ScanConfig { inflated_bytes_max: 4 << 20, work_max: 1 << 18, ..ScanConfig::default() };
    scan_bytes(name, &[magic, rest].concat(), &config);
});
