//! The detectors behind their locks, and what they say as signals.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use casemate_finding::{Entity, EntityKind, Severity, UnixMs};
use casemate_store::model::TenantId;
use serde_json::json;

use super::{BurstDetector, RepeatGate, StuffingDetector, StuffingSettings, Surge, SurgeDetector, Wave, WaveKind};
use crate::address::range_of;
use crate::config::{AbuseConfig, Action, SurgeSettings};
use crate::inspect::{Check, Notice};
use crate::key::KeyRecord;
use crate::signal::{Outbox, Raise};

/// Who a notice is about.
#[derive(Clone, Copy, Debug)]
pub struct Raised<'a> {
    /// The client's address.
    pub address: IpAddr,
    /// The key.
    pub key: &'a KeyRecord,
    /// The model or end-point.
    pub model: &'a str,
    /// The request, for the log.
    pub request_id: &'a str,
    /// True for answers.
    pub output: bool,
}

/// All detectors.
pub struct Watch {
    surge: Mutex<SurgeDetector>,
    stuffing: Mutex<StuffingDetector>,
    /// Nobody is followed yet: valid keys are not counted, and no lock is taken.
    stuffing_idle: AtomicBool,
    bursts: Mutex<BurstDetector<String>>,
    repeat: Mutex<RepeatGate>,
    repeat_ms: i64,
    hasher: RandomState,
    outbox: Outbox,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn address_entities(address: IpAddr) -> [Entity; 2] {
    [
        Entity::new(EntityKind::Address, address.to_string()),
        Entity::new(EntityKind::Range, range_of(address).to_string()),
    ]
}

impl Watch {
    /// Detectors that know nothing yet.
    pub fn new(surge: SurgeSettings, abuse: &AbuseConfig, outbox: Outbox) -> Self {
        Self {
            surge: Mutex::new(SurgeDetector::new(surge)),
            stuffing: Mutex::new(StuffingDetector::new(StuffingSettings {
                window_ms: abuse.stuffing_window_ms,
                distinct_min: abuse.stuffing_distinct_min,
                tries_min: abuse.stuffing_tries_min,
                invalid_percent: abuse.stuffing_invalid_percent,
                near_min: abuse.near_keys_min,
            })),
            stuffing_idle: AtomicBool::new(true),
            bursts: Mutex::new(BurstDetector::new(abuse.injection_burst_min)),
            repeat: Mutex::new(RepeatGate::new(abuse.repeat_ms)),
            repeat_ms: abuse.repeat_ms,
            hasher: RandomState::new(),
            outbox,
        }
    }

    /// The queue to the store.
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn raise(&self, raise: Raise, now: UnixMs) {
        if lock(&self.repeat).passes(raise.rule, &raise.about, now) {
            tracing::warn!(rule = raise.rule, about = raise.about, "signal");
            self.outbox.send(raise.into_event(now, self.repeat_ms));
        }
    }

    /// Counts a request to an end-point or model, let in or not.
    pub fn request(&self, endpoint: &str, address: IpAddr, now: UnixMs) {
        let surges = lock(&self.surge).observe(endpoint, range_of(address), now);
        surges.into_iter().for_each(|s| self.surge(s, now));
    }

    /// Closes the windows that are over, so that a surge is told even if nothing comes after it.
    pub fn tick(&self, now: UnixMs) {
        let surges = lock(&self.surge).tick(now);
        surges.into_iter().for_each(|s| self.surge(s, now));
    }

    fn surge(&self, s: Surge, now: UnixMs) {
        let times = s.observed as f64 / s.baseline.max(1.0);
        let from = match (&s.ranges[..], s.spread) {
            ([(range, _), ..], false) => range.to_string(),
            _ => "many ranges".to_owned(),
        };
        let ranges = s.ranges.iter().map(|(r, _)| Entity::new(EntityKind::Range, r.to_string()));
        let entities = std::iter::once(Entity::new(EntityKind::Endpoint, s.endpoint.clone())).chain(ranges).collect();
        let title = format!("{} gets {times:.1} times its normal volume from {from}", s.endpoint);
        let details = json!({
            "endpoint": s.endpoint, "observed": s.observed, "baseline": s.baseline, "times": times,
            "windows": s.windows, "spread": s.spread,
            "ranges": s.ranges.iter().map(|(r, n)| json!({"range": r.to_string(), "requests": n})).collect::<Vec<_>>(),
        });
        self.raise(
            Raise {
                rule: "gateway/surge",
                kind: "surge",
                tenant: TenantId::default_tenant(),
                about: format!("{}:{from}", s.endpoint),
                title,
                severity: Severity::High,
                confidence: if s.spread { 0.7 } else { 0.9 },
                entities,
                atlas: &["AML.T0029", "AML.T0034"],
                details,
            },
            now,
        );
    }

    /// Counts a key that let nobody in.
    pub fn key_failed(&self, address: IpAddr, presented: &[u8], now: UnixMs) {
        let hash = self.hasher.hash_one(presented);
        let wave = lock(&self.stuffing).invalid(address, presented, hash, now);
        self.stuffing_idle.store(false, Ordering::Relaxed);
        let Some(wave) = wave else { return };
        self.wave(&wave, now);
    }

    fn wave(&self, w: &Wave, now: UnixMs) {
        let mut entities = vec![Entity::new(EntityKind::Range, w.range.to_string())];
        let about = match w.address {
            Some(address) => {
                entities.insert(0, Entity::new(EntityKind::Address, address.to_string()));
                address.to_string()
            }
            None => w.range.to_string(),
        };
        let (rule, title) = match w.kind {
            WaveKind::Stuffing => ("gateway/key-stuffing", format!("Unknown API keys are tried out from {about}")),
            WaveKind::Sequential => ("gateway/sequential-keys", format!("API keys are searched for from {about}")),
        };
        self.raise(
            Raise {
                rule,
                kind: "key_stuffing",
                tenant: TenantId::default_tenant(),
                about,
                title,
                severity: Severity::High,
                confidence: 0.95,
                entities,
                atlas: &["AML.T0012"],
                details: json!({
                    "distinct_keys": w.distinct, "tries": w.tries, "invalid": w.invalid, "near": w.near,
                    "shared_by_range": w.address.is_none(),
                }),
            },
            now,
        );
    }

    /// Counts a key that let somebody in.
    pub fn key_valid(&self, address: IpAddr) {
        if !self.stuffing_idle.load(Ordering::Relaxed) {
            lock(&self.stuffing).valid(address);
        }
    }

    /// A honeypot key was used.
    pub fn decoy(&self, record: &KeyRecord, address: IpAddr, now: UnixMs) {
        let mut entities = address_entities(address).to_vec();
        entities.push(Entity::new(EntityKind::Key, record.key.id.0.clone()));
        self.raise(
            Raise {
                rule: "gateway/decoy-key",
                kind: "decoy_key",
                tenant: record.key.tenant.clone(),
                about: format!("{}:{address}", record.key.id),
                title: format!("The decoy key {} was used from {address}", record.key.id),
                severity: Severity::Critical,
                confidence: 0.99,
                entities,
                atlas: &["AML.T0012"],
                details: json!({"key": record.key.id.0, "name": record.key.name}),
            },
            now,
        );
    }

    /// Tells what an inspection did something about; flags stay in the log.
    pub fn notices(&self, who: &Raised<'_>, notices: &[Notice], now: UnixMs) {
        for check in TOLD {
            let acted = |n: &&Notice| n.check == check && n.action >= Action::Redact;
            let seen: Vec<&Notice> = notices.iter().filter(acted).collect();
            // Checks of one's own have little in common: each is told of by its name.
            let mut own: Vec<&str> = seen.iter().map(|n| n.label.as_str()).collect();
            own.sort_unstable();
            own.dedup();
            match check {
                Check::Own => own.iter().for_each(|name| {
                    let its: Vec<&Notice> = seen.iter().copied().filter(|n| n.label == *name).collect();
                    self.notice(who, check, &its, Some(name), now);
                }),
                _ => self.notice(who, check, &seen, None, now),
            }
        }
    }

    fn notice(&self, who: &Raised<'_>, check: Check, seen: &[&Notice], own: Option<&str>, now: UnixMs) {
        let Some(worst) = seen.iter().max_by(|a, b| a.score.total_cmp(&b.score)) else { return };
        let (rule, kind, atlas): (_, _, &'static [&'static str]) = match (check, who.output) {
            (Check::Injection, _) => ("gateway/injection", "injection_blocked", &["AML.T0051"]),
            (Check::Secrets, true) => ("gateway/secret-in-output", "secret_redacted", &["AML.T0057"]),
            (Check::Secrets, false) => ("gateway/secret-in-input", "secret_redacted", &["AML.T0057"]),
            (Check::Canary, _) => ("gateway/canary", "canary_seen", &["AML.T0056"]),
            (Check::PrivateUrl, _) => ("gateway/private-url", "private_url_blocked", &["AML.T0053"]),
            (Check::Toxicity, _) => ("gateway/toxicity", "toxicity_blocked", &["AML.T0048"]),
            (Check::Own, true) => ("gateway/own-check", "own_check_blocked", &["AML.T0057"]),
            (Check::Own, false) => ("gateway/own-check", "own_check_blocked", &[]),
            (Check::ToolCall, _) => ("gateway/tool-call", "tool_call_blocked", &["AML.T0053"]),
            (Check::ToolApproval, _) => {
                ("gateway/tool-approval", "tool_approval_needed", &["AML.T0051.001", "AML.T0053"])
            }
            (Check::Conversation, _) => ("gateway/conversation", "conversation_blocked", &["AML.T0054"]),
            // Redacting personal data is daily work, not an incident; a missing opinion is told as such.
            (Check::Pii | Check::Unchecked, _) => return,
        };
        let details = json!({
            "check": check.as_str(), "direction": if who.output { "output" } else { "input" },
            "action": worst.action, "labels": seen.iter().map(|n| &n.label).collect::<std::collections::BTreeSet<_>>(),
            "paths": seen.iter().filter(|n| !n.path.is_empty()).map(|n| &n.path).take(8).collect::<Vec<_>>(),
            "request_id": who.request_id,
        });
        let name = own.map_or_else(|| name(check).to_owned(), |own| format!("What check {own} looks for"));
        let title = match who.output {
            true => format!("{name} in an answer of {} to key {}", who.model, who.key.key.id),
            false => format!("{name} in a request of key {} to {}", who.key.key.id, who.model),
        };
        let about = own.map_or_else(|| who.key.key.id.0.clone(), |own| format!("{}:{own}", who.key.key.id));
        let raise = Raise {
            rule,
            kind,
            tenant: who.key.key.tenant.clone(),
            about,
            title,
            severity: check.severity(),
            confidence: f64::from(worst.score),
            entities: self.entities(who),
            atlas,
            details,
        };
        self.raise(raise, now);
        if check == Check::Injection {
            self.burst(who, now);
        }
    }

    /// An adviser gave no opinion on something that it should have looked at.
    pub fn not_checked(&self, who: &Raised<'_>, adviser: &str, why: &str, now: UnixMs) {
        self.raise(
            Raise {
                rule: "gateway/not-checked",
                kind: "second_opinion_missing",
                tenant: who.key.key.tenant.clone(),
                about: adviser.to_owned(),
                title: format!("Adviser {adviser} gives no second opinion: {why}"),
                severity: Severity::Medium,
                confidence: 0.99,
                entities: vec![Entity::new(EntityKind::Model, who.model)],
                atlas: &[],
                details: json!({"adviser": adviser, "why": why, "request_id": who.request_id}),
            },
            now,
        );
    }

    fn entities(&self, who: &Raised<'_>) -> Vec<Entity> {
        let mut entities = address_entities(who.address).to_vec();
        entities.push(Entity::new(EntityKind::Key, who.key.key.id.0.clone()));
        entities.push(Entity::new(EntityKind::Model, who.model));
        entities
    }

    fn burst(&self, who: &Raised<'_>, now: UnixMs) {
        let sources = [format!("key {}", who.key.key.id), format!("range {}", range_of(who.address))];
        for source in sources {
            let Some(count) = lock(&self.bursts).observe(source.clone(), now) else { continue };
            self.raise(
                Raise {
                    rule: "gateway/injection-burst",
                    kind: "injection_burst",
                    tenant: who.key.key.tenant.clone(),
                    title: format!("Prompt injections one after the other from {source}"),
                    about: source,
                    severity: Severity::High,
                    confidence: 0.9,
                    entities: self.entities(who),
                    atlas: &["AML.T0051"],
                    details: json!({"blocked_within_a_minute": count}),
                },
                now,
            );
        }
    }
}

/// Checks that alerts are made of, the worst first.
const TOLD: [Check; 9] = [
    Check::Secrets,
    Check::Canary,
    Check::Injection,
    Check::ToolCall,
    Check::ToolApproval,
    Check::Own,
    Check::Conversation,
    Check::PrivateUrl,
    Check::Toxicity,
];

const fn name(check: Check) -> &'static str {
    match check {
        Check::Pii => "Personal data",
        Check::Secrets => "A credential",
        Check::Injection => "A prompt injection",
        Check::Toxicity => "Abusive text",
        Check::Canary => "A canary string",
        Check::PrivateUrl => "A private address",
        Check::Own => "What a check of one's own looks for",
        Check::ToolCall => "A tool call that the policy refuses",
        Check::ToolApproval => "A tool call that takes approval",
        Check::Conversation => "A conversation that has come to look like an attack",
        Check::Unchecked => "A text that nobody checked",
    }
}
