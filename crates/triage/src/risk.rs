//! How much a case is worth looking at.

use casemate_finding::Severity;
use serde::{Deserialize, Serialize};

use crate::tactics::tactics_of;

/// What a case's risk is made of.
#[derive(Clone, Debug, Default)]
pub struct RiskInput<'a> {
    /// Confidence (calibrated if possible) and severity of each fingerprint in the case, the worst of each.
    pub alerts: Vec<(f64, Severity)>,
    /// ATLAS techniques of all its alerts.
    pub atlas: Vec<&'a str>,
    /// Least tier; 1 is the most critical.
    pub tier: u8,
    /// Blast radius, 0 to 1.
    pub blast: f64,
}

/// A risk, with its arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskScore {
    /// 0 to 1.
    pub risk: f64,
    /// 1 − Π(1 − confidence × weight of severity).
    pub evidence: f64,
    /// Factor of the tier.
    pub tier_factor: f64,
    /// Factor of the blast radius: 0.5 to 1.
    pub blast_factor: f64,
    /// Tactics of ATLAS that the case has shown.
    pub tactics: usize,
    /// What they add: 0.05 for each after the first, at most 0.2.
    pub progress: f64,
    /// One line for people.
    pub explanation: String,
}

/// Weight of a severity.
const fn weight(severity: Severity) -> f64 {
    match severity {
        Severity::Info => 0.05,
        Severity::Low => 0.2,
        Severity::Medium => 0.45,
        Severity::High => 0.7,
        Severity::Critical => 0.9,
    }
}

/// Risk = (1 − Π(1 − confidence × weight)) × tier × blast + progress along the kill chain, at most 1.
pub fn risk(input: &RiskInput<'_>) -> RiskScore {
    let missed: f64 = input.alerts.iter().map(|(p, s)| 1.0 - p.clamp(0.0, 1.0) * weight(*s)).product();
    let evidence = 1.0 - missed;
    let tier_factor = match input.tier {
        0 | 1 => 1.0,
        2 => 0.85,
        3 => 0.7,
        _ => 0.5,
    };
    let blast_factor = 0.5 + 0.5 * input.blast.clamp(0.0, 1.0);
    let tactics = tactics_of(input.atlas.iter().copied()).len();
    let progress = (tactics.saturating_sub(1) as f64 * 0.05).min(0.2);
    let risk = if input.alerts.is_empty() { 0.0 } else { (evidence * tier_factor * blast_factor + progress).min(1.0) };
    let explanation = format!(
        "evidence {evidence:.2} × tier {tier_factor:.2} × blast {blast_factor:.2} + progress {progress:.2} = {risk:.2}"
    );
    RiskScore { risk, evidence, tier_factor, blast_factor, tactics, progress, explanation }
}

#[cfg(test)]
mod tests {
    use casemate_finding::Severity;

    use super::{RiskInput, risk};

    #[test]
    fn risk_grows_with_everything_that_it_is_made_of() {
        let one = RiskInput { alerts: vec![(0.8, Severity::High)], atlas: vec!["AML.T0040"], tier: 3, blast: 0.2 };
        let base = risk(&one).risk;
        assert!((base - (1.0 - (1.0 - 0.56)) * 0.7 * 0.6).abs() < 1e-9, "{base}");
        let more = |change: &dyn Fn(&mut RiskInput<'_>)| {
            let mut input = one.clone();
            change(&mut input);
            risk(&input).risk
        };
        assert!(more(&|i| i.alerts.push((0.5, Severity::Low))) > base);
        assert!(more(&|i| i.tier = 1) > base);
        assert!(more(&|i| i.blast = 0.9) > base);
        assert!(more(&|i| i.atlas.push("AML.T0024")) > base);
        assert_eq!(more(&|i| i.alerts.clear()), 0.0);
        assert!(more(&|i| i.alerts = vec![(1.0, Severity::Critical); 50]) <= 1.0);
    }
}
