//! `keras_metadata.pb` beside a SavedModel (tensorflow/python/keras/protobuf/saved_metadata.proto): the configuration of
//! each layer as JSON, Lambda layers with their code among them.

use super::keras;
use super::protobuf::{Message, Proto, Wire};
use crate::report::ArtifactSeverity::Review;
use crate::rules;
use crate::scan::{Job, Scan};

/// Fields of one node that are looked at.
const FIELDS_MAX: usize = 16;

/// The identifier of a node and where its configuration is.
fn node(proto: &mut Proto<'_, '_>, message: Message) -> Option<(String, Option<(u64, u64)>)> {
    let (fields, whole) = proto.fields(message, FIELDS_MAX);
    let bytes = |number: u32| {
        fields.iter().find_map(|f| match f.value {
            Wire::Bytes(from, n) if f.number == number => Some((from, n)),
            _ => None,
        })
    };
    let (from, n) = bytes(4).filter(|_| whole)?;
    Some((proto.text(from, n, 64), bytes(5)))
}

/// True when the first node is one of Keras's.
pub(crate) fn looks_like(job: &Job<'_>, head: &[u8]) -> bool {
    if head.first() != Some(&0x0a) {
        return false;
    }
    let mut proto = Proto::new(&job.source);
    let mut at = 0;
    let root = proto.root();
    let Some(Some(first)) = proto.next(&mut at, root) else { return false };
    let Wire::Bytes(from, n) = first.value else { return false };
    node(&mut proto, Message { from, to: from + n }).is_some_and(|(id, _)| id.starts_with("_tf_keras"))
}

/// Checks the configuration of every node.
pub(crate) fn scan_keras_metadata(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("keras-metadata");
    let mut proto = Proto::new(&job.source);
    let root = proto.root();
    let mut at = 0;
    while let Some(field) = proto.next(&mut at, root) {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in Keras metadata");
            return;
        }
        let Some(field) = field else {
            scan.find(&rules::LAYOUT, Review, at, "a message of the metadata is damaged", String::new(), &[]);
            return;
        };
        let (1, Wire::Bytes(from, n)) = (field.number, field.value) else { continue };
        let Some((_, Some((from, n)))) = node(&mut proto, Message { from, to: from + n }) else { continue };
        if n > scan.config.text_bytes_max {
            scan.incomplete("a Keras configuration longer than the limit");
            continue;
        }
        let text = proto.text_bytes(from, n);
        keras::check_config(scan, &text, from);
    }
}
