//! What a tier demands beyond the checks that ship: loaded, checked, ready to be asked.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(any(feature = "onnx", feature = "onnx-ort"))]
use casemate_classify::external::OnnxModel;
use casemate_classify::external::{Desk, GreyBand, Service};
use casemate_classify::model::Embedding;
use casemate_classify::session::{Approval, ConversationSettings, ToolPolicy};
use casemate_classify::{CheckScore, CustomCheck};

use super::settings::Action;
use super::written_defences::{About, ApprovalsConfig, Direction};

/// Longest piece of a text that a check judges by itself; a longer sentence is judged in pieces, half a piece apart.
const PIECE_BYTES_MAX: usize = 256;
/// Shorter sentences are judged together with the next.
const PIECE_BYTES_MIN: usize = 24;

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
    /// Judges a text of which all but the last `fresh` bytes were judged before: as a whole and sentence by sentence, for one
    /// sentence must not drown in a long text. The worst counts, and what was not read whole says so.
    pub fn judge(&self, text: &str, fresh: usize, embedding: &Embedding) -> CheckScore {
        let known = text.len().saturating_sub(fresh);
        let whole = self.model.assess(text, embedding);
        let pieces = pieces(text).into_iter().filter(|p| p.end > known && p.len() < text.len());
        pieces.fold(whole, |worst, piece| worse(&worst, &self.model.assess(&text[piece], embedding)))
    }
}

/// Sentences of a text, short ones together with the next, long ones in pieces.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let before_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends = matches!(c, '\n' | '。' | '！' | '？') || matches!(c, '.' | '!' | '?' | ';') && before_space;
        if ends && end - start >= PIECE_BYTES_MIN {
            cut(text, start..end, &mut out);
            start = end;
        }
    }
    cut(text, start..text.len(), &mut out);
    out
}

fn cut(text: &str, sentence: Range<usize>, out: &mut Vec<Range<usize>>) {
    let mut at = sentence.start;
    while at < sentence.end {
        let end = text.ceil_char_boundary((at + PIECE_BYTES_MAX).min(sentence.end));
        out.push(at..end);
        at = if end == sentence.end { end } else { text.ceil_char_boundary(at + PIECE_BYTES_MAX / 2) };
    }
}

fn worse(a: &CheckScore, b: &CheckScore) -> CheckScore {
    CheckScore { score: a.score.max(b.score), decision: a.decision.max(b.decision), complete: a.complete && b.complete }
}

/// The policy for tool calls with what the tier does about those that it does not allow.
#[derive(Clone, Debug)]
pub struct ToolDefence {
    /// The policy.
    pub policy: Arc<ToolPolicy>,
    /// About calls that it refuses: `Flag` or `Block`.
    pub refused: Action,
    /// About calls that a person must approve: `Flag` or `Block`.
    pub approval: Action,
    /// How people are asked where that is `Block`.
    pub approvals: ApprovalsConfig,
}

impl ToolDefence {
    /// True if a person may be asked about some call.
    pub fn asks_people(&self) -> bool {
        self.approval == Action::Block && self.asks_for_provenance()
    }

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
    #[cfg(any(feature = "onnx", feature = "onnx-ort"))]
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

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn sentences_stand_alone_short_ones_join_long_ones_are_cut() {
        let of = |text: &str| pieces(text).into_iter().map(|p| text[p].to_owned()).collect::<Vec<_>>();
        assert_eq!(of(""), Vec::<String>::new());
        assert_eq!(of("Version 1.2 is out."), ["Version 1.2 is out."]);
        let text = "Yes. The manual of the pump is on the shelf. Who repairs the motors of line 7? 在这里。";
        assert_eq!(
            of(text),
            ["Yes. The manual of the pump is on the shelf.", " Who repairs the motors of line 7?", " 在这里。"]
        );
        let long = "é".repeat(300);
        let cut = of(&long);
        assert!(cut.len() > 3 && cut.iter().all(|p| p.len() <= 258), "{}", cut.len());
        assert_eq!(pieces(&long).last().map(|p| p.end), Some(long.len()));
    }
}
