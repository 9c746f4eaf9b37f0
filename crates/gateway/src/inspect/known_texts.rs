//! Texts that were judged before: each request brings its system prompt, its tools and its earlier turns along, word for word.
//!
//! What is kept is what detectors and classifiers said of a text, and both are pure functions of the text, where it stands and
//! which checks are on: nothing that people rule or that a refit changes is in it, since that is applied to it each time. The
//! text itself is not kept. It is known by a hash under a key that this process drew (two SipHash-1-3, 128 bits): nobody
//! outside can make two texts that are taken for one another. Tenants know nothing of each other's texts.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use casemate_classify::Assessment;
use casemate_wire::carrier::Channel;

use super::readings::Found;
use crate::config::Checks;

/// Locks: requests of one thread seldom meet those of another.
const SHARDS: usize = 16;
/// Matches and findings of one text beyond which it is judged each time: such texts are few, and would take the room of many.
const FOUND_MAX: usize = 16;

/// What was said of a text.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// What the detectors found; none if nothing is looked for.
    pub found: Option<Vec<Found>>,
    /// What the classifiers say; none if nobody wants to know.
    pub assessment: Option<Assessment>,
}

/// Names a text of a tenant, at a place, under checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TextKey(u64, u64);

/// The half that fills up, and the half that was full before: what is asked for again moves over, the rest goes.
#[derive(Debug, Default)]
struct Shard {
    young: HashMap<TextKey, Arc<Judged>>,
    old: HashMap<TextKey, Arc<Judged>>,
}

/// Texts that were judged, of all requests of a process.
#[derive(Debug)]
pub(super) struct KnownTexts {
    hashers: (RandomState, RandomState),
    shards: [Mutex<Shard>; SHARDS],
    /// Most entries of half a shard; 0 for none at all.
    half_max: usize,
    known: AtomicU64,
    judged: AtomicU64,
}

impl KnownTexts {
    /// None yet, and never more than about `entries_max`; 0 keeps none.
    pub fn new(entries_max: usize) -> Self {
        Self {
            hashers: (RandomState::new(), RandomState::new()),
            shards: std::array::from_fn(|_| Mutex::default()),
            half_max: entries_max.div_ceil(2 * SHARDS),
            known: AtomicU64::new(0),
            judged: AtomicU64::new(0),
        }
    }

    /// Texts that were known, and texts that had to be judged.
    pub fn counts(&self) -> (u64, u64) {
        (self.known.load(Ordering::Relaxed), self.judged.load(Ordering::Relaxed))
    }

    /// False if none is ever kept.
    pub(super) const fn is_on(&self) -> bool {
        self.half_max > 0
    }

    /// The name of a text; `told` says whether the classifiers are asked beyond what the checks say.
    pub(super) fn key(&self, tenant: &str, channel: Channel, (checks, told): (&Checks, bool), text: &str) -> TextKey {
        let hash = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            (tenant, channel, checks, told).hash(&mut hasher);
            hasher.write(text.as_bytes());
            hasher.write_usize(text.len());
            hasher.finish()
        };
        TextKey(hash(&self.hashers.0), hash(&self.hashers.1))
    }

    fn shard(&self, key: TextKey) -> MutexGuard<'_, Shard> {
        self.shards[key.0 as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said of it, if it is known.
    pub(super) fn get(&self, key: TextKey) -> Option<Arc<Judged>> {
        let found = self.is_on().then(|| self.shard(key).get(key, self.half_max)).flatten();
        let counter = if found.is_some() { &self.known } else { &self.judged };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps what was said of it.
    pub(super) fn put(&self, key: TextKey, judged: &Arc<Judged>) {
        let found = judged.found.as_ref().map_or(0, Vec::len);
        let seen = judged.assessment.as_ref().map_or(0, |a| a.findings.len());
        if self.is_on() && found.max(seen) <= FOUND_MAX {
            self.shard(key).put(key, judged.clone(), self.half_max);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let len = |shard: &Mutex<Shard>| shard.lock().map(|s| s.young.len() + s.old.len()).unwrap_or_default();
        self.shards.iter().map(len).sum()
    }
}

impl Shard {
    fn get(&mut self, key: TextKey, half_max: usize) -> Option<Arc<Judged>> {
        if let Some(found) = self.young.get(&key) {
            return Some(found.clone());
        }
        let found = self.old.remove(&key)?;
        self.put(key, found.clone(), half_max);
        Some(found)
    }

    fn put(&mut self, key: TextKey, judged: Arc<Judged>, half_max: usize) {
        if self.young.len() >= half_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, judged);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use casemate_wire::carrier::Channel;

    use super::{Judged, KnownTexts, SHARDS};
    use crate::config::{Action, Checks};

    #[test]
    fn a_text_is_known_by_all_that_its_judgement_rests_on() {
        let texts = KnownTexts::new(1_000);
        let checks = Checks::default();
        let key = |tenant, channel, checks, told, text| texts.key(tenant, channel, (&checks, told), text);
        let one = key("a", Channel::User, checks, false, "hello");
        texts.put(one, &Arc::default());
        assert!(texts.get(key("a", Channel::User, checks, false, "hello")).is_some());
        let other = Checks { pii: if checks.pii == Action::Off { Action::Flag } else { Action::Off }, ..checks };
        for (n, key) in [
            key("b", Channel::User, checks, false, "hello"),
            key("a", Channel::System, checks, false, "hello"),
            key("a", Channel::User, other, false, "hello"),
            key("a", Channel::User, checks, true, "hello"),
            key("a", Channel::User, checks, false, "hello "),
            key("ah", Channel::User, checks, false, "ello"),
        ]
        .into_iter()
        .enumerate()
        {
            assert!(texts.get(key).is_none(), "{n}");
        }
        assert_eq!(texts.counts(), (1, 6));
        let again = KnownTexts::new(1_000);
        assert_ne!(again.key("a", Channel::User, (&checks, false), "hello"), one, "each process has its own key");
    }

    #[test]
    fn it_is_bounded_and_what_is_used_stays() {
        let max = 64 * SHARDS;
        let texts = KnownTexts::new(max);
        let checks = Checks::default();
        let key = |n: usize| texts.key("a", Channel::User, (&checks, false), &n.to_string());
        texts.put(key(0), &Arc::default());
        for n in 1..20 * max {
            texts.put(key(n), &Arc::default());
            assert!(n % 16 != 0 || texts.get(key(0)).is_some(), "used now and then, gone at {n}");
        }
        assert!((max / 2..=max).contains(&texts.len()), "{}", texts.len());
        assert!(texts.get(key(1)).is_none());
        let none = KnownTexts::new(0);
        none.put(key(0), &Arc::new(Judged::default()));
        assert!(none.get(key(0)).is_none() && none.len() == 0);
    }
}
