//! Refused injections of one key or range within a minute.

use std::collections::HashMap;
use std::hash::Hash;

use casemate_finding::UnixMs;

/// How far back refusals count.
const WINDOW_MS: i64 = 60_000;
/// Sources followed.
const SOURCES_MAX: usize = 4_096;

/// Counts refusals by source.
#[derive(Debug)]
pub struct BurstDetector<K> {
    at_least: u32,
    sources: HashMap<K, (UnixMs, u32)>,
}

impl<K: Eq + Hash> BurstDetector<K> {
    /// A burst is `at_least` refusals within a minute.
    pub fn new(at_least: u32) -> Self {
        Self { at_least, sources: HashMap::new() }
    }

    /// Counts one refusal; how many there were, if that is a burst.
    pub fn observe(&mut self, source: K, now: UnixMs) -> Option<u32> {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            self.sources.retain(|_, (since, _)| now.since_ms(*since) < WINDOW_MS);
            if self.sources.len() >= SOURCES_MAX {
                // All of them at it at once: that memory is bounded matters more than the count of each.
                self.sources.clear();
            }
        }
        let (since, count) = self.sources.entry(source).or_insert((now, 0));
        if now.since_ms(*since) >= WINDOW_MS {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        (*count >= self.at_least).then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::BurstDetector;
    use casemate_finding::UnixMs;

    #[test]
    fn the_fifth_within_a_minute() {
        let mut d = BurstDetector::new(5);
        let counts: Vec<_> = (0..6).map(|n| d.observe("k", UnixMs(n))).collect();
        assert_eq!(counts, [None, None, None, None, Some(5), Some(6)]);
        assert_eq!(d.observe("k", UnixMs(60_000)), None);
        assert_eq!(d.observe("other", UnixMs(0)), None);
    }
}
