//! What CACAO lacks, in one published extension: trigger, phases, approval, retry, for-each, compensation, idempotency
//! mode, containment that ends by itself. `extension.schema.json` beside this file is its JSON Schema.

use std::collections::BTreeMap;

use casemate_finding::{EntityKind, Severity};
use serde::{Deserialize, Serialize};

use crate::cacao::ExtensionDefinition;
use crate::ids::stable_id;

/// Version of the extension.
pub const VERSION: &str = "1.0.0";

/// Id of the extension's definition: the key under `playbook_extensions` and `step_extensions`.
pub fn extension_id() -> String {
    stable_id("extension-definition", &["casemate"])
}

/// Id under which Casemate's own playbooks are made.
pub fn author_id() -> String {
    stable_id("identity", &["casemate"])
}

/// The extension's definition, as a playbook that uses it carries it.
pub fn definition() -> ExtensionDefinition {
    ExtensionDefinition {
        r#type: "extension-definition".to_owned(),
        name: "Casemate response".to_owned(),
        description: Some(
            "Trigger, phases, approval, retry, for-each, compensation, idempotency mode and containment duration"
                .to_owned(),
        ),
        created_by: author_id(),
        schema: "https://github.com/casemate-security/casemate/blob/main/crates/playbook/extension.schema.json"
            .to_owned(),
        version: VERSION.to_owned(),
    }
}

/// The extension on a playbook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaybookExtension {
    /// Name of the playbook in lower case with hyphens.
    pub slug: String,
    /// Which alerts start it; none for a playbook that only others call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// MITRE ATLAS techniques and mitigations that it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub atlas: Vec<String>,
    /// NIST AI RMF subcategories that it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nist: Vec<String>,
    /// What a failed run does with what it has done.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failure: OnRunFailure,
}

/// Which alerts start a playbook. An empty list asks for nothing; a name may end in `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Rule ids, one of which the alert has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Sources, one of which the alert comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// The least severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_min: Option<Severity>,
    /// Kinds of entity, every one of which the case has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<EntityKind>,
    /// Tiers, one of which the case has; 1 is the most critical.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<u8>,
}

/// What a trigger is matched against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerFacts<'a> {
    /// Rule id of the alert.
    pub rule: &'a str,
    /// Name of its source.
    pub source: &'a str,
    /// Its severity.
    pub severity: Severity,
    /// Kinds of entity in the case.
    pub entities: &'a [EntityKind],
    /// Tier of the case.
    pub tier: u8,
}

impl Trigger {
    /// True if an alert with these facts starts the playbook.
    pub fn matches(&self, facts: &TriggerFacts<'_>) -> bool {
        let named = |patterns: &[String], name: &str| {
            patterns.is_empty()
                || patterns.iter().any(|p| p.strip_suffix('*').map_or(p == name, |prefix| name.starts_with(prefix)))
        };
        named(&self.rules, facts.rule)
            && named(&self.sources, facts.source)
            && self.severity_min.is_none_or(|min| facts.severity >= min)
            && self.entities.iter().all(|kind| facts.entities.contains(kind))
            && (self.tiers.is_empty() || self.tiers.contains(&facts.tier))
    }
}

/// What a failed run does with what it has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRunFailure {
    /// Leaves it as it is: containment stays until it expires or a person lifts it.
    #[default]
    Keep,
    /// Undoes every done command that has an `undo`, last first.
    Compensate,
}

/// The five phases that every response goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What started it.
    Trigger,
    /// Finding out more, and keeping what there is.
    Enrichment,
    /// Deciding what to do.
    Decision,
    /// Doing it.
    Action,
    /// Giving it to people.
    Handoff,
}

impl Phase {
    /// All phases, first to last.
    pub const ALL: [Self; 5] = [Self::Trigger, Self::Enrichment, Self::Decision, Self::Action, Self::Handoff];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Enrichment => "enrichment",
            Self::Decision => "decision",
            Self::Action => "action",
            Self::Handoff => "handoff",
        }
    }
}

/// What may be done about an effect of which it is not known whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Repeat it with the same key: the target does it once.
    Idempotent,
    /// Ask the target first, then decide.
    Verify,
    /// Stop and ask a person.
    AtMostOnce,
}

/// The extension on a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepExtension {
    /// Name of the step in the YAML form.
    pub slug: String,
    /// Which of the five phases it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Who must agree before its commands run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// How often a failed command is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// A CEL expression that gives a list: the commands run for every `item` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// Overrides the mode that the actions' catalogue names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Variable that takes the step's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Milliseconds after which what the step did ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts_ms: Option<u64>,
    /// Most turns of a while-condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// True if the step's condition or switch is CEL; otherwise it is a STIX pattern over CACAO variables.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cel: bool,
    /// Variables that a playbook-action sets before the other playbook starts, as CEL expressions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, String>,
    /// Name of the playbook that a playbook-action runs, in the YAML form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// Who must agree before a step's commands run. The agreement is bound to the digest of the exact commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// How many different people must agree.
    pub need: u32,
    /// Roles, one of which each of them has.
    pub roles: Vec<String>,
    /// Milliseconds that the question stands.
    pub expires_ms: u64,
    /// What no answer means.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_expiry: OnExpiry,
    /// Only ask where this CEL condition holds (a tier, for instance).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// What an approval without an answer comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// The step is denied, and the playbook goes on after it.
    #[default]
    Deny,
    /// The step runs. Refused by the validator for what cannot be undone.
    Proceed,
    /// The step fails.
    Fail,
}

/// How often a failed command is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Milliseconds before the second attempt; doubled before each further one.
    pub backoff_ms: u64,
    /// The longest wait in milliseconds.
    pub backoff_max_ms: u64,
}

impl Retry {
    /// What a step without `retry` gets: three attempts, one second, at most a minute.
    pub const DEFAULT: Self = Self { attempts: 3, backoff_ms: 1_000, backoff_max_ms: 60_000 };

    /// Milliseconds to wait after attempt `attempt` (from 1) has failed.
    pub fn wait_ms(&self, attempt: u32) -> i64 {
        let doublings = attempt.saturating_sub(1).min(20);
        let wait = self.backoff_ms.saturating_mul(1 << doublings).min(self.backoff_max_ms);
        i64::try_from(wait).unwrap_or(i64::MAX)
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use casemate_finding::{EntityKind, Severity};
    use serde_json::Value;

    use super::{
        Approval, Mode, OnExpiry, OnRunFailure, Phase, PlaybookExtension, Retry, StepExtension, Trigger, TriggerFacts,
    };

    fn names(value: Option<&Value>) -> BTreeSet<String> {
        value.and_then(Value::as_object).expect("an object").keys().cloned().collect()
    }

    #[test]
    fn the_published_schema_names_exactly_the_members_there_are() {
        let schema: Value = serde_json::from_str(include_str!("../extension.schema.json")).expect("JSON");
        let trigger = Trigger {
            rules: vec!["r".into()],
            sources: vec!["s".into()],
            severity_min: Some(Severity::Low),
            entities: vec![EntityKind::Key],
            tiers: vec![1],
        };
        let playbook = PlaybookExtension {
            slug: "s".into(),
            trigger: Some(trigger),
            atlas: vec!["AML.T0020".into()],
            nist: vec!["MANAGE 4.1".into()],
            on_failure: OnRunFailure::Compensate,
        };
        let step = StepExtension {
            slug: "s".into(),
            phase: Some(Phase::Action),
            approval: Some(Approval {
                need: 1,
                roles: vec!["r".into()],
                expires_ms: 1,
                on_expiry: OnExpiry::Fail,
                when: Some("true".into()),
            }),
            retry: Some(Retry::DEFAULT),
            for_each: Some("[]".into()),
            mode: Some(Mode::Verify),
            output: Some("o".into()),
            lasts_ms: Some(1),
            max_iterations: Some(1),
            cel: true,
            with: [("a".to_owned(), "1".to_owned())].into(),
            run: Some("r".into()),
        };
        let playbook = serde_json::to_value(playbook).expect("writes");
        let step = serde_json::to_value(step).expect("writes");
        for (written, pointer) in [
            (Some(&playbook), "/$defs/playbook/properties"),
            (playbook.get("trigger"), "/$defs/trigger/properties"),
            (Some(&step), "/$defs/step/properties"),
            (step.get("approval"), "/$defs/step/properties/approval/properties"),
            (step.get("retry"), "/$defs/step/properties/retry/properties"),
        ] {
            assert_eq!(names(written), names(schema.pointer(pointer)), "{pointer}");
        }
    }

    #[test]
    fn a_trigger_asks_for_all_that_it_names() {
        let trigger = Trigger {
            rules: vec!["gateway/surge*".into()],
            sources: vec!["casemate-gateway".into(), "alertmanager".into()],
            severity_min: Some(Severity::Medium),
            entities: vec![EntityKind::Range],
            tiers: vec![],
        };
        let entities = [EntityKind::Model, EntityKind::Range];
        let facts = TriggerFacts {
            rule: "gateway/surge-range",
            source: "alertmanager",
            severity: Severity::High,
            entities: &entities,
            tier: 2,
        };
        assert!(trigger.matches(&facts));
        assert!(!trigger.matches(&TriggerFacts { rule: "gateway/other", ..facts.clone() }));
        assert!(!trigger.matches(&TriggerFacts { source: "mlflow", ..facts.clone() }));
        assert!(!trigger.matches(&TriggerFacts { severity: Severity::Low, ..facts.clone() }));
        assert!(!trigger.matches(&TriggerFacts { entities: &entities[..1], ..facts.clone() }));
        assert!(!Trigger { tiers: vec![1], ..trigger }.matches(&facts));
        assert!(Trigger::default().matches(&facts));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry { attempts: 9, backoff_ms: 100, backoff_max_ms: 1_000 };
        assert_eq!([1, 2, 3, 4, 5, 99].map(|n| retry.wait_ms(n)), [100, 200, 400, 800, 1_000, 1_000]);
    }
}
