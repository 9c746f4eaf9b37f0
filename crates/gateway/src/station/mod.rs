//! The straight line that every request passes, station by station.

mod admit;
mod answer;
mod approvals;
mod authenticate;
mod body;
mod exchange;
mod forward;
mod models;
mod opinions;
mod prepare;
mod refusal;
mod stream;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use casemate_wire::ErrorKind;
use http::header::{self, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;

pub(crate) use self::answer::{Answering, Outgoing, Turn};
pub(crate) use self::approvals::ApprovalDesk;
use self::exchange::Exchange;
use self::refusal::Refusal;
use crate::containment::Subject;
use crate::core::Core;
use crate::forward::{Pools, REQUEST_ID};
use crate::metrics::add;
use crate::route::{self, NoRoute, Route};

/// What is known of the connection that a request came in on.
pub(crate) struct Connection {
    pub peer: IpAddr,
    /// Set when a head on this connection gave its body's length in more than one way.
    pub ambiguous: AtomicBool,
    /// Requests whose answers have gone out, or will not.
    pub answered: AtomicU64,
}

/// Answers one request.
pub(crate) async fn handle(
    core: Arc<Core>,
    pools: Arc<Pools>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Response<Outgoing> {
    let found = route::find(request.method(), request.uri().path());
    if found == Ok(Route::Health) {
        return health();
    }
    let id = core.next_request_id();
    let dialect = found.as_ref().map_or_else(|_| route::dialect_of_path(request.uri().path()), Route::dialect);
    let ambiguous = connection.ambiguous.load(Ordering::Relaxed);
    let result = if ambiguous {
        let text = "the request gives the length of its body in more than one way";
        Err(Refusal::of(ErrorKind::InvalidRequest, text).closing())
    } else {
        match found {
            Ok(route) => line(&core, &pools, &connection, route, request, &id).await,
            Err(no_route) => Err(lost(no_route)),
        }
    };
    let mut response = result.unwrap_or_else(|refusal| {
        refusal.count(&core.metrics.counters);
        refusal.into_response(dialect, &id)
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn health() -> Response<Outgoing> {
    let mut response = Response::new(Outgoing::whole("ok\n"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn lost(no_route: NoRoute) -> Refusal {
    match no_route {
        NoRoute::NotFound => Refusal::of(ErrorKind::NotFound, "there is no such path"),
        NoRoute::Spelling => Refusal::of(ErrorKind::InvalidRequest, "the path is not in its normal spelling"),
        NoRoute::Method { allowed } => {
            let refusal = Refusal::of(ErrorKind::MethodNotAllowed, format!("this path takes {allowed} only"));
            refusal.with_header(header::ALLOW, HeaderValue::from_static(allowed))
        }
    }
}

async fn line(
    core: &Arc<Core>,
    pools: &Arc<Pools>,
    connection: &Connection,
    route: Route,
    request: Request<Incoming>,
    id: &str,
) -> Result<Response<Outgoing>, Refusal> {
    let mut exchange = Exchange::begin(core.clone(), id, &route, connection.peer, request.headers());
    add(&core.metrics.counters.requests, 1);
    let endpoint = match &route {
        Route::Infer { endpoint } => core.settings.endpoints.iter().position(|e| e.name == *endpoint),
        _ => None,
    };
    if let Some(endpoint) = endpoint {
        exchange.endpoint(&core.settings.endpoints[endpoint].name);
    }
    admit::address(&mut exchange)?;
    authenticate::key(&mut exchange, request.headers(), &route)?;
    let (parts, body) = request.into_parts();
    match (&route, endpoint) {
        (Route::Models, _) => models::list(exchange, pools, &parts.headers).await,
        (Route::Infer { .. }, None) => Err(Refusal::of(ErrorKind::NotFound, "there is no such end-point")),
        _ => {
            let bytes = body::read(&core.settings, &parts.headers, body).await?;
            exchange.body_read();
            let (exchange, prepared) = prepare::prepare(exchange, pools, endpoint, bytes).await?;
            forward::forward(exchange, pools, &parts, prepared).await
        }
    }
}

/// What containments say of the exchange as far as it is known.
fn subject<'a>(exchange: &'a Exchange, endpoint: Option<&'a str>) -> Subject<'a> {
    Subject {
        address: Some(exchange.address),
        key: exchange.key.as_ref().map(|k| k.key.id.as_str()),
        tenant: exchange.key.as_ref().map(|k| k.key.tenant.as_str()),
        model: (!exchange.model.is_empty()).then_some(exchange.model.as_str()),
        endpoint,
    }
}
