//! Matches without a longest length: the part that decides is bounded, what follows is taken byte by byte.

use crate::bytes::ByteSet;

/// How a match of open length goes on after the part that decided it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tail {
    /// As long as bytes are in the set.
    Run(ByteSet),
    /// A key block, from its BEGIN line to the end of its END line.
    KeyBlock,
}

/// What a key block holds: base 64, line ends as they are or escaped, header lines, quotes and indents.
const KEY_BODY: ByteSet = ByteSet::of(b"+/=-:,. \t\r\n\\_\"'").range(b'a', b'z').range(b'A', b'Z').range(b'0', b'9');
/// Dashes that open and close BEGIN and END lines.
const DASHES: u8 = 5;
/// Most bytes without a letter or digit inside a key block.
const LOOSE_MAX: usize = 192;

/// A tail under way.
#[derive(Clone, Debug)]
pub(crate) struct TailState {
    tail: Tail,
    dashes: u8,
    groups: u8,
    /// Bytes taken.
    taken: usize,
    /// Bytes of those that belong to the match for sure.
    firm: usize,
}

impl TailState {
    pub(crate) const fn new(tail: Tail) -> Self {
        Self { tail, dashes: 0, groups: 0, taken: 0, firm: 0 }
    }

    /// Takes bytes; true once the tail has ended.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().any(|b| self.step(*b))
    }

    /// Length of the match so far, from where the tail began.
    pub(crate) const fn len(&self) -> usize {
        self.firm
    }

    fn step(&mut self, byte: u8) -> bool {
        match self.tail {
            Tail::Run(set) => {
                if !set.has(byte) {
                    return true;
                }
                self.taken += 1;
                self.firm = self.taken;
            }
            Tail::KeyBlock => {
                if !KEY_BODY.has(byte) || self.groups == 4 || self.taken - self.firm > LOOSE_MAX {
                    return true;
                }
                self.taken += 1;
                self.dashes = if byte == b'-' { self.dashes + 1 } else { 0 };
                if self.dashes == DASHES {
                    (self.dashes, self.groups) = (0, self.groups + 1);
                    self.firm = self.taken;
                }
                if byte.is_ascii_alphanumeric() {
                    self.firm = self.taken;
                }
            }
        }
        false
    }
}

impl Tail {
    /// Where a candidate's tail begins.
    pub(crate) fn from(self, candidate: &super::Candidate) -> usize {
        if self == Self::KeyBlock { candidate.start } else { candidate.decided }
    }

    /// Where the match that begins at `start`, and was decided up to `end`, ends in `bytes`; and whether it might go on.
    pub(crate) fn end(self, bytes: &[u8], start: usize, end: usize) -> (usize, bool) {
        let from = if self == Self::KeyBlock { start } else { end };
        let mut state = TailState::new(self);
        let ended = state.feed(&bytes[from..]);
        (from + state.len(), !ended)
    }
}

#[cfg(test)]
mod tests {
    use super::{Tail, TailState};

    #[test]
    fn the_same_in_pieces() {
        let text = "-----BEGIN X KEY-----\nAAAA\nBBBB==\n-----END X KEY-----\nrest";
        let end = text.find("\nrest").unwrap();
        assert_eq!(Tail::KeyBlock.end(text.as_bytes(), 0, 10), (end, false));
        for cut in 0..text.len() {
            let mut state = TailState::new(Tail::KeyBlock);
            let ended = state.feed(&text.as_bytes()[..cut]) || state.feed(&text.as_bytes()[cut..]);
            assert!(ended && state.len() == end);
        }
        let open = &text[..30];
        assert!(Tail::KeyBlock.end(open.as_bytes(), 0, 10).1);
    }
}
