//! Archives whose parts say different things.

use std::io::Write;

use casemate_artifact::ArtifactSeverity::{Dangerous, Suspicious};
use casemate_artifact::{ScanConfig, render_tree, scan_bytes};

use crate::assemble::{Member, call, member, pickle, tar, zip};
use crate::pickles::scan;

fn evil() -> Vec<u8> {
    call("os", "system", "id")
}

fn torch(data: &[u8]) -> Vec<Member> {
    vec![member("archive/data.pkl", data), member("archive/version", b"3\n")]
}

#[test]
fn a_plain_archive_is_plain() {
    let r = scan(&zip(&torch(&pickle(&[b"}"]))));
    assert!(r.is_clean(), "{r:?}");
    assert_eq!(r.format, "torch-zip");
    assert!(render_tree(&r).contains("archive/data.pkl"), "{}", render_tree(&r));
}

#[test]
fn members_are_found_in_every_view() {
    let good = pickle(&[b"}"]);
    let mut hidden = member("archive/data.pkl", &evil());
    hidden.hidden = true;
    let mut renamed = member("archive/data.pkl", &good);
    renamed.local_name = b"archive/else.pkl".to_vec();
    let mut encrypted = member("archive/data.pkl", &evil());
    encrypted.flags = 1;
    let mut bad_crc = member("archive/data.pkl", &good);
    bad_crc.crc = Some(1);
    for (what, bytes, least, tampered) in [
        ("orphan", zip(&[torch(&good), vec![hidden]].concat()), Dangerous, true),
        ("renamed", zip(&[renamed]), Suspicious, true),
        ("flagged as encrypted", zip(&[encrypted]), Dangerous, false),
        ("check sum", zip(&[bad_crc]), Suspicious, true),
        ("two of one name", zip(&[torch(&good), vec![member("archive/data.pkl", &evil())]].concat()), Dangerous, true),
        ("concatenated", [zip(&torch(&evil())), zip(&torch(&good))].concat(), Dangerous, true),
        (
            "prefix",
            [b"GIF89a-not-a-picture-at-all-but-long-enough".to_vec(), zip(&torch(&good))].concat(),
            Suspicious,
            true,
        ),
        ("trailer", [zip(&torch(&good)), vec![b'x'; 70_000]].concat(), Suspicious, true),
        ("no directory", zip(&torch(&evil()))[..60].to_vec(), Suspicious, true),
    ] {
        let r = scan(&bytes);
        assert!(
            r.severity >= least && (r.tampered || !tampered),
            "{what}: {:?}",
            (r.severity, r.tampered, &r.findings)
        );
    }
}

/// macOS leaves out the packed size alone where sizes come behind the data; a size that is another is no omission.
#[test]
fn sizes_that_come_behind_the_data() {
    let mut m = member("a.txt", b"words");
    (m.flags, m.local_flags) = (8, 8);
    let mut bytes = zip(&[m]);
    bytes[14..22].fill(0);
    assert!(scan(&bytes).is_clean(), "{:?}", scan(&bytes).findings);
    bytes[22] = 6;
    assert!(scan(&bytes).tampered);
}

#[test]
fn paths_and_links() {
    let mut link = member("x", b"/etc/passwd");
    link.mode = 0o120_777;
    for (what, bytes, least) in [
        ("zip slip", zip(&[member("../../x.pkl", b"N.")]), Dangerous),
        ("absolute", zip(&[member("/etc/x", b"")]), Dangerous),
        ("zip link", zip(&[link]), Suspicious),
        ("tar slip", tar("../x", b'0', "", b"hello"), Dangerous),
        ("tar link", tar("x", b'2', "../../etc/passwd", b""), Dangerous),
        ("tar hard link", tar("x", b'1', "y", b""), Suspicious),
        ("pickle in tar", tar("model.pkl", b'0', "", &evil()), Dangerous),
    ] {
        let r = scan(&bytes);
        assert!(r.severity >= least, "{what}: {:?}", r.findings);
    }
    assert!(scan(&tar("data/readme", b'0', "", b"hello")).is_clean());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    e.write_all(bytes).expect("memory");
    e.finish().expect("memory")
}

#[test]
fn compressed_and_nested() {
    let r = scan(&gzip(&zip(&[member("a/b.pkl", &gzip(&evil()))])));
    assert_eq!(r.severity, Dangerous, "{r:?}");
    let f = r.findings.iter().find(|f| f.severity == Dangerous).expect("found");
    assert!(f.member.contains("a/b.pkl"), "{}", f.member);
    let bomb = gzip(&vec![0u8; 64 << 20]);
    let r = scan(&bomb);
    assert!(r.findings.iter().any(|f| f.rule == "artifact/archive-bomb") && !r.complete, "{:?}", r.findings);
}

#[test]
fn large_streams_are_read_forward_without_being_held() {
    // 20 MiB of bytes between two calls, compressed: more than is held in memory.
    let n = 20u32 << 20;
    let noise: Vec<u8> = (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let bytes = pickle(&[b"B", &n.to_le_bytes(), &noise, b"0", &evil()[2..]]);
    let r = scan(&gzip(&bytes));
    assert_eq!(r.severity, Dangerous, "{:?}", r.findings);
    assert!(r.findings.iter().any(|f| f.evidence == "os.system('id')"), "{:?}", r.findings);
}

#[test]
fn depth_at_the_limit_and_past_it() {
    let nest = |n: u32| (0..n).fold(evil(), |b, _| gzip(&b));
    let config = ScanConfig { depth_max: 3, ..ScanConfig::default() };
    assert_eq!(scan_bytes("x.gz", &nest(3), &config).severity, Dangerous);
    let past = scan_bytes("x.gz", &nest(4), &config);
    assert!(!past.complete && !past.is_clean());
}

/// A member with GNU's own map in its header: four parts, the others in a block behind it.
fn gnu_sparse(name: &str, parts: &[(u64, &[u8])], len: u64) -> Vec<u8> {
    let entry = |(at, data): &(u64, &[u8])| format!("{at:011o}\0{:011o}\0", data.len()).into_bytes();
    let data: Vec<u8> = parts.iter().flat_map(|(_, d)| d.iter().copied()).collect();
    let mut v = tar(name, b'S', "", &data);
    let map: Vec<u8> = parts.iter().take(4).flat_map(entry).collect();
    v[257..265].copy_from_slice(b"ustar  \0");
    v[386..386 + map.len()].copy_from_slice(&map);
    v[482] = u8::from(parts.len() > 4);
    v[483..495].copy_from_slice(format!("{len:011o}\0").as_bytes());
    v[148..156].fill(b' ');
    let sum: u32 = v[..512].iter().map(|b| u32::from(*b)).sum();
    v[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let blocks: Vec<&[(u64, &[u8])]> = parts.get(4..).unwrap_or_default().chunks(21).collect();
    let more: Vec<u8> = blocks
        .iter()
        .enumerate()
        .flat_map(|(i, block)| {
            let mut b: Vec<u8> = block.iter().flat_map(entry).collect();
            b.resize(512, 0);
            b[504] = u8::from(i + 1 < blocks.len());
            b
        })
        .collect();
    v.splice(512..512, more);
    v
}

/// A member with its map in pax records, and for version 1.0 before its data.
fn pax_sparse(version: &str, name: &str, parts: &[(u64, &[u8])], len: u64) -> Vec<u8> {
    let pair = |(at, d): &(u64, &[u8])| (*at, d.len());
    let mut records: Vec<(String, String)> = vec![("GNU.sparse.name".into(), name.into())];
    let mut data: Vec<u8> = Vec::new();
    match version {
        "0.0" => {
            records.push(("GNU.sparse.size".into(), len.to_string()));
            for (at, n) in parts.iter().map(pair) {
                records.push(("GNU.sparse.offset".into(), at.to_string()));
                records.push(("GNU.sparse.numbytes".into(), n.to_string()));
            }
        }
        "0.1" => {
            let map: Vec<String> = parts.iter().map(pair).map(|(at, n)| format!("{at},{n}")).collect();
            records.push(("GNU.sparse.size".into(), len.to_string()));
            records.push(("GNU.sparse.map".into(), map.join(",")));
        }
        _ => {
            records.push(("GNU.sparse.major".into(), "1".into()));
            records.push(("GNU.sparse.minor".into(), "0".into()));
            records.push(("GNU.sparse.realsize".into(), len.to_string()));
            let map: String = parts.iter().map(pair).map(|(at, n)| format!("{at}\n{n}\n")).collect();
            data = format!("{}\n{map}", parts.len()).into_bytes();
            data.resize(data.len().div_ceil(512) * 512, 0);
        }
    }
    let header: String = records
        .iter()
        .map(|(k, v)| {
            let body = format!(" {k}={v}\n");
            let n = (1..5).map(|d| body.len() + d).find(|n| n.to_string().len() + body.len() == *n).unwrap_or(0);
            format!("{n}{body}")
        })
        .collect();
    data.extend(parts.iter().flat_map(|(_, d)| d.iter().copied()));
    let first = tar("header", b'x', "", header.as_bytes());
    [&first[..first.len() - 1024], &tar("GNUSparseFile.1/m", b'0', "", &data)].concat()
}

#[test]
fn sparse_members_of_a_tar() {
    let hole = 3u32 << 20;
    let begin = [&b"\x80\x04B"[..], &hole.to_le_bytes()].concat();
    let call = [b"0".to_vec(), evil()].concat();
    // A call behind a hole, in two parts and in thirty.
    let file = |last: &'static [u8], many: u64| -> Vec<(u64, &[u8])> {
        let mut parts: Vec<(u64, &[u8])> = vec![(0, &[])];
        parts.extend((1..=many).map(|i| (i * 65_536, &b"noise"[..])));
        parts.push((7 + u64::from(hole), last));
        parts
    };
    let (call, end): (&'static [u8], &'static [u8]) = (Box::leak(call.into_boxed_slice()), b".");
    for many in [0, 30] {
        for (last, hostile) in [(call, true), (end, false)] {
            let mut parts = file(last, many);
            parts[0].1 = &begin;
            let len = 7 + u64::from(hole) + last.len() as u64;
            let archives = ["0.0", "0.1", "1.0"].map(|v| pax_sparse(v, "m.pkl", &parts, len));
            for (i, bytes) in archives.iter().chain([&gnu_sparse("m.pkl", &parts, len)]).enumerate() {
                let r = scan(bytes);
                let called = r.findings.iter().any(|f| f.evidence == "os.system('id')" && f.member == "m.pkl");
                assert_eq!((called, r.is_clean()), (hostile, !hostile), "way {i}, {many} parts: {r:?}");
            }
        }
    }
    // Readers without maps take the stored bytes.
    let r = scan(&pax_sparse("0.1", "m.pkl", &[(1 << 20, &evil())], (1 << 20) + evil().len() as u64));
    assert_eq!(r.severity, Dangerous, "{r:?}");
    // What is behind a member with more blocks of its map is found in its place.
    let parts = file(end, 30);
    let first = gnu_sparse("w.bin", &parts, 4 << 20);
    let r = scan(&[&first[..first.len() - 1024], &tar("m.pkl", b'0', "", &evil())].concat());
    assert_eq!(r.severity, Dangerous, "{r:?}");
}

#[test]
fn sparse_members_that_readers_differ_on() {
    let limit = ScanConfig::default().ratio_floor_bytes;
    for (what, bytes) in [
        ("no map", tar("weights.bin", b'S', "", b"data")),
        ("overlap", pax_sparse("0.1", "m", &[(0, b"abcd"), (2, b"ef")], 9)),
        ("order", pax_sparse("0.0", "m", &[(4, b"abcd"), (0, b"ef")], 9)),
        ("behind the end", gnu_sparse("m", &[(4, b"abcd")], 7)),
        (
            "damaged",
            pax_sparse("1.0", "m", &[(0, b"abcd")], 4).iter().map(|b| if *b == b'\n' { b'x' } else { *b }).collect(),
        ),
    ] {
        let r = scan_bytes("m.tar", &bytes, &ScanConfig::default());
        assert!(r.tampered && !r.is_clean(), "{what}: {r:?}");
    }
    let at_limit = scan_bytes("m.tar", &gnu_sparse("m", &[(0, b"abcd")], limit), &ScanConfig::default());
    assert!(at_limit.is_clean(), "{at_limit:?}");
    let past = scan_bytes("m.tar", &gnu_sparse("m", &[(0, b"abcd")], limit + 1), &ScanConfig::default());
    assert!(!past.complete && past.findings.iter().any(|f| f.rule == "artifact/archive-bomb"), "{past:?}");
    let config = ScanConfig { inflated_bytes_max: 1000, ..ScanConfig::default() };
    assert!(scan_bytes("m.tar", &gnu_sparse("m", &[(0, b"abcd")], 1000), &config).is_clean());
    assert!(!scan_bytes("m.tar", &gnu_sparse("m", &[(0, b"abcd")], 1001), &config).complete);
}

/// Members of a packed archive that is too large to hold are read in one pass, in their order.
#[test]
fn many_members_of_a_large_stream() {
    let noise = |n: u32, seed: u32| -> Vec<u8> { (0..n).map(|i| (i.wrapping_mul(seed | 1) >> 11) as u8).collect() };
    let entry = |name: &str, data: &[u8]| {
        let whole = tar(name, b'0', "", data);
        whole[..whole.len() - 1024].to_vec()
    };
    let archive = |last: &[u8], each: u32, count: u32| {
        let mut v: Vec<u8> =
            (0..count).flat_map(|i| entry(&format!("w{i}.bin"), &noise(each, 2_654_435_761 + 2 * i))).collect();
        v.extend(entry("last.pkl", last));
        v.extend([0; 1024]);
        gzip(&v)
    };
    let r = scan(&archive(&pickle(&[b"}"]), 700_000, 14));
    assert!(r.is_clean(), "{:?}", r.incomplete_reasons);
    assert_eq!(scan(&archive(&evil(), 700_000, 14)).severity, Dangerous);
    // Members that are themselves too large are unpacked more than once, up to the limit.
    let config = ScanConfig { buffer_bytes_max: 64 << 10, ..ScanConfig::default() };
    let r = scan_bytes("m.tar.gz", &archive(&pickle(&[b"}"]), 700_000, 2), &config);
    assert!(r.is_clean(), "{:?}", r.incomplete_reasons);
    let r = scan_bytes("m.tar.gz", &archive(&pickle(&[b"}"]), 1_200_000, 15), &config);
    assert!(!r.complete && !r.is_clean(), "{r:?}");
}
