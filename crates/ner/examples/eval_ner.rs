//! Writes predictions of both tiers that the scorer of the PII set reads, and says what the model's part cost:
//! `eval_ner MODEL_FOLDER GOLD.jsonl PREDICTIONS.jsonl [--split dev|test] [--gate always|signs] [--ner-only]`.
#![expect(clippy::print_stderr, reason = "a command-line tool")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

use casemate_detect::{Engine, Kinds, OperatingPoint, ScanOptions};
use casemate_ner::{Gate, Limits, Model, merge};
use serde_json::{Value, json};

/// Processor time of this process, all threads, in seconds.
fn cpu_s() -> Result<f64, Box<dyn Error>> {
    let mut ns = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        ns += stat.split(' ').next().unwrap_or("0").parse::<f64>()?;
    }
    Ok(ns / 1e9)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, gold, out, rest @ ..] = args.as_slice() else {
        return Err("usage: eval_ner MODEL GOLD OUT [--split dev|test] [--gate always|signs] [--ner-only]".into());
    };
    let option = |name: &str| rest.iter().position(|a| a == name).and_then(|at| rest.get(at + 1)).map(String::as_str);
    let gate = if option("--gate") == Some("always") { Gate::Always } else { Gate::Signs };
    let rules = !rest.iter().any(|a| a == "--ner-only");
    let before = cpu_s()?;
    let model = Model::load(folder.as_ref())?;
    eprintln!("load {:.3} s CPU", cpu_s()? - before);
    let options = ScanOptions::new(Kinds::PII, OperatingPoint::Redact);
    let mut out = BufWriter::new(File::create(out)?);
    let (mut bytes, mut run, mut all, mut spent) = (0, 0, 0, 0.0);
    for line in BufReader::new(File::open(gold)?).lines() {
        let case: Value = serde_json::from_str(&line?)?;
        if option("--split").is_some_and(|s| case["split"] != s) {
            continue;
        }
        let text = case["text"].as_str().unwrap_or_default();
        let before = cpu_s()?;
        let names = model.scan(text, gate, &Limits::default());
        spent += cpu_s()? - before;
        (bytes, run, all) = (bytes + text.len(), run + names.windows_run, all + names.windows);
        let found = if rules { Engine::builtin().scan(text, &options) } else { Vec::new() };
        let chars = |byte: usize| text[..byte].chars().count();
        let spans: Vec<Value> = merge(text, found, &names.entities, options.min_score)
            .iter()
            .map(|m| {
                json!({"start": chars(m.span.start), "end": chars(m.span.end), "label": m.label(), "score": m.score})
            })
            .collect();
        writeln!(out, "{}", json!({"id": case["id"], "spans": spans}))?;
    }
    eprintln!(
        "{bytes} bytes, {run} of {all} windows run, {spent:.2} s CPU, {:.1} ms a KB",
        spent * 1000.0 / (bytes as f64 / 1024.0)
    );
    Ok(())
}
