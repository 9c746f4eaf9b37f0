//! Writes predictions that the scorers of the evaluation sets read:
//! `eval_detect pii|secrets GOLD.jsonl[.gz] PREDICTIONS.jsonl [--explain] [--all]`.
//!
//! `--all` takes every score down to .05, for calibration; `--explain` prints, for each case, the rules that fired, to standard error.
#![expect(clippy::print_stderr, reason = "a command-line tool")]

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Read, Write},
};

use casemate_detect::{Engine, Kinds, OperatingPoint, ScanOptions};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [what, gold, out, rest @ ..] = args.as_slice() else {
        return Err("usage: eval_detect pii|secrets GOLD OUT [--explain]".into());
    };
    let kinds = if what == "pii" { Kinds::PII } else { Kinds::SECRETS };
    let given = |option: &str| rest.iter().any(|r| r == option);
    let mut options = ScanOptions::new(kinds, OperatingPoint::Redact);
    if given("--all") {
        options.min_score = 0.05;
    }
    let file = File::open(gold)?;
    let reader: Box<dyn Read> =
        if gold.ends_with(".gz") { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    let mut out = BufWriter::new(File::create(out)?);
    for line in BufReader::new(reader).lines() {
        let case: Value = serde_json::from_str(&line?)?;
        let text = case["text"].as_str().unwrap_or_default();
        let matches = Engine::builtin().scan(text, &options);
        let chars = |byte: usize| text[..byte].chars().count();
        let spans: Vec<Value> = matches
            .iter()
            .map(|m| {
                json!({
                    "start": chars(m.span.start), "end": chars(m.span.end),
                    "label": m.label(), "rule": m.rule_id(), "score": m.score,
                })
            })
            .collect();
        if given("--explain") {
            eprintln!("{} {}", case["id"], serde_json::to_string(&spans)?);
        }
        writeln!(out, "{}", json!({"id": case["id"], "findings": spans.len(), "spans": spans}))?;
    }
    Ok(())
}
