//! What the running components said of themselves, read for the overview and the gateway page.
//!
//! A gateway's report is an object with these members, all optional:
//! `requests`, `blocked`, `redacted`, `limited`, `failed` (counts since its start), `per_minute` (an array of
//! `{"at": unix milliseconds, "requests", "blocked", "redacted", "limited"}`, one for each minute), `upstreams` and
//! `endpoints` (arrays of `{"name", "breaker": {"state": "closed" | "open" | "half_open", "until"}}`) and `tiers`
//! (an array of `{"name", "rates": {"requests_per_min", "tokens_per_min", "concurrency"}}`).

use std::collections::BTreeMap;

use casemate_finding::UnixMs;
use casemate_store::Store;
use casemate_store::model::ComponentStatus;
use serde::Serialize;
use serde_json::Value;

use crate::app::TierLimits;
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

/// An upstream or end-point as a gateway sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// Which gateway.
    pub gateway: String,
    /// `upstream` or `endpoint`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// `closed`, `open` or `half_open`.
    pub breaker: String,
    /// When an open one lets a try through.
    pub until: Option<UnixMs>,
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

/// What does its work now and then and says what came of it: it is not up or down.
const CHORES: &str = "feedback";
/// How far back the last nightly refit is shown: 30 days.
const CHORE_SHOWN_MS: i64 = 30 * 86_400_000;

/// What the last nightly refit came to, if there was one.
///
/// # Errors
/// What the store says.
pub async fn nightly_refit(store: &dyn Store, now: UnixMs) -> Result<Option<ComponentStatus>, Problem> {
    let all = store.component_status(now.plus_ms(-CHORE_SHOWN_MS)).await?;
    Ok(all.into_iter().find(|s| s.component == CHORES))
}

/// Everything that has reported within a day, by name.
///
/// # Errors
/// What the store says.
pub async fn components(store: &dyn Store, now: UnixMs) -> Result<Vec<Component>, Problem> {
    let all = store.component_status(now.plus_ms(-COMPONENT_FORGOTTEN_MS)).await?;
    let mut out: Vec<Component> = all
        .into_iter()
        .filter(|s| s.component != CHORES)
        .map(|status| Component { up: now.since_ms(status.at) < COMPONENT_SILENT_MS, status })
        .collect();
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
            out.errors = out.errors.saturating_add(number(report, "failed"));
            for entry in list(report, "per_minute") {
                let minute = entry.get("at").and_then(Value::as_i64).unwrap_or(0).div_euclid(60_000);
                if let Some(sum) = by_minute.get_mut(&minute) {
                    sum.add(entry);
                }
            }
            for (member, kind) in [("upstreams", "upstream"), ("endpoints", "endpoint")] {
                for entry in list(report, member) {
                    let breaker = entry.get("breaker").unwrap_or(&Value::Null);
                    out.upstreams.push(Breaker {
                        gateway: gateway.status.instance.clone(),
                        kind,
                        name: text(entry, "name"),
                        breaker: text(breaker, "state"),
                        until: breaker.get("until").and_then(Value::as_i64).map(UnixMs),
                    });
                }
            }
        }
        out.minutes = by_minute.into_iter().map(|(m, sum)| Minute { at: UnixMs(m * 60_000), ..sum }).collect();
        out
    }

    /// The tiers that the gateways report, each name once.
    pub fn tiers(components: &[Component]) -> Vec<TierLimits> {
        let mut out: Vec<TierLimits> = Vec::new();
        for gateway in components.iter().filter(|c| c.status.component == "gateway") {
            for entry in list(&gateway.status.report, "tiers") {
                let rate = |key: &str| entry.pointer(&format!("/rates/{key}")).and_then(Value::as_u64);
                let name = text(entry, "name");
                if !out.iter().any(|t| t.name == name) {
                    out.push(TierLimits {
                        name,
                        requests_per_min: rate("requests_per_min").and_then(|n| u32::try_from(n).ok()),
                        tokens_per_min: rate("tokens_per_min"),
                        concurrent: rate("concurrency").and_then(|n| u32::try_from(n).ok()),
                    });
                }
            }
        }
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
        let minute = |at: i64, n: u64| json!({"at": at, "requests": n, "blocked": 1, "limited": 2});
        let one = gateway(json!({
            "requests": 100, "blocked": 3, "per_minute": [minute(7_200_000, 10), minute(0, 99)],
            "upstreams": [{"name": "llm", "breaker": {"state": "open", "until": 5}}],
            "tiers": [{"name": "free", "rates": {"requests_per_min": 20}}],
        }));
        let t = Traffic::of(&[one.clone(), one.clone()], now);
        let tiers = Traffic::tiers(&[one.clone(), one]);
        assert_eq!((tiers.len(), tiers[0].requests_per_min, tiers[0].tokens_per_min), (1, Some(20), None));
        assert_eq!(t.minutes.len(), 60);
        let last = t.minutes.last().expect("sixty");
        assert_eq!((last.at, last.requests, last.blocked, last.passed()), (UnixMs(7_200_000), 20, 2, 14));
        assert_eq!(t.minutes[0].requests, 0);
        assert_eq!((t.total.requests, t.hour().requests, t.gateways), (200, 20, 2));
        assert_eq!((t.upstreams[0].breaker.as_str(), t.upstreams[0].until), ("open", Some(UnixMs(5))));
    }

    #[test]
    fn a_report_of_another_shape_is_no_traffic() {
        for report in [json!(null), json!([1]), json!({"per_minute": "x", "upstreams": [1], "requests": -1})] {
            let t = Traffic::of(&[gateway(report)], UnixMs(0));
            assert_eq!((t.hour(), t.total.requests), (Minute::default(), 0));
        }
    }
}
