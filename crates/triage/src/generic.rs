//! A JSON source that configuration describes: each field of the alert is a CEL expression over `raw`.

use std::collections::BTreeMap;

use casemate_finding::{EntityKind, Severity};
use casemate_playbook::{Expression, ExpressionError, Limits, Roots};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::alert::{NormalAlert, content_hash};
use crate::fields::{Draft, MapError, severity_word};
use crate::sources::finish;
use crate::when;

/// What configuration writes: CEL over `raw`, as `rule: raw.signature` or `title: "'DLP: ' + raw.name"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenericFields {
    /// Gives a text. Required.
    pub rule: String,
    /// Gives a text. Required.
    pub title: String,
    /// Gives a word as `high`; medium if left out.
    #[serde(default)]
    pub severity: Option<String>,
    /// Gives a number from 0 to 1; 0.5 if left out.
    #[serde(default)]
    pub confidence: Option<String>,
    /// Each gives a text, a list of texts, or null for none.
    #[serde(default)]
    pub entities: BTreeMap<EntityKind, String>,
    /// Gives a list of MITRE ATLAS ids.
    #[serde(default)]
    pub atlas: Option<String>,
    /// Each gives any value.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Gives the source's id of the alert.
    #[serde(default)]
    pub uid: Option<String>,
    /// Gives when it happened.
    #[serde(default)]
    pub time: Option<String>,
    /// Gives true if it says that something is over.
    #[serde(default)]
    pub resolved: Option<String>,
    /// Gives false for what is no alert; the delivery is then accepted and dropped.
    #[serde(default)]
    pub when: Option<String>,
    /// Members of `raw` that differ between deliveries of the same alert.
    #[serde(default)]
    pub volatile: Vec<String>,
}

/// The mapping, compiled.
#[derive(Debug)]
pub struct GenericMapping {
    name: String,
    rule: Expression,
    title: Expression,
    severity: Option<Expression>,
    confidence: Option<Expression>,
    entities: Vec<(EntityKind, Expression)>,
    atlas: Option<Expression>,
    attributes: Vec<(String, Expression)>,
    uid: Option<Expression>,
    time: Option<Expression>,
    resolved: Option<Expression>,
    when: Option<Expression>,
    volatile: Vec<String>,
}

impl GenericMapping {
    /// Compiles the expressions of a source called `name`.
    ///
    /// # Errors
    /// The field whose expression does not compile, or reads something other than `raw`.
    pub fn compile(name: &str, fields: &GenericFields) -> Result<Self, MapError> {
        let one = |field: &str, source: &str| {
            let e = Expression::compile(source, &Limits::DEFAULT).map_err(|e| MapError::new(field, e.to_string()))?;
            match e.reads().roots.iter().find(|root| *root != "raw") {
                Some(other) => Err(MapError::new(field, format!("reads `{other}`; only `raw` is there"))),
                None => Ok(e),
            }
        };
        let maybe = |field: &str, source: &Option<String>| source.as_ref().map(|s| one(field, s)).transpose();
        Ok(Self {
            name: name.to_owned(),
            rule: one("rule", &fields.rule)?,
            title: one("title", &fields.title)?,
            severity: maybe("severity", &fields.severity)?,
            confidence: maybe("confidence", &fields.confidence)?,
            entities: fields
                .entities
                .iter()
                .map(|(kind, s)| Ok((*kind, one(&format!("entities.{}", kind.as_str()), s)?)))
                .collect::<Result<_, MapError>>()?,
            atlas: maybe("atlas", &fields.atlas)?,
            attributes: fields
                .attributes
                .iter()
                .map(|(name, s)| Ok((name.clone(), one(&format!("attributes.{name}"), s)?)))
                .collect::<Result<_, MapError>>()?,
            uid: maybe("uid", &fields.uid)?,
            time: maybe("time", &fields.time)?,
            resolved: maybe("resolved", &fields.resolved)?,
            when: maybe("when", &fields.when)?,
            volatile: fields.volatile.clone(),
        })
    }

    /// Maps one delivery: one alert, or none if `when` says that it is none.
    ///
    /// # Errors
    /// The field whose expression fails on this delivery, or gives the wrong type.
    pub fn map(&self, raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
        let roots: Roots<'_> = [("raw", raw)].into();
        let value = |field: &str, e: &Expression| {
            e.evaluate(&roots, &Limits::DEFAULT).map_err(|e: ExpressionError| MapError::new(field, e.to_string()))
        };
        let text = |field: &str, e: &Expression| match value(field, e)? {
            Value::String(t) if !t.trim().is_empty() => Ok(t),
            Value::Number(n) => Ok(n.to_string()),
            other => Err(MapError::new(field, format!("gives {}, not a text", crate::fields::kind_of(&other)))),
        };
        let truth = |field: &str, e: &Option<Expression>, otherwise: bool| match e {
            None => Ok(otherwise),
            Some(e) => e.holds(&roots, &Limits::DEFAULT).map_err(|e| MapError::new(field, e.to_string())),
        };
        if !truth("when", &self.when, true)? {
            return Ok(Vec::new());
        }
        let severity = match &self.severity {
            None => Severity::Medium,
            Some(e) => {
                let word = text("severity", e)?;
                severity_word(&word).ok_or_else(|| MapError::new("severity", "gives a word that is no severity"))?
            }
        };
        let mut draft = Draft::new(&self.name, &text("rule", &self.rule)?, &text("title", &self.title)?, severity);
        if let Some(e) = &self.confidence {
            let p = value("confidence", e)?.as_f64().filter(|p| (0.0..=1.0).contains(p));
            draft = draft.confidence(p.ok_or_else(|| MapError::new("confidence", "is not between 0 and 1"))?);
        }
        for (kind, e) in &self.entities {
            match value(&format!("entities.{}", kind.as_str()), e)? {
                Value::Array(items) => {
                    for item in &items {
                        draft = draft.entity(*kind, item.as_str());
                    }
                }
                Value::String(one) => draft = draft.entity(*kind, Some(one)),
                _ => {}
            }
        }
        if let Some(e) = &self.atlas {
            let ids = value("atlas", e)?;
            let ids: Vec<&str> = ids.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            draft = draft.atlas(&ids);
        }
        for (name, e) in &self.attributes {
            draft = draft.attribute(name, Some(value(&format!("attributes.{name}"), e)?));
        }
        if let Some(e) = &self.uid {
            draft = draft.uid(Some(text("uid", e)?));
        }
        if let Some(e) = &self.time {
            draft = draft.at(when::parse(&value("time", e)?));
        }
        let alert = draft.resolved(truth("resolved", &self.resolved, false)?).alert;
        let volatile: Vec<&str> = self.volatile.iter().map(String::as_str).collect();
        Ok(finish(vec![alert], &content_hash(raw, &volatile)))
    }
}
