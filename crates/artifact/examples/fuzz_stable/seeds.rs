//! Small inputs of every format, all made here: from these mutation starts, on the stable toolchain and under libFuzzer.

use std::io::Write;
use std::path::Path;

use crate::assemble::{Flat, flatbuffer, member, tar, zip};
use crate::heads::{CONTAINERS, HEADS, NAMES};

/// Small valid inputs of each format, from which mutation starts.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
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
        ("ah.yaml".to_owned(), b"a:\n  _target_: os.system\n  target: a.B\n  params: {}\nb: !<tag:yaml.org,2002:python/name:x> 1\n".to_vec()),
        ("ai.pbtxt".to_owned(), b"node { name: \"a\" op: \"\\127rite\" 'File' }\nlibrary { function { node_def { op: \"X\" } } }".to_vec()),
        ("keras_metadata.pb".to_owned(), b"\x0a\x33\x1a\x01r\x22\x0f_tf_keras_layer\x2a\x1d{\"class_name\": \"Lambda\", \"c\":{}}".to_vec()),
        ("modules.json".to_owned(), br#"[{"idx": 0, "path": "", "type": "a.B", "_target_": "os.system", "parent_library": "x", "AutoModel": ["a/b--c.D", null], "_class_name": ["a", "B"], "_diffusers_version": "1"}]"#.to_vec()),
        ("u.jinja".to_owned(), br"{% for x in y %}{{ x['\x5f\x5fclass\x5f\x5f'] }}{# c #}{% endfor %}".to_vec()),
    ];
    let evil = out[1].1.clone();
    let config =
        br#"{"module": "keras.layers", "class_name": "Dense", "config": {"name": "a"}, "registered_name": "p>A"}"#;
    let skops = br#"{"__class__": "A", "__module__": "sklearn.a", "__loader__": "ObjectNode", "content": {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode"}}"#;
    let array = b"\x93NUMPY\x01\x00\x36\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}\0\0\0\0\0\0\0\0";
    for (name, members) in [
        ("ba.zip", vec![member("data.pkl", &evil)]),
        (
            "bb.pt",
            vec![member("a/data.pkl", &storage_pickle()), member("a/version", b"3\n"), member("a/data/0", &[0; 8])],
        ),
        (
            "bc.keras",
            vec![
                member("config.json", config),
                member("metadata.json", b"{}"),
                member("model.weights.h5", b"\x89HDF\r\n\x1a\n"),
            ],
        ),
        ("bd.skops", vec![member("schema.json", skops), member("1.npy", array)]),
        ("be.npz", vec![member("a.npy", array), member("b.npy", array)]),
        (
            "bf.pt2",
            vec![
                member("m/archive_format", b"pt2"),
                member("m/models/model.json", br#"{"graph_module": {"nodes": [{"target": "a.b"}]}}"#),
            ],
        ),
        (
            "bg.pt",
            vec![
                member("m/code/a.py", b"def f(x):\n  return torch.add(x, 1)\n"),
                member("m/data.pkl", &evil),
                member("m/constants.pkl", b"\x80\x02)."),
            ],
        ),
    ] {
        out.push((name.into(), zip(&members)));
    }
    out.push(("bh.tar".into(), tar("model/a.pkl", b'0', "", &evil)));
    out.push((
        "bi.tar".into(),
        [tar("x", b'x', "", b"19 path=../../evil\n")[..1024].to_vec(), tar("b", b'2', "c", b"")].concat(),
    ));
    out.push(("bj.gz".into(), gzip(&evil)));
    out.push(("bk.z".into(), zlib(&evil)));
    out.push(("bl.joblib".into(), [b"ZF0x00000000000000040  ".to_vec(), zlib(&evil)].concat()));
    out.push(("bm.bz2".into(), bzip2_of(&evil)));
    out.push(("bn.zip".into(), zip(&[member("a.tar", &tar("a.gz", b'0', "", &gzip(b"N.")))])));
    out.push(("bo.pt".into(), legacy()));
    out.push(("bp.7z".into(), seven_zip(&evil)));
    out.push(("bq.h5".into(), hdf5()));
    out.push(("br.tflite".into(), tflite()));
    out.push(("bs.xml".into(), br#"<?xml version="1.0"?><net name="n" version="11"><layers><layer id="0" type="Const" version="opset1"><data offset="0" size="8"/></layer><layer id="1" type="Acme" version="extension"/></layers></net>"#.to_vec()));
    out.push(("bt.txt".into(), b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=1\nfeature_names=a b\ntree_sizes=30\n\nTree=0\nnum_leaves=1\nleaf_value=0\n\nend of trees\n\nparameters:\n[data: /x]\nend of parameters\n".to_vec()));
    out
}

/// A state dictionary of one tensor.
fn storage_pickle() -> Vec<u8> {
    b"\x80\x02}q\x00X\x01\x00\x00\x00wq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x000q\x05X\x03\x00\x00\x00cpuq\x06K\x02tq\x07QK\x00K\x02\x85q\x08K\x01\x85q\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0ds.".to_vec()
}

/// The five pickles and one storage of PyTorch's older format.
fn legacy() -> Vec<u8> {
    let mut v = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00X\x0d\x00\x00\x00little_endianq\x01\x88s.".to_vec();
    v.extend(storage_pickle());
    v.extend(b"\x80\x02]q\x00X\x01\x00\x00\x000q\x01a.");
    v.extend(2u64.to_le_bytes());
    v.extend([0; 8]);
    v
}

/// One file, stored, in a plain header.
fn seven_zip(content: &[u8]) -> Vec<u8> {
    let n = content.len() as u8;
    let mut header = vec![1, 4, 6, 0, 1, 9, n, 0, 7, 11, 1, 0, 1, 1, 0, 12, n, 0, 0, 5, 1, 17, 13, 0];
    header.extend("a.pkl\0".encode_utf16().flat_map(u16::to_le_bytes));
    header.extend([0, 0]);
    let mut v = b"7z\xbc\xaf\x27\x1c\0\x04\0\0\0\0".to_vec();
    v.extend((content.len() as u64).to_le_bytes());
    v.extend((header.len() as u64).to_le_bytes());
    v.extend(crc32fast::hash(&header).to_le_bytes());
    v.extend(content);
    v.extend(header);
    v
}

/// A version 0 superblock, a root group with a symbol table, an attribute with a configuration.
fn hdf5() -> Vec<u8> {
    let mut v = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
    v.extend([0u64, u64::MAX, 512, u64::MAX, 0, 96].iter().flat_map(|n| n.to_le_bytes()));
    v.resize(96, 0);
    // An object header of version 1: one message for the symbol table, one link, one continuation.
    v.extend([1, 0, 3, 0, 1, 0, 0, 0, 96, 0, 0, 0, 0, 0, 0, 0]);
    v.extend([0x11, 0, 16, 0, 0, 0, 0, 0]);
    v.extend([216u64, 300].iter().flat_map(|n| n.to_le_bytes()));
    v.extend([
        6, 0, 24, 0, 0, 0, 0, 0, 1, 8, 64, 1, b'a', 9, 0, 0, b'f', 0, b'/', b'p', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    v.extend([16, 0, 16, 0, 0, 0, 0, 0]);
    v.extend([320u64, 64].iter().flat_map(|n| n.to_le_bytes()));
    v.resize(216, 0);
    v.extend(b"TREE\0\0\x01\0");
    v.extend([u64::MAX, u64::MAX, 0, 256, 8].iter().flat_map(|n| n.to_le_bytes()));
    v.resize(264, 0);
    v.extend(b"SNOD\x01\0\x01\0");
    v.resize(384, 0);
    v.extend(br#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": "x"}}]}}"#);
    v
}

/// One operator, one tensor, one buffer.
fn tflite() -> Vec<u8> {
    let tensors = vec![vec![Flat::Numbers(vec![2]), Flat::Byte(0), Flat::Number(1)]];
    let operators = vec![vec![Flat::Number(0), Flat::Numbers(vec![0]), Flat::Numbers(vec![0])]];
    let graph = vec![Flat::Tables(tensors), Flat::Numbers(vec![0]), Flat::Numbers(vec![0]), Flat::Tables(operators)];
    let codes = vec![vec![Flat::Byte(32), Flat::Text("Acme")]];
    let buffers = vec![vec![], vec![Flat::Bytes(vec![0; 8])]];
    flatbuffer(
        b"TFL3",
        b"",
        vec![Flat::Number(3), Flat::Tables(codes), Flat::Tables(vec![graph]), Flat::None, Flat::Tables(buffers)],
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(bytes).and_then(|()| e.finish()).unwrap_or_default()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut e = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(bytes).and_then(|()| e.finish()).unwrap_or_default()
}

fn bzip2_of(bytes: &[u8]) -> Vec<u8> {
    let mut e = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    e.write_all(bytes).and_then(|()| e.finish()).unwrap_or_default()
}

/// The ending of a name.
fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, e)| e)
}

/// Writes the seeds as libFuzzer's targets take them, a folder for each target; without the bytes that a target puts
/// before its input, with the byte that picks a name or a head.
///
/// # Errors
/// When a folder or file cannot be written.
pub fn write(folder: &Path) -> std::io::Result<usize> {
    let mut written = 0;
    let mut put = |target: &str, name: &str, parts: &[&[u8]]| {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        written += 1;
        std::fs::write(folder.join(name), parts.concat())
    };
    for (name, bytes) in seeds() {
        let any = NAMES.iter().position(|n| ending(n) == ending(&name)).unwrap_or(NAMES.len() - 1);
        put("artifact_any", &name, &[&[any as u8], &bytes])?;
        if matches!(ending(&name), "pkl" | "joblib") {
            put("artifact_pickle", &name, &[bytes.strip_prefix(b"\x80\x04").unwrap_or(&bytes)])?;
        }
        if let Some(rest) = bytes.strip_prefix(b"PK\x03\x04") {
            put("artifact_zip", &name, &[rest])?;
        }
        for (target, heads) in [("artifact_format", &HEADS[..]), ("artifact_container", &CONTAINERS)] {
            // A tar has no magic: its head is empty and must go by the name.
            let head = heads
                .iter()
                .enumerate()
                .find(|(_, (n, head))| bytes.starts_with(head) && (!head.is_empty() || ending(n) == ending(&name)));
            if let Some((i, (_, head))) = head {
                put(target, &name, &[&[i as u8], &bytes[head.len()..]])?;
            }
        }
    }
    Ok(written)
}
