//! Who is calling.

use casemate_wire::ErrorKind;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};

use super::exchange::Exchange;
use super::refusal::Refusal;
use crate::key::Known;
use crate::route::Route;

/// The key in `Authorization: Bearer` or `x-api-key`; either works on every route. Two different ones are refused: the
/// next hop might look at the other.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut seen: Option<&str> = None;
    let bearer = headers.get_all(AUTHORIZATION).iter().map(|v| {
        let text = v.to_str().unwrap_or("");
        let (scheme, rest) = text.split_once(' ').unwrap_or(("", text));
        if scheme.eq_ignore_ascii_case("bearer") { rest.trim() } else { text }
    });
    let plain = headers.get_all("x-api-key").iter().map(|v| v.to_str().unwrap_or("").trim());
    for key in bearer.chain(plain) {
        if seen.is_some_and(|s| s != key) {
            return Err(Refusal::of(ErrorKind::InvalidRequest, "the request carries two different API keys"));
        }
        seen = Some(key);
    }
    Ok(seen)
}

/// Lets a live key in whose scope holds the route.
pub(super) fn key(exchange: &mut Exchange, headers: &HeaderMap, route: &Route) -> Result<(), Refusal> {
    let core = exchange.core.clone();
    let now = exchange.now();
    let refused = || Refusal::unauthenticated().with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    let Some(text) = presented(headers)? else { return Err(refused()) };
    match core.keys.load().look_up(text, now) {
        Known::Live(record) => {
            core.watch.key_valid(exchange.address);
            let may = record.may_use_route(&route.path());
            exchange.key = Some(record);
            if may {
                return Ok(());
            }
            Err(Refusal::of(ErrorKind::Permission, "this key may not use that path"))
        }
        Known::Decoy(record) => {
            core.watch.decoy(&record, exchange.address, now);
            Err(refused())
        }
        // A key that was ours until lately is no sign of guessing.
        Known::Dead => Err(refused()),
        Known::Unknown { fault } => {
            tracing::debug!(address = %exchange.address, ?fault, "unknown key");
            core.watch.key_failed(exchange.address, text.as_bytes(), now);
            Err(refused())
        }
    }
}
