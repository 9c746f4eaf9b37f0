//! The situations of the design, with the playbooks that ship.

use casemate_finding::{Entity, EntityKind, Severity, Signal};
use casemate_store::Store;
use casemate_store::canonical::sha256_hex;
use casemate_store::clock::Clock;
use casemate_store::model::*;
use serde_json::{Value, json};

use crate::world::{World, until};

async fn signal(store: &dyn Store, n: u32, rule: &str, severity: Severity, entities: Vec<Entity>, details: Value) {
    let signal = Signal {
        rule: rule.into(),
        title: format!("{rule} <script>alert(1)</script>"),
        severity,
        confidence: 0.9,
        entities,
        atlas: vec!["AML.T0040".into()],
        details,
    };
    let event = NewEvent {
        source: "gateway".into(),
        kind: "signal".into(),
        tenant: TenantId::default_tenant(),
        dedupe_key: format!("e{n}"),
        at: Clock::system().now(),
        payload: json!(signal),
    };
    store.append_events(&[event]).await.expect("append");
}

async fn run_at(store: &dyn Store, state: RunState) -> Run {
    until("the run's state", 20, || async move {
        let runs = store.list_runs(&"*".into(), 0, 10).await.expect("runs");
        runs.into_iter().find(|r| r.state == state)
    })
    .await
}

async fn texts(store: &dyn Store, case: &CaseId) -> Vec<String> {
    store.timeline(case, 0, 1_000).await.expect("timeline").into_iter().map(|e| e.text).collect()
}

#[tokio::test]
async fn a_surge_is_limited_with_an_end_and_handed_off() {
    let world = World::start(json!({})).await;
    let store = &*world.store;
    let entities =
        || vec![Entity::new(EntityKind::Range, "203.0.113.0/24"), Entity::new(EntityKind::Endpoint, "churn-endpoint")];
    let details = json!({"baseline_per_min": 60, "observed_per_min": 300, "distinct_queries": 0.2});
    let begun = Clock::system().now();
    signal(store, 1, "gateway/surge", Severity::High, entities(), details.clone()).await;
    let limit = until("the limit", 20, || async {
        store.active_containments(Clock::system().now()).await.expect("active").into_iter().next()
    })
    .await;
    eprintln!("signal to limit in force: {} ms", limit.created_at.since_ms(begun));
    assert_eq!(limit.target, Target::Range("203.0.113.0/24".into()));
    assert_eq!(limit.effect, Effect::Limit { requests_per_min: 30 });
    assert_eq!(limit.expires_at.since_ms(limit.created_at), 30 * 60_000, "it ends by itself");

    let run = run_at(store, RunState::Completed).await;
    let case = store.case(&run.case).await.expect("case");
    assert_eq!((case.state, case.severity, case.alerts), (CaseState::HandedOff, Severity::High, 1));
    assert!(
        case.risk > 0.0 && case.decision["arithmetic"].as_array().is_some_and(|a| a.len() == 8),
        "{}",
        case.decision
    );
    assert_eq!(case.decision["tier"], 2, "the end-point's model is in the inventory");
    let evidence = store.evidence_of_case(&case.id).await.expect("evidence");
    assert_eq!(evidence.len(), 1, "a sample was kept");
    let audit = store.recent_audit(10).await.expect("audit");
    assert!(audit.iter().any(|e| e.action == "containment.apply" && e.subject == limit.id.0), "{audit:?}");

    let package = world.home.path().join("data/handoffs");
    let files: Vec<_> = std::fs::read_dir(package).expect("folder").map(|e| e.expect("file").path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let markdown = files.iter().find(|f| f.extension().is_some_and(|e| e == "md")).expect("Markdown");
    let markdown = std::fs::read_to_string(markdown).expect("read");
    assert!(markdown.contains(&evidence[0].head), "the chain's head is in the package");
    assert!(!markdown.contains("<script>"), "alert text is never markup");

    // More of the same folds into the case and starts nothing anew.
    for n in 2..=6 {
        signal(store, n, "gateway/surge", Severity::High, entities(), json!({"observed_per_min": 300 + n})).await;
    }
    until("the storm", 20, || async { (store.case(&case.id).await.expect("case").alerts == 6).then_some(()) }).await;
    assert_eq!(store.list_runs(&"*".into(), 0, 10).await.expect("runs").len(), 1);
    assert_eq!(store.list_cases(&"*".into(), None, 0, 10).await.expect("cases").len(), 1);
}

#[tokio::test]
async fn key_stuffing_blocks_the_address() {
    let world = World::start(json!({})).await;
    let store = &*world.store;
    let entities = vec![Entity::new(EntityKind::Address, "198.51.100.7"), Entity::new(EntityKind::Key, "k-hit")];
    signal(store, 1, "gateway/key-stuffing", Severity::High, entities, json!({"tried": 40, "invalid": 39})).await;
    let run = run_at(store, RunState::Completed).await;
    let active = store.active_containments(Clock::system().now()).await.expect("active");
    let got: Vec<_> = active.iter().map(|c| (c.target.clone(), c.effect.clone())).collect();
    assert_eq!(
        got,
        [
            (Target::Range("198.51.100.7/32".into()), Effect::Block),
            (Target::Key("k-hit".into()), Effect::Limit { requests_per_min: 10 }),
        ]
    );
    let told = texts(store, &run.case).await;
    for line in
        ["opened by gateway", "playbook key-stuffing began", "Block the address", "playbook key-stuffing is done"]
    {
        assert_eq!(told.iter().filter(|t| t.contains(line)).count(), 1, "{line} in {told:#?}");
    }
}

/// Posts the alert of a poisoned data set and waits for the question.
async fn poisoned(world: &World) -> Approval {
    std::fs::write(world.home.path().join("evidence/fraud.csv"), "amount,label\n1,0\n2,1\n").expect("write");
    let alert = json!({
        "rule": "dlp/poisoned-dataset", "title": "manipulated samples", "severity": "high", "confidence": 0.9,
        "dataset": "fraud-train", "user": "mallory",
    });
    assert_eq!(world.post(alert.to_string(), Some("dlp-1")).await.0, 202);
    let store = &*world.store;
    until("the question", 20, || async {
        store.pending_approvals(&"*".into()).await.expect("pending").into_iter().next()
    })
    .await
}

fn vote(by: &str, decision: Decision) -> Vote {
    Vote { by: by.into(), role: Role::Analyst, decision, reason: "seen".into(), at: Clock::system().now() }
}

#[tokio::test]
async fn a_poisoned_data_set_is_preserved_first_and_held_when_people_agree() {
    let world = World::start(json!({})).await;
    let store = &*world.store;
    let asked = poisoned(&world).await;
    let waiting = run_at(store, RunState::Waiting).await;
    assert_eq!(asked.run.as_ref(), Some(&waiting.id));
    let case = asked.case.clone().expect("a run's case");
    until("the case waits", 10, || async {
        (store.case(&case).await.expect("case").state == CaseState::Waiting).then_some(())
    })
    .await;
    let bytes = b"amount,label\n1,0\n2,1\n";
    let evidence = store.evidence_of_case(&case).await.expect("evidence");
    assert_eq!((evidence.len(), evidence[0].item.sha256.as_str()), (1, sha256_hex(&[bytes]).as_str()));
    let sha = &evidence[0].item.sha256;
    let kept = std::fs::read(world.home.path().join("data/evidence").join(&sha[..2]).join(sha)).expect("in the vault");
    assert_eq!(kept, bytes);
    let now = Clock::system().now();
    assert!(store.active_containments(now).await.expect("active").is_empty(), "nothing is held without people");
    let log = store.run_events(&waiting.id).await.expect("log");
    let first = log.iter().find(|e| e.event["event"] == "intent_recorded").expect("an intent");
    assert_eq!(first.event["place"], "preserve", "preserved before anything else");

    let wrong = store.vote(&asked.id, vote("bob", Decision::Approve), "another digest").await;
    assert!(wrong.is_err(), "what was seen is what runs");
    store.vote(&asked.id, vote("bob", Decision::Approve), &asked.command_digest).await.expect("vote");
    let done = run_at(store, RunState::Completed).await;
    let active = store.active_containments(Clock::system().now()).await.expect("active");
    let targets: Vec<_> = active.into_iter().map(|c| c.target).collect();
    assert_eq!(targets, [Target::Dataset("fraud-train".into()), Target::Pipeline("fraud-nightly".into())]);
    assert_eq!(store.case(&done.case).await.expect("case").state, CaseState::HandedOff);
    let told = texts(store, &done.case).await;
    assert_eq!(told.iter().filter(|t| t.starts_with("bob approved")).count(), 1, "{told:#?}");
}

#[tokio::test]
async fn a_denied_hold_is_not_done_and_the_case_is_handed_off_all_the_same() {
    let mut world = World::start(json!({})).await;
    let asked = poisoned(&world).await;
    // The answer comes while the engine is down.
    world.stop().await;
    world.store.vote(&asked.id, vote("bob", Decision::Deny), &asked.command_digest).await.expect("vote");
    let settings = World::settings(world.home.path(), json!({}));
    let again = casemate_respond::Respond::start(settings, world.store.clone(), Clock::system()).await.expect("start");
    world.running = Some(again);
    let store = &*world.store;
    let done = run_at(store, RunState::Completed).await;
    assert!(store.active_containments(Clock::system().now()).await.expect("active").is_empty());
    assert_eq!(store.case(&done.case).await.expect("case").state, CaseState::HandedOff);
    assert_eq!(store.approvals_of_case(&done.case).await.expect("approvals").len(), 1, "asked once, not once a start");
}

#[tokio::test]
async fn a_question_that_nobody_answers_lapses() {
    let home = tempfile::tempdir().expect("folder");
    let text = "playbook: ask\ntitle: Ask\ntrigger: {rules: [dlp/*]}\nsteps:\n  - step: block\n    phase: action\n    \
                action: gateway.block\n    args: {target: {kind: address, value: 192.0.2.1}}\n    \
                undo: {action: gateway.lift, args: {target: {kind: address, value: 192.0.2.1}}}\n    lasts: 1h\n    \
                approval: {roles: [analyst], expires: 1s}\n";
    std::fs::write(home.path().join("ask.yaml"), text).expect("write");
    let world = World::start(json!({"playbooks": home.path()})).await;
    let store = &*world.store;
    let alert = json!({"rule": "dlp/x", "title": "t", "dataset": "d"}).to_string();
    assert_eq!(world.post(alert, None).await.0, 202);
    let run = run_at(store, RunState::Completed).await;
    let approvals = store.approvals_of_case(&run.case).await.expect("approvals");
    assert_eq!(approvals.iter().map(|a| a.state).collect::<Vec<_>>(), [ApprovalState::Expired]);
    assert!(store.recent_containments(10).await.expect("containments").is_empty());
    let told = texts(store, &run.case).await;
    assert!(told.iter().any(|t| t.contains("nobody answered in time")), "{told:#?}");
}

#[tokio::test]
async fn what_a_person_closed_is_not_joined_again() {
    let world = World::start(json!({"playbooks": null})).await;
    let store = &*world.store;
    let post = |n: u32| {
        json!({"rule": "dlp/leak", "title": format!("leak {n}"), "dataset": "fraud-train", "n": n}).to_string()
    };
    assert_eq!(world.post(post(1), None).await.0, 202);
    let first =
        until("a case", 20, || async { store.list_cases(&"*".into(), None, 0, 9).await.expect("cases").pop() }).await;
    let entry = TimelineEntry {
        seq: 0,
        at: Clock::system().now(),
        actor: "bob".into(),
        kind: "state".into(),
        text: "closed".into(),
        data: Value::Null,
    };
    store.close_case(&first.id, Verdict::FalsePositive, &entry).await.expect("close");
    assert_eq!(world.post(post(2), None).await.0, 202);
    let cases = until("another case", 20, || async {
        let cases = store.list_cases(&"*".into(), None, 0, 9).await.expect("cases");
        (cases.len() == 2).then_some(cases)
    })
    .await;
    assert_eq!((cases[1].state, cases[1].alerts, cases[0].alerts), (CaseState::Closed, 1, 1));
    let p = |case: &Case| case.decision["summary"].as_str().map(|s| s[..8].to_owned());
    assert_eq!(p(&cases[1]).as_deref(), Some("p = 0.50"), "the source says nothing of how sure it is");
    assert_eq!(p(&cases[0]).as_deref(), Some("p = 0.40"), "the rule was wrong once: (4 × 0.5 + 0) / (4 + 1)");
}

#[tokio::test]
async fn one_delivery_of_several_alerts_is_several_alerts() {
    let auth = json!({"bearer": {"token": {"file": "token"}}});
    let world = World::start(json!({
        "playbooks": null, "sources": [{"name": "dlp", "kind": "alertmanager", "auth": auth}],
    }))
    .await;
    let alert = |name: &str| {
        json!({
            "status": "firing", "labels": {"alertname": name, "severity": "critical", "instance": name},
            "annotations": {"summary": name}, "startsAt": "2026-11-21T20:00:00Z", "fingerprint": name,
        })
    };
    let body =
        json!({"version": "4", "groupKey": "g", "status": "firing", "alerts": [alert("a"), alert("b"), alert("c")]});
    assert_eq!(world.post(body.to_string(), Some("g1")).await.0, 202);
    let store = &*world.store;
    until("three alerts", 20, || async {
        (store.count_alerts(AlertState::Triaged).await.expect("count") == 3).then_some(())
    })
    .await;
    assert_eq!(store.count_alerts(AlertState::Received).await.expect("count"), 0);
}
