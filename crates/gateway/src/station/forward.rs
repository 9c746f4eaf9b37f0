//! To an upstream that can take it, and its answer back.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use casemate_wire::json::JsonLimits;
use casemate_wire::{ErrorKind, WireError};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::answer::Outgoing;
use super::approvals::Caller;
use super::exchange::{End, Exchange};
use super::opinions;
use super::prepare::{Prepared, Target};
use super::refusal::{Refusal, Why};
use super::stream::EventStream;
use crate::config::{Direction, Timeouts, ToolDefence, Upstream, UpstreamAuth};
use crate::forward::{CallError, Pools, request_headers, response_headers};
use crate::inspect::{Check, Provenance, StreamInspector};
use crate::limit::limit_headers;

/// Names the question about a tool call that was stopped.
const APPROVAL: HeaderName = HeaderName::from_static("x-casemate-approval");

/// By when the pieces of an answer have to be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// For its first piece: the head alone is no token.
    pub first: Instant,
    /// From one piece to the next.
    pub between: Duration,
    /// For all of it.
    pub total: Instant,
}

impl Deadlines {
    /// For the piece after the one that came then; after none, for the first.
    pub fn next(&self, last: Option<Instant>) -> Instant {
        self.total.min(last.map_or(self.first, |at| at + self.between))
    }
}

/// One place that a request may be sent to.
struct Candidate<'a> {
    /// Its place among pools and breakers.
    slot: usize,
    name: &'a str,
    uri: Uri,
    auth: Option<&'a UpstreamAuth>,
    timeouts: Timeouts,
}

fn upstream_uri(upstream: &Upstream, parts: &Parts, path: &str) -> Option<Uri> {
    let query = parts.uri.query().map(|q| format!("?{q}")).unwrap_or_default();
    let path: PathAndQuery = format!("{}{path}{query}", upstream.base_path).parse().ok()?;
    Uri::builder()
        .scheme(upstream.scheme.clone())
        .authority(upstream.authority.clone())
        .path_and_query(path)
        .build()
        .ok()
}

/// Sends the request to the first candidate that takes it. Another one is tried only as long as no byte of an answer
/// went to the caller, and only if this one could not be reached or said that it cannot answer.
pub(super) async fn forward(
    mut exchange: Exchange,
    pools: &Arc<Pools>,
    parts: &Parts,
    mut prepared: Prepared,
) -> Result<Response<Outgoing>, Refusal> {
    let core = exchange.core.clone();
    let settings = &core.settings;
    let candidates: Vec<Candidate<'_>> = match &prepared.target {
        Target::Endpoint(index) => {
            let e = &settings.endpoints[*index];
            let slot = settings.upstreams.len() + index;
            let (uri, auth) = (e.uri.clone(), e.auth.as_ref());
            vec![Candidate { slot, name: &e.name, uri, auth, timeouts: e.timeouts }]
        }
        Target::Upstreams(indexes) => indexes
            .iter()
            .filter_map(|i| {
                let u = &settings.upstreams[*i];
                let uri = upstream_uri(u, parts, exchange.route())?;
                Some(Candidate { slot: *i, name: &u.name, uri, auth: u.auth.as_ref(), timeouts: u.timeouts })
            })
            .collect(),
    };
    let headers = request_headers(&parts.headers);
    let total_from = Instant::now();
    let mut last = Refusal::upstream(ErrorKind::Overloaded, "no upstream can take the request now");
    last.retry_after(1_000);
    exchange.forwarded();
    let count = candidates.len();
    for (n, candidate) in candidates.into_iter().enumerate() {
        let breaker = &core.breakers[candidate.slot];
        if !breaker.allows(exchange.now()) {
            continue;
        }
        exchange.tried(candidate.name, candidate.slot);
        let first_by = Instant::now() + candidate.timeouts.first_byte;
        let request = request(&candidate, &headers, &prepared.body);
        let first_byte = candidate.timeouts.first_byte.min(candidate.timeouts.total);
        let called = pools.call(candidate.slot, request, first_byte).await;
        let failed = match &called {
            Err(_) => true,
            Ok(r) => matches!(r.status().as_u16(), 500 | 502 | 503 | 504 | 529),
        };
        if failed {
            exchange.upstream_did(false);
        } else {
            breaker.began();
        }
        match called {
            Err(error) => {
                tracing::warn!(request = exchange.id, upstream = candidate.name, %error, "upstream failed");
                last = refusal_for(&error);
                // What may have been received and begun is not sent a second time.
                if !matches!(error, CallError::Connect(_)) {
                    break;
                }
            }
            Ok(_) if failed && n + 1 < count => {}
            Ok(response) => {
                let by = Deadlines {
                    first: first_by,
                    between: candidate.timeouts.between,
                    total: total_from + candidate.timeouts.total,
                };
                return answer(exchange, pools, response, &mut prepared, by, failed).await;
            }
        }
    }
    exchange.end = End::Refused;
    Err(last)
}

fn refusal_for(error: &CallError) -> Refusal {
    match error {
        CallError::Connect(_) => Refusal::upstream(ErrorKind::BadGateway, "the upstream cannot be reached"),
        CallError::Broken(_) => Refusal::upstream(ErrorKind::BadGateway, "the upstream closed the connection"),
        CallError::Late(_) => Refusal::upstream(ErrorKind::Timeout, "the upstream took too long"),
    }
}

fn request(candidate: &Candidate<'_>, headers: &HeaderMap, body: &Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = candidate.uri.clone();
    *request.headers_mut() = headers.clone();
    if let Some(auth) = candidate.auth {
        request.headers_mut().insert(auth.header.clone(), auth.value.expose().clone());
    }
    request
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream")
}

/// True if the answer came packed although the request asked for it plain: it cannot be looked at.
fn is_packed(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"))
}

async fn answer(
    mut exchange: Exchange,
    pools: &Arc<Pools>,
    response: Response<Incoming>,
    prepared: &mut Prepared,
    by: Deadlines,
    failed: bool,
) -> Result<Response<Outgoing>, Refusal> {
    let (head, body) = response.into_parts();
    exchange.head_received();
    let fail = |mut exchange: Exchange, kind, text: &str| {
        exchange.end = End::Refused;
        Err(Refusal::upstream(kind, text))
    };
    if matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
        tracing::error!(upstream = exchange.upstream, "the upstream refuses the gateway's credential");
        return fail(exchange, ErrorKind::BadGateway, "the upstream refuses the gateway's credential");
    }
    if is_packed(&head.headers) {
        return fail(exchange, ErrorKind::BadGateway, "the upstream's answer is compressed, which was not asked for");
    }
    exchange.status = head.status.as_u16();
    let mut headers = response_headers(&head.headers);
    if let Some(permit) = exchange.permit() {
        limit_headers(&mut headers, exchange.dialect, permit.standing(), exchange.now());
    }
    let body = if head.status.is_success() && is_event_stream(&head.headers) {
        crate::metrics::add(&exchange.core.metrics.counters.streams, 1);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let inspector = reads(&exchange, prepared).then(|| inspector(&exchange, prepared));
        let defences = &prepared.tier.defences;
        let asks = defences.asks(Direction::Output) || defences.tools.as_ref().is_some_and(ToolDefence::asks_people);
        let asker = asks.then(|| (pools.clone(), prepared.tier.clone()));
        Outgoing::Events(Box::new(EventStream::new(body, inspector, exchange, by, asker)))
    } else {
        let limit = exchange.core.settings.answer_bytes_max;
        match collect(body, limit, by).await {
            Ok(bytes) => {
                if !failed {
                    exchange.upstream_did(true);
                }
                whole(&mut exchange, pools, bytes, prepared, &mut headers).await?
            }
            Err((kind, text)) => {
                exchange.upstream_did(false);
                return fail(exchange, kind, text);
            }
        }
    };
    let mut out = Response::new(body);
    *out.status_mut() = head.status;
    *out.headers_mut() = headers;
    Ok(out)
}

/// Streams are read where something is to be looked for, taken out or counted.
fn reads(exchange: &Exchange, prepared: &Prepared) -> bool {
    let counts = exchange.key.as_ref().is_some_and(|k| k.rates.tokens_per_min.is_some())
        || exchange.core.settings.per_tenant.tokens_per_min.is_some()
        || exchange.core.settings.per_model.tokens_per_min.is_some();
    looks(prepared) || prepared.strip_usage || counts
}

/// True if something is looked for in the answer.
fn looks(prepared: &Prepared) -> bool {
    !prepared.tier.inspection.output.is_off() || prepared.tier.defences.reads_answers()
}

fn inspector(exchange: &Exchange, prepared: &mut Prepared) -> StreamInspector {
    let (engines, limits) = (exchange.core.engines.clone(), answer_limits(exchange));
    let provenance = prepared
        .provenance
        .take()
        .unwrap_or_else(|| Provenance::of(prepared.body.clone(), exchange.core.settings.json));
    let tier = &prepared.tier;
    StreamInspector::new(exchange.dialect, tier.inspection.output, engines, limits, prepared.strip_usage)
        .with(&tier.defences, provenance)
}

fn answer_limits(exchange: &Exchange) -> JsonLimits {
    JsonLimits { bytes_max: exchange.core.settings.answer_bytes_max, ..exchange.core.settings.json }
}

async fn collect(mut body: Incoming, limit: usize, by: Deadlines) -> Result<Bytes, (ErrorKind, &'static str)> {
    let mut out = BytesMut::new();
    let mut only: Option<Bytes> = None;
    loop {
        let seen = only.is_some() || !out.is_empty();
        let frame = tokio::time::timeout_at(by.next(seen.then(Instant::now)), body.frame()).await;
        let frame = frame.map_err(|_| (ErrorKind::Timeout, "the upstream took too long"))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| (ErrorKind::BadGateway, "the upstream's answer broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if out.len() + only.as_ref().map_or(0, Bytes::len) + data.len() > limit {
            return Err((ErrorKind::BadGateway, "the upstream's answer is too large"));
        }
        match only.take() {
            None if out.is_empty() => only = Some(data),
            first => {
                out.extend_from_slice(&first.unwrap_or_default());
                out.extend_from_slice(&data);
            }
        }
    }
    Ok(only.unwrap_or_else(|| out.freeze()))
}

/// A whole answer, inspected. What cannot be read is not passed on: a success becomes an error, an error gets the
/// caller's dialect.
async fn whole(
    exchange: &mut Exchange,
    pools: &Pools,
    bytes: Bytes,
    prepared: &mut Prepared,
    headers: &mut HeaderMap,
) -> Result<Outgoing, Refusal> {
    exchange.end = End::Answered;
    if bytes.is_empty() {
        return Ok(Outgoing::Whole(None));
    }
    let inspected = match inspector(exchange, prepared).into_whole(&bytes) {
        Ok(inspected) => inspected,
        Err(problem) if exchange.status >= 400 => {
            tracing::info!(request = exchange.id, status = exchange.status, %problem, "unreadable error of the upstream");
            let kind = if exchange.status >= 500 { ErrorKind::BadGateway } else { ErrorKind::InvalidRequest };
            let error = WireError::new(kind, format!("the upstream answered with status {}", exchange.status));
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            return Ok(Outgoing::whole(error.body(exchange.dialect, &exchange.id)));
        }
        // Nothing was to be looked for: what a plain end-point answers is its own business.
        Err(_) if !looks(prepared) => return Ok(Outgoing::whole(bytes)),
        Err(problem) => {
            tracing::warn!(request = exchange.id, %problem, "unreadable answer of the upstream");
            exchange.end = End::Refused;
            return Err(Refusal::upstream(
                ErrorKind::BadGateway,
                "the upstream's answer cannot be read, and was not passed on",
            ));
        }
    };
    exchange.usage = inspected.usage;
    exchange.answer_text_bytes = inspected.text_bytes;
    exchange.notices(&inspected.notices, true);
    let mut blocked_by = inspected.blocked_by;
    let may_pass = matches!(blocked_by, None | Some(Check::ToolApproval));
    if may_pass && !inspected.doubts.is_empty() {
        let (core, defences) = (exchange.core.clone(), &prepared.tier.defences);
        let settled = opinions::settle(&core, pools, defences, Direction::Output, inspected.doubts).await;
        exchange.settled(&settled, true);
        blocked_by = settled.blocked_by.or(blocked_by);
    }
    let mut refusal = None;
    if let (Some(Check::ToolApproval), Some(tools)) = (blocked_by, &prepared.tier.defences.tools)
        && !inspected.stopped.is_empty()
    {
        let core = exchange.core.clone();
        let caller = Caller::of(exchange);
        let claimed = core.approvals.claim(caller, &tools.approvals, inspected.stopped, exchange.now()).await;
        exchange.claimed(&claimed);
        match claimed.refused {
            Some(refused) => refusal = Some(refused),
            None => blocked_by = None,
        }
    }
    exchange.converse(blocked_by.is_some(), inspected.openings.iter().map(String::as_str));
    if let Some(check) = blocked_by {
        exchange.end = End::Cut;
        let text = refusal.as_ref().map_or("the answer was blocked by a policy", |r| r.message.as_str());
        let error = WireError::new(ErrorKind::ContentPolicy, text).coded(check.code());
        let refused = Refusal::new(error, Why::Cut);
        let id = refusal.and_then(|r| HeaderValue::from_str(r.id?.as_str()).ok());
        return Err(id.into_iter().fold(refused, |r, id| r.with_header(APPROVAL, id)));
    }
    Ok(inspected.body.map_or_else(|| Outgoing::whole(bytes), Outgoing::whole))
}
