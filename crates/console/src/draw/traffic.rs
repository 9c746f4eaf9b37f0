//! The traffic chart, and a bar for a number in 0..=1.

use std::fmt::Write as _;

use askama::filters::Safe;

use crate::data::Minute;
use crate::words::{self, Markup};

/// Width of one minute, bar and gap, in the drawing's own units; the page stretches it.
const SLOT: u64 = 10;
/// Width of a bar.
const BAR: u64 = 8;
/// Height of the drawing.
const HEIGHT: u64 = 120;

/// Stacked bars, one for each minute: passed, redacted, limited, blocked from the bottom. Axis labels are HTML beside it, so
/// that they keep their size when the drawing is stretched.
pub fn traffic_chart(minutes: &[Minute]) -> Markup {
    let top = minutes.iter().map(|m| m.requests).max().unwrap_or(0).max(1);
    let width = minutes.len() as u64 * SLOT;
    let (mut requests, mut held) = (0_u64, 0_u64);
    let mut bars = String::new();
    for (i, m) in minutes.iter().enumerate() {
        requests = requests.saturating_add(m.requests);
        held = held.saturating_add(m.requests.saturating_sub(m.passed()));
        if m.requests == 0 {
            continue;
        }
        let x = i as u64 * SLOT + (SLOT - BAR) / 2;
        let title = format!(
            "{}: {} requests, {} blocked, {} limited, {} redacted",
            words::absolute(m.at).get(11..16).unwrap_or_default(),
            m.requests,
            m.blocked,
            m.limited,
            m.redacted
        );
        let _ = write!(bars, "<g><title>{title}</title>");
        let mut below = 0_u64;
        for (class, n) in
            [("passed", m.passed()), ("redacted", m.redacted), ("limited", m.limited), ("blocked", m.blocked)]
        {
            // Anything that happened is seen: at least one unit high.
            let lower = scale(below, top);
            below = below.saturating_add(n);
            let upper = scale(below, top).max(if n > 0 { lower + 1 } else { lower }).min(HEIGHT);
            if upper > lower {
                let (y, h) = (HEIGHT - upper, upper - lower);
                let _ = write!(bars, r#"<rect class="bar-{class}" x="{x}" y="{y}" width="{BAR}" height="{h}"/>"#);
            }
        }
        bars.push_str("</g>");
    }
    let lines: String =
        [0, HEIGHT / 2, HEIGHT - 1].map(|y| format!(r#"<path class="grid" d="M0 {y}.5H{width}"/>"#)).concat();
    let label = format!("{requests} requests in the last hour, {held} of them blocked, limited or redacted");
    Safe(format!(
        r#"<div class="chart"><span class="chart-top">{top}/min</span><svg viewBox="0 0 {width} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">{lines}{bars}</svg><div class="chart-foot"><span>1 h ago</span><span>30 min</span><span>now</span></div></div>"#,
        top = words::count(top),
    ))
}

fn scale(n: u64, top: u64) -> u64 {
    u64::try_from(u128::from(n) * u128::from(HEIGHT) / u128::from(top)).unwrap_or(HEIGHT)
}

/// A bar for a risk in 0..=1; what is outside is drawn at the edge.
pub fn risk_bar(risk: f64) -> Markup {
    let risk = if risk.is_finite() { risk.clamp(0.0, 1.0) } else { 0.0 };
    let (class, width) = match risk {
        r if r >= 0.8 => ("critical", r * 100.0),
        r if r >= 0.5 => ("high", r * 100.0),
        r if r >= 0.2 => ("medium", r * 100.0),
        r => ("low", r * 100.0),
    };
    Safe(format!(
        r#"<span class="risk"><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="risk-track" width="100" height="6"/><rect class="risk-{class}" width="{width:.0}" height="6"/></svg><b>{risk:.2}</b></span>"#
    ))
}

#[cfg(test)]
mod tests {
    use casemate_finding::UnixMs;

    use super::*;

    #[test]
    fn bars_are_to_scale_and_a_single_block_is_seen() {
        let minutes = [
            Minute { at: UnixMs(0), requests: 1_000, ..Minute::default() },
            Minute { at: UnixMs(60_000), requests: 500, blocked: 1, ..Minute::default() },
            Minute::default(),
        ];
        let svg = traffic_chart(&minutes).0;
        assert!(svg.contains(r#"<rect class="bar-passed" x="1" y="0" width="8" height="120"/>"#), "{svg}");
        assert!(svg.contains(r#"<rect class="bar-blocked" x="11""#), "{svg}");
        assert_eq!(svg.matches("<g>").count(), 2);
        assert!(svg.contains("1500 requests in the last hour, 1 of them"));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let m = Minute {
            requests: u64::MAX,
            blocked: u64::MAX,
            limited: u64::MAX,
            redacted: u64::MAX,
            at: UnixMs(i64::MAX),
        };
        assert!(traffic_chart(&[m, m]).0.contains(r#"class="bar-redacted" x="1" y="0" width="8" height="120""#));
        for (risk, text) in [(f64::NAN, "0.00"), (7.0, "1.00"), (-1.0, "0.00"), (0.5, "0.50")] {
            assert!(risk_bar(risk).0.contains(text));
        }
    }
}
