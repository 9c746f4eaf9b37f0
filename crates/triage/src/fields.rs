//! Reading members of a raw alert, with a reason when one is not what it should be.

use casemate_finding::{Entity, EntityKind, Severity, UnixMs};
use serde_json::{Map, Value};

use crate::alert::NormalAlert;
use crate::canonical::entity;
use crate::when;

/// Why a raw alert is not one of its source. Answered with a 4xx, and kept with the reason in the dead-letter list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {why}")]
pub struct MapError {
    /// The member, as a path with dots.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl MapError {
    /// An error about this member.
    pub fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into() }
    }
}

/// Entities of one alert at most.
pub(crate) const ENTITIES_MAX: usize = 64;
/// Characters of a title at most.
const TITLE_CHARS_MAX: usize = 300;

/// A raw alert being read.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a>(pub(crate) &'a Value);

impl<'a> Raw<'a> {
    /// The member at a path with dots; digits index into lists. None if it is missing or null.
    pub(crate) fn at(self, path: &str) -> Option<&'a Value> {
        let mut value = self.0;
        for part in path.split('.') {
            value = match value {
                Value::Object(members) => members.get(part)?,
                Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        (!value.is_null()).then_some(value)
    }

    pub(crate) fn text(self, path: &str) -> Option<&'a str> {
        self.at(path)?.as_str().filter(|t| !t.trim().is_empty())
    }

    /// The member as text, numbers too.
    pub(crate) fn word(self, path: &str) -> Option<String> {
        match self.at(path)? {
            Value::String(t) if !t.trim().is_empty() => Some(t.clone()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        }
    }

    pub(crate) fn number(self, path: &str) -> Option<f64> {
        match self.at(path)? {
            Value::Number(n) => n.as_f64(),
            Value::String(t) => t.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    pub(crate) fn time(self, path: &str) -> Option<UnixMs> {
        when::parse(self.at(path)?)
    }

    pub(crate) fn list(self, path: &str) -> &'a [Value] {
        self.at(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn need_text(self, path: &str) -> Result<&'a str, MapError> {
        match self.at(path) {
            None => Err(MapError::new(path, "is missing")),
            Some(Value::String(t)) if t.trim().is_empty() => Err(MapError::new(path, "is empty")),
            Some(Value::String(t)) => Ok(t),
            Some(other) => Err(MapError::new(path, format!("is {}, not a text", kind_of(other)))),
        }
    }

    pub(crate) fn need_list(self, path: &str) -> Result<&'a [Value], MapError> {
        match self.at(path) {
            None => Err(MapError::new(path, "is missing")),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(MapError::new(path, format!("is {}, not a list", kind_of(other)))),
        }
    }
}

pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Puts an alert together; what is not given has a default that claims little.
pub(crate) struct Draft {
    pub(crate) alert: NormalAlert,
}

impl Draft {
    pub(crate) fn new(source: &str, rule: &str, title: &str, severity: Severity) -> Self {
        let clean = |text: &str, max: usize| -> String {
            text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max).collect()
        };
        Self {
            alert: NormalAlert {
                source: source.to_owned(),
                rule: clean(rule, 200),
                title: clean(title, TITLE_CHARS_MAX),
                severity,
                confidence: 0.5,
                entities: Vec::new(),
                atlas: Vec::new(),
                attributes: Map::new(),
                uid: None,
                occurred_at: None,
                resolved: false,
                content_hash: String::new(),
                fingerprint: String::new(),
            },
        }
    }

    pub(crate) fn confidence(mut self, p: f64) -> Self {
        self.alert.confidence = if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.5 };
        self
    }

    pub(crate) fn entity(mut self, kind: EntityKind, value: Option<impl AsRef<str>>) -> Self {
        if let Some(found) = value.and_then(|v| entity(kind, v.as_ref())) {
            self.push(found);
        }
        self
    }

    pub(crate) fn entities(mut self, found: impl IntoIterator<Item = Entity>) -> Self {
        for e in found {
            if let Some(e) = entity(e.kind, &e.value) {
                self.push(e);
            }
        }
        self
    }

    fn push(&mut self, e: Entity) {
        if self.alert.entities.len() < ENTITIES_MAX && !self.alert.entities.contains(&e) {
            self.alert.entities.push(e);
        }
    }

    pub(crate) fn atlas(mut self, ids: &[&str]) -> Self {
        for id in ids {
            if casemate_playbook::is_atlas_id(id) && !self.alert.atlas.iter().any(|known| known == id) {
                self.alert.atlas.push((*id).to_owned());
            }
        }
        self
    }

    pub(crate) fn attribute(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.alert.attributes.insert(name.to_owned(), value.into());
        }
        self
    }

    pub(crate) fn uid(mut self, uid: Option<impl Into<String>>) -> Self {
        self.alert.uid = uid.map(Into::into);
        self
    }

    pub(crate) fn at(mut self, at: Option<UnixMs>) -> Self {
        self.alert.occurred_at = at;
        self
    }

    pub(crate) fn resolved(mut self, resolved: bool) -> Self {
        self.alert.resolved = resolved;
        self
    }
}

/// A severity by the word for it, whatever the vendor's spelling.
pub(crate) fn severity_word(word: &str) -> Option<Severity> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "info" | "informational" | "information" | "notice" | "debug" | "none" | "unknown" => Severity::Info,
        "low" | "minor" => Severity::Low,
        "medium" | "moderate" | "warning" | "warn" => Severity::Medium,
        "high" | "error" | "major" | "page" => Severity::High,
        "critical" | "fatal" | "emergency" | "alert" | "urgent" | "severe" => Severity::Critical,
        _ => return None,
    })
}
