//! A request that goes no further.

use casemate_finding::UnixMs;
use casemate_wire::{Dialect, ErrorKind, WireError};
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

use super::answer::Outgoing;
use crate::inspect::Check;
use crate::limit::{self, limit_headers};
use crate::metrics::{Counters, add};

/// Why, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Malformed, too large, out of scope, unknown.
    Refused,
    /// No valid key.
    Unauthenticated,
    /// A limit.
    Limited,
    /// A containment.
    Contained,
    /// A check.
    Blocked,
    /// The upstream.
    Upstream,
}

/// A request that goes no further, with what its caller is told.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub error: WireError,
    pub why: Why,
    headers: Vec<(HeaderName, HeaderValue)>,
    close: bool,
    limits: Option<Box<(limit::Refusal, UnixMs)>>,
}

impl Refusal {
    pub fn new(error: WireError, why: Why) -> Self {
        Self { error, why, headers: Vec::new(), close: false, limits: None }
    }

    pub fn of(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(WireError::new(kind, message), Why::Refused)
    }

    /// All that a caller without a valid key learns.
    pub fn unauthenticated() -> Self {
        Self::new(WireError::new(ErrorKind::Authentication, "no valid API key was given"), Why::Unauthenticated)
    }

    pub fn blocked(check: Check) -> Self {
        Self::new(WireError::new(ErrorKind::ContentPolicy, check.refusal()).coded(check.code()), Why::Blocked)
    }

    pub fn contained() -> Self {
        let error = WireError::new(ErrorKind::Permission, "access is suspended for now; ask the operator");
        Self::new(error.coded("suspended"), Why::Contained)
    }

    /// A limit that the caller may know of.
    pub fn limited(refusal: limit::Refusal, now: UnixMs) -> Self {
        let message = format!("limit of {} for this {} reached", refusal.quota.as_str(), refusal.scope.as_str());
        let mut out = Self::new(WireError::new(ErrorKind::RateLimit, message), Why::Limited);
        out.retry_after(refusal.retry_after_ms);
        out.limits = Some(Box::new((refusal, now)));
        out
    }

    /// A limit on callers that nobody knows yet: only that they should slow down.
    pub fn slow_down(retry_after_ms: u64) -> Self {
        let mut out = Self::new(WireError::new(ErrorKind::RateLimit, "too many requests"), Why::Limited);
        out.retry_after(retry_after_ms);
        out
    }

    /// The upstream cannot answer.
    pub fn upstream(kind: ErrorKind, message: &str) -> Self {
        Self::new(WireError::new(kind, message), Why::Upstream)
    }

    pub fn retry_after(&mut self, ms: u64) {
        // Whole seconds, rounded up: a client that comes back a little early is refused again.
        self.headers.push((header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000).max(1))));
        self.headers.push((HeaderName::from_static("retry-after-ms"), HeaderValue::from(ms.max(1))));
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The connection is closed after the answer: what follows on it cannot be trusted or will not be read.
    pub const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    pub fn count(&self, counters: &Counters) {
        let counter = match self.why {
            Why::Refused => &counters.refused,
            Why::Unauthenticated => &counters.unauthenticated,
            Why::Limited => &counters.limited,
            Why::Contained => &counters.contained,
            Why::Blocked => &counters.blocked,
            Why::Upstream => &counters.upstream_failed,
        };
        add(counter, 1);
    }

    pub fn into_response(self, dialect: Dialect, request_id: &str) -> Response<Outgoing> {
        let mut response = Response::new(Outgoing::whole(self.error.body(dialect, request_id)));
        let status = StatusCode::from_u16(self.error.status(dialect)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((refusal, now)) = self.limits.as_deref() {
            limit_headers(headers, dialect, &refusal.standing, *now);
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
