//! The language of `tokens`, `values` and example templates: literals and `{class:min,max}` parts.
//!
//! Matching is one pass without backtracking: a part of variable length takes all it can, so what follows it must begin
//! with a byte that it cannot hold; [`Pattern::parse`] refuses anything else.

use crate::bytes::{ALNUM, ByteSet, WORD};

/// Longest part; more is written as a rule's tail.
const PART_MAX: usize = 2_048;

const DIGIT: ByteSet = ByteSet::of(b"").range(b'0', b'9');
const LETTER: ByteSet = ByteSet::of(b"").range(b'a', b'z').range(b'A', b'Z');

/// The classes by name.
pub(super) const CLASSES: &[(&str, ByteSet)] = &[
    ("digit", DIGIT),
    ("hex", DIGIT.range(b'a', b'f').range(b'A', b'F')),
    ("lhex", DIGIT.range(b'a', b'f')),
    ("uhex", DIGIT.range(b'A', b'F')),
    ("alpha", LETTER),
    ("lower", ByteSet::of(b"").range(b'a', b'z')),
    ("upper", ByteSet::of(b"").range(b'A', b'Z')),
    ("alnum", LETTER.range(b'0', b'9')),
    ("lower36", DIGIT.range(b'a', b'z')),
    ("upper36", DIGIT.range(b'A', b'Z')),
    ("base32", ByteSet::of(b"").range(b'A', b'Z').range(b'2', b'7')),
    (
        "base58",
        ByteSet::of(b"")
            .range(b'1', b'9')
            .range(b'A', b'H')
            .range(b'J', b'N')
            .range(b'P', b'Z')
            .range(b'a', b'k')
            .range(b'm', b'z'),
    ),
    ("word", ByteSet::of(b"_").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("b64", ByteSet::of(b"+/").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("b64url", ByteSet::of(b"_-").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("b64eq", ByteSet::of(b"+/=").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("b64urleq", ByteSet::of(b"_-=").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("dotted", ByteSet::of(b"_-.").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("host", ByteSet::of(b"-.").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("path", ByteSet::of(b"_-./%").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9')),
    ("pad", ByteSet::of(b"=")),
    ("graph", ByteSet::of(b"").range(b'!', b'!').range(b'#', b'&').range(b'(', b'~')),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(Box<[u8]>),
    Class { set: ByteSet, min: usize, max: usize },
}

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(super) parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern. `{uuid}` stands for a UUID; `{{` is not special: no literal brace is needed in a token.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expanded;
        let mut rest = text;
        if text.as_bytes().windows(6).any(|w| w == b"{uuid}") {
            expanded = text.replace("{uuid}", "{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}");
            rest = &expanded;
        }
        let mut parts = Vec::new();
        while !rest.is_empty() {
            match rest.find('{') {
                Some(0) => {
                    let close = rest.find('}').ok_or("`{` without `}`")?;
                    parts.push(Self::class(&rest[1..close])?);
                    rest = &rest[close + 1..];
                }
                at => {
                    let end = at.unwrap_or(rest.len());
                    parts.push(Part::Literal(rest.as_bytes()[..end].into()));
                    rest = &rest[end..];
                }
            }
        }
        if parts.is_empty() {
            return Err("empty".into());
        }
        for pair in parts.windows(2) {
            if let Part::Class { set, min, max } = &pair[0] {
                let clash = match &pair[1] {
                    Part::Literal(l) => set.has(l[0]),
                    Part::Class { set: next, .. } => (0..=255).any(|b| set.has(b) && next.has(b)),
                };
                if min != max && clash {
                    return Err("a part of variable length is followed by a byte that it could hold".into());
                }
            }
        }
        Ok(Self { parts })
    }

    fn class(inner: &str) -> Result<Part, String> {
        let (name, count) = inner.split_once(':').unwrap_or((inner, if inner == "pad" { "0,2" } else { "1" }));
        let set = CLASSES.iter().find(|c| c.0 == name).ok_or_else(|| format!("no class `{name}`"))?.1;
        let number = |s: &str| s.parse::<usize>().map_err(|e| format!("count `{s}`: {e}"));
        let (min, max) = match count.split_once(',') {
            None => (number(count)?, number(count)?),
            Some((a, "")) => (number(a)?, PART_MAX),
            Some((a, b)) => (number(a)?, number(b)?),
        };
        if min > max || max > PART_MAX || max == 0 {
            return Err(format!("count {min} to {max} is not within 1 to {PART_MAX}"));
        }
        Ok(Part::Class { set, min, max })
    }

    /// The literal it begins with; empty if it begins with a class.
    pub(crate) fn prefix(&self) -> &[u8] {
        match self.parts.first() {
            Some(Part::Literal(l)) => l,
            _ => &[],
        }
    }

    /// Length of the shortest match.
    pub(crate) fn length_min(&self) -> usize {
        let length = |part: &Part| match part {
            Part::Literal(l) => l.len(),
            Part::Class { min, .. } => *min,
        };
        self.parts.iter().map(length).sum()
    }

    /// The end of the match that begins at `at`, if the text there matches and is not the middle of a longer run.
    pub(crate) fn match_at(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let mut i = at;
        for part in &self.parts {
            match part {
                Part::Literal(l) => {
                    if !bytes.get(i..)?.starts_with(l) {
                        return None;
                    }
                    i += l.len();
                }
                Part::Class { set, min, max } => {
                    let end = set.run_end(bytes, i, *max);
                    if end - i < *min {
                        return None;
                    }
                    i = end;
                }
            }
        }
        let last_continues = match self.parts.last() {
            // An open-ended part that has taken all it may: the match's tail takes the rest.
            Some(Part::Class { max: PART_MAX, .. }) if i - at >= PART_MAX => false,
            Some(Part::Class { set, .. }) => {
                bytes.get(i).is_some_and(|b| set.has(*b) || (WORD.has(*b) && set.has(b'a')))
            }
            _ => bytes.get(i).is_some_and(|b| ALNUM.has(*b)),
        };
        (!last_continues).then_some(i)
    }

    /// True if all of `bytes` matches.
    pub(crate) fn matches_all(&self, bytes: &[u8]) -> bool {
        self.match_at(bytes, 0) == Some(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn matches_to_the_end_of_the_run_only() {
        let p = Pattern::parse("ab_{digit:3}").unwrap();
        assert_eq!(p.match_at(b"xab_123 ", 1), Some(7));
        assert_eq!(p.match_at(b"ab_1234", 0), None);
        assert_eq!(p.match_at(b"ab_12", 0), None);
        assert!(Pattern::parse("k-{alnum:2,5}{pad}").unwrap().matches_all(b"k-abc=="));
    }

    #[test]
    fn refuses_what_would_need_backtracking() {
        assert!(Pattern::parse("a{alnum:1,5}b").is_err());
        assert!(Pattern::parse("a{alnum:4}b{hex:1,2}").is_ok());
        assert!(Pattern::parse("a{alnum:4").is_err());
        assert!(Pattern::parse("a{nope:4}").is_err());
    }
}
