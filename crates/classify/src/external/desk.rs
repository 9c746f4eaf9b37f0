//! When to ask for a second opinion, and what it comes to: only in the grey band, not twice, not of a service that keeps
//! failing; and with a declared answer for when there is none.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};

use super::{AskError, CacheKey, Opinion, OpinionCache, Question};
use crate::{Decision, Thresholds};

/// Scores at which the embedded classifier is unsure: from `low` up to, but without, `high`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GreyBand {
    /// Lowest score that is asked about.
    pub low: f32,
    /// First score that is sure.
    pub high: f32,
}

impl GreyBand {
    /// True if `score` is to be asked about.
    pub fn holds(self, score: f32) -> bool {
        self.low <= score && score < self.high
    }
}

/// What becomes of a text that should have been asked about and was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailMode {
    /// The first decision stands, marked as not checked.
    Keep,
    /// It is flagged at least.
    #[default]
    Flag,
    /// It is blocked.
    Block,
}

/// Settings of a desk.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeskSettings {
    /// Which scores are asked about. Default .2 to .998.
    pub band: GreyBand,
    /// What the score of an opinion calls for. Default flag .5, block .9.
    pub thresholds: Thresholds,
    /// True if an opinion of harmless may lower a flag to a pass. It never lowers a block. Default false.
    pub may_clear: bool,
    /// What no answer comes to. Default flag.
    pub fail: FailMode,
    /// Opinions remembered. Default 10,000.
    pub cache_entries_max: usize,
    /// How long. Default ten minutes.
    pub cache_ttl_ms: i64,
    /// Failures in a row after which the adviser is left in peace. Default 5.
    pub failures_max: u32,
    /// For how long. Default 30 s.
    pub rest_ms: i64,
}

impl Default for DeskSettings {
    fn default() -> Self {
        Self {
            band: GreyBand { low: 0.2, high: 0.998 },
            thresholds: Thresholds { flag: 0.5, block: 0.9 },
            may_clear: false,
            fail: FailMode::default(),
            cache_entries_max: 10_000,
            cache_ttl_ms: 600_000,
            failures_max: 5,
            rest_ms: 30_000,
        }
    }
}

/// Why settings were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The band is empty, or not of probabilities.
    #[error("grey band is not 0 ≤ low < high ≤ 1")]
    Band,
    /// Thresholds out of order.
    #[error("thresholds are not 0 ≤ flag ≤ block ≤ 1")]
    Thresholds,
}

/// What to do about a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The first decision is sure enough.
    Sure,
    /// It is known already, or known not to be answered: [`Desk::combine`] it.
    Known(Advice),
    /// Ask, and hand the answer to [`Desk::settle`] under this key.
    Ask(CacheKey),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice {
    /// An opinion.
    Given(Opinion),
    /// None, and why: the text is *not checked* by this adviser.
    NotChecked(AskError),
}

/// The decision after a second opinion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advised {
    /// What to do.
    pub decision: Decision,
    /// False if the opinion that was wanted is missing.
    pub checked: bool,
}

/// The desk of one adviser: its cache and its record of failures.
#[derive(Clone, Debug)]
pub struct Desk {
    id: String,
    settings: DeskSettings,
    cache: OpinionCache,
    failures: u32,
    rests_until: UnixMs,
}

impl Desk {
    /// A desk for the adviser `id`.
    ///
    /// # Errors
    /// [`SettingsError`] if they contradict themselves.
    pub fn new(id: &str, settings: DeskSettings) -> Result<Self, SettingsError> {
        let DeskSettings { band, thresholds, .. } = settings;
        if !(0.0 <= band.low && band.low < band.high && band.high <= 1.0) {
            return Err(SettingsError::Band);
        }
        if !(0.0 <= thresholds.flag && thresholds.flag <= thresholds.block && thresholds.block <= 1.0) {
            return Err(SettingsError::Thresholds);
        }
        let cache = OpinionCache::new(settings.cache_entries_max, settings.cache_ttl_ms);
        Ok(Self { id: id.into(), settings, cache, failures: 0, rests_until: UnixMs(i64::MIN) })
    }

    /// Whether to ask about `question`, whose score is the embedded classifier's.
    pub fn consider(&self, question: &Question<'_>) -> Step {
        if !self.settings.band.holds(question.score) {
            return Step::Sure;
        }
        let key = CacheKey::of(&self.id, question);
        if let Some(opinion) = self.cache.get(key, question.now) {
            return Step::Known(Advice::Given(opinion.clone()));
        }
        if question.now < self.rests_until {
            return Step::Known(Advice::NotChecked(AskError::Resting { failures: self.failures }));
        }
        Step::Ask(key)
    }

    /// Takes the answer to a question that was asked: remembers an opinion, counts a failure.
    pub fn settle(&mut self, key: CacheKey, answer: Result<Opinion, AskError>, now: UnixMs) -> Advice {
        match answer {
            Ok(opinion) => {
                self.failures = 0;
                self.cache.put(key, opinion.clone(), now);
                Advice::Given(opinion)
            }
            Err(error) => {
                // A text that is too long says nothing of the service's health.
                if !matches!(error, AskError::TooLong { .. }) {
                    self.failures = self.failures.saturating_add(1);
                    if self.failures >= self.settings.failures_max.max(1) {
                        self.rests_until = now.plus_ms(self.settings.rest_ms);
                    }
                }
                Advice::NotChecked(error)
            }
        }
    }

    /// What the first decision becomes by an advice.
    pub fn combine(&self, first: Decision, advice: &Advice) -> Advised {
        match advice {
            Advice::Given(opinion) => {
                let by_score = self.settings.thresholds.decide(opinion.score);
                let second = if opinion.flagged { by_score.max(Decision::Flag) } else { by_score };
                let cleared = self.settings.may_clear && first == Decision::Flag;
                Advised { decision: if cleared { second } else { first.max(second) }, checked: true }
            }
            Advice::NotChecked(_) => {
                let floor = match self.settings.fail {
                    FailMode::Keep => Decision::Pass,
                    FailMode::Flag => Decision::Flag,
                    FailMode::Block => Decision::Block,
                };
                Advised { decision: first.max(floor), checked: false }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Advice, Desk, DeskSettings, FailMode, GreyBand, SettingsError, Step};
    use crate::external::service::tests::question;
    use crate::external::{AskError, CacheKey, Opinion, Question};
    use crate::{Channel, Decision, Thresholds};
    use casemate_finding::UnixMs;

    fn desk(settings: DeskSettings) -> Desk {
        Desk::new("guard", settings).expect("settings that will do")
    }

    fn at(score: f32, now: i64) -> Question<'static> {
        Question { score, now: UnixMs(now), ..question("text", Channel::Chat) }
    }

    fn opinion(score: f32) -> Opinion {
        Opinion { score, flagged: score >= 0.5, labels: vec![] }
    }

    #[test]
    fn only_the_grey_band_is_asked_about_and_only_once() {
        let mut d = desk(DeskSettings::default());
        for (score, sure) in [(0.199, true), (0.2, false), (0.997, false), (0.998, true)] {
            assert_eq!(d.consider(&at(score, 0)) == Step::Sure, sure, "{score}");
        }
        let Step::Ask(key) = d.consider(&at(0.5, 0)) else { panic!("it should ask") };
        assert_eq!(key, CacheKey::of("guard", &at(0.5, 0)));
        d.settle(key, Ok(opinion(0.7)), UnixMs(0));
        assert_eq!(d.consider(&at(0.5, 599_999)), Step::Known(Advice::Given(opinion(0.7))));
        assert_eq!(d.consider(&at(0.5, 600_000)), Step::Ask(key));
    }

    #[test]
    fn a_service_that_keeps_failing_is_left_in_peace() {
        let mut d = desk(DeskSettings { failures_max: 2, rest_ms: 100, ..DeskSettings::default() });
        let Step::Ask(key) = d.consider(&at(0.5, 0)) else { panic!("it should ask") };
        let fail = || Err(AskError::Status { status: 503 });
        for _ in 0..9 {
            d.settle(key, Err(AskError::TooLong { length: 2, max: 1 }), UnixMs(0));
        }
        d.settle(key, fail(), UnixMs(0));
        assert_eq!(d.consider(&at(0.5, 1)), Step::Ask(key));
        d.settle(key, fail(), UnixMs(1));
        assert_eq!(d.consider(&at(0.5, 100)), Step::Known(Advice::NotChecked(AskError::Resting { failures: 2 })));
        assert_eq!(d.consider(&at(0.5, 101)), Step::Ask(key));
        d.settle(key, Ok(opinion(0.0)), UnixMs(101));
        d.settle(key, fail(), UnixMs(102));
        assert!(matches!(d.consider(&at(0.5, 103)), Step::Known(Advice::Given(_))));
    }

    #[test]
    fn what_is_not_checked_is_never_clean_and_never_lower() {
        let missing = Advice::NotChecked(AskError::Status { status: 500 });
        for (fail, from_pass) in
            [(FailMode::Keep, Decision::Pass), (FailMode::Flag, Decision::Flag), (FailMode::Block, Decision::Block)]
        {
            let d = desk(DeskSettings { fail, ..DeskSettings::default() });
            let got = d.combine(Decision::Pass, &missing);
            assert_eq!((got.decision, got.checked), (from_pass, false));
            assert_eq!(d.combine(Decision::Block, &missing).decision, Decision::Block);
        }
    }

    #[test]
    fn an_opinion_raises_and_lowers_only_where_it_may() {
        let strict = desk(DeskSettings::default());
        let lenient = desk(DeskSettings { may_clear: true, ..DeskSettings::default() });
        let of = |d: &Desk, first, score| d.combine(first, &Advice::Given(opinion(score))).decision;
        assert_eq!(of(&strict, Decision::Pass, 0.6), Decision::Flag);
        assert_eq!(of(&strict, Decision::Pass, 0.95), Decision::Block);
        assert_eq!(of(&strict, Decision::Flag, 0.1), Decision::Flag);
        assert_eq!(of(&lenient, Decision::Flag, 0.1), Decision::Pass);
        assert_eq!(of(&lenient, Decision::Block, 0.1), Decision::Block);
        let flagged = Opinion { score: 0.1, flagged: true, labels: vec![] };
        assert_eq!(strict.combine(Decision::Pass, &Advice::Given(flagged)).decision, Decision::Flag);
    }

    #[test]
    fn settings_that_contradict_themselves_are_refused() {
        let of = |low: f32, high: f32, flag: f32, block: f32| {
            let band = GreyBand { low, high };
            Desk::new("g", DeskSettings { band, thresholds: Thresholds { flag, block }, ..DeskSettings::default() })
                .err()
        };
        assert_eq!(of(0.0, 1.0, 0.0, 1.0), None);
        for (low, high) in [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.5, 1.1), (f32::NAN, 0.5)] {
            assert_eq!(of(low, high, 0.5, 0.9), Some(SettingsError::Band), "{low} {high}");
        }
        assert_eq!(of(0.1, 0.9, 0.9, 0.5), Some(SettingsError::Thresholds));
    }
}
