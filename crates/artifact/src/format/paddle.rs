//! PaddlePaddle: programs (`ProgramDesc` of framework.proto, and the JSON of the newer intermediate representation) with
//! operators that run Python or touch files, and combined parameters (`.pdiparams`), whose tensors follow each other.

use super::protobuf::{Message, Proto, Wire};
use crate::report::ArtifactSeverity::{self, Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};
use crate::source::Window;

/// What an operator does beyond arithmetic, if anything.
pub(super) fn judge(op: &str) -> Option<(ArtifactSeverity, &'static str)> {
    Some(match op {
        "py_func" | "py_layer" | "pylayer" => (Dangerous, "an operator calls Python"),
        "save" | "save_combine" | "checkpoint_notify" => (Dangerous, "an operator writes files by name"),
        "load"
        | "load_combine"
        | "read_file"
        | "open_files"
        | "create_recordio_file_reader"
        | "create_py_reader"
        | "create_custom_reader" => (Suspicious, "an operator reads files by name"),
        "send"
        | "recv"
        | "listen_and_serv"
        | "heter_listen_and_serv"
        | "fetch_barrier"
        | "send_barrier"
        | "send_and_recv"
        | "pull_sparse_remote" => (Dangerous, "an operator reaches the network"),
        "tensorrt_engine" | "lite_engine" | "dlnne_engine" | "anakin_engine" | "onnxruntime_engine"
        | "openvino_engine" | "cinn_launch" | "run_program" => {
            (Review, "an operator runs a compiled engine that cannot be read")
        }
        _ => return None,
    })
}

/// True when the part is a `ProgramDesc`: its first block begins with its two indices.
pub(crate) fn is_program(job: &Job<'_>, head: &[u8]) -> bool {
    if head.first() != Some(&0x0a) || job.source.len() < 8 {
        return false;
    }
    let mut proto = Proto::new(&job.source);
    let (fields, whole) = proto.fields(proto.root(), 4096);
    let known = fields.iter().all(|f| matches!((f.number, f.value), (1 | 3..=5, Wire::Bytes(..))));
    let Some(block) = fields.iter().find_map(|f| match (f.number, f.value) {
        (1, Wire::Bytes(from, n)) => Some(Message { from, to: from + n }),
        _ => None,
    }) else {
        return false;
    };
    let (mut at, mut numbers) = (block.from, Vec::new());
    for _ in 0..2 {
        match proto.next(&mut at, block) {
            Some(Some(f)) if matches!(f.value, Wire::Varint(_)) => numbers.push(f.number),
            _ => return false,
        }
    }
    whole && known && numbers == [1, 2]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Program,
    Block,
    Op,
}

/// Walks the blocks of a program.
pub(crate) fn scan_program(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("paddle-program");
    let mut proto = Proto::new(&job.source);
    let mut stack = vec![(Kind::Program, proto.root())];
    while let Some((kind, message)) = stack.pop() {
        let mut at = message.from;
        let mut op = String::new();
        let mut path = String::new();
        while let Some(field) = proto.next(&mut at, message) {
            if !scan.budget.work(1) {
                scan.incomplete("the work budget is spent in a Paddle program");
                return;
            }
            let Some(field) = field else {
                scan.find(&rules::LAYOUT, Review, at, "a message of the program is damaged", String::new(), &[]);
                break;
            };
            let Wire::Bytes(from, n) = field.value else { continue };
            let inner = Message { from, to: from + n };
            match (kind, field.number) {
                (Kind::Program, 1) => stack.push((Kind::Block, inner)),
                (Kind::Block, 4) => stack.push((Kind::Op, inner)),
                (Kind::Op, 3) => op = proto.text(from, n, 256),
                (Kind::Op, 4) => {
                    if let Some(p) = file_path(&mut proto, inner) {
                        path = p;
                    }
                }
                _ => {}
            }
        }
        if kind == Kind::Op
            && let Some((severity, why)) = judge(&op)
        {
            let evidence = if path.is_empty() { op } else { format!("{op}({path})") };
            scan.find(&rules::PADDLE_OPERATOR, severity, message.from, why, printable(&evidence), &[]);
        }
    }
}

/// The value of an attribute that names a file.
fn file_path(proto: &mut Proto<'_, '_>, attribute: Message) -> Option<String> {
    let (fields, _) = proto.fields(attribute, 16);
    let text = |number: u32, proto: &mut Proto<'_, '_>| {
        fields.iter().find_map(|f| match f.value {
            Wire::Bytes(from, n) if f.number == number => Some(proto.text(from, n, 512)),
            _ => None,
        })
    };
    let name = text(1, proto)?;
    if matches!(name.as_str(), "file_path" | "filename" | "file_names" | "model_path") { text(5, proto) } else { None }
}

/// Bytes of one element, by the numbers of `VarType.Type`.
fn element_bytes(kind: u64) -> Option<u64> {
    Some(match kind {
        0 | 20 | 21 | 32 | 33 => 1,
        1 | 4 | 22 => 2,
        2 | 5 => 4,
        3 | 6 | 19 | 23 => 8,
        24 => 16,
        _ => return None,
    })
}

/// Tensors that one file of parameters may hold.
const TENSORS_MAX: u64 = 1 << 20;

/// One tensor of a parameter file: where it ends, or why it makes no sense.
fn tensor(window: &mut Window<'_, '_>, at: u64) -> Option<u64> {
    let number = |w: &mut Window<'_, '_>, at: u64| {
        w.exact(at, 4).and_then(|b| <[u8; 4]>::try_from(b).ok()).map(u32::from_le_bytes)
    };
    let long = |w: &mut Window<'_, '_>, at: u64| {
        w.exact(at, 8).and_then(|b| <[u8; 8]>::try_from(b).ok()).map(u64::from_le_bytes)
    };
    if number(window, at)? != 0 {
        return None;
    }
    let levels = long(window, at.checked_add(4)?)?;
    if levels > 16 {
        return None;
    }
    let mut at = at.checked_add(12)?;
    for _ in 0..levels {
        let n = long(window, at)?;
        at = at.checked_add(8)?.checked_add(n)?;
    }
    if number(window, at)? != 0 {
        return None;
    }
    let n = number(window, at + 4)?;
    if n > 4096 {
        return None;
    }
    let from = at.checked_add(8)?;
    let source = window.source();
    let mut proto = Proto::new(source);
    let (fields, whole) = proto.fields(Message { from, to: from + u64::from(n) }, 1024);
    let mut bytes = None;
    let mut elements = 1u64;
    for f in fields {
        match (f.number, f.value) {
            (1, Wire::Varint(kind)) => bytes = element_bytes(kind),
            (2, Wire::Varint(d)) => elements = elements.checked_mul(d)?,
            _ => {}
        }
    }
    let end = from.checked_add(u64::from(n))?.checked_add(elements.checked_mul(bytes?)?)?;
    (whole && end <= source.len()).then_some(end)
}

/// True when the part begins with a whole tensor of a parameter file.
pub(crate) fn is_parameters(job: &Job<'_>, head: &[u8]) -> bool {
    head.get(..4) == Some(&[0; 4])
        && job.source.len() >= 26
        && head.get(4..12).is_some_and(|b| b[1..].iter().all(|x| *x == 0) && b[0] <= 16)
        && tensor(&mut Window::new(&job.source), 0).is_some()
}

/// Checks that the tensors tile the file.
pub(crate) fn scan_parameters(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("paddle-parameters");
    let mut window = Window::new(&job.source);
    let mut at = 0;
    for _ in 0..TENSORS_MAX {
        if at >= job.source.len() {
            return;
        }
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in Paddle parameters");
            return;
        }
        let Some(end) = tensor(&mut window, at) else {
            scan.find(
                &rules::TENSOR_LAYOUT,
                Suspicious,
                at,
                "bytes behind the last tensor belong to none",
                format!("{} bytes", job.source.len() - at),
                &[],
            );
            return;
        };
        at = end;
    }
    if at < job.source.len() {
        scan.incomplete("more Paddle tensors than the limit");
    }
}
