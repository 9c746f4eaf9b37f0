//! What a rule's word is worth, learnt from closed cases.

use serde::{Deserialize, Serialize};

/// Closed cases of one rule in one business unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedCases {
    /// Closed as true (harmful, or right but harmless).
    pub right: u32,
    /// Closed as false.
    pub wrong: u32,
}

/// How many closed cases the source's own confidence is worth.
const PRIOR_STRENGTH: f64 = 4.0;

/// The probability that an alert is true: mean of the Beta posterior with prior Beta(4 c, 4 (1 − c)), where c is the
/// confidence that the source gives. Without closed cases it is c; with many it is the share that was right.
pub fn calibrated(confidence: f64, closed: ClosedCases) -> f64 {
    let c = confidence.clamp(0.01, 0.99);
    let (right, wrong) = (f64::from(closed.right), f64::from(closed.wrong));
    (PRIOR_STRENGTH * c + right) / (PRIOR_STRENGTH + right + wrong)
}

#[cfg(test)]
mod tests {
    use super::{ClosedCases, calibrated};

    #[test]
    fn closed_cases_win_over_the_sources_word() {
        assert!((calibrated(0.7, ClosedCases::default()) - 0.7).abs() < 1e-9);
        assert!((calibrated(0.5, ClosedCases { right: 0, wrong: 4 }) - 0.25).abs() < 1e-9);
        assert!((calibrated(0.2, ClosedCases { right: 996, wrong: 0 }) - 0.9968).abs() < 1e-9);
        assert!(calibrated(1.0, ClosedCases::default()) < 1.0 && calibrated(-1.0, ClosedCases::default()) > 0.0);
    }
}
