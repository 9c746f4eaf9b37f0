//! Scanning any text, whole and in pieces, gives the same and never panics.
#![no_main]

use casemate_detect::{Engine, OperatingPoint, Kinds, ScanOptions, StreamScanner};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, u8)| {
    let (text, step) = input;
    let options = ScanOptions::new(Kinds::ALL, OperatingPoint::Report);
    let whole = Engine::builtin().scan(text, &options);
    for found in &whole {
        assert!(text.get(found.span.range()).is_some());
    }
    let mut scanner = StreamScanner::new(Engine::builtin(), options);
    let mut matches = Vec::new();
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut cut = (usize::from(step) + 1).min(rest.len());
        while !rest.is_char_boundary(cut) {
            cut += 1;
        }
        let (piece, after) = rest.split_at(cut);
        let progress = scanner.push(piece);
        out.push_str(&progress.text);
        matches.extend(progress.matches);
        rest = after;
    }
    let progress = scanner.finish();
    out.push_str(&progress.text);
    matches.extend(progress.matches);
    assert_eq!(out, text);
    assert_eq!(matches, whole);
});
