//! Microsoft Defender for Cloud alerts, among them those for AI services (`AI.*`).

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, severity_word};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "azure_defender",
    title: "Microsoft Defender for Cloud (AI services)",
    volatile: &["ProcessingEndTime", "TimeGenerated", "EndTimeUtc", "AlertUri"],
    map: read,
};

/// Parts of `AI.*` alert types, and the ATLAS techniques that they are about.
const AI: [(&str, &[&str]); 11] = [
    ("CredentialTheft", &["AML.T0055"]),
    ("Jailbreak", &["AML.T0054"]),
    ("MaliciousUrl", &["AML.T0011.003"]),
    ("ASCIISmuggling", &["AML.T0068"]),
    ("DOW", &["AML.T0034"]),
    ("AccessFrom", &["AML.T0012"]),
    ("AccessAnomaly", &["AML.T0012"]),
    ("AnomalousToolInvocation", &["AML.T0053"]),
    ("AnomalousOperation", &["AML.T0012"]),
    ("Phishing", &["AML.T0052"]),
    ("Leak", &["AML.T0057"]),
];

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let outer = Raw(raw);
    // The management API and continuous export nest the alert under `properties`, in camel case.
    let r = outer.at("properties").map_or(outer, Raw);
    let get = |pascal: &str, camel: &str| r.text(pascal).or_else(|| r.text(camel));
    let kind = get("AlertType", "alertType").ok_or_else(|| MapError::new("AlertType", "is missing"))?;
    let word = get("Severity", "severity").ok_or_else(|| MapError::new("Severity", "is missing"))?;
    let severity = severity_word(word).unwrap_or(Severity::Medium);
    let title = get("AlertDisplayName", "alertDisplayName").unwrap_or(kind);
    let resource = get("AzureResourceId", "azureResourceId");
    let mut draft = Draft::new("azure_defender", kind, title, severity).confidence(0.65);
    if kind.starts_with("AI.") {
        for (part, atlas) in AI {
            if kind.contains(part) {
                draft = draft.atlas(atlas);
            }
        }
        draft = draft.entity(EntityKind::Endpoint, resource.and_then(|id| id.rsplit('/').next()));
    }
    for e in r.list("Entities").iter().chain(r.list("entities")) {
        let e = Raw(e);
        draft = match e.text("Type").or_else(|| e.text("type")) {
            Some("ip") => draft.entity(EntityKind::Address, e.text("Address").or_else(|| e.text("address"))),
            Some("account") => draft.entity(EntityKind::Principal, e.text("Name").or_else(|| e.text("name"))),
            _ => draft,
        };
    }
    Ok(vec![
        draft
            .attribute("resource", resource)
            .attribute("compromised_entity", get("CompromisedEntity", "compromisedEntity"))
            .attribute("description", get("Description", "description"))
            .attribute("properties", r.at("ExtendedProperties").or_else(|| r.at("extendedProperties")).cloned())
            .uid(get("SystemAlertId", "systemAlertId"))
            .at(r.time("StartTimeUtc").or_else(|| r.time("startTimeUtc")))
            .resolved(matches!(get("Status", "status"), Some("Resolved" | "Dismissed")))
            .alert,
    ])
}
