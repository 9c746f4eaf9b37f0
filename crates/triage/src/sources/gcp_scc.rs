//! Google Security Command Center notifications, and the log entries of its Event Threat Detection.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, severity_word};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "gcp_scc",
    title: "Google Security Command Center",
    volatile: &["notificationConfigName", "createTime", "securityMarks"],
    map: read,
};

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let outer = Raw(raw);
    if let Some(payload) = outer.at("jsonPayload.detectionCategory").and(outer.at("jsonPayload")) {
        return Ok(vec![log_entry(outer, Raw(payload))?]);
    }
    let r = outer.at("finding").map_or(outer, Raw);
    let category = r.need_text("category")?;
    let severity = r
        .text("severity")
        .or_else(|| r.text("sourceProperties.SeverityLevel"))
        .and_then(severity_word)
        .unwrap_or(Severity::Medium);
    let threat = r.text("findingClass") == Some("THREAT");
    let lower = category.to_ascii_lowercase();
    let about_ai = ["ai agent", "vertex", "agent engine", "model"].iter().any(|word| lower.contains(word));
    let resource = r.text("resourceName");
    let agent = lower.contains("agent").then_some(resource).flatten().and_then(|name| name.rsplit('/').next());
    Ok(vec![
        Draft::new("gcp_scc", category, category, severity)
            .confidence(if threat { 0.7 } else { 0.5 })
            .atlas(if about_ai { &["AML.T0012"] } else { &[] })
            .entity(EntityKind::Principal, r.text("access.principalEmail"))
            .entity(EntityKind::Address, r.text("access.callerIp"))
            .entity(EntityKind::Agent, agent)
            .attribute("resource", resource)
            .attribute("class", r.text("findingClass"))
            .attribute("method", r.text("access.methodName"))
            .attribute("properties", r.at("sourceProperties").cloned())
            .uid(r.text("name"))
            .at(r.time("eventTime"))
            .resolved(r.text("state") == Some("INACTIVE"))
            .alert,
    ])
}

fn log_entry(outer: Raw<'_>, r: Raw<'_>) -> Result<NormalAlert, MapError> {
    let rule = r.text("detectionCategory.ruleName");
    let rule = rule.ok_or_else(|| MapError::new("jsonPayload.detectionCategory.ruleName", "is missing"))?;
    let severity = r.text("detectionPriority").or_else(|| outer.text("severity")).and_then(severity_word);
    Ok(Draft::new("gcp_scc", rule, rule, severity.unwrap_or(Severity::Medium))
        .confidence(0.6)
        .attribute("properties", r.at("properties").cloned())
        .uid(outer.text("insertId"))
        .at(outer.time("timestamp"))
        .alert)
}
