//! Is the subject held by response? A version under a hold does not pass, whatever its content is.

use casemate_finding::{Finding, Location, Severity};

use super::whole_fingerprint;
use crate::{Check, CheckContext, CheckReport, Seen};

pub(super) struct Held;

const RULE: &str = "gate/held";

impl Check for Held {
    fn id(&self) -> &'static str {
        "held"
    }

    fn about(&self) -> &'static str {
        "no containment holds the model version, data set or digest"
    }

    fn always_enforced(&self) -> bool {
        true
    }

    fn applies(&self, _: &CheckContext) -> bool {
        true
    }

    fn run(&self, context: &CheckContext) -> Result<CheckReport, String> {
        let entities = context.subject.entities(Some(context.sha256()));
        let Some(held) = entities.iter().find(|e| context.held.contains(e)) else {
            return Ok(CheckReport::clean("no containment holds it"));
        };
        let message = format!("the {} {} is held by response", held.kind.as_str().replace('_', " "), held.value);
        let finding = Finding {
            rule: RULE.to_owned(),
            severity: Severity::High,
            message: message.clone(),
            location: Location { path: Some(context.shown.clone()), ..Location::default() },
            evidence: held.value.clone(),
            score: 1.0,
            fingerprint: whole_fingerprint(RULE, context.sha256()),
            remedy: "Close the case that holds it, or wait until the hold expires.".to_owned(),
            references: Vec::new(),
        };
        Ok(CheckReport { seen: vec![Seen::held_if(true, finding)], summary: message, ..CheckReport::default() })
    }
}
