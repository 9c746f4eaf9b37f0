//! What the response engine says of itself, for the console.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use casemate_store::clock::Clock;
use casemate_store::model::{AlertState, ComponentStatus};
use casemate_store::{Store, StoreError};
use serde_json::json;
use tokio::sync::watch;

use crate::intake::Intake;
use crate::pump::PumpFigures;
use crate::runner::RunnerFigures;

/// How often it reports.
const EVERY_MS: u64 = 1_000;

/// Reports once a second.
pub(crate) struct Status {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) instance: String,
    pub(crate) intake: Arc<Intake>,
    pub(crate) pump: Arc<PumpFigures>,
    pub(crate) runner: Arc<RunnerFigures>,
}

impl Status {
    /// Reports until `stop` is true.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut before = (self.clock.now(), self.intake.accepted());
        while !*stop.borrow() {
            if let Err(error) = self.report(&mut before).await {
                tracing::warn!(%error, "the status report cannot be written");
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(EVERY_MS)) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn report(&self, before: &mut (casemate_finding::UnixMs, u64)) -> Result<(), StoreError> {
        let (now, accepted) = (self.clock.now(), self.intake.accepted());
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_s = (accepted - before.1) as f64 * 1_000.0 / now.since_ms(before.0).max(1) as f64;
        *before = (now, accepted);
        let oldest = self.store.untriaged(1).await?.first().map(|a| now.since_ms(a.intake.received_at));
        let report = json!({
            "alerts_accepted": accepted,
            "alerts_per_s": (per_s * 10.0).round() / 10.0,
            "untriaged": self.store.count_alerts(AlertState::Received).await?,
            "untriaged_oldest_ms": oldest,
            "triaged": self.pump.triaged.load(Ordering::Relaxed),
            "unreadable": self.pump.dead.load(Ordering::Relaxed),
            "runs_live": self.runner.live.load(Ordering::Relaxed),
            "runs_waiting": self.runner.waiting.load(Ordering::Relaxed),
            "steps": self.runner.steps.load(Ordering::Relaxed),
        });
        let (component, instance) = ("respond".into(), self.instance.clone());
        self.store.report_status(&ComponentStatus { component, instance, at: now, report }).await
    }
}
