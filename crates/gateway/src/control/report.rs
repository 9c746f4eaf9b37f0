//! What the gateway says of itself, each second.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use casemate_finding::UnixMs;
use casemate_store::Store;
use casemate_store::model::ComponentStatus;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::{ModelPattern, Rates};
use crate::core::Core;
use crate::forward::BreakerState;
use crate::metrics::Series;

const EVERY: Duration = Duration::from_secs(1);

fn rates(r: &Rates) -> Value {
    json!({"requests_per_min": r.requests_per_min, "tokens_per_min": r.tokens_per_min, "concurrency": r.concurrency})
}

fn breaker(core: &Core, slot: usize) -> Value {
    let state = core.breakers[slot].state();
    let until = match state {
        BreakerState::Open { until } => Some(until),
        _ => None,
    };
    json!({"state": state.as_str(), "until": until})
}

fn body(core: &Core, addr: SocketAddr, started: UnixMs, series: &Series) -> Value {
    let settings = &core.settings;
    let upstreams = settings.upstreams.iter().enumerate().map(|(slot, u)| {
        json!({
            "name": u.name, "dialect": u.dialect.as_str(), "address": u.authority.as_str(),
            "models": u.models.iter().map(|ModelPattern(p)| p).collect::<Vec<_>>(), "breaker": breaker(core, slot),
        })
    });
    let endpoints = settings.endpoints.iter().enumerate().map(
        |(n, e)| json!({"name": e.name, "model": e.model, "breaker": breaker(core, settings.upstreams.len() + n)}),
    );
    let mut tiers: Vec<_> = settings.tiers.values().collect();
    tiers.sort_by(|a, b| a.name.cmp(&b.name));
    let tiers = tiers.into_iter().map(|t| {
        let (i, o) = (&t.inspection.input, &t.inspection.output);
        let checks = |c: &crate::config::Checks| {
            json!({"pii": c.pii, "secrets": c.secrets, "injection": c.injection, "toxicity": c.toxicity, "canary": c.canary})
        };
        json!({"name": t.name, "rates": rates(&t.rates), "input": checks(i), "output": checks(o)})
    });
    let mut report = core.metrics.report(series);
    report["listen"] = addr.to_string().into();
    report["started_at"] = started.0.into();
    report["keys"] = core.keys.load().len().into();
    report["containments"] = core.containments.load().count.into();
    report["upstreams"] = upstreams.collect();
    report["endpoints"] = endpoints.collect();
    report["tiers"] = tiers.collect();
    report["limits"] = json!({
        "per_address": rates(&settings.per_address),
        "per_tenant": rates(&settings.per_tenant),
        "per_model": rates(&settings.per_model),
    });
    let (known, judged) = core.engines.known_counts();
    report["texts"] = json!({"known": known, "judged": judged});
    report["signals"] = json!({
        "waiting": core.watch.outbox().waiting(),
        "dropped": core.watch.outbox().dropped(),
    });
    report
}

/// Reports until told to stop, and once more then.
pub(crate) async fn report(core: Arc<Core>, store: Arc<dyn Store>, addr: SocketAddr, mut stop: watch::Receiver<bool>) {
    let started = core.clock.now();
    let mut series = Series::default();
    let mut stopping = false;
    loop {
        let now = core.clock.now();
        series.update(&core.metrics.counters, now);
        let status = ComponentStatus {
            component: "gateway".into(),
            instance: format!("{addr}:{}", std::process::id()),
            at: now,
            report: body(&core, addr, started, &series),
        };
        if let Err(error) = store.report_status(&status).await {
            tracing::warn!(%error, "cannot report the status");
        }
        if stopping {
            return;
        }
        tokio::select! {
            _ = stop.changed() => stopping = true,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
