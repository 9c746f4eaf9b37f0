//! Where an alert belongs, how much its case is worth looking at, and what may be done about it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use casemate_finding::{Entity, Severity, UnixMs};
use casemate_playbook::{CaseFacts, TriggerFacts, run_input};
use casemate_store::model::{
    Alert, AlertState, Case, CaseId, CaseState, Incident, IncidentId, Run, TenantId, TimelineEntry, Triaged, Verdict,
};
use casemate_store::{Store, StoreError};
use casemate_triage::{
    ClosedCases, Decision, IncidentSummary, NormalAlert, Placed, Placement, RiskInput, RiskScore, Situation,
    TierPolicy, Window, WindowSettings, calibrated, correlate, decide, risk,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::inventory::Inventory;
use crate::library::Library;
use crate::runner::{Starter, new_run};

/// Entities kept on a case.
const ENTITIES_MAX: usize = 512;
/// Closed cases, newest first, that calibrate a tenant's rules.
const CLOSED_MAX: u32 = 1_000;
/// Techniques kept on a case.
const ATLAS_MAX: usize = 128;

/// What correlation knows of one tenant.
pub(super) struct Desk {
    window: Window,
    held: HashMap<String, Held>,
    closed: HashMap<String, ClosedCases>,
    /// When closed cases were last looked at.
    pub(super) calibrated_at: UnixMs,
}

/// An open incident with its case.
struct Held {
    incident: Incident,
    case: Case,
    words: Words,
}

/// By fingerprint, what the worst alert of it said.
type Words = BTreeMap<String, Word>;

/// How sure and how bad, and which rule says so.
#[derive(Clone, Serialize, Deserialize)]
struct Word {
    rule: String,
    confidence: f64,
    severity: Severity,
}

/// What is kept of an incident across restarts.
#[derive(Serialize, Deserialize)]
struct Memory {
    summary: IncidentSummary,
    words: Words,
}

/// What triage works with.
pub(super) struct Rules {
    /// What there is to protect.
    pub(super) inventory: Inventory,
    /// What may be done without people.
    pub(super) tiers: BTreeMap<u8, TierPolicy>,
    /// Playbooks.
    pub(super) library: Arc<Library>,
    /// How alerts find together.
    pub(super) window: WindowSettings,
}

/// What is to be written of an alert.
pub(super) enum Sorted {
    /// It belongs to a case.
    Case(Box<Triaged>),
    /// It says that something is over of which nothing is known.
    Nothing(&'static str),
}

impl Desk {
    /// Reads back what is open.
    pub(super) async fn read(
        store: &dyn Store,
        tenant: &TenantId,
        rules: &Rules,
        now: UnixMs,
    ) -> Result<Self, StoreError> {
        let mut desk = Self {
            window: Window::new(rules.window),
            held: HashMap::new(),
            closed: HashMap::new(),
            calibrated_at: UnixMs(i64::MIN),
        };
        let since = now.plus_ms(-rules.window.span_ms.max(rules.window.quiet_ms));
        for (incident, memory) in store.incident_memories(tenant, since).await? {
            let Ok(Memory { summary, words }) = serde_json::from_value(memory) else { continue };
            let case = store.case(&incident.case).await?;
            desk.window.restore(summary);
            desk.held.insert(incident.id.0.clone(), Held { incident, case, words });
        }
        Ok(desk)
    }

    /// Learns from the verdicts of people what each rule's word is worth.
    pub(super) async fn calibrate(
        &mut self,
        store: &dyn Store,
        tenant: &TenantId,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        self.calibrated_at = now;
        self.closed.clear();
        for case in store.list_cases(tenant, Some(CaseState::Closed), 0, CLOSED_MAX).await? {
            for rule in case.decision["rules"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str) {
                let counts = self.closed.entry(rule.to_owned()).or_default();
                match case.verdict {
                    Some(Verdict::FalsePositive) => counts.wrong += 1,
                    Some(Verdict::TruePositive | Verdict::Benign) => counts.right += 1,
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Sorts one alert. `new_case` is the case's id if it opens one.
    pub(super) fn sort(
        &mut self,
        rules: &Rules,
        alert: Alert,
        normal: &NormalAlert,
        new_case: &mut Option<CaseId>,
    ) -> Sorted {
        let at = alert.intake.received_at;
        let new_id = format!("inc-{}", alert.id.as_str().trim_start_matches("alert-"));
        let placed = correlate(&mut self.window, normal, alert.id.as_str(), &new_id, at);
        let id = match &placed.placement {
            Placement::Resolved(None) => {
                return Sorted::Nothing("it says that something is over, and nothing of it is open");
            }
            Placement::Resolved(Some(id)) | Placement::Join(id) | Placement::Fold(id) => id.clone(),
            Placement::NewIncident => new_id,
        };
        let opened = !self.held.contains_key(&id);
        let held = match self.held.remove(&id) {
            Some(held) => held,
            None => {
                let Some(case) = new_case.take() else { return Sorted::Nothing("it came without a case") };
                Held::open(&id, case, &alert, normal)
            }
        };
        let (held, triaged) = self.add(rules, held, alert, normal, &placed, opened);
        self.held.insert(id, held);
        Sorted::Case(Box::new(triaged))
    }

    fn add(
        &self,
        rules: &Rules,
        mut held: Held,
        alert: Alert,
        normal: &NormalAlert,
        placed: &Placed,
        opened: bool,
    ) -> (Held, Triaged) {
        let at = alert.intake.received_at;
        let resolved = matches!(placed.placement, Placement::Resolved(_));
        let before = (held.case.severity, held.case.decision.get("rung").cloned());
        let mut timeline = Vec::new();
        let mut tell = |kind: &str, text: String, data| {
            timeline.push(TimelineEntry { seq: 0, at, actor: "triage".into(), kind: kind.into(), text, data });
        };
        held.case.updated_at = held.case.updated_at.max(at);
        if resolved {
            tell("alert", format!("over, says {}: {}", normal.source, normal.title), json!({"alert": alert.id}));
        } else {
            held.count(normal, at);
            let data = json!({
                "alert": alert.id, "rule": normal.rule, "source": normal.source, "severity": normal.severity,
                "confidence": normal.confidence, "shared": placed.shared, "score": placed.score,
                "related": placed.related, "surfaced": placed.surfaced,
            });
            let n = held.case.alerts;
            match placed.placement {
                _ if opened => tell("alert", format!("opened by {}: {}", normal.source, normal.title), data),
                Placement::Join(_) => tell("alert", format!("joined by {}: {}", normal.source, normal.title), data),
                // A storm is told of in ever larger steps; its alerts are all on the case.
                _ if n.is_power_of_two() => tell("alert", format!("{n} alerts so far"), data),
                _ => {}
            }
            let (score, decision, tier) = held.judge(rules, &self.closed);
            held.case.risk = score.risk;
            held.case.decision = json!({
                "rung": decision.rung, "propose": decision.propose, "summary": decision.summary, "tier": tier,
                "risk": score, "arithmetic": decision.arithmetic, "rules": held.rules(),
            });
            if before.1 != held.case.decision.get("rung").cloned() {
                tell("decision", decision.summary.clone(), held.case.decision.clone());
            }
        }
        let news = opened || matches!(placed.placement, Placement::Join(_)) || held.case.severity > before.0;
        let runs = if news && !resolved { held.starts(rules, normal, &alert, at) } else { Vec::new() };
        let memory = self
            .window
            .incident(held.incident.id.as_str())
            .map_or(serde_json::Value::Null, |summary| json!({"summary": summary, "words": held.words}));
        let filled = Alert {
            state: AlertState::Triaged,
            title: normal.title.clone(),
            rule: normal.rule.clone(),
            severity: normal.severity,
            entities: normal.entities.clone(),
            atlas: normal.atlas.clone(),
            ocsf: normal.ocsf(alert.id.as_str(), alert.intake.tenant.as_str(), at),
            incident: Some(held.incident.id.clone()),
            case: Some(held.case.id.clone()),
            ..alert
        };
        let (incident, case) = (held.incident.clone(), held.case.clone());
        (held, Triaged { alert: filled, incident, memory, case, timeline, runs })
    }
}

impl Held {
    fn open(id: &str, case: CaseId, alert: &Alert, normal: &NormalAlert) -> Self {
        let (tenant, at) = (alert.intake.tenant.clone(), alert.intake.received_at);
        let incident = Incident {
            id: IncidentId(id.to_owned()),
            tenant: tenant.clone(),
            fingerprint: normal.fingerprint.clone(),
            alerts: 0,
            first_at: at,
            last_at: at,
            closed: false,
            case: case.clone(),
        };
        let case = Case {
            id: case,
            tenant,
            title: normal.title.clone(),
            severity: Severity::Info,
            state: CaseState::Open,
            risk: 0.0,
            assignee: None,
            entities: Vec::new(),
            atlas: Vec::new(),
            decision: serde_json::Value::Null,
            alerts: 0,
            opened_at: at,
            updated_at: at,
            due_at: None,
            closed_at: None,
            verdict: None,
        };
        Self { incident, case, words: Words::new() }
    }

    fn count(&mut self, normal: &NormalAlert, at: UnixMs) {
        self.incident.alerts += 1;
        self.incident.last_at = self.incident.last_at.max(at);
        let case = &mut self.case;
        case.alerts += 1;
        case.severity = case.severity.max(normal.severity);
        // When a first answer is due: an hour for the critical, a working day for the low.
        let due_h = [72, 24, 8, 4, 1].get(case.severity as usize).copied().unwrap_or(24);
        case.due_at = Some(case.opened_at.plus_ms(due_h * 3_600_000));
        for entity in &normal.entities {
            if case.entities.len() < ENTITIES_MAX && !case.entities.contains(entity) {
                case.entities.push(entity.clone());
            }
        }
        for id in &normal.atlas {
            if case.atlas.len() < ATLAS_MAX && !case.atlas.contains(id) {
                case.atlas.push(id.clone());
            }
        }
        let word = self.words.entry(normal.fingerprint.clone()).or_insert_with(|| Word {
            rule: normal.rule.clone(),
            confidence: 0.0,
            severity: Severity::Info,
        });
        word.confidence = word.confidence.max(normal.confidence);
        word.severity = word.severity.max(normal.severity);
    }

    /// Rules that have spoken in the case.
    fn rules(&self) -> Vec<&str> {
        let mut rules: Vec<&str> = self.words.values().map(|w| w.rule.as_str()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Risk, and the decision under the cost of being wrong.
    fn judge(&self, rules: &Rules, closed: &HashMap<String, ClosedCases>) -> (RiskScore, Decision, u8) {
        let case = &self.case;
        let blast = rules.inventory.blast(&case.entities);
        let known = |word: &Word| {
            let closed = closed.get(&word.rule).copied().unwrap_or_default();
            (calibrated(word.confidence, closed), word.severity)
        };
        let alerts: Vec<(f64, Severity)> = self.words.values().map(known).collect();
        let p = alerts.iter().map(|(p, _)| *p).fold(0.0, f64::max);
        let atlas = case.atlas.iter().map(String::as_str).collect();
        let score = risk(&RiskInput { alerts, atlas, tier: blast.tier, blast: blast.radius });
        let traffic = rules.inventory.traffic(&case.entities);
        let mut situation = Situation::with_defaults(p, blast.tier, case.severity, blast.radius, traffic);
        if let Some(policy) = rules.tiers.get(&blast.tier) {
            situation.policy = *policy;
        }
        (score, decide(&situation), blast.tier)
    }

    /// The runs that this alert starts.
    fn starts(&self, rules: &Rules, normal: &NormalAlert, alert: &Alert, at: UnixMs) -> Vec<Run> {
        let case = &self.case;
        let kinds: Vec<_> = case.entities.iter().map(|e: &Entity| e.kind).collect();
        let tier = case.decision["tier"].as_u64().and_then(|t| u8::try_from(t).ok()).unwrap_or(4);
        let facts = TriggerFacts {
            rule: &normal.rule,
            source: &normal.source,
            severity: normal.severity,
            entities: &kinds,
            tier,
        };
        let case_facts = CaseFacts {
            id: case.id.as_str(),
            tenant: case.tenant.as_str(),
            title: &case.title,
            severity: case.severity,
            tier,
            risk: case.risk,
            rung: case.decision["rung"].as_str().unwrap_or_default(),
            entities: &case.entities,
        };
        let mut shown = json!(normal);
        shown["id"] = json!(alert.id);
        let input = run_input(&case_facts, &shown);
        let starter = Starter { tenant: &case.tenant, case: &case.id, by: "triage", input };
        rules.library.started_by(&facts).map(|entry| new_run(entry, &starter, at)).collect()
    }
}
