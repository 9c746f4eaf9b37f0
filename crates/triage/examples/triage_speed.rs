//! Maps and places many alerts, to take the CPU time from outside:
//! `time cargo run --release -p casemate-triage --example triage_speed -- 200000`.

use std::io::Write as _;

use casemate_finding::UnixMs;
use casemate_triage::{Placement, Window, WindowSettings, correlate, map};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let alerts: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let mut window = Window::new(WindowSettings::default());
    let (mut new, mut joined, mut folded) = (0_u64, 0_u64, 0_u64);
    for n in 0..alerts {
        // A storm from 64 ranges over 16 end-points, and one in ten from anywhere.
        let range = if n % 10 == 0 {
            format!("10.{}.{}.0/24", n / 256 % 256, n % 256)
        } else {
            format!("192.168.{}.0/24", n % 64)
        };
        let raw = json!({
            "rule": format!("rule-{}", n % 7), "title": "requests above the baseline", "severity": "high", "confidence": 0.8,
            "range": range, "endpoint": format!("model-{}", n % 16), "user": format!("svc-{}", n % 200),
            "detail": {"observed": n, "baseline": 12, "window_ms": 300_000},
        });
        let alert = map("plain", &raw)?;
        let now = UnixMs(i64::try_from(n)? * 50);
        match correlate(&mut window, &alert, &format!("a{n}"), &format!("i{n}"), now).placement {
            Placement::NewIncident => new += 1,
            Placement::Join(_) => joined += 1,
            Placement::Fold(_) => folded += 1,
            Placement::Resolved(_) => {}
        }
    }
    writeln!(
        std::io::stdout(),
        "{alerts} alerts: {new} incidents, {joined} joined, {folded} folded, {} kept",
        window.len()
    )?;
    Ok(())
}
