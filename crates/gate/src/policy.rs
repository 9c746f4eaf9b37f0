//! From what a check says to an outcome: thresholds, exemptions, mode.

use casemate_finding::{CheckResult, Finding, Outcome, UnixMs};

use crate::{Check, CheckReport, CheckSettings, ExemptionUse, Exemptions, GatedCheck, Mode, Weight};

/// What the policy made of one check.
pub(crate) struct Judged {
    pub(crate) gated: GatedCheck,
    pub(crate) used: Vec<ExemptionUse>,
    pub(crate) notes: Vec<String>,
}

/// Refusals of exemptions told for one check.
const NOTES_MAX: usize = 5;

/// Judges what `check` said of `subject`; `Err` is a check that failed.
pub(crate) fn judge(
    check: &dyn Check,
    subject: &str,
    settings: &CheckSettings,
    report: Result<CheckReport, String>,
    exemptions: &Exemptions,
    now: UnixMs,
) -> Judged {
    let mode = if check.always_enforced() { Mode::Enforce } else { settings.mode_at(now) };
    let result = |outcome, reason, findings| CheckResult {
        check: check.id().to_owned(),
        subject: subject.to_owned(),
        outcome,
        reason,
        findings,
    };
    let report = match report {
        Ok(report) => report,
        Err(why) => {
            let gated = GatedCheck { result: result(Outcome::Error, why, Vec::new()), mode, raw: Outcome::Error };
            return Judged { gated, used: Vec::new(), notes: Vec::new() };
        }
    };
    let (mut used, mut notes, mut holding) = (Vec::new(), Vec::new(), 0_usize);
    let mut review = 0_usize;
    for seen in report.seen.iter().filter(|s| s.weight != Weight::Told) {
        match exemptions.covering(check.id(), subject, &seen.finding, now) {
            Some(exemption) => used.push(exemption.used_on(check.id(), &seen.finding)),
            None => {
                match seen.weight {
                    Weight::Holds => holding += 1,
                    _ => review += 1,
                }
                if notes.len() < NOTES_MAX {
                    for note in exemptions.refusals(check.id(), subject, &seen.finding, now) {
                        if !notes.contains(&note) {
                            notes.push(note);
                        }
                    }
                }
            }
        }
    }
    let raw = if holding > 0 {
        Outcome::Block
    } else if !report.not_scanned.is_empty() {
        Outcome::NotScanned
    } else if review > 0 {
        Outcome::Insufficient
    } else if !used.is_empty() {
        Outcome::Exempted
    } else if report.seen.is_empty() {
        Outcome::Pass
    } else {
        // Seen, and below the thresholds: told, not held.
        Outcome::Warn
    };
    let outcome = match (raw, mode) {
        (Outcome::Block | Outcome::Insufficient, Mode::Warn | Mode::Audit) => Outcome::Warn,
        (raw, _) => raw,
    };
    let mut reason = report.summary;
    if review > 0 && holding == 0 {
        reason = format!("{reason}; {review} to be reviewed by a person");
    }
    if let Some(first) = report.not_scanned.first() {
        let more = report.not_scanned.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        reason = format!("{reason}; not all of it was looked at: {}{more}", first.reason);
    }
    if !used.is_empty() {
        reason = format!("{reason}; {} exempted", used.len());
    }
    match (raw, mode) {
        (Outcome::Warn, _) => reason = format!("{reason}; below the thresholds"),
        (Outcome::Block | Outcome::Insufficient, Mode::Warn) => {
            let until = settings.warn_until.map(|d| format!(" until {d}")).unwrap_or_default();
            reason = format!("{reason}; warns{until}");
        }
        (Outcome::Block | Outcome::Insufficient, Mode::Audit) => reason = format!("{reason}; audit only"),
        _ => {}
    }
    let findings: Vec<Finding> = report.seen.into_iter().map(|s| s.finding).collect();
    Judged { gated: GatedCheck { result: result(outcome, reason, findings), mode, raw }, used, notes }
}
