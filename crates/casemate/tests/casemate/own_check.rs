//! A check of one's own from labelled rows to a blocked answer: trained, configured, run, and told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::Events;
use serde_json::{Value, json};

use crate::process::{Running, casemate, free_port, run, stderr, stdout};
use crate::train::rows;

/// A model that leaks the price list when it is asked about prices.
fn upstream() -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("binds");
    let addr = listener.local_addr().expect("has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || while answer(&stream).unwrap_or(false) {});
        }
    });
    addr
}

fn answer(mut stream: &TcpStream) -> std::io::Result<bool> {
    let body = read_message(stream)?;
    let text = if body.contains("cost") {
        "The internal price list says pumps number 7, and the net cost of valves number 9."
    } else {
        "The manual of pumps number 3 is on the shelf."
    };
    let body = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}).to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    Ok(!body.is_empty())
}

/// The body of a request or an answer with a length.
fn read_message(stream: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

fn chat(port: u16, key: &str, content: &str) -> Value {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": content}]}).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("writes");
    serde_json::from_str(&read_message(&stream).expect("an answer")).expect("JSON")
}

fn configuration(dir: &Path, port: u16, model: &str) {
    let text = format!(
        "gateway:
  listen: 127.0.0.1:{port}
  upstreams:
    - {{name: local, dialect: openai, base_url: 'http://{}'}}
  tiers:
    default:
      checks:
        - path: {model}
          action: block
          channel: output
",
        upstream()
    );
    std::fs::write(dir.join("casemate.yaml"), text).expect("writes");
}

#[test]
fn a_leaked_price_list_is_blocked_by_a_check_that_was_trained_for_it() {
    let dir = tempfile::tempdir().expect("a folder");
    rows(dir.path(), "rows.jsonl", &[0, 1]);
    let args = ["train", "classifier", "--data", "rows.jsonl", "--name", "price-list", "--out", "checks"];
    let trained = run(dir.path(), &args);
    assert_eq!(trained.status.code(), Some(0), "{}", stderr(&trained));
    let port = free_port();
    configuration(dir.path(), port, "checks/price-list.bin");
    let checked = run(dir.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(0), "{}{}", stdout(&checked), stderr(&checked));
    let made = run(dir.path(), &["key", "create", "--name", "svc", "--format", "json"]);
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let key = made["key"].as_str().expect("a key");

    let mut gateway = casemate();
    gateway.current_dir(dir.path()).args(["gateway", "--format", "json"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(gateway.spawn().expect("starts"));
    // What it says when it is ready.
    let mut ready = String::new();
    BufReader::new(running.0.stdout.as_mut().expect("piped")).read_line(&mut ready).expect("says so");

    let refused = chat(port, key, "what do pumps cost?");
    assert_eq!(refused["error"]["code"], "blocked_own_check", "{refused}");
    let passed = chat(port, key, "where is the manual?");
    assert!(passed["choices"][0]["message"]["content"].as_str().is_some_and(|t| t.contains("shelf")), "{passed}");

    let path = dir.path().join("casemate-data/casemate.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let event = runtime.block_on(async {
        let store = SqliteStore::open(path, Clock::system(), SqliteOptions::default()).await.expect("opens");
        for _ in 0..200 {
            let events = store.recent_events(50).await.expect("reads");
            if let Some(found) = events.into_iter().find(|e| e.event.payload["rule"] == "gateway/own-check") {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no event");
    });
    assert_eq!(event.event.payload["details"]["labels"], json!(["price-list"]));
    running.kill();
}

#[test]
fn a_log_that_goes_to_a_file_holds_no_colours_and_a_missing_secret_is_told_with_a_remedy() {
    let dir = tempfile::tempdir().expect("a folder");
    rows(dir.path(), "rows.jsonl", &[0, 1]);
    let text = "gateway:\n  advisers:\n    - {name: a, kind: lakera_guard, endpoint: 'https://guard.example', api_key: {env: NO_SUCH_NAME}}\n";
    std::fs::write(dir.path().join("casemate.yaml"), text).expect("writes");
    let said = stderr(&run(dir.path(), &["check"]));
    assert!(said.contains("set NO_SUCH_NAME in the environment"), "{said}");
    let text = format!(
        "gateway:\n  listen: 127.0.0.1:{}\n  upstreams:\n    - {{name: local, dialect: openai, base_url: 'http://127.0.0.1:9'}}\n",
        free_port()
    );
    std::fs::write(dir.path().join("casemate.yaml"), text).expect("writes");
    let mut gateway = casemate();
    // Colours would be wanted, if a terminal were there.
    gateway.env_remove("NO_COLOR").current_dir(dir.path()).arg("gateway").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running(gateway.spawn().expect("starts"));
    let mut first = String::new();
    BufReader::new(running.0.stderr.as_mut().expect("piped")).read_line(&mut first).expect("logs");
    running.kill();
    assert!(first.contains("INFO") && !first.contains('\u{1b}'), "{first:?}");
}

#[test]
fn a_check_that_does_not_load_fails_the_start_with_file_and_line() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("broken.bin"), "not a model").expect("writes");
    configuration(dir.path(), free_port(), "broken.bin");
    for command in ["check", "gateway"] {
        let output = run(dir.path(), &[command]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for part in [
            "gateway.tiers.default.checks[0].path in casemate.yaml, line 8, column 11: `- path: broken.bin`",
            "does not load",
            "casemate train",
        ] {
            assert!(said.contains(part), "{part} is not in:\n{said}");
        }
    }
}
