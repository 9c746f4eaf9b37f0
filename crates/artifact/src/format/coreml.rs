//! Core ML models (coremltools, `mlmodel/format`): custom models and layers, whose code the program brings; models and
//! weights that are read from other files.

use super::protobuf::{Message, Proto, Wire};
use crate::container::path::escapes;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};

/// Numbers of `Model.Type`.
fn is_model_type(number: u32) -> bool {
    matches!(number, 200..=202 | 300..=304 | 400..=404 | 500..=502 | 555 | 556 | 600..=610 | 900 | 2000..=2010 | 3000)
}

/// True when the part is a `Model`: a version, a description and one type.
pub(crate) fn looks_like(job: &Job<'_>, head: &[u8]) -> bool {
    if head.first() != Some(&0x08) || job.source.len() < 8 {
        return false;
    }
    let mut proto = Proto::new(&job.source);
    let (fields, whole) = proto.fields(proto.root(), 16);
    let mut types = 0;
    for f in &fields {
        match (f.number, f.value) {
            (1, Wire::Varint(v)) if (1..100).contains(&v) => {}
            (2, Wire::Bytes(..)) | (10, Wire::Varint(_)) => {}
            (n, Wire::Bytes(..)) if is_model_type(n) => types += 1,
            _ => return false,
        }
    }
    whole && types == 1
}

#[derive(Clone, Copy)]
enum Kind {
    Model,
    Pipeline,
    /// A pipeline inside a `PipelineClassifier` or `PipelineRegressor`.
    PipelineOf,
    Network,
    Layer,
    Branch,
    Loop,
    Custom,
    Linked,
    LinkedFile,
    LinkedText,
    Program,
    /// An entry of a map whose value is the given kind.
    FunctionEntry,
    Function,
    BlockEntry,
    Block,
    Operation,
    ArgumentEntry,
    Argument,
    Binding,
    ValueEntry,
    Value,
    Blob,
    /// `ImmediateValue` and what is in it: values inside values.
    Immediate,
    Items,
    Pair,
}

impl Kind {
    /// What a field of this message holds, where it is followed.
    fn inside(self, number: u32) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 200 | 201) => Self::PipelineOf,
            (Self::Model, 202) | (Self::PipelineOf, 1) => Self::Pipeline,
            (Self::Pipeline, 1) => Self::Model,
            (Self::Model, 303 | 403 | 500) | (Self::Branch, 1 | 2) | (Self::Loop, 3 | 4) => Self::Network,
            (Self::Model, 502) => Self::Program,
            (Self::Model, 555) | (Self::Layer, 500) => Self::Custom,
            (Self::Model, 556) => Self::Linked,
            (Self::Linked, 1) => Self::LinkedFile,
            (Self::LinkedFile, 1 | 2) => Self::LinkedText,
            (Self::Network, 1) => Self::Layer,
            (Self::Layer, 605) => Self::Branch,
            (Self::Layer, 615) => Self::Loop,
            (Self::Program, 2) => Self::FunctionEntry,
            (Self::FunctionEntry, 2) => Self::Function,
            (Self::Function, 3) => Self::BlockEntry,
            (Self::BlockEntry, 2) | (Self::Operation, 4) => Self::Block,
            (Self::Block, 3) => Self::Operation,
            (Self::Operation, 2) => Self::ArgumentEntry,
            (Self::ArgumentEntry, 2) => Self::Argument,
            (Self::Argument, 1) => Self::Binding,
            (Self::Operation, 5) | (Self::Program | Self::Function | Self::Block, 4) => Self::ValueEntry,
            (Self::Binding | Self::ValueEntry, 2) | (Self::Items, 1) | (Self::Pair, 1 | 2) => Self::Value,
            (Self::Value, 3) => Self::Immediate,
            (Self::Value, 5) => Self::Blob,
            // Tuples and lists hold values, dictionaries pairs of them; tensors hold numbers only.
            (Self::Immediate, 2 | 3) => Self::Items,
            (Self::Immediate, 4) => Self::Pair,
            _ => return None,
        })
    }
}

/// Walks the model with a stack of messages.
pub(crate) fn scan_coreml(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("coreml");
    let mut proto = Proto::new(&job.source);
    let mut stack = vec![(Kind::Model, proto.root())];
    while let Some((kind, message)) = stack.pop() {
        let mut at = message.from;
        while let Some(field) = proto.next(&mut at, message) {
            if !scan.budget.work(1) {
                scan.incomplete("the work budget is spent in a Core ML model");
                return;
            }
            let Some(field) = field else {
                scan.find(&rules::LAYOUT, Review, at, "a message of the model is damaged", String::new(), &[]);
                break;
            };
            let Wire::Bytes(from, n) = field.value else { continue };
            match (kind, field.number) {
                (Kind::Custom, 10) => {
                    let class = proto.text(from, n, 256);
                    scan.find(
                        &rules::COREML_CUSTOM,
                        Review,
                        from,
                        "names a class by which the program runs a part of the model itself",
                        printable(&class),
                        &[],
                    );
                }
                // `StringParameter` keeps its default in field 1.
                (Kind::LinkedText, 1) => {
                    let path = proto.text(from, n, 4096);
                    other_file(scan, from, &path, "the model is read from another file");
                }
                (Kind::Blob, 1) => {
                    let path = proto.text(from, n, 4096);
                    let inside = path.strip_prefix("@model_path/").unwrap_or(&path);
                    if climbs(inside) {
                        other_file(scan, from, &path, "weights are read from another file");
                    }
                }
                _ => {
                    if let Some(inner) = kind.inside(field.number) {
                        stack.push((inner, Message { from, to: from + n }));
                    }
                }
            }
        }
    }
}

fn climbs(path: &str) -> bool {
    escapes(path).is_some() || path.contains("://") || path.split(['/', '\\']).any(|p| p == "..")
}

fn other_file(scan: &mut Scan<'_, '_>, at: u64, path: &str, message: &'static str) {
    let severity = if climbs(path) { Dangerous } else { Suspicious };
    scan.find(&rules::COREML_PATH, severity, at, message, printable(path), &[]);
}
