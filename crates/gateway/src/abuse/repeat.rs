//! The same signal about the same entity, at most once in a while.

use std::collections::HashMap;

use casemate_finding::UnixMs;

/// Signals remembered.
const REMEMBERED_MAX: usize = 8_192;

/// Remembers what was said.
#[derive(Debug)]
pub struct RepeatGate {
    repeat_ms: i64,
    said: HashMap<(&'static str, String), UnixMs>,
}

impl RepeatGate {
    /// The same signal passes once in `repeat_ms`.
    pub fn new(repeat_ms: i64) -> Self {
        Self { repeat_ms, said: HashMap::new() }
    }

    /// True if it is to be said now.
    pub fn passes(&mut self, rule: &'static str, about: &str, now: UnixMs) -> bool {
        if self.said.len() >= REMEMBERED_MAX {
            let repeat_ms = self.repeat_ms;
            self.said.retain(|_, at| now.since_ms(*at) < repeat_ms);
            if self.said.len() >= REMEMBERED_MAX {
                self.said.clear();
            }
        }
        let key = (rule, about.to_owned());
        match self.said.get(&key) {
            Some(at) if now.since_ms(*at) < self.repeat_ms => false,
            _ => {
                self.said.insert(key, now);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RepeatGate;
    use casemate_finding::UnixMs;

    #[test]
    fn once_in_a_while() {
        let mut gate = RepeatGate::new(100);
        assert!(gate.passes("r", "a", UnixMs(0)));
        assert!(!gate.passes("r", "a", UnixMs(99)));
        assert!(gate.passes("r", "b", UnixMs(99)));
        assert!(gate.passes("r", "a", UnixMs(100)));
    }
}
