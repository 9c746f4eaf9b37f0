//! `GET /v1/models`: what this key may use, over all upstreams.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use casemate_wire::Dialect;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value, json};

use super::admit;
use super::answer::Outgoing;
use super::exchange::{End, Exchange};
use super::refusal::Refusal;
use crate::config::{ModelPattern, Upstream};
use crate::forward::Pools;
use crate::limit::limit_headers;

/// How long an upstream has to name its models; one that does not is left out.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest list taken from one upstream.
const LIST_BYTES_MAX: usize = 1 << 20;
/// Most models of one upstream.
const MODELS_MAX: usize = 4_096;

/// Lists the models that the key may use: those that the configuration names, and of upstreams with patterns those that
/// they name themselves. In Anthropic's shape for callers that send `anthropic-version`.
pub(super) async fn list(
    mut exchange: Exchange,
    pools: &Pools,
    headers: &HeaderMap,
) -> Result<Response<Outgoing>, Refusal> {
    let dialect = if headers.contains_key("anthropic-version") { Dialect::Anthropic } else { Dialect::OpenAi };
    exchange.dialect = dialect;
    admit::caller(&mut exchange, None, 0)?;
    let core = exchange.core.clone();
    let asked = core.settings.upstreams.iter().enumerate().map(|(slot, u)| ask(pools, slot, u));
    let mut names: BTreeSet<String> = join_all(asked).await.into_iter().flatten().collect();
    if let Some(key) = &exchange.key {
        names.retain(|name| key.may_use_model(name));
    }
    let body = match dialect {
        Dialect::OpenAi => {
            let model = |n: &String| json!({"id": n, "object": "model", "created": 0, "owned_by": "casemate"});
            json!({"object": "list", "data": names.iter().map(model).collect::<Vec<_>>()})
        }
        Dialect::Anthropic => {
            let model =
                |n: &String| json!({"type": "model", "id": n, "display_name": n, "created_at": "1970-01-01T00:00:00Z"});
            json!({"data": names.iter().map(model).collect::<Vec<_>>(), "has_more": false,
                   "first_id": names.first(), "last_id": names.last()})
        }
    };
    let mut response = Response::new(Outgoing::whole(body.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(permit) = exchange.permit() {
        limit_headers(response.headers_mut(), dialect, permit.standing(), exchange.now());
    }
    (exchange.end, exchange.status) = (End::Answered, 200);
    Ok(response)
}

async fn ask(pools: &Pools, slot: usize, upstream: &Upstream) -> Vec<String> {
    let exact: Vec<String> = upstream.models.iter().filter_map(ModelPattern::exact).map(str::to_owned).collect();
    if exact.len() == upstream.models.len() && !exact.is_empty() {
        return exact;
    }
    let fetched = tokio::time::timeout(ASK_TIMEOUT, fetch(pools, slot, upstream)).await.ok().flatten();
    let fetched = fetched.unwrap_or_default();
    let fits = |name: &String| upstream.models.is_empty() || upstream.models.iter().any(|p| p.fits(name));
    fetched.into_iter().filter(fits).chain(exact).collect()
}

async fn fetch(pools: &Pools, slot: usize, upstream: &Upstream) -> Option<Vec<String>> {
    let uri = Uri::builder()
        .scheme(upstream.scheme.clone())
        .authority(upstream.authority.clone())
        .path_and_query(format!("{}/v1/models", upstream.base_path))
        .build()
        .ok()?;
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = uri;
    if let Some(auth) = &upstream.auth {
        request.headers_mut().insert(auth.header.clone(), auth.value.expose().clone());
    }
    if upstream.dialect == Dialect::Anthropic {
        request.headers_mut().insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    let response = pools.call(slot, request, ASK_TIMEOUT).await.ok().filter(|r| r.status().is_success())?;
    let body = Limited::new(response.into_body(), LIST_BYTES_MAX).collect().await.ok()?.to_bytes();
    let list: Value = serde_json::from_slice(&body).ok()?;
    let ids = list.get("data")?.as_array()?.iter().filter_map(|m| m.get("id")?.as_str().map(str::to_owned));
    Some(ids.filter(|id| id.len() <= 256).take(MODELS_MAX).collect())
}
