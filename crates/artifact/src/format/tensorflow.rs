//! TensorFlow SavedModel and GraphDef: operators that run Python or touch files, in the graph and in library functions.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::keras;
use super::protobuf::{Field, Message, Proto, Wire};
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};

/// Operators that run Python, load libraries, or read, write or send by name.
static DANGEROUS: &[&str] = &[
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "ReadFile",
    "WriteFile",
    "ImmutableConst",
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugNanCount",
    "DebugNumericSummary",
    "DebugNumericSummaryV2",
    "LoadAndRemapMatrix",
    "IGFSDataset",
    "DebugIdentityV3",
    "DumpTensor",
    "PrintV2File",
    "SaveDataset",
    "SaveDatasetV2",
    "LoadDataset",
    "SnapshotDataset",
    "SnapshotDatasetV2",
    "DatasetToTFRecord",
    "ExperimentalDatasetToTFRecord",
    "FileSystemSetConfiguration",
    "WholeFileReader",
    "WholeFileReaderV2",
    "MatchingFiles",
    "MatchingFilesDataset",
    "Rpc",
    "TryRpc",
    "RegisterDataset",
    "RegisterDatasetV2",
    "DistributedSave",
    "CreateSummaryFileWriter",
    "CreateSummaryDbWriter",
    "TextLineReader",
    "TextLineReaderV2",
    "TFRecordReader",
    "TFRecordReaderV2",
    "FixedLengthRecordReader",
    "FixedLengthRecordReaderV2",
    "LMDBReader",
    "LMDBDataset",
    "SqlDataset",
    "ExperimentalSqlDataset",
    "CSVDataset",
    "CSVDatasetV2",
    "TextLineDataset",
    "TFRecordDataset",
    "TFRecordDatasetV2",
    "FixedLengthRecordDataset",
    "FixedLengthRecordDatasetV2",
    "BigQueryReader",
    "KafkaDataset",
    "LoadLibrary",
    "CompositeTensorVariantFromFile",
    "GeneratorDataset",
    "RemoteCall",
    "DecodeProtoV2",
    "EncodeProto",
];

/// Operators of every saver: ordinary where the file name comes from outside the graph, not where it is a constant.
static SAVERS: &[&str] =
    &["MergeV2Checkpoints", "SaveV2", "Save", "SaveSlices", "RestoreV2", "Restore", "RestoreSlice", "ShardedFilename"];

/// Every operator of TensorFlow itself, sorted, one a line behind the wheel that they were read from
/// (tools/allowlist.py).
static OPERATORS: &str = include_str!("../../data/tf_ops.txt");

/// True for operators that TensorFlow brings; those that begin with an underscore are its runtime's own.
pub(crate) fn is_known(op: &str) -> bool {
    if op.starts_with('_') {
        return true;
    }
    let (mut low, mut high) = (0, OPERATORS.len());
    while low < high {
        let mid = low + (high - low) / 2;
        let start = OPERATORS[..mid].rfind('\n').map_or(0, |i| i + 1);
        let end = OPERATORS[start..].find('\n').map_or(OPERATORS.len(), |i| start + i);
        match OPERATORS[start..end].cmp(op) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

/// Distinct operators from elsewhere that are reported.
const FOREIGN_MAX: usize = 64;

/// Operators among the savers that write.
fn writes(op: &str) -> bool {
    matches!(op, "MergeV2Checkpoints" | "SaveV2" | "Save" | "SaveSlices")
}

/// Nodes whose inputs are remembered for tracing file names.
const TRACED_MAX: usize = 200_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Saved,
    Meta,
    Graph,
    Library,
    Function,
    Node,
    /// The objects of a SavedModel, one of them, and the part of it that Keras wrote.
    Objects,
    Object,
    UserObject,
}

/// What the part is, if it is one of TensorFlow's.
fn root_kind(job: &Job<'_>) -> Option<Kind> {
    let mut proto = Proto::new(&job.source);
    let (fields, whole) = proto.fields(proto.root(), 100_000);
    if !whole || fields.is_empty() {
        return None;
    }
    let saved = fields.iter().all(|f| matches!((f.number, f.value), (1, Wire::Varint(_)) | (2, Wire::Bytes(..))));
    let messages: Vec<Message> = fields
        .iter()
        .filter_map(|f| match f.value {
            Wire::Bytes(from, n) => Some(Message { from, to: from + n }),
            _ => None,
        })
        .collect();
    if saved && messages.iter().any(|m| is_meta(&mut proto, *m)) {
        return Some(Kind::Saved);
    }
    let root = proto.root();
    if is_meta(&mut proto, root) {
        return Some(Kind::Meta);
    }
    is_graph(&mut proto, root).then_some(Kind::Graph)
}

fn is_meta(proto: &mut Proto<'_, '_>, m: Message) -> bool {
    let (fields, whole) = proto.fields(m, 4096);
    whole
        && fields.iter().all(|f| (1..=7).contains(&f.number) && matches!(f.value, Wire::Bytes(..)))
        && fields.iter().any(|f| match (f.number, f.value) {
            (2, Wire::Bytes(from, n)) => is_graph(proto, Message { from, to: from + n }),
            _ => false,
        })
}

fn is_graph(proto: &mut Proto<'_, '_>, m: Message) -> bool {
    let (fields, whole) = proto.fields(m, 200_000);
    if !whole
        || fields.is_empty()
        || !fields
            .iter()
            .all(|f| matches!((f.number, f.value), (1 | 2 | 4 | 5, Wire::Bytes(..)) | (3, Wire::Varint(_))))
    {
        return false;
    }
    // The first node has a name and an operator.
    fields.iter().filter(|f| f.number == 1).take(3).any(|f| match f.value {
        Wire::Bytes(from, n) => {
            let (node, whole) = proto.fields(Message { from, to: from + n }, 4096);
            let text = |number: u32, proto: &mut Proto<'_, '_>| {
                node.iter().find_map(|f| match f.value {
                    Wire::Bytes(from, n) if f.number == number && (1..256).contains(&n) => {
                        Some(proto.text(from, n, 256))
                    }
                    _ => None,
                })
            };
            let op = text(2, proto);
            whole
                && text(1, proto).is_some()
                && op.is_some_and(|o| o.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'>' | b'.')))
        }
        _ => false,
    }) || fields.iter().all(|f| f.number == 2) && !fields.is_empty() && m.to - m.from > 16 && is_library(proto, &fields)
}

/// A graph without nodes of its own whose library holds functions.
fn is_library(proto: &mut Proto<'_, '_>, fields: &[Field]) -> bool {
    fields.iter().any(|f| match f.value {
        Wire::Bytes(from, n) => {
            let (inner, whole) = proto.fields(Message { from, to: from + n }, 4096);
            whole
                && !inner.is_empty()
                && inner.iter().all(|f| matches!(f.number, 1..=3) && matches!(f.value, Wire::Bytes(..)))
        }
        _ => false,
    })
}

/// Scans the part if it is TensorFlow's; false when it is not.
pub(crate) fn scan_tensorflow(scan: &mut Scan<'_, '_>, job: &Job<'_>) -> bool {
    let Some(kind) = root_kind(job) else { return false };
    scan.format(match kind {
        Kind::Saved => "tf-savedmodel",
        Kind::Meta => "tf-metagraph",
        _ => "tf-graphdef",
    });
    let mut proto = Proto::new(&job.source);
    let mut stack = vec![(kind, proto.root(), 0u32)];
    let mut scope = 0u32;
    let mut nodes: HashMap<(u32, String), (String, Vec<String>)> = HashMap::new();
    let mut savers: Vec<(u32, String, String, u64)> = Vec::new();
    // Functions of the graph's own library are called like operators.
    let mut functions: HashSet<String> = HashSet::new();
    let mut foreign: BTreeMap<String, (u64, String)> = BTreeMap::new();
    while let Some((kind, message, inside)) = stack.pop() {
        let mut at = message.from;
        let mut node = (String::new(), String::new(), Vec::new());
        while let Some(field) = proto.next(&mut at, message) {
            if !scan.budget.work(1) {
                scan.incomplete("the work budget is spent in a TensorFlow graph");
                return true;
            }
            let Some(field) = field else {
                scan.find(&rules::LAYOUT, Review, at, "a message of the model is damaged", String::new(), &[]);
                break;
            };
            let Wire::Bytes(from, n) = field.value else { continue };
            let inner = Message { from, to: from + n };
            match (kind, field.number) {
                (Kind::Saved, 2) => stack.push((Kind::Meta, inner, inside)),
                (Kind::Meta, 2) => stack.push((Kind::Graph, inner, inside)),
                (Kind::Meta, 7) => stack.push((Kind::Objects, inner, inside)),
                (Kind::Objects, 1) => stack.push((Kind::Object, inner, inside)),
                (Kind::Object, 4) => stack.push((Kind::UserObject, inner, inside)),
                // The configuration of a layer, before TensorFlow 2.5 put it into a file of its own.
                (Kind::UserObject, 3) if n > 0 => {
                    if n > scan.config.text_bytes_max {
                        scan.incomplete("a Keras configuration longer than the limit");
                    } else {
                        let text = proto.text_bytes(from, n);
                        keras::check_config(scan, &text, from);
                    }
                }
                (Kind::Graph, 1) => stack.push((Kind::Node, inner, inside)),
                (Kind::Graph, 2) => stack.push((Kind::Library, inner, inside)),
                (Kind::Library, 1) => {
                    scope += 1;
                    stack.push((Kind::Function, inner, scope));
                }
                (Kind::Function, 1) => {
                    if functions.len() < TRACED_MAX
                        && let Some(name) = first_text(&mut proto, inner)
                    {
                        functions.insert(name);
                    }
                }
                (Kind::Function, 3) => stack.push((Kind::Node, inner, inside)),
                (Kind::Node, 1) => node.0 = proto.text(from, n, 512),
                (Kind::Node, 2) => node.1 = proto.text(from, n, 256),
                (Kind::Node, 3) if node.2.len() < 64 => node.2.push(proto.text(from, n, 512)),
                _ => {}
            }
        }
        if kind != Kind::Node {
            continue;
        }
        let (name, op, inputs) = node;
        if DANGEROUS.contains(&op.as_str()) {
            scan.find(
                &rules::TF_OPERATOR,
                Dangerous,
                message.from,
                "an operator runs Python, or reads, writes or sends by name",
                printable(&format!("{op} ({name})")),
                &[],
            );
        } else if op == "PrintV2" && proto.text(message.from, message.to - message.from, 64 << 10).contains("file://") {
            let evidence = printable(&format!("{op} ({name})"));
            scan.find(&rules::TF_OPERATOR, Dangerous, message.from, "an operator prints into a file", evidence, &[]);
        } else if SAVERS.contains(&op.as_str()) {
            if savers.len() < 4096 {
                savers.push((inside, name.clone(), op.clone(), message.from));
            }
        } else if !op.is_empty() && !is_known(&op) && (foreign.len() < TRACED_MAX || foreign.contains_key(&op)) {
            foreign.entry(op.clone()).or_insert_with(|| (message.from, name.clone()));
        }
        if nodes.len() < TRACED_MAX {
            nodes.insert((inside, name), (op, inputs));
        }
    }
    for (op, (at, name)) in foreign.into_iter().filter(|(op, _)| !functions.contains(op)).take(FOREIGN_MAX) {
        scan.find(
            &rules::TF_CUSTOM,
            Review,
            at,
            "an operator comes from a library that has to be loaded",
            printable(&format!("{op} ({name})")),
            &[],
        );
    }
    for (inside, name, op, at) in savers {
        if !matches!(op.as_str(), "ShardedFilename") && !fed_from_outside(&nodes, inside, &name) {
            let (severity, message) = if writes(&op) {
                (Dangerous, "an operator writes to files whose names are constants of the graph")
            } else {
                (Suspicious, "an operator reads files whose names are constants of the graph")
            };
            scan.find(&rules::TF_OPERATOR, severity, at, message, printable(&format!("{op} ({name})")), &[]);
        }
    }
    true
}

/// The text of field 1.
fn first_text(proto: &mut Proto<'_, '_>, message: Message) -> Option<String> {
    let mut at = message.from;
    match proto.next(&mut at, message)?? {
        Field { number: 1, value: Wire::Bytes(from, n) } => Some(proto.text(from, n, 512)),
        _ => None,
    }
}

/// True when some input of the node comes from a placeholder or an argument of its function.
fn fed_from_outside(nodes: &HashMap<(u32, String), (String, Vec<String>)>, inside: u32, name: &str) -> bool {
    let mut open = vec![name.to_owned()];
    let mut seen = HashSet::new();
    while let Some(n) = open.pop() {
        if seen.len() > 4096 {
            return false;
        }
        if !seen.insert(n.clone()) {
            continue;
        }
        let Some((op, inputs)) = nodes.get(&(inside, n)) else {
            // Not a node of this scope: an argument, unless the graph has no arguments at all.
            if inside > 0 {
                return true;
            }
            continue;
        };
        if op.starts_with("Placeholder") || op == "_Arg" {
            return true;
        }
        open.extend(inputs.iter().map(|i| i.trim_start_matches('^').split(':').next().unwrap_or(i).to_owned()));
    }
    false
}

/// A dangerous operator that the text names in quotes.
pub(crate) fn quoted_in(text: &str) -> Option<&'static str> {
    DANGEROUS.iter().find(|op| text.contains(&format!("\"{op}\""))).copied()
}

/// True for operators that are dangerous by themselves.
pub(crate) fn is_dangerous(op: &str) -> bool {
    DANGEROUS.contains(&op)
}

#[cfg(test)]
mod tests {
    use super::{OPERATORS, is_known};

    #[test]
    fn operators_are_sorted_and_found() {
        let names: Vec<&str> = OPERATORS.lines().collect();
        assert!(names[0].starts_with("# tensorflow"), "the source is named");
        assert!(names.windows(2).all(|w| w[0] < w[1]), "sorted");
        assert!(names.iter().all(|n| is_known(n)));
        assert!(is_known("_Arg") && !is_known("SentencepieceOp") && !is_known("") && !is_known("zzz"));
    }
}
