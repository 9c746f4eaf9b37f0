//! What a file is: by its content first, by its name where content does not tell.

use serde::Serialize;

use crate::archive::Packing;

/// Bytes at the start of a file that decide what it is.
pub const HEAD_BYTES: usize = 8 << 10;

/// What a file is, as far as reading it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// No byte in it.
    Empty,
    /// Text of any sort.
    Text,
    /// Delimiter-separated values.
    Csv,
    /// One JSON value on each line.
    JsonLines,
    /// One JSON array of objects.
    JsonTable,
    /// A zip archive, which may be an office document or a model.
    Zip,
    /// A tape archive.
    Tar,
    /// A gzip stream.
    Gzip,
    /// A stream that something else packed.
    Packed(Packing),
    /// A 7z archive.
    SevenZip,
    /// A Parquet table.
    Parquet,
    /// A PDF document.
    Pdf,
    /// An office document of the time before zip (OLE2), or an encrypted one.
    Ole,
    /// A model file, or what a model loader would read.
    Model,
    /// An archive that has no reader here.
    OtherArchive(&'static str),
    /// An image, sound, program, font: bytes without text.
    Binary(&'static str),
}

impl FileKind {
    /// The name that reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Text => "text",
            Self::Csv => "csv",
            Self::JsonLines => "json_lines",
            Self::JsonTable => "json",
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::Gzip => "gzip",
            Self::Packed(packing) => packing.as_str(),
            Self::SevenZip => "7z",
            Self::Parquet => "parquet",
            Self::Pdf => "pdf",
            Self::Ole => "ole",
            Self::Model => "model",
            Self::OtherArchive(name) | Self::Binary(name) => name,
        }
    }
}

/// Beginnings that say what a file is.
const MAGIC: &[(&[u8], FileKind)] = &[
    (b"PK\x03\x04", FileKind::Zip),
    (b"PK\x05\x06", FileKind::Zip),
    (b"\x1f\x8b", FileKind::Gzip),
    (b"%PDF-", FileKind::Pdf),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::Ole),
    (b"7z\xbc\xaf\x27\x1c", FileKind::SevenZip),
    (b"Rar!\x1a\x07", FileKind::OtherArchive("rar")),
    (b"BZh", FileKind::Packed(Packing::Bzip2)),
    (b"\xfd7zXZ\0", FileKind::Packed(Packing::Xz)),
    (b"\x28\xb5\x2f\xfd", FileKind::Packed(Packing::Zstd)),
    (b"\x04\x22\x4d\x18", FileKind::Packed(Packing::Lz4)),
    (b"PAR1", FileKind::Parquet),
    (b"PARE", FileKind::Parquet),
    (b"SQLite format 3\0", FileKind::OtherArchive("sqlite")),
    (b"GGUF", FileKind::Model),
    (b"\x89HDF\r\n\x1a\n", FileKind::Model),
    (b"\x93NUMPY", FileKind::Model),
    (b"\x89PNG\r\n\x1a\n", FileKind::Binary("png")),
    (b"\xff\xd8\xff", FileKind::Binary("jpeg")),
    (b"GIF8", FileKind::Binary("gif")),
    (b"\x7fELF", FileKind::Binary("elf")),
    (b"MZ", FileKind::Binary("executable")),
    (b"\xcf\xfa\xed\xfe", FileKind::Binary("mach-o")),
    (b"\xca\xfe\xba\xbe", FileKind::Binary("java-class")),
    (b"wOFF", FileKind::Binary("font")),
    (b"wOF2", FileKind::Binary("font")),
    (b"OggS", FileKind::Binary("ogg")),
    (b"ID3", FileKind::Binary("mp3")),
    (b"fLaC", FileKind::Binary("flac")),
];

/// Names that model loaders go by. Pickle protocol 0 is plain text and has no magic, so the name counts.
const MODEL_NAMES: &[&str] = &[
    "pkl",
    "pickle",
    "pck",
    "pcl",
    "joblib",
    "dill",
    "pt",
    "pth",
    "ckpt",
    "bin",
    "h5",
    "hdf5",
    "keras",
    "onnx",
    "pb",
    "tflite",
    "gguf",
    "ggml",
    "safetensors",
    "npy",
    "npz",
    "mar",
    "nemo",
    "model",
    "pmml",
    "skops",
    "msgpack",
    "rds",
];

/// Lower-case extension of `name`, empty when it has none.
pub(crate) fn extension(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default()
}

/// True when a model loader would go by this name.
pub(crate) fn has_model_name(name: &str) -> bool {
    MODEL_NAMES.contains(&extension(name).as_str())
}

/// What the file that begins with `head` is.
pub fn detect_kind(name: &str, head: &[u8]) -> FileKind {
    if head.is_empty() {
        return FileKind::Empty;
    }
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic))
        // Two letters are too few to call a text a program.
        && (*kind != FileKind::Binary("executable") || casemate_dataset::detect_encoding(head).is_err())
    {
        return *kind;
    }
    if head.len() >= 262 && head[257..].starts_with(b"ustar") {
        return FileKind::Tar;
    }
    // Text that no reader here knows is said by the reader of text, not passed over as bytes.
    let encoding = casemate_dataset::detect_encoding(head);
    let text = matches!(encoding, Ok(_) | Err(casemate_dataset::NotText::Utf32));
    // Pickle protocol 2 and later; safetensors: a length, then a JSON object.
    if (head[0] == 0x80 && head.get(1).is_some_and(|v| (2..=5).contains(v))) || head.get(8..10) == Some(b"{\"") && !text
    {
        return FileKind::Model;
    }
    if has_model_name(name) && (!text || !matches!(extension(name).as_str(), "bin" | "model")) {
        return FileKind::Model;
    }
    if !text {
        return FileKind::Binary("binary");
    }
    match extension(name).as_str() {
        "csv" | "tsv" | "psv" | "tab" => FileKind::Csv,
        "jsonl" | "ndjson" => FileKind::JsonLines,
        "json" if starts_array_of_objects(head) => FileKind::JsonTable,
        _ => FileKind::Text,
    }
}

fn starts_array_of_objects(head: &[u8]) -> bool {
    let mut bytes = head.iter().filter(|b| !b.is_ascii_whitespace());
    bytes.next() == Some(&b'[') && bytes.next() == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use super::{FileKind, detect_kind};

    #[test]
    fn content_decides_before_the_name() {
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        for (name, head, kind) in [
            ("a.txt", &b""[..], FileKind::Empty),
            ("a.csv", b"PK\x03\x04rest", FileKind::Zip),
            ("a.csv", b"a,b\n1,2\n", FileKind::Csv),
            ("a.csv", b"\x80\x04\x95\0\0\0\0", FileKind::Model),
            ("model.pkl", b"cos\nsystem\n(S'id'\ntR.", FileKind::Model),
            ("w.safetensors", b"\x10\0\0\0\0\0\0\0{\"a\":", FileKind::Model),
            ("a.bin", b"plain words\n", FileKind::Text),
            ("a.jsonl", b"{}\n", FileKind::JsonLines),
            ("a.json", b" [ {\"a\":1}]", FileKind::JsonTable),
            ("a.json", b"{\"a\":1}", FileKind::Text),
            ("notes", b"MZ is how this text begins\n", FileKind::Text),
            ("a.exe", b"MZ\x90\0\x03\0\0\0\x04\0\0\0", FileKind::Binary("executable")),
            ("x", tar.as_slice(), FileKind::Tar),
            ("x.png", b"\x89PNG\r\n\x1a\n", FileKind::Binary("png")),
            ("x.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::Ole),
        ] {
            assert_eq!(detect_kind(name, head), kind, "{name}");
        }
    }
}
