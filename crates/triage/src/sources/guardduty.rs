//! Amazon GuardDuty findings, as EventBridge, its API and its export give them. The AI findings come with severity "Low"
//! (2); they are re-scored, since what they report is an attack on a model under way.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, kind_of};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "guardduty",
    title: "Amazon GuardDuty",
    volatile: &["updatedAt", "UpdatedAt", "eventLastSeen", "count", "archived"],
    map: read,
};

/// Findings about AI: type, severity that it is worth, ATLAS techniques.
const AI: [(&str, Severity, &[&str]); 3] = [
    ("Impact:IAMUser/AnomalousModelInvocation", Severity::High, &["AML.T0040", "AML.T0012"]),
    ("Impact:IAMUser/CostHarvesting", Severity::High, &["AML.T0034", "AML.T0012"]),
    ("Impact:IAMUser/PromptInjection.Direct", Severity::Medium, &["AML.T0051.000"]),
];

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    match raw {
        Value::Array(findings) => findings.iter().map(|f| one(Raw(f))).collect(),
        Value::Object(members) => match members.get("detail") {
            Some(detail @ Value::Object(_)) => Ok(vec![one(Raw(detail))?]),
            _ => Ok(vec![one(Raw(raw))?]),
        },
        other => Err(MapError::new("(delivery)", format!("is {}", kind_of(other)))),
    }
}

fn one(r: Raw<'_>) -> Result<NormalAlert, MapError> {
    let kind = r.need_text("type")?;
    let number = r.number("severity").ok_or_else(|| MapError::new("severity", "is missing or no number"))?;
    let vendor = match number {
        n if n >= 9.0 => Severity::Critical,
        n if n >= 7.0 => Severity::High,
        n if n >= 4.0 => Severity::Medium,
        n if n >= 1.0 => Severity::Low,
        _ => Severity::Info,
    };
    let ai = AI.iter().find(|(known, _, _)| kind.starts_with(known));
    let severity = ai.map_or(vendor, |(_, worth, _)| vendor.max(*worth));
    let title = r.text("title").unwrap_or(kind);
    let mut draft = Draft::new("guardduty", kind, title, severity)
        .confidence(if ai.is_some() { 0.7 } else { 0.6 })
        .atlas(ai.map_or(&[], |(_, _, atlas)| *atlas))
        .entity(EntityKind::Principal, r.text("resource.accessKeyDetails.userName"))
        .entity(EntityKind::Key, r.text("resource.accessKeyDetails.accessKeyId"))
        .entity(EntityKind::Tenant, r.word("accountId"));
    for action in ["awsApiCallAction", "networkConnectionAction", "kubernetesApiCallAction"] {
        draft =
            draft.entity(EntityKind::Address, r.text(&format!("service.action.{action}.remoteIpDetails.ipAddressV4")));
    }
    for model in r.list("resource.modelDetails") {
        draft = draft.entity(EntityKind::Model, Raw(model).text("modelId"));
    }
    for signal in r.list("service.detection.sequence.actors") {
        draft = draft.entity(EntityKind::Principal, Raw(signal).text("user.name"));
    }
    Ok(draft
        .attribute("region", r.text("region"))
        .attribute("description", r.text("description"))
        .attribute("guardrail_action", r.text("resource.bedrockGuardrailDetails.guardrailAction"))
        .attribute("count", r.number("service.count"))
        .attribute("vendor_severity", Some(number))
        .uid(r.text("id"))
        .at(r.time("service.eventLastSeen").or_else(|| r.time("updatedAt")).or_else(|| r.time("createdAt")))
        .resolved(r.at("service.archived") == Some(&Value::Bool(true)))
        .alert)
}
