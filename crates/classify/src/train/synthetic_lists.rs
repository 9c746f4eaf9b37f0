//! Harmless text that is no prose, of drawn words: lists of names, changes, options, keys and the like, which a detector of strings that
//! nobody would write takes for one first.

use super::Rng;
use crate::model::Embedding;

/// Words of a vocabulary that begin a word: letters alone, three at least.
pub struct Vocabulary<'e>(Vec<&'e str>);

impl<'e> Vocabulary<'e> {
    /// The words of `embedding`.
    pub fn of(embedding: &'e Embedding) -> Self {
        let pieces = (0..embedding.tokens() as u32).map(|t| embedding.piece(t));
        let word = |p: &&str| p.len() >= 3 && p.bytes().all(|b| b.is_ascii_lowercase());
        Self(pieces.filter(|(_, goes_on)| !goes_on).map(|(p, _)| p).filter(word).collect())
    }

    fn word(&self, rng: &mut Rng) -> &'e str {
        if self.0.is_empty() { "word" } else { self.0[rng.below(self.0.len())] }
    }

    fn capital(&self, rng: &mut Rng) -> String {
        let word = self.word(rng);
        word[..1].to_ascii_uppercase() + &word[1..]
    }

    fn words(&self, count: usize, joint: &str, rng: &mut Rng) -> String {
        (0..count).map(|_| self.word(rng)).collect::<Vec<_>>().join(joint)
    }
}

/// One list.
pub fn list(vocabulary: &Vocabulary<'_>, rng: &mut Rng) -> String {
    let kind = rng.below(14);
    let lines = 4 + rng.below(12);
    let joint = if kind == 9 { ", " } else { "\n" };
    (0..lines).map(|_| line(kind, vocabulary, rng)).collect::<Vec<_>>().join(joint)
}

fn line(kind: usize, v: &Vocabulary<'_>, rng: &mut Rng) -> String {
    let digits = |count: usize, rng: &mut Rng| -> String {
        (0..count).map(|_| char::from(b'0' + rng.below(10) as u8)).collect()
    };
    let hex = |count: usize, rng: &mut Rng| -> String {
        (0..count).map(|_| char::from(b"0123456789ABCDEF"[rng.below(16)])).collect()
    };
    match kind {
        0 => format!("{} {} <{}@{}.org>", v.capital(rng), v.capital(rng), v.word(rng), v.word(rng)),
        1 => format!("  - {} {} ({})", v.capital(rng), v.capital(rng), v.words(3, " ", rng)),
        2 => format!(
            " * Fix {} of `{}()` in {} (#{}, {})",
            v.word(rng),
            v.words(2, "_", rng),
            v.words(2, " ", rng),
            digits(4, rng),
            hex(7, rng)
        ),
        3 => format!(
            "{}.{}.{} ({}-{})\n- {} {}",
            digits(1, rng),
            digits(1, rng),
            digits(2, rng),
            digits(2, rng),
            digits(2, rng),
            v.capital(rng),
            v.words(6, " ", rng)
        ),
        4 => v.words(2, "_", rng).to_ascii_uppercase(),
        5 => format!("{}{}{}", v.word(rng), v.capital(rng), v.capital(rng)),
        6 => format!(
            ".B \\-\\-{}\n.I {}\n{} {} {}.",
            v.word(rng),
            v.word(rng).to_ascii_uppercase(),
            v.capital(rng),
            v.words(4, " ", rng),
            v.word(rng)
        ),
        7 => format!(
            "{}, {}., {}, {}. ({}). {} {}. {}, {}({}), {}-{}.",
            v.capital(rng),
            v.capital(rng).chars().take(1).collect::<String>(),
            v.capital(rng),
            v.capital(rng).chars().take(1).collect::<String>(),
            digits(4, rng),
            v.capital(rng),
            v.words(5, " ", rng),
            v.capital(rng),
            digits(2, rng),
            digits(1, rng),
            digits(3, rng),
            digits(3, rng)
        ),
        8 => format!(
            "pub:u:4096:{}:{}:{}:::{}:{} {}:",
            digits(1, rng),
            hex(16, rng),
            digits(10, rng),
            v.word(rng),
            v.capital(rng),
            v.capital(rng)
        ),
        9 => v.word(rng).to_owned(),
        10 => format!(
            "#define {} 0x{} /* {} */",
            v.words(2, "_", rng).to_ascii_uppercase(),
            hex(4, rng),
            v.words(4, " ", rng)
        ),
        11 => format!(
            "[`{}`]: https://{}.io/{}/{}#{}",
            v.word(rng),
            v.word(rng),
            v.word(rng),
            v.words(2, "-", rng),
            v.word(rng)
        ),
        12 => format!(
            "  --{}-{}=<{}>  {} {} [default: {}]",
            v.word(rng),
            v.word(rng),
            v.word(rng).to_ascii_uppercase(),
            v.capital(rng),
            v.words(4, " ", rng),
            v.word(rng)
        ),
        _ => format!("{}.{}.{} = {}", v.word(rng), v.word(rng), v.word(rng), digits(3, rng)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Vocabulary, list};
    use crate::model::builtin_embedding;
    use crate::train::Rng;

    #[test]
    fn lists_are_of_words_and_differ() {
        let (vocabulary, mut rng) = (Vocabulary::of(builtin_embedding()), Rng::new(3));
        assert!(vocabulary.0.len() > 10_000);
        let lists: std::collections::BTreeSet<String> = (0..100).map(|_| list(&vocabulary, &mut rng)).collect();
        assert_eq!(lists.len(), 100);
        assert!(lists.iter().all(|l| l.len() > 20 && l.is_ascii()));
    }
}
