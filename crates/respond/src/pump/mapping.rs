//! Raw alerts in the one shape that triage works on.

use std::collections::HashMap;

use casemate_store::canonical::sha256_hex;
use casemate_store::model::{Alert, NewAlert};
use casemate_triage::{MapError, NormalAlert, map_all, map_as};
use serde_json::{Value, json};

use crate::config::{Reading, Source};

/// Member that marks an alert as one of several that came in one delivery.
const PART: &str = "casemate_part_of_delivery";

/// How the sources' alerts are read.
pub(super) struct Mappings(HashMap<String, Reading>);

impl Mappings {
    /// The mappings of these sources.
    pub(super) fn new(sources: &[Source]) -> Self {
        Self(sources.iter().map(|s| (s.name.clone(), s.reading.clone())).collect())
    }

    /// The alerts of a delivery.
    pub(super) fn map(&self, alert: &Alert) -> Result<Vec<NormalAlert>, MapError> {
        let NewAlert { source, raw, .. } = &alert.intake;
        if let Some(part) = raw.get(PART).and_then(Value::as_u64) {
            let all = self.read(source, &raw["delivery"])?;
            return Ok(usize::try_from(part).ok().and_then(|i| all.into_iter().nth(i)).into_iter().collect());
        }
        self.read(source, raw)
    }

    fn read(&self, source: &str, raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
        match (self.0.get(source), source) {
            (Some(Reading::Form(form)), _) => map_as(form, source, raw),
            (Some(Reading::Mapping(mapping)), _) => mapping.map(raw),
            (None, "gateway" | "gate") => map_all(source, raw),
            (None, _) => {
                let why = format!("`{source}` is not configured any more: put it back, then send the alert again");
                Err(MapError { field: "source".into(), why })
            }
        }
    }
}

/// The further alerts of a delivery that holds several, each as an alert of its own; the first stays with the delivery.
pub(super) fn parts(alert: &Alert, count: usize) -> Vec<NewAlert> {
    let part = |i: usize| {
        let raw = json!({PART: i, "delivery": alert.intake.raw});
        NewAlert {
            delivery_id: Some(format!("{}#{i}", alert.id)),
            content_hash: sha256_hex(&[alert.intake.content_hash.as_bytes(), i.to_string().as_bytes()]),
            raw,
            ..alert.intake.clone()
        }
    };
    (1..count).map(part).collect()
}
