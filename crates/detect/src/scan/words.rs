//! One automaton over every literal of every rule: anchors, service names, context words.

use std::collections::HashMap;

use aho_corasick::{Anchored, MatchKind, StartKind, automaton::Automaton, dfa::DFA};

use crate::{
    RuleError,
    bytes::{word_ends, word_starts},
    limits::WORD_MAX,
    rule::Finder,
};

/// An occurrence of a word.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) word: u16,
    /// Stands as a word of its own.
    pub(crate) whole: bool,
    /// Begins where a word begins.
    pub(crate) initial: bool,
}

/// What a word is for.
#[derive(Clone, Debug, Default)]
pub(crate) struct WordUse {
    pub(crate) len: usize,
    /// Counts only as a whole word, on either side.
    pub(crate) whole: bool,
    /// Counts only where a word starts.
    pub(crate) initial: bool,
    /// Has work in the anchor pass.
    pub(crate) active: bool,
    pub(crate) against: bool,
    pub(crate) secret: bool,
    pub(crate) services: Vec<u16>,
    /// Rule and index of its token pattern.
    pub(crate) tokens: Vec<(u16, u16)>,
    pub(crate) regexes: Vec<u16>,
    pub(crate) finders: Vec<Finder>,
}

/// Words being gathered, then compiled.
#[derive(Debug, Default)]
pub(crate) struct WordTable {
    ids: HashMap<String, u16>,
    texts: Vec<String>,
    pub(crate) uses: Vec<WordUse>,
}

impl WordTable {
    /// The id of a word, added if new.
    pub(crate) fn id(&mut self, rule: &str, word: &str) -> Result<u16, RuleError> {
        let lower = word.to_ascii_lowercase();
        if lower.len() < 2 || lower.len() > WORD_MAX {
            return Err(RuleError::Word { id: rule.into(), word: word.into(), min: 2, max: WORD_MAX });
        }
        if let Some(id) = self.ids.get(&lower) {
            return Ok(*id);
        }
        let id = u16::try_from(self.texts.len())
            .map_err(|_| RuleError::Automaton { reason: "more than 65535 different words".into() })?;
        self.uses.push(WordUse { len: lower.len(), whole: true, initial: true, ..WordUse::default() });
        self.texts.push(lower.clone());
        self.ids.insert(lower, id);
        Ok(id)
    }

    pub(crate) fn build(self) -> Result<Words, RuleError> {
        let dfa = DFA::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(&self.texts)
            .map_err(|e| RuleError::Automaton { reason: e.to_string() })?;
        Ok(Words { dfa, uses: self.uses })
    }
}

/// The compiled words.
#[derive(Debug)]
pub(crate) struct Words {
    dfa: DFA,
    pub(crate) uses: Vec<WordUse>,
}

impl Words {
    /// Every occurrence that counts, ordered by end.
    pub(crate) fn find(&self, bytes: &[u8], hits: &mut Vec<Hit>) {
        let dfa = &self.dfa;
        let Ok(mut state) = dfa.start_state(Anchored::No) else { return };
        for (i, &byte) in bytes.iter().enumerate() {
            state = dfa.next_state(Anchored::No, state, byte);
            if dfa.is_special(state) && dfa.is_match(state) {
                for k in 0..dfa.match_len(state) {
                    let word = dfa.match_pattern(state, k).as_usize();
                    let used = &self.uses[word];
                    let (start, end) = (i + 1 - used.len, i + 1);
                    let initial = word_starts(bytes, start);
                    if used.initial && !initial {
                        continue;
                    }
                    let whole = initial && word_ends(bytes, end);
                    if used.whole && !whole {
                        continue;
                    }
                    hits.push(Hit { start: start as u32, end: end as u32, word: word as u16, whole, initial });
                }
            }
        }
    }
}
