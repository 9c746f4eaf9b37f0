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

#[test]
fn sparse_members_of_a_tar() {
    let r = scan_bytes("m.tar", &tar("weights.bin", b'S', "", b"data"), &ScanConfig::default());
    assert!(r.tampered, "{r:?}");
    let pax = tar("header", b'x', "", b"22 GNU.sparse.major=1\n");
    let r =
        scan_bytes("m.tar", &[&pax[..1024], &tar("weights.bin", b'0', "", b"data")].concat(), &ScanConfig::default());
    assert!(r.tampered, "{r:?}");
}
