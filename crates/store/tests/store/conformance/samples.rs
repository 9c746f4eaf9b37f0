//! Rows to write.

use casemate_finding::{Entity, EntityKind, Severity, UnixMs};
use casemate_store::Store;
use casemate_store::model::*;
use serde_json::{Value, json};

pub const T0: UnixMs = UnixMs(1_800_000_000_000);

pub fn acme() -> TenantId {
    "acme".into()
}

pub fn alert(n: u32) -> NewAlert {
    NewAlert {
        tenant: acme(),
        source: "dlp".into(),
        delivery_id: Some(format!("d{n}")),
        content_hash: format!("h{n}"),
        received_at: T0.plus_ms(i64::from(n)),
        raw: json!({"n": n, "text": "Grüße \"quoted\" \u{0}", "deep": [1, {"x": 1.5}]}),
    }
}

pub fn case(id: &str) -> Case {
    Case {
        id: id.into(),
        tenant: acme(),
        title: "Poisoned data set".into(),
        severity: Severity::High,
        state: CaseState::Open,
        risk: 0.7,
        assignee: None,
        entities: vec![Entity::new(EntityKind::Dataset, "fraud-train")],
        atlas: vec!["AML.T0020".into()],
        decision: json!({"p": 0.7}),
        alerts: 1,
        opened_at: T0,
        updated_at: T0,
        due_at: None,
        closed_at: None,
        verdict: None,
    }
}

pub fn incident(id: &str, case: &str) -> Incident {
    Incident {
        id: id.into(),
        tenant: acme(),
        fingerprint: "dataset:fraud-train".into(),
        alerts: 1,
        first_at: T0,
        last_at: T0,
        closed: false,
        case: case.into(),
    }
}

pub fn entry(text: &str, at: i64) -> TimelineEntry {
    TimelineEntry {
        seq: 99,
        at: T0.plus_ms(at),
        actor: "triage".into(),
        kind: "note".into(),
        text: text.into(),
        data: json!({"k": 1}),
    }
}

/// Ingests alert `n` and puts it into incident and case.
pub async fn triaged(store: &dyn Store, n: u32, incident_id: &str, case_id: &str) -> AlertId {
    let Ingested::New(id) = store.ingest(&[alert(n)], 0).await.expect("ingest")[0].clone() else { panic!("not new") };
    let stored = store.alert(&id).await.expect("alert");
    let stored = Alert { title: "seen".into(), rule: "dlp/poison".into(), severity: Severity::High, ..stored };
    let stored = Alert { incident: Some(incident_id.into()), case: Some(case_id.into()), ..stored };
    let new = store
        .record_triage(&stored, &incident(incident_id, case_id), &case(case_id), &[entry("alert", 0)])
        .await
        .expect("record");
    assert!(new);
    id
}

pub fn run(id: &str, case_id: &str) -> Run {
    Run {
        id: id.into(),
        idempotency_key: format!("{case_id}/poisoned"),
        tenant: acme(),
        case: case_id.into(),
        playbook_name: "poisoned".into(),
        playbook_digest: "ab".into(),
        playbook: json!({"type": "playbook"}),
        input: json!({}),
        state: RunState::Running,
        started_at: T0,
        updated_at: T0,
    }
}

pub fn run_event(seq: i64, event: Value) -> RunEvent {
    RunEvent { seq, at: T0.plus_ms(seq), event }
}

pub fn intent(key: &str, run: &str) -> Intent {
    Intent {
        key: key.into(),
        run: run.into(),
        step: "block".into(),
        command: json!({"action": "gateway.block"}),
        undo: Value::Null,
        at: T0,
        result: None,
    }
}

pub fn containment(id: &str, expires_in_ms: i64) -> Containment {
    Containment {
        id: id.into(),
        idempotency_key: format!("key-{id}"),
        tenant: acme(),
        target: Target::Range("203.0.113.0/24".into()),
        scope: Some("churn".into()),
        effect: Effect::Limit { requests_per_min: 60 },
        reason: "surge".into(),
        created_by: "run r1".into(),
        case: Some("case-1".into()),
        created_at: T0,
        expires_at: T0.plus_ms(expires_in_ms),
        lifted_at: None,
    }
}

pub fn approval(id: &str, expires_in_ms: i64) -> Approval {
    Approval {
        id: id.into(),
        idempotency_key: format!("key-{id}"),
        tenant: acme(),
        case: Some("case-1".into()),
        run: Some("run-1".into()),
        step: "hold".into(),
        question: "Hold training?".into(),
        command: json!({"action": "pipeline.hold"}),
        command_digest: "d1".into(),
        needed: 2,
        roles: vec![Role::Approver, Role::Admin],
        requested_by: "run run-1".into(),
        votes: vec![],
        state: ApprovalState::Pending,
        created_at: T0,
        expires_at: T0.plus_ms(expires_in_ms),
        call: None,
    }
}

pub fn vote(by: &str, at: i64) -> Vote {
    Vote {
        by: by.into(),
        role: Role::Approver,
        decision: Decision::Approve,
        reason: "looked at it".into(),
        at: T0.plus_ms(at),
    }
}
