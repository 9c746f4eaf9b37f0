//! Falco's JSON output.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, severity_word};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source { name: "falco", title: "Falco", volatile: &["uuid", "time"], map: read };

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let rule = r.need_text("rule")?;
    let severity = r.text("priority").and_then(severity_word).unwrap_or(Severity::Medium);
    let field = |name: &str| r.at("output_fields").and_then(|f| f.get(name)).and_then(Value::as_str);
    Ok(vec![
        Draft::new("falco", rule, rule, severity)
            .confidence(0.5)
            .entity(EntityKind::Principal, field("user.name"))
            .entity(EntityKind::Address, field("fd.cip").or_else(|| field("fd.rip")))
            .entity(EntityKind::Endpoint, field("k8s.pod.name").or_else(|| r.text("hostname")))
            .attribute("output", r.text("output"))
            .attribute("tags", r.at("tags").cloned())
            .attribute("fields", r.at("output_fields").cloned())
            .uid(r.text("uuid"))
            .at(r.time("time"))
            .alert,
    ])
}
