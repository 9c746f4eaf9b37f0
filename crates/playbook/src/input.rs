//! What expressions see as `case` and `alert`.

use casemate_finding::{Entity, EntityKind, Severity};
use serde_json::{Map, Value, json};

/// The facts of a case that playbooks may use.
#[derive(Clone, Debug)]
pub struct CaseFacts<'a> {
    /// Its id.
    pub id: &'a str,
    /// Whose.
    pub tenant: &'a str,
    /// Title.
    pub title: &'a str,
    /// Worst severity of its alerts.
    pub severity: Severity,
    /// Tier of the most critical thing in it; 1 is the most critical.
    pub tier: u8,
    /// Risk, 0 to 1.
    pub risk: f64,
    /// Rung of the ladder that triage decided on, as `rate_limit`; empty if none was.
    pub rung: &'a str,
    /// Everything its alerts name.
    pub entities: &'a [Entity],
}

/// Every kind of entity, so that an expression may ask for one that the case has none of.
const KINDS: [EntityKind; 13] = [
    EntityKind::Principal,
    EntityKind::Key,
    EntityKind::Address,
    EntityKind::Range,
    EntityKind::Endpoint,
    EntityKind::Model,
    EntityKind::ModelVersion,
    EntityKind::Dataset,
    EntityKind::Run,
    EntityKind::Agent,
    EntityKind::Tool,
    EntityKind::Tenant,
    EntityKind::Digest,
];

/// The input of a run: `case` with `id`, `tenant`, `title`, `severity`, `tier`, `risk`, `rung` and `entities` (a list of
/// values for every kind, empty where there is none), and `alert`, the normalised alert that started it (its members
/// `entities` and `attributes` are always there).
pub fn run_input(case: &CaseFacts<'_>, alert: &Value) -> Value {
    let mut entities = Map::new();
    for kind in KINDS {
        let of_kind = case.entities.iter().filter(|e| e.kind == kind).map(|e| Value::from(e.value.as_str()));
        entities.insert(kind.as_str().to_owned(), Value::Array(of_kind.collect()));
    }
    let mut alert = alert.clone();
    if let Value::Object(members) = &mut alert {
        members.entry("entities").or_insert_with(|| json!([]));
        members.entry("attributes").or_insert_with(|| json!({}));
    }
    json!({
        "case": {
            "id": case.id, "tenant": case.tenant, "title": case.title, "severity": case.severity.as_str(),
            "tier": case.tier, "risk": case.risk, "rung": case.rung, "entities": entities,
        },
        "alert": alert,
    })
}

#[cfg(test)]
mod tests {
    use casemate_finding::{Entity, EntityKind, Severity};
    use serde_json::json;

    use super::{CaseFacts, run_input};

    #[test]
    fn every_kind_is_there() {
        let entities = [Entity::new(EntityKind::Range, "10.0.0.0/24")];
        let case = CaseFacts {
            id: "c1",
            tenant: "t",
            title: "x",
            severity: Severity::High,
            tier: 2,
            risk: 0.5,
            rung: "rate_limit",
            entities: &entities,
        };
        let input = run_input(&case, &json!({"rule": "r"}));
        assert_eq!(input["case"]["entities"]["range"], json!(["10.0.0.0/24"]));
        assert_eq!(input["case"]["entities"]["model_version"], json!([]));
        assert_eq!(input["alert"], json!({"rule": "r", "entities": [], "attributes": {}}));
    }
}
