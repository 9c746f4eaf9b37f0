//! What a tier demands beyond the checks that ship: loaded, checked, ready to be asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(feature = "onnx")]
use casemate_classify::external::OnnxModel;
use casemate_classify::external::{Desk, GreyBand, Service};
use casemate_classify::model::Embedding;
use casemate_classify::session::{Approval, ConversationSettings, ToolPolicy};
use casemate_classify::{CheckScore, CustomCheck, Decision};

use super::settings::Action;
use super::written_defences::{About, Direction};

/// A check judges this much of a text at once, and goes on by half of it: one sentence must not drown in a long text.
pub const OWN_CHECK_WINDOW_BYTES: usize = 1_024;

/// All that a tier demands beyond [`super::Checks`].
#[derive(Clone, Debug, Default)]
pub struct Defences {
    /// Checks of one's own on requests.
    pub input_checks: Vec<OwnCheck>,
    /// Checks of one's own on answers.
    pub output_checks: Vec<OwnCheck>,
    /// Which tool calls reach the caller; none lets all pass.
    pub tools: Option<ToolDefence>,
    /// Second opinions, in the order in which they are asked.
    pub opinions: Vec<Arc<SecondOpinion>>,
    /// What a conversation comes to; none if it is not followed.
    pub conversation: Option<ConversationDefence>,
}

impl Defences {
    /// True if answers have to be read for them.
    pub const fn reads_answers(&self) -> bool {
        !self.output_checks.is_empty() || self.tools.is_some() || self.conversation.is_some()
    }

    /// True if somebody may have to be asked about texts of this direction.
    pub fn asks(&self, direction: Direction) -> bool {
        self.opinions.iter().any(|o| o.direction == direction)
    }

    /// True if somebody is to be asked about this score.
    pub fn doubts(&self, direction: Direction, about: About, score: f32) -> bool {
        self.opinions.iter().any(|o| o.direction == direction && o.about == about && o.band.holds(score))
    }

    /// True if a text of an answer must not go out before a check has judged it.
    pub fn holds_answers(&self) -> bool {
        self.output_checks.iter().any(|c| c.action == Action::Block)
    }
}

/// A check of one's own with what the tier does about it.
#[derive(Clone, Debug)]
pub struct OwnCheck {
    /// The model.
    pub model: Arc<CustomCheck>,
    /// `Flag` or `Block`.
    pub action: Action,
}

impl OwnCheck {
    /// Judges a text window by window; the worst counts, and what was not read whole says so.
    pub fn judge(&self, text: &str, embedding: &Embedding) -> CheckScore {
        let mut worst = CheckScore { score: 0.0, decision: Decision::Pass, complete: true };
        let mut at = 0;
        while at < text.len() {
            let end = text.ceil_char_boundary((at + OWN_CHECK_WINDOW_BYTES).min(text.len()));
            let seen = self.model.assess(&text[at..end], embedding);
            worst = CheckScore {
                score: worst.score.max(seen.score),
                decision: worst.decision.max(seen.decision),
                complete: worst.complete && seen.complete,
            };
            at = if end == text.len() { end } else { text.ceil_char_boundary(at + OWN_CHECK_WINDOW_BYTES / 2) };
        }
        worst
    }
}

/// The policy for tool calls with what the tier does about those that it does not allow.
#[derive(Clone, Debug)]
pub struct ToolDefence {
    /// The policy.
    pub policy: ToolPolicy,
    /// About calls that it refuses: `Flag` or `Block`.
    pub refused: Action,
    /// About calls that a person must approve: `Flag` or `Block`.
    pub approval: Action,
}

impl ToolDefence {
    /// True if it matters for some tool where its arguments came from.
    pub fn asks_for_provenance(&self) -> bool {
        self.policy.tools.values().any(|rule| rule.approval != Approval::Never)
    }
}

/// What a conversation comes to.
#[derive(Clone, Copy, Debug)]
pub struct ConversationDefence {
    /// Bounds and weights.
    pub settings: ConversationSettings,
    /// `Flag` or `Block`.
    pub action: Action,
}

/// Who may be asked for a second opinion.
#[derive(Clone, Debug)]
pub struct Adviser {
    /// Its name.
    pub name: String,
    /// What it is.
    pub by: AdviserBy,
    /// When to give up, over the whole exchange.
    pub timeout: Duration,
}

/// How an adviser is asked.
#[derive(Clone, Debug)]
pub enum AdviserBy {
    /// Over HTTP.
    Service(Service),
    /// In this process.
    #[cfg(feature = "onnx")]
    Model(Arc<OnnxModel>),
}

/// A second opinion that a tier asks for, with its desk.
#[derive(Debug)]
pub struct SecondOpinion {
    /// Place of the adviser in the settings.
    pub adviser: usize,
    /// The adviser's name.
    pub name: String,
    /// About which score.
    pub about: About,
    /// In which direction.
    pub direction: Direction,
    /// Scores that are asked about.
    pub band: GreyBand,
    desk: Mutex<Desk>,
}

impl SecondOpinion {
    /// With a desk that nobody has used.
    pub fn new((adviser, name): (usize, &str), about: About, direction: Direction, band: GreyBand, desk: Desk) -> Self {
        Self { adviser, name: name.to_owned(), about, direction, band, desk: Mutex::new(desk) }
    }

    /// The desk; never held across a wait.
    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
