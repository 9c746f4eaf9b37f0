//! Formats of single frameworks: what each does beyond holding values, and lengths at the end of the file and past it.

use casemate_artifact::ArtifactSeverity::{self, Dangerous, Data, Review, Suspicious};
use casemate_artifact::{FileReport, ScanConfig, scan_bytes};

use crate::assemble::{Flat, call, flatbuffer, global, member, pickle, text, zip};

fn scan(name: &str, bytes: &[u8]) -> FileReport {
    scan_bytes(name, bytes, &ScanConfig::default())
}

#[track_caller]
fn check(name: &str, bytes: &[u8], format: &str, want: ArtifactSeverity) {
    let r = scan(name, bytes);
    assert!(r.format.split('+').any(|f| f == format), "{format}: {r:?}");
    assert_eq!(r.severity, want, "{r:?}");
    assert!(r.complete, "{r:?}");
}

/// A field of bytes in protocol buffers.
fn field(number: u32, body: &[u8]) -> Vec<u8> {
    let mut v = varint(u64::from(number << 3 | 2));
    v.extend(varint(body.len() as u64));
    v.extend(body);
    v
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut v = Vec::new();
    while n >= 0x80 {
        v.push(n as u8 | 0x80);
        n >>= 7;
    }
    v.push(n as u8);
    v
}

fn coreml(kind: u32, body: &[u8]) -> Vec<u8> {
    [vec![0x08, 7], field(2, &field(1, b"")), field(kind, body)].concat()
}

#[test]
fn coreml_names_code_and_other_files() {
    let network = |layer: &[u8]| field(1, &[field(1, b"name"), layer.to_vec()].concat());
    let custom = field(500, &field(10, b"EvilLayer"));
    let nested = field(605, &field(1, &network(&custom)));
    let link = |path: &[u8]| field(1, &field(1, &field(1, path)));
    let blob = |path: &[u8]| {
        let value = field(5, &field(1, path));
        let argument = field(2, &[field(1, b"x"), field(2, &field(1, &field(2, &value)))].concat());
        let block = field(3, &[field(1, b"const"), argument].concat());
        let function = field(3, &[field(1, b"CoreML5"), field(2, &block)].concat());
        field(2, &[field(1, b"main"), field(2, &function)].concat())
    };
    for (bytes, want) in [
        (coreml(500, &network(&field(140, b""))), Data),
        (coreml(500, &network(&custom)), Review),
        (coreml(403, &network(&nested)), Review),
        (coreml(202, &field(1, &coreml(555, &field(10, b"EvilModel")))), Review),
        (coreml(556, &link(b"other.mlmodelc")), Suspicious),
        (coreml(556, &link(b"../../other.mlmodelc")), Dangerous),
        (coreml(502, &blob(b"@model_path/weights/weight.bin")), Data),
        (coreml(502, &blob(b"@model_path/../../etc/passwd")), Dangerous),
        (coreml(502, &blob(b"/etc/passwd")), Dangerous),
    ] {
        check("m.mlmodel", &bytes, "coreml", want);
    }
}

#[test]
fn paddle_operators_and_parameters() {
    let program = |op: &str| {
        let attribute = [field(1, b"file_path"), vec![0x10, 2], field(5, b"/tmp/x")].concat();
        let op = [field(3, op.as_bytes()), field(4, &attribute)].concat();
        [field(1, &[vec![0x08, 0, 0x10, 0], field(4, &op)].concat()), field(4, &[0x08, 0])].concat()
    };
    for (op, want) in [
        ("matmul_v2", Data),
        ("py_func", Dangerous),
        ("save_combine", Dangerous),
        ("load_combine", Suspicious),
        ("tensorrt_engine", Review),
    ] {
        check("inference.pdmodel", &program(op), "paddle-program", want);
    }
    let r = scan("inference.pdmodel", &program("save"));
    assert_eq!(r.findings[0].evidence, "save(/tmp/x)");
    let json = |op: &str| {
        format!(r##"{{"base_code":{{"magic":"pir","version":1}},"program":{{"ops":[{{"#":"1.{op}"}}]}}}}"##)
            .into_bytes()
    };
    check("inference.json", &json("matmul"), "paddle-program", Data);
    check("inference.json", &json("py_func"), "paddle-program", Dangerous);
    let tensor = |n: usize| [&[0u8; 16][..], &[4, 0, 0, 0, 0x08, 5, 0x10, 2], &vec![0; n]].concat();
    check("inference.pdiparams", &[tensor(8), tensor(8)].concat(), "paddle-parameters", Data);
    check("inference.pdiparams", &[tensor(8), tensor(7)].concat(), "paddle-parameters", Suspicious);
    check("inference.pdiparams", &[tensor(8), b"cos\nsystem\n(tR.".to_vec()].concat(), "paddle-parameters", Suspicious);
}

#[test]
fn msgpack_arrays_of_objects_and_chunks_that_are_pickles() {
    let inner = call("os", "system", "id");
    let document = |kind: &[u8]| {
        [
            b"\x83\xa2nd\xc3\xa4kind\xc4".to_vec(),
            vec![kind.len() as u8],
            kind.to_vec(),
            b"\xa4data\xc4".to_vec(),
            vec![inner.len() as u8],
            inner.clone(),
        ]
        .concat()
    };
    check("state.msgpack", &document(b"O"), "msgpack", Dangerous);
    assert!(scan("state.msgpack", &document(b"O")).findings.iter().any(|f| f.rule == "artifact/msgpack-objects"));
    // Bytes that are a whole pickle count whatever their reader does with them.
    check("state.msgpack", &document(b"V"), "msgpack", Dangerous);
    for (filters, want) in
        [(r#"[{"id": "zlib", "level": 1}]"#, Data), (r#"[{"id": "pickle", "protocol": 5}]"#, Dangerous)]
    {
        check(".zarray", format!(r#"{{"zarr_format": 2, "filters": {filters}}}"#).as_bytes(), "json", want);
    }
}

#[test]
fn exported_programs_and_packages() {
    let program = |target: &str, size: &str| {
        let json = format!(
            r#"{{"graph_module": {{"graph": {{"nodes": [{{"target": "{target}", "inputs": [{{"name": "x"}}], "metadata": {{}}}}]}}}},
            "range_constraints": {{}}, "sym": {{"as_expr": {{"expr_str": "{size}"}}}}}}"#
        );
        zip(&[member("m/archive_format", b"pt2"), member("m/models/model.json", json.as_bytes())])
    };
    for (target, size, want) in [
        ("torch.ops.aten.linear.default", "2*s0", Data),
        ("torch.ops.acme.thing.default", "2*s0", Review),
        ("torch.serialization.os.system", "s0", Dangerous),
        ("torch.ops.aten.linear.default", "__import__('os')", Dangerous),
    ] {
        check("m.pt2", &program(target, size), "torch-pt2", want);
    }
    let library = [b"\x7fELF\x02\x01\x01\0".to_vec(), vec![0; 64]].concat();
    let compiled = zip(&[member("m/archive_format", b"pt2"), member("m/data/aotinductor/model/m.so", &library)]);
    check("m.pt2", &compiled, "torch-pt2", Suspicious);
    let package = |callee: &[u8]| {
        let id = [
            b"(".to_vec(),
            text("reduce_package"),
            b"K\x00".to_vec(),
            callee.to_vec(),
            b"(".to_vec(),
            text("id"),
            b"ttQ".to_vec(),
        ];
        let body = pickle(&[&id.concat()]);
        zip(&[
            member("p/.data/extern_modules", b""),
            member("p/.data/version", b"6\n"),
            member("p/model/model.pkl", &body),
        ])
    };
    check("p.pt", &package(&global("os", "system")), "torch-package", Dangerous);
    check("p.pt", &package(&global("collections", "OrderedDict")), "torch-package", ArtifactSeverity::Allowed);
}

#[test]
fn tflite_indices_and_buffers() {
    let model = |code: u32, buffer: u32, tensor: u32, bytes: usize| {
        let subgraph = vec![
            Flat::Tables(vec![vec![Flat::Numbers(vec![2]), Flat::Byte(0), Flat::Number(buffer)]]),
            Flat::Numbers(vec![0]),
            Flat::Numbers(vec![0]),
            Flat::Tables(vec![vec![Flat::Number(code), Flat::Numbers(vec![tensor]), Flat::Numbers(vec![0])]]),
        ];
        flatbuffer(
            b"TFL3",
            b"",
            vec![
                Flat::Number(3),
                Flat::Tables(vec![vec![Flat::Byte(9)]]),
                Flat::Tables(vec![subgraph]),
                Flat::None,
                Flat::Tables(vec![vec![], vec![Flat::Bytes(vec![0; bytes])]]),
            ],
        )
    };
    let absent = u32::MAX;
    for (bytes, want) in [
        (model(0, 1, 0, 8), Data),
        (model(0, 0, absent, 8), Data),
        (model(1, 1, 0, 8), Suspicious),
        (model(0, 2, 0, 8), Suspicious),
        (model(0, 1, 1, 8), Suspicious),
        (model(0, 1, 0, 7), Suspicious),
    ] {
        check("m.tflite", &bytes, "tflite", want);
    }
    // Metadata as a zip behind the model is ordinary; what is in it is looked at all the same.
    let labelled = |name: &str, body: &[u8]| {
        let model = model(0, 1, 0, 8);
        let shift = model.len() as u32;
        let mut archive = zip(&[member(name, body)]);
        // Offsets count from the beginning of the file.
        let n = archive.len();
        let directory = u32::from_le_bytes(archive[n - 6..n - 2].try_into().expect("four")) as usize;
        archive[directory + 42..directory + 46].copy_from_slice(&shift.to_le_bytes());
        archive[n - 6..n - 2].copy_from_slice(&(directory as u32 + shift).to_le_bytes());
        [model, archive].concat()
    };
    check("m.tflite", &labelled("labels.txt", b"cat\ndog\n"), "tflite", Data);
    check("m.tflite", &labelled("x.pkl", &call("os", "system", "id")), "tflite", Dangerous);
}

#[test]
fn executorch_segments_operators_and_delegates() {
    let program = |operator: &'static str, delegate: &'static str, size: u64, tail: &[u8]| {
        let plan = vec![
            Flat::Text("forward"),
            Flat::None,
            Flat::None,
            Flat::None,
            Flat::None,
            Flat::None,
            Flat::Tables(vec![vec![Flat::Text(operator), Flat::Text("out")]]),
            Flat::Tables(vec![vec![Flat::Text(delegate)]]),
        ];
        let header = |base: u64| [&b"eh00\x18\0\0\0"[..], &base.to_le_bytes(), &base.to_le_bytes()].concat();
        let make = |base: u64| {
            flatbuffer(
                b"ET12",
                &header(base),
                vec![
                    Flat::Number(0),
                    Flat::Tables(vec![plan_of(&plan)]),
                    Flat::None,
                    Flat::None,
                    Flat::Tables(vec![vec![Flat::Long(0), Flat::Long(size)]]),
                ],
            )
        };
        let base = make(0).len() as u64;
        [make(base), tail.to_vec()].concat()
    };
    let elf = b"\x7fELF\x02\x01\x01\0";
    for (bytes, want) in [
        (program("aten::add", "XnnpackBackend", 8, &[0; 8]), Data),
        (program("aten::add", "XnnpackBackend", 9, &[0; 8]), Suspicious),
        (program("acme::run", "XnnpackBackend", 8, &[0; 8]), Review),
        (program("aten::add", "AcmeBackend", 8, &[0; 8]), Review),
        (program("aten::add", "CudaBackend", 8, elf), Suspicious),
    ] {
        check("m.pte", &bytes, "executorch", want);
    }
}

/// The same fields again; a flatbuffer is made twice, once to learn its length.
fn plan_of(fields: &[Flat]) -> Vec<Flat> {
    fields
        .iter()
        .map(|f| match f {
            Flat::Text(t) => Flat::Text(t),
            Flat::Tables(list) => Flat::Tables(list.iter().map(|t| plan_of(t)).collect()),
            _ => Flat::None,
        })
        .collect()
}

#[test]
fn catboost_and_mxnet_lengths() {
    let core = flatbuffer(
        b"\0\0\0\0",
        b"",
        vec![
            Flat::Text("FlabuffersModel_v1"),
            Flat::Table(vec![]),
            Flat::Tables(vec![vec![Flat::Text("params"), Flat::Text("{}")]]),
        ],
    );
    let model = |n: usize| [b"CBM1".to_vec(), (n as u32).to_le_bytes().to_vec(), core.clone()].concat();
    check("m.cbm", &model(core.len()), "catboost", Data);
    check("m.cbm", &model(core.len() + 1), "catboost", Suspicious);
    let array = |n: u64| {
        let mut v = [0x112u64, 0, 1].iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
        v.extend(0xf993_fac9_u32.to_le_bytes());
        v.extend([0u32, 1].iter().flat_map(|w| w.to_le_bytes()));
        v.extend(n.to_le_bytes());
        v.extend([0; 12]);
        v.extend([0; 8]);
        v.extend([1u64, 1].iter().flat_map(|w| w.to_le_bytes()));
        v.push(b'w');
        v
    };
    check("m.params", &array(2), "mxnet-parameters", Data);
    check("m.params", &array(1 << 40), "mxnet-parameters", Review);
    check("m.params", &[array(2), b"x".to_vec()].concat(), "mxnet-parameters", Review);
}
