//! Names and first bytes of the formats: what the libFuzzer target `artifact_format` puts before the fuzzer's bytes, and
//! by which the seeds that are written for it are cut.

/// Each name with the bytes that its file begins with.
pub const HEADS: [(&str, &[u8]); 24] = [
    ("a.gguf", b"GGUF\x03\0\0\0"),
    ("a.safetensors", b"\x40\0\0\0\0\0\0\0{\""),
    ("a.npy", b"\x93NUMPY\x01\0"),
    ("a.h5", b"\x89HDF\r\n\x1a\n"),
    ("a.tflite", b"\x10\0\0\0TFL3"),
    ("a.rds", b"X\n\0\0\0\x02\0\x04\x03\x01\0\x02\x03\0"),
    ("a.xml", b"<?xml version=\"1.0\"?>"),
    ("a.json", b"{\""),
    ("a.onnx", b"\x08\x08\x3a"),
    ("a.pb", b"\x08\x01\x12"),
    ("a.jinja", b"{{ "),
    ("a.mlmodel", b"\x08\x07\x12\x02\x0a\0"),
    ("a.pdmodel", b"\x0a"),
    ("a.pdiparams", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("a.msgpack", b"\x81\xa1w"),
    ("a.ubj", b"{L\0\0\0\0\0\0\0\x01a"),
    ("a.cbm", b"CBM1"),
    ("a.pte", b"\x10\0\0\0ET12"),
    ("a.params", b"\x12\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ("a.rda", b"RDA3\nA\n3\n263168\n131840\n5\nUTF-8\n"),
    ("a.txt", b"tree\nversion=v4\n"),
    ("a.yaml", b"a:\n  _target_: "),
    ("a.pbtxt", b"node { name: \"a\" op: "),
    ("keras_metadata.pb", b"\x0a"),
];

/// Names that the target `artifact_any` gives its input.
pub const NAMES: [&str; 8] = ["a.pkl", "a.pt", "a.json", "a.onnx", "a.keras", "a.h5", "a.gz", "a"];

/// Containers whose first bytes the target `artifact_container` gives.
pub const CONTAINERS: [(&str, &[u8]); 11] = [
    ("a.tar", b""),
    ("a.7z", b"7z\xbc\xaf\x27\x1c\0\x04"),
    ("a.gz", b"\x1f\x8b\x08"),
    ("a.bz2", b"BZh9\x31\x41\x59\x26\x53\x59"),
    ("a.xz", b"\xfd7zXZ\0\0"),
    ("a.zst", b"\x28\xb5\x2f\xfd"),
    ("a.lz4", b"\x04\x22\x4d\x18"),
    ("a.lzma", b"\x5d\0\0"),
    ("a.z", b"\x78\x9c"),
    ("a.pt", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."),
    ("manifest.ocdbt", b"\x0c\xdb\x3a\x2a"),
];
