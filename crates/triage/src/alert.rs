//! The one shape that every alert has after mapping, and its OCSF form.

use casemate_finding::{Entity, EntityKind, Severity, UnixMs};
use casemate_playbook::digest_of;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A normalised alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalAlert {
    /// Name of the source in [`crate::SOURCES`].
    pub source: String,
    /// The source's rule, as `gateway/surge`.
    pub rule: String,
    /// One line for people; alert text, so hostile.
    pub title: String,
    /// How bad, re-scored where the vendor's own word is known to be wrong.
    pub severity: Severity,
    /// Probability that it is true as the source has it, 0 to 1; 0.5 where it says nothing.
    pub confidence: f64,
    /// Who and what it is about, canonical, without repeats, at most 64.
    pub entities: Vec<Entity>,
    /// MITRE ATLAS techniques.
    pub atlas: Vec<String>,
    /// What else the source says that playbooks may want.
    pub attributes: Map<String, Value>,
    /// The source's own id of it.
    pub uid: Option<String>,
    /// When it happened, as the source says.
    pub occurred_at: Option<UnixMs>,
    /// True if it says that something is over. Such an alert never counts.
    pub resolved: bool,
    /// `sha256:…` over the raw alert without its volatile fields: equal for the same alert sent again.
    pub content_hash: String,
    /// `sha256:…` over source, rule and entities: equal for alerts that fold into one storm.
    pub fingerprint: String,
}

impl NormalAlert {
    /// What storms fold on: source, rule, and the entities that the alert is about, in canonical order. Entities of kinds
    /// that vary within one storm (the tenant, digests of samples, agents) are left out.
    pub(crate) fn fingerprint_of(&self) -> String {
        let mut entities: Vec<&Entity> = self
            .entities
            .iter()
            .filter(|e| !matches!(e.kind, EntityKind::Tenant | EntityKind::Digest | EntityKind::Agent))
            .collect();
        // A range stands for the addresses in it; an alert without anything else keeps what it has.
        if entities.iter().any(|e| e.kind == EntityKind::Range) {
            entities.retain(|e| e.kind != EntityKind::Address);
        }
        entities.sort();
        digest_of(&json!([self.source, self.rule, entities]))
    }

    /// The alert as an OCSF 1.5 Detection Finding (class 2004). `id` is our id of it, `now` when it came in.
    pub fn ocsf(&self, id: &str, tenant: &str, now: UnixMs) -> Value {
        let observables: Vec<Value> = self.entities.iter().map(observable).collect();
        let attacks: Vec<Value> =
            self.atlas.iter().map(|id| json!({"technique": {"uid": id}, "version": "MITRE ATLAS 5.6.0"})).collect();
        let at = self.occurred_at.unwrap_or(now).0;
        let (activity, activity_name) = if self.resolved { (3, "Close") } else { (1, "Create") };
        json!({
            "activity_id": activity,
            "activity_name": activity_name,
            "category_uid": 2,
            "category_name": "Findings",
            "class_uid": 2004,
            "class_name": "Detection Finding",
            "type_uid": 200_400 + activity,
            "time": at,
            "severity_id": severity_id(self.severity),
            "severity": severity_name(self.severity),
            "status_id": if self.resolved { 4 } else { 1 },
            "status": if self.resolved { "Resolved" } else { "New" },
            "confidence_score": (self.confidence * 100.0).round(),
            "message": self.title,
            "finding_info": {
                "uid": id,
                "title": self.title,
                "created_time": now.0,
                "first_seen_time": at,
                "analytic": {"uid": self.rule, "name": self.rule, "type_id": 1, "type": "Rule"},
                "attacks": attacks,
                "data_sources": [self.source],
                "src_url": Value::Null,
            },
            "metadata": {
                "version": "1.5.0",
                "product": {"name": "Casemate", "vendor_name": "Casemate"},
                "tenant_uid": tenant,
                "correlation_uid": self.fingerprint,
                "original_event_uid": self.uid,
                "logged_time": now.0,
            },
            "observables": observables,
            "unmapped": self.attributes,
        })
    }
}

/// OCSF `severity_id`.
fn severity_id(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

/// OCSF observable; kinds that OCSF has no type for are resources (10) or other (99).
fn observable(e: &Entity) -> Value {
    let (type_id, name) = match e.kind {
        EntityKind::Address => (2, "IP Address"),
        EntityKind::Range => (12, "Subnet"),
        EntityKind::Principal => (4, "User Name"),
        EntityKind::Endpoint => (1, "Hostname"),
        EntityKind::Digest => (8, "Hash"),
        EntityKind::Key
        | EntityKind::Model
        | EntityKind::ModelVersion
        | EntityKind::Dataset
        | EntityKind::Run
        | EntityKind::Agent
        | EntityKind::Tool => (10, "Resource UID"),
        EntityKind::Tenant => (99, "Other"),
    };
    json!({"name": format!("casemate.{}", e.kind.as_str()), "type_id": type_id, "type": name, "value": e.value})
}

/// `sha256:…` over a raw alert without its volatile members. A path with dots names one member; a path without dots names
/// that member at any depth.
pub fn content_hash(raw: &Value, volatile: &[&str]) -> String {
    digest_of(&without(raw, volatile, ""))
}

fn without(value: &Value, volatile: &[&str], path: &str) -> Value {
    match value {
        Value::Object(members) => {
            let mut out = Map::new();
            for (name, inner) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                if volatile.iter().any(|v| if v.contains('.') { *v == path } else { v == name }) {
                    continue;
                }
                out.insert(name.clone(), without(inner, volatile, &path));
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.iter().map(|i| without(i, volatile, path)).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::content_hash;

    #[test]
    fn volatile_fields_do_not_count() {
        let a = json!({"id": 1, "at": "now", "inner": {"at": "then", "x": [{"at": 3, "y": 4}]}, "n": {"id": 7}});
        let b = json!({"id": 2, "at": "later", "inner": {"x": [{"y": 4}], "at": "never"}, "n": {"id": 7}});
        assert_eq!(content_hash(&a, &["at", "id"]), content_hash(&b, &["at", "id"]));
        assert_ne!(content_hash(&a, &["at"]), content_hash(&b, &["at"]));
        assert_ne!(content_hash(&a, &["n.id"]), content_hash(&json!({"n": {"id": 8}}), &["n.id"]));
    }
}
