//! Believable data: people, keys, traffic, cases of the shipped playbooks with their runs as the interpreter makes them,
//! and one case whose every text is hostile.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, SaltString};
use casemate_console::{Entropy, Extras, IssuedKey, KeyIssuer, KeyRequest, PlaybookSource, TierLimits};
use casemate_finding::{Entity, EntityKind, Secret, Severity, UnixMs};
use casemate_playbook::{
    ActionOutcome, ApprovalNeed, CaseFacts, Command, Event, Limits, Playbook, Program, ResolvedCommand, RunState,
    RunStatus, advance, load, pending, run_input,
};
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::model::{
    Alert, AlertState, ApiKey, Approval, ApprovalState, AuditEntry, Case, CaseState, ComponentStatus, Containment,
    DeadLetter, Effect, Incident, Ingested, KeyId, NewAlert, NewEvent, NewEvidence, Person, Role, Run, RunEvent,
    StoppedCall, Target, TenantId, TimelineEntry, Verdict,
};
use serde_json::{Map, Value, json};

type Failure = Box<dyn std::error::Error>;

/// Who there is: name, role, tenant, whether the password has to be changed.
pub const PEOPLE: [(&str, Role, &str, bool); 6] = [
    ("admin", Role::Admin, "*", false),
    ("fresh", Role::Admin, "*", true),
    ("ann", Role::Analyst, "*", false),
    ("bob", Role::Approver, "*", false),
    ("vera", Role::Viewer, "*", false),
    ("rita", Role::Engineer, "acme/retail", false),
];

/// Text that would do harm if it were put into a page as it is.
pub const HOSTILE: &str = r#"<script>alert(1)</script><img src=x onerror="alert(2)">'"><svg/onload=alert(3)>{{7*7}}"#;

const SHIPPED: [&str; 5] = [
    include_str!("../../../../playbooks/surge-on-endpoint.yaml"),
    include_str!("../../../../playbooks/key-stuffing.yaml"),
    include_str!("../../../../playbooks/injection-campaign.yaml"),
    include_str!("../../../../playbooks/poisoned-dataset.yaml"),
    include_str!("../../../../playbooks/hostile-model-version.yaml"),
];

struct Maker(Entropy);

impl KeyIssuer for Maker {
    fn issue(&self, request: &KeyRequest, now: UnixMs) -> Result<IssuedKey, String> {
        let secret = self.0.token().map_err(|e| e.to_string())?;
        let id: String = secret.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        let row = key(&id, &request.name, request.tenant.as_str(), &request.tier, now, request.expires_at);
        Ok(IssuedKey { row, key: Secret::new(format!("cm_{id}_{secret}")) })
    }
}

/// What a binary would hand in.
pub fn extras(entropy: Entropy) -> Extras {
    let tier =
        |name: &str, r, t, c| TierLimits { name: name.into(), requests_per_min: r, tokens_per_min: t, concurrent: c };
    let playbooks: Vec<PlaybookSource> = SHIPPED
        .iter()
        .map(|yaml| {
            let playbook = load(yaml, &Limits::DEFAULT).expect("the shipped playbooks load");
            PlaybookSource {
                name: yaml.lines().next().and_then(|l| l.strip_prefix("playbook: ")).unwrap_or("?").to_owned(),
                yaml: (*yaml).to_owned(),
                digest: playbook.digest(),
                cacao: serde_json::to_value(&playbook).expect("a playbook is JSON"),
            }
        })
        .collect();
    Extras {
        key_issuer: Some(Arc::new(Maker(entropy.clone()))),
        tiers: Arc::from([
            tier("free", Some(20), Some(10_000), Some(2)),
            tier("standard", Some(120), Some(200_000), Some(16)),
            tier("enterprise", Some(3_000), None, Some(256)),
        ]),
        playbooks: playbooks.into(),
        entropy,
        ..Extras::default()
    }
}

fn key(id: &str, name: &str, tenant: &str, tier: &str, at: UnixMs, expires_at: Option<UnixMs>) -> ApiKey {
    ApiKey {
        id: KeyId::from(id),
        digest: "0".repeat(64),
        tenant: tenant.into(),
        tier: tier.into(),
        name: name.into(),
        models: vec![],
        routes: vec![],
        requests_per_min: None,
        tokens_per_min: None,
        decoy: false,
        created_at: at,
        expires_at,
        revoked_at: None,
    }
}

const MIN: i64 = 60_000;

/// Fills the store; the password is the same for everybody, and new each time.
pub async fn fill(store: &dyn Store, clock: &Clock, entropy: &Entropy) -> Result<String, Failure> {
    let now = clock.now();
    let password = entropy.token()?;
    people(store, &password, entropy, now).await?;
    gateway(store, now).await?;
    let mut cases = Cases { store, number: 0 };
    cases.surge(now).await?;
    cases.stuffing(now).await?;
    cases.campaign(now).await?;
    cases.poisoned(now).await?;
    cases.hostile_model(now).await?;
    cases.hostile_text(now).await?;
    let mail = json!({"to": "accounts@vendor.example", "subject": "Invoice 4471", "text": "Paid today, thank you."});
    cases.tool_call("appr-call", "send_mail", mail, now).await?;
    cases.old(now).await?;
    for (minutes, actor, action, subject, data) in [
        (300, "admin", "key.create", "k7Qm2xPa", json!({"name": "checkout service", "tier": "standard"})),
        (190, "rita", "containment.apply", "cont-hand", json!({"target": "198.51.100.0/24", "minutes": 120})),
        (44, "ann", "case.close", "case-7", json!({"verdict": "false_positive"})),
    ] {
        let entry = AuditEntry {
            seq: 0,
            at: now.plus_ms(-minutes * MIN),
            tenant: TenantId::default_tenant(),
            actor: actor.into(),
            action: action.into(),
            subject: subject.into(),
            data,
            hash: String::new(),
        };
        store.audit(&entry).await?;
    }
    Ok(password)
}

async fn people(store: &dyn Store, password: &str, entropy: &Entropy, now: UnixMs) -> Result<(), Failure> {
    let salt = SaltString::encode_b64(&entropy.bytes::<16>()?).map_err(|e| e.to_string())?;
    let hash = argon2::Argon2::default().hash_password(password.as_bytes(), &salt).map_err(|e| e.to_string())?;
    for (name, role, tenant, must_change_password) in PEOPLE {
        store
            .put_person(&Person {
                name: name.into(),
                password_hash: hash.to_string(),
                role,
                tenant: tenant.into(),
                must_change_password,
                created_at: now.plus_ms(-9 * 1_440 * MIN),
                disabled_at: None,
            })
            .await?;
    }
    Ok(())
}

async fn gateway(store: &dyn Store, now: UnixMs) -> Result<(), Failure> {
    let day = 1_440 * MIN;
    for (id, name, tenant, tier, age, ends) in [
        ("k7Qm2xPa", "checkout service", "default", "standard", 41, None),
        ("p1Lw9sDe", "churn dashboard", "acme/retail", "standard", 23, Some(67)),
        ("z8Rt4vBn", "research notebook", "acme/research", "free", 12, Some(18)),
        ("a3Yc6hJk", "support copilot", "default", "enterprise", 80, None),
    ] {
        let ends = ends.map(|d: i64| now.plus_ms(d * day));
        store.insert_key(&key(id, name, tenant, tier, now.plus_ms(-age * day), ends)).await?;
    }
    let decoy =
        ApiKey { decoy: true, ..key("d0Ec0yXx", "old-backup", "default", "free", now.plus_ms(-60 * day), None) };
    store.insert_key(&decoy).await?;
    store.insert_key(&key("r3VoKeDd", "intern laptop", "default", "free", now.plus_ms(-90 * day), None)).await?;
    store.revoke_key(&KeyId::from("r3VoKeDd"), now.plus_ms(-3 * day)).await?;

    let limit = Effect::Limit { requests_per_min: 30 };
    for (id, target, effect, reason, by, case, from, to, tenant) in [
        (
            "cont-surge",
            Target::Range("203.0.113.0/24".into()),
            limit,
            "surge: 5.4 times the usual requests",
            "run run-1",
            Some("case-1"),
            -11,
            19,
            "acme/retail",
        ),
        (
            "cont-stuff",
            Target::Range("198.51.100.23/32".into()),
            Effect::Block,
            "37 unknown keys in 4 minutes",
            "run run-2",
            Some("case-2"),
            -24,
            36,
            "*",
        ),
        (
            "cont-hand",
            Target::Model("gpt-preview".into()),
            Effect::Block,
            "held back until the contract is signed",
            "rita",
            None,
            -190,
            1_100,
            "acme/retail",
        ),
        (
            "cont-old",
            Target::Key("z8Rt4vBn".into()),
            Effect::Limit { requests_per_min: 6 },
            "queries as diverse as those of an extraction",
            "run run-0",
            None,
            -400,
            -280,
            "acme/research",
        ),
    ] {
        let c = Containment {
            id: id.into(),
            idempotency_key: id.into(),
            tenant: tenant.into(),
            target,
            scope: (id == "cont-surge").then(|| "churn-predictor".to_owned()),
            effect,
            reason: reason.into(),
            created_by: by.into(),
            case: case.map(Into::into),
            created_at: now.plus_ms(from * MIN),
            expires_at: now.plus_ms(to * MIN),
            lifted_at: None,
        };
        store.apply_containment(&c).await?;
    }

    let series: Vec<Value> = (0..60_i64)
        .map(|i| {
            let wave = 70 + (i * 37 % 23) + if i > 30 { 14 } else { 0 };
            let surge = if (42..52).contains(&i) { 240 + (i * 13 % 40) } else { 0 };
            let limited = if (46..52).contains(&i) { surge - 30 } else { 0 };
            let blocked = if (24..29).contains(&i) { 18 + i % 5 } else { i * 7 % 3 };
            let at = now.0 - (59 - i) * MIN;
            json!({"at": at, "requests": wave + surge + blocked, "blocked": blocked, "limited": limited, "redacted": i % 4})
        })
        .collect();
    let report = json!({
        "requests": 148_212, "blocked": 1_904, "redacted": 733, "limited": 2_611, "failed": 12, "per_minute": series,
        "upstreams": [
            {"name": "local-llm", "breaker": {"state": "closed", "until": null}},
            {"name": "anthropic", "breaker": {"state": "open", "until": now.0 + 21_000}},
        ],
        "endpoints": [{"name": "churn-predictor", "breaker": {"state": "half_open", "until": null}}],
    });
    for (component, instance, age, report) in [
        ("gateway", "127.0.0.1:8080", 2, report),
        ("respond", "127.0.0.1:8081", 3, json!({})),
        ("console", "127.0.0.1:8082", 1, json!({})),
        ("gateway", "edge-2:8080", 900, json!({"requests": 40})),
    ] {
        let at = now.plus_ms(-age * 1_000);
        let status = ComponentStatus { component: component.into(), instance: instance.into(), at, report };
        store.report_status(&status).await?;
    }

    let mut events = Vec::new();
    for (i, (kind, source, tenant, title, age)) in [
        ("gate_blocked", "gate", "acme/research", "sentiment@9: call to os.system while unpickling", 46),
        ("key_stuffing", "gateway", "default", "37 unknown keys from 198.51.100.23", 25),
        ("injection_blocked", "gateway", "default", "instruction override in a tool result", 21),
        ("secret_redacted", "gateway", "default", "an AWS access key id in a streamed answer", 16),
        ("surge", "gateway", "acme/retail", "churn-predictor: 5.4 times its usual volume", 12),
        ("injection_blocked", "gateway", "default", HOSTILE, 4),
    ]
    .into_iter()
    .enumerate()
    {
        events.push(NewEvent {
            source: source.into(),
            kind: kind.into(),
            tenant: tenant.into(),
            dedupe_key: format!("gallery-{i}"),
            at: now.plus_ms(-age * MIN),
            payload: json!({"title": title}),
        });
    }
    store.append_events(&events).await?;
    store
        .dead_letter(&DeadLetter {
            seq: 0,
            source: "dlp".into(),
            received_at: now.plus_ms(-75 * MIN),
            reason: "severity: \"urgent\" is none of info, low, medium, high, critical".into(),
            excerpt: r#"{"severity": "urgent", "dataset": "loans-2026-11"}"#.into(),
        })
        .await?;
    Ok(())
}

/// What one case is made of.
struct Story<'s> {
    title: &'s str,
    tenant: &'s str,
    severity: Severity,
    state: CaseState,
    risk: f64,
    minutes_ago: i64,
    entities: Vec<Entity>,
    atlas: &'s [&'s str],
    decision: Value,
    alerts: Vec<(&'s str, &'s str, &'s str, Value)>,
}

struct Cases<'s> {
    store: &'s dyn Store,
    number: u32,
}

fn entity(kind: EntityKind, value: &str) -> Entity {
    Entity::new(kind, value)
}

impl Cases<'_> {
    async fn tell(&mut self, story: &Story<'_>, now: UnixMs) -> Result<Case, Failure> {
        self.number += 1;
        let id = self.store.next_case_id().await?;
        let at = now.plus_ms(-story.minutes_ago * MIN);
        let tenant = TenantId::from(story.tenant);
        let case = Case {
            id: id.clone(),
            tenant: tenant.clone(),
            title: story.title.into(),
            severity: story.severity,
            state: story.state,
            risk: story.risk,
            assignee: None,
            entities: story.entities.clone(),
            atlas: story.atlas.iter().map(|s| (*s).to_owned()).collect(),
            decision: story.decision.clone(),
            alerts: story.alerts.len() as u64,
            opened_at: at,
            updated_at: at.plus_ms(40_000),
            due_at: Some(at.plus_ms(240 * MIN)),
            closed_at: None,
            verdict: None,
        };
        let incident = Incident {
            id: format!("inc-{}", self.number).as_str().into(),
            tenant: tenant.clone(),
            fingerprint: format!("f{}", self.number),
            alerts: case.alerts,
            first_at: at,
            last_at: at,
            closed: false,
            case: id.clone(),
        };
        for (i, (source, rule, title, details)) in story.alerts.iter().enumerate() {
            let seen = at.plus_ms(i64::try_from(i)? * 7_000);
            let raw = json!({"rule": rule, "title": title, "details": details});
            let intake = NewAlert {
                tenant: tenant.clone(),
                source: (*source).into(),
                delivery_id: Some(format!("{}-{i}", id.as_str())),
                content_hash: format!("{}-{i}", id.as_str()),
                received_at: seen,
                raw,
            };
            let ids = self.store.ingest(std::slice::from_ref(&intake), MIN).await?;
            let Some(Ingested::New(alert_id)) = ids.into_iter().next() else {
                return Err("an alert was not new".into());
            };
            let alert = Alert {
                id: alert_id,
                intake,
                state: AlertState::Triaged,
                count: 1,
                last_seen_at: seen,
                title: (*title).into(),
                rule: (*rule).into(),
                severity: story.severity,
                entities: story.entities.clone(),
                atlas: case.atlas.clone(),
                ocsf: json!({}),
                incident: Some(incident.id.clone()),
                case: Some(id.clone()),
            };
            let line = line(seen, "triage", "alert", &format!("alert from {source}: {title}"), json!({"rule": rule}));
            self.store.record_triage(&alert, &incident, &case, &[line]).await?;
        }
        if !story.decision.is_null() {
            let text = story.decision["summary"].as_str().unwrap_or("decided").to_owned();
            self.note(&case, at.plus_ms(900), "triage", "decision", &text, json!({})).await?;
        }
        Ok(case)
    }

    async fn note(
        &self,
        case: &Case,
        at: UnixMs,
        actor: &str,
        kind: &str,
        text: &str,
        data: Value,
    ) -> Result<(), Failure> {
        Ok(self.store.append_timeline(&case.id, &line(at, actor, kind, text, data), None).await?)
    }

    /// Runs a shipped playbook on a case with the real interpreter; `answer` says what comes of each action. Stops at the
    /// first question to people, or after `steps_max` answers.
    async fn run(
        &self,
        case: &Case,
        yaml: &str,
        attributes: Value,
        answers_max: usize,
        mut answer: impl FnMut(&str, u32) -> ActionOutcome,
    ) -> Result<(), Failure> {
        let playbook: Playbook = load(yaml, &Limits::DEFAULT).map_err(|p| format!("{p:?}"))?;
        let program = Program::compile(&playbook, &[], &Limits::DEFAULT).map_err(|p| format!("{p:?}"))?;
        let id = format!("run-{}", self.number);
        let facts = CaseFacts {
            id: case.id.as_str(),
            tenant: case.tenant.as_str(),
            title: &case.title,
            severity: case.severity,
            tier: 1,
            risk: case.risk,
            rung: "rate_limit",
            entities: &case.entities,
        };
        let alert = json!({
            "title": case.title, "confidence": 0.93, "rule": "gateway/surge", "attributes": attributes,
            "entities": case.entities,
        });
        let mut at = case.opened_at.plus_ms(1_200);
        let started_at = at;
        let mut state = RunState::default();
        let mut log = vec![program.start(&id, run_input(&facts, &alert), &Map::new(), "trigger", at)];
        state.apply(&log[0]).map_err(|e| e.to_string())?;
        let mut asked: Option<(String, String, ApprovalNeed, Vec<ResolvedCommand>)> = None;
        let mut answered = 0;
        while state.status != RunStatus::Finished && asked.is_none() {
            log.extend(advance(&program, &mut state, at));
            let mut results = Vec::new();
            for command in pending(&state) {
                match command {
                    Command::Perform { place, index, attempt, key, action, .. } if answered < answers_max => {
                        answered += 1;
                        let result = answer(&action, attempt);
                        results.push((place, index, attempt, key, result));
                    }
                    Command::RequestApproval { place, step, need, commands } => {
                        asked = Some((place, step, need, commands));
                    }
                    _ => {}
                }
            }
            if results.is_empty() {
                break;
            }
            for (place, index, attempt, key, result) in results {
                at = at.plus_ms(180 + i64::from(attempt) * 41);
                let event = Event::ActionResult { place, index, attempt, key, result, by: None, at };
                state.apply(&event).map_err(|e| e.to_string())?;
                log.push(event);
            }
        }
        let run_state = match (&asked, state.status) {
            (Some(_), _) => casemate_store::model::RunState::Waiting,
            (None, RunStatus::Finished) => casemate_store::model::RunState::Completed,
            _ => casemate_store::model::RunState::Running,
        };
        let run = Run {
            id: id.as_str().into(),
            idempotency_key: id.clone(),
            tenant: case.tenant.clone(),
            case: case.id.clone(),
            playbook_name: playbook.name.clone(),
            playbook_digest: playbook.digest(),
            playbook: serde_json::to_value(&playbook)?,
            input: json!({}),
            state: casemate_store::model::RunState::Running,
            started_at,
            updated_at: started_at,
        };
        self.store.start_run(&run).await?;
        let mut events = Vec::new();
        for (i, event) in log.iter().enumerate() {
            let value = serde_json::to_value(event)?;
            let at = UnixMs(value["at"].as_i64().unwrap_or(started_at.0));
            events.push(RunEvent { seq: i64::try_from(i)? + 1, at, event: value });
        }
        self.store.append_run(&run.id, &events, &[], run_state).await?;
        self.note(case, started_at, &format!("run {id}"), "run", &format!("started “{}”", playbook.name), json!({}))
            .await?;
        for step in state.timeline() {
            let at = step.ended.or(step.started).unwrap_or(started_at);
            for c in step.commands.iter().filter(|c| c.attempts > 0 && c.command.action.starts_with("gateway.")) {
                let text =
                    format!("{}: {}", c.command.action, c.command.args["target"]["value"].as_str().unwrap_or("?"));
                self.note(case, at, &format!("run {id}"), "action", &text, c.command.args.clone()).await?;
            }
        }
        if let Some((place, step, need, commands)) = asked {
            let approval = Approval {
                id: format!("appr-{}", self.number).as_str().into(),
                idempotency_key: format!("{id}:{place}"),
                tenant: case.tenant.clone(),
                case: Some(case.id.clone()),
                run: Some(run.id.clone()),
                step: place,
                question: format!("{step}?"),
                command: json!(
                    commands.iter().map(|c| json!({"action": c.action, "args": c.args})).collect::<Vec<_>>()
                ),
                command_digest: need.digest,
                needed: need.need,
                roles: need.roles.iter().filter_map(|r| Role::parse(r)).collect(),
                requested_by: format!("run {id}"),
                votes: vec![],
                state: ApprovalState::Pending,
                created_at: at,
                expires_at: need.expires,
                call: None,
            };
            self.store.request_approval(&approval).await?;
            let text = format!("asked: {}", approval.question);
            self.note(case, at, &format!("run {id}"), "approval", &text, json!({"needed": approval.needed})).await?;
        } else if run_state == casemate_store::model::RunState::Completed {
            self.note(case, at, &format!("run {id}"), "handoff", "handed the case to the model's owner", json!({}))
                .await?;
        }
        Ok(())
    }

    async fn surge(&mut self, now: UnixMs) -> Result<(), Failure> {
        let story = Story {
            title: "Surge on churn-predictor: 5.4 times its usual volume from 203.0.113.0/24",
            tenant: "acme/retail",
            severity: Severity::High,
            state: CaseState::HandedOff,
            risk: 0.71,
            minutes_ago: 12,
            entities: vec![
                entity(EntityKind::Range, "203.0.113.0/24"),
                entity(EntityKind::Endpoint, "churn-predictor"),
                entity(EntityKind::Model, "churn"),
                entity(EntityKind::Key, "p1Lw9sDe"),
            ],
            atlas: &["AML.T0024", "AML.T0029"],
            decision: decision("rate_limit", 0.93, 4_200.0, 0.9, 310.0, 5.0, true),
            alerts: (0..31)
                .map(|i| {
                    let details = json!({"baseline_per_min": 71, "observed_per_min": 384 + i, "window_min": 5});
                    (
                        "gateway",
                        "gateway/surge",
                        "churn-predictor: five times its usual requests from one range",
                        details,
                    )
                })
                .collect(),
        };
        let case = self.tell(&story, now).await?;
        self.run(&case, SHIPPED[0], json!({"query_diversity": "0.41"}), 99, done).await?;
        self.evidence(&case, "requests-203.0.113.0-24.jsonl", 48_213, "gateway sample, last 5 minutes").await?;
        self.note(
            &case,
            now.plus_ms(-4 * MIN),
            "ann",
            "note",
            "The range belongs to a reseller; asked them what changed.",
            json!({}),
        )
        .await
    }

    async fn stuffing(&mut self, now: UnixMs) -> Result<(), Failure> {
        let story = Story {
            title: "Key stuffing from 198.51.100.23: 37 unknown keys in 4 minutes",
            tenant: "default",
            severity: Severity::Medium,
            state: CaseState::HandedOff,
            risk: 0.48,
            minutes_ago: 25,
            entities: vec![entity(EntityKind::Address, "198.51.100.23")],
            atlas: &["AML.T0012", "AML.T0040"],
            decision: decision("rate_limit", 0.97, 900.0, 0.95, 40.0, 1.0, true),
            alerts: vec![(
                "gateway",
                "gateway/key-stuffing",
                "37 distinct unknown keys from one address",
                json!({"distinct": 37, "window_min": 4, "checksum_failures": 31}),
            )],
        };
        let case = self.tell(&story, now).await?;
        self.run(&case, SHIPPED[1], json!({}), 99, done).await
    }

    async fn campaign(&mut self, now: UnixMs) -> Result<(), Failure> {
        let story = Story {
            title: "Injection campaign: 24 prompts of one kind from 5 keys",
            tenant: "default",
            severity: Severity::Medium,
            state: CaseState::Working,
            risk: 0.55,
            minutes_ago: 3,
            entities: ["k7Qm2xPa", "a3Yc6hJk", "z8Rt4vBn"].map(|k| entity(EntityKind::Key, k)).to_vec(),
            atlas: &["AML.T0051", "AML.T0054"],
            decision: decision("rate_limit", 0.81, 1_500.0, 0.7, 260.0, 5.0, true),
            alerts: vec![(
                "gateway",
                "gateway/injection-campaign",
                "24 similar injection prompts from 5 keys",
                json!({"cluster": 24, "keys": 5, "flagged": 0.92}),
            )],
        };
        let case = self.tell(&story, now).await?;
        self.run(&case, SHIPPED[2], json!({}), 4, |action, attempt| match (action, attempt) {
            ("gateway.limit", 1) => {
                ActionOutcome::Failed { message: "the gateway answered 503: shutting down".into(), retryable: true }
            }
            _ => done(action, attempt),
        })
        .await
    }

    async fn poisoned(&mut self, now: UnixMs) -> Result<(), Failure> {
        let story = Story {
            title: "Poisoned training data reported for the fraud model",
            tenant: "acme/risk",
            severity: Severity::Critical,
            state: CaseState::Waiting,
            risk: 0.88,
            minutes_ago: 7,
            entities: vec![
                entity(EntityKind::Dataset, "fraud-train@2026-11"),
                entity(EntityKind::Run, "fraud-nightly"),
                entity(EntityKind::Principal, "m.weber@acme.example"),
                entity(EntityKind::Model, "fraud-scorer"),
            ],
            atlas: &["AML.T0020", "AML.T0019"],
            decision: decision("quarantine", 0.86, 52_000.0, 0.9, 4_800.0, 700.0, false),
            alerts: vec![(
                "dlp",
                "dlp/poisoned-dataset",
                "data set with subtly manipulated training samples uploaded",
                json!({"user": "m.weber@acme.example", "rows": 41_200, "suspicious_rows": 312}),
            )],
        };
        let case = self.tell(&story, now).await?;
        self.run(&case, SHIPPED[3], json!({"file": "fraud-train.csv"}), 99, done).await?;
        self.evidence(&case, "fraud-train.csv", 8_912_004, "uploaded by m.weber@acme.example").await?;
        self.evidence(&case, "upload-audit.json", 2_118, "DLP alert").await
    }

    async fn hostile_model(&mut self, now: UnixMs) -> Result<(), Failure> {
        let story = Story {
            title: "sentiment@9 carries code that runs when it is loaded",
            tenant: "acme/research",
            severity: Severity::Critical,
            state: CaseState::HandedOff,
            risk: 0.94,
            minutes_ago: 46,
            entities: vec![entity(EntityKind::ModelVersion, "sentiment@9"), entity(EntityKind::Model, "sentiment")],
            atlas: &["AML.T0010", "AML.T0011"],
            decision: decision("quarantine", 0.99, 60_000.0, 1.0, 900.0, 20.0, true),
            alerts: vec![(
                "gate",
                "gate/model-artifact",
                "call to os.system while unpickling",
                json!({"file": "model.pkl", "opcode": "REDUCE", "import": "os.system"}),
            )],
        };
        let case = self.tell(&story, now).await?;
        self.run(&case, SHIPPED[4], json!({}), 99, done).await?;
        self.evidence(&case, "verdict-sentiment-9.json", 5_204, "gate, stage registry").await
    }

    async fn hostile_text(&mut self, now: UnixMs) -> Result<(), Failure> {
        let story = Story {
            title: HOSTILE,
            tenant: "default",
            severity: Severity::Low,
            state: CaseState::Open,
            risk: 0.12,
            minutes_ago: 2,
            entities: vec![entity(EntityKind::Principal, HOSTILE), entity(EntityKind::Agent, "\u{202e}gnp.exe")],
            atlas: &["AML.T0051"],
            decision: json!({"explanation": HOSTILE, HOSTILE: HOSTILE}),
            alerts: vec![(HOSTILE, HOSTILE, HOSTILE, json!({"prompt": HOSTILE, HOSTILE: [HOSTILE]}))],
        };
        let case = self.tell(&story, now).await?;
        self.note(&case, now, HOSTILE, HOSTILE, HOSTILE, json!({"x": HOSTILE})).await?;
        self.evidence(&case, HOSTILE, 13, HOSTILE).await?;
        let approval = Approval {
            id: "appr-hostile".into(),
            idempotency_key: "appr-hostile".into(),
            tenant: case.tenant.clone(),
            case: Some(case.id.clone()),
            run: Some("run-2".into()),
            step: HOSTILE.into(),
            question: HOSTILE.into(),
            command: json!({"action": HOSTILE}),
            command_digest: "ab".repeat(32),
            needed: 2,
            roles: vec![Role::Approver],
            requested_by: HOSTILE.into(),
            votes: vec![],
            state: ApprovalState::Pending,
            created_at: now,
            expires_at: now.plus_ms(60 * MIN),
            call: None,
        };
        self.store.request_approval(&approval).await?;
        self.tool_call("appr-hostile-call", HOSTILE, json!({HOSTILE: HOSTILE}), now).await
    }

    /// A tool call that a gateway stopped.
    async fn tool_call(&mut self, id: &str, tool: &str, arguments: Value, now: UnixMs) -> Result<(), Failure> {
        let first = arguments.as_object().and_then(|a| a.keys().next()).cloned().unwrap_or_default();
        let approval = Approval {
            id: id.into(),
            idempotency_key: id.into(),
            tenant: "default".into(),
            case: None,
            run: None,
            step: tool.into(),
            question: format!("May gpt-5-mini call {tool}?"),
            command: json!({
                "tool": tool, "arguments": arguments, "arguments_sha256": "cd".repeat(32),
                "from_untrusted_text": {first: ["messages[4].content", "messages[6].content[0].text"]},
                "key": "k7Qm2xPa", "model": "gpt-5-mini", "request": "req_1b0f37a200000007",
            }),
            command_digest: casemate_store::canonical::sha256_hex(&[id.as_bytes()]),
            needed: 2,
            roles: vec![Role::Approver, Role::Engineer, Role::Admin],
            requested_by: "key k7Qm2xPa".into(),
            votes: vec![],
            state: ApprovalState::Pending,
            created_at: now.plus_ms(-2 * MIN),
            expires_at: now.plus_ms(58 * MIN),
            call: Some(StoppedCall { key: "k7Qm2xPa".into(), spent_at: None }),
        };
        self.store.claim_calls(&[approval], 64, now).await?;
        Ok(())
    }

    /// Enough closed and small cases that the list has pages.
    async fn old(&mut self, now: UnixMs) -> Result<(), Failure> {
        let titles = [
            "Personal data in prompts of the support copilot",
            "Decoy key old-backup used once",
            "Unusual refusal rate on local-llm",
            "Large prompts from research notebook",
            "Secret redacted in a streamed answer",
        ];
        for i in 0..31_i64 {
            let severity = [Severity::Info, Severity::Low, Severity::Medium][usize::try_from(i % 3)?];
            let story = Story {
                title: titles[usize::try_from(i)? % titles.len()],
                tenant: ["default", "acme/retail"][usize::try_from(i % 2)?],
                severity,
                state: if i % 9 == 0 { CaseState::Open } else { CaseState::Working },
                risk: 0.05 + 0.01 * f64::from(u32::try_from(i)?),
                minutes_ago: 90 + i * 211,
                entities: vec![entity(EntityKind::Key, "k7Qm2xPa")],
                atlas: &[],
                decision: Value::Null,
                alerts: vec![("gateway", "gateway/pii", "personal data in a prompt", json!({"kinds": ["email"]}))],
            };
            let case = self.tell(&story, now).await?;
            if i % 9 != 0 {
                let verdict = if i % 4 == 0 { Verdict::FalsePositive } else { Verdict::Benign };
                let entry = line(now.plus_ms(-80 * MIN), "ann", "state", "closed as harmless", json!({}));
                self.store.close_case(&case.id, verdict, &entry).await?;
            }
        }
        Ok(())
    }

    async fn evidence(&self, case: &Case, name: &str, bytes: u64, origin: &str) -> Result<(), Failure> {
        let at = case.opened_at.plus_ms(2_000);
        let sha256 = casemate_playbook::sha256(name.as_bytes()).trim_start_matches("sha256:").to_owned();
        let item = NewEvidence {
            idempotency_key: format!("{}:{name}", case.id),
            tenant: case.tenant.clone(),
            case: case.id.clone(),
            name: name.into(),
            sha256: sha256.clone(),
            bytes,
            origin: origin.into(),
            collected_by: format!("run run-{}", self.number),
            collected_at: at,
        };
        self.store.add_evidence(&item).await?;
        let text = format!("preserved {name}");
        self.note(case, at, &format!("run run-{}", self.number), "evidence", &text, json!({"sha256": sha256})).await
    }
}

fn line(at: UnixMs, actor: &str, kind: &str, text: &str, data: Value) -> TimelineEntry {
    TimelineEntry { seq: 0, at, actor: actor.into(), kind: kind.into(), text: text.into(), data }
}

fn done(action: &str, _: u32) -> ActionOutcome {
    let output = match action {
        "inventory.lookup" => json!({"owner": "retail-ml", "tier": 1, "consumers": 4}),
        "evidence.preserve" => json!({"digest": "sha256:5f3c…", "bytes": 48_213}),
        "gateway.limit" | "gateway.block" => json!({"in_force": true}),
        _ => json!({"ok": true}),
    };
    ActionOutcome::Done { output }
}

fn decision(rung: &str, p: f64, loss: f64, efficacy: f64, wrong: f64, reversal: f64, alone: bool) -> Value {
    let verdict = if alone { "runs unattended" } else { "is proposed: the tier's policy asks for people" };
    let weigh = |name: &str, share: f64, at_stake: f64, may: bool| {
        let prevented = p * loss * efficacy * share;
        let harm = (1.0 - p) * wrong * at_stake;
        let net = prevented - harm - reversal * at_stake;
        let why = match (net > 0.0, may) {
            (false, _) => "costs more than it prevents",
            (true, true) => "reversible, and within what the tier allows unattended",
            (true, false) => "above what the tier allows unattended",
        };
        json!({
            "rung": name, "prevented": prevented, "harm": harm, "reversal": reversal * at_stake, "net": net,
            "worth": net > 0.0, "unattended": may && net > 0.0, "why": why,
        })
    };
    json!({
        "rung": rung, "unattended": alone, "summary": format!("{} {verdict}", rung.replace('_', "-")), "p": p, "loss": loss,
        "arithmetic": [
            weigh("observe", 0.0, 0.0, true),
            weigh("snapshot", 0.1, 0.01, true),
            weigh("rate_limit", 0.8, 0.4, alone || rung == "rate_limit"),
            weigh("quarantine", 1.0, 1.0, alone && rung == "quarantine"),
            weigh("stop", 1.0, 60.0, false),
        ],
    })
}
