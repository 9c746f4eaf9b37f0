//! What the running components said of themselves, read for the overview and the gateway page.
//!
//! A gateway's report is an object with these members, all optional:
//! `requests`, `blocked`, `redacted`, `limited`, `errors` (counts since its start), `series` (an array of
//! `{"minute": unix milliseconds, "requests", "blocked", "redacted", "limited"}`, one for each minute) and `upstreams`
//! (an array of `{"name", "breaker": "closed" | "open" | "half_open", "requests", "failures"}`).

use std::collections::BTreeMap;

use casemate_finding::UnixMs;
use casemate_store::Store;
use casemate_store::model::ComponentStatus;
use serde::Serialize;
use serde_json::Value;

use crate::limits::{COMPONENT_FORGOTTEN_MS, COMPONENT_SILENT_MS};
use crate::problem::Problem;

/// One component, up or down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Component {
    /// What it last said.
    #[serde(flatten)]
    pub status: ComponentStatus,
    /// False if it has been silent for too long.
    pub up: bool,
}

/// One minute of traffic over all gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Minute {
    /// When the minute began.
    pub at: UnixMs,
    /// Requests that came in.
    pub requests: u64,
    /// Of these, refused by a rule or a containment.
    pub blocked: u64,
    /// Of these, answered with something taken out.
    pub redacted: u64,
    /// Of these, refused by a limit.
    pub limited: u64,
}

impl Minute {
    /// Requests that went through unchanged.
    pub const fn passed(&self) -> u64 {
        self.requests.saturating_sub(self.blocked).saturating_sub(self.redacted).saturating_sub(self.limited)
    }
}

/// An upstream as a gateway sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// Which gateway.
    pub gateway: String,
    /// Name of the upstream.
    pub name: String,
    /// `closed`, `open` or `half_open`.
    pub breaker: String,
    /// Requests sent to it.
    pub requests: u64,
    /// Of these, failed.
    pub failures: u64,
}

/// Traffic over all gateways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// The last hour, one entry for each minute, oldest first; quiet minutes are zero.
    pub minutes: Vec<Minute>,
    /// Sums since the gateways started; `at` is the newest report.
    pub total: Minute,
    /// Failures of upstreams and of ours since the gateways started.
    pub errors: u64,
    /// Upstreams and their breakers.
    pub upstreams: Vec<Breaker>,
    /// How many gateways have reported.
    pub gateways: usize,
}

/// Minutes in the chart.
const MINUTES: i64 = 60;

/// Everything that has reported within a day, by name.
///
/// # Errors
/// What the store says.
pub async fn components(store: &dyn Store, now: UnixMs) -> Result<Vec<Component>, Problem> {
    let all = store.component_status(now.plus_ms(-COMPONENT_FORGOTTEN_MS)).await?;
    let mut out: Vec<Component> =
        all.into_iter().map(|status| Component { up: now.since_ms(status.at) < COMPONENT_SILENT_MS, status }).collect();
    out.sort_by(|a, b| (&a.status.component, &a.status.instance).cmp(&(&b.status.component, &b.status.instance)));
    Ok(out)
}

impl Traffic {
    /// The traffic that these components report, as of `now`.
    pub fn of(components: &[Component], now: UnixMs) -> Self {
        let this_minute = now.0.div_euclid(60_000);
        let first = this_minute - MINUTES + 1;
        let mut out = Self::default();
        let mut by_minute: BTreeMap<i64, Minute> = (first..=this_minute).map(|m| (m, Minute::default())).collect();
        for gateway in components.iter().filter(|c| c.status.component == "gateway") {
            let report = &gateway.status.report;
            out.gateways += 1;
            out.total.add(report);
            out.total.at = out.total.at.max(gateway.status.at);
            out.errors = out.errors.saturating_add(number(report, "errors"));
            for entry in list(report, "series") {
                let minute = entry.get("minute").and_then(Value::as_i64).unwrap_or(0).div_euclid(60_000);
                if let Some(sum) = by_minute.get_mut(&minute) {
                    sum.add(entry);
                }
            }
            for entry in list(report, "upstreams") {
                out.upstreams.push(Breaker {
                    gateway: gateway.status.instance.clone(),
                    name: text(entry, "name"),
                    breaker: text(entry, "breaker"),
                    requests: number(entry, "requests"),
                    failures: number(entry, "failures"),
                });
            }
        }
        out.minutes = by_minute.into_iter().map(|(m, sum)| Minute { at: UnixMs(m * 60_000), ..sum }).collect();
        out
    }

    /// Requests in the last hour.
    pub fn hour(&self) -> Minute {
        let mut sum = Minute::default();
        for m in &self.minutes {
            sum.requests = sum.requests.saturating_add(m.requests);
            sum.blocked = sum.blocked.saturating_add(m.blocked);
            sum.redacted = sum.redacted.saturating_add(m.redacted);
            sum.limited = sum.limited.saturating_add(m.limited);
        }
        sum
    }
}

impl Minute {
    fn add(&mut self, report: &Value) {
        self.requests = self.requests.saturating_add(number(report, "requests"));
        self.blocked = self.blocked.saturating_add(number(report, "blocked"));
        self.redacted = self.redacted.saturating_add(number(report, "redacted"));
        self.limited = self.limited.saturating_add(number(report, "limited"));
    }
}

fn number(v: &Value, key: &str) -> u64 {
    v.get(key).and_then(Value::as_u64).unwrap_or(0)
}

fn text(v: &Value, key: &str) -> String {
    v.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'v>(v: &'v Value, key: &str) -> &'v [Value] {
    v.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gateway(report: Value) -> Component {
        let status =
            ComponentStatus { component: "gateway".into(), instance: "here".into(), at: UnixMs(7_200_000), report };
        Component { status, up: true }
    }

    #[test]
    fn gateways_are_summed_by_minute() {
        let now = UnixMs(7_230_000);
        let minute = |at: i64, n: u64| json!({"minute": at, "requests": n, "blocked": 1, "limited": 2});
        let one = gateway(json!({
            "requests": 100, "blocked": 3, "series": [minute(7_200_000, 10), minute(0, 99)],
            "upstreams": [{"name": "llm", "breaker": "open", "requests": 5, "failures": 5}],
        }));
        let t = Traffic::of(&[one.clone(), one], now);
        assert_eq!(t.minutes.len(), 60);
        let last = t.minutes.last().expect("sixty");
        assert_eq!((last.at, last.requests, last.blocked, last.passed()), (UnixMs(7_200_000), 20, 2, 14));
        assert_eq!(t.minutes[0].requests, 0);
        assert_eq!((t.total.requests, t.hour().requests, t.gateways), (200, 20, 2));
        assert_eq!(t.upstreams[0].breaker, "open");
    }

    #[test]
    fn a_report_of_another_shape_is_no_traffic() {
        for report in [json!(null), json!([1]), json!({"series": "x", "upstreams": [1], "requests": -1})] {
            let t = Traffic::of(&[gateway(report)], UnixMs(0));
            assert_eq!((t.hour(), t.total.requests), (Minute::default(), 0));
        }
    }
}
