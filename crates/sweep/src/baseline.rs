//! Findings known before: a file of fingerprints, which lets old findings through so that new ones stand out.

use std::collections::BTreeSet;

use casemate_finding::{Finding, Fingerprint};
use serde::{Deserialize, Serialize};

/// Names the shape of a baseline file.
const SCHEMA: &str = "casemate/baseline/v1";
/// Bytes of a baseline file.
const BYTES_MAX: usize = 256 << 20;

/// Findings known before, by rule and fingerprint; no value and no path is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    schema: String,
    /// Name of the key that the fingerprints were made with, so that a foreign baseline is refused instead of matching
    /// nothing.
    /// Written as `key_id`, which no scanner takes for a key: the baseline lies among what is scanned.
    #[serde(rename = "key_id", alias = "key")]
    key: String,
    findings: BTreeSet<Known>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    rule: String,
    fingerprint: Fingerprint,
}

/// Why a baseline is not used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is too long.
    #[error("the baseline has {bytes} bytes; the limit is {BYTES_MAX}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// It is no baseline.
    #[error("the baseline cannot be read: {0}")]
    Broken(#[from] serde_json::Error),
    /// It is of a version that this program does not know.
    #[error("the baseline says it is {found:?}; this program reads {SCHEMA:?}")]
    Schema {
        /// What it says.
        found: String,
    },
    /// It was made with another key, so that none of its fingerprints would match.
    #[error("the baseline was made with another fingerprint key; use the same key, or write a new baseline")]
    Key,
}

impl Baseline {
    /// A baseline of `findings`, whose fingerprints were made with the key that `key_name` names.
    pub fn new<'f>(key_name: &str, findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let known = |f: &Finding| Known { rule: f.rule.clone(), fingerprint: f.fingerprint.clone() };
        Self {
            schema: SCHEMA.to_owned(),
            key: key_name.to_owned(),
            findings: findings.into_iter().map(known).collect(),
        }
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    /// [`BaselineError`] when it is none, of another version, or made with another key.
    pub fn parse(text: &str, key_name: &str) -> Result<Self, BaselineError> {
        if text.len() > BYTES_MAX {
            return Err(BaselineError::TooLong { bytes: text.len() });
        }
        let baseline: Self = serde_json::from_str(text)?;
        if baseline.schema != SCHEMA {
            return Err(BaselineError::Schema { found: baseline.schema });
        }
        if baseline.key != key_name {
            return Err(BaselineError::Key);
        }
        Ok(baseline)
    }

    /// The file, sorted, so that a version control system shows what changed.
    pub fn render(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("no map with keys other than strings is in a baseline");
        text.push('\n');
        text
    }

    /// True when the finding was known.
    pub fn knows(&self, finding: &Finding) -> bool {
        self.findings.contains(&Known { rule: finding.rule.clone(), fingerprint: finding.fingerprint.clone() })
    }

    /// Findings in it.
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// True when nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Entries that none of `findings` has: what was cleaned up since.
    pub fn gone<'f>(&self, findings: impl IntoIterator<Item = &'f Finding>) -> usize {
        let present = Self::new("", findings).findings;
        self.findings.difference(&present).count()
    }
}
