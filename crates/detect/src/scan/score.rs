//! Probabilities as sums of logits.

use super::pass::Pass;
use crate::{
    Kind, Rule,
    limits::{CONTEXT_AFTER, CONTEXT_BEFORE},
};

/// What a context word next to a candidate adds.
const CONTEXT_WEIGHT: f32 = 4.6;
/// What a word against a candidate takes away.
const AGAINST_WEIGHT: f32 = 3.4;
/// Words against a candidate count only this near.
const AGAINST_BEFORE: usize = 28;

/// The log odds of a probability.
pub(crate) fn logit(p: f32) -> f32 {
    let p = p.clamp(0.000_1, 0.999_9);
    (p / (1.0 - p)).ln()
}

/// The probability of log odds.
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// How much surer personal data is than its sum says, above even odds. By `bench/detect_calibration.py` on the dev split:
/// 120 findings of .6 to .9 were all right, so .6 has to come out near .95.
const PII_SURENESS: f32 = 7.0;
/// More is never promised: nobody has counted the findings that it would take.
const PII_PROMISE_MAX: f32 = 0.985;

/// What a sum's probability is worth: the score that is reported and compared with a threshold. Even odds stay even odds.
/// Secrets are left as they are: their set's share of positives is artificial, so that it calibrates nothing.
pub(crate) fn promised(kind: Kind, score: f32) -> f32 {
    if kind != Kind::Pii || score <= 0.5 {
        return score;
    }
    let above_even = 2.0 * sigmoid(PII_SURENESS * logit(score)) - 1.0;
    0.5 + (PII_PROMISE_MAX - 0.5) * above_even
}

/// What the words around a candidate say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Context {
    /// 0 (no word) to 1 (next to it).
    pub(crate) for_it: f32,
    /// The same for words against it.
    pub(crate) against: f32,
}

impl Context {
    /// The sum of both, in logits. A word for the candidate that is nearer than one against it outweighs it.
    pub(crate) fn logits(self) -> f32 {
        let against = if self.for_it >= self.against { self.against * 0.4 } else { self.against };
        self.for_it * CONTEXT_WEIGHT - against * AGAINST_WEIGHT
    }
}

impl Pass<'_> {
    /// Looks for the rule's words, and the general words against numbers, on both sides of `start..end`.
    pub(crate) fn context(&self, rule: &Rule, start: usize, end: usize) -> Context {
        let mut found = Context::default();
        if self.field_words.intersects(&rule.context) {
            found.for_it = 1.0;
        }
        let hits = &self.hits;
        let first_after = hits.partition_point(|h| (h.end as usize) <= start);
        for hit in hits[..first_after].iter().rev() {
            let gap = start - hit.end as usize;
            if gap > CONTEXT_BEFORE {
                break;
            }
            if hit.whole && rule.context.has(hit.word) {
                found.for_it = found.for_it.max(fade(gap, 14, CONTEXT_BEFORE));
            }
            if hit.whole
                && gap <= AGAINST_BEFORE
                && (self.engine.words.uses[usize::from(hit.word)].against || rule.against.has(hit.word))
            {
                found.against = found.against.max(fade(gap, 6, AGAINST_BEFORE));
            }
        }
        for hit in &hits[first_after..] {
            if hit.end as usize > end + CONTEXT_AFTER + crate::limits::WORD_MAX {
                break;
            }
            let Some(gap) = (hit.start as usize).checked_sub(end) else { continue };
            if gap > CONTEXT_AFTER {
                continue;
            }
            if hit.whole && rule.context.has(hit.word) {
                found.for_it = found.for_it.max(0.85 * fade(gap, 8, CONTEXT_AFTER));
            }
            if hit.whole && rule.against.has(hit.word) {
                found.against = found.against.max(0.8 * fade(gap, 4, CONTEXT_AFTER));
            }
        }
        found
    }
}

/// 1 up to `near` bytes away, then falling to 0.3 at `far`.
fn fade(gap: usize, near: usize, far: usize) -> f32 {
    if gap <= near {
        return 1.0;
    }
    1.0 - 0.7 * (gap - near) as f32 / (far - near) as f32
}
