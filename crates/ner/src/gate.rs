//! Which windows are worth the model's time: those with a sign that a name may be there.

use crate::token::Piece;

/// When the model is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// For windows with a capital that no sentence asks for, a letter beyond ASCII, a rare word, or a word that goes with
    /// names and addresses.
    #[default]
    Signs,
    /// For every window: where a policy wants names written small as well, whatever it costs.
    Always,
}

/// Lower-case words that go with names, people and addresses. Sorted.
static CONTEXT: &[&str] = &[
    "account",
    "address",
    "attn",
    "author",
    "avenue",
    "born",
    "boss",
    "brother",
    "call",
    "called",
    "candidate",
    "care",
    "city",
    "client",
    "colleague",
    "contact",
    "customer",
    "daughter",
    "dear",
    "deliver",
    "doctor",
    "dr",
    "driver",
    "employee",
    "father",
    "friend",
    "from",
    "hello",
    "hey",
    "hi",
    "holder",
    "husband",
    "im",
    "introduce",
    "lawyer",
    "lives",
    "manager",
    "met",
    "miss",
    "mother",
    "mr",
    "mrs",
    "ms",
    "name",
    "named",
    "names",
    "nurse",
    "owner",
    "patient",
    "person",
    "prof",
    "professor",
    "regards",
    "road",
    "send",
    "ship",
    "sincerely",
    "sir",
    "sister",
    "son",
    "street",
    "student",
    "teacher",
    "tell",
    "tenant",
    "thanks",
    "town",
    "user",
    "wife",
    "works",
];

/// Words that begin sentences and name nobody. Sorted.
static OPENERS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "before", "but",
    "by", "can", "check", "could", "did", "do", "does", "each", "error", "every", "first", "for", "give", "has",
    "have", "he", "here", "how", "i", "if", "in", "is", "it", "its", "let", "make", "may", "my", "need", "no", "not",
    "now", "of", "on", "once", "one", "only", "or", "our", "please", "she", "should", "show", "so", "some", "that",
    "the", "their", "then", "there", "these", "they", "this", "those", "to", "use", "was", "we", "were", "what",
    "when", "where", "which", "while", "who", "why", "will", "with", "would", "write", "yes", "you", "your",
];

impl Gate {
    /// True if the model is to run on this window.
    pub(crate) fn opens(self, text: &str, window: &[Piece]) -> bool {
        match self {
            Self::Always => true,
            Self::Signs => {
                let words = window.chunk_by(|a, b| a.word == b.word);
                let mut begins = true;
                for word in words {
                    let (Some(first), Some(last)) = (word.first(), word.last()) else { continue };
                    let Some(written) = text.get(first.start..last.end) else { return true };
                    if is_sign(written, word.len(), begins) {
                        return true;
                    }
                    begins = matches!(written, "." | "!" | "?" | ":" | "\"" | "|");
                }
                false
            }
        }
    }
}

fn is_sign(word: &str, pieces: usize, begins: bool) -> bool {
    if !word.is_ascii() {
        return word.chars().any(char::is_alphabetic);
    }
    if !word.bytes().all(|b| b.is_ascii_alphabetic()) {
        return false;
    }
    let small = word.to_ascii_lowercase();
    let known = |list: &[&str]| list.binary_search(&small.as_str()).is_ok();
    let capital = word.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    (capital && !((begins || word.len() == 1) && known(OPENERS))) || (pieces > 1 && word.len() > 2) || known(CONTEXT)
}

#[cfg(test)]
mod tests {
    use super::{CONTEXT, Gate, OPENERS};
    use crate::token::Piece;

    fn opens(text: &str) -> bool {
        let mut pieces = Vec::new();
        for word in text.split(' ') {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let stop = start + word.trim_end_matches('.').len();
            pieces.push(Piece { id: 0, start, end: stop, word: pieces.len() as u32 });
            if stop < start + word.len() {
                pieces.push(Piece { id: 0, start: stop, end: stop + 1, word: pieces.len() as u32 });
            }
        }
        Gate::Signs.opens(text, &pieces)
    }

    #[test]
    fn signs() {
        assert!(CONTEXT.is_sorted() && OPENERS.is_sorted());
        for with in ["ask Noor about it", "she lives there", "Noor said so", "the old łabędź", "so it is. Noor left"]
        {
            assert!(opens(with), "{with}");
        }
        for without in ["the build is green", "The build is green. It was red", "12 of 30 passed", ""] {
            assert!(!opens(without), "{without}");
        }
        assert!(Gate::Always.opens("", &[]));
    }
}
