//! Time of one judgement of a second tier in ONNX: `cargo run --release -p casemate-classify --features onnx,onnx-ort
//! --example onnx_latency -- FOLDER [LIBRARY]`, with the folder that `bench/classify_t2.py` made. One thread.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a command that measures time")]

use std::path::Path;
use std::time::Instant;

use casemate_classify::external::{OnnxModel, OnnxSettings};

const PROSE: &str = "The committee met on Tuesday to review the plans for the new library. Several members asked how the \
    building would be heated in winter, and whether the old reading room could be kept. Could you write a short summary of \
    the arguments on both sides? Please keep the names of the speakers, and mention that the vote was postponed until March. ";
const CALLS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, library @ ..] = args.as_slice() else { return Err("onnx_latency FOLDER [LIBRARY]".into()) };
    let folder = Path::new(folder);
    #[cfg(not(feature = "onnx-ort"))]
    if !library.is_empty() {
        return Err("a LIBRARY is used with the feature onnx-ort".into());
    }
    let tokenizer = std::fs::read_to_string(folder.join("tokenizer.json"))?;
    println!("| model | runtime | text | p50 ms | p99 ms |\n|---|---|---|---|---|");
    for file in ["model-int8.onnx", "model.onnx"] {
        let raw = std::fs::read(folder.join(file))?;
        let settings = || OnnxSettings {
            id: "timed".into(),
            labels: vec!["harmless".into(), "injection".into()],
            positive: 1,
            tokens_max: 512,
            pieces_max: 8,
        };
        show(file, "rten", OnnxModel::load(settings(), raw.clone(), &tokenizer));
        #[cfg(feature = "onnx-ort")]
        if let [library] = library {
            show(file, "ONNX Runtime", OnnxModel::load_with_ort(settings(), Path::new(library), &raw, &tokenizer));
        }
    }
    Ok(())
}

fn show(file: &str, runtime: &str, model: Result<OnnxModel, casemate_classify::external::OnnxError>) {
    let model = match model {
        Ok(model) => model,
        Err(why) => return println!("| {file} | {runtime} | {why} | | |"),
    };
    for (name, text) in [("100 characters", &PROSE[..100]), ("300 characters", &PROSE[..300])] {
        let mut times: Vec<f64> = (0..CALLS)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(model.score(text).unwrap_or_default());
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("| {file} | {runtime} | {name} | {:.1} | {:.1} |", times[CALLS / 2], times[CALLS * 99 / 100]);
    }
}
