//! The model against ONNX Runtime, and what loading refuses. The model is not part of the repository: tests that need
//! it run where `CASEMATE_NER_MODEL` names its folder, and say so where it does not.

use std::path::PathBuf;

use casemate_ner::{Gate, Label, Limits, LoadError, Model, package};
use serde_json::Value;

const RECORDED: &str = include_str!("recorded.json");
/// Columns of the recorded logits; the last is the sum of all.
const COLUMNS: [usize; 5] = [0, 1, 3, 25, 29];

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "where the model is differs from machine to machine, and a test says what it leaves out"
)]
fn model() -> Option<Model> {
    let Ok(folder) = std::env::var("CASEMATE_NER_MODEL") else {
        println!("not checked: CASEMATE_NER_MODEL does not name a folder with the model");
        return None;
    };
    Some(Model::load(folder.as_ref()).expect("CASEMATE_NER_MODEL holds the model"))
}

fn close(ours: f32, theirs: &Value) -> bool {
    theirs.as_f64().is_some_and(|t| (f64::from(ours) - t).abs() <= 1e-3)
}

#[test]
fn pieces_and_logits_are_those_of_onnx_runtime() {
    let recorded: Vec<Value> = serde_json::from_str(RECORDED).expect("JSON");
    assert_eq!(recorded.len(), 8);
    let Some(model) = model() else { return };
    for row in &recorded {
        let text = row["text"].as_str().expect("text");
        let (ids, logits) = model.trace(text);
        assert_eq!(serde_json::json!(ids), row["ids"], "{text}");
        let theirs = row["logits"].as_array().expect("rows");
        assert_eq!(logits.len(), theirs.len(), "{text}");
        for (place, (ours, theirs)) in logits.iter().zip(theirs).enumerate() {
            for (at, column) in COLUMNS.iter().enumerate() {
                assert!(close(ours[*column], &theirs[at]), "{text}: token {place}, logit {column}: {ours:?} {theirs}");
            }
            let sum: f32 = ours.iter().sum();
            let off = f64::from(sum) - theirs[5].as_f64().expect("a number");
            assert!(off.abs() <= 35.0 * 1e-3, "{text}: token {place}: sum {sum} {theirs}");
        }
    }
}

#[test]
fn names_and_places_are_found() {
    let Some(model) = model() else { return };
    let found = |text: &str| -> Vec<(Label, String)> {
        let names = model.scan(text, Gate::Signs, &Limits::default());
        names.entities.iter().map(|e| (e.label, text[e.span.range()].to_owned())).collect()
    };
    assert_eq!(
        found("Please forward the contract to Noor Lindqvist in Tromsø before Friday."),
        [(Label::Person, "Noor Lindqvist".to_owned()), (Label::Location, "Tromsø".to_owned())]
    );
    assert_eq!(found("The build is green and nobody has to be told."), []);
    let long = format!("{} Ask Noor Lindqvist.", "The pipeline ran and all was well. ".repeat(60));
    assert_eq!(found(&long), [(Label::Person, "Noor Lindqvist".to_owned())]);
}

#[test]
fn what_lies_beyond_a_limit_is_not_called_looked_at() {
    let Some(model) = model() else { return };
    let text = "Ask Noor Lindqvist about it.\n".repeat(40);
    let scan = |limits| model.scan(&text, Gate::Always, &limits);
    let whole = scan(Limits::default());
    assert!(whole.is_complete(&text) && whole.windows > 2);
    let at = scan(Limits { windows_max: whole.windows, text_bytes_max: text.len() });
    assert_eq!(at, whole);
    let past = scan(Limits { windows_max: whole.windows - 1, ..Limits::default() });
    assert!(!past.is_complete(&text) && past.entities.len() < whole.entities.len());
    let cut = scan(Limits { text_bytes_max: text.len() - 1, ..Limits::default() });
    assert_eq!(cut.looked_at, text.len() - 1);
}

#[test]
fn a_folder_without_the_files_or_with_others_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(matches!(Model::load(folder.path()), Err(LoadError::Read { .. })));
    let first = package::FILES[0];
    let path: PathBuf = folder.path().join(first.name);
    std::fs::write(&path, b"not the model").expect("writes");
    let refused = Model::load(folder.path());
    assert!(matches!(&refused, Err(LoadError::Digest { path: p, .. }) if *p == path), "{refused:?}");
}

/// Many threads ask one model.
#[test]
fn a_model_goes_between_threads() {
    fn shared<T: Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    assert!(shared::<Model>() > 0 && shared::<casemate_ner::CachedModel>() > 0);
}

#[test]
fn the_attribution_names_author_licence_and_source() {
    let words = ["National Design Studio", "CC BY 4.0", "https://", package::WHEEL, package::WHEEL_SHA256];
    for word in words {
        assert!(package::ATTRIBUTION.contains(word), "{word}");
    }
    assert!(package::FILES.iter().any(|f| f.name == "LICENSE"));
}

/// Sentences of our own in which nobody is named, though many things are called after people.
#[test]
fn things_called_after_people_are_rarely_taken_for_them() {
    let Some(model) = model() else { return };
    let sentences = include_str!("things.txt");
    let flagged: Vec<&str> = sentences
        .lines()
        .filter(|line| !model.scan(line, Gate::Signs, &Limits::default()).entities.is_empty())
        .collect();
    assert!(flagged.len() <= 5 && sentences.lines().count() > 160, "{flagged:#?}");
}
