//! Names of texts that were asked for before: a conversation sends its earlier turns again with each new one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::limits::CACHE_TEXTS;
use crate::{Gate, Limits, Model, Names};

/// Digest of a text, with what else the answer depends on.
type Key = ([u8; 32], bool, Limits);

/// A bounded memory of scans; the texts themselves are not kept. The oldest is forgotten first.
#[derive(Debug)]
pub struct Cache {
    texts_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    names: HashMap<Key, Names>,
    order: VecDeque<Key>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(CACHE_TEXTS)
    }
}

impl Cache {
    /// A cache of so many texts.
    pub fn new(texts_max: usize) -> Self {
        Self { texts_max, kept: Mutex::default() }
    }

    /// [`Model::scan`], or what it said of the same text before.
    pub fn scan(&self, model: &Model, text: &str, gate: Gate, limits: &Limits) -> Names {
        self.through(text, gate, limits, || model.scan(text, gate, limits))
    }

    fn through(&self, text: &str, gate: Gate, limits: &Limits, ask: impl FnOnce() -> Names) -> Names {
        let key = (Sha256::digest(text.as_bytes()).into(), gate == Gate::Always, *limits);
        let lock = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = lock().names.get(&key) {
            return names.clone();
        }
        // The lock is not held while the model runs: two callers may ask it the same once.
        let names = ask();
        let mut kept = lock();
        if self.texts_max > 0 && kept.names.insert(key, names.clone()).is_none() {
            kept.order.push_back(key);
            if kept.order.len() > self.texts_max
                && let Some(oldest) = kept.order.pop_front()
            {
                kept.names.remove(&oldest);
            }
        }
        names
    }
}

/// A model with the memory of what it said.
#[derive(Debug)]
pub struct CachedModel {
    model: Model,
    cache: Cache,
}

impl CachedModel {
    /// A model and an empty memory of the default size.
    pub fn new(model: Model) -> Self {
        Self { model, cache: Cache::default() }
    }

    /// [`Model::scan`], or what it said of the same text before.
    pub fn scan(&self, text: &str, gate: Gate, limits: &Limits) -> Names {
        self.cache.scan(&self.model, text, gate, limits)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::Cache;
    use crate::{Gate, Limits, Names};

    #[test]
    fn the_oldest_is_forgotten_one_past_the_limit() {
        let (cache, asked) = (Cache::new(2), Cell::new(0));
        let ask = |text: &str| {
            cache.through(text, Gate::Signs, &Limits::default(), || {
                asked.set(asked.get() + 1);
                Names { looked_at: text.len(), ..Names::default() }
            })
        };
        for text in ["a", "bb", "a", "bb"] {
            assert_eq!(ask(text).looked_at, text.len());
        }
        assert_eq!(asked.get(), 2, "both fit");
        ask("ccc");
        ask("bb");
        assert_eq!(asked.get(), 3, "bb is still there");
        ask("a");
        assert_eq!(asked.get(), 4, "a was the oldest");
    }

    #[test]
    fn another_gate_or_limit_is_another_question() {
        let (cache, asked) = (Cache::default(), Cell::new(0));
        let ask = |gate, limits: Limits| {
            cache.through("a", gate, &limits, || {
                asked.set(asked.get() + 1);
                Names::default()
            })
        };
        ask(Gate::Signs, Limits::default());
        ask(Gate::Always, Limits::default());
        ask(Gate::Signs, Limits { windows_max: 1, ..Limits::default() });
        ask(Gate::Signs, Limits::default());
        assert_eq!(asked.get(), 3);
    }
}
