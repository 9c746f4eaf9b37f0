//! The platform's own gateway and gate: [`casemate_finding::Signal`], as they write it into the store.

use casemate_finding::Signal;
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError};
use crate::sources::Source;

pub(super) static GATEWAY: Source =
    Source { name: "gateway", title: "Casemate gateway", volatile: &["at"], map: |raw| read("gateway", raw) };

pub(super) static GATE: Source =
    Source { name: "gate", title: "Casemate gate", volatile: &["at"], map: |raw| read("gate", raw) };

fn read(source: &str, raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let signal: Signal = serde_json::from_value(raw.clone()).map_err(|e| MapError::new("(signal)", e.to_string()))?;
    if signal.rule.trim().is_empty() {
        return Err(MapError::new("rule", "is empty"));
    }
    if !(0.0..=1.0).contains(&signal.confidence) {
        return Err(MapError::new("confidence", "is not between 0 and 1"));
    }
    let atlas: Vec<&str> = signal.atlas.iter().map(String::as_str).collect();
    let mut draft = Draft::new(source, &signal.rule, &signal.title, signal.severity)
        .confidence(signal.confidence)
        .entities(signal.entities.iter().cloned())
        .atlas(&atlas);
    match signal.details {
        Value::Object(members) => draft.alert.attributes = members,
        Value::Null => {}
        other => draft = draft.attribute("details", Some(other)),
    }
    Ok(vec![draft.alert])
}
