//! One request and its answer, from its head to its last byte; dropping it settles and records.

use std::net::IpAddr;
use std::sync::Arc;

use casemate_finding::UnixMs;
use casemate_wire::Dialect;
use casemate_wire::usage::Usage;
use http::HeaderMap;
use tokio::time::Instant;

use super::approvals::Claimed;
use super::opinions::Settled;
use crate::abuse::Raised;
use crate::address::client_address;
use crate::config::Action;
use crate::conversation::{ConversationId, name_of};
use crate::core::Core;
use crate::inspect::Notice;
use crate::key::KeyRecord;
use crate::limit::Permit;
use crate::metrics::add;
use crate::route::Route;

/// Bytes of text that count as one token where the upstream reports none.
const BYTES_PER_TOKEN: u64 = 4;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nobody said so far: the client left.
    Abandoned,
    /// Refused before anything was forwarded.
    Refused,
    /// Answered to its end.
    Answered,
    /// Stopped by a check while it streamed.
    Cut,
    /// The upstream failed.
    Failed,
}

/// One request and its answer.
pub(crate) struct Exchange {
    pub core: Arc<Core>,
    pub id: String,
    pub dialect: Dialect,
    pub address: IpAddr,
    pub key: Option<Arc<KeyRecord>>,
    /// Empty until it is known.
    pub model: String,
    /// The upstream that took it.
    pub upstream: String,
    /// Its place among the breakers.
    slot: Option<usize>,
    pub status: u16,
    pub end: End,
    pub usage: Option<Usage>,
    /// Tokens reserved for the request's own text.
    pub input_reserved: u64,
    pub answer_text_bytes: u64,
    /// What the caller calls the conversation, and which one it is.
    pub conversation_name: Option<String>,
    pub conversation: Option<ConversationId>,
    route: String,
    started: Instant,
    ready: Instant,
    permits: Vec<Permit>,
    flagged: bool,
    redacted: bool,
}

impl Exchange {
    pub fn begin(core: Arc<Core>, id: &str, route: &Route, peer: IpAddr, headers: &HeaderMap) -> Self {
        let address = client_address(peer, headers, &core.settings.trusted_proxies);
        let now = Instant::now();
        Self {
            core,
            id: id.to_owned(),
            dialect: route.dialect(),
            address,
            key: None,
            model: String::new(),
            upstream: String::new(),
            slot: None,
            status: 0,
            end: End::Refused,
            usage: None,
            input_reserved: 0,
            answer_text_bytes: 0,
            conversation_name: name_of(headers),
            conversation: None,
            route: route.path(),
            started: now,
            ready: now,
            permits: Vec::new(),
            flagged: false,
            redacted: false,
        }
    }

    pub fn now(&self) -> UnixMs {
        self.core.clock.now()
    }

    pub fn route(&self) -> &str {
        &self.route
    }

    /// The request is to this end-point: it counts for the end-point's volume, whatever becomes of it.
    pub fn endpoint(&mut self, name: &str) {
        self.core.watch.request(name, self.address, self.now());
    }

    /// The body is there: the gateway's own time counts from here.
    pub fn body_read(&mut self) {
        self.ready = Instant::now();
    }

    /// The request goes upstream: the gateway's own part so far is over.
    pub fn forwarded(&mut self) {
        self.end = End::Abandoned;
        self.core.metrics.added.record(self.ready.elapsed().as_micros() as u64);
    }

    /// This upstream is tried.
    pub fn tried(&mut self, upstream: &str, slot: usize) {
        upstream.clone_into(&mut self.upstream);
        self.slot = Some(slot);
    }

    /// The answer came to its end, or broke off by the upstream's fault.
    pub fn upstream_did(&self, well: bool) {
        let Some(breaker) = self.slot.and_then(|slot| self.core.breakers.get(slot)) else { return };
        if well {
            breaker.succeeded();
        } else if breaker.failed(self.now()) {
            tracing::warn!(upstream = self.upstream, "breaker opened");
        }
    }

    /// The head of the answer is there.
    pub fn head_received(&self) {
        self.core.metrics.first_byte.record(self.started.elapsed().as_micros() as u64);
    }

    pub fn hold(&mut self, permit: Permit) {
        self.permits.push(permit);
    }

    /// The permit of the key and its scopes, whose standing is told.
    pub fn permit(&self) -> Option<&Permit> {
        self.permits.last()
    }

    /// Tells what an inspection saw.
    pub fn notices(&mut self, notices: &[Notice], output: bool) {
        if notices.is_empty() {
            return;
        }
        self.redacted |= notices.iter().any(|n| n.action == Action::Redact);
        self.flagged |= notices.iter().any(|n| n.action == Action::Flag);
        for n in notices {
            let (check, action) = (n.check.as_str(), n.action);
            tracing::info!(
                request = self.id,
                output,
                check,
                ?action,
                label = n.label,
                path = n.path,
                score = n.score,
                "finding"
            );
        }
        if let Some(key) = &self.key {
            let who = Raised { address: self.address, key, model: &self.model, request_id: &self.id, output };
            self.core.watch.notices(&who, notices, self.now());
        }
    }

    /// Tells what second opinions came to, and which were missing.
    pub fn settled(&mut self, settled: &Settled, output: bool) {
        self.notices(&settled.notices, output);
        let Some(key) = &self.key else { return };
        let who = Raised { address: self.address, key, model: &self.model, request_id: &self.id, output };
        for (adviser, why) in &settled.missing {
            tracing::warn!(request = self.id, adviser, why, "not checked: no second opinion");
            self.core.watch.not_checked(&who, adviser, why, self.now());
        }
    }

    /// Tells what came of tool calls that take approval.
    pub fn claimed(&mut self, claimed: &Claimed) {
        self.notices(&claimed.notices, true);
        let (Some(key), Some(why)) = (&self.key, &claimed.failed) else { return };
        let who = Raised { address: self.address, key, model: &self.model, request_id: &self.id, output: true };
        tracing::error!(request = self.id, why, "approvals cannot be read: a tool call was stopped");
        self.core.watch.not_checked(&who, "approvals", why, self.now());
    }

    /// The conversation goes on with an answer that begins so, or with a refusal of ours.
    pub fn converse<'a>(&self, refused: bool, openings: impl IntoIterator<Item = &'a str>) {
        match self.conversation {
            Some(id) if refused => self.core.conversations.refused(id),
            Some(id) => self.core.conversations.answered(id, openings),
            None => {}
        }
    }

    /// What the request used in the end.
    fn used(&self) -> u64 {
        let estimate = self.answer_text_bytes.div_ceil(BYTES_PER_TOKEN);
        match (self.usage, self.end) {
            (_, End::Refused) => 0,
            (Some(usage), _) if usage.output_tokens > 0 => usage.total(),
            // A stream that was left early has reported its input at most.
            (Some(usage), _) => usage.input_tokens.saturating_add(estimate),
            (None, End::Failed) => 0,
            (None, _) => self.input_reserved.saturating_add(estimate),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let used = self.used();
        for permit in &mut self.permits {
            permit.settle(used);
        }
        let c = &self.core.metrics.counters;
        match self.end {
            End::Abandoned => add(&c.abandoned, 1),
            End::Answered if (200..300).contains(&self.status) => add(&c.answered, 1),
            End::Cut => add(&c.cut, 1),
            End::Failed => add(&c.upstream_failed, 1),
            End::Refused | End::Answered => {}
        }
        add(&c.redacted, u64::from(self.redacted));
        add(&c.flagged, u64::from(self.flagged && !self.redacted));
        if let Some(usage) = self.usage {
            add(&c.input_tokens, usage.input_tokens);
            add(&c.output_tokens, usage.output_tokens);
        }
        let key = self.key.as_ref().map_or("", |k| k.key.id.as_str());
        tracing::info!(
            request = self.id,
            route = self.route,
            address = %self.address,
            key,
            model = self.model,
            upstream = self.upstream,
            status = self.status,
            end = ?self.end,
            tokens = used,
            elapsed_us = self.started.elapsed().as_micros() as u64,
            "exchange"
        );
    }
}
