//! Opinions remembered for a while, in bounded memory and without the text.

use std::collections::{HashMap, VecDeque};

use casemate_finding::UnixMs;
use sha2::{Digest, Sha256};

use super::{Opinion, Question};

/// What an opinion is remembered under: a digest of who was asked, about what, and where it stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey([u8; 16]);

impl CacheKey {
    /// The key of a question to the adviser `id`.
    pub fn of(id: &str, question: &Question<'_>) -> Self {
        let mut digest = Sha256::new();
        digest.update((id.len() as u64).to_le_bytes());
        digest.update(id);
        digest.update([question.channel as u8]);
        digest.update(question.text);
        let mut key = [0; 16];
        key.copy_from_slice(&digest.finalize()[..16]);
        Self(key)
    }
}

/// Opinions by key; the oldest goes when it is full.
#[derive(Clone, Debug)]
pub struct OpinionCache {
    entries: HashMap<CacheKey, (Opinion, UnixMs)>,
    order: VecDeque<CacheKey>,
    entries_max: usize,
    ttl_ms: i64,
}

impl OpinionCache {
    /// An empty cache of at most `entries_max` opinions that live `ttl_ms`; nothing is remembered if either is 0.
    pub fn new(entries_max: usize, ttl_ms: i64) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), entries_max, ttl_ms }
    }

    /// The opinion under `key`, if it is not too old.
    pub fn get(&self, key: CacheKey, now: UnixMs) -> Option<&Opinion> {
        self.entries.get(&key).filter(|(_, until)| now < *until).map(|(opinion, _)| opinion)
    }

    /// Remembers an opinion.
    pub fn put(&mut self, key: CacheKey, opinion: Opinion, now: UnixMs) {
        if self.entries_max == 0 || self.ttl_ms <= 0 {
            return;
        }
        if self.entries.insert(key, (opinion, now.plus_ms(self.ttl_ms))).is_some() {
            self.order.retain(|k| *k != key);
        }
        self.order.push_back(key);
        while self.order.len() > self.entries_max {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Opinions remembered, among them those too old that nobody has pushed out yet.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Opinion;
    use super::super::service::tests::question;
    use super::{CacheKey, OpinionCache};
    use crate::Channel;
    use casemate_finding::UnixMs;

    #[test]
    fn keys_tell_questions_apart_and_the_oldest_goes() {
        let key = |id: &str, text: &str, channel| CacheKey::of(id, &question(text, channel));
        let all = [
            key("a", "t", Channel::Chat),
            key("b", "t", Channel::Chat),
            key("a", "u", Channel::Chat),
            key("a", "t", Channel::Tool),
        ];
        assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])));
        let opinion = Opinion { score: 0.5, flagged: false, labels: vec![] };
        let mut cache = OpinionCache::new(2, 100);
        for (i, k) in all.iter().take(3).enumerate() {
            cache.put(*k, opinion.clone(), UnixMs(i as i64));
        }
        assert_eq!((cache.len(), cache.get(all[0], UnixMs(3))), (2, None));
        assert!(cache.get(all[1], UnixMs(100)).is_some() && cache.get(all[1], UnixMs(101)).is_none());
        let mut none = OpinionCache::new(0, 100);
        none.put(all[0], opinion, UnixMs(0));
        assert!(none.is_empty());
    }
}
