//! Files beside a model by which its loader finds code to run, and graphs that touch files: each with a harmless
//! neighbour.

use casemate_artifact::ArtifactSeverity::{self, Dangerous, Suspicious};
use casemate_artifact::{ScanConfig, scan_bytes};

fn check(name: &str, bytes: &[u8], least: Option<ArtifactSeverity>) {
    let r = scan_bytes(name, bytes, &ScanConfig::default());
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    match least {
        None => assert!(r.is_clean(), "{name} {shown:?}: {r:?}"),
        Some(s) => assert!(r.severity >= s, "{name} {shown:?}: {r:?}"),
    }
}

#[test]
fn configurations_in_yaml() {
    for (name, text, least) in [
        ("c.yaml", "model:\n  target: os.system\n  params:\n    command: id\n", Some(Dangerous)),
        ("c.yaml", "model:\n  target: ldm.models.autoencoder.AutoencoderKL\n  params:\n    embed_dim: 4\n", None),
        ("c.yaml", "build:\n  target: release.build\n  steps: 3\n", None),
        ("c.yaml", "a: !<tag:yaml.org,2002:python/object/apply:os.system> ['id']\n", Some(Dangerous)),
        ("c.yaml", "%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system ['id']\n", Some(Dangerous)),
        ("c.yaml", "a: !!python/object/apply:os.system ['id']\n", Some(Dangerous)),
        ("c.yaml", "%TAG !e! tag:example.org,2000:\n---\na: !e!thing 1\n", None),
        ("MLmodel", "flavors:\n  python_function:\n    loader_module: beside.loader\n", Some(Suspicious)),
        ("MLmodel", "flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n", None),
    ] {
        check(name, text.as_bytes(), least);
    }
}

#[test]
fn configurations_in_json() {
    for (name, text, least) in [
        ("c.json", r#"{"model": {"_target_": "os.system", "command": "id"}}"#, Some(Dangerous)),
        ("c.json", r#"{"model": {"_target_": "torch.nn.Linear"}}"#, None),
        ("config.json", r#"{"auto_map": {"AutoTokenizer": ["a/b--tok.Tok", null]}}"#, Some(Dangerous)),
        ("config.json", r#"{"auto_map": {"AutoTokenizer": ["tok.Tok", null]}}"#, Some(Suspicious)),
        ("config.json", r#"{"auto_map": {"Other": "tok.Tok"}}"#, Some(Suspicious)),
        ("model.safetensors.index.json", r#"{"weight_map": {"a": "../../other/x.bin"}}"#, Some(Suspicious)),
        ("model.safetensors.index.json", r#"{"weight_map": {"a": "model-00001-of-00002.safetensors"}}"#, None),
        ("modules.json", r#"[{"idx": 0, "name": "0", "path": "", "type": "beside.Net"}]"#, Some(Suspicious)),
        ("modules.json", r#"[{"idx": 0, "name": "0", "path": "", "type": "os.system"}]"#, Some(Dangerous)),
        (
            "modules.json",
            r#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]"#,
            None,
        ),
        ("adapter_config.json", r#"{"auto_mapping": {"parent_library": "beside"}}"#, Some(Suspicious)),
        ("adapter_config.json", r#"{"auto_mapping": {"parent_library": "transformers.models.bert"}}"#, None),
        ("model_index.json", r#"{"_class_name": ["beside", "Net"], "_diffusers_version": "0.3"}"#, Some(Suspicious)),
        (
            "model_index.json",
            r#"{"_class_name": "DDPMPipeline", "_diffusers_version": "0.3", "unet": ["diffusers", "UNet2DModel"]}"#,
            None,
        ),
    ] {
        check(name, text.as_bytes(), least);
    }
}

#[test]
fn layers_that_call_tensorflow() {
    let layer = |class: &str, config: &str| {
        let layers = format!(r#"[{{"class_name": "{class}", "config": {config}, "inbound_nodes": []}}]"#);
        format!(r#"{{"class_name": "Functional", "config": {{"layers": {layers}}}}}"#).into_bytes()
    };
    for (class, config, least) in [
        ("TFOpLambda", r#"{"function": "io.write_file"}"#, Some(Dangerous)),
        ("TFOpLambda", r#"{"function": "raw_ops.ReadFile"}"#, Some(Dangerous)),
        ("TFOpLambda", r#"{"function": "math.multiply"}"#, None),
        ("TFOpLambda", r#"{"function": "io.decode_raw"}"#, None),
        ("TensorFlowOpLayer", r#"{"node_def": "{\"name\": \"a\", \"op\": \"WriteFile\"}"}"#, Some(Dangerous)),
        ("TensorFlowOpLayer", r#"{"node_def": "{\"name\": \"a\", \"op\": \"Mul\"}"}"#, None),
    ] {
        check("config.json", &layer(class, config), least);
    }
}

fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut v = vec![number << 3 | 2];
    if body.len() > 127 {
        v.push((body.len() & 127) as u8 | 128);
        v.push((body.len() >> 7) as u8);
    } else {
        v.push(body.len() as u8);
    }
    v.extend(body);
    v
}

#[test]
fn metadata_of_keras_beside_and_inside_a_saved_model() {
    let lambda = br#"{"class_name": "Lambda", "config": {"function": ["4wEAAAA=", null, null]}}"#;
    let dense = br#"{"class_name": "Dense", "config": {"units": 3}}"#;
    let metadata =
        |layer: &[u8]| field(1, &[field(3, b"root"), field(4, b"_tf_keras_layer"), field(5, layer)].concat());
    check("keras_metadata.pb", &metadata(lambda), Some(Dangerous));
    check("keras_metadata.pb", &metadata(dense), None);
    // TensorFlow 2.4: the same in the objects of the model.
    let saved = |layer: &[u8]| {
        let node = field(1, &[field(1, b"a"), field(2, b"Mul")].concat());
        let object = field(4, &[field(1, b"_tf_keras_layer"), field(3, layer)].concat());
        let meta = [field(2, &node), field(7, &field(1, &object))].concat();
        [vec![8, 1], field(2, &meta)].concat()
    };
    check("saved_model.pb", &saved(lambda), Some(Dangerous));
    check("saved_model.pb", &saved(dense), None);
}

#[test]
fn graphs_in_text_form() {
    let graph = |op: &str| {
        format!(
            "saved_model_schema_version: 1\nmeta_graphs {{\n graph_def {{\n  node {{ name: \"a\" op: {op} }}\n }}\n}}\n"
        )
    };
    for (op, least) in [
        ("\"WriteFile\"", Some(Dangerous)),
        ("'Write' \"File\"", Some(Dangerous)),
        ("\"\\127riteFile\"", Some(Dangerous)),
        ("\"SentencepieceOp\"", Some(ArtifactSeverity::Review)),
        ("\"MatMul\"", None),
    ] {
        check("saved_model.pbtxt", graph(op).as_bytes(), least);
    }
}

#[test]
fn objects_of_other_platforms() {
    check("m.bin", b"\xac\xed\0\x05sr\0\x11java.util.HashMap", Some(Suspicious));
    check("m.zip", b"\0\x01\0\0\0\xff\xff\xff\xff\x01\0\0\0\0\0\0\0\x0c\x02\0\0\0", Some(Suspicious));
    check("m.bin", b"\xac\xed\0\x04sr\0\x11", None);
    check("m.xml", br#"<?xml version="1.0"?><net><xi:include href="file:///x" parse="text"/></net>"#, Some(Suspicious));
    check("m.xml", br#"<?xml version="1.0"?><net><xi:included/></net>"#, None);
}

#[test]
fn pickles_as_text_and_in_attributes() {
    let evil = "gASVAAAAAAAAAACMAm9zlIwGc3lzdGVtlJOUjAJpZJSFlFKULg==";
    let data = |text: &str| format!(r#"{{"policy_class": {{":type:": "x", ":serialized:": "{text}"}}}}"#).into_bytes();
    check("data", &data(evil), Some(Dangerous));
    check("data", &data("gAJLAUsCSwNLBIZ0Lg=="), None);
    check("data", &data("800496AAAAAAAAAAAAAA"), None);
    // PyTables: an attribute of the root whose value is a pickle.
    let attribute = |value: &[u8]| {
        let mut message = vec![1, 0, 8, 0, 8, 0, 8, 0];
        message.extend([0; 24]);
        message.extend(value);
        message.resize(message.len().div_ceil(8) * 8, 0);
        let mut v = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
        v.extend([0u64, u64::MAX, 4096, u64::MAX, 0, 96].iter().flat_map(|n| n.to_le_bytes()));
        v.resize(96, 0);
        v.extend([1, 0, 1, 0, 1, 0, 0, 0]);
        v.extend((8 + message.len() as u32).to_le_bytes());
        v.extend([0, 0, 0, 0, 0x0c, 0]);
        v.extend((message.len() as u16).to_le_bytes());
        v.extend([0; 4]);
        v.extend(message);
        v
    };
    check("t.h5", &attribute(b"cos\nsystem\n(S'id'\ntR."), Some(Dangerous));
    check("t.h5", &attribute(b"(lp0\nI1\na."), None);
    check("t.h5", &attribute(b"a text of some length."), None);
}

#[test]
fn archives_that_are_not_read_are_not_clean() {
    for begin in [&b"Rar!\x1a\x07\x01\0"[..], b"MSCF\0\0\0\0", b"LZIP\x01", b"!<arch>\n", b"\x1f\x9d\x90"] {
        let r = scan_bytes("m.pkl", &[begin, &[0; 64]].concat(), &ScanConfig::default());
        assert!(!r.complete && !r.is_clean(), "{begin:?}: {r:?}");
    }
}

#[test]
fn templates_in_lists_of_gguf() {
    let gguf = |template: &str| {
        let text = |v: &mut Vec<u8>, s: &str| {
            v.extend((s.len() as u64).to_le_bytes());
            v.extend(s.as_bytes());
        };
        let mut v = b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
        text(&mut v, "tokenizer.chat_templates");
        v.extend([9, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
        text(&mut v, template);
        v
    };
    check("m.gguf", &gguf("{{ ().__class__ }}"), Some(Dangerous));
    check("m.gguf", &gguf("{{ bos_token }}"), None);
}
