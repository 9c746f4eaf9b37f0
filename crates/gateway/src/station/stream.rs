//! Output as it streams: pulled from the upstream when the caller takes it, inspected, sent on event by event.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use casemate_wire::sse::{SseEvent, SseParser, write_event};
use casemate_wire::{Dialect, ErrorKind, WireError};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::approvals::{Caller, Claimed};
use super::exchange::{End, Exchange};
use super::forward::Deadlines;
use super::opinions::{Settled, settle};
use crate::config::{Direction, Tier};
use crate::forward::Pools;
use crate::inspect::{Check, Cut, Doubt, StoppedToolCall, StreamInspector, StreamStep};

/// Others who are asked, and what waits for them: second opinions, and people about tool calls.
struct Asking {
    asked: Pin<Box<dyn Future<Output = (Settled, Option<Claimed>)> + Send>>,
    held: StreamStep,
}

/// What is left to do after the upstream's last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It goes on.
    Not,
    /// An event without its blank line may be left.
    Rest,
    /// The inspector is to be told.
    Finish,
}

/// A streamed answer on its way. Dropping it closes the connection to the upstream and settles the exchange.
pub(crate) struct EventStream {
    upstream: Option<Incoming>,
    parser: SseParser,
    /// None passes everything as it comes, unread.
    inspector: Option<StreamInspector>,
    out: VecDeque<Bytes>,
    /// Whom to ask, where the tier asks about answers.
    asker: Option<(Arc<Pools>, Arc<Tier>)>,
    asking: Option<Asking>,
    ending: Ending,
    exchange: Exchange,
    by: Deadlines,
    /// When the last piece came.
    last_chunk: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl EventStream {
    /// A stream from `upstream`; without an inspector the bytes pass unread.
    pub fn new(
        upstream: Incoming,
        inspector: Option<StreamInspector>,
        exchange: Exchange,
        by: Deadlines,
        asker: Option<(Arc<Pools>, Arc<Tier>)>,
    ) -> Self {
        let parser = SseParser::new(exchange.core.settings.event_bytes_max);
        Self {
            upstream: Some(upstream),
            parser,
            inspector,
            out: VecDeque::new(),
            asker,
            asking: None,
            ending: Ending::Not,
            exchange,
            by,
            last_chunk: None,
            timer: Box::pin(tokio::time::sleep_until(by.next(None))),
        }
    }

    /// True when nothing more comes.
    pub fn is_over(&self) -> bool {
        self.upstream.is_none() && self.out.is_empty() && self.asking.is_none()
    }

    /// The next bytes for the caller.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.next_out() {
                return Poll::Ready(Some(bytes));
            }
            if let Some(asking) = &mut self.asking {
                // The upstream waits as well: what it sends next may not be wanted any more.
                let answered = std::task::ready!(asking.asked.as_mut().poll(cx));
                self.answered(&answered);
                continue;
            }
            if self.ending != Ending::Not {
                self.end();
                continue;
            }
            let Some(upstream) = &mut self.upstream else { return Poll::Ready(None) };
            match Pin::new(upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let first = self.last_chunk.is_none();
                    self.last_chunk = Some(Instant::now());
                    if first {
                        self.timer.as_mut().reset(self.by.next(self.last_chunk));
                    }
                    if let Ok(data) = frame.into_data() {
                        self.chunk(data);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::warn!(request = self.exchange.id, %error, "the upstream's stream broke");
                    self.fail(ErrorKind::BadGateway, "the upstream's stream broke off");
                }
                Poll::Ready(None) => self.ending = Ending::Rest,
                Poll::Pending => {
                    if self.timer.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    self.timer_fired();
                }
            }
        }
    }

    /// Events that are ready at once go out together; a single one goes out without a copy.
    fn next_out(&mut self) -> Option<Bytes> {
        let first = self.out.pop_front()?;
        if self.out.is_empty() {
            return Some(first);
        }
        let len = first.len() + self.out.iter().map(Bytes::len).sum::<usize>();
        let mut joined = BytesMut::with_capacity(len);
        joined.extend_from_slice(&first);
        self.out.drain(..).for_each(|b| joined.extend_from_slice(&b));
        Some(joined.freeze())
    }

    fn timer_fired(&mut self) {
        let next = self.by.next(self.last_chunk);
        if Instant::now() < next {
            self.timer.as_mut().reset(next);
        } else {
            self.fail(ErrorKind::Timeout, "the upstream took too long");
        }
    }

    fn chunk(&mut self, data: Bytes) {
        if self.inspector.is_none() {
            self.out.push_back(data);
            return;
        }
        self.parser.push(data);
        self.events();
    }

    /// Takes the events that are there, as long as nobody has to be asked.
    fn events(&mut self) {
        while self.upstream.is_some() && self.asking.is_none() {
            match self.parser.next_event() {
                Ok(Some(event)) => self.event(event),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(request = self.exchange.id, %error, "stream aborted");
                    return self.fail(ErrorKind::BadGateway, "the upstream sent an event that is too large");
                }
            }
        }
    }

    fn event(&mut self, event: SseEvent) {
        if let Some(inspector) = &mut self.inspector {
            let step = inspector.push(event);
            self.step(step);
        }
    }

    fn step(&mut self, step: StreamStep) {
        let (mut doubts, mut stopped) = (Vec::new(), Vec::new());
        if let Some(inspector) = &mut self.inspector {
            let notices = inspector.take_notices();
            self.exchange.notices(&notices, true);
            doubts = inspector.take_doubts();
            stopped = inspector.take_stopped();
        }
        match (step.cut.is_none(), self.asker.clone()) {
            (true, Some(asker)) if !doubts.is_empty() || !stopped.is_empty() => self.ask(asker, doubts, stopped, step),
            _ => self.send(step),
        }
    }

    /// Somebody is asked about what came; until then it waits.
    fn ask(
        &mut self,
        (pools, tier): (Arc<Pools>, Arc<Tier>),
        doubts: Vec<Doubt>,
        stopped: Vec<StoppedToolCall>,
        held: StreamStep,
    ) {
        let (core, caller, now) = (self.exchange.core.clone(), Caller::of(&self.exchange), self.exchange.now());
        let asked = async move {
            let settled = settle(&core, &pools, &tier.defences, Direction::Output, doubts).await;
            // What is refused anyway is not put to people, and spends nothing.
            let tools = tier.defences.tools.as_ref().filter(|_| settled.blocked_by.is_none() && !stopped.is_empty());
            let claimed = match tools {
                Some(tools) => Some(core.approvals.claim(caller, &tools.approvals, stopped, now).await),
                None => None,
            };
            (settled, claimed)
        };
        self.asking = Some(Asking { asked: Box::pin(asked), held });
    }

    fn answered(&mut self, (settled, claimed): &(Settled, Option<Claimed>)) {
        let Some(Asking { held, .. }) = self.asking.take() else { return };
        self.exchange.settled(settled, true);
        if let Some(claimed) = claimed {
            self.exchange.claimed(claimed);
        }
        let refusal = claimed.as_ref().and_then(|c| c.refused.as_ref());
        match (settled.blocked_by, refusal) {
            (Some(check), _) => self.refuse(check, None),
            (None, Some(refusal)) => self.refuse(Check::ToolApproval, Some(&refusal.message)),
            (None, None) => {
                self.send(held);
                if let (Some(_), Some(inspector)) = (claimed, &mut self.inspector) {
                    let allowed = inspector.allow_stopped();
                    self.send(allowed);
                }
                self.last_chunk = self.last_chunk.map(|_| Instant::now());
                self.timer.as_mut().reset(self.by.next(self.last_chunk));
                if self.ending == Ending::Not {
                    self.events();
                }
            }
        }
    }

    fn send(&mut self, step: StreamStep) {
        self.out.extend(step.out);
        match step.cut {
            None => {}
            Some(Cut::Blocked(check)) => self.refuse(check, None),
            Some(Cut::Unreadable(problem)) => {
                tracing::warn!(request = self.exchange.id, %problem, "stream aborted: an event cannot be read");
                self.fail(ErrorKind::BadGateway, "the upstream sent an event that cannot be read");
            }
            Some(Cut::TooMuch) => self.fail(ErrorKind::BadGateway, "the upstream's stream is over the limits"),
        }
    }

    /// One step of what is left to do after the upstream's last byte; each may find that somebody has to be asked.
    fn end(&mut self) {
        match (self.upstream.is_some(), self.ending) {
            (true, Ending::Rest) => {
                self.ending = Ending::Finish;
                if let Some(rest) = self.parser.finish() {
                    self.event(rest);
                }
                return;
            }
            (true, Ending::Finish) if self.inspector.is_some() => {
                if let Some(step) = self.inspector.as_mut().map(StreamInspector::finish) {
                    self.step(step);
                }
                if self.asking.is_some() {
                    return;
                }
            }
            _ => {}
        }
        self.ending = Ending::Not;
        if self.upstream.is_some() {
            self.exchange.upstream_did(true);
            self.close(End::Answered);
        }
    }

    /// Nothing more comes; what became of it is recorded when the caller has taken all, or has left.
    fn close(&mut self, end: End) {
        self.upstream = None;
        self.exchange.end = end;
        if let Some(inspector) = &self.inspector {
            self.exchange.usage = inspector.usage();
            self.exchange.answer_text_bytes = inspector.text_bytes();
            if matches!(end, End::Answered | End::Cut) {
                self.exchange.converse(end == End::Cut, inspector.openings());
            }
        }
    }

    /// A failure after the head went out: an error event, and no `[DONE]`.
    fn fail(&mut self, kind: ErrorKind, message: &str) {
        self.exchange.upstream_did(false);
        let error = WireError::new(kind, message);
        self.out.push_back(error.event(self.exchange.dialect, &self.exchange.id).into());
        self.close(End::Failed);
    }

    /// A check refuses the rest: the stream ends as if the model had refused.
    fn refuse(&mut self, check: Check, why: Option<&str>) {
        tracing::info!(request = self.exchange.id, check = check.as_str(), "answer stopped");
        let open = self.inspector.as_ref().and_then(StreamInspector::open_block);
        self.out.push_back(refusal_events(self.exchange.dialect, &self.exchange.model, open, why).into());
        self.close(End::Cut);
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if let (Some(inspector), true) = (&self.inspector, self.upstream.is_some()) {
            self.exchange.usage = inspector.usage();
            self.exchange.answer_text_bytes = inspector.text_bytes();
        }
    }
}

/// The end of a stream whose rest is refused, in the dialect's own terms.
fn refusal_events(dialect: Dialect, model: &str, open_block: Option<u64>, why: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    match dialect {
        Dialect::OpenAi => {
            let delta = why.map_or_else(|| serde_json::json!({}), |why| serde_json::json!({"refusal": why}));
            let choice = serde_json::json!({"index": 0, "delta": delta, "finish_reason": "content_filter"});
            let chunk = serde_json::json!({
                "id": "chatcmpl-casemate", "object": "chat.completion.chunk", "created": 0, "model": model,
                "choices": [choice],
            });
            write_event(&mut out, None, chunk.to_string().as_bytes());
            write_event(&mut out, None, b"[DONE]");
        }
        Dialect::Anthropic => {
            if let Some(index) = open_block {
                let stop = serde_json::json!({"type": "content_block_stop", "index": index});
                write_event(&mut out, Some("content_block_stop"), stop.to_string().as_bytes());
            }
            let mut delta = serde_json::json!({
                "type": "message_delta", "delta": {"stop_reason": "refusal", "stop_sequence": null},
                "usage": {"output_tokens": 0},
            });
            if let Some(why) = why {
                delta["delta"]["stop_details"] = serde_json::json!({"type": "refusal", "explanation": why});
            }
            write_event(&mut out, Some("message_delta"), delta.to_string().as_bytes());
            write_event(&mut out, Some("message_stop"), br#"{"type":"message_stop"}"#);
        }
    }
    out
}
