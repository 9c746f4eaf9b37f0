//! Overlapping candidates: a fold from left to right that keeps the better of two, so that a stream can do the same.

use std::cmp::Ordering;

use super::tail::Tail;

/// A scored candidate. Offsets are into the scanned piece.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: u16,
    pub(crate) score: f32,
    /// How specific the rule is: breaks ties between good scores.
    pub(crate) rank: u8,
    /// How it goes on; [`Candidate::end`] is where it ended in the text at hand.
    pub(crate) tail: Option<Tail>,
    /// End of the part that decided it.
    pub(crate) decided: usize,
    /// The text at hand ended before it did.
    pub(crate) open: bool,
}

impl Candidate {
    /// By start; then everything else, so that the order does not depend on which pass found it.
    pub(crate) fn order(a: &Self, b: &Self) -> Ordering {
        (a.start, a.end, a.rule).cmp(&(b.start, b.end, b.rule)).then(a.score.total_cmp(&b.score))
    }

    /// Moves it with a buffer of which the first `cut` bytes are dropped.
    pub(crate) fn shift(&mut self, cut: usize) {
        self.start -= cut;
        self.end -= cut;
        self.decided -= cut;
    }

    /// True if this one is to be kept rather than `other`, which overlaps it.
    fn beats(&self, other: &Self) -> bool {
        let weight = |c: &Self| c.score + f32::from(c.rank) * 0.12;
        let (a, b) = (weight(self), weight(other));
        if (a - b).abs() > 0.02 {
            return a > b;
        }
        let (la, lb) = (self.end - self.start, other.end - other.start);
        (la, other.rule) > (lb, self.rule)
    }
}

/// The fold's state: the candidate that nothing has beaten yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fold {
    current: Option<Candidate>,
}

impl Fold {
    /// Takes the next candidate in order; returns one that can no longer be beaten.
    pub(crate) fn push(&mut self, next: Candidate) -> Option<Candidate> {
        match self.current {
            None => {
                self.current = Some(next);
                None
            }
            Some(held) if next.start >= held.end => {
                self.current = Some(next);
                Some(held)
            }
            Some(held) => {
                if next.beats(&held) {
                    self.current = Some(next);
                }
                None
            }
        }
    }

    /// The candidate held at the end.
    pub(crate) fn finish(&mut self) -> Option<Candidate> {
        self.current.take()
    }

    /// The held candidate, to be moved along with a stream's buffer.
    pub(crate) fn held(&mut self) -> Option<&mut Candidate> {
        self.current.as_mut()
    }
}
