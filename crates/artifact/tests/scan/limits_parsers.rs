//! Limits of containers and of the larger formats: at each the file is read as ever, one past it the report says so.

use casemate_artifact::ArtifactSeverity::Suspicious;
use casemate_artifact::{FileReport, ScanConfig, scan_bytes};

use crate::assemble::{Flat, flatbuffer, member, pickle, tar, zip};

fn scan(name: &str, bytes: &[u8]) -> FileReport {
    scan_bytes(name, bytes, &ScanConfig::default())
}

/// Complete and clean at the limit, incomplete past it.
#[track_caller]
fn check(name: &str, at: &[u8], past: &[u8]) {
    let r = scan(name, at);
    assert!(r.is_clean(), "at the limit: {:?} {:?}", r.incomplete_reasons, r.findings);
    let r = scan(name, past);
    assert!(!r.complete, "past the limit: {:?}", r.findings);
}

#[test]
fn where_the_end_of_a_zip_is_looked_for() {
    let archive = zip(&[member("a.json", b"{}")]);
    let tail = 1 << 20;
    let padded = |n: usize| [archive.clone(), vec![0; n]].concat();
    assert!(scan("a.zip", &padded(tail - 22)).is_clean());
    let past = scan("a.zip", &padded(tail - 21));
    assert!(past.severity == Suspicious && past.tampered, "no directory: {past:?}");
}

#[test]
fn end_records_of_a_zip() {
    let with = |n: usize| {
        let mut v = zip(&[member("a.json", b"{}")]);
        let comment = [b"PK\x05\x06".to_vec(), vec![0; 18]].concat().repeat(n - 1);
        let at = v.len() - 2;
        v[at..].copy_from_slice(&(comment.len() as u16).to_le_bytes());
        [v, comment].concat()
    };
    check("a.zip", &with(16), &with(17));
}

#[test]
fn bytes_outside_the_members_of_a_zip() {
    let archive = [zip(&[member("a.json", b"{}")]), vec![0; 1000]].concat();
    let config = |n| ScanConfig { zip_gap_bytes_max: n, ..ScanConfig::default() };
    assert!(scan_bytes("a.zip", &archive, &config(1000)).is_clean());
    assert!(!scan_bytes("a.zip", &archive, &config(999)).complete);
}

#[test]
fn archives_in_compressed_streams() {
    use std::io::Write;
    let archive = zip(&[member("a.json", b"{}"), member("b.bin", &[7; 500])]);
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(&archive).expect("memory");
    let packed = e.finish().expect("memory");
    let config = |n| ScanConfig { buffer_bytes_max: 100, archive_in_stream_bytes_max: n, ..ScanConfig::default() };
    let n = archive.len() as u64;
    let at = scan_bytes("m.npz.gz", &packed, &config(n));
    assert!(at.is_clean() && at.tree.iter().any(|t| t.member.ends_with("a.json")), "{at:?}");
    let past = scan_bytes("m.npz.gz", &packed, &config(n - 1));
    assert!(!past.complete && !past.tampered, "{past:?}");
}

#[test]
fn names_in_a_zip_and_in_a_tar() {
    let named = |n: usize| zip(&[member(&"n".repeat(n), b"{}")]);
    check("a.zip", &named(4096), &named(4097));
    let long = |n: usize| {
        let mut v = tar("././@LongLink", b'L', "", "n".repeat(n).as_bytes());
        v.truncate(v.len() - 1024);
        [v, tar("n", b'0', "", b"{}")].concat()
    };
    check("a.tar", &long(64 << 10), &long((64 << 10) + 1));
}

#[test]
fn headers_and_coders_of_7z() {
    let archive = |header: &[u8]| {
        let mut v = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        v.extend((header.len() as u64).to_le_bytes());
        v.extend([0; 4]);
        [v, header.to_vec()].concat()
    };
    // No files, and a property that stands for padding.
    let padded = |n: usize| {
        let padding = n - 10;
        let mut header = vec![1, 5, 0, 25, 0xe0];
        header.extend(&(padding as u32).to_le_bytes()[..3]);
        header.resize(n, 0);
        archive(&header)
    };
    check("a.7z", &padded(8 << 20), &padded((8 << 20) + 1));
    // A folder that copies, through a chain of coders.
    let coders = |n: u8| {
        let mut header = vec![1, 4, 6, 0, 1, 9, 0, 0, 7, 11, 1, 0, n];
        header.extend([1, 0].repeat(usize::from(n)));
        header.extend([0, 0].repeat(usize::from(n) - 1));
        header.push(12);
        header.resize(header.len() + usize::from(n), 0);
        header.extend([0, 0, 0]);
        scan("a.7z", &archive(&header)).incomplete_reasons.concat()
    };
    assert!(coders(8).contains("are not read"), "{}", coders(8));
    assert!(coders(9).contains("damaged"), "{}", coders(9));
}

/// A file with one root group whose object header has these chunks: (bytes of messages, where the next chunk is told).
fn hdf5(first: usize, chunks: usize) -> Vec<u8> {
    let mut v = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
    v.extend([0u64, u64::MAX, 4096, u64::MAX, 0, 96].iter().flat_map(|n| n.to_le_bytes()));
    v.resize(96, 0);
    v.extend([1, 0, 1, 0, 1, 0, 0, 0]);
    v.extend((first as u32).to_le_bytes());
    v.extend([0; 4]);
    let next = |v: &mut Vec<u8>, to: usize| {
        v.extend([16, 0, 16, 0, 0, 0, 0, 0]);
        v.extend((to as u64).to_le_bytes());
        v.extend(24u64.to_le_bytes());
    };
    if chunks > 1 {
        for i in 1..chunks {
            next(&mut v, 112 + first.max(24) + (i - 1) * 24);
            if i == 1 {
                v.resize(112 + first.max(24), 0);
            }
        }
        v.resize(v.len() + 24, 0);
    } else {
        v.resize(112 + first, 0);
    }
    v
}

#[test]
fn chunks_of_hdf5_headers() {
    check("m.h5", &hdf5(1 << 20, 1), &hdf5((1 << 20) + 8, 1));
    check("m.h5", &hdf5(24, 256), &hdf5(24, 257));
}

/// A file whose root group is a tree node of `used` entries that all lead back to it, or on to symbol nodes.
fn hdf5_tree(used: u16, child: impl Fn(u64) -> u64) -> Vec<u8> {
    let mut v = hdf5(24, 1);
    let tree = v.len() as u64;
    // The root's one message: a symbol table, whose tree begins behind the header.
    v[112..120].copy_from_slice(&[0x11, 0, 16, 0, 0, 0, 0, 0]);
    v[120..128].copy_from_slice(&tree.to_le_bytes());
    v.extend(b"TREE\0\0");
    v.extend(used.to_le_bytes());
    v.extend([0xff; 16]);
    for i in 0..u64::from(used) {
        v.extend(0u64.to_le_bytes());
        v.extend(child(i).to_le_bytes());
    }
    v
}

#[test]
fn trees_of_hdf5_are_walked_once() {
    // Found by fuzzing: a node that is its own child was read a hundred thousand times, its children every time.
    let own = hdf5_tree(60_000, |_| 136);
    let r = scan("m.h5", &own);
    assert!(r.complete, "{:?}", r.incomplete_reasons);
    // Every entry leads elsewhere, into the same entries: at most as many nodes as there are addresses.
    let overlapping = hdf5_tree(60_000, |i| 136 + i);
    assert!(scan("m.h5", &overlapping).complete);
}

#[test]
fn counts_of_executorch() {
    let plans =
        |n: usize| flatbuffer(b"ET12", b"", vec![Flat::Number(0), Flat::Tables((0..n).map(|_| vec![]).collect())]);
    check("m.pte", &plans(100_000), &plans(100_001));
}

#[test]
fn tensors_of_paddle_and_metadata_of_catboost() {
    let tensor = [&[0u8; 16][..], &[4, 0, 0, 0, 0x08, 5, 0x10, 0]].concat();
    let file = |n: usize| tensor.repeat(n);
    check("m.pdiparams", &file(1 << 20), &file((1 << 20) + 1));
    let model = |n: usize| {
        let pairs = (0..n).map(|_| vec![]).collect();
        let core = flatbuffer(
            b"\0\0\0\0",
            b"",
            vec![Flat::Text("FlabuffersModel_v1"), Flat::Table(vec![]), Flat::Tables(pairs)],
        );
        [b"CBM1".to_vec(), (core.len() as u32).to_le_bytes().to_vec(), core].concat()
    };
    check("m.cbm", &model(1 << 20), &model((1 << 20) + 1));
}

#[test]
fn fields_and_templates_of_json() {
    let padding: String = (0..200).map(|i| format!(r#""a{i}": 1, "#)).collect();
    let hidden = format!(r#"{{{padding}"module": "keras.layers", "class_name": "Lambda", "config": {{}}}}"#);
    assert!(scan("config.json", hidden.as_bytes()).is_blocked(), "however many fields stand before it");
    let twice = br#"{"class_name": "Dense", "config": {}, "class_name": "Lambda"}"#;
    assert!(scan("config.json", twice).is_blocked(), "the last one counts");
    let map = |n: usize| {
        let entries: Vec<String> = (0..n).map(|i| format!(r#""A{i}": "b.C""#)).collect();
        let r = scan("config.json", format!(r#"{{"auto_map": {{{}}}}}"#, entries.join(",")).as_bytes());
        r.findings.iter().any(|f| f.rule == "artifact/header-bomb")
    };
    assert!(!map(4096) && map(4097));
    let templates = |n: usize| format!("[{}]", vec![r#""{{ a }}""#; n].join(",")).into_bytes();
    check("c.json", &templates(64), &templates(65));
    // The worst is kept, whatever stands before it.
    let custom = r#"{"class_name": "acme>Net", "config": {}}, "#.repeat(200);
    let worst = format!(r#"{{"layers": [{custom}{{"class_name": "Lambda", "config": {{}}}}]}}"#);
    assert!(scan("config.json", worst.as_bytes()).is_blocked());
}

#[test]
fn values_that_look_like_pickles() {
    let inner = b"\x80\x04\x8c\x07abcdefg.";
    let pickled = |n: usize| pickle(&[&[&b"C\x0c"[..], inner, b"0"].concat().repeat(n), b"N"]);
    check("a.pkl", &pickled(1 << 14), &pickled((1 << 14) + 1));
    let packed =
        |n: u16| [&b"\xdc"[..], &n.to_be_bytes(), &[&b"\xc4\x0c"[..], inner].concat().repeat(usize::from(n))].concat();
    check("a.msgpack", &packed(256), &packed(257));
}

#[test]
fn nesting_of_r_values() {
    let nested = |n: usize| {
        let mut v = b"X\n\0\0\0\x02\0\x04\x03\x01\0\x02\x03\0".to_vec();
        v.extend([0, 0, 0, 19, 0, 0, 0, 1].repeat(n));
        v.extend([0, 0, 0, 254]);
        v
    };
    // Two open lists for each level: its values and its attributes.
    check("a.rds", &nested(1 << 19), &nested((1 << 19) + 1));
}

#[test]
fn strings_of_gguf() {
    let says = |n: u64| {
        let mut v = b"GGUF\x03\0\0\0".to_vec();
        v.extend(0u64.to_le_bytes());
        v.extend(1u64.to_le_bytes());
        v.extend(n.to_le_bytes());
        v.extend(b"key");
        scan("a.gguf", &v).findings[0].message.clone()
    };
    // At the limit the file is merely too short; past it the length itself is refused.
    assert_eq!(says(64 << 20), "a length reaches behind the end of the file");
    assert!(says((64 << 20) + 1).contains("longer than any reader"), "{}", says((64 << 20) + 1));
}

#[test]
fn long_templates_and_yaml() {
    let config = |n| ScanConfig { text_bytes_max: n, ..ScanConfig::default() };
    for (name, text) in [("a.jinja", "{{ a }}"), ("a.yaml", "a: 1\n")] {
        let n = text.len() as u64;
        assert!(scan_bytes(name, text.as_bytes(), &config(n)).is_clean(), "{name}");
        assert!(!scan_bytes(name, text.as_bytes(), &config(n - 1)).complete, "{name}");
    }
}
