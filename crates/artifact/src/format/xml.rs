//! XML models (PMML, OpenVINO, GraphML): document types and entities, which no model needs (XXE, entity bombs).

use crate::report::ArtifactSeverity::{Dangerous, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};

/// Bytes at the beginning that are searched for a document type.
const PROLOG_BYTES_MAX: usize = 4 << 20;

/// The text of the head when the part is XML, whatever its encoding.
pub(crate) fn decoded(bytes: &[u8]) -> Option<String> {
    let utf16 = |b: &[u8], big: bool| {
        let units: Vec<u16> = b
            .chunks_exact(2)
            .map(|c| if big { u16::from_be_bytes([c[0], c[1]]) } else { u16::from_le_bytes([c[0], c[1]]) })
            .collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, false),
        [0xfe, 0xff, rest @ ..] => utf16(rest, true),
        [b'<', 0, ..] => utf16(bytes, false),
        [0, b'<', ..] => utf16(bytes, true),
        _ => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).into_owned(),
    };
    let start = text.trim_start();
    (start.starts_with("<?xml")
        || start.starts_with("<!DOCTYPE")
        || start.starts_with("<!--")
        || start.starts_with("<PMML")
        || start.starts_with("<net "))
    .then_some(text)
}

/// Reports document types with entities or outside parts.
pub(crate) fn scan_xml(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    let Some(text) = decoded(&job.source.bytes(0, PROLOG_BYTES_MAX)) else { return };
    let lower_head: String = text.chars().take(2000).collect();
    scan.format(if lower_head.contains("<PMML") {
        "pmml"
    } else if lower_head.contains("<net ") {
        "openvino"
    } else {
        "xml"
    });
    let Some(at) = text.find("<!DOCTYPE") else { return };
    let dtd = &text[at..];
    let end = dtd.find("]>").or_else(|| dtd.find('>')).map_or(dtd.len(), |e| e + 2).min(dtd.len());
    let body: String = dtd.chars().take(end).collect();
    let shown: String = body.chars().take(300).collect();
    let outside = body.contains("SYSTEM") || body.contains("PUBLIC");
    if outside {
        scan.find(
            &rules::XML_ENTITY,
            Dangerous,
            at as u64,
            "the document type reads a file or an address when the model is parsed",
            shown,
            &[],
        );
    } else if body.contains("<!ENTITY") {
        scan.find(
            &rules::XML_ENTITY,
            Suspicious,
            at as u64,
            "the document type declares entities, which expand when the model is parsed",
            shown,
            &[],
        );
    }
}
