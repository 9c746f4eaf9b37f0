//! Mutation fuzzing on the stable toolchain: structure-aware seeds of every format, a seed number and a time limit.
//!
//! `cargo run --release -p casemate-artifact --example fuzz_stable -- SEED SECONDS [FOLDER_OF_SEEDS]`
//!
//! Each round takes a seed (or splices two), changes it (bits, lengths, blocks, opcodes, magics), scans it with small
//! limits and checks what must hold: no panic, no scan over the processor time for one input, the same report twice for
//! the same bytes now and then, peak memory below the budget. On a failure the bytes are written to
//! `fuzz-crash-SEED-ROUND.hex` and the run ends. Each minute a line says how far it is and what processor time it took.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use casemate_artifact::{ScanConfig, explain_bytes, scan_bytes};

/// xorshift64*: small, fast, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Small valid inputs of each format, from which mutation starts.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let call = |m: &str, n: &str| {
        let mut v = vec![0x80, 4, 0x95, 40, 0, 0, 0, 0, 0, 0, 0, 0x8c, m.len() as u8];
        v.extend(m.as_bytes());
        v.extend([0x94, 0x8c, n.len() as u8]);
        v.extend(n.as_bytes());
        v.extend(b"\x94\x93\x94(K\x01M\x02\x03J\x04\x05\x06\x07\x8c\x01at\x94}\x94(h\x00]K\x01aeu\x85R}\x8c\x01xNsb.");
        v
    };
    let mut out = vec![
        ("a.pkl".to_owned(), call("numpy.core.multiarray", "_reconstruct")),
        ("b.pkl".to_owned(), call("os", "system")),
        ("c.pkl".to_owned(), b"(dp0\nS'a'\np1\n(lp2\nI1\naL2L\naF1.5\nasV\\u0041\np3\n(iargparse\nNamespace\np4\n(dp5\nbs.".to_vec()),
        ("d.joblib".to_owned(), b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\nq\x00)\x81q\x01}q\x02(X\x05\x00\x00\x00shapeK\x02\x85X\x05\x00\x00\x00dtypecnumpy\ndtype\nX\x02\x00\x00\x00f8\x89\x88\x87RX\x1b\x00\x00\x00numpy_array_alignment_bytesK\x10ub\x01\xffAAAAAAAABBBBBBBBK\x01.".to_vec()),
        ("e.gguf".to_owned(), b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0a\x08\0\0\0\x02\0\0\0\0\0\0\0{{\x01\0\0\0\0\0\0\0b\x09\0\0\0\x08\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0x\x01\0\0\0\0\0\0\0t\x01\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ("f.safetensors".to_owned(), [&54u64.to_le_bytes()[..], br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, &[0; 8]].concat()),
        ("g.npy".to_owned(), b"\x93NUMPY\x01\x00\x40\x00{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }\x80\x04N.".to_vec()),
        ("h.json".to_owned(), br#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": ["x", null, null]}}]}, "auto_map": {"A": "b--c.D"}, "chat_template": "{{ x.__class__ }}{% include 'a' %}", "nodes": [{"op": "Custom"}]}"#.to_vec()),
        ("i.onnx".to_owned(), b"\x08\x08\x3a\x24\x0a\x0c\x22\x04Relu\x3a\x04testx\x12\x01g\x2a\x11\x08\x01\x10\x01\x6a\x0b\x0a\x08location\x42\x02\x10\x11".to_vec()),
        ("j.pb".to_owned(), b"\x08\x01\x12\x22\x12\x20\x0a\x0b\x0a\x01n\x12\x06PyFunc\x12\x11\x0a\x0f\x0a\x03\x0a\x01f\x1a\x08\x0a\x01x\x12\x03Add".to_vec()),
        ("k.rds".to_owned(), b"X\n\0\0\0\x02\0\x04\x03\x01\0\x02\x03\0\0\0\0\x05\0\0\0\xfc\0\0\0\x06\0\0\0\x01\0\x04\0\x09\0\0\0\x01f\0\0\0\xfe".to_vec()),
        ("l.xml".to_owned(), b"<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a SYSTEM \"file:///\">]><PMML/>".to_vec()),
        ("m.tflite".to_owned(), b"\x10\0\0\0TFL3\x08\0\x08\0\0\0\x04\0\x08\0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0".to_vec()),
        ("n.h5".to_owned(), b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec()),
        ("o.7z".to_owned(), b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x01\x04\x06\0\x01\x09\0\0".to_vec()),
        ("p.lz4".to_owned(), b"\x04\x22\x4d\x18\x60\x40\x82\x05\0\0\x80N.aaa\0\0\0\0".to_vec()),
        ("q.zst".to_owned(), b"\x28\xb5\x2f\xfd\x20\x02\x11\0\0N.".to_vec()),
        ("r.bz2".to_owned(), b"BZh9\x31\x41\x59\x26\x53\x59\0\0\0\0\0".to_vec()),
        ("s.xz".to_owned(), b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0".to_vec()),
        ("t.lzma".to_owned(), b"\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0".to_vec()),
        ("w.mlmodel".to_owned(), b"\x08\x04\x12\x02\x0a\x00\xda\x22\x06\x52\x04Evil".to_vec()),
        ("x.mlmodel".to_owned(), b"\x08\x07\x12\x02\x0a\x00\xb2\x1f\x1e\x08\x01\x12\x1a\x0a\x01f\x12\x15\x1a\x13\x0a\x01o\x12\x0e\x1a\x0c\x12\x0a\x0a\x01x\x12\x05\x0a\x03\x12\x01\x2a".to_vec()),
        ("y.pdmodel".to_owned(), b"\x0a\x1d\x08\x00\x10\x00\x22\x17\x1a\x0csave_combine\x22\x07\x0a\x01a\x10\x02\x2a\x00\x22\x02\x08\x00".to_vec()),
        ("z.pdiparams".to_owned(), b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\x08\x05\x10\x01\0\0\x80\x3f".to_vec()),
        ("aa.msgpack".to_owned(), b"\x81\xa1w\xc7\x0f\x01\x93\x91\x02\xa5int16\xc4\x04\x01\x00\x02\x00".to_vec()),
        ("ab.ubj".to_owned(), b"{L\0\0\0\0\0\0\0\x01a[$d#L\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0i\x01bSi\x02hii\x01c{}i\x01d[i\x01i\x02]}".to_vec()),
        ("ac.cbm".to_owned(), b"CBM1\x20\0\0\0\x0c\0\0\0\x06\0\x08\0\x04\0\0\0\x06\0\0\0\x04\0\0\0\x02\0\0\0hi\0\0\0\0".to_vec()),
        ("ad.pte".to_owned(), b"\x10\0\0\0ET12\x08\0\x08\0\0\0\x04\0\x08\0\0\0\x04\0\0\0\x01\0\0\0\x04\0\0\0".to_vec()),
        ("ae.params".to_owned(), b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\xc9\xfa\x93\xf9\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x80\x3f\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0a".to_vec()),
        ("af.rds".to_owned(), b"A\n2\n263168\n131840\n19\n2\n21\n1\n13\n1\n7\n1\n6\n254\n13\n13\n1\n5\n254\n16\n1\n262153\n3\na\\040b\n".to_vec()),
        ("ag.json".to_owned(), br##"{"graph_module": {"nodes": [{"target": "torch.ops.aten.add.Tensor", "inputs": []}]}, "e": {"expr_str": "2*s0 + Max(1, s1)"}, "filters": [{"id": "pickle"}], "base_code": {"magic": "pir"}, "o": {"#": "1.py_func"}}"##.to_vec()),
        ("u.jinja".to_owned(), br"{% for x in y %}{{ x['\x5f\x5fclass\x5f\x5f'] }}{# c #}{% endfor %}".to_vec()),
    ];
    // A zip and a tar around two of them.
    let inner = out[1].1.clone();
    let mut zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0".to_vec();
    zip.extend(crc32fast::hash(&inner).to_le_bytes());
    zip.extend((inner.len() as u32).to_le_bytes());
    zip.extend((inner.len() as u32).to_le_bytes());
    zip.extend(b"\x08\0\0\0data.pkl");
    zip.extend(&inner);
    let directory = zip.len() as u32;
    zip.extend(b"PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0\0\0");
    zip.extend(crc32fast::hash(&inner).to_le_bytes());
    zip.extend((inner.len() as u32).to_le_bytes());
    zip.extend((inner.len() as u32).to_le_bytes());
    zip.extend(b"\x08\0\0\0\0\0\0\0\0\0\0\0\xa4\x81\0\0\0\0data.pkl");
    let size = zip.len() as u32 - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(size.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0, 0]);
    out.push(("v.zip".to_owned(), zip));
    out
}

/// Processor seconds of this process, from `/proc/self/stat` (clock ticks of 10 ms); zero where there is no `/proc`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// Peak resident memory in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|k| k.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Memory over what the corpus takes, above which a run fails: the scanner's budget, with room for the allocator.
const MEMORY_MIB_MAX: u64 = 160;

/// Values at which parsers go wrong.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

fn mutate(r: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..1 + r.below(6) {
        if bytes.is_empty() {
            bytes.push(r.next() as u8);
        }
        let at = r.below(bytes.len());
        match r.below(9) {
            0 => bytes[at] ^= 1 << r.below(8),
            1 => bytes[at] = r.next() as u8,
            2 => {
                let width = [1, 2, 4, 8][r.below(4)];
                let edge = EDGES[r.below(EDGES.len())].to_le_bytes();
                for (i, b) in edge.iter().take(width).enumerate() {
                    if let Some(slot) = bytes.get_mut(at + i) {
                        *slot = *b;
                    }
                }
            }
            3 => {
                let end = (at + 1 + r.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + 1 + r.below(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let times = 1 + r.below(4);
                for _ in 0..times {
                    bytes.splice(at..at, copy.iter().copied());
                }
            }
            5 => bytes.truncate(at),
            6 => {
                // An opcode of the pickle machine.
                const OPCODES: &[u8] = b"()]}.0124abcdeghijlopqrstuQPRSTUVXKMNIJLFGBC\x80\x81\x82\x85\x86\x87\x88\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";
                bytes.insert(at, OPCODES[r.below(OPCODES.len())]);
            }
            7 if !other.is_empty() => {
                let from = r.below(other.len());
                let end = (from + 1 + r.below(128)).min(other.len());
                bytes.splice(at..at, other[from..end].iter().copied());
            }
            _ => bytes.extend_from_slice(&other[..other.len().min(256)]),
        }
        bytes.truncate(64 << 10);
    }
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "an example with a time limit that prints its counts"
)]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (Some(seed), Some(seconds)) =
        (args.first().and_then(|s| s.parse::<u64>().ok()), args.get(1).and_then(|s| s.parse::<u64>().ok()))
    else {
        eprintln!("usage: fuzz_stable SEED SECONDS [FOLDER_OF_SEEDS]");
        return ExitCode::from(2);
    };
    let mut corpus = seeds();
    let mut folders: Vec<std::path::PathBuf> = args.get(2).map(Into::into).into_iter().collect();
    while let Some(f) = folders.pop() {
        for e in std::fs::read_dir(f).into_iter().flatten().flatten() {
            if e.path().is_dir() {
                folders.push(e.path());
            } else if e.metadata().is_ok_and(|m| m.len() < 64 << 10)
                && let Ok(bytes) = std::fs::read(e.path())
            {
                corpus.push((e.file_name().to_string_lossy().into_owned(), bytes));
            }
        }
    }
    let config = ScanConfig {
        inflated_bytes_max: 8 << 20,
        opcodes_max: 4 << 20,
        work_max: 1 << 20,
        entries_max: 1 << 12,
        ..ScanConfig::default()
    };
    let mut r = Random(seed | 1);
    let start = Instant::now();
    let (cpu_before, memory_before) = (cpu_seconds(), peak_mib());
    let mut told = 0;
    let (mut rounds, mut slowest, mut flagged) = (0u64, 0u128, 0u64);
    while start.elapsed().as_secs() < seconds {
        rounds += 1;
        let (name, bytes) = &corpus[r.below(corpus.len())];
        let mut bytes = bytes.clone();
        let other = corpus[r.below(corpus.len())].1.clone();
        mutate(&mut r, &mut bytes, &other);
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let report = scan_bytes(name, &bytes, &config);
            if rounds.is_multiple_of(64) {
                assert_eq!(report, scan_bytes(name, &bytes, &config), "two scans of the same bytes differ");
                explain_bytes(&bytes, 0, &config);
            }
            report
        }));
        let took = began.elapsed().as_millis();
        slowest = slowest.max(took);
        flagged += u64::from(result.as_ref().is_ok_and(|report| !report.is_clean()));
        // Another process may have held this one up: only processor time counts.
        let slow = took > 2_000 && {
            let before = cpu_seconds();
            scan_bytes(name, &bytes, &config);
            cpu_seconds() - before > 2.0
        };
        let minutes = start.elapsed().as_secs() / 60;
        let large = minutes > told && peak_mib().saturating_sub(memory_before) > MEMORY_MIB_MAX;
        if minutes > told {
            told = minutes;
            println!(
                "seed {seed}: {minutes} min, {rounds} inputs, {:.1} cpu s, slowest {slowest} ms, peak {} MiB",
                cpu_seconds() - cpu_before,
                peak_mib()
            );
        }
        if result.is_err() || slow || large {
            let file = format!("fuzz-crash-{seed}-{rounds}.hex");
            let _ = std::fs::write(&file, hex::encode(&bytes));
            eprintln!("round {rounds}, {name}, {took} ms: see {file}");
            return ExitCode::FAILURE;
        }
    }
    println!(
        "seed {seed}: {rounds} inputs from {} seeds in {seconds} s ({:.1} cpu s), none failed; slowest {slowest} ms; peak {} MiB; {flagged} not clean",
        corpus.len(),
        cpu_seconds() - cpu_before,
        peak_mib()
    );
    ExitCode::SUCCESS
}
