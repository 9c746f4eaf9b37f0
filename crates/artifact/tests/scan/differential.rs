//! Against Python's own reading, when there is a Python: `pickletools.genops` for opcode streams (it runs nothing), and
//! numpy and safetensors for their headers. Says so and passes when python3, numpy or safetensors is absent;
//! `CASEMATE_PYTHON` names another interpreter.

use std::io::Write;
use std::process::{Command, Stdio};

use casemate_artifact::{NpyHeader, ScanConfig, npy_header, pickle_opcodes, safetensors_layout, scan_bytes};

/// Runs a script with `input` on its standard input; `None` when there is no python3.
pub fn python(script: &str, input: &[u8]) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test that uses another interpreter when one is named")]
    let program = std::env::var("CASEMATE_PYTHON").unwrap_or_else(|_| "python3".into());
    let child = Command::new(program).args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
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
        let (bytes, want) = stream(line);
        assert_eq!(pickle_opcodes(&bytes), want, "{}", hex::encode(&bytes[..bytes.len().min(400)]));
        n += 1;
    }
    assert_eq!(n, 10_000);
}

/// Every pickle of a folder that genops reads: files, and members of zips and tars. Of each the first stream, in hex, with
/// the offsets of its opcodes; what is longer than 8 MiB is counted and left out.
const FOLDER: &str = r"
import io, os, pickletools, sys, tarfile, zipfile
left_out = 0
def show(b):
    global left_out
    if len(b) > 8 << 20:
        left_out += 1
        return
    try:
        ops = [p for o, a, p in pickletools.genops(b)]
    except Exception:
        return
    print(b[:ops[-1] + 1].hex(), *ops)
for root, _, names in os.walk(sys.stdin.read()):
    for name in sorted(names):
        path = os.path.join(root, name)
        if os.path.getsize(path) > 64 << 20:
            left_out += 1
            continue
        with open(path, 'rb') as f: b = f.read()
        show(b)
        try:
            if zipfile.is_zipfile(path):
                z = zipfile.ZipFile(path)
                for i in z.infolist():
                    if i.filename.endswith(('.pkl', '.pickle')): show(z.read(i))
            elif tarfile.is_tarfile(path):
                t = tarfile.open(path)
                for m in t.getmembers():
                    if m.isfile() and m.name.endswith(('pkl', 'pickle')): show(t.extractfile(m).read())
        except Exception:
            pass
print('left out', left_out)
";

#[test]
fn benign_pickles_of_the_sample_folder_read_the_same() {
    let Some(root) = sample_folder() else { return };
    let Some(out) = python(FOLDER, root.to_string_lossy().as_bytes()) else { return };
    let mut compared = 0;
    for line in out.lines() {
        if let Some(n) = line.strip_prefix("left out ") {
            eprintln!("{compared} benign pickles compared, {n} longer than the limit of this test left out");
            continue;
        }
        let (bytes, want) = stream(line);
        assert_eq!(pickle_opcodes(&bytes), want, "{}", hex::encode(&bytes[..bytes.len().min(400)]));
        compared += 1;
    }
    assert!(compared > 0);
}

/// A line of hex and offsets.
fn stream(line: &str) -> (Vec<u8>, Vec<u64>) {
    let mut parts = line.split(' ');
    let bytes = hex::decode(parts.next().expect("hex")).expect("hex");
    (bytes, parts.map(|p| p.parse().expect("number")).collect())
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

/// Valid and damaged safetensors files, each with what the reference implementation makes of it: the tensors with their
/// lengths in bytes, or that it refuses.
const SAFETENSORS: &str = r#"
import sys, json, random, struct
try:
    import safetensors
except ImportError:
    print('absent'); sys.exit()
r = random.Random(11)
WIDTH = {'F32': 4, 'I64': 8, 'U8': 1, 'BOOL': 1, 'F16': 2, 'BF16': 2}
def make():
    at, header = 0, {}
    for i in range(r.randrange(5)):
        d = r.choice(list(WIDTH)); shape = [r.choice([0, 1, 2, 3, 7]) for _ in range(r.randrange(4))]
        n = WIDTH[d]
        for s in shape: n *= s
        header[r.choice(['a', 'w.0', '\u00e9', 'x"y', 'long' * 5]) + str(i)] = {'dtype': d, 'shape': shape, 'data_offsets': [at, at + n]}
        at += n
    items = list(header.items()); r.shuffle(items); header = dict(items)
    if r.random() < .3: header['__metadata__'] = {'format': 'pt', 'k': 'v'}
    return header, at
def damage(header, at, kind):
    names = [k for k in header if k != '__metadata__']
    if kind and not names: return header, at
    t = header[r.choice(names)] if names else None
    if kind == 1: t['data_offsets'][1] += r.choice([1, -1, 8])
    if kind == 2: t['data_offsets'] = [o + 1 for o in t['data_offsets']]
    if kind == 3: t['shape'] = t['shape'] + [r.choice([2, 2**33, 2**62])] + [2**62]
    if kind == 4: at += r.choice([1, -1 if at else 1, 100])
    if kind == 5: t['dtype'] = r.choice(['F99', 'f32', ''])
    if kind == 6: del t[r.choice(['dtype', 'shape', 'data_offsets'])]
    if kind == 7: t['shape'] = [-1]
    if kind == 8: t['data_offsets'] = [t['data_offsets'][0]]
    return header, max(at, 0)
for i in range(3000):
    header, at = damage(*make(), kind=i % 12 if i % 12 < 9 else 0)
    text = json.dumps(header, ensure_ascii=bool(i % 2)).encode() + b' ' * r.choice([0, 0, 1, 7])
    n = len(text) + (r.choice([1, -1, 1000]) if i % 12 == 9 else 0)
    body = struct.pack('<Q', n) + text + bytes(at)
    if i % 12 == 10:
        b = bytearray(body); b[r.randrange(8, 8 + len(text))] = r.choice(b'{}[]",:0a'); body = bytes(b)
    try:
        got = sorted((k, len(v['data'])) for k, v in safetensors.deserialize(body))
        print(body.hex(), json.dumps(got))
    except Exception:
        print(body.hex(), 'refused')
"#;

#[test]
fn safetensors_layouts_are_those_of_the_reference() {
    let Some(out) = python(SAFETENSORS, b"") else { return };
    if out.trim() == "absent" {
        eprintln!("safetensors is not there: the comparison with it is left out");
        return;
    }
    let (mut accepted, mut refused) = (0, 0);
    for line in out.lines() {
        let (bytes, want) = line.split_once(' ').expect("two words");
        let bytes = hex::decode(bytes).expect("hex");
        let report = scan_bytes("a.safetensors", &bytes, &ScanConfig::default());
        let seen = safetensors_layout(&bytes);
        assert_eq!(seen.is_some(), report.is_clean(), "{}: {report:?}", String::from_utf8_lossy(&bytes));
        if want == "refused" {
            assert!(seen.is_none(), "the reference refuses {}", String::from_utf8_lossy(&bytes));
            refused += 1;
            continue;
        }
        let want: Vec<(String, u64)> = serde_json::from_str(want).expect("JSON");
        let mut got: Vec<(String, u64)> =
            seen.unwrap_or_else(|| panic!("{report:?}")).into_iter().map(|(n, b, e)| (n, e - b)).collect();
        got.sort();
        assert_eq!(got, want, "{}", String::from_utf8_lossy(&bytes));
        accepted += 1;
    }
    eprintln!("safetensors: {accepted} accepted, {refused} refused, all alike");
    assert!(accepted > 500 && refused > 500);
}

/// Arrays of every kind in every version of the format, and headers changed at random, with what numpy reads.
const NUMPY: &str = r#"
import io, random, sys, struct
try:
    import numpy as np
except ImportError:
    print('absent'); sys.exit()
try:
    from numpy.lib._format_impl import _read_array_header
except ImportError:
    from numpy.lib.format import _read_array_header
r = random.Random(5)
DTYPES = ['<f8', '>i4', '|b1', 'S7', '<U3', 'O', '<M8[ns]', 'V5', '<c16', [('a', '<i4'), ('b', 'O')], [('O', '<f4'), ('x', '<u2', (2, 3))],
          [('n', [('m', 'O8')])], [('t', 'S3'), ('u', '|u1')], 'f2', 'uint64']
for i in range(3000):
    d = np.dtype(r.choice(DTYPES))
    shape = tuple(r.choice([0, 1, 2, 5]) for _ in range(r.randrange(4)))
    a = np.zeros(shape, d, order=r.choice('CF'))
    b = io.BytesIO()
    np.lib.format.write_array(b, a, version=r.choice([(1, 0), (2, 0), (3, 0)]))
    s = bytearray(b.getvalue())
    if i % 3 == 0:
        for _ in range(r.randrange(1, 4)): s[r.randrange(6, min(len(s), 100))] = r.choice(b"'(),:{} 0O[]<f8")
    f = io.BytesIO(bytes(s))
    try:
        version = np.lib.format.read_magic(f)
        shape, _, dtype = _read_array_header(f, version)
        n = 1
        for x in shape: n *= x
        print(bytes(s).hex(), f.tell(), n, int(dtype.hasobject))
    except Exception:
        print(bytes(s).hex(), 'refused')
"#;

#[test]
fn npy_headers_are_those_of_numpy() {
    let Some(out) = python(NUMPY, b"") else { return };
    if out.trim() == "absent" {
        eprintln!("numpy is not there: the comparison with it is left out");
        return;
    }
    let mut compared = 0;
    for line in out.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [bytes, data, elements, objects] = words[..] else { continue };
        let bytes = hex::decode(bytes).expect("hex");
        let want =
            NpyHeader { data: data.parse().expect("number"), elements: elements.parse().ok(), objects: objects == "1" };
        assert_eq!(npy_header(&bytes), Some(want), "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(160)]));
        compared += 1;
    }
    eprintln!("numpy: {compared} headers compared");
    assert!(compared > 2000);
}
