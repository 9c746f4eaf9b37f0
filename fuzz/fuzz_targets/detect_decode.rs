//! Decoders map every decoded byte to a part of the source, and never panic.
#![no_main]

use casemate_detect::decode::{DecodeLimits, decode_layers, decode_utf16, fold};
use casemate_finding::Span;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = decode_utf16(data);
    let text = String::from_utf8_lossy(data);
    let layers = decode_layers(&text, &DecodeLimits::default());
    for layer in layers.iter().map(|l| &l.text).chain(fold(&text).as_ref()) {
        let source = layer.source(Span::new(0, layer.text().len()));
        assert!(source.end <= text.len());
    }
});
