//! Each limit: at it the report is complete, one past it it is not, and it is never clean.

use casemate_artifact::{ScanConfig, scan_bytes};

use crate::assemble::{call, global, member, pickle, zip};

#[test]
fn entries() {
    let archive = zip(&[member("a", b"x"), member("b", b"x"), member("c", b"x")]);
    let at = ScanConfig { entries_max: 3, ..ScanConfig::default() };
    assert!(scan_bytes("a.zip", &archive, &at).is_clean());
    let past = ScanConfig { entries_max: 2, ..ScanConfig::default() };
    assert!(!scan_bytes("a.zip", &archive, &past).complete);
}

#[test]
fn stack() {
    let deep = |n: usize| pickle(&[vec![b'N'; n].as_slice()]);
    let config = ScanConfig { stack_max: 100, ..ScanConfig::default() };
    assert!(scan_bytes("x", &deep(100), &config).is_clean());
    assert!(!scan_bytes("x", &deep(101), &config).complete);
}

#[test]
fn globals() {
    let names = pickle(&[&global("collections", "OrderedDict"), &global("collections", "deque")]);
    assert!(scan_bytes("x", &names, &ScanConfig { globals_max: 2, ..ScanConfig::default() }).complete);
    assert!(!scan_bytes("x", &names, &ScanConfig { globals_max: 1, ..ScanConfig::default() }).complete);
}

#[test]
fn memo_and_nodes_only_matter_where_they_are_used() {
    // What was forgotten and is only data does no harm; what was forgotten and is called makes the report incomplete.
    let config = ScanConfig { memo_max: 4, nodes_max: 4, ..ScanConfig::default() };
    let mut many = Vec::new();
    for _ in 0..10_000 {
        many.extend(b"]\x940");
    }
    assert!(scan_bytes("x", &pickle(&[many.as_slice(), b"N"]), &config).is_clean());
    let called = pickle(&[
        &global("collections", "OrderedDict"),
        b"r\xff\xff\x00\x000",
        many.as_slice(),
        b"j\x10\x27\x00\x00)R",
    ]);
    let r = scan_bytes("x", &called, &config);
    assert!(!r.is_clean(), "{r:?}");
}

#[test]
fn findings_are_kept_to_the_limit_but_the_worst_counts() {
    let mut bytes = Vec::new();
    for i in 0..50 {
        bytes.extend(call("acme", &format!("f{i}"), "x"));
    }
    bytes.extend(call("os", "system", "id"));
    let r = scan_bytes("x", &bytes, &ScanConfig { findings_max: 10, ..ScanConfig::default() });
    assert!(r.findings.len() <= 10);
    assert!(r.findings.iter().any(|f| f.evidence == "os.system('id')"));
}

#[test]
fn text_documents() {
    let json = format!("{{\"a\": \"{}\"}}", "x".repeat(100));
    let n = json.len() as u64;
    assert!(
        scan_bytes("a.json", json.as_bytes(), &ScanConfig { text_bytes_max: n, ..ScanConfig::default() }).is_clean()
    );
    assert!(
        !scan_bytes("a.json", json.as_bytes(), &ScanConfig { text_bytes_max: n - 1, ..ScanConfig::default() }).complete
    );
}

#[test]
fn opcodes_and_cancelling() {
    let long = pickle(&[b"N0".repeat(20_000).as_slice(), b"N"]);
    assert!(scan_bytes("x", &long, &ScanConfig::default()).is_clean());
    assert!(!scan_bytes("x", &long, &ScanConfig { opcodes_max: 0x2000, ..ScanConfig::default() }).complete);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    assert!(!scan_bytes("x", &long, &ScanConfig { cancel: Some(stop), ..ScanConfig::default() }).complete);
}
