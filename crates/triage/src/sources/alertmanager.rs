//! Prometheus Alertmanager's webhook, version 4: one delivery holds a group of alerts.

use casemate_finding::{EntityKind, Severity};

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, severity_word};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "alertmanager",
    title: "Prometheus Alertmanager",
    volatile: &["receiver", "externalURL", "groupKey", "truncatedAlerts", "endsAt", "generatorURL"],
    map: read,
};

/// Labels that name entities, by the names in common use.
const LABELS: [(&str, EntityKind); 9] = [
    ("instance", EntityKind::Endpoint),
    ("endpoint", EntityKind::Endpoint),
    ("model", EntityKind::Model),
    ("model_version", EntityKind::ModelVersion),
    ("dataset", EntityKind::Dataset),
    ("client_range", EntityKind::Range),
    ("client_ip", EntityKind::Address),
    ("api_key", EntityKind::Key),
    ("pipeline", EntityKind::Run),
];

fn read(raw: &serde_json::Value) -> Result<Vec<NormalAlert>, MapError> {
    Raw(raw).need_list("alerts")?.iter().enumerate().map(|(i, alert)| one(i, Raw(alert))).collect()
}

fn one(i: usize, r: Raw<'_>) -> Result<NormalAlert, MapError> {
    let name = r
        .text("labels.alertname")
        .ok_or_else(|| MapError::new(&format!("alerts.{i}.labels.alertname"), "is missing"))?;
    let title = r.text("annotations.summary").or_else(|| r.text("annotations.description")).unwrap_or(name);
    let severity = r.text("labels.severity").and_then(severity_word).unwrap_or(Severity::Medium);
    let mut draft = Draft::new("alertmanager", name, title, severity).confidence(0.7);
    for (label, kind) in LABELS {
        draft = draft.entity(kind, r.text(&format!("labels.{label}")));
    }
    Ok(draft
        .attribute("labels", r.at("labels").cloned())
        .attribute("annotations", r.at("annotations").cloned())
        .uid(r.text("fingerprint"))
        .at(r.time("startsAt"))
        .resolved(r.text("status") == Some("resolved"))
        .alert)
}
