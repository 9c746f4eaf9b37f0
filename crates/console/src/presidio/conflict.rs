//! What becomes of results that overlap (`merge_similar_or_contained`, the anonymizer's rule).

use std::collections::BTreeMap;

use super::Recognised;

/// Results without conflicts, in the order that the anonymizer works on them from the last to the first: results of one
/// type that overlap are one; what lies inside another, or has its place with a lower score, goes; results of one type
/// with only spaces between them are one.
pub(super) fn resolve(text: &[char], mut results: Vec<Recognised>) -> Vec<Recognised> {
    results.sort_by_key(|r| (r.start, r.end));
    let mut out = over_spaces(text, without_contained(merged(results)));
    // Stable: of two with one start, the longer comes first.
    out.sort_by_key(|r| std::cmp::Reverse((r.start, r.end)));
    out
}

/// Overlapping results of one type as one, with the higher score, at the place of the last of them.
fn merged(results: Vec<Recognised>) -> Vec<Recognised> {
    let mut by_type: BTreeMap<String, Vec<(usize, Recognised)>> = BTreeMap::new();
    for (at, result) in results.into_iter().enumerate() {
        let of_type = by_type.entry(result.entity_type.clone()).or_default();
        match of_type.last_mut() {
            Some((place, current)) if result.end.min(current.end) > result.start.max(current.start) => {
                current.end = current.end.max(result.end);
                current.score = current.score.max(result.score);
                *place = at;
            }
            _ => of_type.push((at, result)),
        }
    }
    let mut kept: Vec<_> = by_type.into_values().flatten().collect();
    kept.sort_by_key(|(at, _)| *at);
    kept.into_iter().map(|(_, result)| result).collect()
}

fn without_contained(results: Vec<Recognised>) -> Vec<Recognised> {
    let mut order: Vec<usize> = (0..results.len()).collect();
    order.sort_by_key(|i| (results[*i].start, std::cmp::Reverse(results[*i].end)));
    let mut keep = vec![true; results.len()];
    let mut end_max: Option<usize> = None;
    for group in order.chunk_by(|a, b| results[*a].start == results[*b].start && results[*a].end == results[*b].end) {
        let end = results[group[0]].end;
        let contained = end_max.is_some_and(|seen| seen >= end);
        let best = group.iter().copied().max_by(|a, b| results[*a].score.total_cmp(&results[*b].score).then(a.cmp(b)));
        for i in group {
            keep[*i] = !contained && Some(*i) == best;
        }
        end_max = end_max.max(Some(end));
    }
    results.into_iter().zip(keep).filter_map(|(result, keep)| keep.then_some(result)).collect()
}

fn over_spaces(text: &[char], results: Vec<Recognised>) -> Vec<Recognised> {
    let mut out: Vec<Recognised> = Vec::with_capacity(results.len());
    for mut result in results {
        if let Some(before) = out.last().filter(|before| before.entity_type == result.entity_type) {
            let gap = text.get(before.end..result.start).unwrap_or_default();
            if !gap.is_empty() && gap.iter().all(|c| *c == ' ') {
                result.start = before.start;
                out.pop();
            }
        }
        out.push(result);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::presidio::Recognised;

    fn resolved(text: &str, of: &[(usize, usize, &str, f64)]) -> Vec<(usize, usize, String)> {
        let chars: Vec<char> = text.chars().collect();
        let results = of.iter().map(|(start, end, kind, score)| Recognised {
            start: *start,
            end: *end,
            entity_type: (*kind).into(),
            score: *score,
        });
        resolve(&chars, results.collect()).into_iter().map(|r| (r.start, r.end, r.entity_type)).collect()
    }

    #[test]
    fn overlaps() {
        let text = "aaaa bbbb cccc";
        let one = |kind: &str| vec![(0, 9, kind.to_owned())];
        assert_eq!(resolved(text, &[(0, 4, "P", 0.5), (5, 9, "P", 0.5)]), one("P"), "only spaces between");
        assert_eq!(resolved(text, &[(0, 7, "P", 0.5), (5, 9, "P", 0.9)]), one("P"), "one type, overlapping");
        assert_eq!(resolved(text, &[(0, 9, "P", 0.5), (3, 3, "P", 1.0)]), one("P"), "an empty one overlaps nothing");
        assert_eq!(resolved(text, &[(0, 9, "P", 0.5), (5, 9, "L", 0.9)]), one("P"), "contained, whatever its score");
        assert_eq!(resolved(text, &[(0, 9, "P", 0.5), (0, 9, "L", 0.9)]), one("L"), "one place: the higher score");
        assert_eq!(resolved(text, &[(0, 9, "P", 0.5), (0, 9, "L", 0.5)]), one("L"), "on a tie the last");
        let both = vec![(5, 14, "L".to_owned()), (0, 7, "P".to_owned())];
        assert_eq!(resolved(text, &[(0, 7, "P", 0.5), (5, 14, "L", 0.5)]), both, "partly: both stay, last first");
    }
}
