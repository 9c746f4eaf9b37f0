//! Signals on their way to the store: a bounded queue between the request path and a task that writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use casemate_finding::{Entity, Severity, Signal, UnixMs};
use casemate_store::Store;
use casemate_store::model::{NewEvent, TenantId};
use serde_json::Value;
use tokio::sync::mpsc;

/// Signals that wait for the store at most; what comes on top is counted and told.
pub const QUEUE_MAX: usize = 4_096;
/// Signals written at once.
const BATCH_MAX: usize = 256;
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// A signal before it is an event.
#[derive(Clone, Debug)]
pub struct Raise {
    /// Stable id of the detector.
    pub rule: &'static str,
    /// What happened, as the event's kind.
    pub kind: &'static str,
    /// Whose traffic.
    pub tenant: TenantId,
    /// What it is about: with the rule it names the alert that repeats fold into.
    pub about: String,
    /// One line for people.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// Probability that it is true.
    pub confidence: f64,
    /// Who and what.
    pub entities: Vec<Entity>,
    /// MITRE ATLAS technique ids.
    pub atlas: &'static [&'static str],
    /// The numbers that it rests on.
    pub details: Value,
}

impl Raise {
    /// The event, once in `repeat_ms` for the same rule and entity over all replicas.
    pub fn into_event(self, now: UnixMs, repeat_ms: i64) -> NewEvent {
        let slot = now.0.div_euclid(repeat_ms.max(1));
        let dedupe_key = format!("{}:{}:{}:{slot}", self.rule, self.tenant, self.about);
        let signal = Signal {
            rule: self.rule.to_owned(),
            title: self.title,
            severity: self.severity,
            confidence: self.confidence,
            entities: self.entities,
            atlas: self.atlas.iter().map(|id| (*id).to_owned()).collect(),
            details: self.details,
        };
        NewEvent {
            source: "gateway".into(),
            kind: self.kind.into(),
            tenant: self.tenant,
            dedupe_key,
            at: now,
            payload: serde_json::to_value(signal).unwrap_or_default(),
        }
    }
}

/// The request path's end of the queue.
#[derive(Debug)]
pub struct Outbox {
    queue: mpsc::Sender<NewEvent>,
    dropped: AtomicU64,
}

impl Outbox {
    /// A queue; the other end goes to [`drain`].
    pub fn new() -> (Self, mpsc::Receiver<NewEvent>) {
        let (queue, receiver) = mpsc::channel(QUEUE_MAX);
        (Self { queue, dropped: AtomicU64::new(0) }, receiver)
    }

    /// Puts an event into the queue; never waits. A full queue (a store that fails for long) drops it, and says so.
    pub fn send(&self, event: NewEvent) {
        if let Err(refused) = self.queue.try_send(event) {
            let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
            let event = refused.into_inner();
            tracing::error!(dropped, kind = event.kind, "signal dropped: the queue to the store is full");
        }
    }

    /// How many were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        QUEUE_MAX - self.queue.capacity()
    }
}

/// Writes what comes out of the queue. While the store fails the batch is kept and tried again; ends when the queue is
/// closed and empty.
pub async fn drain(mut queue: mpsc::Receiver<NewEvent>, store: Arc<dyn Store>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut wait = RETRY_FIRST;
        while let Err(error) = store.append_events(&batch).await {
            tracing::error!(%error, events = batch.len(), "cannot write signals to the store, will try again");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_LAST);
        }
        batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Outbox, QUEUE_MAX, Raise};
    use casemate_finding::{Severity, UnixMs};
    use casemate_store::model::TenantId;

    fn raise() -> Raise {
        Raise {
            rule: "gateway/surge",
            kind: "surge",
            tenant: TenantId::default_tenant(),
            about: "churn".into(),
            title: String::new(),
            severity: Severity::High,
            confidence: 0.9,
            entities: vec![],
            atlas: &["AML.T0029"],
            details: serde_json::json!({}),
        }
    }

    #[test]
    fn the_queue_takes_its_limit_and_counts_what_is_past_it() {
        let (outbox, _receiver) = Outbox::new();
        for _ in 0..QUEUE_MAX {
            outbox.send(raise().into_event(UnixMs(0), 1));
        }
        assert_eq!((outbox.dropped(), outbox.waiting()), (0, QUEUE_MAX));
        outbox.send(raise().into_event(UnixMs(0), 1));
        assert_eq!(outbox.dropped(), 1);
    }

    #[test]
    fn repeats_fold_within_their_time() {
        let key = |at| raise().into_event(UnixMs(at), 1_000).dedupe_key;
        assert_eq!(key(0), key(999));
        assert_ne!(key(0), key(1_000));
    }
}
