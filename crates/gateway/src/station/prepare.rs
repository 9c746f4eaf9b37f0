//! Parse once, admit, inspect: everything between the bytes of a request and its way upstream, without waiting.

use bytes::Bytes;
use casemate_wire::json::Doc;
use casemate_wire::request::{RequestHead, RequestProblem, read_head};
use casemate_wire::{Edits, ErrorKind, WireError};

use super::admit;
use super::exchange::Exchange;
use super::refusal::{Refusal, Why};
use crate::config::{Action, Checks, Inspection};
use crate::inspect::{InputVerdict, Notice, inspect_input};

/// Bodies over this are looked at off the reactor: it would take over half a millisecond.
const OFF_REACTOR_BYTES: usize = 16 << 10;
/// Text bytes that one token is reserved for; what was used in the end is settled.
const BYTES_PER_TOKEN: u64 = 3;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To the upstreams that serve its model, by index, in order.
    Upstreams(Vec<usize>),
    /// To an end-point.
    Endpoint(usize),
}

/// A request that may go upstream.
#[derive(Debug)]
pub(super) struct Prepared {
    pub body: Bytes,
    pub target: Target,
    /// The gateway asked for usage and has to take it out again.
    pub strip_usage: bool,
    pub output: Checks,
}

/// Reads, admits and inspects. The exchange comes back with the result: large bodies are looked at on another thread, and
/// it goes along.
pub(super) async fn prepare(
    mut exchange: Exchange,
    endpoint: Option<usize>,
    body: Bytes,
) -> Result<(Exchange, Prepared), Refusal> {
    if body.len() <= OFF_REACTOR_BYTES {
        let prepared = examine(&mut exchange, endpoint, body)?;
        return Ok((exchange, prepared));
    }
    let looked = tokio::task::spawn_blocking(move || {
        let prepared = examine(&mut exchange, endpoint, body)?;
        Ok((exchange, prepared))
    });
    looked.await.unwrap_or_else(|_| Err(Refusal::of(ErrorKind::Internal, "the request could not be looked at")))
}

fn examine(exchange: &mut Exchange, endpoint: Option<usize>, body: Bytes) -> Result<Prepared, Refusal> {
    let core = exchange.core.clone();
    let doc =
        Doc::parse(&body, &core.settings.json).map_err(|p| Refusal::of(ErrorKind::InvalidRequest, p.to_string()))?;
    let inspection = exchange.key.as_ref().map_or_else(Inspection::default, |k| k.tier.inspection);
    match endpoint {
        Some(index) => to_endpoint(exchange, index, &doc, &body, &inspection),
        None => to_model(exchange, &doc, &body, &inspection),
    }
}

fn to_endpoint(
    exchange: &mut Exchange,
    index: usize,
    doc: &Doc<'_>,
    body: &Bytes,
    inspection: &Inspection,
) -> Result<Prepared, Refusal> {
    let core = exchange.core.clone();
    let endpoint = &core.settings.endpoints[index];
    exchange.model.clone_from(&endpoint.model);
    admit::model_scope(exchange)?;
    exchange.input_reserved = (body.len() as u64).div_ceil(BYTES_PER_TOKEN);
    admit::caller(exchange, Some(&endpoint.name), exchange.input_reserved)?;
    let verdict = inspect_input(doc, Some(&endpoint.text_fields), &inspection.input, false, &core.engines);
    let edits = decide(exchange, verdict)?;
    Ok(Prepared {
        body: changed(body, edits),
        target: Target::Endpoint(index),
        strip_usage: false,
        output: inspection.output,
    })
}

fn malformed(problem: &RequestProblem) -> Refusal {
    let error = WireError::new(ErrorKind::InvalidRequest, problem.to_string());
    Refusal::new(if let Some(field) = problem.field() { error.about(field) } else { error }, Why::Refused)
}

fn to_model(
    exchange: &mut Exchange,
    doc: &Doc<'_>,
    body: &Bytes,
    inspection: &Inspection,
) -> Result<Prepared, Refusal> {
    let core = exchange.core.clone();
    let head = read_head(doc).map_err(|p| malformed(&p))?;
    exchange.model.clone_from(&head.model);
    admit::model_scope(exchange)?;
    let upstreams = core.settings.upstreams.iter().enumerate();
    let upstreams: Vec<usize> =
        upstreams.filter(|(_, u)| u.serves(exchange.dialect, &head.model)).map(|(i, _)| i).collect();
    let Some(first) = upstreams.first() else {
        let error = WireError::new(ErrorKind::NotFound, "the model does not exist or is not served here");
        return Err(Refusal::new(error.about("model").coded("model_not_found"), Why::Refused));
    };
    core.watch.request(&head.model, exchange.address, exchange.now());
    let cap = exchange.key.as_ref().map_or(1, |k| k.tier.answer_tokens_max);
    let answer = head.max_tokens.unwrap_or(cap).min(cap).saturating_mul(head.choices);
    exchange.input_reserved = (body.len() as u64).div_ceil(BYTES_PER_TOKEN);
    admit::caller(exchange, None, exchange.input_reserved.saturating_add(answer))?;
    let first = &core.settings.upstreams[*first];
    let verdict = inspect_input(doc, None, &inspection.input, first.private_ok, &core.engines);
    let mut edits = decide(exchange, verdict)?;
    let strip_usage = first.ask_usage && ask_for_usage(doc, &head, &mut edits);
    Ok(Prepared {
        body: changed(body, edits),
        target: Target::Upstreams(upstreams),
        strip_usage,
        output: inspection.output,
    })
}

/// Asks a stream for its usage where the caller did not; true if it did.
fn ask_for_usage(doc: &Doc<'_>, head: &RequestHead<'_>, edits: &mut Edits) -> bool {
    if !head.stream || head.include_usage {
        return false;
    }
    match (head.stream_options, doc.root().get("stream_options")) {
        (Some(options), _) => match options.get("include_usage") {
            Some(flag) => edits.set_json(flag, "true"),
            None if options.members().next().is_none() => edits.set_json(options, r#"{"include_usage":true}"#),
            None => edits.insert(options.span().start + 1, r#""include_usage":true,"#),
        },
        (None, Some(null)) => edits.set_json(null, r#"{"include_usage":true}"#),
        (None, None) => edits.insert(doc.root().span().start + 1, r#""stream_options":{"include_usage":true},"#),
    }
    true
}

/// Tells what was seen and refuses what the tier refuses.
fn decide(exchange: &mut Exchange, verdict: InputVerdict) -> Result<Edits, Refusal> {
    let InputVerdict { mut notices, blocked_by, edits } = verdict;
    if blocked_by.is_some() {
        // What was refused was not replaced as well.
        notices.retain(|n: &Notice| n.action != Action::Redact);
    }
    exchange.notices(&notices, false);
    match blocked_by {
        Some(check) => Err(Refusal::blocked(check)),
        None => Ok(edits),
    }
}

fn changed(body: &Bytes, edits: Edits) -> Bytes {
    if edits.is_empty() { body.clone() } else { edits.apply(body).into() }
}
