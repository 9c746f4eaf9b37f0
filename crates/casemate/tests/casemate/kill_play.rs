//! `kill -9` at ten random moments of the demonstration's own play: it goes on where it was, to its expected end, and no
//! case is announced twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use casemate_store::clock::Clock;
use casemate_store::model::{AlertState, RunState, TenantId};
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::{Alerts, Audit, Cases, Containments, Runs};
use serde_json::Value;

use crate::kill::{seed, xorshift};
use crate::process::{Running, casemate};
use crate::stub::CountingStub;

const KILLS: u32 = 10;
/// A whole play takes about so long; a kill comes anywhere in it.
const PLAY_MS: u64 = 16_000;
/// And so long from the surge on.
const ACTION_MS: u64 = 6_000;

#[test]
fn a_play_that_is_killed_again_and_again_comes_to_its_end_with_nothing_done_twice() {
    let seed = seed();
    println!("seed {seed} (CASEMATE_SEED repeats it)");
    let mut random = seed | 1;
    let mut kills = 0;
    while kills < KILLS {
        kills = one_play(seed, &mut random, kills);
    }
}

/// One play to its end, killed on its way while there are kills left; how many there were.
#[expect(clippy::print_stdout, reason = "a test says how far it came")]
fn one_play(seed: u64, random: &mut u64, mut kills: u32) -> u32 {
    let dir = tempfile::tempdir().expect("a folder");
    let stub = CountingStub::start();
    let output = loop {
        let running = start(dir.path(), &stub);
        if kills == KILLS {
            break Some(running.finish());
        }
        // Most of a play is quiet traffic; every other kill is kept for the part in which cases are opened and acted on.
        let (cue, within_ms) = if kills.is_multiple_of(2) { ("", PLAY_MS) } else { ("[2/6]", ACTION_MS) };
        let alive = Duration::from_millis(xorshift(random) % within_ms);
        match running.kill_after(cue, alive) {
            Some(output) => break Some(output),
            None => kills += 1,
        }
        let kept = stage(dir.path());
        println!("kill {kills} {alive:?} after {cue:?}, scenes over: {}", scenes_over(&kept));
        // Killed after its end and before it had gone: the next start would be another play.
        if kept["finished"] == true {
            break None;
        }
    };
    if let Some(output) = output {
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("seed {seed}: {e}: {said}"));
        assert_eq!(report["ok"], true, "seed {seed}: {report:#}\n{said}");
        assert_eq!(output.status.code(), Some(0));
    }

    let cases = tokio::runtime::Runtime::new().expect("a runtime").block_on(judge(dir.path(), seed));
    let counts = stub.counts.lock().expect("whole");
    let twice: Vec<_> = counts.by_key.iter().filter(|(_, n)| **n != 1).collect();
    assert!(twice.is_empty(), "seed {seed}: announced more than once: {twice:?}");
    let announced: Vec<String> = counts.bodies.iter().filter_map(|b| case_of(b)).collect();
    let distinct: BTreeSet<String> = announced.iter().cloned().collect();
    assert_eq!(distinct.len(), announced.len(), "seed {seed}: a case was announced under two keys");
    assert_eq!(distinct, cases, "seed {seed}: each case is announced once, and nothing else is");
    println!("the play ends: {} cases, each announced once", cases.len());
    kills
}

/// What the store says: every alert triaged, one run for each case and that at its end, no containment twice. The cases with a run.
async fn judge(dir: &Path, seed: u64) -> BTreeSet<String> {
    let store = SqliteStore::open(dir.join("play/data/casemate.db"), Clock::system(), SqliteOptions::default());
    let store = store.await.expect("the store opens");
    assert_eq!(
        store.count_alerts(AlertState::Received).await.expect("counts"),
        0,
        "seed {seed}: alerts were left lying"
    );
    assert!(store.dead_letters(10).await.expect("letters").is_empty(), "seed {seed}: alerts were given up");
    let cases = store.list_cases(&TenantId("*".into()), None, 0, 200).await.expect("cases");
    let mut worked_on = BTreeSet::new();
    for case in &cases {
        let runs = store.runs_of_case(&case.id).await.expect("runs");
        let states: Vec<_> = runs.iter().map(|r| r.state).collect();
        assert!(states.is_empty() || states == [RunState::Completed], "seed {seed}: {} has runs {states:?}", case.id);
        worked_on.extend(runs.first().map(|r| r.case.0.clone()));
    }
    let mut held = BTreeSet::new();
    for c in store.recent_containments(200).await.expect("containments") {
        let what = format!("{:?} {:?} {:?}", c.target, c.scope, c.effect);
        assert!(held.insert(what.clone()), "seed {seed}: put in force twice: {what}");
    }
    assert_eq!(
        held.len(),
        5,
        "seed {seed}: a range, an address, a data set, a pipeline and a version are held: {held:#?}"
    );
    assert_eq!(store.verify_audit().await.expect("reads"), None, "seed {seed}: the audit log is broken");
    worked_on
}

fn start(dir: &Path, stub: &CountingStub) -> Running {
    let mut command = casemate();
    command.current_dir(dir).args(["up", "--demo", "--exit", "--format", "json", "--dir", "play", "--announce"]);
    let child = command.arg(stub.addr.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    Running(child.expect("starts"))
}

/// The case that an announcement names.
fn case_of(body: &str) -> Option<String> {
    serde_json::from_str::<Value>(body).ok()?["case"].as_str().map(str::to_owned)
}

/// Where the play is, as it is kept over a kill.
fn stage(dir: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join("play/stage.json")).unwrap_or_default()).unwrap_or_default()
}

/// Ids of the scenes that are over.
fn scenes_over(stage: &Value) -> String {
    let done = stage["done"].as_array().into_iter().flatten();
    done.filter_map(|s| s["id"].as_str()).collect::<Vec<_>>().join(" ")
}
