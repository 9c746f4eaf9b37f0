use std::sync::Arc;

use casemate_store::Store;
use casemate_store::canonical::{canonical_json, sha256_hex};
use casemate_store::model::*;
use serde_json::json;

use super::samples::{T0, acme, alert, intent, run, run_event};

pub async fn evidence_chain(store: Arc<dyn Store>) {
    let item = |n: u32, case: &str| NewEvidence {
        idempotency_key: format!("{case}-{n}"),
        tenant: acme(),
        case: case.into(),
        name: "fraud-train.csv".into(),
        sha256: format!("{n:064}"),
        bytes: 7,
        origin: "file".into(),
        collected_by: "run r1".into(),
        collected_at: T0,
    };
    let Applied::New(first) = store.add_evidence(&item(1, "case-1")).await.expect("add") else { panic!("new") };
    let again = store.add_evidence(&NewEvidence { bytes: 9, ..item(1, "case-1") }).await.expect("again");
    assert_eq!(again, Applied::Already(first.clone()));
    let second = store.add_evidence(&item(2, "case-1")).await.expect("add").into_inner();
    let other = store.add_evidence(&item(1, "case-2")).await.expect("add").into_inner();
    assert_eq!((first.seq, second.seq, other.seq), (1, 2, 1), "a chain for each case");
    assert_ne!(first.id, other.id);
    let chain = store.evidence_of_case(&"case-1".into()).await.expect("chain");
    assert_eq!(chain, [first, second]);
    let mut head = String::new();
    for link in &chain {
        let text = canonical_json(&json!({"id": link.id, "seq": link.seq, "item": link.item}));
        head = sha256_hex(&[head.as_bytes(), text.as_bytes()]);
        assert_eq!(link.head, head, "anyone can follow the chain");
    }
}

pub async fn audit_chain(store: Arc<dyn Store>) {
    assert_eq!(store.verify_audit().await.expect("empty"), None);
    let entry = |n: u32| AuditEntry {
        seq: 77,
        at: T0,
        tenant: acme(),
        actor: "ann".into(),
        action: "key.create".into(),
        subject: format!("k{n}"),
        data: json!({"b": 0.1, "a": n}),
        hash: "ignored".into(),
    };
    let first = store.audit(&entry(1)).await.expect("audit");
    let second = store.audit(&entry(2)).await.expect("audit");
    assert_eq!((first.seq, second.seq), (1, 2));
    assert!(first.hash != second.hash && first.hash.len() == 64);
    let recent = store.recent_audit(10).await.expect("recent");
    assert_eq!(recent.iter().map(|e| e.seq).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((recent[1].subject.as_str(), &recent[1].hash), ("k1", &first.hash));
    assert_eq!(store.verify_audit().await.expect("walk"), None);
}

pub async fn changes_count_only_writes(store: Arc<dyn Store>) {
    let mut changes = store.changes();
    changes.mark_unchanged();
    store.ingest(&[alert(1)], 0).await.expect("ingest");
    assert!(changes.has_changed().expect("open"), "a write is announced by the time that it returns");
    changes.mark_unchanged();
    store.ingest(&[alert(1)], 0).await.expect("a duplicate");
    store.expire_approvals(T0).await.expect("nothing to expire");
    store.untriaged(10).await.expect("a read");
    assert!(store.revoke_key(&"k9".into(), T0).await.is_err());
    assert!(!changes.has_changed().expect("open"), "what writes nothing wakes nobody");
}

/// Callers that share commits must not see each other's refusals.
pub async fn many_callers_at_once(store: Arc<dyn Store>) {
    store.start_run(&run("r1", "case-1")).await.expect("start");
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..64_u32 {
        let store = store.clone();
        callers.spawn(async move {
            let ingested = store.ingest(&[alert(n / 2)], 0).await.expect("ingest");
            let mine = [run_event(1, json!(n))];
            let won = store.append_run(&"r1".into(), &mine, &[intent(&format!("k{n}"), "r1")], RunState::Running).await;
            (matches!(ingested[0], Ingested::New(_)), won.is_ok())
        });
    }
    let ends = callers.join_all().await;
    assert_eq!(ends.iter().filter(|(new, _)| *new).count(), 32, "each delivery is new once");
    assert_eq!(ends.iter().filter(|(_, won)| *won).count(), 1, "one writer wins a position");
    assert_eq!(store.count_alerts(AlertState::Received).await.expect("count"), 32);
    let log = store.run_events(&"r1".into()).await.expect("log");
    assert_eq!(log.len(), 1);
    let mut intents = 0;
    for n in 0..64 {
        intents += usize::from(store.intent(&format!("k{n}")).await.expect("intent").is_some());
    }
    assert_eq!(intents, 1, "the losers left no intents");
}
