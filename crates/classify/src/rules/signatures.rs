//! Matches signatures against the classes of a view's words.

use casemate_finding::Span;

use super::{Match, SIGNATURES, Signature};
use crate::Channel;
use crate::views::View;

/// Matches of one rule that one view reports; more of the same say nothing new.
const MATCHES_PER_SIGNATURE_MAX: usize = 4;

pub(super) fn matches(view: &View, channel: Channel, out: &mut Vec<Match>) {
    let all = view.known.iter().fold(0, |all, k| all | k.classes());
    for signature in SIGNATURES.iter().filter(|s| s.scope.covers(channel)) {
        // Most texts lack a class altogether.
        if signature.steps.iter().any(|&(classes, _)| all & classes == 0) {
            continue;
        }
        let mut from = 0;
        for _ in 0..MATCHES_PER_SIGNATURE_MAX {
            let Some((first, last)) = find(signature, view, from) else { break };
            let span = Span::new(view.words[first].start as usize, view.words[last].end as usize);
            out.push(Match { rule: signature.id, span, weight: signature.weight });
            from = last + 1;
        }
    }
}

/// First and last word of the first match from word `from`.
fn find(signature: &Signature, view: &View, from: usize) -> Option<(usize, usize)> {
    let (&(head, _), rest) = signature.steps.split_first()?;
    (from..view.known.len())
        .filter(|&i| view.known[i].classes() & head != 0)
        .find_map(|first| reach(signature, rest, view, first).map(|last| (first, last)))
}

/// Last word of a match of `steps` after word `at`, trying nearer words first.
fn reach(signature: &Signature, steps: &[(u64, u8)], view: &View, at: usize) -> Option<usize> {
    let Some((&(classes, gap), rest)) = steps.split_first() else { return Some(at) };
    let end = (at + 2 + usize::from(gap)).min(view.known.len());
    let is_step =
        |&i: &usize| view.known[i].classes() & classes != 0 && view.known[i - 1].classes() & signature.not_after == 0;
    (at + 1..end).filter(is_step).find_map(|i| reach(signature, rest, view, i))
}

#[cfg(test)]
mod tests {
    use super::{SIGNATURES, find};
    use crate::text::fold;
    use crate::views::{View, ViewLimits, views};

    fn plain(text: &str) -> View {
        views(text, &mut fold(text), &ViewLimits::default()).views.swap_remove(0)
    }

    #[test]
    fn every_signature_keeps_its_word() {
        for s in SIGNATURES {
            assert!(!s.examples.is_empty() && !s.counterexamples.is_empty(), "{}", s.id);
            for text in s.examples {
                assert!(find(s, &plain(text), 0).is_some(), "{} {:?} should match {text:?}", s.id, s.steps);
            }
            for text in s.counterexamples {
                assert!(find(s, &plain(text), 0).is_none(), "{} {:?} should not match {text:?}", s.id, s.steps);
            }
        }
    }
}
