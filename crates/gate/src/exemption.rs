//! Exemptions: who lets which finding through, on what ground, until when.

use casemate_finding::{Finding, Fingerprint, Severity, UnixMs};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, day, parse_day, parse_yaml};

/// Days that an exemption may last for a finding of this severity.
pub(crate) const fn days_max(severity: Severity) -> i32 {
    match severity {
        Severity::Critical => 7,
        Severity::High => 30,
        Severity::Info | Severity::Low | Severity::Medium => 90,
    }
}

/// Days that any exemption may last.
const DAYS_MAX: i32 = days_max(Severity::Info);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExemptionsFile {
    version: u32,
    #[serde(default)]
    exemptions: Vec<ExemptionFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExemptionFile {
    id: String,
    #[serde(default)]
    fingerprint: Option<String>,
    #[serde(default)]
    scope: Option<Scope>,
    owner: String,
    approvers: Vec<String>,
    ticket: String,
    reason: String,
    granted: String,
    expires: String,
}

/// Which findings an exemption is about. Every part that is there must agree; one part at least besides the check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Id of the check, as `pii`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Id of the rule, as `pii/email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The subject, as reports name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Column of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Aim {
    One(Fingerprint),
    Scope(Scope),
}

/// One exemption as it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// Its id, as `EX-7`.
    pub id: String,
    aim: Aim,
    /// Who asked for it and answers for it.
    pub owner: String,
    /// Who allowed it; never the owner.
    pub approvers: Vec<String>,
    /// Where it was discussed.
    pub ticket: String,
    /// Why.
    pub reason: String,
    /// First day, UTC.
    pub granted: Date,
    /// Last day, UTC.
    pub expires: Date,
}

/// One use of an exemption, as the verdict keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExemptionUse {
    /// Id of the exemption.
    pub exemption: String,
    /// Check that saw the finding.
    pub check: String,
    /// Rule of the finding.
    pub rule: String,
    /// The finding.
    pub fingerprint: Fingerprint,
    /// Who answers for it.
    pub owner: String,
    /// Who allowed it.
    pub approvers: Vec<String>,
    /// Where it was discussed.
    pub ticket: String,
    /// Why.
    pub reason: String,
    /// Last day, as `YYYY-MM-DD`.
    pub expires: String,
}

/// Why an exemption file is refused: all of it, since one wrong entry says that nobody looked.
#[derive(Debug, thiserror::Error)]
pub enum ExemptionError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// It is of another version.
    #[error("version is {found}, this program reads version 1")]
    Version {
        /// What it says.
        found: u32,
    },
    /// An entry makes no sense.
    #[error("exemption {id}: {reason}")]
    Entry {
        /// Id of the entry.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// All exemptions of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exemptions(Vec<Exemption>);

impl Exemptions {
    /// Reads and checks an exemption file.
    ///
    /// # Errors
    /// [`ExemptionError`] on the first entry that is not whole: both or neither of fingerprint and scope, an empty scope,
    /// an owner who approves, no approver, an empty ticket or reason, no date, an end before its start or more than 90
    /// days after it, an id twice.
    pub fn parse(text: &str) -> Result<Self, ExemptionError> {
        let file: ExemptionsFile = parse_yaml(text)?;
        if file.version != 1 {
            return Err(ExemptionError::Version { found: file.version });
        }
        let mut out: Vec<Exemption> = Vec::with_capacity(file.exemptions.len());
        for written in file.exemptions {
            let id = written.id.clone();
            if out.iter().any(|e| e.id == id) {
                return Err(ExemptionError::Entry { id, reason: "the id stands twice".into() });
            }
            out.push(mean(written).map_err(|reason| ExemptionError::Entry { id, reason })?);
        }
        Ok(Self(out))
    }

    /// The first exemption that lets the finding through at `now`. An expired one never does, nor one that lasts longer
    /// than the severity allows, nor one of a critical finding with fewer than two approvers.
    pub(crate) fn covering(&self, check: &str, subject: &str, finding: &Finding, now: UnixMs) -> Option<&Exemption> {
        let today = day(now)?;
        self.0.iter().find(|e| {
            e.aims_at(check, subject, finding)
                && e.granted <= today
                && today <= e.expires
                && e.days() <= days_max(finding.severity)
                && (finding.severity < Severity::Critical || e.approvers.len() >= 2)
        })
    }

    /// Why exemptions that aim at the finding do not let it through, for people who wonder.
    pub(crate) fn refusals(&self, check: &str, subject: &str, finding: &Finding, now: UnixMs) -> Vec<String> {
        let aimed = self.0.iter().filter(|e| e.aims_at(check, subject, finding));
        let today = day(now);
        aimed
            .filter_map(|e| {
                let max = days_max(finding.severity);
                let why = if today.is_none_or(|t| t > e.expires) {
                    format!("expired on {}", e.expires)
                } else if today.is_none_or(|t| t < e.granted) {
                    format!("begins on {}", e.granted)
                } else if e.days() > max {
                    format!("lasts {} days, a {} finding allows {max}", e.days(), finding.severity)
                } else if finding.severity == Severity::Critical && e.approvers.len() < 2 {
                    "has one approver, a critical finding needs two".to_owned()
                } else {
                    return None;
                };
                Some(format!("exemption {} of {} does not count: it {why}", e.id, e.owner))
            })
            .collect()
    }

    /// Every exemption.
    pub fn iter(&self) -> impl Iterator<Item = &Exemption> {
        self.0.iter()
    }
}

impl Exemption {
    fn aims_at(&self, check: &str, subject: &str, finding: &Finding) -> bool {
        match &self.aim {
            Aim::One(fingerprint) => *fingerprint == finding.fingerprint,
            Aim::Scope(scope) => {
                let agrees = |part: &Option<String>, value: &str| part.as_deref().is_none_or(|p| p == value);
                agrees(&scope.check, check)
                    && agrees(&scope.rule, &finding.rule)
                    && agrees(&scope.subject, subject)
                    && scope.column.as_deref().is_none_or(|c| finding.location.field.as_deref() == Some(c))
            }
        }
    }

    /// Days from the first to the last.
    fn days(&self) -> i32 {
        self.granted.until(self.expires).map_or(i32::MAX, |span| span.get_days())
    }

    pub(crate) fn used_on(&self, check: &str, finding: &Finding) -> ExemptionUse {
        ExemptionUse {
            exemption: self.id.clone(),
            check: check.to_owned(),
            rule: finding.rule.clone(),
            fingerprint: finding.fingerprint.clone(),
            owner: self.owner.clone(),
            approvers: self.approvers.clone(),
            ticket: self.ticket.clone(),
            reason: self.reason.clone(),
            expires: self.expires.to_string(),
        }
    }
}

fn mean(written: ExemptionFile) -> Result<Exemption, String> {
    let ExemptionFile { id, fingerprint, scope, owner, approvers, ticket, reason, granted, expires } = written;
    for (name, value) in [("id", &id), ("owner", &owner), ("ticket", &ticket), ("reason", &reason)] {
        if value.trim().is_empty() {
            return Err(format!("{name} is empty"));
        }
    }
    let aim = match (fingerprint, scope) {
        (Some(f), None) if !f.trim().is_empty() => Aim::One(Fingerprint(f)),
        (None, Some(s)) if s.rule.is_some() || s.subject.is_some() || s.column.is_some() => Aim::Scope(s),
        (None, Some(_)) => return Err("the scope names neither rule nor subject nor column".into()),
        _ => return Err("needs exactly one of fingerprint and scope".into()),
    };
    let same = |a: &str, b: &str| a.trim().eq_ignore_ascii_case(b.trim());
    if approvers.is_empty() || approvers.iter().any(|a| a.trim().is_empty()) {
        return Err("needs an approver".into());
    }
    if approvers.iter().any(|a| same(a, &owner)) {
        return Err("the owner cannot be an approver".into());
    }
    if approvers.iter().enumerate().any(|(i, a)| approvers[..i].iter().any(|b| same(a, b))) {
        return Err("an approver stands twice".into());
    }
    let date = |name: &str, text: &str| parse_day(text).ok_or(format!("{name} is no date of the form YYYY-MM-DD"));
    let exemption = Exemption {
        granted: date("granted", &granted)?,
        expires: date("expires", &expires)?,
        id,
        aim,
        owner,
        approvers,
        ticket,
        reason,
    };
    match exemption.days() {
        days if days < 0 => Err("expires before it is granted".into()),
        days if days > DAYS_MAX => Err(format!("lasts {days} days; the most is {DAYS_MAX}")),
        _ => Ok(exemption),
    }
}

#[cfg(test)]
mod tests {
    use casemate_finding::{Finding, Fingerprint, Location, Severity, UnixMs};

    use super::Exemptions;

    const GOOD: &str = "version: 1\nexemptions:\n  - id: EX-1\n    scope: {rule: pii/email, column: contact}\n    owner: ann\n    approvers: [bob]\n    ticket: T-1\n    reason: test rows\n    granted: 2026-11-01\n    expires: 2026-11-21\n";
    /// 2026-11-21T12:00:00Z.
    const NOON: UnixMs = UnixMs(1_795_262_400_000);

    fn finding(severity: Severity) -> Finding {
        Finding {
            rule: "pii/email".into(),
            severity,
            message: String::new(),
            location: Location { field: Some("contact".into()), ..Location::default() },
            evidence: String::new(),
            score: 1.0,
            fingerprint: Fingerprint("f".into()),
            remedy: String::new(),
            references: vec![],
        }
    }

    #[test]
    fn entries_that_are_not_whole_are_refused() {
        for (from, to, why) in [
            ("approvers: [bob]", "approvers: [Ann]", "the owner cannot be an approver"),
            ("approvers: [bob]", "approvers: []", "needs an approver"),
            ("approvers: [bob]", "approvers: [bob, Bob]", "an approver stands twice"),
            ("reason: test rows", "reason: ' '", "reason is empty"),
            ("ticket: T-1", "ticket: ''", "ticket is empty"),
            ("scope: {rule: pii/email, column: contact}", "scope: {check: pii}", "the scope names neither"),
            ("owner: ann", "owner: ann\n    fingerprint: abc", "exactly one of"),
            ("expires: 2026-11-21", "expires: 2026-10-31", "expires before it is granted"),
            ("expires: 2026-11-21", "expires: 2027-01-31", "lasts 91 days; the most is 90"),
            ("expires: 2026-11-21", "expires: never", "expires is no date"),
            ("expires: 2026-11-21\n", "", "expires"),
            ("owner: ann", "owner: ann\n    ownr: x", "unknown field"),
        ] {
            let error = Exemptions::parse(&GOOD.replace(from, to)).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(why), "{to}: {error}");
        }
        assert!(Exemptions::parse(&GOOD.replace("expires: 2026-11-21", "expires: 2027-01-30")).is_ok(), "90 days");
        let twice = format!("{GOOD}{}", GOOD.split_once("exemptions:\n").unwrap().1);
        assert!(Exemptions::parse(&twice).unwrap_err().to_string().contains("the id stands twice"));
    }

    #[test]
    fn an_expired_one_never_counts() {
        let exemptions = Exemptions::parse(GOOD).unwrap();
        let day = 86_400_000;
        for (now, counts) in [
            (NOON, true),
            (UnixMs(NOON.0 + day), false),
            (UnixMs(NOON.0 - 20 * day), true),
            (UnixMs(NOON.0 - 21 * day), false),
            (UnixMs(i64::MAX), false),
        ] {
            let covering = exemptions.covering("pii", "d.csv", &finding(Severity::Medium), now);
            assert_eq!(covering.is_some(), counts, "{now}");
            let refusals = exemptions.refusals("pii", "d.csv", &finding(Severity::Medium), now);
            assert_eq!(refusals.is_empty(), counts, "{refusals:?}");
        }
    }

    #[test]
    fn severity_bounds_its_length_and_asks_for_a_second_approver() {
        let text = |expires: &str, approvers: &str| {
            GOOD.replace("2026-11-01", "2026-11-20").replace("2026-11-21", expires).replace("[bob]", approvers)
        };
        for (expires, approvers, severity, counts) in [
            ("2026-11-27", "[bob, cid]", Severity::Critical, true),
            ("2026-11-28", "[bob, cid]", Severity::Critical, false),
            ("2026-11-27", "[bob]", Severity::Critical, false),
            ("2026-12-20", "[bob]", Severity::High, true),
            ("2026-12-21", "[bob]", Severity::High, false),
            ("2027-02-18", "[bob]", Severity::Low, true),
        ] {
            let exemptions = Exemptions::parse(&text(expires, approvers)).unwrap();
            let covering = exemptions.covering("pii", "d.csv", &finding(severity), NOON);
            assert_eq!(covering.is_some(), counts, "{expires} {approvers} {severity}");
        }
    }

    #[test]
    fn scopes_and_fingerprints_aim() {
        let exemptions = Exemptions::parse(GOOD).unwrap();
        let mut other = finding(Severity::Medium);
        other.location.field = Some("phone".into());
        assert!(exemptions.covering("pii", "d", &other, NOON).is_none());
        let one =
            Exemptions::parse(&GOOD.replace("scope: {rule: pii/email, column: contact}", "fingerprint: f")).unwrap();
        assert!(one.covering("any", "any", &other, NOON).is_some());
        other.fingerprint = Fingerprint("g".into());
        assert!(one.covering("any", "any", &other, NOON).is_none());
    }
}
