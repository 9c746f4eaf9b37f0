//! Splunk alert webhooks: the first result row and the search's name.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, severity_word};
use crate::sources::Source;

pub(super) static SOURCE: Source =
    Source { name: "splunk", title: "Splunk alert webhook", volatile: &["sid", "results_link"], map: read };

/// Fields of a result row, by the names of Splunk's Common Information Model.
const FIELDS: [(&str, EntityKind); 8] = [
    ("src", EntityKind::Address),
    ("src_ip", EntityKind::Address),
    ("clientip", EntityKind::Address),
    ("user", EntityKind::Principal),
    ("dest", EntityKind::Endpoint),
    ("model", EntityKind::Model),
    ("api_key", EntityKind::Key),
    ("dataset", EntityKind::Dataset),
];

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    if !r.at("result").is_some_and(Value::is_object) {
        return Err(MapError::new("result", "is missing or no object"));
    }
    let search = r.text("search_name").or_else(|| r.text("sid").map(|_| "ad-hoc search"));
    let search = search.ok_or_else(|| MapError::new("search_name", "is missing, and so is sid"))?;
    let severity = r.text("result.severity").or_else(|| r.text("result.urgency")).and_then(severity_word);
    let mut draft = Draft::new("splunk", &format!("splunk/{search}"), search, severity.unwrap_or(Severity::Medium));
    for (field, kind) in FIELDS {
        draft = draft.entity(kind, r.text(&format!("result.{field}")));
    }
    Ok(vec![
        draft
            .attribute("result", r.at("result").cloned())
            .attribute("app", r.text("app"))
            .attribute("owner", r.text("owner"))
            .uid(r.text("sid"))
            .at(r.time("result._time"))
            .alert,
    ])
}
