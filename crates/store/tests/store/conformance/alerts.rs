use std::sync::Arc;

use casemate_store::model::*;
use casemate_store::{Store, StoreError};

use serde_json::{Value, json};

use super::samples::{T0, acme, alert, case, entry, incident, run, triaged};

pub async fn deliveries_are_one_alert(store: Arc<dyn Store>) {
    assert!(store.ingest(&[], 0).await.expect("nothing").is_empty());
    let first = store.ingest(&[alert(1), alert(2)], 0).await.expect("ingest");
    let [Ingested::New(a), Ingested::New(b)] = &first[..] else { panic!("both are new: {first:?}") };
    assert!(a < b, "ids sort by arrival");
    let repeat = NewAlert { content_hash: "changed".into(), ..alert(1) };
    let elsewhere = NewAlert { source: "siem".into(), ..alert(1) };
    let foreign = NewAlert { tenant: "other".into(), ..alert(1) };
    let second = store.ingest(&[repeat, elsewhere, foreign], 0).await.expect("ingest");
    assert_eq!(second[0], Ingested::Duplicate(a.clone()));
    assert!(matches!(second[1..], [Ingested::New(_), Ingested::New(_)]), "an id is its source's and tenant's own");

    let stored = store.alert(a).await.expect("alert");
    assert_eq!(stored.intake, alert(1), "what came in is kept verbatim");
    assert_eq!((stored.state, stored.count, stored.last_seen_at), (AlertState::Received, 1, T0.plus_ms(1)));
    let waiting: Vec<_> = store.untriaged(10).await.expect("untriaged").into_iter().map(|a| a.id).collect();
    assert_eq!(waiting[..2], [a.clone(), b.clone()]);
    assert_eq!(store.untriaged(1).await.expect("page").len(), 1);
    assert_eq!(store.count_alerts(AlertState::Received).await.expect("count"), 4);
    for unknown in ["alert-000000000099", "alert-x", "nonsense"] {
        let missing = store.alert(&unknown.into()).await;
        assert!(matches!(missing, Err(StoreError::NotFound { kind: "alert", .. })), "{unknown}");
    }
}

fn anonymous(n: i64) -> NewAlert {
    NewAlert { delivery_id: None, content_hash: "same".into(), received_at: T0.plus_ms(n), ..alert(1) }
}

pub async fn equal_content_within_a_window(store: Arc<dyn Store>) {
    let Ingested::New(id) = store.ingest(&[anonymous(0)], 1_000).await.expect("ingest")[0].clone() else { panic!() };
    let with_id = NewAlert { delivery_id: Some("x".into()), ..anonymous(999) };
    let fold = store.ingest(std::slice::from_ref(&with_id), 1_000).await.expect("ingest");
    assert_eq!(fold, [Ingested::Duplicate(id.clone())]);
    let stored = store.alert(&id).await.expect("alert");
    assert_eq!((stored.count, stored.last_seen_at), (2, T0.plus_ms(999)));

    let again = store.ingest(&[with_id], 1_000).await.expect("ingest");
    assert_eq!(again, [Ingested::Duplicate(id.clone())]);
    assert_eq!(store.alert(&id).await.expect("alert").count, 2, "a retransmission is not another occurrence");

    let later = store.ingest(&[anonymous(1_000)], 1_000).await.expect("ingest");
    assert!(matches!(later[0], Ingested::New(_)), "one past the window is news");
    let none = store.ingest(&[anonymous(1_000)], 0).await.expect("ingest");
    assert!(matches!(none[0], Ingested::New(_)), "no window, no folding");

    // What a closed case was about may come back as news.
    let alone = NewAlert { content_hash: "h7".into(), delivery_id: None, ..alert(7) };
    triaged(&*store, 7, "i7", "case-7").await;
    assert!(matches!(
        store.ingest(std::slice::from_ref(&alone), 1_000).await.expect("ingest")[0],
        Ingested::Duplicate(_)
    ));
    store.close_case(&"case-7".into(), Verdict::Benign, &entry("closed", 1)).await.expect("close");
    assert!(matches!(store.ingest(&[alone], 1_000).await.expect("ingest")[0], Ingested::New(_)));
}

pub async fn one_batch_like_many_calls(store: Arc<dyn Store>) {
    let twice = NewAlert { delivery_id: Some("x".into()), ..anonymous(0) };
    let batch = [anonymous(0), anonymous(10), twice.clone(), twice, anonymous(1_000), anonymous(5_000)];
    let got = store.ingest(&batch, 1_000).await.expect("ingest");
    let new: Vec<bool> = got.iter().map(|i| matches!(i, Ingested::New(_))).collect();
    assert_eq!(new, [true, false, false, false, true, true]);
    let Ingested::New(first) = &got[0] else { panic!() };
    assert_eq!(got[1..4], [0, 1, 2].map(|_| Ingested::Duplicate(first.clone())));
    assert_eq!(store.alert(first).await.expect("alert").count, 3, "itself and two occurrences, not the retransmission");
}

pub async fn triage_is_recorded_once(store: Arc<dyn Store>) {
    let id = triaged(&*store, 1, "i1", "case-1").await;
    let stored = store.alert(&id).await.expect("alert");
    assert_eq!(stored.state, AlertState::Triaged);
    assert_eq!((stored.rule.as_str(), stored.title.as_str()), ("dlp/poison", "seen"));
    assert_eq!((stored.incident.clone(), stored.case.clone()), (Some("i1".into()), Some("case-1".into())));
    let worse = Case { title: "twice".into(), ..case("case-1") };
    let again = store.record_triage(&stored, &incident("i1", "case-1"), &worse, &[entry("twice", 0)]).await;
    assert!(!again.expect("again"));
    assert_eq!(store.case(&"case-1".into()).await.expect("case").title, "Poisoned data set");
    assert_eq!(store.timeline(&"case-1".into(), 0, 10).await.expect("timeline").len(), 1);
    assert!(store.untriaged(10).await.expect("untriaged").is_empty());

    let other = triaged(&*store, 2, "i1", "case-1").await;
    let of_case: Vec<_> =
        store.alerts_of_case(&"case-1".into(), 0, 10).await.expect("alerts").into_iter().map(|a| a.id).collect();
    assert_eq!(of_case, [other.clone(), id.clone()], "newest first");
    assert_eq!(store.alerts_of_case(&"case-1".into(), 1, 10).await.expect("page")[0].id, id);
    assert_eq!(store.count_alerts(AlertState::Triaged).await.expect("count"), 2);

    let open = store.open_incidents(&acme(), T0).await.expect("open");
    assert_eq!(open, [incident("i1", "case-1")]);
    assert!(store.open_incidents(&acme(), T0.plus_ms(1)).await.expect("open").is_empty(), "its last alert is before");
    assert!(store.open_incidents(&"other".into(), T0).await.expect("open").is_empty());
}

pub async fn runs_begin_with_their_case(store: Arc<dyn Store>) {
    let got = store.ingest(&[alert(1), alert(2)], 0).await.expect("ingest");
    let [Ingested::New(first), Ingested::New(second)] = &got[..] else { panic!() };
    let triaged = |stored, memory, runs| Triaged {
        alert: stored,
        incident: incident("i1", "case-1"),
        memory,
        case: case("case-1"),
        timeline: vec![],
        runs,
    };
    let stored = store.alert(first).await.expect("alert");
    let memory = json!({"storms": [1]});
    let new = triaged(stored, memory.clone(), vec![run("r1", "case-1")]);
    assert!(store.record_triaged(&new).await.expect("record"));
    assert!(!store.record_triaged(&new).await.expect("again"));
    let stored = store.alert(second).await.expect("alert");
    let again = triaged(stored, Value::Null, vec![run("r2", "case-1")]);
    assert!(store.record_triaged(&again).await.expect("record"));
    let runs = store.live_runs().await.expect("runs");
    assert_eq!(runs, [run("r1", "case-1")], "the key of the second was known");
    let memories = store.incident_memories(&acme(), T0).await.expect("memories");
    assert_eq!(memories, [(incident("i1", "case-1"), memory)], "null keeps what stood");
    assert!(store.incident_memories(&"other".into(), T0).await.expect("memories").is_empty());
}

pub async fn dead_letters(store: Arc<dyn Store>) {
    let letter = DeadLetter {
        seq: 0,
        source: "dlp".into(),
        received_at: T0,
        reason: "body: not JSON".into(),
        excerpt: "<xml>".into(),
    };
    store.dead_letter(&letter).await.expect("keep");
    let got = store.ingest(&[alert(1)], 0).await.expect("ingest");
    let Ingested::New(id) = &got[0] else { panic!() };
    for _ in 0..2 {
        store.bury(id, "no rule id", T0.plus_ms(1)).await.expect("bury; a repeat changes nothing");
    }
    assert_eq!(store.alert(id).await.expect("alert").state, AlertState::Dead);
    assert!(store.untriaged(10).await.expect("untriaged").is_empty());
    let letters = store.dead_letters(10).await.expect("letters");
    assert_eq!(letters.len(), 2);
    assert!(letters[0].reason.contains("no rule id") && letters[0].reason.contains(id.as_str()));
    assert!(letters[0].excerpt.contains("Grüße"));
    assert_eq!(DeadLetter { seq: 0, ..letters[1].clone() }, letter);

    let done = triaged(&*store, 2, "i1", "case-1").await;
    assert!(matches!(store.bury(&done, "late", T0).await, Err(StoreError::Conflict { kind: "alert", .. })));
    assert!(matches!(store.bury(&"alert-000000000077".into(), "", T0).await, Err(StoreError::NotFound { .. })));
}
