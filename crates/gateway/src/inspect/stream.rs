//! A streamed answer, event by event.
//!
//! Events wait in order until all of their text is settled, and then go out as they came; one whose text holds a match
//! is written anew with the match replaced. So a stream in which nothing is found passes verbatim, and of what is found
//! not one byte goes out, however it was cut into events.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use casemate_classify::{Assessment, Channel as ClassChannel};
use casemate_detect::ScanOptions;
use casemate_wire::answer::{StreamKey, is_last_event, is_usage_chunk, walk_answer, walk_logprobs};
use casemate_wire::json::{Doc, JsonLimits, JsonProblem};
use casemate_wire::sse::{SseEvent, rewrite_data};
use casemate_wire::usage::{Usage, read_usage};
use casemate_wire::{Dialect, Edits};

use super::engines::{Engines, action_for, check_of, decide, scan_options};
use super::notice::{Check, Notice};
use super::readings::{Found, Hold, Readings, has_canary, read_whole};
use super::replacements::Replacements;
use crate::config::{Action, Checks};

/// Text that is assessed at a time, and how much comes anew before the next assessment.
const ASSESS_WINDOW_BYTES: usize = 2_048;
const ASSESS_STEP_BYTES: usize = 1_024;
/// The same for an answer that is all there, and how much two windows share.
const ASSESS_WHOLE_BYTES: usize = 4_096;
const ASSESS_OVERLAP_BYTES: usize = 512;
/// Most running texts of one answer.
const TEXTS_MAX: usize = 1_024;
/// Findings kept of one answer.
const NOTICES_MAX: usize = 64;
/// Most bytes of events that wait.
const HELD_BYTES_MAX: usize = 1 << 20;

/// Why a stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A check refuses it.
    Blocked(Check),
    /// An event cannot be read, and therefore not be looked at.
    Unreadable(JsonProblem),
    /// More texts or waiting bytes than the limits allow.
    TooMuch,
}

/// What goes out after an event came in.
#[derive(Debug, Default)]
pub struct StreamStep {
    /// Bytes to be sent, in order.
    pub out: Vec<Bytes>,
    /// The stream ends here.
    pub cut: Option<Cut>,
}

/// One running text.
struct Running {
    readings: Readings,
    replaced: Replacements,
    window: String,
    fresh: usize,
}

/// One string of a waiting event: which text, and which bytes of it.
struct Piece {
    key: StreamKey,
    range: Range<usize>,
}

struct Waiting {
    event: SseEvent,
    pieces: Vec<Piece>,
    /// Not sent at all: the usage chunk that only the gateway asked for.
    dropped: bool,
}

/// Inspects one streamed answer.
pub struct StreamInspector {
    dialect: Dialect,
    checks: Checks,
    engines: Engines,
    limits: JsonLimits,
    options: Option<ScanOptions>,
    hold: Hold,
    strip_usage: bool,
    /// All of the answer is there: texts are gathered first and looked at once.
    at_once: bool,
    texts: HashMap<StreamKey, Running>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    notices: Vec<Notice>,
    blocked_by: Option<Check>,
    usage: Option<Usage>,
    text_bytes: u64,
    open_block: Option<u64>,
}

impl StreamInspector {
    /// An inspector of one answer; `strip_usage` if the gateway asked for usage and the caller did not.
    pub fn new(dialect: Dialect, checks: Checks, engines: Engines, limits: JsonLimits, strip_usage: bool) -> Self {
        let holds = |action| action >= Action::Redact;
        let hold = Hold {
            matches: holds(checks.pii) || holds(checks.secrets),
            canary: if engines.has_canaries() { checks.canary } else { Action::Off },
        };
        Self {
            dialect,
            checks,
            engines,
            limits,
            options: scan_options(&checks),
            hold,
            strip_usage,
            at_once: false,
            texts: HashMap::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            notices: Vec::new(),
            blocked_by: None,
            usage: None,
            text_bytes: 0,
            open_block: None,
        }
    }

    /// The check that refused the answer.
    pub const fn blocked_by(&self) -> Option<Check> {
        self.blocked_by
    }

    /// Tokens as the upstream reports them.
    pub const fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Bytes of text that came.
    pub const fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// The Anthropic content block under way, which has to be closed when the stream is cut.
    pub const fn open_block(&self) -> Option<u64> {
        self.open_block
    }

    /// What was seen so far.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Takes the next event.
    pub fn push(&mut self, event: SseEvent) -> StreamStep {
        let Some(data) = event.data().map(std::borrow::Cow::into_owned) else {
            // A comment or a bare blank line keeps its place.
            return self.enqueue(event, Vec::new(), false);
        };
        if data == b"[DONE]" {
            self.settle_all();
            return self.enqueue(event, Vec::new(), false);
        }
        let (pieces, dropped, last) = match self.read(&data) {
            Ok(read) => read,
            Err(cut) => return self.cut(cut),
        };
        if last {
            self.settle_all();
        }
        if let Some(check) = self.blocked_by {
            return self.cut(Cut::Blocked(check));
        }
        self.enqueue(event, pieces, dropped)
    }

    /// The upstream ended: what waits goes out.
    pub fn finish(&mut self) -> StreamStep {
        self.settle_all();
        if let Some(check) = self.blocked_by {
            return self.cut(Cut::Blocked(check));
        }
        let mut step = StreamStep::default();
        self.release(&mut step.out);
        step
    }

    /// Inspects a whole answer as if it were one event; the changed bytes, if any. Blocked answers say so in
    /// [`Self::blocked_by`].
    pub(super) fn whole(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, JsonProblem> {
        self.at_once = true;
        let (pieces, ..) = match self.read(body) {
            Ok(read) => read,
            Err(Cut::Unreadable(problem)) => return Err(problem),
            Err(_) => return Err(JsonProblem::TooManyValues { values_max: TEXTS_MAX as u32 }),
        };
        self.settle_all();
        Ok(self.rewritten(body, &pieces))
    }

    fn cut(&mut self, cut: Cut) -> StreamStep {
        self.waiting.clear();
        self.waiting_bytes = 0;
        StreamStep { out: Vec::new(), cut: Some(cut) }
    }

    fn enqueue(&mut self, event: SseEvent, pieces: Vec<Piece>, dropped: bool) -> StreamStep {
        let mut step = StreamStep::default();
        self.waiting_bytes += event.raw.len();
        self.waiting.push_back(Waiting { event, pieces, dropped });
        self.release(&mut step.out);
        if self.waiting_bytes > HELD_BYTES_MAX {
            return self.cut(Cut::TooMuch);
        }
        step
    }

    /// Reads one event's data: its pieces, whether it is to be dropped, whether it is the last.
    fn read(&mut self, data: &[u8]) -> Result<(Vec<Piece>, bool, bool), Cut> {
        let doc = Doc::parse(data, &self.limits).map_err(Cut::Unreadable)?;
        let root = doc.root();
        let mut usage = self.usage.unwrap_or_default();
        if read_usage(root, &mut usage) {
            self.usage = Some(usage);
        }
        if self.dialect == Dialect::Anthropic {
            let index = || root.get("index").and_then(|i| i.as_u64());
            match root.get("type") {
                Some(t) if t.is_text("content_block_start") => self.open_block = index(),
                Some(t) if t.is_text("content_block_stop") => self.open_block = None,
                _ => {}
            }
        }
        let dropped = self.strip_usage && is_usage_chunk(root);
        let last = is_last_event(self.dialect, data, Some(root));
        let mut pieces = Vec::new();
        let mut too_many = false;
        walk_answer(&doc, |piece| {
            let text = piece.value.text();
            if text.is_empty() {
                pieces.push(Piece { key: piece.key, range: 0..0 });
                return;
            }
            if self.texts.len() >= TEXTS_MAX && !self.texts.contains_key(&piece.key) {
                too_many = true;
                return;
            }
            let range = self.feed(piece.key, &text);
            pieces.push(Piece { key: piece.key, range });
        });
        if too_many { Err(Cut::TooMuch) } else { Ok((pieces, dropped, last)) }
    }

    /// Adds a piece to its running text; which bytes of it these are.
    fn feed(&mut self, key: StreamKey, text: &str) -> Range<usize> {
        self.text_bytes += text.len() as u64;
        let (options, engines) = (self.options.as_ref(), &self.engines);
        let hold = self.hold;
        let running = self.texts.entry(key).or_insert_with(|| Running {
            readings: Readings::new(engines, options, hold),
            replaced: Replacements::default(),
            window: String::new(),
            fresh: 0,
        });
        if self.at_once {
            let start = running.window.len();
            running.window.push_str(text);
            return start..start + text.len();
        }
        let start = running.readings.end();
        let step = running.readings.push(engines, options, text);
        self.found(key, step.found);
        if step.canary {
            self.note(Check::Canary, self.checks.canary, "canary", 1.0);
        }
        self.assess(key, text);
        start..start + text.len()
    }

    fn note(&mut self, check: Check, action: Action, label: &str, score: f32) {
        if action == Action::Off {
            return;
        }
        if action == Action::Block {
            self.blocked_by.get_or_insert(check);
        }
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(Notice { check, action, label: label.to_owned(), path: String::new(), score });
        }
    }

    fn found(&mut self, key: StreamKey, found: Vec<Found>) {
        for Found { range, matched, fresh } in found {
            let action = action_for(&matched, &self.checks);
            if fresh || action == Action::Block {
                self.note(check_of(&matched), action, matched.label(), matched.score);
            }
            if let (Action::Redact, Some(running)) = (action, self.texts.get_mut(&key)) {
                running.replaced.add(range, &matched);
            }
        }
    }

    fn assess(&mut self, key: StreamKey, text: &str) {
        let Checks { injection, toxicity, .. } = self.checks;
        if (injection, toxicity) == (Action::Off, Action::Off) {
            return;
        }
        let Some(running) = self.texts.get_mut(&key) else { return };
        running.window.push_str(text);
        running.fresh += text.len();
        if running.fresh >= ASSESS_STEP_BYTES {
            self.assess_window(key);
        }
    }

    fn assess_window(&mut self, key: StreamKey) {
        let Some(running) = self.texts.get_mut(&key).filter(|r| r.fresh > 0) else { return };
        running.fresh = 0;
        let seen = self.engines.assess(&running.window, ClassChannel::Output);
        let cut = running.window.len().saturating_sub(ASSESS_WINDOW_BYTES / 2);
        running.window.drain(..running.window.ceil_char_boundary(cut));
        self.assessed(&seen);
    }

    fn assessed(&mut self, seen: &Assessment) {
        let checks = self.checks;
        self.note(Check::Injection, decide(seen.injection_decision, checks.injection), "injection", seen.injection);
        self.note(Check::Toxicity, decide(seen.toxicity_decision, checks.toxicity), "toxicity", seen.toxicity);
    }

    /// Looks at one text of an answer that is all there.
    fn look_at(&mut self, key: StreamKey) {
        let Some(text) = self.texts.get_mut(&key).map(|r| std::mem::take(&mut r.window)) else { return };
        if let Some(options) = &self.options {
            let found = read_whole(&self.engines, options, &text);
            self.found(key, found);
        }
        if self.hold.canary != Action::Off && has_canary(&self.engines, &text) {
            self.note(Check::Canary, self.checks.canary, "canary", 1.0);
        }
        if (self.checks.injection, self.checks.toxicity) == (Action::Off, Action::Off) {
            return;
        }
        // One abusive sentence must not drown in a long answer: it is judged in windows.
        let mut at = 0;
        while at < text.len() {
            let end = text.ceil_char_boundary((at + ASSESS_WHOLE_BYTES).min(text.len()));
            let seen = self.engines.assess(&text[at..end], ClassChannel::Output);
            self.assessed(&seen);
            at = if end == text.len() { end } else { text.floor_char_boundary(end - ASSESS_OVERLAP_BYTES) };
        }
    }

    /// No more text comes: everything is known.
    fn settle_all(&mut self) {
        let mut keys: Vec<StreamKey> = self.texts.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            let Some(running) = self.texts.get_mut(&key) else { continue };
            if self.at_once {
                self.look_at(key);
                continue;
            }
            let step = running.readings.finish(&self.engines);
            self.found(key, step.found);
            if step.canary {
                self.note(Check::Canary, self.checks.canary, "canary", 1.0);
            }
            self.assess_window(key);
        }
    }

    fn release(&mut self, out: &mut Vec<Bytes>) {
        while let Some(front) = self.waiting.front() {
            let settled = |p: &Piece| {
                p.range.is_empty() || self.texts.get(&p.key).is_some_and(|r| p.range.end <= r.readings.settled())
            };
            if !front.pieces.iter().all(settled) {
                return;
            }
            let Some(done) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= done.event.raw.len();
            if done.dropped {
                continue;
            }
            let data = if done.pieces.is_empty() { None } else { done.event.data() };
            let changed = data.and_then(|data| self.rewritten(&data, &done.pieces));
            out.push(changed.map_or_else(|| done.event.raw.clone(), |data| rewrite_data(&done.event, &data).into()));
            for piece in &done.pieces {
                if let Some(running) = self.texts.get_mut(&piece.key) {
                    running.replaced.forget(piece.range.end);
                }
            }
        }
    }

    /// The document with the replacements that fall into its pieces, or none if there are none.
    fn rewritten(&self, data: &[u8], pieces: &[Piece]) -> Option<Vec<u8>> {
        let replaced = |p: &Piece| self.texts.get(&p.key).map(|r| &r.replaced).filter(|r| r.touch(&p.range));
        if pieces.iter().all(|p| replaced(p).is_none()) {
            return None;
        }
        let doc = Doc::parse(data, &self.limits).ok()?;
        let mut edits = Edits::new();
        let mut pieces = pieces.iter();
        walk_answer(&doc, |at| {
            let Some(piece) = pieces.next() else { return };
            if let Some(replaced) = replaced(piece) {
                edits.set_text(at.value, &replaced.apply(&at.value.text(), &piece.range));
            }
        });
        walk_logprobs(&doc, |value| edits.set_json(value, "null"));
        Some(edits.apply(data))
    }
}
