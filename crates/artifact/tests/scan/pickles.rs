//! Attack classes of pickle, with their harmless neighbours.

use casemate_artifact::ArtifactSeverity::{self, Allowed, Dangerous, Data, Review, Suspicious};
use casemate_artifact::{FileReport, ScanConfig, scan_bytes};

use crate::assemble::{call, global, hex, pickle, text};

pub fn scan(bytes: &[u8]) -> FileReport {
    scan_bytes("sample", bytes, &ScanConfig::default())
}

fn severity(bytes: &[u8]) -> ArtifactSeverity {
    scan(bytes).severity
}

#[test]
fn data_is_data() {
    // {'a': [1, 2.5, None, True], 'b': b'x'} in protocol 4, with a frame.
    let plain = hex(
        "8004 9520000000 00000000 7d94 28 8c0161 94 5d94 28 4b01 47 4004000000000000 4e 88 65 8c0162 94 4301 78 94 75 2e",
    );
    let r = scan(&plain);
    assert_eq!((r.severity, r.complete, r.tampered, r.format.as_str()), (Data, true, false, "pickle"), "{r:?}");
    assert!(r.findings.is_empty());
}

#[test]
fn evidence_is_the_call_with_its_place() {
    let r = scan(&call("os", "system", "id"));
    assert_eq!(r.severity, Dangerous);
    let f = &r.findings[0];
    assert_eq!(
        (f.rule.as_str(), f.evidence.as_str(), f.offset),
        ("artifact/pickle-dangerous-call", "os.system('id')", 20)
    );
}

#[test]
fn classes_of_attack() {
    for (what, bytes, least) in [
        ("INST", b"(S'id'\nios\nsystem\n.".to_vec(), Dangerous),
        ("OBJ", b"(cos\nsystem\nS'id'\no.".to_vec(), Dangerous),
        ("NEWOBJ", pickle(&[&global("subprocess", "Popen"), b"\x8c\x02id\x85\x81"]), Dangerous),
        ("NEWOBJ_EX", pickle(&[&global("subprocess", "Popen"), b"\x8c\x02id\x85}\x92"]), Dangerous),
        (
            "escaped operand",
            br"(S'o\163'
S'sys\x74em'
"
            .iter()
            .filter(|b| **b != b'"')
            .copied()
            .chain(*b"\x93S'id'\n\x85R.")
            .collect(),
            Dangerous,
        ),
        ("memo carries the callable", pickle(&[&global("os", "system"), b"\x940N0h\x00\x8c\x02id\x85R"]), Dangerous),
        (
            "popped decoy",
            pickle(&[&global("collections", "OrderedDict"), b"0", &global("posix", "system"), b"\x8c\x02id\x85R"]),
            Dangerous,
        ),
        ("DUP", pickle(&[&global("os", "system"), b"2\x8c\x02id\x85R"]), Dangerous),
        (
            "huge memo index",
            [b"\x80\x02cos\nsystem\nr\xff\xff\xff\xff0j\xff\xff\xff\xffU\x02id\x85R.".to_vec()].concat(),
            Dangerous,
        ),
        ("python 2 name", b"\x80\x02c__builtin__\neval\nU\x011\x85R.".to_vec(), Dangerous),
        ("renamed module", b"\x80\x02ccommands\ngetoutput\nU\x02id\x85R.".to_vec(), Dangerous),
        ("dotted through a module", call("random", "_os.system", "id"), Dangerous),
        ("dotted to globals", call("collections", "OrderedDict.__init__.__globals__", "id"), Dangerous),
        (
            "getattr",
            pickle(&[&global("builtins", "getattr"), &global("numpy", "ndarray"), &text("__class__"), b"\x86R"]),
            Dangerous,
        ),
        ("extension code", pickle(&[b"\x82\x01\x8c\x02id\x85R"]), Suspicious),
        (
            "call of a call",
            pickle(&[&global("functools", "partial"), &global("builtins", "print"), b"\x85R\x8c\x01x\x85R"]),
            Suspicious,
        ),
        (
            "BUILD on a module's function",
            pickle(&[&global("collections", "OrderedDict"), b"}\x8c\x01a\x8c\x01bsb"]),
            Dangerous,
        ),
        (
            "__setstate__ by state",
            pickle(&[&global("argparse", "Namespace"), b")\x81}\x8c\x0c__setstate__\x8c\x01bsb"]),
            Dangerous,
        ),
        ("items into a function", pickle(&[&global("builtins", "print"), b"(K\x01e"]), Suspicious),
        ("library function with arguments", call("sklearn.utils", "murmurhash3_32", "x"), Suspicious),
        ("standard library function", call("textwrap", "dedent", "x"), Suspicious),
        ("unknown module", call("acme.models", "build", "x"), Review),
        ("payload before a broken tail", [&call("os", "system", "id")[..20], b"\x85R\xff\xff"].concat(), Dangerous),
        ("second stream", [pickle(&[b"N"]), call("os", "system", "id")].concat(), Dangerous),
        ("padding then stream", [pickle(&[b"N"]), vec![0; 5000], call("os", "system", "id")].concat(), Dangerous),
        (
            "nested pickle",
            pickle(&[
                &global("torch.storage", "_load_from_bytes"),
                b"B",
                &(call("os", "system", "id").len() as u32).to_le_bytes(),
                &call("os", "system", "id"),
                b"\x85R",
            ]),
            Dangerous,
        ),
        (
            "pickle in bytes",
            pickle(&[b"C", &[call("os", "system", "id").len() as u8], &call("os", "system", "id")]),
            Dangerous,
        ),
        (
            "ufunc of another module",
            pickle(&[&global("numpy.core", "_ufunc_reconstruct"), &text("os"), &text("system"), b"\x86R"]),
            Dangerous,
        ),
        ("class from type()", pickle(&[&global("builtins", "type"), &text("X"), b")}\x87R"]), Dangerous),
        ("odd codec", pickle(&[&global("_codecs", "encode"), &text("x"), &text("rot13"), b"\x86R"]), Suspicious),
        ("trailing bytes", [pickle(&[b"N"]), b"\xfe\xfd\xfc more".to_vec()].concat(), Review),
    ] {
        let r = scan(&bytes);
        assert!(r.severity >= least, "{what}: {:?} {:?}", r.severity, r.findings);
    }
}

/// `callee(arguments…)`.
fn apply(callee: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    [callee, b"(", &arguments.concat(), b"tR"].concat()
}

/// A method looked up by name on an object that may be made.
fn method(name: &str) -> Vec<u8> {
    let path = apply(&global("pathlib", "PosixPath"), &[&text("/tmp/x")]);
    apply(&global("builtins", "getattr"), &[&path, &text(name)])
}

#[test]
fn allowed_names_may_not_be_put_together_to_act() {
    let partial = |name: &str| apply(&global("functools", "partial"), &[&method(name), &text("x")]);
    let iter = |f: &[u8]| apply(&global("builtins", "iter"), &[f, b"N"]);
    let list = |x: &[u8]| apply(&global("builtins", "list"), &[x]);
    let namespace = apply(&global("types", "SimpleNamespace"), &[]);
    let rebuilt = apply(
        &global("torch._tensor", "_rebuild_from_type_v2"),
        &[
            &global("builtins", "iter"),
            &global("torch", "Tensor"),
            &[&b"("[..], &global("builtins", "print"), b"Nt"].concat(),
            b"N",
        ],
    );
    // Arguments that were made long before the call, so that the machine no longer knows them.
    let old =
        [&b"("[..], &partial("with_name"), b"Nt\x940", &b"]0".repeat(70_000), &global("builtins", "iter"), b"h\0R"];
    for (what, code, least) in [
        ("an iterator that calls", list(&iter(&partial("write_text"))), Suspicious),
        ("a method that deletes", method("unlink"), Suspicious),
        ("a method of no particular name", method("with_name"), Review),
        ("an iterator over a named function", iter(&global("builtins", "print")), Suspicious),
        ("the same through a tensor's rebuilder", rebuilt, Suspicious),
        ("the same with arguments long forgotten", old.concat(), Suspicious),
        (
            "an instance's own __setstate__",
            [&namespace, &b"}"[..], &text("__setstate__"), &method("with_name"), b"sb", &text("x"), b"b"].concat(),
            Dangerous,
        ),
    ] {
        let r = scan(&pickle(&[&code]));
        assert!(r.severity >= least, "{what}: {r:?}");
    }
    let plain = apply(&global("builtins", "iter"), &[b"]"]);
    assert!(scan(&pickle(&[&plain])).is_clean(), "the iterator of a list is pickled so");
    let member = apply(
        &global("builtins", "getattr"),
        &[&global("torch.ao.quantization.observer", "ObserverBase"), &text("MEMBER")],
    );
    assert!(scan(&pickle(&[&member])).is_clean(), "members of enumerations are pickled so");
}

#[test]
fn memory_is_not_filled_by_a_few_bytes() {
    let call = |module: &str, name: &str, arguments: &[&[u8]]| apply(&global(module, name), arguments);
    for (what, code) in [
        ("list(count())", call("builtins", "list", &[&call("itertools", "count", &[])])),
        ("deque(repeat(0))", call("collections", "deque", &[&call("itertools", "repeat", &[b"K\0"])])),
        ("list(range(2**40))", call("builtins", "list", &[&call("builtins", "range", &[b"\x8a\x06\0\0\0\0\0\x01"])])),
        ("bytes(2**31)", call("builtins", "bytearray", &[b"\x8a\x05\0\0\0\x80\0"])),
    ] {
        let r = scan(&pickle(&[&code]));
        assert!(r.severity >= Suspicious, "{what}: {r:?}");
    }
    for (what, code) in [
        ("a counter", call("itertools", "count", &[b"K\x05"])),
        ("a range", call("builtins", "range", &[b"K\0", b"K\x09"])),
        ("bytes(2**30)", call("builtins", "bytes", &[b"\x8a\x05\0\0\0\x40\0"])),
    ] {
        assert!(scan(&pickle(&[&code])).is_clean(), "{what}");
    }
}

#[test]
fn what_stands_in_place_of_an_array_is_read_both_ways() {
    let file = |raw: &[u8]| {
        let dtype = apply(&global("numpy", "dtype"), &[&text("u1"), b"\x89", b"\x88"]);
        let n = [b'K', raw.len() as u8];
        pickle(&[
            &global("joblib.numpy_pickle", "NumpyArrayWrapper"),
            b")\x81}(",
            &[&text("shape"), &n[..], b"\x85", &text("order"), &text("C"), &text("dtype"), &dtype].concat(),
            b"ub",
            raw,
        ])
    };
    assert_eq!(scan(&file(b"cos\nsystem\n(S'id'\ntR0")).severity, Dangerous, "pickle.load runs it");
    let r = scan(&file(&(0..200).collect::<Vec<u8>>()));
    assert!(r.is_clean(), "{r:?}");
    assert_eq!(r.tree.len(), 1, "{r:?}");
}

#[test]
fn arrays_beside_the_pickle() {
    let file = |name: &str| {
        let state = [text("filename"), text(name), text("subclass"), global("numpy", "ndarray")].concat();
        pickle(&[&global("joblib.numpy_pickle", "NDArrayWrapper"), b")\x81}(", &state, b"ub"])
    };
    assert_eq!(scan(&file("/tmp/other.npy")).severity, Suspicious);
    assert_eq!(scan(&file("../other.npy")).severity, Suspicious);
    assert!(scan(&file("model.pkl_01.npy")).is_clean());
}

#[test]
fn streams_that_begin_oddly_are_still_pickles() {
    let evil = b"0cos\nsystem\n(S'id'\ntR.";
    for (name, begin) in
        [("m.bin", &b"I 1\n"[..]), ("m.pt", b"I1_0\n"), ("m.ckpt", b"F1_0.5\n"), ("m.model", b"L0x10L\n")]
    {
        let r = scan_bytes(name, &[begin, evil].concat(), &ScanConfig::default());
        assert_eq!(r.severity, Dangerous, "{name}: {r:?}");
    }
}

#[test]
fn known_constructors_pass() {
    for (what, bytes) in [
        ("ordered dict", pickle(&[&global("collections", "OrderedDict"), b")R"])),
        ("numpy array", b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\x00\x00\x00\x00\x00\x00tb.".to_vec()),
        ("set", pickle(&[&global("builtins", "set"), b"](K\x01e\x85R"])),
        ("latin1 bytes", b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x06\x00\x00\x00latin1\x86R.".to_vec()),
        ("estimator", pickle(&[&global("sklearn.linear_model._logistic", "LogisticRegression"), b")\x81}\x8c\x01C\x8c\x01xsb"])),
        ("datetime", pickle(&[&global("datetime", "date"), b"C\x04\x07\xe6\x01\x01\x85R"])),
    ] {
        let r = scan(&bytes);
        assert!(r.is_clean() && r.severity == Allowed, "{what}: {r:?}");
    }
}

#[test]
fn frame_divergence_is_tampering_and_both_streams_are_scanned() {
    // Linear readers see one BINBYTES that swallows the call; a reader that drops the rest of a frame of two bytes
    // reads the length from behind the frame and executes the call.
    let inner = [global("os", "system"), b"\x8c\x02id\x85R0".to_vec()].concat();
    let mut bytes = b"\x80\x04(\x95\x02\0\0\0\0\0\0\0B\x07".to_vec();
    bytes.extend(b"\x00\x00\x00\x00");
    bytes.extend(&inner);
    bytes.extend(vec![b'N'; 64]);
    bytes.extend(b"1N.");
    let r = scan(&bytes);
    assert!(r.tampered, "{r:?}");
    assert_eq!(r.severity, Dangerous, "{r:?}");
}

#[test]
fn bombs_are_seen_without_being_run() {
    // Each list holds the one before ten times: 10^12 values when walked.
    let mut bomb = b"\x80\x04]\x94".to_vec();
    for i in 0..12u8 {
        bomb.extend(b"](");
        bomb.extend([b'h', i].repeat(10));
        bomb.extend(b"e\x94");
    }
    bomb.push(b'.');
    assert!(scan(&bomb).findings.iter().any(|f| f.rule == "artifact/pickle-expansion-bomb"));
    let mut deep = b"\x80\x04N".to_vec();
    deep.extend(vec![0x85; 5000]);
    deep.push(b'.');
    assert!(scan(&deep).findings.iter().any(|f| f.rule == "artifact/pickle-expansion-bomb"));
    let digits = [b"L".to_vec(), vec![b'9'; 30_000], b"L\n.".to_vec()].concat();
    assert!(scan(&digits).findings.iter().any(|f| f.rule == "artifact/pickle-expansion-bomb"));
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let bytes = [call("os", "system", "id"), call("acme", "x", "y")].concat();
    let json = |r: &FileReport| serde_json::to_string(r).expect("serialises");
    assert_eq!(json(&scan(&bytes)), json(&scan(&bytes)));
    let v: serde_json::Value = serde_json::from_str(&json(&scan(&bytes))).expect("valid");
    let keys: Vec<&str> = v.as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["path", "sha256", "format", "severity", "complete", "tampered", "findings"]);
    let keys: Vec<&str> = v["findings"][0].as_object().expect("object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["rule", "severity", "message", "offset", "evidence", "references"]);
}

#[test]
fn findings_convert_and_explain_shows_the_calls() {
    let bytes = call("os", "system", "id");
    let r = scan(&bytes);
    let f = r.to_findings();
    assert_eq!(f[0].severity, casemate_finding::Severity::Critical);
    assert!(!f[0].remedy.is_empty() && f[0].references.iter().any(|x| x.id == "AML.T0011.000"));
    let lines: Vec<String> =
        casemate_artifact::explain_bytes(&bytes, 0, &ScanConfig::default()).into_iter().map(|l| l.text).collect();
    assert_eq!(lines, ["import os.system", "os.system('id')"]);
    let bom = casemate_artifact::ml_bom(std::slice::from_ref(&r));
    assert_eq!(bom["components"][0]["hashes"][0]["content"], r.sha256.as_str());
    assert_eq!(severity(b"plain text"), Data);
}
