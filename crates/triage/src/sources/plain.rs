//! Plain JSON with our own names, for tools that can be told what to send: `rule` and `title`, then any of `severity`,
//! `confidence`, `user`, `key`, `address`, `range`, `endpoint`, `model`, `model_version`, `dataset`, `pipeline`, `agent`,
//! `tool`, `digest`, `entities`, `atlas`, `id`, `time`, `resolved`. Everything else becomes an attribute.

use casemate_finding::{Entity, EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, kind_of, severity_word};
use crate::sources::Source;

pub(super) static SOURCE: Source =
    Source { name: "plain", title: "Plain JSON", volatile: &["time", "id"], map: |raw| read("plain", raw) };

/// Members that name entities.
pub(crate) const ENTITY_FIELDS: [(&str, EntityKind); 14] = [
    ("user", EntityKind::Principal),
    ("principal", EntityKind::Principal),
    ("key", EntityKind::Key),
    ("address", EntityKind::Address),
    ("range", EntityKind::Range),
    ("endpoint", EntityKind::Endpoint),
    ("model", EntityKind::Model),
    ("model_version", EntityKind::ModelVersion),
    ("dataset", EntityKind::Dataset),
    ("pipeline", EntityKind::Run),
    ("run", EntityKind::Run),
    ("agent", EntityKind::Agent),
    ("tool", EntityKind::Tool),
    ("digest", EntityKind::Digest),
];

const OTHER_FIELDS: [&str; 9] =
    ["rule", "title", "severity", "confidence", "entities", "atlas", "id", "time", "resolved"];

pub(crate) fn read(source: &str, raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let members = raw.as_object().ok_or_else(|| MapError::new("(delivery)", "is no object"))?;
    let r = Raw(raw);
    let rule = r.need_text("rule")?;
    let title = r.need_text("title")?;
    let severity = match r.at("severity") {
        None => Severity::Medium,
        Some(Value::String(word)) => {
            severity_word(word).ok_or_else(|| MapError::new("severity", format!("`{}` is none", clip(word))))?
        }
        Some(other) => return Err(MapError::new("severity", format!("is {}, not a text", kind_of(other)))),
    };
    let mut draft = Draft::new(source, rule, title, severity);
    if let Some(value) = r.at("confidence") {
        let p = r.number("confidence").filter(|p| (0.0..=1.0).contains(p));
        let p = p.ok_or_else(|| {
            MapError::new("confidence", format!("`{}` is not between 0 and 1", clip(&value.to_string())))
        })?;
        draft = draft.confidence(p);
    }
    for (name, kind) in ENTITY_FIELDS {
        match r.at(name) {
            None => {}
            Some(Value::Array(items)) => {
                for item in items {
                    draft = draft.entity(kind, item.as_str());
                }
            }
            Some(Value::String(value)) => draft = draft.entity(kind, Some(value)),
            Some(other) => return Err(MapError::new(name, format!("is {}, not a text", kind_of(other)))),
        }
    }
    for (i, item) in r.list("entities").iter().enumerate() {
        let e: Entity =
            serde_json::from_value(item.clone()).map_err(|e| MapError::new(&format!("entities.{i}"), e.to_string()))?;
        draft = draft.entities([e]);
    }
    let atlas: Vec<&str> = r.list("atlas").iter().filter_map(Value::as_str).collect();
    let rest = members.iter().filter(|(name, _)| {
        !OTHER_FIELDS.contains(&name.as_str()) && !ENTITY_FIELDS.iter().any(|(field, _)| field == name)
    });
    for (name, value) in rest {
        draft = draft.attribute(name, Some(value.clone()));
    }
    Ok(vec![
        draft
            .atlas(&atlas)
            .uid(r.word("id"))
            .at(r.time("time"))
            .resolved(r.at("resolved").is_some_and(|v| *v == Value::Bool(true)))
            .alert,
    ])
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}
