use std::sync::Arc;

use casemate_finding::Severity;
use casemate_store::model::*;
use casemate_store::{Store, StoreError};

use super::samples::{T0, acme, alert, case, entry, incident, triaged};

pub async fn life_of_a_case(store: Arc<dyn Store>) {
    assert_eq!(store.next_case_id().await.expect("id"), "case-1".into());
    assert_eq!(store.next_case_id().await.expect("id"), "case-2".into());
    triaged(&*store, 1, "i1", "case-1").await;
    let id: CaseId = "case-1".into();

    store.set_case_state(&id, CaseState::Working, &entry("playbook began", 1)).await.expect("move");
    store.set_case_state(&id, CaseState::Working, &entry("playbook began", 2)).await.expect("the same again");
    store.assign_case(&id, Some("bob"), &entry("bob took it", 3)).await.expect("assign");
    for _ in 0..2 {
        store.append_timeline(&id, &entry("acted", 4), Some("k1")).await.expect("append");
    }
    store.append_timeline(&id, &entry("note", 5), None).await.expect("append");
    store.append_timeline(&id, &entry("note", 5), None).await.expect("append");
    let history = store.timeline(&id, 0, 100).await.expect("timeline");
    let texts: Vec<_> = history.iter().map(|e| e.text.as_str()).collect();
    assert_eq!(texts, ["alert", "playbook began", "bob took it", "acted", "note", "note"]);
    assert!(history.iter().zip(1..).all(|(e, seq)| e.seq == seq), "positions from 1 without gaps");
    assert_eq!(store.timeline(&id, 4, 1).await.expect("page")[0].seq, 5);

    store.close_case(&id, Verdict::TruePositive, &entry("closed", 6)).await.expect("close");
    let closed = store.case(&id).await.expect("case");
    assert_eq!((closed.state, closed.verdict), (CaseState::Closed, Some(Verdict::TruePositive)));
    assert_eq!((closed.closed_at, closed.assignee.as_deref()), (Some(T0.plus_ms(6)), Some("bob")));
    for refused in [
        store.close_case(&id, Verdict::Benign, &entry("again", 7)).await,
        store.set_case_state(&id, CaseState::Working, &entry("again", 7)).await,
        store.assign_case(&id, None, &entry("again", 7)).await,
    ] {
        assert!(matches!(refused, Err(StoreError::Conflict { kind: "case", .. })), "{refused:?}");
    }
    store.append_timeline(&id, &entry("afterthought", 8), None).await.expect("history goes on");

    let nobody: CaseId = "case-9".into();
    for missing in [
        store.case(&nobody).await.map(drop),
        store.set_case_state(&nobody, CaseState::Working, &entry("", 0)).await,
        store.append_timeline(&nobody, &entry("", 0), None).await,
        store.close_case(&nobody, Verdict::Benign, &entry("", 0)).await,
    ] {
        assert!(matches!(missing, Err(StoreError::NotFound { kind: "case", .. })), "{missing:?}");
    }
}

pub async fn triage_does_not_undo_people(store: Arc<dyn Store>) {
    triaged(&*store, 1, "i1", "case-1").await;
    let id: CaseId = "case-1".into();
    store.set_case_state(&id, CaseState::Waiting, &entry("asked", 1)).await.expect("move");
    store.assign_case(&id, Some("bob"), &entry("bob took it", 2)).await.expect("assign");
    let got = store.ingest(&[alert(2)], 0).await.expect("ingest");
    let Ingested::New(second) = &got[0] else { panic!() };
    let stored = store.alert(second).await.expect("alert");
    let news = Case { severity: Severity::Critical, alerts: 2, updated_at: T0.plus_ms(9), ..case("case-1") };
    let grown = Incident { alerts: 2, ..incident("i1", "case-1") };
    assert!(store.record_triage(&stored, &grown, &news, &[]).await.expect("record"));
    let case = store.case(&id).await.expect("case");
    assert_eq!((case.severity, case.alerts, case.updated_at), (Severity::Critical, 2, T0.plus_ms(9)));
    assert_eq!((case.state, case.assignee.as_deref()), (CaseState::Waiting, Some("bob")));
}

pub async fn closed_incidents_take_no_alerts(store: Arc<dyn Store>) {
    triaged(&*store, 1, "i1", "case-1").await;
    store.close_case(&"case-1".into(), Verdict::FalsePositive, &entry("closed", 1)).await.expect("close");
    assert!(store.open_incidents(&acme(), T0).await.expect("open").is_empty());
    let got = store.ingest(&[alert(2)], 0).await.expect("ingest");
    let Ingested::New(id) = &got[0] else { panic!() };
    let stored = store.alert(id).await.expect("alert");
    for into in ["i1", "i2"] {
        let refused = store.record_triage(&stored, &incident(into, "case-1"), &case("case-1"), &[]).await;
        assert!(matches!(refused, Err(StoreError::Conflict { kind: "incident", .. })), "{into}: {refused:?}");
    }
    assert_eq!(store.alert(id).await.expect("alert").state, AlertState::Received, "it can be tried again");
    assert!(store.record_triage(&stored, &incident("i2", "case-2"), &case("case-2"), &[]).await.expect("another case"));
}

pub async fn lists(store: Arc<dyn Store>) {
    for n in 1..=3 {
        triaged(&*store, n, &format!("i{n}"), &format!("case-{n}")).await;
    }
    store.set_case_state(&"case-2".into(), CaseState::Working, &entry("began", 1)).await.expect("move");
    let ids = |cases: Vec<Case>| cases.into_iter().map(|c| c.id.0).collect::<Vec<_>>();
    let list = |tenant: &'static str, state, offset, limit| {
        let store = store.clone();
        async move { ids(store.list_cases(&tenant.into(), state, offset, limit).await.expect("list")) }
    };
    assert_eq!(list("*", None, 0, 10).await, ["case-3", "case-2", "case-1"]);
    assert_eq!(list("acme", Some(CaseState::Open), 0, 10).await, ["case-3", "case-1"]);
    assert_eq!(list("acme", None, 1, 1).await, ["case-2"]);
    assert!(list("other", None, 0, 10).await.is_empty());
    let counts = store.count_cases(&"*".into()).await.expect("count");
    assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), 3);
    assert!(counts.contains(&(CaseState::Open, 2)) && counts.contains(&(CaseState::Working, 1)));
    assert!(counts.contains(&(CaseState::Closed, 0)), "states without cases are listed too");
}
