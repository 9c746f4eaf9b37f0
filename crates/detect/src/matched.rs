//! One thing found in a text.

use std::sync::Arc;

use casemate_finding::Span;

use crate::{Kind, Rule};

/// One thing found in a text.
#[derive(Clone, Debug)]
pub struct Match {
    /// The rule that found it.
    pub rule: Arc<Rule>,
    /// Personal data or a secret.
    pub kind: Kind,
    /// Where it is, in bytes of the scanned text (of the whole stream for a stream).
    pub span: Span,
    /// Calibrated probability that it is what the label says, 0 to 1.
    pub score: f32,
}

impl Match {
    /// What it is: `CREDIT_CARD`, `EMAIL_ADDRESS`, … (Presidio's names for personal data, `SECRET` names for secrets).
    pub fn label(&self) -> &str {
        &self.rule.label
    }

    /// The rule's id, as `pii/us-ssn`.
    pub fn rule_id(&self) -> &str {
        &self.rule.id
    }
}

impl PartialEq for Match {
    fn eq(&self, other: &Self) -> bool {
        self.rule.id == other.rule.id && self.span == other.span && self.score.to_bits() == other.score.to_bits()
    }
}
