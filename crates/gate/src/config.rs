//! The gate's configuration: as it is written, and as it is meant.

use std::collections::BTreeMap;

use casemate_artifact::ScanConfig;
use casemate_finding::{Finding, Severity, UnixMs};
use casemate_sweep::ColumnHits;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{CHECKS, Check, Stage, Subject};

/// Version of the written form.
const VERSION: u32 = 1;
/// Bytes of a configuration or exemption file.
pub(crate) const FILE_BYTES_MAX: usize = 4 << 20;

/// What a finding over the thresholds does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It holds the pipeline.
    #[default]
    Enforce,
    /// It is told, and holds nothing until `warn_until`.
    Warn,
    /// It is recorded and does not count, nor does a failure of the check.
    Audit,
}

/// What an incomplete look does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Incomplete {
    /// Exit code 30.
    #[default]
    Hold,
    /// Exit code 0.
    Allow,
}

/// The configuration as it is written. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateConfigFile {
    /// Version of this form: 1.
    pub version: u32,
    /// Files to look at.
    #[serde(default)]
    pub subjects: Vec<Subject>,
    /// Settings by check id.
    #[serde(default)]
    pub checks: BTreeMap<String, CheckFile>,
    /// Seconds that one check may take on one subject.
    #[serde(default)]
    pub time_out_s: Option<u64>,
    /// Threads; at least two are used.
    #[serde(default)]
    pub workers: usize,
    /// What an incomplete look does.
    #[serde(default)]
    pub incomplete: Incomplete,
    /// True: warnings end with exit code 10.
    #[serde(default)]
    pub warn_exit: bool,
    /// File of exemptions, relative to this one.
    #[serde(default)]
    pub exemptions: Option<String>,
}

/// Settings of one check as they are written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckFile {
    /// What a finding over the thresholds does.
    #[serde(default)]
    pub mode: Mode,
    /// Last day, `YYYY-MM-DD` in UTC, on which `mode: warn` warns; the day after, it enforces.
    #[serde(default)]
    pub warn_until: Option<String>,
    /// Stages that it runs in; those of the check when absent.
    #[serde(default)]
    pub stages: Option<Vec<Stage>>,
    /// Findings below this severity do not count.
    #[serde(default)]
    pub severity_min: Option<Severity>,
    /// Findings below this score do not count; for `pii` and `secrets` they are not made either.
    #[serde(default)]
    pub score_min: Option<f32>,
    /// Cells of one column that one rule may match without holding (`pii`, `secrets`).
    #[serde(default)]
    pub cells_max: Option<u64>,
    /// Share of a column's values, 0 to 1, that one rule may match without holding (`pii`, `secrets`).
    #[serde(default)]
    pub share_max: Option<f64>,
    /// Rules that do not count, as `pii/url`.
    #[serde(default)]
    pub ignore: Option<Vec<String>>,
    /// Bytes of a subject (`input`).
    #[serde(default)]
    pub bytes_max: Option<u64>,
    /// True: `casemate:allow` comments in the data count (`pii`, `secrets`). Off, since data comes from outside.
    #[serde(default)]
    pub honour_comments: bool,
}

/// What the configuration says of one check.
#[derive(Clone, Debug)]
pub struct CheckSettings {
    /// What a finding over the thresholds does.
    pub mode: Mode,
    /// Last day on which `mode: warn` warns.
    pub warn_until: Option<Date>,
    /// Stages that it runs in.
    pub stages: Vec<Stage>,
    /// Findings below this severity do not count.
    pub severity_min: Severity,
    /// Findings below this score do not count.
    pub score_min: f32,
    /// Cells of one column that one rule may match without holding.
    pub cells_max: u64,
    /// Share of a column's values that one rule may match without holding.
    pub share_max: f64,
    /// Rules that do not count.
    pub ignore: Vec<String>,
    /// Bytes of a subject.
    pub bytes_max: u64,
    /// True when `casemate:allow` comments in the data count.
    pub honour_comments: bool,
    /// Limits of the model scanner.
    pub model: ScanConfig,
}

impl CheckSettings {
    /// The defaults of `check`.
    pub fn of(check: &dyn Check) -> Self {
        Self {
            mode: Mode::Enforce,
            warn_until: None,
            stages: check.stages().to_vec(),
            severity_min: Severity::Medium,
            score_min: 0.5,
            cells_max: 0,
            share_max: 0.0,
            // A link is personal data only where it leads to a person, which no text says.
            ignore: if check.id() == "pii" { vec!["pii/url".into()] } else { Vec::new() },
            bytes_max: 1 << 40,
            honour_comments: false,
            model: ScanConfig::default(),
        }
    }

    /// The mode that counts today.
    pub fn mode_at(&self, now: UnixMs) -> Mode {
        match (self.mode, self.warn_until) {
            (Mode::Warn, Some(last)) if day(now).is_none_or(|today| today > last) => Mode::Enforce,
            (mode, _) => mode,
        }
    }

    /// True when the finding is bad and sure enough to hold.
    pub fn counts(&self, finding: &Finding) -> bool {
        finding.severity >= self.severity_min && finding.score >= self.score_min && !self.ignores(&finding.rule)
    }

    /// True when the rule matched more of the column than the thresholds let pass.
    pub fn column_holds(&self, hits: &ColumnHits) -> bool {
        hits.severity >= self.severity_min
            && hits.score >= self.score_min
            && !self.ignores(&hits.rule)
            && hits.cells > self.cells_max
            && hits.share() > self.share_max
    }

    fn ignores(&self, rule: &str) -> bool {
        self.ignore.iter().any(|i| i == rule)
    }
}

/// The day of `now` in UTC; `None` when it is outside the calendar.
pub(crate) fn day(now: UnixMs) -> Option<Date> {
    Timestamp::from_millisecond(now.0).ok().map(|t| t.to_zoned(TimeZone::UTC).date())
}

/// The configuration as it is meant: every check has settings, every date is one.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// Settings in the order of [`CHECKS`].
    pub checks: Vec<(&'static str, CheckSettings)>,
    /// Milliseconds that one check may take on one subject.
    pub time_out_ms: u64,
    /// Threads.
    pub workers: usize,
    /// What an incomplete look does.
    pub incomplete: Incomplete,
    /// True: warnings end with exit code 10.
    pub warn_exit: bool,
}

impl Default for GateConfig {
    fn default() -> Self {
        let checks = CHECKS.iter().map(|c| (c.id(), CheckSettings::of(*c))).collect();
        Self { checks, time_out_ms: 300_000, workers: 0, incomplete: Incomplete::Hold, warn_exit: false }
    }
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is too long.
    #[error("the file has {bytes} bytes; the limit is {FILE_BYTES_MAX}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// It is no YAML of this form.
    #[error("{reason}")]
    Syntax {
        /// Place and reason.
        reason: String,
    },
    /// It is of another version.
    #[error("version is {found}, this program reads version {VERSION}")]
    Version {
        /// What it says.
        found: u32,
    },
    /// There is no such check.
    #[error("checks.{name}: there is no such check; the nearest is `{nearest}`")]
    UnknownCheck {
        /// As written.
        name: String,
        /// The check whose name is nearest.
        nearest: &'static str,
    },
    /// A value makes no sense.
    #[error("{place}: {reason}")]
    Invalid {
        /// Path of the key.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl GateConfigFile {
    /// Reads the written form.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] with line and column, or [`ConfigError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        parse_yaml(text)
    }
}

/// Reads YAML of a bounded length.
pub(crate) fn parse_yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(ConfigError::TooLong { bytes: text.len() });
    }
    serde_saphyr::from_str(text).map_err(|e| ConfigError::Syntax { reason: e.without_snippet().to_string() })
}

/// A date as `YYYY-MM-DD`.
pub(crate) fn parse_day(text: &str) -> Option<Date> {
    // The parser takes more forms than we want to promise.
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

impl TryFrom<&GateConfigFile> for GateConfig {
    type Error = ConfigError;

    fn try_from(file: &GateConfigFile) -> Result<Self, ConfigError> {
        if file.version != VERSION {
            return Err(ConfigError::Version { found: file.version });
        }
        let mut config = Self { workers: file.workers.min(256), incomplete: file.incomplete, ..Self::default() };
        config.warn_exit = file.warn_exit;
        if let Some(seconds) = file.time_out_s {
            if seconds == 0 || seconds > 86_400 {
                return Err(invalid("time_out_s", "must be from 1 to 86400"));
            }
            config.time_out_ms = seconds * 1_000;
        }
        for (name, written) in &file.checks {
            let Some((check, (_, settings))) =
                CHECKS.iter().zip(config.checks.iter_mut()).find(|(check, _)| check.id() == name)
            else {
                let nearest = CHECKS.iter().map(|c| c.id()).min_by_key(|id| distance(id, name)).unwrap_or("input");
                return Err(ConfigError::UnknownCheck { name: name.clone(), nearest });
            };
            mean(*check, written, settings)?;
        }
        Ok(config)
    }
}

fn invalid(place: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { place: place.into(), reason: reason.into() }
}

fn mean(check: &dyn Check, written: &CheckFile, settings: &mut CheckSettings) -> Result<(), ConfigError> {
    let place = |key: &str| format!("checks.{}.{key}", check.id());
    if check.always_enforced() && (written.mode != Mode::Enforce || written.stages.is_some()) {
        return Err(invalid(place("mode"), "this check is always enforced, in every stage"));
    }
    if written.warn_until.is_some() && written.mode != Mode::Warn {
        return Err(invalid(place("warn_until"), "goes with `mode: warn` only"));
    }
    settings.mode = written.mode;
    settings.warn_until = match &written.warn_until {
        Some(text) => {
            let day =
                parse_day(text).ok_or_else(|| invalid(place("warn_until"), "is no date of the form YYYY-MM-DD"))?;
            Some(day)
        }
        None => None,
    };
    if let Some(stages) = &written.stages {
        settings.stages.clone_from(stages);
    }
    if let Some(score) = written.score_min {
        if !(0.0..=1.0).contains(&score) {
            return Err(invalid(place("score_min"), "must be from 0 to 1"));
        }
        settings.score_min = score;
    }
    if let Some(share) = written.share_max {
        if !(0.0..1.0).contains(&share) {
            return Err(invalid(place("share_max"), "must be at least 0 and below 1"));
        }
        settings.share_max = share;
    }
    if written.bytes_max == Some(0) {
        return Err(invalid(place("bytes_max"), "must be above 0"));
    }
    settings.severity_min = written.severity_min.unwrap_or(settings.severity_min);
    settings.cells_max = written.cells_max.unwrap_or(settings.cells_max);
    settings.bytes_max = written.bytes_max.unwrap_or(settings.bytes_max);
    settings.honour_comments = written.honour_comments;
    if let Some(ignore) = &written.ignore {
        settings.ignore.clone_from(ignore);
    }
    Ok(())
}

/// Edits between two short names (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use casemate_finding::UnixMs;

    use super::{ConfigError, GateConfig, GateConfigFile, Mode, distance};

    fn read(text: &str) -> Result<GateConfig, ConfigError> {
        GateConfig::try_from(&GateConfigFile::parse(text)?)
    }

    #[test]
    fn bad_values_are_refused_with_place_and_reason() {
        for (text, why) in [
            ("version: 2", "version is 2, this program reads version 1"),
            ("version: 1\nsubject: x", "unknown field"),
            ("version: 1\nchecks: {pi: {}}", "checks.pi: there is no such check; the nearest is `pii`"),
            ("version: 1\nchecks: {input: {mode: warn}}", "checks.input.mode: this check is always enforced"),
            ("version: 1\nchecks: {pii: {warn_until: 2026-01-01}}", "checks.pii.warn_until: goes with `mode: warn`"),
            ("version: 1\nchecks: {pii: {mode: warn, warn_until: tomorrow}}", "is no date of the form YYYY-MM-DD"),
            ("version: 1\nchecks: {pii: {mode: warn, warn_until: 2026-02-30}}", "is no date of the form YYYY-MM-DD"),
            ("version: 1\nchecks: {pii: {score_min: 1.5}}", "checks.pii.score_min: must be from 0 to 1"),
            ("version: 1\nchecks: {pii: {share_max: .nan}}", "share_max"),
            ("version: 1\ntime_out_s: 0", "time_out_s: must be from 1 to 86400"),
            ("version: [", ""),
        ] {
            let error = read(text).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(!error.is_empty() && error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_warning_ends_by_itself() {
        let config = read("version: 1\nchecks: {pii: {mode: warn, warn_until: 2026-11-21}}").unwrap();
        let (_, pii) = config.checks.iter().find(|(id, _)| *id == "pii").unwrap();
        // 2026-11-21T23:59:59.999Z, and one millisecond later.
        assert_eq!(pii.mode_at(UnixMs(1_795_305_599_999)), Mode::Warn);
        assert_eq!(pii.mode_at(UnixMs(1_795_305_600_000)), Mode::Enforce);
        assert_eq!(pii.mode_at(UnixMs(i64::MAX)), Mode::Enforce, "a clock that makes no sense fails closed");
    }

    #[test]
    fn distances() {
        assert_eq!([distance("", "abc"), distance("kitten", "sitting"), distance("pii", "pii")], [3, 3, 0]);
    }
}
