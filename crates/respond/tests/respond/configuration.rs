use std::path::Path;

use casemate_respond::config::{RespondConfig, SecretReader};
use casemate_respond::{Respond, StartError};
use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use serde_json::{Value, json};

use crate::world::World;

fn problems(config: Value) -> Vec<String> {
    let config: RespondConfig = serde_json::from_value(config).expect("written form");
    let secrets = SecretReader {
        env: &|name| (name == "SET").then(|| "x".to_owned()),
        file: &|path| std::fs::read_to_string(path),
        base: Path::new("/nowhere"),
    };
    match config.validate(&secrets) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn the_defaults_are_valid_and_unknown_keys_are_not() {
    assert!(problems(json!({})).is_empty());
    let unknown = serde_json::from_value::<RespondConfig>(json!({"listne": "127.0.0.1:1"}));
    assert!(unknown.expect_err("unknown key").to_string().contains("listne"));
}

#[test]
fn the_example_is_valid_and_means_what_it_says() {
    let text = include_str!("../../respond.example.yaml");
    let config: RespondConfig = serde_saphyr::from_str(text).expect("written form");
    let secrets = SecretReader {
        env: &|name| Some(format!("value of {name}")),
        file: &|path| std::fs::read_to_string(path),
        base: Path::new("/base"),
    };
    let settings = config.validate(&secrets).expect("valid");
    assert_eq!(settings.sources.len(), 3);
    assert_eq!(settings.evidence.roots, [Path::new("/base/data"), Path::new("/base/models")]);
    assert_eq!(settings.tiers[&1].unattended_max, casemate_triage::Rung::RateLimit);
    assert_eq!(settings.connections[0].headers[0].value.expose(), "Bearer value of TICKETS_TOKEN");
    assert!(!format!("{settings:?}").contains("value of"), "secrets are not printed");
}

#[test]
fn every_problem_is_found_and_placed() {
    let auth = json!({"bearer": {"token": {"env": "SET"}}});
    let got = problems(json!({
        "listen": "localhost",
        "sources": [
            {"name": "a b", "auth": auth},
            {"name": "unset", "auth": {"bearer": {"token": {"env": "UNSET"}}}},
            {"name": "file", "auth": {"hmac": {"secret": {"file": "missing"}}}},
            {"name": "gateway", "auth": auth},
            {"name": "odd", "kind": "oddity", "auth": auth},
            {"name": "bare", "kind": "generic", "auth": auth},
            {"name": "cel", "kind": "generic", "auth": auth, "mapping": {"rule": "raw.", "title": "raw.t"}},
        ],
        "connections": [
            {"name": "c", "url": "ftp://x"},
            {"name": "d", "url": "https://u:p@x/", "verify": "/done", "headers": [{"name": "a\nb", "value": "x"}]},
        ],
        "egress": {"private_ranges": ["10.0.0.0/99"]},
        "inventory": {"models": [{"name": "m", "tier": 9}]},
        "tiers": {"7": {"unattended_max": "quarantine"}},
        "limits": {"body_bytes_max": 0, "dedupe_window_ms": -1},
    }));
    for place in [
        "listen",
        "sources[0].name",
        "sources[1].auth",
        "sources[2].auth",
        "sources[3].name",
        "sources[4].kind",
        "sources[5].mapping",
        "sources[6].mapping.rule",
        "connections[0].url",
        "connections[1].url",
        "connections[1].verify",
        "connections[1].headers[0]",
        "egress.private_ranges[0]",
        "inventory.models[0].tier",
        "tiers.7",
        "limits.body_bytes_max",
        "limits.dedupe_window_ms",
    ] {
        assert!(got.iter().any(|p| p.starts_with(&format!("respond.{place}: "))), "{place} is not in {got:#?}");
    }
    assert_eq!(got.len(), 17, "{got:#?}");
}

#[tokio::test]
async fn a_second_engine_and_a_taken_port_are_refused_with_what_to_do() {
    let world = World::start(json!({})).await;
    let store = SqliteStore::open(world.home.path().join("casemate.db"), Clock::system(), SqliteOptions::default())
        .await
        .expect("store");
    let again = World::settings(world.home.path(), json!({}));
    let error = Respond::start(again, store.clone(), Clock::system()).await.err().expect("held");
    assert!(matches!(error, StartError::Held { .. }), "{error}");

    let taken = world.running.as_ref().expect("running").addr.to_string();
    let elsewhere = world.home.path().join("other");
    let settings = World::settings(world.home.path(), json!({"listen": taken, "data_dir": elsewhere}));
    let error = Respond::start(settings, store, Clock::system()).await.err().expect("taken").to_string();
    assert!(error.contains(&taken) && error.contains("respond.listen"), "{error}");
}

#[tokio::test]
async fn a_broken_playbook_keeps_it_from_starting_and_says_where() {
    let home = tempfile::tempdir().expect("folder");
    let playbooks = home.path().join("playbooks");
    std::fs::create_dir(&playbooks).expect("folder");
    let text = "playbook: broken\ntitle: Broken\nsteps:\n  - step: a\n    phase: action\n    action: no.such.action\n";
    std::fs::write(playbooks.join("broken.yaml"), text).expect("write");
    let store =
        SqliteStore::open(home.path().join("s.db"), Clock::system(), SqliteOptions::default()).await.expect("store");
    let settings = World::settings(home.path(), json!({"playbooks": playbooks}));
    let error = Respond::start(settings, store, Clock::system()).await.err().expect("refused").to_string();
    assert!(error.contains("broken.yaml") && error.contains("no.such.action"), "{error}");
}
