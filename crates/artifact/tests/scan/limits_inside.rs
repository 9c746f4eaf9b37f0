//! Limits of single readers: at each the file is read as ever, one past it the report says so.

use casemate_artifact::ArtifactSeverity::Suspicious;
use casemate_artifact::{FileReport, ScanConfig, scan_bytes};

use crate::assemble::{Flat, flatbuffer, member, pickle, zip};

fn scan(name: &str, bytes: &[u8]) -> FileReport {
    scan_bytes(name, bytes, &ScanConfig::default())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(bytes).expect("memory");
    e.finish().expect("memory")
}

#[test]
fn depth_of_containers() {
    let nested = |n: u32| (0..n).fold(b"{}".to_vec(), |inner, _| zip(&[member("a", &inner)]));
    let config = ScanConfig { depth_max: 3, ..ScanConfig::default() };
    assert!(scan_bytes("a.zip", &nested(3), &config).is_clean());
    let past = scan_bytes("a.zip", &nested(4), &config);
    assert!(!past.complete && past.incomplete_reasons[0].contains("3 levels"), "{past:?}");
}

#[test]
fn decompressed_bytes_and_their_ratio() {
    let noise: Vec<u8> = (0..1000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 | 1).collect();
    let budget = |n| ScanConfig { inflated_bytes_max: n, ..ScanConfig::default() };
    assert!(scan_bytes("a.gz", &gzip(&noise), &budget(1000)).is_clean());
    assert!(!scan_bytes("a.gz", &gzip(&noise), &budget(999)).complete);
    let ratio = ScanConfig { ratio_floor_bytes: 5000, ratio_max: 1, ..ScanConfig::default() };
    assert!(scan_bytes("a.gz", &gzip(&vec![1; 5000]), &ratio).is_clean());
    let bomb = scan_bytes("a.gz", &gzip(&vec![1; 5001]), &ratio);
    assert!(!bomb.complete && bomb.severity == Suspicious, "{bomb:?}");
}

#[test]
fn work() {
    // Two texts and the end of the object.
    let json = br#"{"a": "x", "b": "y"}"#;
    let config = |n| ScanConfig { work_max: n, ..ScanConfig::default() };
    assert!(scan_bytes("a.json", json, &config(3)).is_clean());
    assert!(!scan_bytes("a.json", json, &config(2)).complete);
}

#[test]
fn pickle_streams() {
    let many = |n: usize| b"K\x01.".repeat(n);
    assert!(scan("a.pkl", &many(4096)).complete);
    assert!(!scan("a.pkl", &many(4097)).complete);
}

#[test]
fn pickle_integers() {
    let digits = |n: usize| [b"I".to_vec(), vec![b'7'; n], b"\n.".to_vec()].concat();
    assert!(scan("a.pkl", &digits(20_000)).is_clean());
    assert_eq!(scan("a.pkl", &digits(20_001)).severity, Suspicious);
    let binary = |n: u32| pickle(&[b"\x8b", &n.to_le_bytes(), &vec![1; n as usize]]);
    assert!(scan("a.pkl", &binary(64 << 10)).is_clean());
    assert_eq!(scan("a.pkl", &binary((64 << 10) + 1)).severity, Suspicious);
}

#[test]
fn pickle_nesting_and_expansion() {
    let nested = |n: usize| pickle(&[b"N", &vec![0x85; n]]);
    assert!(scan("a.pkl", &nested(2000)).is_clean());
    assert_eq!(scan("a.pkl", &nested(2001)).severity, Suspicious);
    // Each step doubles: a pair of the value and itself, one value more for the pair.
    let doubled = |n: usize| pickle(&[b"N", &b"2\x86".repeat(n)]);
    assert!(scan("a.pkl", &doubled(28)).is_clean(), "2^29 - 1 values");
    assert_eq!(scan("a.pkl", &doubled(29)).severity, Suspicious, "2^30 - 1 values");
}

#[test]
fn templates() {
    let template = |n: usize| [b"{{ a }}".to_vec(), vec![b'x'; n - 7]].concat();
    let most = 4 << 20;
    assert!(scan("a.jinja", &template(most)).is_clean());
    assert!(!scan("a.jinja", &template(most + 1)).complete);
}

#[test]
fn headers() {
    let numpy = |n: usize| {
        let mut text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }".to_vec();
        text.resize(n, b' ');
        [b"\x93NUMPY\x02\x00".to_vec(), (n as u32).to_le_bytes().to_vec(), text, vec![0]].concat()
    };
    assert!(scan("a.npy", &numpy(1 << 20)).is_clean());
    assert!(!scan("a.npy", &numpy((1 << 20) + 1)).is_clean());
    let tensors = |n: usize| {
        let mut text = b"{\"__metadata__\":{\"a\":\"b\"}}".to_vec();
        text.resize(n, b' ');
        [(n as u64).to_le_bytes().to_vec(), text].concat()
    };
    let config = ScanConfig { text_bytes_max: 100, ..ScanConfig::default() };
    assert!(scan_bytes("a.safetensors", &tensors(100), &config).is_clean());
    assert!(!scan_bytes("a.safetensors", &tensors(101), &config).complete);
    let claimed = |n: u64| [n.to_le_bytes().to_vec(), b"{\"a\"".to_vec()].concat();
    for n in [100_000_000, 100_000_001] {
        // Either is longer than the file.
        assert_eq!(scan("a.safetensors", &claimed(n)).severity, Suspicious);
    }
}

#[test]
fn counts_of_gguf() {
    let head = |tensors: u64, pairs: u64| {
        let mut v = b"GGUF\x03\0\0\0".to_vec();
        v.extend(tensors.to_le_bytes());
        v.extend(pairs.to_le_bytes());
        v
    };
    let says = |bytes: &[u8]| scan("a.gguf", bytes).findings[0].message.clone();
    // At the limit the file is merely cut; past it the count itself is refused.
    assert_eq!(says(&head(1 << 20, 0)), "the file is cut");
    assert!(says(&head((1 << 20) + 1, 0)).contains("count"));
    assert!(says(&head(0, (1 << 20) + 1)).contains("count"));
    let tensor = |dims: u32| {
        let mut v = head(1, 0);
        v.extend(1u64.to_le_bytes());
        v.push(b't');
        v.extend(dims.to_le_bytes());
        (0..dims).for_each(|_| v.extend(1u64.to_le_bytes()));
        v.extend([24, 0, 0, 0]);
        v.extend(0u64.to_le_bytes());
        v.resize(v.len().div_ceil(32) * 32 + 32, 0);
        v
    };
    assert!(scan("a.gguf", &tensor(8)).is_clean(), "{:?}", scan("a.gguf", &tensor(8)));
    assert_eq!(scan("a.gguf", &tensor(9)).severity, Suspicious);
}

#[test]
fn operator_codes_of_tflite() {
    let model = |n: usize| {
        let codes = (0..n).map(|_| vec![Flat::Byte(1)]).collect();
        flatbuffer(b"TFL3", b"", vec![Flat::Number(3), Flat::Tables(codes)])
    };
    assert!(scan("a.tflite", &model(4096)).is_clean());
    assert!(!scan("a.tflite", &model(4097)).complete);
}

#[test]
fn large_files_are_read_in_windows_with_the_same_result_and_digest() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.pkl");
    // A long run of values, then a call behind it.
    let bytes = pickle(&[&b"\x8c\x03abc0".repeat(200_000), b"\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R"]);
    std::fs::write(&path, &bytes).expect("written");
    let name = path.to_string_lossy();
    let windows = ScanConfig { file_in_memory_bytes_max: bytes.len() as u64 - 1, ..ScanConfig::default() };
    let whole = ScanConfig { file_in_memory_bytes_max: bytes.len() as u64, ..ScanConfig::default() };
    let want = scan_bytes(&name, &bytes, &whole);
    for config in [windows, whole] {
        let got = casemate_artifact::scan_path(&path, &config).expect("readable");
        assert_eq!(got, want);
    }
    assert!(want.is_blocked());
}
