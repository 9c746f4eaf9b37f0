//! Events of gateway and gate that are signals, as alerts.

use casemate_finding::Signal;
use casemate_store::clock::Clock;
use casemate_store::model::{EventRecord, NewAlert};
use casemate_store::{Store, StoreError};

use crate::intake::content_hash;

/// Name of the cursor in the event log.
const READER: &str = "respond";
/// Events read at once.
const EVENTS_MAX: u32 = 500;

/// Turns the events since last time into alerts; returns how many events were read.
pub(super) async fn take(store: &dyn Store, clock: &Clock) -> Result<usize, StoreError> {
    let after = store.cursor(READER).await?;
    let events = store.events_after(after, EVENTS_MAX).await?;
    let Some(last) = events.last().map(|e| e.seq) else { return Ok(0) };
    let alerts: Vec<NewAlert> = events.iter().filter_map(|e| alert_of(e, clock)).collect();
    // The delivery id makes it one alert, should the cursor not be moved after this.
    store.ingest(&alerts, 0).await?;
    store.advance_cursor(READER, last).await?;
    Ok(events.len())
}

fn alert_of(record: &EventRecord, clock: &Clock) -> Option<NewAlert> {
    let event = &record.event;
    if !matches!(event.source.as_str(), "gateway" | "gate") {
        return None;
    }
    // Events that are no signals are for the console's eyes.
    serde_json::from_value::<Signal>(event.payload.clone()).ok()?;
    Some(NewAlert {
        tenant: event.tenant.clone(),
        source: event.source.clone(),
        delivery_id: Some(event.dedupe_key.clone()),
        content_hash: content_hash(&event.payload, &[]),
        received_at: clock.now(),
        raw: event.payload.clone(),
    })
}
