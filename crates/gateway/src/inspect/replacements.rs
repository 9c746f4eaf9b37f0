//! What is taken out of a text, and what stands there instead.

use std::collections::VecDeque;
use std::ops::Range;

use casemate_detect::Match;

/// Which of several overlapping matches names the replacement: the one that begins first, then the surest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    start: usize,
    doubt: u32,
    label: String,
}

/// Ranges of one text, in order and apart, each with the mark that takes its place. The same for every order in which
/// matches are added.
#[derive(Debug, Default)]
pub(super) struct Replacements {
    list: VecDeque<(Range<usize>, Named)>,
}

impl Replacements {
    /// Adds a match that stands in this range; it becomes one with what it overlaps.
    pub fn add(&mut self, mut range: Range<usize>, matched: &Match) {
        // Scores are 0 to 1, and the bits of positive numbers are ordered as they are.
        let doubt = u32::MAX - matched.score.max(0.0).to_bits();
        let mut named = Named { start: range.start, doubt, label: matched.label().to_owned() };
        let at = self.list.partition_point(|(r, _)| r.end <= range.start);
        while self.list.get(at).is_some_and(|(r, _)| r.start < range.end) {
            let Some((other, its)) = self.list.remove(at) else { break };
            range = range.start.min(other.start)..range.end.max(other.end);
            named = named.min(its);
        }
        self.list.insert(at, (range, named));
    }

    /// True if nothing is replaced.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// True if something of this range is replaced.
    pub fn touch(&self, range: &Range<usize>) -> bool {
        self.list.iter().any(|(r, _)| r.start < range.end && range.start < r.end)
    }

    /// `text` is this range of the whole; what it reads as with everything replaced. The mark stands where the match began:
    /// where one goes on in later pieces it is only left out.
    pub fn apply(&self, text: &str, range: &Range<usize>) -> String {
        let (mut out, mut from) = (String::with_capacity(text.len()), range.start);
        for (r, named) in self.list.iter().filter(|(r, _)| r.start < range.end && range.start < r.end) {
            let start = r.start.max(from);
            out.push_str(&text[from - range.start..start - range.start]);
            if r.start >= range.start {
                out.push_str("[REDACTED:");
                out.push_str(&named.label);
                out.push(']');
            }
            from = r.end.min(range.end);
        }
        out.push_str(&text[from - range.start..]);
        out
    }

    /// Forgets what ends at or before `end`.
    pub fn forget(&mut self, end: usize) {
        while self.list.front().is_some_and(|(r, _)| r.end <= end) {
            self.list.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Replacements;
    use casemate_detect::{Engine, Match, ScanOptions};

    fn matched(score: f32) -> Match {
        let mut found = Engine::builtin().scan("anna@firma.de", &ScanOptions::default()).remove(0);
        found.score = score;
        found
    }

    #[test]
    fn overlaps_become_one_in_any_order() {
        let parts = [(4..8, 0.5), (6..12, 0.9), (0..2, 0.5), (20..22, 0.7), (12..13, 0.6)];
        let text = "0123456789abcdefghijklmnop";
        let mut seen = Vec::new();
        for first in 0..parts.len() {
            let mut all = Replacements::default();
            for i in 0..parts.len() {
                let (range, score) = parts[(first + i) % parts.len()].clone();
                all.add(range, &matched(score));
            }
            assert!(all.touch(&(7..8)) && !all.touch(&(2..4)));
            seen.push(format!("{all:?} {}", all.apply(text, &(0..text.len()))));
            assert_eq!(all.apply(&text[10..14], &(10..14)), "[REDACTED:EMAIL_ADDRESS]d");
            all.forget(12);
            assert!(!all.touch(&(0..12)) && !all.is_empty());
        }
        assert!(seen.windows(2).all(|w| w[0] == w[1]), "{seen:?}");
        assert!(seen[0].ends_with("[REDACTED:EMAIL_ADDRESS]23[REDACTED:EMAIL_ADDRESS][REDACTED:EMAIL_ADDRESS]defghij[REDACTED:EMAIL_ADDRESS]mnop"), "{}", seen[0]);
    }
}
