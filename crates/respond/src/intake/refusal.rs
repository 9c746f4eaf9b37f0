//! What a sender is told when an alert is not taken.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use casemate_store::StoreError;
use serde_json::json;

/// An answer other than "accepted": `{"error": {"what", "where", "remedy"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// What is wrong.
    pub what: String,
    /// Where: a header, the body, a place in it.
    pub place: String,
    /// What to do about it.
    pub remedy: &'static str,
    /// Seconds after which to try again.
    pub retry_after_s: Option<u32>,
}

impl Refusal {
    /// A refusal that trying again does not change.
    pub fn new(status: StatusCode, what: impl Into<String>, place: impl Into<String>, remedy: &'static str) -> Self {
        Self { status, what: what.into(), place: place.into(), remedy, retry_after_s: None }
    }

    /// 401.
    pub fn unauthorized(header: &str, what: &str) -> Self {
        let place = format!("header {header}");
        Self::new(StatusCode::UNAUTHORIZED, what, place, "send the credentials configured for this source")
    }

    /// 503: nothing was stored, so nothing is acknowledged.
    pub fn busy(what: impl Into<String>, place: &str, remedy: &'static str) -> Self {
        Self { retry_after_s: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, what, place, remedy) }
    }

    /// The store's failure, as a sender sees it.
    pub fn store(error: &StoreError) -> Self {
        // The text may name files of this machine; a sender needs the kind only.
        let what = match error {
            StoreError::Full { .. } => "the store's disk is full; the alert was not stored",
            StoreError::Locked { .. } => "the store is locked by another process; the alert was not stored",
            _ => "the store is unavailable; the alert was not stored",
        };
        Self::busy(what, "store", "send it again later; the operator finds the cause in the log")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"what": self.what, "where": self.place, "remedy": self.remedy}});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        response
    }
}
