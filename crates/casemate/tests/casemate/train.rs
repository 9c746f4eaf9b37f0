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
