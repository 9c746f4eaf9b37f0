//! Trains the shipped models: `cargo run --release -p casemate-classify --example train -- injection|toxicity --out models
//! FILE_OR_DIR…` (JSON lines, plain or gzip). `casemate train` does the same; this needs no other crate and no injection
//! model that loads, so that it also works while the format changes. For toxicity, files or folders after `--harmless` are
//! injection data, of which only harmless rows are drawn.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::io::Read;
use std::path::{Path, PathBuf};

use casemate_classify::model::builtin_embedding;
use casemate_classify::train::{SEED, TrainingFiles, ship_injection, ship_toxicity};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let out = match args.iter().position(|a| a == "--out") {
        Some(at) if at + 1 < args.len() => PathBuf::from(args.drain(at..at + 2).nth(1).unwrap_or_default()),
        _ => PathBuf::from("models"),
    };
    let harmless = args.iter().position(|a| a == "--harmless").map(|at| args.split_off(at).split_off(1));
    let [what, inputs @ ..] = args.as_slice() else {
        return Err("train injection|toxicity [--out DIR] FILE… [--harmless FILE…]".into());
    };
    let files = read(inputs)?;
    let trained = match what.as_str() {
        "injection" => ship_injection(files, builtin_embedding(), SEED, &mut |s| eprintln!("{s}"))?,
        "toxicity" => ship_toxicity(files, read(&harmless.unwrap_or_default())?, builtin_embedding(), SEED)?,
        other => return Err(format!("nothing called {other} to train").into()),
    };
    let path = out.join(format!("{what}.bin"));
    std::fs::write(&path, &trained.bytes)?;
    println!("{}\n{}", trained.results, trained.summary);
    Ok(())
}

fn read(inputs: &[String]) -> Result<TrainingFiles, Failure> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for input in inputs.iter().map(Path::new) {
        if input.is_dir() {
            let mut found: Vec<PathBuf> = std::fs::read_dir(input)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
            found.retain(|p| p.to_string_lossy().contains(".jsonl"));
            found.sort();
            paths.extend(found);
        } else {
            paths.push(input.into());
        }
    }
    let mut files = TrainingFiles::default();
    for path in paths {
        let raw = std::fs::read(&path)?;
        let mut text = String::new();
        if path.extension().is_some_and(|e| e == "gz") {
            flate2::read::GzDecoder::new(&raw[..]).read_to_string(&mut text)?;
        } else {
            text = String::from_utf8(raw.clone())?;
        }
        files.add(&path.file_name().unwrap_or_default().to_string_lossy(), &raw, &text)?;
    }
    Ok(files)
}
