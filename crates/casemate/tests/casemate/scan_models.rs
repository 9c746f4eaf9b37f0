//! `casemate scan` over model files: explain, tree, ML-BOM, watch.

use serde_json::Value;

use crate::process::{run, stderr, stdout};

/// PROTO 2, GLOBAL 'os system', 'true', TUPLE1, REDUCE, STOP: assembled here, so that no loadable file is kept.
fn hostile() -> Vec<u8> {
    let mut pickle = vec![0x80, 2, b'c'];
    pickle.extend_from_slice(b"os\nsystem\nX\x04\0\0\0true\x85R.");
    pickle
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("m.pkl"), hostile()).expect("writes");
    std::fs::write(dir.path().join("d.pkl"), b"\x80\x02}q\x00.").expect("writes");
    dir
}

#[test]
fn a_place_is_explained() {
    let dir = folder();
    let output = run(dir.path(), &["scan", "--explain", "m.pkl@0x17"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(said.contains("> 0x00000017  os.system('true')"), "{said}");
    assert!(said.contains("import os.system") && said.contains("artifact/pickle-dangerous-call"), "{said}");
    let json: Value =
        serde_json::from_slice(&run(dir.path(), &["scan", "--explain", "m.pkl@23", "--format", "json"]).stdout)
            .expect("JSON");
    assert_eq!(json["lines"][1]["text"], "os.system('true')", "{json:#}");
    assert_eq!(json["findings"][0]["severity"], "dangerous", "{json:#}");
    for wrong in ["m.pkl", "nowhere.pkl@3"] {
        assert_eq!(run(dir.path(), &["scan", "--explain", wrong]).status.code(), Some(2), "{wrong}");
    }
    assert_eq!(run(dir.path(), &["scan"]).status.code(), Some(2), "neither paths nor a place");
}

#[test]
fn the_bill_of_materials_lists_every_file_with_its_digest() {
    let dir = folder();
    let output = run(dir.path(), &["scan", ".", "--ml-bom", "bom.json", "--tree"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(20), "{said}{}", stderr(&output));
    assert!(said.contains("[pickle, 25 B, dangerous]"), "{said}");
    assert!(said.contains("skops"), "what to convert to: {said}");
    let bom: Value = serde_json::from_slice(&std::fs::read(dir.path().join("bom.json")).expect("there")).expect("JSON");
    assert_eq!((bom["bomFormat"].as_str(), bom["specVersion"].as_str()), (Some("CycloneDX"), Some("1.6")));
    let components = bom["components"].as_array().expect("a list");
    assert_eq!(components.len(), 2, "{bom:#}");
    for c in components {
        assert_eq!(c["type"], "machine-learning-model");
        assert!(c["hashes"][0]["content"].as_str().is_some_and(|d| d.len() == 64), "{c}");
    }
    let alone = run(dir.path(), &["scan", "m.pkl", "--ml-bom", "-"]);
    let bom: Value = serde_json::from_slice(&alone.stdout).expect("nothing but the document");
    assert_eq!(bom["components"][0]["name"], "m.pkl");
}

#[test]
fn a_watched_folder_is_looked_at_again() {
    let dir = folder();
    let watched = dir.path().join("in");
    std::fs::create_dir(&watched).expect("made");
    std::fs::write(watched.join("d.pkl"), b"\x80\x02}q\x00.").expect("writes");
    let writer = {
        let watched = watched.clone();
        std::thread::spawn(move || {
            // Appears whole, behind the first look or before it: both end in one line.
            std::fs::write(watched.join(".part"), hostile()).expect("writes");
            std::fs::rename(watched.join(".part"), watched.join("late.pkl")).expect("moves");
        })
    };
    let output =
        run(dir.path(), &["scan", "--watch", "in", "--watch-interval", "1", "--watch-rounds", "3", "--format", "json"]);
    writer.join().expect("wrote");
    let lines: Vec<Value> = stdout(&output).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(output.status.code(), Some(20), "{lines:?} {}", stderr(&output));
    let of = |name: &str| lines.iter().filter(|l| l["path"].as_str().is_some_and(|p| p.ends_with(name))).count();
    assert_eq!((of("d.pkl"), of("late.pkl")), (1, 1), "{lines:?}");
    let refused = run(dir.path(), &["scan", "--watch", "in", "--format", "sarif"]);
    assert_eq!(refused.status.code(), Some(2));
}
