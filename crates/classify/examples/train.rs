//! Trains the shipped models: `cargo run --release -p casemate-classify --example train -- injection|toxicity --out models
//! DIR_OR_FILE…` (JSON lines, plain or gzip).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command")]

use std::io::Read;
use std::path::{Path, PathBuf};

use casemate_classify::model::Embedding;
use casemate_classify::train::{InjectionData, Row, TextData, injection, injection_results, parse_rows, text_model};
use sha2::{Digest, Sha256};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let out = match args.iter().position(|a| a == "--out") {
        Some(at) if at + 1 < args.len() => PathBuf::from(args.drain(at..at + 2).nth(1).unwrap_or_default()),
        _ => PathBuf::from("models"),
    };
    let [what, inputs @ ..] = args.as_slice() else {
        return Err("train injection|toxicity [--out DIR] FILE…".into());
    };
    let embedding = Embedding::parse(&std::fs::read(out.join("embedding.bin"))?)?;
    let (rows, digests) = read(inputs)?;
    let (bytes, table) = match what.as_str() {
        "injection" => {
            let model = injection(InjectionData { rows, digests }, &embedding, 20_261_121, &mut |s| eprintln!("{s}"))?;
            println!("{:?}", model.metadata.calibration);
            (model.bytes(), injection_results(&model.metadata))
        }
        "toxicity" => {
            let data = TextData { id: "casemate-toxicity-1".into(), rows, digests, bits: 18 };
            let model = text_model(data, &embedding, 20_261_121)?;
            println!("{:?} {:?}", model.metadata.calibration.thresholds[0], model.mix);
            (model.bytes(), injection_results(&model.metadata))
        }
        other => return Err(format!("nothing called {other} to train").into()),
    };
    let path = out.join(format!("{what}.bin"));
    std::fs::write(&path, &bytes)?;
    println!("{table}\n{}: {} bytes, sha256 {}", path.display(), bytes.len(), digest(&bytes));
    Ok(())
}

/// Rows, and the name and digest of each file.
type Data = (Vec<Row>, Vec<(String, String)>);

fn read(inputs: &[String]) -> Result<Data, Failure> {
    let (mut rows, mut digests) = (Vec::new(), Vec::new());
    let mut files: Vec<PathBuf> = Vec::new();
    for input in inputs.iter().map(Path::new) {
        if input.is_dir() {
            let mut found: Vec<PathBuf> = std::fs::read_dir(input)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
            found.retain(|p| p.to_string_lossy().contains(".jsonl"));
            found.sort();
            files.extend(found);
        } else {
            files.push(input.into());
        }
    }
    for file in files {
        let raw = std::fs::read(&file)?;
        let mut text = String::new();
        if file.extension().is_some_and(|e| e == "gz") {
            flate2::read::GzDecoder::new(&raw[..]).read_to_string(&mut text)?;
        } else {
            text = String::from_utf8(raw.clone())?;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        rows.extend(parse_rows(&text).map_err(|e| format!("{name}: {e}"))?);
        digests.push((name, digest(&raw)));
    }
    Ok((rows, digests))
}

fn digest(raw: &[u8]) -> String {
    Sha256::digest(raw).iter().map(|b| format!("{b:02x}")).collect()
}
