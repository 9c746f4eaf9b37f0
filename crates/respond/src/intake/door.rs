//! The handlers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use casemate_store::canonical::{canonical_json, sha256_hex};
use casemate_store::clock::Clock;
use casemate_store::model::{DeadLetter, Ingested, NewAlert};
use casemate_store::{Store, StoreError};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::Refusal;
use super::auth::authenticate;
use crate::config::{LimitsConfig, Source};
use crate::strict_json;

/// Bytes of a dead letter that are kept for people to look at.
const EXCERPT_BYTES_MAX: usize = 1_024;
/// Bytes of a delivery id.
const DELIVERY_ID_BYTES_MAX: usize = 256;

/// What the door knows.
pub struct Intake {
    store: Arc<dyn Store>,
    clock: Clock,
    sources: Vec<Source>,
    limits: LimitsConfig,
    slots: Semaphore,
    accepted: AtomicU64,
    /// Why the last write failed, while it is so.
    stopped: Mutex<Option<StoreError>>,
}

impl Intake {
    /// A door for these sources.
    pub fn new(store: Arc<dyn Store>, clock: Clock, sources: Vec<Source>, limits: LimitsConfig) -> Self {
        let slots = Semaphore::new(limits.requests_parallel_max);
        Self { store, clock, sources, limits, slots, accepted: AtomicU64::new(0), stopped: Mutex::new(None) }
    }

    /// Remembers how the last write ended.
    fn note(&self, failure: Option<&StoreError>) {
        if let Ok(mut stopped) = self.stopped.lock() {
            *stopped = failure.cloned();
        }
    }

    /// Alerts acknowledged since the start, duplicates included.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// The routes of intake.
pub fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/api/v1/alerts/{source}", post(take))
        .route("/healthz", get(health))
        .fallback(nothing_here)
        .with_state(intake)
}

async fn nothing_here() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is nothing here", "path", "POST alerts to /api/v1/alerts/{source}")
}

/// 200 while alerts can be stored, 503 with the reason while they cannot. After a failed write it tries one itself, so that
/// it is healthy again without an alert.
async fn health(State(intake): State<Arc<Intake>>) -> Response {
    let stopped = intake.stopped.lock().is_ok_and(|s| s.is_some());
    let tried = if stopped {
        intake.store.advance_cursor("health", intake.clock.now().0).await
    } else {
        intake.store.cursor("health").await.map(drop)
    };
    intake.note(tried.as_ref().err());
    match tried {
        Ok(()) => Json(json!({"status": "ok"})).into_response(),
        Err(error) => Refusal::store(&error).into_response(),
    }
}

async fn take(
    State(intake): State<Arc<Intake>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let Ok(_slot) = intake.slots.try_acquire() else {
        return Err(Refusal::busy("too many requests at once", "server", "send it again later"));
    };
    let source = intake.sources.iter().find(|s| s.name == name).ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "no such source", "path", "use the name of a configured source")
    })?;
    let limit = intake.limits.body_bytes_max;
    let read = tokio::time::timeout(Duration::from_millis(intake.limits.body_timeout_ms), to_bytes(body, limit));
    let body = match read.await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let what = format!("the body is larger than {limit} bytes, or broke off");
            let remedy = "send fewer alerts at once, or raise respond.limits.body_bytes_max";
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, what, "body", remedy));
        }
        Err(_) => {
            let what = format!("the body took longer than {} ms", intake.limits.body_timeout_ms);
            return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, what, "body", "send it again"));
        }
    };
    authenticate(source, &headers, &body)?;
    match read_alerts(&intake, source, &headers, &body) {
        Ok((alerts, one)) => store(&intake, alerts, one).await,
        Err(refusal) => {
            keep_dead(&intake, source, &refusal, &body).await?;
            Err(refusal)
        }
    }
}

fn read_alerts(
    intake: &Intake,
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(Vec<NewAlert>, bool), Refusal> {
    let bad = |what: String, place: &str, remedy| Refusal::new(StatusCode::BAD_REQUEST, what, place, remedy);
    let delivery = match headers.get(&source.delivery_header) {
        None => None,
        Some(value) => {
            let text = value.to_str().ok().filter(|t| !t.is_empty() && t.len() <= DELIVERY_ID_BYTES_MAX);
            let place = format!("header {}", source.delivery_header);
            let what = format!("it is not 1 to {DELIVERY_ID_BYTES_MAX} ASCII characters");
            Some(text.ok_or_else(|| bad(what, &place, "send the delivery's own id, or none"))?.to_owned())
        }
    };
    let value = strict_json::parse(body, intake.limits.json_depth_max).map_err(|why| {
        bad(format!("not the JSON that is taken here: {why}"), "body", "send one JSON object or array")
    })?;
    let (items, one) = match value {
        Value::Array(items) => (items, false),
        object => (vec![object], true),
    };
    let max = intake.limits.alerts_per_request_max;
    if items.is_empty() || items.len() > max {
        let what = format!("{} alerts; 1 to {max} are taken at once", items.len());
        return Err(bad(what, "body", "split the request, or raise respond.limits.alerts_per_request_max"));
    }
    let now = intake.clock.now();
    let mut alerts = Vec::with_capacity(items.len());
    for (i, raw) in items.into_iter().enumerate() {
        if !raw.is_object() {
            let place = if one { "body".to_owned() } else { format!("body[{i}]") };
            return Err(bad("an alert is a JSON object".into(), &place, "send an object, or an array of objects"));
        }
        alerts.push(NewAlert {
            tenant: source.tenant.clone(),
            source: source.name.clone(),
            delivery_id: delivery.as_ref().map(|id| if one { id.clone() } else { format!("{id}#{i}") }),
            content_hash: content_hash(&raw, &source.volatile),
            received_at: now,
            raw,
        });
    }
    Ok((alerts, one))
}

/// SHA-256 of the canonical alert without what changes between two deliveries of it.
pub(crate) fn content_hash(raw: &Value, volatile: &[String]) -> String {
    let mut rest = raw.clone();
    for pointer in volatile {
        if let Some((parent, name)) = pointer.rsplit_once('/')
            && let Some(Value::Object(members)) = rest.pointer_mut(parent)
        {
            members.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
        }
    }
    sha256_hex(&[canonical_json(&rest).as_bytes()])
}

async fn store(intake: &Intake, alerts: Vec<NewAlert>, one: bool) -> Result<Response, Refusal> {
    let ingested = intake.store.ingest(&alerts, intake.limits.dedupe_window_ms).await;
    intake.note(ingested.as_ref().err());
    let ingested = ingested.map_err(|e| stopped(&e))?;
    intake.accepted.fetch_add(alerts.len() as u64, Ordering::Relaxed);
    let answer = |i: &Ingested| match i {
        Ingested::New(id) => json!({"id": id, "status": "new"}),
        Ingested::Duplicate(id) => json!({"id": id, "status": "duplicate"}),
    };
    let body = match &ingested[..] {
        [only] if one => answer(only),
        all => json!({"alerts": all.iter().map(answer).collect::<Vec<_>>()}),
    };
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

fn stopped(error: &StoreError) -> Refusal {
    tracing::error!(%error, "alerts are not acknowledged: they cannot be stored");
    Refusal::store(error)
}

/// Keeps what an authenticated source sent and could not be read.
async fn keep_dead(intake: &Intake, source: &Source, why: &Refusal, body: &[u8]) -> Result<(), Refusal> {
    let letter = DeadLetter {
        seq: 0,
        source: source.name.clone(),
        received_at: intake.clock.now(),
        reason: format!("{}: {}", why.place, why.what),
        excerpt: String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES_MAX)]).into_owned(),
    };
    intake.store.dead_letter(&letter).await.map_err(|e| stopped(&e))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::content_hash;

    #[test]
    fn what_changes_between_deliveries_is_left_out() {
        let volatile = ["/time".to_owned(), "/meta/sent~1at".to_owned(), "/not/there".to_owned()];
        let a = json!({"rule": "r", "time": 1, "meta": {"sent/at": 1, "host": "h"}});
        let b = json!({"meta": {"host": "h", "sent/at": 2}, "rule": "r", "time": 2});
        assert_eq!(content_hash(&a, &volatile), content_hash(&b, &volatile));
        assert_ne!(content_hash(&a, &[]), content_hash(&b, &[]));
        assert_ne!(content_hash(&a, &volatile), content_hash(&json!({"rule": "other"}), &volatile));
    }
}
