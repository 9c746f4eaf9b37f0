//! Commands with their output, exit codes and errors.

use serde_json::Value;

use crate::process::{run, stderr, stdout};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_broken_configuration_is_placed_and_the_nearest_key_named() {
    let dir = folder();
    std::fs::write(dir.path().join("c.yaml"), "gateway:\n  listen: 127.0.0.1:0\n  upstream: []\n").expect("writes");
    let output = run(dir.path(), &["check", "--config", "c.yaml"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["c.yaml, line 3, column 3", "unknown key `upstream`", "did you mean `upstreams`?"] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    let output = run(dir.path(), &["check", "--config", "c.yaml", "--format", "json"]);
    let error: Value = serde_json::from_slice(&output.stderr).expect("JSON");
    assert!(error["error"]["where"].as_str().is_some_and(|w| w.contains("line 3")), "{error}");
}

#[test]
fn init_writes_what_check_accepts_and_does_not_overwrite() {
    let dir = folder();
    assert_eq!(run(dir.path(), &["init"]).status.code(), Some(0));
    let output = run(dir.path(), &["check"]);
    assert!(stdout(&output).starts_with("casemate.yaml"), "{}", stdout(&output));
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let output = run(dir.path(), &["init"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--force"), "{}", stderr(&output));
}

#[test]
fn keys_are_shown_once_listed_without_and_revoked() {
    let dir = folder();
    let made = run(dir.path(), &["key", "create", "--name", "svc", "--format", "json"]);
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let (id, key) = (made["id"].as_str().expect("id"), made["key"].as_str().expect("key"));
    assert!(key.starts_with(&format!("cm_{id}_")), "{key}");
    let listed = stdout(&run(dir.path(), &["key", "list", "--format", "json"]));
    assert!(listed.contains(id) && !listed.contains(key) && !listed.contains("digest"), "{listed}");
    assert_eq!(run(dir.path(), &["key", "revoke", id]).status.code(), Some(0));
    let listed: Value =
        serde_json::from_str(&stdout(&run(dir.path(), &["key", "list", "--format", "json"]))).expect("JSON");
    assert_eq!(listed["keys"][0]["live"], false);
    assert_eq!(run(dir.path(), &["key", "revoke", "nobody"]).status.code(), Some(2));
    assert_eq!(run(dir.path(), &["audit", "verify"]).status.code(), Some(0));
}

#[test]
fn the_gate_blocks_a_hostile_pickle_and_lets_a_harmless_csv_pass() {
    let dir = folder();
    // PROTO 2, GLOBAL 'os system', 'true', TUPLE1, REDUCE, STOP: assembled here, so that no loadable file is kept.
    let mut pickle = vec![0x80, 2, b'c'];
    pickle.extend_from_slice(b"os\nsystem\nX\x04\0\0\0true\x85R.");
    std::fs::write(dir.path().join("m.pkl"), &pickle).expect("writes");
    std::fs::write(dir.path().join("d.csv"), "a,b\n1,2\n3,4\n").expect("writes");
    let output = run(dir.path(), &["gate", "run", "m.pkl", "--stage", "deploy", "--format", "json"]);
    assert_eq!(output.status.code(), Some(20), "{}{}", stdout(&output), stderr(&output));
    let verdict: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(verdict["outcome"], "block", "{verdict:#}");
    let sarif = run(dir.path(), &["gate", "run", "m.pkl", "--stage", "deploy", "--format", "sarif"]);
    let sarif: Value = serde_json::from_slice(&sarif.stdout).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    let output = run(dir.path(), &["gate", "run", "d.csv", "--stage", "ingest"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let output = run(dir.path(), &["gate", "run", "nowhere.pkl", "--stage", "deploy"]);
    assert_ne!(output.status.code(), Some(0), "what is not there is not clean: {}", stdout(&output));
}

#[test]
fn scan_keeps_its_contract() {
    let dir = folder();
    std::fs::write(dir.path().join("m.pkl"), b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.").expect("writes");
    let output = run(dir.path(), &["scan", "m.pkl", "--format", "json"]);
    assert_eq!(output.status.code(), Some(20));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let file = &report["files"][0];
    assert_eq!((file["severity"].as_str(), file["complete"].as_bool()), (Some("dangerous"), Some(true)), "{file:#}");
    assert!(file["findings"][0]["offset"].is_u64() && file["sha256"].as_str().is_some_and(|d| d.len() == 64));
}

#[test]
fn detect_answers_line_by_line_in_characters() {
    let dir = folder();
    let lines =
        "{\"id\": 7, \"text\": \"Grüße an anna@firma.de\"}\nnot json\n{\"id\": \"b\", \"text\": \"nothing here\"}\n";
    std::fs::write(dir.path().join("in.jsonl"), lines).expect("writes");
    let output = run(dir.path(), &["detect", "in.jsonl"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let answers: Vec<Value> = stdout(&output).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(answers.len(), 3);
    let found = &answers[0]["findings"][0];
    assert_eq!(
        (found["label"].as_str(), found["start"].as_u64(), found["end"].as_u64()),
        (Some("EMAIL_ADDRESS"), Some(9), Some(22))
    );
    assert!(answers[1]["not_scanned"].is_string(), "{}", answers[1]);
    assert_eq!(answers[2]["findings"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_port_in_use_is_named_with_what_to_change() {
    let dir = folder();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("binds");
    let port = taken.local_addr().expect("address").port();
    std::fs::write(dir.path().join("c.yaml"), format!("respond:\n  listen: 127.0.0.1:{port}\n")).expect("writes");
    let output = run(dir.path(), &["respond", "--config", "c.yaml"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&port.to_string()) && said.contains("respond.listen"), "{said}");
}

#[test]
fn usage_errors_are_exit_2_and_help_is_0() {
    let dir = folder();
    assert_eq!(run(dir.path(), &["no-such-command"]).status.code(), Some(2));
    assert_eq!(run(dir.path(), &["gate", "run", "--stage", "deploy"]).status.code(), Some(2));
    let output = run(dir.path(), &["no-such-command", "--format", "json"]);
    let error: Value = serde_json::from_slice(&output.stderr).expect("JSON");
    assert!(error["error"]["why"].as_str().is_some_and(|w| w.contains("no-such-command")), "{error}");
    assert_eq!(run(dir.path(), &["--help"]).status.code(), Some(0));
    assert_eq!(run(dir.path(), &["rules", "list", "--format", "json"]).status.code(), Some(0));
    assert_eq!(run(dir.path(), &["rules", "test"]).status.code(), Some(0));
}

/// The JSON document that a command writes, with its exit code.
fn json_of(dir: &std::path::Path, args: &[&str]) -> (Option<i32>, Value) {
    let mut args = args.to_vec();
    args.extend(["--format", "json"]);
    let output = run(dir, &args);
    let value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{args:?}: {e}\n{}\n{}", stdout(&output), stderr(&output)));
    (output.status.code(), value)
}

/// A configuration with one end-point, at that port.
fn doctors_patient(dir: &std::path::Path, port: u16) {
    let yaml = format!(
        "gateway:\n  listen: 127.0.0.1:0\n  endpoints: [{{name: churn, url: \"http://127.0.0.1:{port}\"}}]\n\
         respond: {{listen: \"127.0.0.1:0\"}}\nconsole: {{listen: \"127.0.0.1:0\"}}\n"
    );
    std::fs::write(dir.join("c.yaml"), yaml).expect("writes");
}

#[test]
fn doctor_says_what_was_tested_what_failed_and_what_to_do() {
    let dir = folder();
    let gone = crate::process::free_port();
    doctors_patient(dir.path(), gone);
    let (code, report) = json_of(dir.path(), &["doctor", "--config", "c.yaml"]);
    assert_eq!((code, report["ok"].as_bool()), (Some(2), Some(false)), "{report:#}");
    let tests = report["tests"].as_array().expect("tests");
    let failed: Vec<_> = tests.iter().filter(|t| t["ok"] == false).collect();
    assert_eq!(failed.len(), 1, "{report:#}");
    assert_eq!(failed[0]["what"], "end-point churn");
    assert!(failed[0]["remedy"].as_str().is_some_and(|r| r.contains("start it")), "{report:#}");
    assert!(failed[0]["why"].as_str().is_some_and(|w| w.contains(&gone.to_string())), "{report:#}");
    assert!(tests.iter().any(|t| t["what"].as_str().is_some_and(|w| w.starts_with("store ")) && t["ok"] == true));
}

#[test]
fn doctor_is_content_when_everything_answers() {
    let dir = folder();
    let upstream = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("binds");
    let port = upstream.local_addr().expect("address").port();
    doctors_patient(dir.path(), port);
    let output = run(dir.path(), &["doctor", "--config", "c.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("0 failed"), "{}", stdout(&output));
}

#[test]
fn every_command_speaks_json() {
    let dir = folder();
    let playbook = concat!(env!("CARGO_MANIFEST_DIR"), "/../../playbooks/key-stuffing.yaml");
    let (_, cacao) = json_of(dir.path(), &["playbook", "export", playbook]);
    assert_eq!(cacao["type"], "playbook");
    std::fs::write(dir.path().join("p.json"), cacao.to_string()).expect("writes");
    let (_, imported) = json_of(dir.path(), &["playbook", "import", "p.json"]);
    assert!(imported["yaml"].as_str().is_some_and(|y| y.starts_with("playbook: key-stuffing")), "{imported:#}");
    let commands: &[&[&str]] = &[
        &["init"],
        &["check"],
        &["playbook", "lint", "p.json"],
        &["completions", "bash"],
        &["rules", "list"],
        &["rules", "test"],
        &["key", "list"],
        &["case", "list"],
        &["audit", "verify"],
        &["gate", "checks"],
    ];
    for command in commands {
        let (code, value) = json_of(dir.path(), command);
        assert_eq!(code, Some(0), "{command:?}: {value:#}");
        assert!(value.is_object() || value.is_array(), "{command:?}: {value}");
    }
}

#[test]
fn a_post_says_in_json_where_it_listens() {
    use std::io::{BufRead, BufReader};
    let dir = folder();
    std::fs::write(dir.path().join("c.yaml"), "console: {listen: \"127.0.0.1:0\"}\nlog: {level: error}\n")
        .expect("writes");
    let mut child = crate::process::casemate()
        .current_dir(dir.path())
        .args(["console", "--config", "c.yaml", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let out = child.stdout.take().expect("piped");
    let running = crate::process::Running(child);
    let mut text = String::new();
    for line in BufReader::new(out).lines() {
        let line = line.expect("reads");
        text.push_str(&line);
        if line == "}" {
            break;
        }
    }
    let ready: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert!(ready["ready"]["console"].as_str().is_some_and(|u| u.starts_with("http://127.0.0.1:")), "{ready:#}");
    assert!(ready["first_admin"]["one_time_password"].as_str().is_some_and(|p| p.len() >= 12), "{ready:#}");
    running.kill();
}

#[test]
fn a_token_is_made_for_a_person_who_exists_and_ends_when_told() {
    use std::io::Write;
    let dir = folder();
    let output = run(dir.path(), &["token", "create", "--person", "nobody"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("nobody"), "{}", stderr(&output));
    first_person(dir.path());
    let (code, made) = json_of(dir.path(), &["token", "create", "--person", "admin", "--days", "2"]);
    assert_eq!(code, Some(0));
    let token = made["token"].as_str().expect("a token").to_owned();
    assert!(token.starts_with("cmt_"), "{made}");
    let revoke = || {
        let mut child = crate::process::casemate()
            .current_dir(dir.path())
            .args(["token", "revoke"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("starts");
        child.stdin.take().expect("piped").write_all(token.as_bytes()).expect("writes");
        child.wait().expect("ends").code()
    };
    assert_eq!(revoke(), Some(0));
    assert_eq!(revoke(), Some(2), "it had ended");
}

/// Lets the console make its first admin in the folder's store.
fn first_person(dir: &std::path::Path) {
    use std::io::{BufRead, BufReader};
    std::fs::write(dir.join("first.yaml"), "console: {listen: \"127.0.0.1:0\"}\nlog: {level: error}\n")
        .expect("writes");
    let mut child = crate::process::casemate()
        .current_dir(dir)
        .args(["console", "--config", "first.yaml", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("starts");
    let out = child.stdout.take().expect("piped");
    let running = crate::process::Running(child);
    assert!(BufReader::new(out).lines().map_while(Result::ok).any(|line| line == "}"), "it never was ready");
    running.kill();
}

#[test]
fn rules_of_ones_own_are_used_and_a_hostile_one_is_refused() {
    let dir = folder();
    let rule = "[[rule]]\nid = \"secret/corp\"\nname = \"key of the corporation\"\ntokens = [\"corp_{alnum:24}\"]\n\
                examples = [\"see corp_{alnum:24}\"]\ncounterexamples = [\"see corp_short\"]\n";
    std::fs::write(dir.path().join("own.toml"), rule).expect("writes");
    // Made here, so that no scanner finds it in this file.
    let text = format!("see corp_{} there", "aB3dE6gH9jK2".repeat(2));
    std::fs::write(dir.path().join("note.txt"), &text).expect("writes");
    std::fs::write(dir.path().join("in.jsonl"), format!("{{\"id\":1,\"text\":\"{text}\"}}\n")).expect("writes");
    for (more, found) in [(&[][..], 0), (&["--rules", "own.toml"], 1)] {
        let detected = run(dir.path(), &[&["detect", "in.jsonl", "--kinds", "secrets"], more].concat());
        let line: Value = serde_json::from_slice(&detected.stdout).expect("one line");
        let findings = line["findings"].as_array().expect("findings");
        assert_eq!(findings.len(), found, "{line}");
        assert!(findings.iter().all(|f| f["rule"] == "secret/corp" && f["start"] == 4 && f["end"] == 33), "{line}");
        let scanned =
            run(dir.path(), &[&["scan", "note.txt", "--kinds", "secrets", "--format", "json"], more].concat());
        let document: Value = serde_json::from_slice(&scanned.stdout).expect("JSON");
        assert_eq!(document.to_string().contains("secret/corp"), found == 1, "{document}");
    }
    let explained = run(dir.path(), &["rules", "explain", "secret/corp", "--rules", "own.toml"]);
    assert!(stdout(&explained).contains("key of the corporation"), "{}", stderr(&explained));
    let hostile = rule.replace("tokens", "keywords = [\"corp\"]\nregex = \"((a{1,999}){1,999}){1,999}\"\ntokens");
    std::fs::write(dir.path().join("own.toml"), hostile).expect("writes");
    for command in [&["rules", "test", "own.toml"][..], &["detect", "in.jsonl", "--rules", "own.toml"]] {
        let output = run(dir.path(), command);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains("rule secret/corp: regex refused"), "{}", stderr(&output));
    }
}

#[test]
fn a_baseline_among_what_is_scanned_lets_through_what_it_knows_and_is_no_finding() {
    let dir = folder();
    // Made here, so that no scanner finds it in this file.
    let key: String =
        (0..36u32).map(|i| char::from(b"q7Wz2Rk9"[((i * i + 3 * i) % 8) as usize] + (i % 3) as u8)).collect();
    std::fs::write(dir.path().join("app.py"), format!("API_KEY = \"{key}\"\n")).expect("writes");
    let scan = ["scan", ".", "--kinds", "pii,secrets", "--fingerprint-key", "print.key"];
    assert_eq!(run(dir.path(), &scan).status.code(), Some(20));
    assert_eq!(run(dir.path(), &[&scan[..], &["--write-baseline", "known.json"]].concat()).status.code(), Some(0));
    let again = run(dir.path(), &[&scan[..], &["--baseline", "known.json"]].concat());
    assert_eq!(again.status.code(), Some(0), "{}", stdout(&again));
}
