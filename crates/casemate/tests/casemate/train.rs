//! `casemate train`: a check of one's own from labelled rows, the same for the same seed, and what is refused.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::process::{run, stderr, stdout};

/// Rows about prices (1) and about other work (0), written for this test.
pub(crate) fn rows(dir: &Path, name: &str, labels: &[u8]) {
    let things = ["bolts", "pumps", "valves", "filters", "seals", "gears", "belts", "hoses", "motors", "sensors"];
    let about = [
        ["please book the room for", "the manual of", "who repairs", "when were they delivered, the", "a picture of"],
        [
            "the internal price list says",
            "our discount on",
            "we pay our supplier per unit for",
            "margin on",
            "net cost of",
        ],
    ];
    let mut text = String::new();
    for n in 0..400_usize {
        for &label in labels {
            let start = about[usize::from(label)][n % 5];
            let thing = things[n / 5 % 10];
            let _ = writeln!(text, r#"{{"text": "{start} {thing} number {n}", "label": {label}, "source": "own"}}"#);
        }
    }
    std::fs::write(dir.join(name), text).expect("writes");
}

fn train(dir: &Path, data: &str, out: &str) -> std::process::Output {
    let args = ["train", "classifier", "--data", data, "--name", "price-list", "--out", out, "--format", "json"];
    run(dir, &args)
}

#[test]
fn a_check_of_ones_own_is_trained_the_same_each_time_and_evaluated() {
    let dir = tempfile::tempdir().expect("a folder");
    rows(dir.path(), "rows.jsonl", &[0, 1]);
    let mut digests = Vec::new();
    for out in ["one", "two"] {
        let output = train(dir.path(), "rows.jsonl", out);
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        let made: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert!(dir.path().join(out).join("price-list.bin").is_file());
        digests.push(made["sha256"].as_str().expect("a digest").to_owned());
    }
    assert_eq!(digests[0], digests[1], "the same rows and seed give the same model");
    let eval = ["train", "eval", "--kind", "text", "--model", "one/price-list.bin", "--data", "rows.jsonl"];
    let output = run(dir.path(), &eval);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("own"), "the table names the source:\n{}", stdout(&output));
}

#[test]
fn one_class_a_broken_row_and_a_bad_name_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().expect("a folder");
    rows(dir.path(), "one.jsonl", &[1]);
    let output = train(dir.path(), "one.jsonl", ".");
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("negative"), "{}", stderr(&output));
    std::fs::write(dir.path().join("broken.jsonl"), "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\"\n")
        .expect("writes");
    let output = train(dir.path(), "broken.jsonl", ".");
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains('2'), "the line is named: {}", stderr(&output));
    let output = run(dir.path(), &["train", "classifier", "--data", "one.jsonl", "--name", "../escape"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
}

/// A model that ships.
fn shipped(name: &str) -> String {
    format!("{}/../../models/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn harmless(dir: &Path, name: &str, rows: usize) {
    let text: String = (0..rows)
        .map(|n| {
            format!(
                "{{\"text\": \"Order {n}: please send {} crates of figs to bay {}\", \"label\": 0}}\n",
                n % 9,
                n % 7
            )
        })
        .collect();
    std::fs::write(dir.join(name), text).expect("writes");
}

#[test]
fn thresholds_are_chosen_from_ones_own_traffic_and_from_enough_of_it() {
    let dir = tempfile::tempdir().expect("a folder");
    harmless(dir.path(), "enough.jsonl", 1000);
    harmless(dir.path(), "few.jsonl", 999);
    for (kind, model) in [("injection", "injection.bin"), ("text", "toxicity.bin")] {
        let model = shipped(model);
        let calibrate = |data: &str, out: &str| {
            let args = ["train", "calibrate", "--kind", kind, "--channel", "tool", "--format", "json"];
            run(dir.path(), &[&args[..], &["--data", data, "--model", &model, "--out", out]].concat())
        };
        let output = calibrate("enough.jsonl", "done.bin");
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(told["rows"], 1000);
        let of = |when: &str, what: &str| told[when][what].as_f64().expect("a threshold");
        assert!(of("after", "flag") <= of("after", "block"), "{told}");
        assert!(of("after", "flag") < of("before", "flag"), "traffic as dull as this takes a lower threshold: {told}");
        let again = std::fs::read(dir.path().join("done.bin")).expect("written");
        assert_ne!(again, std::fs::read(&model).expect("the model that ships"));
        calibrate("enough.jsonl", "again.bin");
        assert_eq!(again, std::fs::read(dir.path().join("again.bin")).expect("written"), "the same each time");
        let output = calibrate("few.jsonl", "few.bin");
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains("999") && stderr(&output).contains("1000"), "{}", stderr(&output));
        assert!(!dir.path().join("few.bin").exists());
    }
}

#[test]
fn the_models_that_ship_are_not_trained_from_one_class() {
    let dir = tempfile::tempdir().expect("a folder");
    harmless(dir.path(), "harmless.jsonl", 2000);
    for what in ["injection", "toxicity"] {
        let mut args = vec!["train", what, "--data", "harmless.jsonl", "--out", "out"];
        if what == "toxicity" {
            args.extend(["--harmless", "harmless.jsonl"]);
        }
        let output = run(dir.path(), &args);
        assert_eq!(output.status.code(), Some(2), "{what}: {}{}", stdout(&output), stderr(&output));
        assert!(stderr(&output).contains("positive"), "{what}: {}", stderr(&output));
        assert!(!dir.path().join("out").join(format!("{what}.bin")).exists());
    }
}
