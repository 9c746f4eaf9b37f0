//! Formats that are not pickles.

use casemate_artifact::ArtifactSeverity::{Dangerous, Review, Suspicious};
use casemate_artifact::{ScanConfig, scan_bytes};

use crate::assemble::{call, member, zip};

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut v = (header.len() as u64).to_le_bytes().to_vec();
    v.extend(header.as_bytes());
    v.resize(v.len() + data, 0);
    v
}

fn gguf(template: &str) -> Vec<u8> {
    let mut v = b"GGUF\x03\0\0\0".to_vec();
    v.extend(0u64.to_le_bytes());
    v.extend(1u64.to_le_bytes());
    let key = "tokenizer.chat_template";
    v.extend((key.len() as u64).to_le_bytes());
    v.extend(key.as_bytes());
    v.extend(8u32.to_le_bytes());
    v.extend((template.len() as u64).to_le_bytes());
    v.extend(template.as_bytes());
    v
}

fn npy(descr: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n");
    let mut v = b"\x93NUMPY\x01\x00".to_vec();
    v.extend((header.len() as u16).to_le_bytes());
    v.extend(header.as_bytes());
    v.extend(data);
    v
}

#[test]
fn examples_and_counterexamples() {
    let tensor = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    for (name, bytes, least) in [
        ("m.safetensors", safetensors(tensor, 8), None),
        ("m.safetensors", safetensors(tensor, 9), Some(Suspicious)),
        ("m.safetensors", safetensors(tensor, 7), Some(Suspicious)),
        ("m.safetensors", safetensors(r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8), Some(Suspicious)),
        ("m.safetensors", safetensors(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8), Some(Suspicious)),
        ("m.safetensors", safetensors(r#"{"a":{"dtype":"F32","shape":[4611686018427387904,16],"data_offsets":[0,0]}}"#, 0), Some(Suspicious)),
        ("m.gguf", gguf("{% for m in messages %}{{ m.content }}{% endfor %}"), None),
        ("m.gguf", gguf("{{ ''.__class__.__mro__ }}"), Some(Dangerous)),
        ("m.gguf", b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec(), Some(Suspicious)),
        ("a.npy", npy("'<f8'", &[0; 8]), None),
        ("a.npy", npy("'|O'", &call("os", "system", "id")), Some(Dangerous)),
        ("a.npy", npy("[('x', '|O')]", &call("os", "system", "id")), Some(Dangerous)),
        ("config.json", br#"{"model_type": "bert", "vocab_size": 3}"#.to_vec(), None),
        ("config.json", br#"{"auto_map": {"AutoModel": "owner/repo--file.Class"}}"#.to_vec(), Some(Dangerous)),
        ("tokenizer_config.json", br#"{"chat_template": "{{ x|attr('y') }}"}"#.to_vec(), Some(Suspicious)),
        ("tokenizer_config.json", br#"{"chat_template": "{{ bos_token }}"}"#.to_vec(), None),
        ("model-symbol.json", br#"{"nodes": [{"op": "Custom", "attrs": {"op_type": "x"}}]}"#.to_vec(), Some(Suspicious)),
        ("m.pmml", br#"<?xml version="1.0"?><!DOCTYPE p [<!ENTITY x SYSTEM "file:///x">]><PMML/>"#.to_vec(), Some(Dangerous)),
        ("m.pmml", br#"<?xml version="1.0"?><PMML version="4.4"/>"#.to_vec(), None),
        ("m.json", call("os", "system", "id"), Some(Dangerous)),
        ("m.keras", zip(&[member("config.json", br#"{"module": "keras.layers", "class_name": "Lambda", "config": {}}"#), member("metadata.json", b"{}")]), Some(Dangerous)),
        ("m.keras", zip(&[member("config.json", br#"{"module": "keras.layers", "class_name": "Dense", "config": {}}"#), member("metadata.json", b"{}")]), None),
        ("m.mar", zip(&[member("handler.py", b"import os\nos.system('x')\n")]), Some(Dangerous)),
        ("m.skops", zip(&[member("schema.json", br#"{"__class__": "f", "__module__": "os", "__loader__": "FunctionNode", "content": {"module_path": "os", "function": "system"}}"#)]), Some(Dangerous)),
        ("m.skops", zip(&[member("schema.json", br#"{"__class__": "LinearRegression", "__module__": "sklearn.linear_model._base", "__loader__": "ObjectNode", "content": {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}}"#)]), None),
        ("c.yaml", b"model:\n  _target_: os.system\n  command: id\n".to_vec(), Some(Dangerous)),
        ("c.yaml", b"model:\n  _target_: torch.nn.Linear\n".to_vec(), None),
        ("m.bin", b"\x7fELF\x02\x01\x01\0".to_vec(), Some(Suspicious)),
        ("m.plan", b"ptrt\0\0\0\0".to_vec(), Some(Review)),
    ] {
        let r = scan_bytes(name, &bytes, &ScanConfig::default());
        match least {
            None => assert!(r.is_clean(), "{name} {:?}: {r:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)])),
            Some(s) => assert!(r.severity >= s, "{name} {:?}: {r:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)])),
        }
    }
}

/// One field of a message.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut v = vec![number << 3 | 2, body.len() as u8];
    v.extend(body);
    v
}

fn onnx(node: &[u8], tensor: &[u8]) -> Vec<u8> {
    let graph = [field(1, node), field(2, b"g"), field(5, tensor)].concat();
    [vec![0x08, 8], field(7, &graph), field(8, &[0x10, 17])].concat()
}

#[test]
fn onnx_paths_and_operators() {
    let relu = [field(1, b"x"), field(2, b"y"), field(4, b"Relu")].concat();
    let external = |path: &str| {
        let entry = [field(1, b"location"), field(2, path.as_bytes())].concat();
        [vec![0x08, 1, 0x10, 1], vec![13 << 3 | 2, entry.len() as u8], entry].concat()
    };
    let custom = [field(4, b"PyOp"), field(7, b"ai.onnx.contrib")].concat();
    for (bytes, least) in [
        (onnx(&relu, &external("weights.bin")), None),
        (onnx(&relu, &external("../../x")), Some(Dangerous)),
        (onnx(&relu, &external("a/../b/../../x")), Some(Dangerous)),
        (onnx(&relu, &external("file:///x")), Some(Dangerous)),
        (onnx(&relu, &external("..\\x")), Some(Dangerous)),
        (onnx(&custom, &external("w")), Some(Dangerous)),
        (onnx(&[field(4, b"X"), field(7, b"com.acme")].concat(), &external("w")), Some(Review)),
    ] {
        let r = scan_bytes("m.onnx", &bytes, &ScanConfig::default());
        assert_eq!(r.format, "onnx", "{r:?}");
        assert_eq!(r.is_clean(), least.is_none(), "{r:?}");
        assert!(least.is_none_or(|l| r.severity >= l), "{r:?}");
    }
}

#[test]
fn tensorflow_operators_in_graphs_and_functions() {
    let node = |op: &str| [field(1, b"n"), field(2, op.as_bytes())].concat();
    let saved = |graph: &[u8]| [vec![0x08, 1], field(2, &field(2, graph))].concat();
    let function = |op: &str| field(2, &field(1, &[field(1, &field(1, b"f")), field(3, &node(op))].concat()));
    for (bytes, flagged) in [
        (saved(&field(1, &node("MatMul"))), false),
        (saved(&field(1, &node("PyFunc"))), true),
        (saved(&[field(1, &node("NoOp")), function("WriteFile")].concat()), true),
        (saved(&[field(1, &node("NoOp")), function("Add")].concat()), false),
    ] {
        let r = scan_bytes("saved_model.pb", &bytes, &ScanConfig::default());
        assert_eq!(r.severity == Dangerous, flagged, "{r:?}");
        assert!(r.format.contains("tf-"), "{}", r.format);
    }
}
