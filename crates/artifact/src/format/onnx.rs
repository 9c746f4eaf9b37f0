//! ONNX (onnx.proto3): where external data points, which operator domains are asked for, and sizes that overflow.

use std::collections::HashSet;

use super::protobuf::{Message, Proto, Wire};
use crate::container::path::escapes;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};

/// Domains that the standard runtimes serve themselves.
fn is_known_domain(domain: &str) -> bool {
    matches!(
        domain,
        "" | "ai.onnx"
            | "ai.onnx.ml"
            | "ai.onnx.training"
            | "ai.onnx.preview"
            | "ai.onnx.preview.training"
            | "com.microsoft"
            | "com.microsoft.nchwc"
            | "com.microsoft.experimental"
            | "com.microsoft.dml"
            | "com.ms.internal.nhwc"
            | "org.pytorch.aten"
            | "org.pytorch.prim"
            | "org.pytorch._caffe2"
            | "org.openvinotoolkit"
            | "ai.onnxruntime"
            | "trt.plugins"
            | "nvidia"
    ) || domain.starts_with("pkg.onnxscript")
        || domain.starts_with("pkg.torch")
        || domain.starts_with("pkg.transformers")
}

/// True when the part is a ModelProto: fields with the right numbers and types, a graph or functions among them.
pub(crate) fn looks_like(job: &Job<'_>, head: &[u8]) -> bool {
    if !matches!(head.first(), Some(0x08 | 0x12 | 0x1a | 0x3a | 0x42)) || job.source.len() < 8 {
        return false;
    }
    let mut proto = Proto::new(&job.source);
    let (mut graph, mut opset, mut ir) = (false, false, false);
    let (fields, whole) = proto.fields(proto.root(), 4096);
    for f in &fields {
        match (f.number, f.value) {
            (1, Wire::Varint(v)) if v < 1000 => ir = true,
            (7, Wire::Bytes(..)) => graph = true,
            (8, Wire::Bytes(_, n)) if n < 256 => opset = true,
            (2..=4 | 6 | 14 | 20 | 25 | 26, Wire::Bytes(..)) | (5, Wire::Varint(_)) => {}
            _ => return false,
        }
    }
    whole && graph && (opset || ir)
}

#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    Function,
    Training,
}

/// Walks the model with a stack of messages.
pub(crate) fn scan_onnx(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("onnx");
    let mut proto = Proto::new(&job.source);
    let mut stack = vec![(Kind::Model, proto.root())];
    let mut foreign: Vec<(u64, String, String)> = Vec::new();
    let mut local: HashSet<String> = HashSet::new();
    while let Some((kind, message)) = stack.pop() {
        let mut at = message.from;
        let mut op = String::new();
        let mut domain = String::new();
        let mut tensor = TensorParts::default();
        while let Some(field) = proto.next(&mut at, message) {
            if !scan.budget.work(1) {
                scan.incomplete("the work budget is spent in an ONNX graph");
                return;
            }
            let Some(field) = field else {
                scan.find(&rules::LAYOUT, Review, at, "a message of the model is damaged", String::new(), &[]);
                break;
            };
            let inner = match field.value {
                Wire::Bytes(from, n) => Some((from, n, Message { from, to: from + n })),
                _ => None,
            };
            match (kind, field.number, inner) {
                (Kind::Model, 7, Some((_, _, m))) => stack.push((Kind::Graph, m)),
                (Kind::Model, 20, Some((_, _, m))) => stack.push((Kind::Training, m)),
                (Kind::Training, 1 | 2, Some((_, _, m))) => stack.push((Kind::Graph, m)),
                (Kind::Model, 25, Some((_, _, m))) => stack.push((Kind::Function, m)),
                (Kind::Graph, 1, Some((_, _, m))) | (Kind::Function, 7, Some((_, _, m))) => stack.push((Kind::Node, m)),
                (Kind::Graph, 5, Some((_, _, m)))
                | (Kind::Attribute, 5 | 10, Some((_, _, m)))
                | (Kind::Sparse, 1 | 2, Some((_, _, m))) => stack.push((Kind::Tensor, m)),
                (Kind::Graph, 15, Some((_, _, m))) | (Kind::Attribute, 22 | 23, Some((_, _, m))) => {
                    stack.push((Kind::Sparse, m))
                }
                (Kind::Node, 5, Some((_, _, m))) => stack.push((Kind::Attribute, m)),
                (Kind::Attribute, 6 | 11, Some((_, _, m))) => stack.push((Kind::Graph, m)),
                (Kind::Node, 4, Some((from, n, _))) => op = proto.text(from, n, 256),
                (Kind::Node, 7, Some((from, n, _))) => domain = proto.text(from, n, 256),
                (Kind::Function, 1, Some((from, n, _))) => op = proto.text(from, n, 256),
                (Kind::Function, 10, Some((from, n, _))) => domain = proto.text(from, n, 256),
                (Kind::Tensor, _, _) => tensor.take(scan, &mut proto, field.number, field.value),
                _ => {}
            }
        }
        match kind {
            Kind::Node if !is_known_domain(&domain) && foreign.len() < 64 => foreign.push((message.from, domain, op)),
            Kind::Function => {
                local.insert(format!("{domain}\0{op}"));
            }
            Kind::Tensor => tensor.check(scan, message.from),
            _ => {}
        }
    }
    for (at, domain, op) in foreign {
        if local.contains(&format!("{domain}\0{op}")) {
            continue;
        }
        let python = op.starts_with("PyOp") || op.eq_ignore_ascii_case("pyfunc") || op == "PythonOp" || op == "ATenOp";
        let severity = if python { Dangerous } else { Review };
        let message = if python {
            "an operator runs Python code"
        } else {
            "an operator comes from a library that the runtime has to load"
        };
        scan.find(&rules::ONNX_CUSTOM, severity, at, message, printable(&format!("{domain}::{op}")), &[]);
    }
}

#[derive(Default)]
struct TensorParts {
    elements: Option<u64>,
    overflow: bool,
    negative: bool,
    raw: Option<u64>,
    kind: u64,
}

impl TensorParts {
    fn take(&mut self, scan: &mut Scan<'_, '_>, proto: &mut Proto<'_, '_>, number: u32, value: Wire) {
        match (number, value) {
            (1, Wire::Varint(d)) => self.dimension(d),
            (1, Wire::Bytes(from, n)) => {
                // Packed: a run of varints.
                let raw = proto.text_bytes(from, n.min(4096));
                let mut v = 0u64;
                let mut shift = 0;
                for b in raw {
                    if shift < 64 {
                        v |= u64::from(b & 0x7f) << shift;
                    }
                    shift += 7;
                    if b & 0x80 == 0 {
                        self.dimension(v);
                        v = 0;
                        shift = 0;
                    }
                }
            }
            (2, Wire::Varint(k)) => self.kind = k,
            (9, Wire::Bytes(_, n)) => self.raw = Some(n),
            (13, Wire::Bytes(from, n)) => external(scan, proto, Message { from, to: from + n }),
            _ => {}
        }
    }

    fn dimension(&mut self, d: u64) {
        if d > i64::MAX as u64 {
            self.negative = true;
        }
        match self.elements.unwrap_or(1).checked_mul(d) {
            Some(p) if p <= i64::MAX as u64 => self.elements = Some(p),
            _ => self.overflow = true,
        }
    }

    fn check(&self, scan: &mut Scan<'_, '_>, at: u64) {
        if self.overflow || self.negative {
            scan.find(
                &rules::TENSOR_LAYOUT,
                Suspicious,
                at,
                "the dimensions of a tensor overflow or are negative",
                String::new(),
                &[],
            );
            return;
        }
        let bits = match self.kind {
            1 | 6 | 12 => 32,
            2 | 3 | 9 | 17..=20 => 8,
            4 | 5 | 10 | 16 => 16,
            7 | 11 | 13 | 14 => 64,
            15 => 128,
            _ => return,
        };
        if let (Some(n), Some(raw)) = (self.elements, self.raw)
            && n.saturating_mul(bits / 8) != raw
        {
            scan.find(
                &rules::TENSOR_LAYOUT,
                Suspicious,
                at,
                "the dimensions of a tensor do not fit its bytes",
                format!("{n} elements, {raw} bytes"),
                &[],
            );
        }
    }
}

/// One entry of `external_data`: only a relative path inside the model's folder is ordinary.
fn external(scan: &mut Scan<'_, '_>, proto: &mut Proto<'_, '_>, entry: Message) {
    let (fields, _) = proto.fields(entry, 8);
    let mut key = String::new();
    let mut value = (0, 0);
    for f in fields {
        match (f.number, f.value) {
            (1, Wire::Bytes(from, n)) => key = proto.text(from, n, 64),
            (2, Wire::Bytes(from, n)) => value = (from, n),
            _ => {}
        }
    }
    if key == "location" {
        let path = proto.text(value.0, value.1, 4096);
        let decoded = path.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%2F", "/");
        let why = if path.contains("://") || path.to_ascii_lowercase().starts_with("file:") {
            Some("an address")
        } else {
            escapes(&path).or_else(|| escapes(&decoded))
        };
        // A path that goes up at all is not written by any exporter, even where it comes down again.
        let why = why.or_else(|| path.split(['/', '\\']).any(|p| p == "..").then_some("a path that goes up"));
        if let Some(why) = why {
            scan.find(
                &rules::ONNX_EXTERNAL,
                Dangerous,
                value.0,
                format!("external data is read from {why}"),
                printable(&path),
                &[],
            );
        }
    } else if (key == "offset" || key == "length") && value.1 > 0 {
        let text = proto.text(value.0, value.1, 32);
        if text.parse::<i64>().is_ok_and(|v| v < 0) || text.parse::<u64>().is_err() {
            scan.find(
                &rules::TENSOR_LAYOUT,
                Suspicious,
                value.0,
                format!("the {key} of external data is no valid number"),
                printable(&text),
                &[],
            );
        }
    }
}
