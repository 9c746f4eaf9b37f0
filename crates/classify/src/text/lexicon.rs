//! One look-up a word: which classes of trigger words it belongs to, and whether it is a common word in clear, read
//! backwards or through rot13.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::Word;
use super::index::{Index, word_hash};
use super::lexicon_words::{CLASSES, COMMON};

/// Classes of words, one bit each; a word may be of several.
pub mod class {
    /// Set aside: ignore, forget, override.
    pub const IGNORE: u64 = 1;
    /// What came before: previous, above, all, your.
    pub const PRIOR: u64 = 1 << 1;
    /// What binds: instructions, rules, guidelines.
    pub const ORDERS: u64 = 1 << 2;
    /// Give out: reveal, print, repeat.
    pub const REVEAL: u64 = 1 << 3;
    /// Whose: system, hidden, initial.
    pub const SYSTEM: u64 = 1 << 4;
    /// What is asked for: prompt, instructions, configuration.
    pub const PROMPT: u64 = 1 << 5;
    /// Play a part: act, pretend, simulate.
    pub const ACT: u64 = 1 << 6;
    /// A part without bounds: DAN, unfiltered, amoral.
    pub const PERSONA: u64 = 1 << 7;
    /// No, without, never.
    pub const NEGATION: u64 = 1 << 8;
    /// Restrictions, ethics, filters.
    pub const LIMITS: u64 = 1 << 9;
    /// Developer, debug, god (before `mode`).
    pub const MODE_KIND: u64 = 1 << 10;
    /// Mode.
    pub const MODE: u64 = 1 << 11;
    /// Enable, enter, unlock.
    pub const ENABLE: u64 = 1 << 12;
    /// You, ChatGPT, AI.
    pub const YOU: u64 = 1 << 13;
    /// Now, henceforth.
    pub const NOW: u64 = 1 << 14;
    /// Follow, obey, execute.
    pub const FOLLOW: u64 = 1 << 15;
    /// Instead, only, exactly.
    pub const INSTEAD: u64 = 1 << 16;
    /// Start, begin, prefix.
    pub const BEGIN: u64 = 1 << 17;
    /// Response, reply, answer.
    pub const REPLY: u64 = 1 << 18;
    /// Sure, absolutely.
    pub const SURE: u64 = 1 << 19;
    /// Refuse, apologise, disclaimer.
    pub const REFUSE: u64 = 1 << 20;
    /// Send, upload, forward.
    pub const SENDING: u64 = 1 << 21;
    /// Passwords, keys, conversation.
    pub const VALUABLES: u64 = 1 << 22;
    /// Mention, tell, inform.
    pub const HIDE: u64 = 1 << 23;
    /// The user, anyone.
    pub const USER: u64 = 1 << 24;
    /// AI, assistant, agent: who reads a document.
    pub const READER: u64 = 1 << 25;
    /// Important, attention, note.
    pub const ATTENTION: u64 = 1 << 26;
    /// Must, please, first.
    pub const MUST: u64 = 1 << 27;
    /// A, an: one of many, not the one that the model keeps.
    pub const INDEFINITE: u64 = 1 << 28;
}

const COMMON_BIT: u64 = 1 << 61;
const ROT13_BIT: u64 = 1 << 62;
const REVERSED_BIT: u64 = 1 << 63;
const CLASS_BITS: u64 = COMMON_BIT - 1;

/// What the lexicon says of one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known(u64);

impl Known {
    /// The classes, one bit each; 0 for none.
    pub const fn classes(self) -> u64 {
        self.0 & CLASS_BITS
    }

    /// A common or trigger word in clear.
    pub const fn is_common(self) -> bool {
        self.0 & (CLASS_BITS | COMMON_BIT) != 0
    }

    /// The rot13 of a common or trigger word, and no word itself.
    pub const fn is_rot13(self) -> bool {
        self.0 & ROT13_BIT != 0
    }

    /// A common or trigger word backwards, and no word itself.
    pub const fn is_reversed(self) -> bool {
        self.0 & REVERSED_BIT != 0
    }
}

/// Looks up a folded word.
pub fn look_up(word: &str) -> Known {
    lexicon().of(word_hash(word.as_bytes()))
}

/// What is known of each of `words`.
pub fn look_up_all(words: &[Word]) -> Vec<Known> {
    let lexicon = lexicon();
    words.iter().map(|w| lexicon.of(w.hash)).collect()
}

/// What is known of each word, by its hash.
struct Lexicon {
    index: Index,
    known: Box<[Known]>,
}

impl Lexicon {
    fn of(&self, hash: u64) -> Known {
        self.index.find(hash).and_then(|id| self.known.get(id as usize)).copied().unwrap_or_default()
    }
}

fn lexicon() -> &'static Lexicon {
    static LEXICON: OnceLock<Lexicon> = OnceLock::new();
    LEXICON.get_or_init(|| {
        let table = build();
        let mut index = Index::with_capacity(table.len());
        table.keys().enumerate().for_each(|(id, word)| index.insert(word_hash(word), id as u32));
        Lexicon { index, known: table.into_values().map(Known).collect() }
    })
}

type Table = BTreeMap<Box<[u8]>, u64>;

fn build() -> Table {
    let mut table = Table::default();
    for &(bit, words) in CLASSES {
        for word in words {
            *table.entry(word.as_bytes().into()).or_default() |= bit;
        }
    }
    for word in COMMON {
        *table.entry(word.as_bytes().into()).or_default() |= COMMON_BIT;
    }
    let clear: Vec<Box<[u8]>> = table.keys().filter(|w| w.len() >= 3 && w.is_ascii()).cloned().collect();
    for word in clear {
        for (bit, disguised) in [(ROT13_BIT, rot13(&word)), (REVERSED_BIT, word.iter().rev().copied().collect())] {
            let entry = table.entry(disguised).or_default();
            if *entry & (CLASS_BITS | COMMON_BIT) == 0 {
                *entry |= bit;
            }
        }
    }
    table
}

fn rot13(word: &[u8]) -> Box<[u8]> {
    word.iter().map(|&b| if b.is_ascii_lowercase() { (b - b'a' + 13) % 26 + b'a' } else { b }).collect()
}

#[cfg(test)]
mod tests {
    use super::{class, look_up};

    #[test]
    fn a_word_in_clear_backwards_and_through_rot13() {
        assert_eq!(look_up("ignore").classes(), class::IGNORE);
        assert!(look_up("the").is_common() && !look_up("the").is_rot13());
        assert!(look_up("vtaber").is_rot13());
        assert!(look_up("erongi").is_reversed());
        assert!(!look_up("xylophone").is_common());
        assert!(!look_up(&"a".repeat(41)).is_common());
        assert_ne!(look_up("игнорируй").classes() & class::IGNORE, 0);
    }
}
