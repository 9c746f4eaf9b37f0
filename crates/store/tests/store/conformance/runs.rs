use std::sync::Arc;

use casemate_store::model::*;
use casemate_store::{Store, StoreError};
use serde_json::json;

use super::samples::{T0, intent, run, run_event};

pub async fn log_and_intents(store: Arc<dyn Store>) {
    let first = run("r1", "case-1");
    assert_eq!(store.start_run(&first).await.expect("start"), Applied::New(first.clone()));
    let again = store.start_run(&Run { id: "r1b".into(), ..first.clone() }).await.expect("again");
    assert_eq!(again, Applied::Already(first.clone()), "one run for a case and playbook");
    let id = first.id.clone();

    let events = [run_event(1, json!({"started": true})), run_event(2, json!({"step": "block"}))];
    store.append_run(&id, &events, &[intent("key1", "r1")], RunState::Running).await.expect("append");
    assert_eq!(store.run_events(&id).await.expect("log"), events);
    assert_eq!(store.intent("key1").await.expect("intent"), Some(intent("key1", "r1")));
    assert_eq!(store.intent("key2").await.expect("intent"), None);

    let done = run_event(3, json!({"done": 1}));
    let result = json!({"status": 200});
    let next = [intent("key2", "r1")];
    let recorded = store.record_result("key1", &result, std::slice::from_ref(&done), &next, RunState::Waiting).await;
    recorded.expect("result");
    assert_eq!(store.intent("key2").await.expect("the next intent"), Some(next[0].clone()));
    assert_eq!(store.intent("key1").await.expect("intent").and_then(|i| i.result), Some(result.clone()));
    let twice = store.record_result("key1", &result, &[run_event(4, json!({}))], &[], RunState::Waiting).await;
    assert!(matches!(twice, Err(StoreError::Conflict { kind: "intent", .. })));
    let unknown = store.record_result("key9", &result, &[], &[], RunState::Waiting).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { kind: "intent", .. })));

    let stored = store.run(&id).await.expect("run");
    assert_eq!((stored.state, stored.updated_at), (RunState::Waiting, T0.plus_ms(3)));
    assert_eq!(store.live_runs().await.expect("live"), [stored]);
    store.append_run(&id, &[run_event(4, json!({"end": 1}))], &[], RunState::Completed).await.expect("end");
    assert!(store.live_runs().await.expect("live").is_empty());
    let late = store.append_run(&id, &[run_event(5, json!({}))], &[], RunState::Running).await;
    assert!(matches!(late, Err(StoreError::Conflict { kind: "run", .. })), "nothing follows the end");

    let other = Run { tenant: "other".into(), ..run("r2", "case-2") };
    store.start_run(&other).await.expect("start");
    let ids = |runs: Vec<Run>| runs.into_iter().map(|r| r.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.list_runs(&"*".into(), 0, 10).await.expect("list")), ["r2", "r1"]);
    assert_eq!(ids(store.list_runs(&"*".into(), 1, 10).await.expect("list")), ["r1"]);
    assert_eq!(ids(store.list_runs(&"other".into(), 0, 10).await.expect("list")), ["r2"]);
    assert_eq!(ids(store.runs_of_case(&"case-1".into()).await.expect("of case")), ["r1"]);
    assert!(matches!(store.run(&"r9".into()).await, Err(StoreError::NotFound { kind: "run", .. })));
}

pub async fn positions_are_fought_for(store: Arc<dyn Store>) {
    store.start_run(&run("r1", "case-1")).await.expect("start");
    let id: RunId = "r1".into();
    store.append_run(&id, &[run_event(1, json!("mine"))], &[], RunState::Running).await.expect("first");
    for (why, events) in [
        ("taken", vec![run_event(1, json!("theirs"))]),
        ("gap", vec![run_event(3, json!("theirs"))]),
        ("second of two", vec![run_event(2, json!("theirs")), run_event(2, json!("theirs"))]),
    ] {
        let refused = store.append_run(&id, &events, &[intent("k", "r1")], RunState::Completed).await;
        assert!(matches!(refused, Err(StoreError::Conflict { kind: "run", .. })), "{why}: {refused:?}");
    }
    assert_eq!(store.run_events(&id).await.expect("log"), [run_event(1, json!("mine"))], "refused in one piece");
    assert_eq!(store.intent("k").await.expect("intent"), None, "with its intents");
    assert_eq!(store.run(&id).await.expect("run").state, RunState::Running);

    let step = |seq| [run_event(seq, json!("step"))];
    store.append_run(&id, &step(2), &[intent("k", "r1")], RunState::Running).await.expect("intent");
    let same = store.append_run(&id, &step(3), &[intent("k", "r1")], RunState::Running).await;
    assert!(matches!(same, Err(StoreError::Conflict { kind: "intent", .. })), "the same effect twice");
    let unknown = store.append_run(&"r9".into(), &step(1), &[], RunState::Running).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { kind: "run", .. })));
}
