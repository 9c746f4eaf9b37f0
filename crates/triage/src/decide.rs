//! What to do, under the cost of being wrong.

use serde::{Deserialize, Serialize};

/// The ladder, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Watch.
    Observe,
    /// Keep evidence.
    Snapshot,
    /// Slow it down.
    RateLimit,
    /// Answer from a copy, so that nothing real is touched.
    Shadow,
    /// Take it out of use; taking it back is one command.
    Quarantine,
    /// Go back to the version before.
    RollBack,
    /// Take keys or rights away.
    Revoke,
    /// Switch it off.
    Stop,
}

impl Rung {
    /// All rungs, mildest first.
    pub const ALL: [Self; 8] = [
        Self::Observe,
        Self::Snapshot,
        Self::RateLimit,
        Self::Shadow,
        Self::Quarantine,
        Self::RollBack,
        Self::Revoke,
        Self::Stop,
    ];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Snapshot => "snapshot",
            Self::RateLimit => "rate_limit",
            Self::Shadow => "shadow",
            Self::Quarantine => "quarantine",
            Self::RollBack => "roll_back",
            Self::Revoke => "revoke",
            Self::Stop => "stop",
        }
    }
}

/// What a rung does and costs, in the unit of `loss`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RungFacts {
    /// Which rung.
    pub rung: Rung,
    /// Share of the loss that it prevents if the alert is true, 0 to 1.
    pub efficacy: f64,
    /// What it costs if the alert is false: those who are kept from their work.
    pub cost_if_wrong: f64,
    /// What taking it back costs, whichever it was.
    pub cost_of_reversal: f64,
    /// True if it can be taken back, or ends by itself.
    pub reversible: bool,
}

/// What a tier lets happen without people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierPolicy {
    /// The most that runs unattended.
    pub unattended_max: Rung,
    /// True if what cannot be taken back may run unattended, where the arithmetic says so. Never on tier 1.
    pub irreversible: bool,
}

impl TierPolicy {
    /// The policy of a tier if configuration has none: up to quarantine, nothing that cannot be taken back.
    pub const fn of_tier(tier: u8) -> Self {
        match tier {
            0..=2 => Self { unattended_max: Rung::Quarantine, irreversible: false },
            _ => Self { unattended_max: Rung::RollBack, irreversible: false },
        }
    }
}

/// What is to be decided on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Situation {
    /// Calibrated probability that the case is true.
    pub p: f64,
    /// Tier of the most critical thing in it.
    pub tier: u8,
    /// What is lost if it is true and nothing is done.
    pub loss: f64,
    /// What the tier's policy allows.
    pub policy: TierPolicy,
    /// The rungs that can be taken here.
    pub rungs: Vec<RungFacts>,
}

/// The arithmetic of one rung, to be shown on the case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arithmetic {
    /// Which rung.
    pub rung: Rung,
    /// p · loss · efficacy.
    pub prevented: f64,
    /// (1 − p) · cost if wrong.
    pub harm: f64,
    /// Cost of reversal.
    pub reversal: f64,
    /// prevented − harm − reversal.
    pub net: f64,
    /// True if it is worth it: net > 0 (watching is always worth it).
    pub worth: bool,
    /// True if it may run without people.
    pub unattended: bool,
    /// Why, in one sentence.
    pub why: String,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The best rung that may run without people, now.
    pub rung: Rung,
    /// Always true of `rung`; false only if there is no rung at all.
    pub unattended: bool,
    /// A rung that would be better and that people must agree to.
    pub propose: Option<Rung>,
    /// One line for people.
    pub summary: String,
    /// Every rung, mildest first.
    pub arithmetic: Vec<Arithmetic>,
}

/// Decides. A rung runs unattended only if p·loss·efficacy > (1−p)·cost-if-wrong + cost-of-reversal, it is not above what the
/// tier's policy allows, and it is reversible or that policy allows what is not; on tier 1 what cannot be taken back always
/// waits for people.
pub fn decide(situation: &Situation) -> Decision {
    let p = if situation.p.is_finite() { situation.p.clamp(0.0, 1.0) } else { 0.0 };
    let mut rungs = situation.rungs.clone();
    rungs.sort_by_key(|r| r.rung);
    let arithmetic: Vec<Arithmetic> = rungs.iter().map(|facts| weigh(situation, p, facts)).collect();
    let best = |pick: &dyn Fn(&Arithmetic) -> bool| {
        // Of equals the milder one.
        arithmetic.iter().filter(|a| a.worth && pick(a)).fold(None::<&Arithmetic>, |best, a| match best {
            Some(b) if b.net >= a.net => Some(b),
            _ => Some(a),
        })
    };
    let now = best(&|a| a.unattended);
    let wanted = best(&|_| true);
    let rung = now.map_or(Rung::Observe, |a| a.rung);
    let net_now = now.map_or(0.0, |a| a.net);
    let propose = wanted.filter(|a| !a.unattended && a.net > net_now).map(|a| a.rung);
    let mut summary = format!("p = {p:.2}, loss = {:.0}: {} now", situation.loss, rung.as_str());
    if let Some(better) = propose {
        summary.push_str(&format!("; {} if people agree", better.as_str()));
    }
    Decision { rung, unattended: now.is_some(), propose, summary, arithmetic }
}

fn weigh(situation: &Situation, p: f64, facts: &RungFacts) -> Arithmetic {
    let prevented = p * situation.loss * facts.efficacy;
    let harm = (1.0 - p) * facts.cost_if_wrong;
    let net = prevented - harm - facts.cost_of_reversal;
    let free = facts.cost_if_wrong <= 0.0 && facts.cost_of_reversal <= 0.0;
    let worth = net > 0.0 || free;
    let name = facts.rung.as_str();
    let (unattended, why) = if !worth {
        (false, format!("{name} would cost {:.1} more than it prevents", -net))
    } else if !facts.reversible && situation.tier <= 1 {
        (false, format!("{name} cannot be taken back: on tier 1 people decide"))
    } else if !facts.reversible && !situation.policy.irreversible {
        (false, format!("{name} cannot be taken back, and the tier's policy asks for people"))
    } else if facts.rung > situation.policy.unattended_max {
        (false, format!("{name} is above what the tier's policy lets run unattended"))
    } else {
        (true, format!("{name} prevents {net:.1} more than it costs"))
    };
    Arithmetic { rung: facts.rung, prevented, harm, reversal: facts.cost_of_reversal, net, worth, unattended, why }
}

/// What rungs do and cost if configuration says nothing else: in units of a tier-3 hour, scaled by the tier and by the share
/// of traffic that would be hit (0 to 1).
pub fn default_rungs(tier: u8, traffic: f64) -> Vec<RungFacts> {
    let scale = loss_scale(tier) * (0.2 + 0.8 * traffic.clamp(0.0, 1.0));
    let rung = |rung, efficacy, wrong: f64, reversal: f64, reversible| RungFacts {
        rung,
        efficacy,
        cost_if_wrong: wrong * scale,
        cost_of_reversal: reversal * scale,
        reversible,
    };
    vec![
        rung(Rung::Observe, 0.0, 0.0, 0.0, true),
        rung(Rung::Snapshot, 0.05, 0.0, 0.0, true),
        rung(Rung::RateLimit, 0.6, 0.5, 0.05, true),
        rung(Rung::Shadow, 0.7, 1.0, 0.2, true),
        rung(Rung::Quarantine, 0.9, 3.0, 0.5, true),
        rung(Rung::RollBack, 0.92, 5.0, 2.0, false),
        rung(Rung::Revoke, 0.95, 8.0, 3.0, false),
        rung(Rung::Stop, 1.0, 20.0, 5.0, false),
    ]
}

/// What a true attack costs on a tier, in the same unit.
pub(crate) const fn loss_scale(tier: u8) -> f64 {
    match tier {
        0 | 1 => 10.0,
        2 => 3.0,
        3 => 1.0,
        _ => 0.3,
    }
}

impl Situation {
    /// A situation with the default costs: loss grows with severity, tier and blast radius.
    pub fn with_defaults(p: f64, tier: u8, severity: casemate_finding::Severity, blast: f64, traffic: f64) -> Self {
        use casemate_finding::Severity;
        let harm = match severity {
            Severity::Info => 0.1,
            Severity::Low => 1.0,
            Severity::Medium => 3.0,
            Severity::High => 8.0,
            Severity::Critical => 20.0,
        };
        Self {
            p,
            tier,
            loss: harm * loss_scale(tier) * (0.5 + 0.5 * blast.clamp(0.0, 1.0)),
            policy: TierPolicy::of_tier(tier),
            rungs: default_rungs(tier, traffic),
        }
    }
}

#[cfg(test)]
mod tests {
    use casemate_finding::Severity;

    use super::{Rung, RungFacts, Situation, TierPolicy, decide};

    fn facts(rung: Rung, efficacy: f64, wrong: f64, reversal: f64, reversible: bool) -> RungFacts {
        RungFacts { rung, efficacy, cost_if_wrong: wrong, cost_of_reversal: reversal, reversible }
    }

    fn situation(p: f64, tier: u8) -> Situation {
        Situation {
            p,
            tier,
            loss: 100.0,
            policy: TierPolicy { unattended_max: Rung::Stop, irreversible: true },
            rungs: vec![
                facts(Rung::Observe, 0.0, 0.0, 0.0, true),
                facts(Rung::RateLimit, 0.5, 10.0, 1.0, true),
                facts(Rung::Stop, 1.0, 100.0, 10.0, false),
            ],
        }
    }

    #[test]
    fn the_arithmetic_is_what_it_says() {
        let decision = decide(&situation(0.5, 2));
        let limit = &decision.arithmetic[1];
        assert_eq!((limit.prevented, limit.harm, limit.reversal, limit.net), (25.0, 5.0, 1.0, 19.0));
        let stop = &decision.arithmetic[2];
        assert_eq!((stop.net, stop.worth), (-10.0, false));
        assert_eq!((decision.rung, decision.propose), (Rung::RateLimit, None));
    }

    #[test]
    fn exactly_even_is_not_worth_it() {
        let mut s = situation(0.5, 2);
        s.rungs = vec![facts(Rung::RateLimit, 0.5, 40.0, 5.0, true)];
        assert_eq!(decide(&s).rung, Rung::Observe);
        s.rungs = vec![facts(Rung::RateLimit, 0.5, 40.0, 4.9, true)];
        assert_eq!(decide(&s).rung, Rung::RateLimit);
    }

    #[test]
    fn tier_one_waits_for_people_where_there_is_no_way_back() {
        let decision = decide(&situation(0.99, 1));
        assert_eq!((decision.rung, decision.propose), (Rung::RateLimit, Some(Rung::Stop)));
        assert_eq!(decide(&situation(0.99, 2)).rung, Rung::Stop);
        let mut held = situation(0.99, 2);
        held.policy.irreversible = false;
        assert_eq!((decide(&held).rung, decide(&held).propose), (Rung::RateLimit, Some(Rung::Stop)));
    }

    #[test]
    fn defaults_climb_with_p_and_severity() {
        let at = |p, severity| decide(&Situation::with_defaults(p, 1, severity, 0.5, 0.2)).rung;
        assert_eq!(at(0.02, Severity::Low), Rung::Snapshot);
        assert_eq!(at(0.3, Severity::Medium), Rung::RateLimit);
        assert_eq!(at(0.95, Severity::Critical), Rung::Quarantine);
        assert!(decide(&Situation::with_defaults(0.99, 1, Severity::Critical, 1.0, 0.1)).propose.is_some());
        assert_eq!(decide(&Situation { p: f64::NAN, ..situation(0.5, 2) }).rung, Rung::Observe);
    }
}
