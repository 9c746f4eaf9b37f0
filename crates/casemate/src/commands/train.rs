//! `casemate train`: models from labelled rows, thresholds from traffic, and how a classifier does by source. The same rows and
//! the same seed give the same file.

mod everyday;
mod rows;

use std::path::Path;

use casemate_classify::model::builtin_embedding;
use casemate_classify::train::{
    DataError, Row, SEED, TrainError, Trained, calibrate_injection, calibrate_text, check_name, custom, per_source,
    sha256, ship_injection, ship_toxicity,
};
use casemate_classify::{Channel, Classifier, CustomCheck};
use serde_json::json;

use self::everyday::Everyday;
pub(crate) use self::rows::read;

use crate::cli::{
    ChannelArg, Global, TrainCalibrateArgs, TrainClassifierArgs, TrainCommand, TrainEvalArgs, TrainInjectionArgs,
    TrainToxicityArgs, TrainedKind,
};
use crate::exit::Exit;
use crate::failure::{Done, Failure};
use crate::output::{self, Format};
use crate::progress;

/// Rows that take about a second: whoever waits longer is told for what.
const ROWS_QUICK: usize = 5_000;
/// Longest model file.
const MODEL_BYTES_MAX: u64 = 64 << 20;

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
    let mut tell = |step: &str| progress::say(&format!("training: {step}"));
    let trained = ship_injection(files, builtin_embedding(), args.seed.unwrap_or(SEED), &mut tell)
        .map_err(|e| refused(e).at(rows::shown(&args.data)))?;
    write_model(global, &args.out, "injection", &trained, None)
}

fn toxicity(global: &Global, args: &TrainToxicityArgs) -> Done {
    let (files, harmless) = (read(&args.data)?, read(&args.harmless)?);
    let seed = args.seed.unwrap_or(SEED);
    progress::say(&format!("training: {} rows and those that are made, some minutes", files.rows.len()));
    let trained = ship_toxicity(files, harmless, builtin_embedding(), seed)
        .map_err(|e| refused(e).at(rows::shown(&args.data)))?;
    write_model(global, &args.out, "toxicity", &trained, None)
}

fn classifier(global: &Global, args: &TrainClassifierArgs) -> Done {
    check_name(&args.name).map_err(|e| refused(e.into()).at("--name"))?;
    let files = read(&args.data)?;
    tell_many("training", &files.rows);
    let trained = custom(&args.name, files, builtin_embedding(), args.seed.unwrap_or(SEED))
        .map_err(|e| refused(e).at(rows::shown(&args.data)))?;
    let check = CustomCheck::load(&trained.bytes, builtin_embedding())
        .map_err(|e| Failure::internal("the model that was trained does not load", e))?;
    let everyday = Everyday::of(&check);
    write_model(global, &args.out, &args.name, &trained, Some(everyday))?;
    if everyday.is_too_broad() {
        progress::say(
            "warning: this check blocks texts that have nothing to do with it: what has label 1 is too much like ordinary traffic. Add \
             some hundred rows of ordinary traffic with label 0, whatever they are about, and train again.",
        );
    }
    Ok(Exit::Ok)
}

fn calibrate(global: &Global, args: &TrainCalibrateArgs) -> Done {
    let rows = read(&args.data)?.rows;
    let raw = match &args.model {
        Some(path) => model_file(path)?,
        None => {
            let (injection, toxicity) = Classifier::shipped_models();
            match args.kind {
                TrainedKind::Injection => injection.to_vec(),
                TrainedKind::Text => toxicity.to_vec(),
            }
        }
    };
    tell_many("scoring", &rows);
    let done = match args.kind {
        // What scores is the model whose thresholds are chosen, with the rules and tables of this program.
        TrainedKind::Injection => Classifier::with_injection(&raw)
            .map_err(TrainError::from)
            .and_then(|c| calibrate_injection(&c, &raw, &rows, channel(args.channel))),
        TrainedKind::Text => calibrate_text(builtin_embedding(), &raw, &rows),
    };
    let done = done.map_err(|e| match e {
        TrainError::Model(_) => wrong_model(args.model.as_deref().unwrap_or(Path::new("--model")), args.kind, &e),
        TrainError::Data(_) => Failure::usage("cannot calibrate with this", e.to_string())
            .at(rows::shown(&args.data))
            .remedy("give more rows of ordinary traffic, with label 0"),
    })?;
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
    tell_many("scoring", &rows);
    let injection =
        |c: &Classifier| per_source(&rows, c.injection_thresholds(channel), |t| c.assess(t, channel).injection);
    let table = match (&args.model, args.kind) {
        (Some(path), TrainedKind::Text) => {
            let check = CustomCheck::load(&model_file(path)?, builtin_embedding())
                .map_err(|e| wrong_model(path, args.kind, &e))?;
            per_source(&rows, check.thresholds(), |t| check.assess(t, builtin_embedding()).score)
        }
        (Some(path), TrainedKind::Injection) => {
            injection(&Classifier::with_injection(&model_file(path)?).map_err(|e| wrong_model(path, args.kind, &e))?)
        }
        (None, TrainedKind::Injection) => injection(classifier),
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
    let remedy = match &error {
        TrainError::Data(DataError::OneClass { .. }) => {
            "label 1 (positive) is what is to be found, label 0 (negative) is all else: give more rows of the one that is short"
        }
        TrainError::Data(DataError::Name { .. }) => "write it as `price-list`",
        TrainError::Data(_) => "take rows out",
        TrainError::Model(_) => "train with other rows; this should not happen",
    };
    Failure::usage("cannot train with this", error.to_string()).remedy(remedy)
}

/// Says what somebody waits for.
fn tell_many(what: &str, rows: &[Row]) {
    if rows.len() > ROWS_QUICK {
        progress::say(&format!("{what}: {} rows", rows.len()));
    }
}

fn model_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let fail = |why: String| {
        let remedy = "name a model file that `casemate train` wrote";
        Failure::usage("cannot read the model", why).at(path.display().to_string()).remedy(remedy)
    };
    let about = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?;
    if !about.is_file() {
        return Err(fail("it is no file".into()));
    }
    if about.len() > MODEL_BYTES_MAX {
        return Err(fail(format!("{} bytes, the limit is {MODEL_BYTES_MAX}", about.len())));
    }
    std::fs::read(path).map_err(|e| fail(e.to_string()))
}

fn wrong_model(path: &Path, kind: TrainedKind, why: &impl ToString) -> Failure {
    let remedy = match kind {
        TrainedKind::Injection => {
            "name a whole injection model, or say `--kind text` of toxicity and checks of your own"
        }
        TrainedKind::Text => "name a whole model of toxicity or of a check of your own, or say `--kind injection`",
    };
    Failure::usage("the model will not load", why.to_string()).at(path.display().to_string()).remedy(remedy)
}

/// Writes `NAME.bin` and, beside it, what a card needs.
fn write_model(global: &Global, out: &Path, name: &str, trained: &Trained, everyday: Option<Everyday>) -> Done {
    std::fs::create_dir_all(out).map_err(|e| {
        Failure::usage("cannot make the folder", e.to_string())
            .at(out.display().to_string())
            .remedy("name with --out a folder that can be made or written to")
    })?;
    let everyday_line = everyday.map(|e| {
        format!(
            "Of {} everyday texts that ship with this program, {} are flagged, {} blocked.",
            e.texts, e.flagged, e.blocked
        )
    });
    let everyday_line = everyday_line.unwrap_or_default();
    let (model, card) = (out.join(format!("{name}.bin")), out.join(format!("{name}.results.md")));
    write(&model, &trained.bytes)?;
    let mut results = format!("# Results: {name}\n\n{}\n{}", trained.summary.replace('\n', "  \n"), trained.results);
    if !everyday_line.is_empty() {
        results = format!("{}\n\n{everyday_line}\n", results.trim_end());
    }
    write(&card, results.as_bytes())?;
    if global.format == Format::Json {
        output::json(&json!({
            "model": model, "card": card, "bytes": trained.bytes.len(), "sha256": sha256(&trained.bytes),
            "everyday": everyday,
        }));
    } else {
        output::line(&trained.results);
        output::line(&trained.summary);
        if !everyday_line.is_empty() {
            output::line(format!("{everyday_line}\n"));
        }
        output::line(format!("{}\n{}", model.display(), card.display()));
    }
    Ok(Exit::Ok)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|e| {
        Failure::usage("cannot write the file", e.to_string())
            .at(path.display().to_string())
            .remedy("name a file in a folder that can be written to")
    })
}
