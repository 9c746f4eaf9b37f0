//! `kill -9` at ten random moments: no acknowledged alert is lost, no action is done twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casemate_demo::Caller;
use casemate_store::clock::Clock;
use casemate_store::model::{AlertId, AlertState, RunState};
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::{Alerts, Runs};
use serde_json::{Value, json};

use crate::process::{Running, casemate, free_port};
use crate::stub::CountingStub;

const KILLS: u64 = 10;
const ALERTS_MAX: u64 = 400;

/// A new seed, or that of an earlier failure.
#[expect(clippy::disallowed_methods, reason = "a test may be given the seed of an earlier failure")]
pub(crate) fn seed() -> u64 {
    let given = std::env::var("CASEMATE_SEED").ok().and_then(|s| s.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}

/// The next of a row of numbers that looks random.
pub(crate) const fn xorshift(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let seed = seed();
    println!("seed {seed} (CASEMATE_SEED repeats it)");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().expect("a runtime");
    runtime.block_on(play(seed));
}

#[expect(clippy::print_stdout, reason = "a test says how far it came")]
async fn play(seed: u64) {
    let dir = tempfile::tempdir().expect("a folder");
    let stub = CountingStub::start();
    let port = free_port();
    let config = configure(dir.path(), port, &stub);
    let acknowledged: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let over = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let poster = tokio::spawn(post_alerts(port, Arc::clone(&acknowledged), Arc::clone(&over), Arc::clone(&sent)));

    let mut random = seed | 1;
    for kill in 0..KILLS {
        let running = start(dir.path(), &config);
        ready(port).await;
        let alive = Duration::from_millis(50 + xorshift(&mut random) % 900);
        tokio::time::sleep(alive).await;
        running.kill();
        println!("kill {} after {alive:?}, {} acknowledged", kill + 1, acknowledged.lock().expect("whole").len());
    }
    let last = start(dir.path(), &config);
    ready(port).await;
    over.store(true, Ordering::SeqCst);
    poster.await.expect("the poster ends");
    let store = SqliteStore::open(dir.path().join("data/casemate.db"), Clock::system(), SqliteOptions::default());
    let store = store.await.expect("the store opens");
    let acknowledged: Vec<String> = acknowledged.lock().expect("whole").iter().cloned().collect();
    assert!(acknowledged.len() > 20, "only {} alerts were acknowledged: the test shows nothing", acknowledged.len());

    let mut cases = BTreeSet::new();
    for id in &acknowledged {
        let alert = wait_for(id, || async {
            let alert =
                store.alert(&AlertId(id.clone())).await.unwrap_or_else(|e| panic!("seed {seed}: {id} is lost: {e}"));
            (alert.state == AlertState::Triaged).then_some(alert)
        })
        .await;
        cases.insert(alert.case.expect("a triaged alert has a case"));
    }
    for case in &cases {
        let run = wait_for(case.as_str(), || async {
            let runs = store.runs_of_case(case).await.expect("runs");
            assert!(runs.len() <= 1, "seed {seed}: {case} has {} runs", runs.len());
            runs.into_iter().find(|r| r.state.is_final())
        })
        .await;
        if run.state != RunState::Completed {
            let log = store.run_events(&run.id).await.expect("its log");
            panic!("seed {seed}: {case}: run {} is {}: {log:#?}", run.id, run.state.as_str());
        }
    }
    drop(last);
    let counts = stub.counts.lock().expect("whole");
    let twice: Vec<_> = counts.by_key.iter().filter(|(_, n)| **n != 1).collect();
    assert!(twice.is_empty(), "seed {seed}: done more than once: {twice:?}");
    let done: BTreeSet<String> = counts
        .bodies
        .iter()
        .filter_map(|b| serde_json::from_str::<Value>(b).ok()?["case"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(done.len(), counts.bodies.len(), "seed {seed}: a case was acted on under two keys");
    for case in &cases {
        assert!(done.contains(case.as_str()), "seed {seed}: {case} was never acted on");
    }
    println!(
        "{} alerts acknowledged, {} cases, {} actions, each once",
        acknowledged.len(),
        cases.len(),
        counts.bodies.len()
    );
}

/// Looks until there is an answer, at most a minute.
async fn wait_for<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    for _ in 0..600 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what}: nothing within a minute")
}

/// Posts alerts one after the other, each about a data set of its own, each until it is acknowledged.
async fn post_alerts(
    port: u16,
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
) {
    let caller = Caller::at([127, 0, 0, 1].into()).with_bearer("posted-by-the-test");
    for n in 0..ALERTS_MAX {
        let alert = json!({"rule": "kill/test", "title": format!("alert {n}"), "dataset": format!("set-{n}")});
        let caller = caller.clone().with("x-delivery-id", format!("delivery-{n}"));
        loop {
            let answer = caller.post(([127, 0, 0, 1], port).into(), "/api/v1/alerts/kill", &alert).await;
            if let Ok(answer) = answer {
                assert!(answer.status.is_success(), "{}: {}", answer.status, answer.text());
                let ids = ids_of(&answer.json());
                assert!(!ids.is_empty(), "acknowledged without an id: {}", answer.text());
                acknowledged.lock().expect("whole").extend(ids);
                sent.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if over.load(Ordering::SeqCst) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if over.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// Every alert id in an acknowledgement.
fn ids_of(answer: &Value) -> Vec<String> {
    match answer {
        Value::String(text) if text.starts_with("alert-") => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(ids_of).collect(),
        Value::Object(all) => all.values().flat_map(ids_of).collect(),
        _ => Vec::new(),
    }
}

async fn ready(port: u16) {
    let caller = Caller::at([127, 0, 0, 1].into());
    wait_for("the response engine", || async {
        caller.get(([127, 0, 0, 1], port).into(), "/healthz").await.ok().filter(|a| a.status == 200)
    })
    .await;
}

fn start(dir: &Path, config: &Path) -> Running {
    let child = casemate().current_dir(dir).arg("up").arg("--config").arg(config).stderr(Stdio::null()).spawn();
    Running(child.expect("starts"))
}

fn configure(dir: &Path, port: u16, stub: &CountingStub) -> std::path::PathBuf {
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("makes a folder");
        std::fs::write(&path, text).expect("writes");
        path
    };
    write("token", "posted-by-the-test");
    write(
        "playbooks/notify.yaml",
        r"playbook: notify
title: Tell the stub
trigger: {rules: [kill/test], entities: [dataset], tiers: [2, 3, 4]}
steps:
  - step: note
    name: Note it
    phase: enrichment
    action: case.note
    args: {text: 'seen ${alert.title}'}
  - step: tell
    name: Tell the stub
    phase: action
    action: http.request
    mode: verify
    args:
      connection: stub
      method: POST
      path: [notify]
      body: {case: '${case.id}'}
  - step: hand-off
    name: Hand it off
    phase: handoff
    action: case.handoff
    args: {summary: told}
",
    );
    write(
        "casemate.yaml",
        &format!(
            r#"
data_dir: {0}/data
log: {{level: error}}
gateway:
  listen: 127.0.0.1:{2}
  endpoints: [{{name: churn, url: "http://{1}/churn"}}]
console: {{listen: "127.0.0.1:{3}"}}
respond:
  listen: 127.0.0.1:{port}
  playbooks: {0}/playbooks
  sources:
    - name: kill
      kind: generic
      auth: {{bearer: {{token: {{file: {0}/token}}}}}}
      mapping: {{rule: raw.rule, title: raw.title, severity: "'high'", entities: {{dataset: raw.dataset}}}}
  connections:
    - {{name: stub, url: "http://{1}", verify: "/seen/{{key}}"}}
  egress: {{hosts: ["127.0.0.1"], private_ranges: ["127.0.0.0/8"], plain_http: true}}
"#,
            dir.display(),
            stub.addr,
            free_port(),
            free_port()
        ),
    )
}
