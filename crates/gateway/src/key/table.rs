//! All keys, as one immutable table that is swapped when a key changes.

use std::collections::HashMap;
use std::sync::Arc;

use casemate_finding::{Secret, UnixMs};
use casemate_store::model::ApiKey;
use subtle::ConstantTimeEq;

use super::{KeyFault, digest, read_key};
use crate::config::{ModelPattern, Rates, Tier};

/// A key, ready to be checked against.
#[derive(Debug)]
pub struct KeyRecord {
    /// What the store has.
    pub key: ApiKey,
    /// Its tier.
    pub tier: Arc<Tier>,
    /// The tier's limits with the key's own in their place.
    pub rates: Rates,
    models: Vec<ModelPattern>,
    digest: [u8; 32],
}

impl KeyRecord {
    /// True if its scope holds `model`.
    pub fn may_use_model(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|p| p.fits(model))
    }

    /// True if its scope holds `path`. A prefix ends at a slash: `/v1/messages` does not open `/v1/messages2`.
    pub fn may_use_route(&self, path: &str) -> bool {
        let holds = |route: &String| {
            path.strip_prefix(route.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.key.routes.is_empty() || self.key.routes.iter().any(holds)
    }
}

/// What a presented key turned out to be.
#[derive(Clone, Debug)]
pub enum Known {
    /// A live key.
    Live(Arc<KeyRecord>),
    /// A honeypot: nobody should know it.
    Decoy(Arc<KeyRecord>),
    /// One of ours that was revoked or has expired.
    Dead,
    /// Looks like one of ours and is none; whether its checksum was right.
    Unknown {
        /// Why it cannot be one of ours, before any look-up.
        fault: Option<KeyFault>,
    },
}

/// All keys.
pub struct KeyTable {
    pepper: Secret<Vec<u8>>,
    by_id: HashMap<String, Arc<KeyRecord>>,
}

impl KeyTable {
    /// A table of these keys. A key whose tier is not configured any more, or whose digest cannot be read, is left out
    /// and returned by id: it must be refused, not served under other limits.
    pub fn new(pepper: Secret<Vec<u8>>, keys: Vec<ApiKey>, tiers: &HashMap<String, Arc<Tier>>) -> (Self, Vec<String>) {
        let mut by_id = HashMap::with_capacity(keys.len());
        let mut left_out = Vec::new();
        for key in keys {
            let tier = tiers.get(&key.tier).cloned();
            let digest = hex::decode(&key.digest).ok().and_then(|d| <[u8; 32]>::try_from(d).ok());
            let (Some(tier), Some(digest)) = (tier, digest) else {
                left_out.push(key.id.0);
                continue;
            };
            let rates = Rates {
                requests_per_min: key.requests_per_min.or(tier.rates.requests_per_min),
                tokens_per_min: key.tokens_per_min.or(tier.rates.tokens_per_min),
                concurrency: tier.rates.concurrency,
            };
            let models = key.models.iter().cloned().map(ModelPattern).collect();
            by_id.insert(key.id.0.clone(), Arc::new(KeyRecord { key, tier, rates, models, digest }));
        }
        (Self { pepper, by_id }, left_out)
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Looks at a presented key. A wrong checksum is refused without a look-up; past it, a known and an unknown id cost
    /// the same.
    pub fn look_up(&self, presented: &str, now: UnixMs) -> Known {
        let parts = match read_key(presented) {
            Ok(parts) => parts,
            Err(fault) => return Known::Unknown { fault: Some(fault) },
        };
        let found = self.by_id.get(parts.id);
        let expected = found.map_or([0; 32], |r| r.digest);
        let same = bool::from(digest(self.pepper.expose(), presented).ct_eq(&expected));
        match found {
            Some(record) if same && record.key.decoy => Known::Decoy(record.clone()),
            Some(record) if same && record.key.is_live(now) => Known::Live(record.clone()),
            Some(_) if same => Known::Dead,
            _ => Known::Unknown { fault: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyTable, Known};
    use crate::config::{Defences, Inspection, Rates, Tier};
    use crate::key::format::RANDOM_BYTES;
    use crate::key::{KeyFault, NewKey, issue_key};
    use casemate_finding::{Secret, UnixMs};
    use casemate_store::model::{ApiKey, TenantId};
    use std::collections::HashMap;
    use std::sync::Arc;

    const PEPPER: &[u8] = b"0123456789abcdef";

    fn make(seed: u8, change: impl Fn(&mut ApiKey)) -> (String, ApiKey) {
        let random: [u8; RANDOM_BYTES] = std::array::from_fn(|i| (i as u8).wrapping_mul(seed));
        let new = NewKey::new(TenantId::default_tenant(), "default", "test");
        let (key, mut kept) = issue_key(&random, PEPPER, new, UnixMs(0));
        change(&mut kept);
        (key.expose().clone(), kept)
    }

    fn tiers() -> HashMap<String, Arc<Tier>> {
        let rates = Rates { requests_per_min: Some(9), tokens_per_min: Some(10), concurrency: None };
        let tier = Tier {
            name: "default".into(),
            rates,
            answer_tokens_max: 1,
            inspection: Inspection::default(),
            defences: Defences::default(),
        };
        [("default".to_owned(), Arc::new(tier))].into()
    }

    #[test]
    fn each_state_of_a_key_is_known() {
        let (live, a) = make(3, |k| k.requests_per_min = Some(2));
        let (dead, b) = make(5, |k| k.revoked_at = Some(UnixMs(1)));
        let (late, c) = make(7, |k| k.expires_at = Some(UnixMs(10)));
        let (decoy, d) = make(11, |k| k.decoy = true);
        let (stranger, _) = make(13, |_| ());
        let (lost, e) = make(17, |k| k.tier = "gone".into());
        let lost_id = e.id.0.clone();
        let (table, left_out) = KeyTable::new(Secret::new(PEPPER.to_vec()), vec![a, b, c, d, e], &tiers());
        assert_eq!(left_out, [lost_id]);
        let now = UnixMs(10);
        let Known::Live(record) = table.look_up(&live, now) else { panic!("live") };
        assert_eq!((record.rates.requests_per_min, record.rates.tokens_per_min), (Some(2), Some(10)));
        assert!(matches!(table.look_up(&dead, now), Known::Dead));
        assert!(matches!(table.look_up(&late, UnixMs(9)), Known::Live(_)));
        assert!(matches!(table.look_up(&late, now), Known::Dead));
        assert!(matches!(table.look_up(&decoy, now), Known::Decoy(_)));
        assert!(matches!(table.look_up(&stranger, now), Known::Unknown { fault: None }));
        assert!(matches!(table.look_up(&lost, now), Known::Unknown { fault: None }));
        let mut typo = live.clone();
        typo.pop();
        typo.push('-');
        assert!(matches!(table.look_up(&typo, now), Known::Unknown { fault: Some(KeyFault::Form) }));
    }

    #[test]
    fn scopes() {
        let (key, kept) = make(3, |k| {
            k.models = vec!["gpt-*".into()];
            k.routes = vec!["/v1/chat".into(), "/infer/churn/".into()];
        });
        let (table, _) = KeyTable::new(Secret::new(PEPPER.to_vec()), vec![kept], &tiers());
        let Known::Live(record) = table.look_up(&key, UnixMs(0)) else { panic!("live") };
        assert!(record.may_use_model("gpt-4o") && !record.may_use_model("claude"));
        assert!(record.may_use_route("/v1/chat/completions") && record.may_use_route("/infer/churn"));
        assert!(!record.may_use_route("/v1/chatter") && !record.may_use_route("/v1/messages"));
    }
}
