//! The loop: what has come in is taken in batches and written in order, without waiting for one write before the next.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use casemate_store::clock::Clock;
use casemate_store::model::{Alert, AlertId, CaseId, TenantId, Triaged};
use casemate_store::{Store, StoreError};
use casemate_triage::{TierPolicy, WindowSettings};
use futures_util::future::join_all;
use tokio::sync::{Notify, watch};

use super::events;
use super::mapping::{Mappings, parts};
use super::triage::{Desk, Rules, Sorted};
use crate::config::Source;
use crate::connectors::Surroundings;
use crate::library::Library;

/// How often the store is looked at, whether it changed or not: another process may have written.
const LOOK_MS: u64 = 250;
/// How long to wait after a failure.
const AGAIN_MS: u64 = 500;
/// Most case ids that are fetched at once.
const IDS_MAX: usize = 64;
/// How often closed cases are looked at for what they say of rules.
const CALIBRATE_MS: i64 = 60_000;

/// Turns events and raw alerts into cases.
pub struct Pump {
    store: Arc<dyn Store>,
    clock: Clock,
    mappings: Mappings,
    rules: Rules,
    batch: u32,
    wake_runner: Arc<Notify>,
    figures: Arc<PumpFigures>,
    desks: HashMap<TenantId, Desk>,
    case_ids: Vec<CaseId>,
}

/// Counts for the status report.
#[derive(Debug, Default)]
pub struct PumpFigures {
    /// Alerts triaged since the start.
    pub triaged: AtomicU64,
    /// Alerts that could not be read since the start.
    pub dead: AtomicU64,
}

/// What to write of one alert.
enum Write {
    Triaged(Box<Triaged>),
    Bury(AlertId, String),
}

impl Pump {
    /// A pump; `wake_runner` is told of runs that begin.
    pub fn new(
        around: &Surroundings,
        sources: &[Source],
        tiers: BTreeMap<u8, TierPolicy>,
        library: Arc<Library>,
        wake_runner: Arc<Notify>,
    ) -> Self {
        let inventory = around.inventory.clone();
        Self {
            store: around.store.clone(),
            clock: around.clock.clone(),
            mappings: Mappings::new(sources),
            rules: Rules { inventory, tiers, library, window: WindowSettings::default() },
            batch: around.limits.triage_batch,
            wake_runner,
            figures: Arc::default(),
            desks: HashMap::new(),
            case_ids: Vec::new(),
        }
    }

    /// Its counts.
    pub fn figures(&self) -> Arc<PumpFigures> {
        self.figures.clone()
    }

    /// Works until `stop` is true; a batch that has begun is finished.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut stopping = stop.clone();
        let mut changes = self.store.changes();
        while !*stop.borrow() {
            changes.mark_unchanged();
            let pause = match self.once().await {
                Ok(true) => continue,
                Ok(false) => LOOK_MS,
                Err(error) => {
                    tracing::error!(%error, "alerts cannot be triaged now; trying again");
                    self.desks.clear();
                    AGAIN_MS
                }
            };
            tokio::select! {
                _ = changes.changed(), if pause == LOOK_MS => {}
                () = tokio::time::sleep(Duration::from_millis(pause)) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// One round; true if there was something to do.
    async fn once(&mut self) -> Result<bool, StoreError> {
        let events = events::take(&*self.store, &self.clock).await?;
        let alerts = self.store.untriaged(self.batch).await?;
        if alerts.is_empty() {
            return Ok(events > 0);
        }
        let mut writes = Vec::with_capacity(alerts.len());
        let mut left = alerts.len();
        for alert in alerts {
            writes.push(self.sort(alert, left).await?);
            left -= 1;
        }
        self.write(writes).await?;
        Ok(true)
    }

    /// Sorts one alert; `left` more, itself included, may each open a case.
    async fn sort(&mut self, alert: Alert, left: usize) -> Result<Write, StoreError> {
        // Mappings do not panic; should one, it is that alert's dead letter and not the end of triage.
        let mapped = catch_unwind(AssertUnwindSafe(|| self.mappings.map(&alert)));
        let normal = match mapped {
            Err(_) => {
                return Ok(Write::Bury(alert.id, "reading it broke off: this is a defect, please report it".into()));
            }
            Ok(Err(error)) => return Ok(Write::Bury(alert.id, error.to_string())),
            Ok(Ok(all)) => {
                // Before the delivery itself is settled, so that a crash in between loses none of them.
                self.store.ingest(&parts(&alert, all.len()), 0).await?;
                all.into_iter().next()
            }
        };
        let Some(normal) = normal else {
            return Ok(Write::Bury(alert.id, "it holds nothing that its source calls an alert".into()));
        };
        let tenant = &alert.intake.tenant;
        let now = self.clock.now();
        if !self.desks.contains_key(tenant) {
            let desk = Desk::read(&*self.store, tenant, &self.rules, now).await?;
            self.desks.insert(tenant.clone(), desk);
        }
        if let Some(desk) = self.desks.get_mut(tenant).filter(|d| now.since_ms(d.calibrated_at) >= CALIBRATE_MS) {
            desk.calibrate(&*self.store, tenant, now).await?;
        }
        if self.case_ids.is_empty() {
            let ids = (0..left.clamp(1, IDS_MAX)).map(|_| self.store.next_case_id());
            self.case_ids = join_all(ids).await.into_iter().collect::<Result<_, _>>()?;
            self.case_ids.sort_by_key(|id| std::cmp::Reverse((id.0.len(), id.0.clone())));
        }
        let mut next = self.case_ids.pop();
        let id = alert.id.clone();
        let sorted = match self.desks.get_mut(tenant) {
            Some(desk) => desk.sort(&self.rules, alert, &normal, &mut next),
            None => Sorted::Nothing("its tenant has no desk"),
        };
        self.case_ids.extend(next);
        Ok(match sorted {
            Sorted::Case(triaged) => Write::Triaged(triaged),
            Sorted::Nothing(why) => Write::Bury(id, why.into()),
        })
    }

    /// Writes a batch: all are queued in order, so that they share commits. After a refusal (a case was closed meanwhile)
    /// what is remembered is read again, and the alert is sorted anew in the next round.
    async fn write(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        let (store, now) = (&self.store, self.clock.now());
        let starts = writes.iter().any(|w| matches!(w, Write::Triaged(t) if !t.runs.is_empty()));
        let results = join_all(writes.iter().map(|write| async move {
            match write {
                Write::Triaged(triaged) => store.record_triaged(triaged).await.map(|_| true),
                Write::Bury(id, why) => store.bury(id, why, now).await.map(|()| false),
            }
        }))
        .await;
        let mut failed = None;
        for result in results {
            match result {
                Ok(true) => self.figures.triaged.fetch_add(1, Ordering::Relaxed),
                Ok(false) => self.figures.dead.fetch_add(1, Ordering::Relaxed),
                Err(StoreError::Conflict { .. }) => {
                    self.desks.clear();
                    0
                }
                Err(error) => {
                    failed = Some(error);
                    0
                }
            };
        }
        if starts {
            self.wake_runner.notify_one();
        }
        failed.map_or(Ok(()), Err)
    }
}
