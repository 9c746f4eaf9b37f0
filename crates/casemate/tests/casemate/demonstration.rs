//! The demonstration, played once to its end.

use std::time::Instant;

use serde_json::Value;

use crate::process::{run, stderr, stdout};

#[test]
#[expect(clippy::disallowed_methods, reason = "measures the program from outside")]
fn every_scene_goes_as_expected() {
    let dir = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let output = run(dir.path(), &["up", "--demo", "--exit", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("not JSON: {e}\n{}\n{}", stdout(&output), stderr(&output)));
    let scenes = report["scenes"].as_array().expect("scenes");
    let ids: Vec<_> = scenes.iter().filter_map(|s| s["id"].as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e", "f"]);
    for scene in scenes {
        assert_eq!(scene["ok"], true, "{scene:#}\n{}", stderr(&output));
        assert!(scene["title"].is_string() && scene["expected"].is_string() && scene["observed"].is_string());
    }
    assert_eq!(report["ok"], true);
    assert_eq!(output.status.code(), Some(0));
    assert!(begun.elapsed().as_secs() < 120, "took {:?}", begun.elapsed());
}
