//! Parse once, admit, inspect: everything between the bytes of a request and its way upstream, without waiting.

use std::sync::Arc;

use bytes::Bytes;
use casemate_wire::json::Doc;
use casemate_wire::request::{RequestHead, RequestProblem, read_head};
use casemate_wire::{Edits, ErrorKind, WireError};

use super::admit;
use super::exchange::Exchange;
use super::opinions;
use super::refusal::{Refusal, Why};
use crate::config::{Action, Direction, Tier, ToolDefence};
use crate::conversation::{ConversationId, reason};
use crate::feedback::{Feedback, Heeded};
use crate::forward::Pools;
use crate::inspect::{Check, Doubt, InputVerdict, Notice, Provenance, action_for_decision, inspect_input};

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
    pub tier: Arc<Tier>,
    /// Where values came from, if that was read already.
    pub provenance: Option<Provenance>,
    /// What somebody is to be asked about before it goes.
    doubts: Vec<Doubt>,
}

/// Reads, admits and inspects. The exchange comes back with the result: large bodies are looked at on another thread, and
/// it goes along.
pub(super) async fn prepare(
    exchange: Exchange,
    pools: &Pools,
    endpoint: Option<usize>,
    body: Bytes,
) -> Result<(Exchange, Prepared), Refusal> {
    let (mut exchange, mut prepared) = look(exchange, endpoint, body).await?;
    let doubts = std::mem::take(&mut prepared.doubts);
    if !doubts.is_empty() {
        let core = exchange.core.clone();
        let settled = opinions::settle(&core, pools, &prepared.tier.defences, Direction::Input, doubts).await;
        exchange.settled(&settled, false);
        if let Some(check) = settled.blocked_by {
            exchange.converse(true, []);
            return Err(Refusal::blocked(check));
        }
    }
    Ok((exchange, prepared))
}

async fn look(mut exchange: Exchange, endpoint: Option<usize>, body: Bytes) -> Result<(Exchange, Prepared), Refusal> {
    // Checks of one's own judge sentence by sentence, and take several times as long.
    let judges = exchange.key.as_ref().is_some_and(|k| !k.tier.defences.input_checks.is_empty());
    if body.len() <= if judges { OFF_REACTOR_BYTES / 8 } else { OFF_REACTOR_BYTES } {
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
    let Some(tier) = exchange.key.as_ref().map(|k| k.tier.clone()) else { return Err(Refusal::unauthenticated()) };
    match endpoint {
        Some(index) => to_endpoint(exchange, index, &doc, &body, tier),
        None => to_model(exchange, &doc, &body, tier),
    }
}

fn to_endpoint(
    exchange: &mut Exchange,
    index: usize,
    doc: &Doc<'_>,
    body: &Bytes,
    tier: Arc<Tier>,
) -> Result<Prepared, Refusal> {
    let core = exchange.core.clone();
    let endpoint = &core.settings.endpoints[index];
    exchange.model.clone_from(&endpoint.model);
    admit::model_scope(exchange)?;
    exchange.input_reserved = (body.len() as u64).div_ceil(BYTES_PER_TOKEN);
    admit::caller(exchange, Some(&endpoint.name), exchange.input_reserved)?;
    let feedback = core.feedback.load();
    let heeded = heeded(&feedback, exchange);
    let verdict = inspect_input(
        doc,
        Some(&endpoint.text_fields),
        (&tier.inspection.input, &tier.defences),
        false,
        (&core.engines, tenant_of(exchange)),
        heeded,
    );
    let (edits, doubts) = decide(exchange, verdict)?;
    Ok(Prepared {
        body: changed(body, edits),
        target: Target::Endpoint(index),
        strip_usage: false,
        tier,
        provenance: None,
        doubts,
    })
}

fn malformed(problem: &RequestProblem) -> Refusal {
    let error = WireError::new(ErrorKind::InvalidRequest, problem.to_string());
    Refusal::new(if let Some(field) = problem.field() { error.about(field) } else { error }, Why::Refused)
}

fn to_model(exchange: &mut Exchange, doc: &Doc<'_>, body: &Bytes, tier: Arc<Tier>) -> Result<Prepared, Refusal> {
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
    let feedback = core.feedback.load();
    let heeded = heeded(&feedback, exchange);
    let engines = (&core.engines, tenant_of(exchange));
    let mut verdict =
        inspect_input(doc, None, (&tier.inspection.input, &tier.defences), first.private_ok, engines, heeded);
    converse(exchange, doc, &tier, &mut verdict);
    let (mut edits, doubts) = decide(exchange, verdict)?;
    // A large request is read here, off the reactor, and not when its answer calls a tool.
    let reads = body.len() > OFF_REACTOR_BYTES
        && tier.defences.tools.as_ref().is_some_and(ToolDefence::asks_for_provenance)
        && ["tools", "functions"].iter().any(|name| doc.root().get(name).is_some());
    let provenance = reads.then(|| Provenance::read(doc, body.clone(), core.settings.json));
    let strip_usage = first.ask_usage && ask_for_usage(doc, &head, &mut edits);
    Ok(Prepared {
        body: changed(body, edits),
        target: Target::Upstreams(upstreams),
        strip_usage,
        tier,
        provenance,
        doubts,
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

fn tenant_of(exchange: &Exchange) -> Option<&str> {
    exchange.key.as_ref().map(|k| k.key.tenant.as_str())
}

/// What people said of this tenant's traffic.
fn heeded<'a>(feedback: &'a Feedback, exchange: &'a Exchange) -> Option<Heeded<'a>> {
    feedback.of(exchange.key.as_ref()?.key.tenant.as_str(), exchange.now())
}

/// Follows the conversation, where the tier asks for it.
fn converse(exchange: &mut Exchange, doc: &Doc<'_>, tier: &Tier, verdict: &mut InputVerdict) {
    let Some(defence) = tier.defences.conversation else { return };
    let turns = std::mem::take(&mut verdict.turns);
    let key = exchange.key.as_ref().map_or("", |k| k.key.id.as_str());
    let Some(id) = ConversationId::of(key, exchange.conversation_name.as_deref(), doc, &turns) else { return };
    exchange.conversation = Some(id);
    let core = &exchange.core;
    let Some(score) = core.conversations.request(id, defence.settings, &turns, &core.engines, exchange.now()) else {
        return;
    };
    let action = action_for_decision(score.decision, defence.action);
    if action != Action::Off {
        let label = reason(&score, &defence.settings).to_owned();
        let path = "messages".to_owned();
        let confidence = score.peak.max(0.5);
        let check = Check::Conversation;
        verdict.note(check, action, || Notice { check, action, label, path, score: confidence });
    }
}

/// Tells what was seen and refuses what the tier refuses.
fn decide(exchange: &mut Exchange, verdict: InputVerdict) -> Result<(Edits, Vec<Doubt>), Refusal> {
    let InputVerdict { mut notices, blocked_by, edits, doubts, .. } = verdict;
    if blocked_by.is_some() {
        // What was refused was not replaced as well.
        notices.retain(|n: &Notice| n.action != Action::Redact);
    }
    exchange.notices(&notices, false);
    match blocked_by {
        Some(check) => {
            exchange.converse(true, []);
            Err(Refusal::blocked(check))
        }
        None => Ok((edits, doubts)),
    }
}

fn changed(body: &Bytes, edits: Edits) -> Bytes {
    if edits.is_empty() { body.clone() } else { edits.apply(body).into() }
}
