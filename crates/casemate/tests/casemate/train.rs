//! `casemate train`: a check of one's own from labelled rows, the same for the same seed, and what is refused.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::process::{json, refused, run, stderr, stdout};

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

#[test]
fn a_file_that_will_not_do_is_told_with_its_line_and_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let row = "{\"text\": \"a\", \"label\": 1}\n";
    let latin = [row.as_bytes(), b"{\"text\": \"caf\xe9\", \"label\": 1}\n"].concat();
    for (name, bytes, said) in [
        (
            "cut.jsonl",
            format!("{row}{{\"text\": \"b\"").into_bytes(),
            &["cut.jsonl, line 2", "at column", "correct it"][..],
        ),
        ("latin.jsonl", latin, &["latin.jsonl, line 2", "not UTF-8", "iconv"]),
        ("empty.jsonl", vec![], &["empty.jsonl", "no row", "each line is"]),
        ("blank.jsonl", b"{\"text\": \" \", \"label\": 1}\n".to_vec(), &["1 rows without text", "no row"]),
        ("few.jsonl", row.as_bytes().to_vec(), &["few.jsonl", "1 rows are positive", "label 1 (positive)"]),
        ("broken.jsonl", vec![0x1f, 0x8b, 8, 0], &["broken.jsonl", "gzip file is broken"]),
    ] {
        std::fs::write(dir.path().join(name), bytes).expect("writes");
        let output = train(dir.path(), name, "out");
        for part in said {
            refused(&output, part);
        }
        assert!(!dir.path().join("out").exists(), "{name}");
    }
    refused(&train(dir.path(), "nowhere.jsonl", "out"), "name a file of JSON lines");
    std::fs::write(dir.path().join("empty.jsonl"), "").expect("writes");
    refused(&run(dir.path(), &["train", "eval", "--data", "empty.jsonl"]), "no row");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_row() {
    let dir = tempfile::tempdir().expect("a folder");
    rows(dir.path(), "rows.jsonl", &[0, 1]);
    let text = std::fs::read_to_string(dir.path().join("rows.jsonl")).expect("reads");
    std::fs::write(dir.path().join("marked.jsonl"), format!("\u{feff}{text}")).expect("writes");
    json(&train(dir.path(), "marked.jsonl", "out"));
}

#[test]
fn a_check_of_narrow_rows_leaves_everyday_texts_alone_and_one_that_does_not_comes_with_a_warning() {
    let dir = tempfile::tempdir().expect("a folder");
    let narrow = ["Our internal price for the pump of type {n} is low."];
    // What is everyday, labelled as what is to be found.
    let broad = [
        "What is the capital of country {n}, and why is it not its largest city?",
        "Translate into Spanish: the train to platform {n} leaves every twenty minutes.",
        "Preheat the oven to {n} degrees and whisk three eggs with the sugar.",
        "The meeting moved to room {n}. Please bring the figures of last quarter.",
        "Explain to a ten-year-old how machine {n} comes about.",
        "Your parcel {n} left the depot this morning and arrives tomorrow.",
    ];
    for (name, found, is_broad) in [("narrow.jsonl", narrow.as_slice(), false), ("broad.jsonl", broad.as_slice(), true)]
    {
        let rows: String = (0..240)
            .map(|n| {
                let text =
                    if n % 2 == 0 { "ok {n}" } else { found[n / 2 % found.len()] }.replace("{n}", &n.to_string());
                format!("{{\"text\": \"{text}\", \"label\": {}}}\n", n % 2)
            })
            .collect();
        std::fs::write(dir.path().join(name), rows).expect("writes");
        let output = train(dir.path(), name, name.trim_end_matches(".jsonl"));
        let told = json(&output);
        let blocked = told["everyday"]["blocked"].as_u64().expect("a number");
        let texts = told["everyday"]["texts"].as_u64().expect("a number");
        assert_eq!(blocked * 20 > texts, is_broad, "{told}");
        assert_eq!(stderr(&output).contains("rows of ordinary traffic with label 0"), is_broad, "{}", stderr(&output));
        let card = dir.path().join(name.trim_end_matches(".jsonl")).join("price-list.results.md");
        let card = std::fs::read_to_string(card).expect("reads");
        assert!(card.contains(&format!("{blocked} blocked")), "{card}");
    }
}

#[test]
fn a_model_is_judged_by_itself_and_one_of_another_kind_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    rows(dir.path(), "rows.jsonl", &[0, 1]);
    harmless(dir.path(), "harmless.jsonl", 1000);
    let (ours, toxicity) = (shipped("injection.bin"), shipped("toxicity.bin"));
    let call = |args: &[&str]| run(dir.path(), &[&["train"], args].concat());
    let shipped = call(&["eval", "--data", "rows.jsonl"]);
    let named = call(&["eval", "--data", "rows.jsonl", "--model", &ours]);
    assert_eq!(stdout(&named), stdout(&shipped), "the model that ships, named, says what it says unnamed");
    json(&call(&["calibrate", "--data", "harmless.jsonl", "--model", &ours, "--out", "low.bin", "--format", "json"]));
    assert_eq!(call(&["eval", "--data", "rows.jsonl", "--model", "low.bin"]).status.code(), Some(0));
    // Left out, it is the one that ships.
    json(&call(&["calibrate", "--data", "harmless.jsonl", "--out", "low-too.bin", "--format", "json"]));
    let read = |name: &str| std::fs::read(dir.path().join(name)).expect("what was written");
    assert_eq!(read("low.bin"), read("low-too.bin"));
    refused(&call(&["eval", "--data", "rows.jsonl", "--model", &toxicity]), "say `--kind text`");
    refused(&call(&["eval", "--kind", "text", "--data", "rows.jsonl", "--model", &ours]), "say `--kind injection`");
    let out = ["--out", "c.bin"];
    refused(
        &call(&[&["calibrate", "--data", "harmless.jsonl", "--model", &toxicity], &out[..]].concat()),
        "--kind text",
    );
    refused(&call(&["eval", "--kind", "text", "--data", "rows.jsonl", "--model", "."]), "it is no file");
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
        assert!(stderr(&output).contains("harmless.jsonl"), "{what}: {}", stderr(&output));
        assert!(!dir.path().join("out").join(format!("{what}.bin")).exists());
    }
}
