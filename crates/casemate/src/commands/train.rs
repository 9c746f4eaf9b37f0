//! `casemate train`: models from labelled rows, thresholds from traffic, and how a classifier does by source. The same rows and
//! the same seed give the same file.

use std::io::Read;
use std::path::{Path, PathBuf};

use casemate_classify::model::builtin_embedding;
use casemate_classify::train::{
    SEED, TrainError, Trained, TrainingFiles, calibrate_injection, calibrate_text, check_name, custom, per_source,
    sha256, ship_injection, ship_toxicity,
};
use casemate_classify::{Channel, Classifier, CustomCheck};
use serde_json::json;

use crate::cli::{
    ChannelArg, Global, TrainCalibrateArgs, TrainClassifierArgs, TrainCommand, TrainEvalArgs, TrainInjectionArgs,
    TrainToxicityArgs, TrainedKind,
};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};

/// Longest training file, uncompressed.
const FILE_BYTES_MAX: u64 = 1 << 30;

pub(super) fn run(global: &Global, command: TrainCommand) -> Done {
    match command {
        TrainCommand::Injection(args) => injection(global, &args),
        TrainCommand::Toxicity(args) => toxicity(global, &args),
        TrainCommand::Classifier(args) => classifier(global, &args),
        TrainCommand::Calibrate(args) => calibrate(global, &args),
        TrainCommand::Eval(args) => eval(global, &args),
    }
}

fn injection(global: &Global, args: &TrainInjectionArgs) -> Done {
    let files = read(&args.data)?;
    let mut tell = |step: &str| tracing::info!(step, "training");
    let trained = ship_injection(files, builtin_embedding(), args.seed.unwrap_or(SEED), &mut tell).map_err(refused)?;
    write_model(global, &args.out, "injection", &trained)
}

fn toxicity(global: &Global, args: &TrainToxicityArgs) -> Done {
    let (files, harmless) = (read(&args.data)?, read(&args.harmless)?);
    let seed = args.seed.unwrap_or(SEED);
    let trained = ship_toxicity(files, harmless, builtin_embedding(), seed).map_err(refused)?;
    write_model(global, &args.out, "toxicity", &trained)
}

fn classifier(global: &Global, args: &TrainClassifierArgs) -> Done {
    check_name(&args.name).map_err(|e| refused(e.into()))?;
    let trained =
        custom(&args.name, read(&args.data)?, builtin_embedding(), args.seed.unwrap_or(SEED)).map_err(refused)?;
    write_model(global, &args.out, &args.name, &trained)
}

fn calibrate(global: &Global, args: &TrainCalibrateArgs) -> Done {
    let rows = read(&args.data)?.rows;
    let shown = args.model.display().to_string();
    let raw = std::fs::read(&args.model)
        .map_err(|e| Failure::usage("cannot read the model", e.to_string()).at(shown.clone()))?;
    let done = match args.kind {
        TrainedKind::Injection => calibrate_injection(Classifier::builtin(), &raw, &rows, channel(args.channel)),
        TrainedKind::Text => calibrate_text(builtin_embedding(), &raw, &rows),
    };
    let done = done.map_err(|e| refused(e).at(shown))?;
    write(&args.out, &done.bytes)?;
    if global.format == Format::Json {
        output::json(&json!({"out": args.out, "rows": done.rows, "before": done.before, "after": done.after}));
    } else {
        output::line(format!("{} harmless rows", done.rows));
        for (name, from, to) in
            [("flag", done.before.flag, done.after.flag), ("block", done.before.block, done.after.block)]
        {
            output::line(format!("{name}: {from:.4} → {to:.4}"));
        }
        output::line(args.out.display().to_string());
    }
    Ok(Exit::Ok)
}

fn eval(global: &Global, args: &TrainEvalArgs) -> Done {
    let rows = read(&args.data)?.rows;
    let classifier = Classifier::builtin();
    let channel = channel(args.channel);
    let table = match (&args.model, args.kind) {
        (Some(path), TrainedKind::Text) => {
            let shown = path.display().to_string();
            let raw = std::fs::read(path)
                .map_err(|e| Failure::usage("cannot read the model", e.to_string()).at(shown.clone()))?;
            let check = CustomCheck::load(&raw, builtin_embedding())
                .map_err(|e| Failure::usage("the model will not load", e.to_string()).at(shown))?;
            per_source(&rows, check.thresholds(), |t| check.assess(t, builtin_embedding()).score)
        }
        (Some(_), TrainedKind::Injection) => {
            return Err(Failure::usage("cannot evaluate this", "--model takes a model of --kind text")
                .remedy("leave --model out to evaluate the injection model of this program"));
        }
        (None, TrainedKind::Injection) => {
            per_source(&rows, classifier.injection_thresholds(channel), |t| classifier.assess(t, channel).injection)
        }
        (None, TrainedKind::Text) => {
            per_source(&rows, classifier.toxicity_thresholds(), |t| classifier.assess(t, channel).toxicity)
        }
    };
    if global.format == Format::Json {
        output::json(&json!({"rows": rows.len(), "table": table}));
    } else {
        output::line(table.trim_end());
    }
    Ok(Exit::Ok)
}

const fn channel(arg: ChannelArg) -> Channel {
    match arg {
        ChannelArg::Chat => Channel::Chat,
        ChannelArg::Document => Channel::Document,
        ChannelArg::Tool => Channel::Tool,
        ChannelArg::Output => Channel::Output,
    }
}

fn refused(error: TrainError) -> Failure {
    Failure::usage("cannot train with this", error.to_string())
}

/// Writes `NAME.bin` and, beside it, what a card needs.
fn write_model(global: &Global, out: &Path, name: &str, trained: &Trained) -> Done {
    std::fs::create_dir_all(out)
        .map_err(|e| Failure::usage("cannot make the folder", e.to_string()).at(out.display().to_string()))?;
    let (model, card) = (out.join(format!("{name}.bin")), out.join(format!("{name}.results.md")));
    write(&model, &trained.bytes)?;
    write(
        &card,
        format!("# Results: {name}\n\n{}\n{}", trained.summary.replace('\n', "  \n"), trained.results).as_bytes(),
    )?;
    if global.format == Format::Json {
        output::json(&json!({
            "model": model, "card": card, "bytes": trained.bytes.len(), "sha256": sha256(&trained.bytes),
        }));
    } else {
        output::line(&trained.results);
        output::line(&trained.summary);
        output::line(format!("{}\n{}", model.display(), card.display()));
    }
    Ok(Exit::Ok)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|e| Failure::usage("cannot write the file", e.to_string()).at(path.display().to_string()))
}

/// Files, and the `.jsonl` and `.jsonl.gz` files of folders, in the order of their names.
pub(crate) fn read(inputs: &[PathBuf]) -> Result<TrainingFiles, Failure> {
    let unreadable = |path: &Path, e: String| Failure::usage("cannot read the data", e).at(path.display().to_string());
    let mut paths: Vec<PathBuf> = Vec::new();
    for input in inputs {
        if input.is_dir() {
            let entries = std::fs::read_dir(input).map_err(|e| unreadable(input, e.to_string()))?;
            let mut found: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
            found.retain(|p| [".jsonl", ".jsonl.gz"].iter().any(|end| p.to_string_lossy().ends_with(end)));
            found.sort();
            if found.is_empty() {
                return Err(unreadable(input, "the folder holds no .jsonl file".into()));
            }
            paths.extend(found);
        } else {
            paths.push(input.clone());
        }
    }
    let mut files = TrainingFiles::default();
    for path in paths {
        let raw = std::fs::read(&path).map_err(|e| unreadable(&path, e.to_string()))?;
        let text = text_of(&path, &raw).map_err(|e| unreadable(&path, e))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        files.add(&name, &raw, &text).map_err(|e| {
            Failure::usage("a row will not do", e.error.to_string())
                .at(path.display().to_string())
                .remedy("each line is {\"text\": …, \"label\": 0 or 1, \"source\": …}; correct it or take it out")
        })?;
    }
    Ok(files)
}

fn text_of(path: &Path, raw: &[u8]) -> Result<String, String> {
    let mut text = String::new();
    let read = if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(raw).take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        raw.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    };
    read.map_err(|e| e.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX { Err(format!("longer than {FILE_BYTES_MAX} bytes")) } else { Ok(text) }
}
