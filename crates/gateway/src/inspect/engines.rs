//! The one place where the gateway speaks to the detection crates.

use std::sync::Arc;

use casemate_classify::similarity::Vector;
use casemate_classify::{Assessment, CanarySet, CanaryStream, Channel as ClassChannel, Classifier, Decision};
use casemate_detect::{Engine, Kind, Kinds, Match, OperatingPoint, ScanOptions, StreamScanner};
use casemate_wire::carrier::Channel;

use super::known_texts::KnownTexts;
use super::notice::{Check, Notice};
use crate::config::{Action, Checks, OwnCheck, Tier, ToolDefence};

/// Detectors and classifiers, shared by all requests. They are in memory once something asks for them: [`Engines::load`] does so
/// at the start, for what the tiers demand.
#[derive(Clone)]
pub struct Engines {
    canaries: Option<Arc<CanarySet>>,
    known: Arc<KnownTexts>,
    /// None is the classifier that ships.
    classifier: Option<Arc<Classifier>>,
}

impl Engines {
    /// What ships inside the program, with these canaries; remembers no text.
    pub fn builtin(canaries: Option<Arc<CanarySet>>) -> Self {
        Self::remembering(canaries, 0)
    }

    /// The same, and remembers what was said of about so many texts.
    pub fn remembering(canaries: Option<Arc<CanarySet>>, known_texts_max: usize) -> Self {
        Self { canaries, known: Arc::new(KnownTexts::new(known_texts_max)), classifier: None }
    }

    /// The same with models of one's own, if there are any.
    #[must_use]
    pub fn with_classifier(self, classifier: Option<Arc<Classifier>>) -> Self {
        Self { classifier, ..self }
    }

    /// The classifier that judges.
    pub(super) fn classifier(&self) -> &Classifier {
        self.classifier.as_deref().unwrap_or_else(|| Classifier::builtin())
    }

    /// Loads what some tier demands, so that no request waits for it; what none does is not loaded.
    pub fn load<'t>(&self, tiers: impl Iterator<Item = &'t Tier>) {
        let (mut detects, mut classifies) = (false, false);
        for tier in tiers {
            let defences = &tier.defences;
            for checks in [&tier.inspection.input, &tier.inspection.output] {
                detects |= scan_options(checks).is_some();
                classifies |= (checks.injection, checks.toxicity) != (Action::Off, Action::Off);
            }
            // What people are shown of a tool call holds no credential.
            detects |= defences.tools.as_ref().is_some_and(ToolDefence::asks_people);
            let own = !defences.input_checks.is_empty() || !defences.output_checks.is_empty();
            classifies |= own || defences.conversation.is_some();
        }
        if detects {
            Engine::builtin();
        }
        if classifies {
            self.classifier();
        }
        tracing::info!(detects, classifies, "engines loaded");
    }

    /// How many texts of requests were known, and how many had to be judged.
    pub fn known_counts(&self) -> (u64, u64) {
        self.known.counts()
    }

    /// Texts that were judged before.
    pub(super) fn known(&self) -> &KnownTexts {
        &self.known
    }

    /// Personal data and secrets that `checks` ask for. Blocking alone takes surer matches than redacting.
    pub(super) fn scan(&self, text: &str, options: &ScanOptions) -> Vec<Match> {
        Engine::builtin().scan(text, options)
    }

    /// The scanner of one running text.
    pub(super) fn stream(&self, options: ScanOptions) -> StreamScanner<'static> {
        StreamScanner::new(Engine::builtin(), options)
    }

    /// What the classifiers say of `text`.
    pub(super) fn assess(&self, text: &str, channel: ClassChannel) -> Assessment {
        self.classifier().assess(text, channel)
    }

    /// Where a text stands among others by its meaning.
    pub(crate) fn vector(&self, text: &str) -> Vector {
        Vector::quantise(&self.classifier().embed(text))
    }

    /// What a check of one's own says of `text`, of which the last `fresh` bytes are new, if there is anything to say.
    pub(super) fn own_check(
        &self,
        check: &OwnCheck,
        (text, fresh): (&str, usize),
        path: &dyn Fn() -> String,
    ) -> Option<Notice> {
        let seen = check.judge(text, fresh, self.classifier().embedding());
        // What was not read whole is not clean.
        let decision = if seen.complete { seen.decision } else { seen.decision.max(Decision::Flag) };
        let action = decide(decision, check.action);
        let label = match seen.complete {
            true => check.model.name().to_owned(),
            false => format!("{} (not read whole)", check.model.name()),
        };
        (action != Action::Off).then(|| Notice { check: Check::Own, action, label, path: path(), score: seen.score })
    }

    /// True if a canary is in `text`.
    pub(super) fn has_canary(&self, text: &str) -> bool {
        self.canaries.as_ref().is_some_and(|set| !set.find(text).is_empty())
    }

    /// True if a canary ends in `piece` of the running text that `state` follows.
    pub(super) fn canary_in_stream(&self, state: &mut CanaryStream, piece: &str) -> bool {
        self.canaries.as_ref().is_some_and(|set| !state.push(set, piece.as_bytes()).is_empty())
    }

    /// True if there are canaries to look for.
    pub(super) const fn has_canaries(&self) -> bool {
        self.canaries.is_some()
    }
}

/// Which families of `checks` are to be scanned for, and from which score; none if neither is.
pub(super) fn scan_options(checks: &Checks) -> Option<ScanOptions> {
    let kinds = match (checks.pii != Action::Off, checks.secrets != Action::Off) {
        (true, true) => Kinds::ALL,
        (true, false) => Kinds::PII,
        (false, true) => Kinds::SECRETS,
        (false, false) => return None,
    };
    Some(ScanOptions::new(kinds, OperatingPoint::Redact))
}

/// The check that a match belongs to.
pub(super) fn check_of(found: &Match) -> Check {
    match found.kind {
        Kind::Secret => Check::Secrets,
        Kind::Pii => Check::Pii,
    }
}

/// What is done about one match: a refusal takes a surer match than a replacement; what is not sure enough to refuse is
/// replaced.
pub(super) fn action_for(found: &Match, checks: &Checks) -> Action {
    match check_of(found).action(checks) {
        Action::Block if found.score < OperatingPoint::Block.min_score() => Action::Redact,
        action => action,
    }
}

/// Where the classifiers take a text of this channel to stand.
pub(super) const fn class_channel(channel: Channel) -> ClassChannel {
    match channel {
        Channel::ToolResult => ClassChannel::Document,
        Channel::ToolDefinition | Channel::ToolCall => ClassChannel::Tool,
        Channel::System | Channel::User | Channel::Assistant | Channel::Metadata | Channel::Other => ClassChannel::Chat,
    }
}

/// What an assessment calls for where the tier says `action`: below the block threshold, a block is a flag.
pub const fn decide(decision: Decision, action: Action) -> Action {
    match (decision, action) {
        (Decision::Pass, _) | (_, Action::Off) => Action::Off,
        (Decision::Flag, _) => Action::Flag,
        (Decision::Block, action) => action,
    }
}
