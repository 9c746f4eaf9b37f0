//! Measures of a classifier.

/// The Wilson score interval of `hits` in `n` at 95 % (Wilson 1927), as shares.
pub fn wilson(hits: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, p, z) = (n as f64, hits as f64 / n as f64, 1.959_964);
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let whole = 1.0 + z * z / n;
    (((centre - spread) / whole).max(0.0), ((centre + spread) / whole).min(1.0))
}

/// The lowest score that at most `share` of `negatives` reach or pass; scores equal to it count as passing.
pub fn threshold_at(negatives: &[f32], share: f64) -> f32 {
    let mut sorted = negatives.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let allowed = (share * sorted.len() as f64) as usize;
    sorted.get(allowed).map_or(f32::MIN, |s| s.next_up())
}

/// Average precision: the area under the precision–recall curve in steps, ties taken together.
pub fn average_precision(scored: &[(f32, bool)]) -> f64 {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let positives = sorted.iter().filter(|s| s.1).count();
    let (mut hits, mut seen, mut area) = (0_usize, 0_usize, 0.0);
    for tie in sorted.chunk_by(|a, b| a.0 == b.0) {
        let found = tie.iter().filter(|s| s.1).count();
        hits += found;
        seen += tie.len();
        area += found as f64 * hits as f64 / seen as f64;
    }
    if positives == 0 { 0.0 } else { area / positives as f64 }
}

#[cfg(test)]
mod tests {
    use super::{average_precision, threshold_at, wilson};

    #[test]
    fn known_values() {
        // R: prop.test(9, 10, correct = FALSE) gives 0.5958 to 0.9821.
        let (low, high) = wilson(9, 10);
        assert!((low - 0.5958).abs() < 1e-3 && (high - 0.9821).abs() < 1e-3);
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        let scores: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        let t = threshold_at(&scores, 0.01);
        assert_eq!(scores.iter().filter(|s| **s >= t).count(), 10);
        let t = threshold_at(&[1.0, 1.0, 0.0], 0.34);
        assert_eq!([1.0_f32, 1.0, 0.0].iter().filter(|s| **s >= t).count(), 0);
        // scikit-learn: average_precision_score([1,0,1,0], [.9,.8,.7,.6]) = 0.8333.
        let ap = average_precision(&[(0.9, true), (0.8, false), (0.7, true), (0.6, false)]);
        assert!((ap - 0.8333).abs() < 1e-3);
        assert_eq!(average_precision(&[(0.5, false)]), 0.0);
    }
}
