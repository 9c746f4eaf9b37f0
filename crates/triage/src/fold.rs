//! Storm folding: many alerts of one fingerprint become one line, and nothing is lost by it.

use std::collections::{BTreeMap, BTreeSet};

use casemate_finding::{Entity, EntityKind, UnixMs};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::alert::NormalAlert;

/// Registers of the distinct counter: 2^8, standard error 1.04 / √256 = 6.5 %.
const REGISTERS: usize = 256;
/// Alerts kept as a sample.
const RESERVOIR: usize = 20;

/// Counts distinct values in constant space: HyperLogLog (Flajolet et al., 2007), with linear counting below 2.5 m.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct(Vec<u8>);

impl Default for Distinct {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Distinct {
    /// Counts a value.
    pub fn add(&mut self, value: &str) {
        let digest = Sha256::digest(value.as_bytes());
        let mut eight = [0_u8; 8];
        eight.copy_from_slice(&digest[1..9]);
        let rank = u8::try_from(u64::from_be_bytes(eight).leading_zeros() + 1).unwrap_or(65);
        if let Some(register) = self.0.get_mut(usize::from(digest[0])) {
            *register = (*register).max(rank);
        }
    }

    /// How many different values, about.
    pub fn estimate(&self) -> u64 {
        let m = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|r| 2_f64.powi(-i32::from(*r))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let zeros = self.0.iter().filter(|r| **r == 0).count();
        let estimate = if raw <= 2.5 * m && zeros > 0 { m * (m / zeros as f64).ln() } else { raw };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive and far below 2^64")]
        let whole = estimate.round() as u64;
        whole
    }
}

/// Alerts of one fingerprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Storm {
    /// Their fingerprint.
    pub fingerprint: String,
    /// How many.
    pub count: u64,
    /// The first.
    pub first: UnixMs,
    /// The last.
    pub last: UnixMs,
    /// Distinct values by kind of entity.
    pub distinct: BTreeMap<EntityKind, Distinct>,
    /// Keys of a uniform sample of the alerts (given by the caller), each with its place in the order of hashes.
    pub sample: BTreeSet<(u64, String)>,
}

impl Storm {
    /// A storm of no alert yet.
    pub fn new(fingerprint: &str, now: UnixMs) -> Self {
        Self {
            fingerprint: fingerprint.to_owned(),
            count: 0,
            first: now,
            last: now,
            distinct: BTreeMap::new(),
            sample: BTreeSet::new(),
        }
    }

    /// Adds an alert; `key` names it in the store. Returns the entities of kinds that the storm had not seen: an alert that
    /// brings one must surface.
    pub fn add(&mut self, alert: &NormalAlert, key: &str, now: UnixMs) -> Vec<Entity> {
        let mut new = Vec::new();
        for e in &alert.entities {
            if self.count > 0 && !self.distinct.contains_key(&e.kind) {
                new.push(e.clone());
            }
            self.distinct.entry(e.kind).or_default().add(&e.value);
        }
        self.count += 1;
        self.last = self.last.max(now);
        // The smallest hashes are a uniform sample, and the same one whatever the order: no randomness is needed.
        let mut eight = [0_u8; 8];
        eight.copy_from_slice(&Sha256::digest(key.as_bytes())[..8]);
        self.sample.insert((u64::from_be_bytes(eight), key.to_owned()));
        if self.sample.len() > RESERVOIR {
            self.sample.pop_last();
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::{Distinct, RESERVOIR, Storm};
    use crate::sources::map;
    use casemate_finding::UnixMs;
    use serde_json::json;

    #[test]
    fn distinct_counts_are_near() {
        for n in [0_u32, 1, 10, 100, 1_000, 20_000] {
            let mut distinct = Distinct::default();
            for i in 0..n {
                distinct.add(&format!("10.0.{i}"));
                distinct.add(&format!("10.0.{i}"));
            }
            let off = (distinct.estimate() as f64 - f64::from(n)).abs();
            assert!(off <= f64::from(n) * 0.2 + 0.5, "{n}: {}", distinct.estimate());
        }
    }

    #[test]
    fn nothing_is_lost_and_the_sample_is_the_same_in_any_order() {
        let alert = map("plain", &json!({"rule": "r", "title": "t", "address": "10.0.0.1"})).expect("maps");
        let keys: Vec<String> = (0..100).map(|n| format!("alert-{n}")).collect();
        let run = |keys: &mut dyn Iterator<Item = &String>| {
            let mut storm = Storm::new("f", UnixMs(5));
            for key in keys {
                storm.add(&alert, key, UnixMs(9));
            }
            storm
        };
        let (ahead, back) = (run(&mut keys.iter()), run(&mut keys.iter().rev()));
        assert_eq!((ahead.count, ahead.first, ahead.last, ahead.sample.len()), (100, UnixMs(5), UnixMs(9), RESERVOIR));
        assert_eq!(ahead.sample, back.sample);
    }
}
