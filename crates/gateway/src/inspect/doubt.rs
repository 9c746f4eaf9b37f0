//! A score that the classifiers that ship are unsure of, with the text that it is about, for whoever is asked next: the text is
//! not classified a second time.

use casemate_classify::{Channel, Decision};

use super::engines::decide;
use super::notice::{Check, Notice};
use crate::config::{About, Action};

/// Most texts of one request or answer that are asked about; those past it are not checked.
pub const DOUBTS_MAX: usize = 64;

/// One score to ask about.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// The text; none if it was one too many.
    pub text: Option<String>,
    /// Where it stands for the classifiers.
    pub channel: Channel,
    /// Which score.
    pub about: About,
    /// The score.
    pub score: f32,
    /// What it calls for.
    pub decision: Decision,
    /// What the tier does about the check.
    pub action: Action,
    /// What was seen.
    pub label: String,
    /// Where, as `messages[1].content`.
    pub path: String,
}

impl Doubt {
    /// The notice after everybody was asked: the last decision, by whom, and whether all who should have looked did.
    pub fn notice(&self, decision: Decision, label: Option<String>, checked: bool) -> Option<Notice> {
        let action = decide(decision, self.action);
        let raised = decision > self.decision;
        let check = match self.about {
            // The refusal must not say that something was seen where nobody looked.
            _ if raised && !checked => Check::Unchecked,
            About::Injection => Check::Injection,
            About::Toxicity => Check::Toxicity,
        };
        let label = label.unwrap_or_else(|| self.label.clone());
        (action != Action::Off).then(|| Notice { check, action, label, path: self.path.clone(), score: self.score })
    }
}
