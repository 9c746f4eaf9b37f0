//! Against Python's own reading, when there is a Python: `pickletools.genops` for opcode streams (it runs nothing) and
//! `zipfile` for archives. Says so and passes when python3 is absent.

use std::io::Write;
use std::process::{Command, Stdio};

use casemate_artifact::{ScanConfig, pickle_opcodes, scan_bytes};

use crate::assemble::{member, zip};

/// Runs a script with `input` on its standard input; `None` when there is no python3.
fn python(script: &str, input: &[u8]) -> Option<String> {
    let child = Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("python3 is not there: the comparison with it is left out");
        return None;
    };
    child.stdin.take().expect("piped").write_all(input).expect("written");
    let out = child.wait_with_output().expect("ends");
    assert!(out.status.success());
    Some(String::from_utf8(out.stdout).expect("text"))
}

/// Python makes 10,000 random values, pickles each in every protocol with and without a Python pickler, and prints each
/// pickle in hex with the offsets and opcode bytes that genops sees.
const GENERATE: &str = r"
import random, pickle, pickletools, sys, collections, datetime, decimal, io
r = random.Random(7)
def value(d):
    k = r.randrange(17 if d else 10)
    if k == 0: return None
    if k == 1: return r.random() < .5
    if k == 2: return r.choice([0, 1, 255, 256, 65535, 65536, -1, 2**31, -2**31, 2**63, -2**63, 2**100, -2**200, r.randrange(10**9)])
    if k == 3: return r.choice([0.0, -1.5, 1e300, float('inf'), r.random()])
    if k == 4: return ''.join(chr(r.choice([10, 39, 92, 65, 255, 300, 0x1f600, 0xd800, 97])) for _ in range(r.randrange(12)))
    if k == 5: return bytes(r.randrange(256) for _ in range(r.choice([0, 3, 10, 300])))
    if k == 6: return bytearray(b'abc')
    if k == 7: return r.choice([collections.OrderedDict, len, datetime.date(2020, 1, 1), decimal.Decimal('1.5')])
    if k == 8: return 'x' * r.choice([5, 255, 256, 70000]) if r.random() < .02 else 'y'
    if k == 9: return ()
    n = r.randrange(5)
    if k < 12: return [value(d - 1) for _ in range(n)]
    if k < 14: return tuple(value(d - 1) for _ in range(n))
    if k == 14: return {str(value(0)): value(d - 1) for _ in range(n)}
    if k == 15: return set(str(i) for i in range(n))
    x = [value(d - 1)]
    return [x, x, collections.OrderedDict(a=x)]
out = []
for i in range(10000):
    p = i % 6
    v = value(4)
    if i % 7 == 0:
        b = io.BytesIO(); pickle._Pickler(b, p).dump(v); s = b.getvalue()
    else:
        s = pickle.dumps(v, p)
    out.append(s.hex() + ' ' + ' '.join(str(pos) for op, arg, pos in pickletools.genops(s)))
print('\n'.join(out))
";

#[test]
fn opcode_streams_are_those_of_pickletools() {
    let Some(out) = python(GENERATE, b"") else { return };
    let mut n = 0;
    for line in out.lines() {
        let mut parts = line.split(' ');
        let bytes = hex::decode(parts.next().expect("hex")).expect("hex");
        let want: Vec<u64> = parts.map(|p| p.parse().expect("number")).collect();
        let got: Vec<u64> = pickle_opcodes(&bytes);
        assert_eq!(got, want, "{}", hex::encode(&bytes[..bytes.len().min(400)]));
        n += 1;
    }
    assert_eq!(n, 10_000);
}

#[test]
fn benign_pickles_of_the_sample_folder_read_the_same() {
    let Some(root) = sample_folder() else { return };
    let mut files = Vec::new();
    let mut open = vec![root];
    while let Some(dir) = open.pop() {
        for e in std::fs::read_dir(dir).expect("readable").flatten() {
            let path = e.path();
            if path.is_dir() {
                open.push(path);
            } else if matches!(path.extension().and_then(|x| x.to_str()), Some("pkl" | "pickle")) {
                files.push(path);
            }
        }
    }
    let mut compared = 0;
    for path in files {
        let bytes = std::fs::read(&path).expect("readable");
        let script = "import sys, pickletools\ntry:\n    print(' '.join(str(p) for o, a, p in pickletools.genops(sys.stdin.buffer.read())))\nexcept Exception:\n    print('refused')";
        let Some(out) = python(script, &bytes) else { return };
        if out.trim() == "refused" {
            continue;
        }
        let want: Vec<u64> = out.split_whitespace().map(|p| p.parse().expect("number")).collect();
        assert_eq!(pickle_opcodes(&bytes), want, "{}", path.display());
        compared += 1;
    }
    eprintln!("{compared} benign pickles compared");
}

/// The benign half of the unpacked sample folder, when the environment names one.
fn sample_folder() -> Option<std::path::PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test that uses local samples when they are there")]
    let root = std::env::var("CASEMATE_ARTIFACT_SAMPLES").ok();
    match root {
        Some(r) => Some(std::path::Path::new(&r).join("benign")),
        None => {
            eprintln!("CASEMATE_ARTIFACT_SAMPLES names no unpacked sample folder: the comparison on it is left out");
            None
        }
    }
}

#[test]
fn zip_members_are_those_of_zipfile() {
    let archives = [
        zip(&[member("a/data.pkl", b"N."), member("a/version", b"3")]),
        zip(&[member("x.json", b"{}"), member("y.txt", b"hello"), member("dir/z", b"")]),
        [b"prefix".to_vec(), zip(&[member("p", b"q")])].concat(),
        [zip(&[member("first", b"1")]), zip(&[member("second", b"2")])].concat(),
    ];
    for bytes in archives {
        let script = "import sys, io, zipfile\ntry:\n    z = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))\n    print('\\n'.join(f'{i.filename} {len(z.read(i))}' for i in z.infolist()))\nexcept Exception:\n    print('refused')";
        let Some(out) = python(script, &bytes) else { return };
        if out.trim() == "refused" {
            continue;
        }
        let report = scan_bytes("a.zip", &bytes, &ScanConfig::default());
        let seen: Vec<String> = report.tree.iter().skip(1).map(|n| format!("{} {}", n.member, n.size_bytes)).collect();
        for line in out.lines() {
            assert!(seen.iter().any(|s| s == line), "{line} not in {seen:?}");
        }
    }
}
