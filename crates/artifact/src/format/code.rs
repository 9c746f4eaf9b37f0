//! Code that travels with a model: scripts, executables, marshalled code objects, code in text.

use crate::report::ArtifactSeverity::{self, Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Hint, Job, Scan};

/// The kind of native executable that `head` begins.
pub(crate) fn executable(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, ..] => "ELF executable or library",
        [b'M', b'Z', b'q', b'F', b'p', b'D', ..] => "portable executable (llamafile)",
        [b'M', b'Z', ..] if pe(head) => "Windows executable or library",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, 7 | 12 | 18, 0, 0, 0 | 1, ..] => "Mach-O executable or library",
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => "Mach-O executable or library",
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, ..] => "Mach-O or Java class",
        [b'd', b'e', b'x', b'\n', b'0', ..] => "Dalvik executable",
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => "WebAssembly module",
        _ => return None,
    })
}

fn pe(head: &[u8]) -> bool {
    let at = head
        .get(0x3c..0x40)
        .and_then(|b| <[u8; 4]>::try_from(b).ok())
        .map_or(usize::MAX, |b| u32::from_le_bytes(b) as usize);
    at.checked_add(4).and_then(|e| head.get(at..e)) == Some(b"PE\0\0")
}

/// Phrases by which text that is no program holds one anyway.
static PHRASES: &[&str] = &[
    "os.system(",
    "os.popen(",
    "subprocess.",
    "__import__(",
    "eval(",
    "exec(",
    "pty.spawn(",
    "socket.socket(",
    "importlib.import_module(",
    "base64.b64decode(",
    "marshal.loads(",
    "pickle.loads(",
    "ctypes.CDLL(",
    "os.exec",
    "urllib.request.urlopen(",
    "builtins.exec",
    "runpy.",
    "shutil.rmtree(",
];

/// The code phrase in a text, if there is one.
pub(crate) fn phrase(text: &str) -> Option<&'static str> {
    PHRASES
        .iter()
        .find(|p| {
            text.match_indices(**p).any(|(i, _)| {
                !text[..i].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.')
            })
        })
        .copied()
}

/// Streams of objects of other platforms: reading one makes whatever classes it names.
fn object_stream(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [0xac, 0xed, 0, 5, 0x73 | 0x74 | 0x75 | 0x76 | 0x77 | 0x7a | 0x7b | 0x7d, ..] => "Java object stream",
        [0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, ..] => ".NET BinaryFormatter stream",
        _ => return None,
    })
}

/// Scripts and executables among the members of an archive, or in place of a model.
pub(crate) fn scan_member(scan: &mut Scan<'_, '_>, job: &Job<'_>, head: &[u8], name: &str) -> bool {
    if let Some(kind) = executable(head) {
        scan.format("executable");
        let severity = if job.hint == Hint::Guess { Review } else { Suspicious };
        scan.find(&rules::EMBEDDED_EXECUTABLE, severity, 0, format!("holds a {kind}"), String::new(), &[]);
        return true;
    }
    if let Some(kind) = object_stream(head).filter(|_| job.hint == Hint::Member) {
        scan.format("object-stream");
        let message = format!("is a {kind}, which makes the objects of any class that it names when it is read");
        scan.find(&rules::OBJECT_STREAM, Suspicious, 0, message, String::new(), &[]);
        return true;
    }
    if job.depth == 0 || job.hint != Hint::Member {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let script = [
        ".py", ".pyc", ".pth", ".sh", ".bash", ".bat", ".cmd", ".ps1", ".vbs", ".js", ".so", ".dll", ".dylib", ".exe",
        ".jar", ".pyw",
    ]
    .iter()
    .find(|e| lower.ends_with(**e) && (**e != ".pth" || is_path_file(head)));
    let shebang = head.starts_with(b"#!") && head.get(2) == Some(&b'/') || head.starts_with(b"#! /");
    if script.is_none() && !shebang {
        return false;
    }
    scan.format("script");
    let text = String::from_utf8_lossy(&job.source.bytes(0, 1 << 20)).into_owned();
    let (severity, why): (ArtifactSeverity, String) = match phrase(&text) {
        Some(p) => (Dangerous, format!("a program travels with the model and uses {p}…")),
        None => (Suspicious, "a program travels with the model".to_owned()),
    };
    let first: String = text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default().chars().take(120).collect();
    scan.find(&rules::EMBEDDED_CODE, severity, 0, why, first, &[]);
    true
}

/// A `.pth` file of site-packages is text; the weights of the same ending are not.
fn is_path_file(head: &[u8]) -> bool {
    head.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
}

/// What a PyTorch operator does beyond arithmetic: touches files, or comes from a library that nobody vouched for.
pub(crate) fn operator(space: &str, op: &str) -> Option<ArtifactSeverity> {
    match (space, op) {
        ("aten", "save" | "from_file" | "_from_file" | "load" | "record_stream") => Some(Dangerous),
        ("image", "read_file" | "write_file" | "decode_image") | ("video" | "torchaudio", _) => Some(Dangerous),
        (
            "aten"
            | "prim"
            | "prims"
            | "quantized"
            | "quantized_decomposed"
            | "torchvision"
            | "_caffe2"
            | "mkldnn"
            | "mkldnn_prepacked"
            | "xnnpack"
            | "profiler"
            | "rngprim"
            | "cuda"
            | "inductor"
            | "onnx"
            | "sparse"
            | "static"
            | "_quantized"
            | "internal"
            | "torchao"
            | "torch_sparse"
            | "torch_scatter"
            | "torch_cluster"
            | "fbgemm"
            | "pyg"
            | "dim_order_ops"
            | "higher_order"
            | "export"
            | "_c10d_functional"
            | "c10d"
            | "_inductor_test",
            _,
        ) => None,
        _ => Some(Review),
    }
}

/// The generated code of TorchScript: only operators of the known libraries, none of which touches files.
pub(crate) fn scan_torchscript(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("torchscript-code");
    let text = String::from_utf8_lossy(
        &job.source.bytes(0, usize::try_from(scan.config.text_bytes_max).unwrap_or(usize::MAX)),
    )
    .into_owned();
    if job.source.len() > scan.config.text_bytes_max {
        scan.incomplete("a TorchScript source longer than the limit");
    }
    let mut from = 0;
    while let Some(i) = text[from..].find("ops.") {
        let start = from + i;
        from = start + 4;
        let bounded = !text[..start].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
        if !bounded {
            continue;
        }
        let path: String =
            text[start + 4..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.')).collect();
        let (space, op) = path.split_once('.').unwrap_or((path.as_str(), ""));
        let Some(severity) = operator(space, op) else { continue };
        scan.find(
            &rules::TORCH_SCRIPT_OPS,
            severity,
            start as u64,
            if severity == Dangerous {
                "an operator reads or writes files when the model runs"
            } else {
                "an operator comes from a library that is not known"
            },
            text[start..].chars().take(120).collect::<String>(),
            &[],
        );
    }
}

/// Marshalled Python code (`TYPE_CODE`): names are listed, nothing is loaded.
pub(crate) fn scan_marshal(scan: &mut Scan<'_, '_>, job: &Job<'_>, head: &[u8]) -> bool {
    // TYPE_CODE, then argument counts and the like: small integers, then a bytes object with the bytecode.
    let code = matches!(head, [0x63 | 0xe3, a, 0, 0, 0, b, 0, 0, 0, c, 0, 0, 0, ..] if *a < 64 && *b < 64 && *c < 64);
    let object = code && head.iter().take(40).any(|b| *b == b's' || *b == 0xf3);
    if !object {
        return false;
    }
    let bytes = job.source.bytes(0, 1 << 20);
    let mut names: Vec<String> = Vec::new();
    for run in bytes.split(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b' ' | b'/' | b'-' | b':'))) {
        if run.len() >= 2 && run.len() < 80 && run.iter().any(u8::is_ascii_alphabetic) && names.len() < 24 {
            names.push(String::from_utf8_lossy(run).into_owned());
        }
    }
    scan.format("marshal");
    scan.find(&rules::NESTED_CODE, Suspicious, 0, "holds a compiled Python function", names.join(" "), &[]);
    true
}
