//! From candidate to release: a frozen gate, a shadow, a signature, and the way back.

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Decision;

/// What a candidate must not make worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// Most harmless rows that it may catch beyond what the current model catches. Default 0.
    pub new_false_positives_max: usize,
    /// Most attacks that it may miss beyond what the current model misses. Default 0.
    pub new_misses_max: usize,
    /// Fewest rows of each class. Default 200.
    pub rows_min: usize,
}

impl Default for Gate {
    fn default() -> Self {
        Self { new_false_positives_max: 0, new_misses_max: 0, rows_min: 200 }
    }
}

/// How a candidate did beside the current model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReport {
    /// Harmless rows.
    pub harmless: usize,
    /// Attacks.
    pub attacks: usize,
    /// Harmless rows caught by the candidate alone.
    pub new_false_positives: usize,
    /// Harmless rows caught by the current model alone.
    pub cured_false_positives: usize,
    /// Attacks missed by the candidate alone.
    pub new_misses: usize,
    /// Attacks missed by the current model alone.
    pub cured_misses: usize,
}

/// One row seen by both models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// What the current model decided.
    pub current: Decision,
    /// What the candidate would have decided.
    pub candidate: Decision,
    /// The label.
    pub attack: bool,
}

/// Compares two models over the same rows, frozen ones or recent traffic with known outcome.
pub fn shadow_compare(rows: impl IntoIterator<Item = Shadow>) -> GateReport {
    let mut report = GateReport::default();
    for row in rows {
        let (old, new) = (row.current > Decision::Pass, row.candidate > Decision::Pass);
        if row.attack {
            report.attacks += 1;
            report.new_misses += usize::from(old && !new);
            report.cured_misses += usize::from(!old && new);
        } else {
            report.harmless += 1;
            report.new_false_positives += usize::from(!old && new);
            report.cured_false_positives += usize::from(old && !new);
        }
    }
    report
}

/// Why a release was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReleaseError {
    /// Too few rows to tell.
    #[error("the gate saw {harmless} harmless rows and {attacks} attacks, {min} of each are needed")]
    TooFew {
        /// Harmless rows.
        harmless: usize,
        /// Attacks.
        attacks: usize,
        /// [`Gate::rows_min`].
        min: usize,
    },
    /// The candidate is worse.
    #[error(
        "the candidate catches {false_positives} harmless rows and misses {misses} attacks that the current model does not"
    )]
    Worse {
        /// New false positives.
        false_positives: usize,
        /// New misses.
        misses: usize,
    },
    /// Loosening without two people.
    #[error("this release loosens: two different people must approve it, {approvers} did")]
    TwoPeople {
        /// Different people that approved.
        approvers: usize,
    },
    /// The signature or a digest does not fit.
    #[error("release {version} is not signed with this key, or its model is another")]
    Signature {
        /// The version.
        version: u64,
    },
    /// No such version.
    #[error("there is no release {version}")]
    Unknown {
        /// The version.
        version: u64,
    },
}

/// A signed release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Counts up from 1; a roll-back is a new version with an old model.
    pub version: u64,
    /// SHA-256 of the model file, hexadecimal.
    pub model_sha256: String,
    /// The version it replaced, 0 for none.
    pub replaces: u64,
    /// Who approved it.
    pub approvers: Vec<String>,
    /// True if it lets pass what was caught before.
    pub loosens: bool,
    /// How it did at the gate; none for a roll-back.
    pub report: Option<GateReport>,
    /// HMAC-SHA-256 over all of the above, hexadecimal.
    pub signature: String,
}

impl Manifest {
    fn sign(&mut self, key: &[u8]) {
        self.signature = self.mac(key);
    }

    fn mac(&self, key: &[u8]) -> String {
        let bare = Self { signature: String::new(), ..self.clone() };
        let body = serde_json::to_vec(&bare).unwrap_or_default();
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length of key will do");
        mac.update(&body);
        hex(&mac.finalize().into_bytes())
    }

    /// Checks the signature, and that `model` is the file it speaks of.
    ///
    /// # Errors
    /// [`ReleaseError::Signature`] if either does not fit.
    pub fn verify(&self, model: &[u8], key: &[u8]) -> Result<(), ReleaseError> {
        // Both sides are digests under a secret key: how long the comparison takes tells nothing of use.
        if self.mac(key) == self.signature && digest(model) == self.model_sha256 {
            Ok(())
        } else {
            Err(ReleaseError::Signature { version: self.version })
        }
    }
}

/// Releases in order; the last is current.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Releases(Vec<Manifest>);

impl Releases {
    /// The current release.
    pub fn current(&self) -> Option<&Manifest> {
        self.0.last()
    }

    /// All of them, oldest first.
    pub fn all(&self) -> &[Manifest] {
        &self.0
    }

    /// Promotes a candidate that passed `gate` by `report`.
    ///
    /// # Errors
    /// [`ReleaseError`] if it did not pass, or loosens without two people.
    pub fn promote(
        &mut self,
        model: &[u8],
        report: GateReport,
        gate: &Gate,
        approvers: &[&str],
        key: &[u8],
    ) -> Result<&Manifest, ReleaseError> {
        if report.harmless < gate.rows_min || report.attacks < gate.rows_min {
            let GateReport { harmless, attacks, .. } = report;
            return Err(ReleaseError::TooFew { harmless, attacks, min: gate.rows_min });
        }
        if report.new_false_positives > gate.new_false_positives_max || report.new_misses > gate.new_misses_max {
            let (false_positives, misses) = (report.new_false_positives, report.new_misses);
            return Err(ReleaseError::Worse { false_positives, misses });
        }
        let loosens = report.new_misses > 0 || report.cured_false_positives > 0;
        self.append(digest(model), loosens, Some(report), approvers, key)
    }

    /// Goes back to the model of an earlier `version`. What it loosens is not known, so two people must approve.
    ///
    /// # Errors
    /// [`ReleaseError`] if there is no such version, or one person alone asks.
    pub fn roll_back(&mut self, version: u64, approvers: &[&str], key: &[u8]) -> Result<&Manifest, ReleaseError> {
        let old = self.0.iter().find(|m| m.version == version).ok_or(ReleaseError::Unknown { version })?;
        let model = old.model_sha256.clone();
        self.append(model, true, None, approvers, key)
    }

    fn append(
        &mut self,
        model_sha256: String,
        loosens: bool,
        report: Option<GateReport>,
        approvers: &[&str],
        key: &[u8],
    ) -> Result<&Manifest, ReleaseError> {
        let mut people: Vec<String> = approvers.iter().map(|a| a.trim().to_owned()).filter(|a| !a.is_empty()).collect();
        people.sort_unstable();
        people.dedup();
        if people.is_empty() || loosens && people.len() < 2 {
            return Err(ReleaseError::TwoPeople { approvers: people.len() });
        }
        let replaces = self.current().map_or(0, |m| m.version);
        let mut manifest = Manifest {
            version: replaces + 1,
            model_sha256,
            replaces,
            approvers: people,
            loosens,
            report,
            signature: String::new(),
        };
        manifest.sign(key);
        self.0.push(manifest);
        self.current().ok_or(ReleaseError::Unknown { version: replaces + 1 })
    }
}

fn digest(raw: &[u8]) -> String {
    hex(&Sha256::digest(raw))
}

fn hex(raw: &[u8]) -> String {
    raw.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Gate, GateReport, ReleaseError, Releases, Shadow, shadow_compare};
    use crate::Decision::{Flag, Pass};

    const KEY: &[u8] = b"a key of this test";

    fn report() -> GateReport {
        GateReport { harmless: 200, attacks: 200, ..GateReport::default() }
    }

    #[test]
    fn shadow_counts_what_changed() {
        let row = |current, candidate, attack| Shadow { current, candidate, attack };
        let r = shadow_compare([
            row(Pass, Flag, true),
            row(Flag, Pass, true),
            row(Pass, Flag, false),
            row(Flag, Flag, false),
        ]);
        assert_eq!((r.cured_misses, r.new_misses, r.new_false_positives, r.harmless), (1, 1, 1, 2));
    }

    #[test]
    fn only_what_does_no_harm_is_promoted_and_signed() {
        let gate = Gate::default();
        let mut releases = Releases::default();
        let few = GateReport { harmless: 199, ..report() };
        assert!(matches!(releases.promote(b"m", few, &gate, &["ann"], KEY), Err(ReleaseError::TooFew { .. })));
        let worse = GateReport { new_false_positives: 1, ..report() };
        assert!(matches!(releases.promote(b"m", worse, &gate, &["ann"], KEY), Err(ReleaseError::Worse { .. })));
        let one = releases.promote(b"m", report(), &gate, &["ann"], KEY).expect("promoted").clone();
        assert_eq!((one.version, one.replaces, one.loosens), (1, 0, false));
        assert_eq!(one.verify(b"m", KEY), Ok(()));
        assert!(one.verify(b"n", KEY).is_err() && one.verify(b"m", b"other").is_err());
        let mut forged = one;
        forged.loosens = true;
        assert!(forged.verify(b"m", KEY).is_err());
    }

    #[test]
    fn loosening_and_going_back_take_two() {
        let mut releases = Releases::default();
        releases.promote(b"m", report(), &Gate::default(), &["ann"], KEY).expect("promoted");
        let loosens = GateReport { cured_false_positives: 3, ..report() };
        for people in [&["ann"][..], &["ann", "ann "], &[]] {
            let refused = releases.promote(b"n", loosens, &Gate::default(), people, KEY);
            assert!(matches!(refused, Err(ReleaseError::TwoPeople { .. })));
        }
        releases.promote(b"n", loosens, &Gate::default(), &["ann", "bob"], KEY).expect("promoted");
        assert!(releases.roll_back(9, &["ann", "bob"], KEY).is_err());
        assert!(releases.roll_back(1, &["ann"], KEY).is_err());
        let back = releases.roll_back(1, &["bob", "ann"], KEY).expect("back");
        assert_eq!((back.version, back.replaces), (3, 2));
        assert_eq!(back.verify(b"m", KEY), Ok(()));
    }
}
