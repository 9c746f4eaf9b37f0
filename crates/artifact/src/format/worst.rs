//! Keeps the most severe of many: what is dropped is never worse than what is kept.

use crate::report::ArtifactSeverity;

/// Drops the weakest until `max` are left; of equals the later ones.
pub(super) fn keep<T>(hits: &mut Vec<T>, max: usize, severity: impl Fn(&T) -> ArtifactSeverity) {
    while hits.len() > max {
        let Some((weakest, _)) = hits.iter().enumerate().rev().min_by_key(|(_, h)| severity(h)) else { return };
        hits.remove(weakest);
    }
}

#[cfg(test)]
mod tests {
    use super::keep;
    use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};

    #[test]
    fn the_worst_stay() {
        let mut hits = vec![(Review, 1), (Review, 2), (Dangerous, 3), (Suspicious, 4)];
        keep(&mut hits, 4, |h| h.0);
        assert_eq!(hits.len(), 4);
        keep(&mut hits, 3, |h| h.0);
        assert_eq!(hits, [(Review, 1), (Dangerous, 3), (Suspicious, 4)]);
        keep(&mut hits, 1, |h| h.0);
        assert_eq!(hits, [(Dangerous, 3)]);
    }
}
