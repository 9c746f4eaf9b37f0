//! `kill -9` at every boundary of every step, and at random moments: nothing acknowledged is lost, no action is done twice,
//! and the runs go on within two seconds of the start. The judge is a target that carries out and counts whatever it is
//! asked.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use casemate_finding::UnixMs;
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::model::*;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use serde_json::json;

use crate::stub::{Moment, Stub};
use crate::world::{World, client, token, until};

/// Three requests to the outside and, between them, everything that changes the store.
const PLAYBOOK: &str = r"
playbook: crash
title: Many effects
trigger: {rules: [test/*], tiers: [2, 3, 4]}
steps:
  - step: preserve
    phase: enrichment
    action: evidence.preserve
    args: {what: alerts}
  - step: one
    phase: action
    action: http.request
    mode: verify
    args: {connection: stub, path: [act, one, '${case.id}'], body: {title: '${alert.title}'}}
    retry: {attempts: 5, backoff: 10ms, backoff_max: 20ms}
  - step: block
    phase: action
    action: gateway.block
    args: {target: {kind: address, value: 192.0.2.1}}
    undo: {action: gateway.lift, args: {target: {kind: address, value: 192.0.2.1}}}
    lasts: 1h
  - step: two
    phase: action
    action: http.request
    mode: verify
    args: {connection: stub, path: [act, two, '${case.id}']}
    retry: {attempts: 5, backoff: 10ms, backoff_max: 20ms}
  - step: quarantine
    phase: action
    action: dataset.quarantine
    args: {dataset: d}
  - step: three
    phase: action
    action: http.request
    mode: verify
    args: {connection: stub, path: [act, three, '${case.id}']}
    retry: {attempts: 5, backoff: 10ms, backoff_max: 20ms}
  - step: hand-off
    phase: handoff
    action: case.handoff
    args: {summary: done}
";

/// An effect that must not be repeated and cannot be asked after.
const ONCE: &str = r"
playbook: once
title: One effect
trigger: {rules: [test/*], tiers: [2, 3, 4]}
steps:
  - step: one
    phase: action
    action: http.request
    args: {connection: stub, path: [act, one, '${case.id}']}
  - step: wait
    phase: action
    action: case.note
    delay: 300ms
    args: {text: 'the one step said ${steps.one.status}'}
";

struct Scene {
    home: tempfile::TempDir,
    store: Arc<dyn Store>,
    http: reqwest::Client,
}

impl Scene {
    async fn new(stub: &Stub, playbook: &str) -> Self {
        let home = tempfile::tempdir().expect("folder");
        let playbooks = home.path().join("playbooks");
        std::fs::create_dir(&playbooks).expect("folder");
        std::fs::write(playbooks.join("crash.yaml"), playbook).expect("write");
        let config = World::config(
            home.path(),
            json!({
                "playbooks": playbooks,
                "connections": [{"name": "stub", "url": format!("http://{}", stub.addr), "verify": "/done/{key}",
                                 "verify_after_ms": 20}],
                "egress": {"hosts": ["127.0.0.1"], "private_ranges": ["127.0.0.0/8"]},
            }),
        );
        std::fs::write(home.path().join("config.json"), config.to_string()).expect("write");
        let file = home.path().join("casemate.db");
        let store = SqliteStore::open(file, Clock::system(), SqliteOptions::default()).await.expect("store");
        Self { home, store, http: client() }
    }

    /// Starts the engine as a process and waits until it serves.
    async fn spawn(&self) -> Engine {
        let here = std::env::current_exe().expect("this test's file");
        let examples = here.ancestors().nth(2).expect("target folder").join("examples");
        let (config, store) = (self.path("config.json"), self.path("casemate.db"));
        let begun = Clock::system().now();
        let started = tokio::task::spawn_blocking(move || {
            let mut child = Command::new(examples.join("respond_child"))
                .args([config, store])
                .stdout(Stdio::piped())
                .spawn()
                .expect("`cargo test` builds the example");
            let mut line = String::new();
            BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("READY");
            let addr = line.trim().strip_prefix("READY ").unwrap_or_else(|| panic!("not ready: {line:?}")).to_owned();
            (child, addr)
        });
        let (child, addr) = started.await.expect("started");
        Engine { child, addr, begun }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.home.path()).join(name)
    }

    /// Posts one alert; its id if it was acknowledged.
    async fn post(&self, engine: &Engine, n: u32) -> Option<String> {
        let body = json!({"rule": "test/x", "title": format!("alert {n}"), "address": format!("198.51.100.{n}")});
        let url = format!("http://{}/api/v1/alerts/dlp", engine.addr);
        let request = self.http.post(url).bearer_auth(token()).header("x-delivery-id", format!("d{n}"));
        let response = request.body(body.to_string()).send().await.ok()?;
        let answer: serde_json::Value = response.error_for_status().ok()?.json().await.ok()?;
        answer["id"].as_str().map(str::to_owned)
    }

    async fn finished(&self, count: usize) -> Vec<Run> {
        until("every run at its end", 60, || async {
            let runs = self.store.list_runs(&"*".into(), 0, 1_000).await.expect("runs");
            (runs.len() == count && runs.iter().all(|r| r.state.is_final())).then_some(runs)
        })
        .await
    }

    /// What must hold in the end, whatever happened on the way.
    async fn judge(&self, stub: &Stub, runs: &[Run]) {
        for run in runs {
            let told = self.store.timeline(&run.case, 0, 1_000).await.expect("timeline");
            assert_eq!(run.state, RunState::Completed, "{told:#?}");
            let ends = told.iter().filter(|e| e.text == "playbook crash is done").count();
            assert_eq!(ends, 1, "the history says everything once: {told:#?}");
            assert_eq!(self.store.evidence_of_case(&run.case).await.expect("evidence").len(), 1);
            let case = self.store.case(&run.case).await.expect("case");
            assert_eq!(case.state, CaseState::HandedOff);
        }
        let seen = stub.seen.lock().expect("lock");
        let mut counted: BTreeMap<&str, u32> = BTreeMap::new();
        for action in &seen.log {
            *counted.entry(action).or_default() += 1;
        }
        for run in runs {
            for step in ["one", "two", "three"] {
                let name = format!("{step} {}", run.case);
                assert_eq!(counted.remove(name.as_str()), Some(1), "{name}: {:#?}", seen.log);
            }
        }
        assert!(counted.is_empty(), "actions that nobody asked for: {counted:?}");
    }
}

struct Engine {
    child: Child,
    addr: String,
    begun: UnixMs,
}

impl Engine {
    /// Milliseconds since the process was started.
    fn age_ms(&self) -> i64 {
        Clock::system().now().since_ms(self.begun)
    }

    fn kill(&mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("gone");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_every_boundary_of_every_effect_repeats_nothing() {
    let (stub, mut killed) = Stub::start(Duration::ZERO).await;
    let scene = Scene::new(&stub, PLAYBOOK).await;
    let mut n = 0;
    for step in 1..=3 {
        for moment in [Moment::Before, Moment::Between, Moment::After] {
            n += 1;
            stub.kill_at(step, moment);
            let mut engine = scene.spawn().await;
            let id = scene.post(&engine, n).await.expect("acknowledged");
            tokio::time::timeout(Duration::from_secs(30), killed.recv()).await.expect("the step is reached");
            engine.kill();

            let engine = scene.spawn().await;
            let runs = scene.finished(n as usize).await;
            eprintln!("step {step} {moment:?}: over {} ms after the start", engine.age_ms());
            scene.store.alert(&id.as_str().into()).await.expect("what was acknowledged is there");
            scene.judge(&stub, &runs).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_nothing_and_repeat_nothing() {
    let (stub, _killed) = Stub::start(Duration::from_millis(5)).await;
    let scene = Scene::new(&stub, PLAYBOOK).await;
    let seed = std::process::id();
    eprintln!("seed {seed}");
    let mut random = u64::from(seed) | 1;
    let (mut n, mut acknowledged) = (0, Vec::new());
    for _round in 0..10 {
        let mut engine = scene.spawn().await;
        for _ in 0..3 {
            n += 1;
            acknowledged.extend(scene.post(&engine, n).await);
        }
        // xorshift64: the moments differ from run to run, and the seed is printed.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_millis(random % 120)).await;
        engine.kill();
    }
    assert_eq!(acknowledged.len(), 30);
    let live: Vec<Run> = scene.store.live_runs().await.expect("live");
    let engine = scene.spawn().await;
    let resumed = until("the first run goes on", 30, || async {
        for run in &live {
            let before = run.updated_at;
            let now = scene.store.run(&run.id).await.expect("run");
            if now.updated_at > before || now.state.is_final() {
                return Some(engine.age_ms());
            }
        }
        live.is_empty().then(|| engine.age_ms())
    })
    .await;
    eprintln!("{} live runs; the first went on {} ms after the start of the process", live.len(), resumed);
    assert!(resumed <= 2_000, "{resumed} ms");
    let runs = scene.finished(30).await;
    for id in &acknowledged {
        let alert = scene.store.alert(&id.as_str().into()).await.expect("what was acknowledged is there");
        assert_eq!(alert.state, AlertState::Triaged);
    }
    scene.judge(&stub, &runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_not_be_repeated_asks_a_person_after_a_crash() {
    let (stub, mut killed) = Stub::start(Duration::ZERO).await;
    let scene = Scene::new(&stub, ONCE).await;
    stub.kill_at(1, Moment::Between);
    let mut engine = scene.spawn().await;
    scene.post(&engine, 1).await.expect("acknowledged");
    tokio::time::timeout(Duration::from_secs(30), killed.recv()).await.expect("the step is reached");
    engine.kill();

    let mut engine = scene.spawn().await;
    let asked = until("the question", 30, || async {
        scene.store.pending_approvals(&"*".into()).await.expect("pending").into_iter().next()
    })
    .await;
    assert!(asked.question.contains("not known whether"), "{}", asked.question);
    let vote = Vote {
        by: "bob".into(),
        role: Role::Analyst,
        decision: Decision::Approve,
        reason: "the target has it".into(),
        at: Clock::system().now(),
    };
    scene.store.vote(&asked.id, vote, &asked.command_digest).await.expect("vote");
    // Killed again while the next step waits for its time: the timer is in the log.
    let run = asked.run.clone().expect("a run asked");
    until("the timer", 30, || async {
        let log = scene.store.run_events(&run).await.expect("log");
        log.iter().any(|e| e.event["event"] == "step_delayed").then_some(())
    })
    .await;
    engine.kill();
    let _engine = scene.spawn().await;
    let runs = scene.finished(1).await;
    assert_eq!(runs[0].state, RunState::Completed);
    assert_eq!(stub.seen.lock().expect("lock").log.len(), 1, "it was done once");
    let told = scene.store.timeline(&runs[0].case, 0, 100).await.expect("timeline");
    assert!(told.iter().any(|e| e.text == "the one step said done"), "{told:#?}");
}
