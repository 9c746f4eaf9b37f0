//! Output as it streams: pulled from the upstream when the caller takes it, inspected, sent on event by event.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use casemate_wire::sse::{SseEvent, SseParser, write_event};
use casemate_wire::{Dialect, ErrorKind, WireError};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use super::exchange::{End, Exchange};
use super::forward::Deadlines;
use crate::inspect::{Check, Cut, StreamInspector, StreamStep};

/// A streamed answer on its way. Dropping it closes the connection to the upstream and settles the exchange.
pub(crate) struct EventStream {
    upstream: Option<Incoming>,
    parser: SseParser,
    /// None passes everything as it comes, unread.
    inspector: Option<StreamInspector>,
    out: VecDeque<Bytes>,
    exchange: Exchange,
    by: Deadlines,
    /// When the last piece came.
    last_chunk: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl EventStream {
    /// A stream from `upstream`; without an inspector the bytes pass unread.
    pub fn new(upstream: Incoming, inspector: Option<StreamInspector>, exchange: Exchange, by: Deadlines) -> Self {
        let parser = SseParser::new(exchange.core.settings.event_bytes_max);
        Self {
            upstream: Some(upstream),
            parser,
            inspector,
            out: VecDeque::new(),
            exchange,
            by,
            last_chunk: None,
            timer: Box::pin(tokio::time::sleep_until(by.next(None))),
        }
    }

    /// True when nothing more comes.
    pub fn is_over(&self) -> bool {
        self.upstream.is_none() && self.out.is_empty()
    }

    /// The next bytes for the caller.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.next_out() {
                return Poll::Ready(Some(bytes));
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
                Poll::Ready(None) => self.upstream_ended(),
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
        while self.upstream.is_some() {
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
        if let Some(inspector) = &mut self.inspector {
            let notices = inspector.take_notices();
            self.exchange.notices(&notices, true);
        }
        self.out.extend(step.out);
        match step.cut {
            None => {}
            Some(Cut::Blocked(check)) => self.refuse(check),
            Some(Cut::Unreadable(problem)) => {
                tracing::warn!(request = self.exchange.id, %problem, "stream aborted: an event cannot be read");
                self.fail(ErrorKind::BadGateway, "the upstream sent an event that cannot be read");
            }
            Some(Cut::TooMuch) => self.fail(ErrorKind::BadGateway, "the upstream's stream is over the limits"),
        }
    }

    fn upstream_ended(&mut self) {
        if let Some(rest) = self.parser.finish() {
            self.event(rest);
        }
        if let (Some(inspector), true) = (&mut self.inspector, self.upstream.is_some()) {
            let step = inspector.finish();
            self.step(step);
        }
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
    fn refuse(&mut self, check: Check) {
        tracing::info!(request = self.exchange.id, check = check.as_str(), "answer stopped");
        let open = self.inspector.as_ref().and_then(StreamInspector::open_block);
        self.out.push_back(refusal_events(self.exchange.dialect, &self.exchange.model, open).into());
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
fn refusal_events(dialect: Dialect, model: &str, open_block: Option<u64>) -> Vec<u8> {
    let mut out = Vec::new();
    match dialect {
        Dialect::OpenAi => {
            let choice = serde_json::json!({"index": 0, "delta": {}, "finish_reason": "content_filter"});
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
            let delta = serde_json::json!({
                "type": "message_delta", "delta": {"stop_reason": "refusal", "stop_sequence": null},
                "usage": {"output_tokens": 0},
            });
            write_event(&mut out, Some("message_delta"), delta.to_string().as_bytes());
            write_event(&mut out, Some("message_stop"), br#"{"type":"message_stop"}"#);
        }
    }
    out
}
