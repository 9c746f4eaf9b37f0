//! One automaton over every literal of every rule: anchors, service names, context words.

use std::collections::HashMap;

use aho_corasick::{Anchored, MatchKind, StartKind, automaton::Automaton, dfa::DFA};

use crate::{
    RuleError,
    bytes::{ALNUM, word_ends, word_starts},
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
    /// Counts only as a whole word, on either side.
    pub(crate) whole: bool,
    /// Counts only where a word starts.
    pub(crate) initial: bool,
    /// Counts only where no letter or digit is before it.
    pub(crate) bare: bool,
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
        self.uses.push(WordUse { whole: true, initial: true, ..WordUse::default() });
        self.texts.push(lower.clone());
        self.ids.insert(lower, id);
        Ok(id)
    }

    pub(crate) fn build(self) -> Result<Words, RuleError> {
        let mut heads: Vec<&str> = Vec::new();
        let mut by_head: HashMap<&[u8], usize> = HashMap::new();
        let mut words: Vec<Vec<u16>> = Vec::new();
        for (id, text) in self.texts.iter().enumerate() {
            let head = &text[..text.floor_char_boundary(HEAD.min(text.len())).max(2.min(text.len()))];
            let slot = *by_head.entry(head.as_bytes()).or_insert_with(|| {
                heads.push(head);
                words.push(Vec::new());
                words.len() - 1
            });
            words[slot].push(id as u16);
        }
        let dfa = DFA::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(&heads)
            .map_err(|e| RuleError::Automaton { reason: e.to_string() })?;
        let mut uses = self.uses;
        for (used, text) in uses.iter_mut().zip(&self.texts) {
            used.bare = !used.tokens.is_empty()
                && !used.secret
                && used.services.is_empty()
                && used.regexes.is_empty()
                && used.finders.is_empty()
                && text.as_bytes()[0].is_ascii_alphanumeric();
        }
        let texts = self.texts.into_iter().map(String::into_bytes).collect();
        Ok(Words { dfa, heads: words, texts, uses })
    }
}

/// Bytes of a word that are in the automaton; the rest is compared where they occur. Few states keep the automaton in
/// the processor's cache, which is worth more than an exact hit.
const HEAD: usize = 4;

/// The compiled words.
#[derive(Debug)]
pub(crate) struct Words {
    dfa: DFA,
    /// Words by their head.
    heads: Vec<Vec<u16>>,
    texts: Vec<Vec<u8>>,
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
                    let pattern = dfa.match_pattern(state, k);
                    self.candidates(bytes, i + 1 - dfa.pattern_len(pattern), pattern.as_usize(), hits);
                }
            }
        }
        hits.sort_by_key(|hit| (hit.end, hit.start));
    }

    /// The words with this head that stand at `start`.
    #[inline]
    fn candidates(&self, bytes: &[u8], start: usize, head: usize, hits: &mut Vec<Hit>) {
        let initial = word_starts(bytes, start);
        // `\nghp_` in JSON: what is before the token is an escape, no letter.
        let bare = initial
            || !ALNUM.has(bytes[start - 1])
            || (start >= 2 && bytes[start - 2] == b'\\' && matches!(bytes[start - 1], b'n' | b't' | b'r'));
        for &word in &self.heads[head] {
            let used = &self.uses[usize::from(word)];
            if (used.initial && !initial) || (used.bare && !bare) {
                continue;
            }
            let text = &self.texts[usize::from(word)];
            let end = start + text.len();
            if !bytes.get(start..end).is_some_and(|found| found.eq_ignore_ascii_case(text)) {
                continue;
            }
            let whole = initial && word_ends(bytes, end);
            if used.whole && !whole {
                continue;
            }
            hits.push(Hit { start: start as u32, end: end as u32, word, whole, initial });
        }
    }
}
