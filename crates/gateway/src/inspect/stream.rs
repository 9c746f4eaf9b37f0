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

use super::doubt::{DOUBTS_MAX, Doubt};
use super::engines::{Engines, action_for, check_of, decide, scan_options};
use super::notice::{Check, Notice};
use super::output::Inspected;
use super::provenance::Provenance;
use super::readings::{Found, Hold, Readings, has_canary, read_whole};
use super::replacements::Replacements;
use super::stopped_call::{StoppedToolCall, preview};
use super::tool_calls::{CallId, CallStep, Stopped, ToolCalls};
use crate::config::{About, Action, Checks, Defences, Direction};

/// Text that is assessed at a time, and how much comes anew before the next assessment.
const ASSESS_WINDOW_BYTES: usize = 2_048;
const ASSESS_STEP_BYTES: usize = 1_024;
/// The same for an answer that is all there, and how much two windows share.
const ASSESS_WHOLE_BYTES: usize = 4_096;
const ASSESS_OVERLAP_BYTES: usize = 512;
/// How much comes anew before checks of one's own judge again; text that may be refused waits for that.
const OWN_CHECK_STEP_BYTES: usize = 128;
/// Text that they judge at a time.
const OWN_CHECK_RECENT_BYTES: usize = 1_024;
/// Most running texts of one answer.
const TEXTS_MAX: usize = 1_024;
/// Findings kept of one answer.
const NOTICES_MAX: usize = 64;
/// How much of the beginning of a text tells whether it refuses, and of how many texts.
const OPENING_BYTES: usize = 200;
const OPENINGS_MAX: usize = 8;
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
    /// What checks of one's own judge next, and how much of it is new.
    own_window: String,
    own_fresh: usize,
    /// Bytes that checks of one's own have judged.
    judged: usize,
}

/// One string of a waiting event: which text, and which bytes of it.
struct Piece {
    key: StreamKey,
    range: Range<usize>,
}

/// What reading an event's data gave.
#[derive(Default)]
struct Event {
    pieces: Vec<Piece>,
    calls: Vec<CallId>,
    block: Option<Option<u64>>,
    dropped: bool,
    /// No text comes after it.
    last: bool,
}

struct Waiting {
    event: SseEvent,
    pieces: Vec<Piece>,
    /// Tool calls that it carries a piece of.
    calls: Vec<CallId>,
    /// The content block that is open from here on, or that none is.
    block: Option<Option<u64>>,
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
    defences: Defences,
    doubts: Vec<Doubt>,
    doubts_seen: usize,
    /// How the first texts begin, where the conversation is followed.
    openings: Vec<(StreamKey, String)>,
    /// Text waits for the checks of one's own.
    holds: bool,
    /// Own checks that have flagged the answer: once is enough.
    flagged: Vec<bool>,
    tools: Option<ToolCalls>,
    /// Calls that wait for a person, not yet taken.
    stopped: Vec<StoppedToolCall>,
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
            defences: Defences::default(),
            doubts: Vec::new(),
            doubts_seen: 0,
            openings: Vec::new(),
            holds: false,
            flagged: Vec::new(),
            tools: None,
            stopped: Vec::new(),
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

    /// The same with what a tier demands beyond the checks that ship; `provenance` is of the request.
    #[must_use]
    pub fn with(mut self, defences: &Defences, provenance: Provenance) -> Self {
        self.flagged = vec![false; defences.output_checks.len()];
        self.holds = defences.holds_answers();
        self.tools = defences.tools.clone().map(|t| ToolCalls::new(t, provenance, self.limits));
        self.defences = Defences { tools: None, input_checks: Vec::new(), ..defences.clone() };
        self
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

    /// The Anthropic content block that the caller has begun to read, which has to be closed when the stream is cut.
    pub const fn open_block(&self) -> Option<u64> {
        self.open_block
    }

    /// What was seen so far.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// How its texts begin, where the conversation is followed.
    pub fn openings(&self) -> impl Iterator<Item = &str> {
        self.openings.iter().map(|(_, text)| text.as_str())
    }

    /// What somebody is to be asked about before what came last goes out.
    pub fn take_doubts(&mut self) -> Vec<Doubt> {
        std::mem::take(&mut self.doubts)
    }

    /// Tool calls that wait for a person. No event that carries a piece of one goes out until [`Self::allow_stopped`].
    pub fn take_stopped(&mut self) -> Vec<StoppedToolCall> {
        std::mem::take(&mut self.stopped)
    }

    /// People allowed every call that was taken: what waited for that goes out.
    pub fn allow_stopped(&mut self) -> StreamStep {
        if let Some(tools) = &mut self.tools {
            tools.allow_stopped();
        }
        let mut step = StreamStep::default();
        self.release(&mut step.out);
        step
    }

    /// Takes the next event.
    pub fn push(&mut self, event: SseEvent) -> StreamStep {
        let Some(data) = event.data().map(std::borrow::Cow::into_owned) else {
            // A comment or a bare blank line keeps its place.
            return self.enqueue(event, Event::default());
        };
        let read = if data == b"[DONE]" { Ok(Event { last: true, ..Event::default() }) } else { self.read(&data) };
        let read = match read {
            Ok(read) => read,
            Err(cut) => return self.cut(cut),
        };
        if read.last {
            self.settle_all();
        }
        if let Some(check) = self.blocked_by {
            return self.cut(Cut::Blocked(check));
        }
        self.enqueue(event, read)
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

    /// Inspects a whole answer as if it were one event.
    ///
    /// # Errors
    /// [`JsonProblem`] if it cannot be read, and therefore not be looked at.
    pub fn into_whole(mut self, body: &[u8]) -> Result<Inspected, JsonProblem> {
        self.at_once = true;
        let pieces = match self.read(body) {
            Ok(read) => read.pieces,
            Err(Cut::Unreadable(problem)) => return Err(problem),
            Err(_) => return Err(JsonProblem::TooManyValues { values_max: TEXTS_MAX as u32 }),
        };
        self.settle_all();
        if !self.stopped.is_empty() {
            self.blocked_by.get_or_insert(Check::ToolApproval);
        }
        Ok(Inspected {
            body: self.rewritten(body, &pieces),
            blocked_by: self.blocked_by,
            stopped: self.stopped,
            usage: self.usage,
            text_bytes: self.text_bytes,
            notices: self.notices,
            doubts: self.doubts,
            openings: self.openings.into_iter().map(|(_, text)| text).collect(),
        })
    }

    fn cut(&mut self, cut: Cut) -> StreamStep {
        self.waiting.clear();
        self.waiting_bytes = 0;
        StreamStep { out: Vec::new(), cut: Some(cut) }
    }

    fn enqueue(&mut self, event: SseEvent, read: Event) -> StreamStep {
        let mut step = StreamStep::default();
        self.waiting_bytes += event.raw.len();
        let Event { pieces, calls, block, dropped, .. } = read;
        self.waiting.push_back(Waiting { event, pieces, calls, block, dropped });
        self.release(&mut step.out);
        if self.waiting_bytes > HELD_BYTES_MAX {
            return self.cut(Cut::TooMuch);
        }
        step
    }

    /// Reads one event's data.
    fn read(&mut self, data: &[u8]) -> Result<Event, Cut> {
        let doc = Doc::parse(data, &self.limits).map_err(Cut::Unreadable)?;
        let root = doc.root();
        let mut usage = self.usage.unwrap_or_default();
        if read_usage(root, &mut usage) {
            self.usage = Some(usage);
        }
        let mut block = None;
        if self.dialect == Dialect::Anthropic {
            let index = || root.get("index").and_then(|i| i.as_u64());
            match root.get("type") {
                Some(t) if t.is_text("content_block_start") => block = Some(index()),
                Some(t) if t.is_text("content_block_stop") => block = Some(None),
                _ => {}
            }
        }
        let dropped = self.strip_usage && is_usage_chunk(root);
        let last = is_last_event(self.dialect, data, Some(root));
        let CallStep { pieces: calls, notices, stopped, too_many: too_many_calls } =
            self.tools.as_mut().map_or_else(CallStep::default, |tools| tools.read(root, self.dialect));
        self.take_notes(notices);
        self.stop(stopped);
        let mut pieces = Vec::new();
        let mut too_many = too_many_calls;
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
        if too_many { Err(Cut::TooMuch) } else { Ok(Event { pieces, calls, block, dropped, last }) }
    }

    /// Adds a piece to its running text; which bytes of it these are.
    fn feed(&mut self, key: StreamKey, text: &str) -> Range<usize> {
        self.text_bytes += text.len() as u64;
        if self.defences.conversation.is_some() {
            self.open(key, text);
        }
        let (options, engines) = (self.options.as_ref(), &self.engines);
        let hold = self.hold;
        let running = self.texts.entry(key).or_insert_with(|| Running {
            readings: Readings::new(engines, options, hold),
            replaced: Replacements::default(),
            window: String::new(),
            fresh: 0,
            own_window: String::new(),
            own_fresh: 0,
            judged: 0,
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
        self.own_checks(key, text);
        start..start + text.len()
    }

    fn open(&mut self, key: StreamKey, text: &str) {
        let at = self.openings.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
            self.openings.push((key, String::new()));
            self.openings.len() - 1
        });
        let missing = OPENING_BYTES.saturating_sub(self.openings[at].1.len());
        self.openings[at].1.push_str(&text[..text.ceil_char_boundary(missing.min(text.len()))]);
        self.openings.truncate(OPENINGS_MAX);
    }

    fn take_notes(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            if notice.action == Action::Block {
                self.blocked_by.get_or_insert(notice.check);
            }
            if self.notices.len() < NOTICES_MAX {
                self.notices.push(notice);
            }
        }
    }

    fn own_checks(&mut self, key: StreamKey, text: &str) {
        if self.defences.output_checks.is_empty() {
            return;
        }
        let Some(running) = self.texts.get_mut(&key) else { return };
        running.own_window.push_str(text);
        running.own_fresh += text.len();
        if running.own_fresh >= OWN_CHECK_STEP_BYTES {
            self.judge_own_window(key);
        }
    }

    fn judge_own_window(&mut self, key: StreamKey) {
        let Some(running) = self.texts.get_mut(&key).filter(|r| r.own_fresh > 0) else { return };
        let fresh = std::mem::take(&mut running.own_fresh);
        running.judged = running.readings.end();
        let text = std::mem::take(&mut running.own_window);
        self.judge_own(&text, fresh);
        let keep = text.ceil_char_boundary(text.len().saturating_sub(OWN_CHECK_RECENT_BYTES - OWN_CHECK_STEP_BYTES));
        if let Some(running) = self.texts.get_mut(&key) {
            running.own_window.push_str(&text[keep..]);
        }
    }

    fn judge_own(&mut self, text: &str, fresh: usize) {
        let seen: Vec<(usize, Notice)> = self
            .defences
            .output_checks
            .iter()
            .enumerate()
            .filter_map(|(n, check)| Some((n, self.engines.own_check(check, (text, fresh), &String::new)?)))
            .collect();
        for (n, notice) in seen {
            let before = std::mem::replace(&mut self.flagged[n], true);
            if !before || notice.action == Action::Block {
                self.take_notes(vec![notice]);
            }
        }
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
        let mut window = std::mem::take(&mut running.window);
        let seen = self.engines.assess(&window, ClassChannel::Output);
        self.assessed(&seen, &window);
        let cut = window.len().saturating_sub(ASSESS_WINDOW_BYTES / 2);
        window.drain(..window.ceil_char_boundary(cut));
        if let Some(running) = self.texts.get_mut(&key) {
            running.window = window;
        }
    }

    fn assessed(&mut self, seen: &Assessment, text: &str) {
        for (check, about, decision, action, score) in [
            (Check::Injection, About::Injection, seen.injection_decision, self.checks.injection, seen.injection),
            (Check::Toxicity, About::Toxicity, seen.toxicity_decision, self.checks.toxicity, seen.toxicity),
        ] {
            let label = check.as_str();
            if action == Action::Off || !self.defences.doubts(Direction::Output, about, score) {
                self.note(check, decide(decision, action), label, score);
                continue;
            }
            self.doubts_seen += 1;
            let text = (self.doubts_seen <= DOUBTS_MAX).then(|| text.to_owned());
            let (channel, label, path) = (ClassChannel::Output, label.to_owned(), String::new());
            self.doubts.push(Doubt { text, channel, about, score, decision, action, label, path });
        }
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
        self.judge_own(&text, text.len());
        if (self.checks.injection, self.checks.toxicity) == (Action::Off, Action::Off) {
            return;
        }
        // One abusive sentence must not drown in a long answer: it is judged in windows.
        let mut at = 0;
        while at < text.len() {
            let end = text.ceil_char_boundary((at + ASSESS_WHOLE_BYTES).min(text.len()));
            let seen = self.engines.assess(&text[at..end], ClassChannel::Output);
            self.assessed(&seen, &text[at..end]);
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
            self.judge_own_window(key);
        }
        let calls = self.tools.as_mut().map(ToolCalls::finish).unwrap_or_default();
        self.take_notes(calls.notices);
        self.stop(calls.stopped);
    }

    fn stop(&mut self, stopped: Vec<Stopped>) {
        for Stopped { tool, digest, arguments, tainted } in stopped {
            let (arguments, left_out) = preview(&self.engines, &self.checks, &arguments);
            self.stopped.push(StoppedToolCall { tool, digest, arguments, left_out, tainted });
        }
    }

    fn release(&mut self, out: &mut Vec<Bytes>) {
        while let Some(front) = self.waiting.front() {
            let known = |r: &Running| r.readings.settled().min(if self.holds { r.judged } else { usize::MAX });
            let settled =
                |p: &Piece| p.range.is_empty() || self.texts.get(&p.key).is_some_and(|r| p.range.end <= known(r));
            let judged = |id: &CallId| self.tools.as_ref().is_none_or(|tools| tools.is_judged(*id));
            if !front.pieces.iter().all(settled) || !front.calls.iter().all(judged) {
                return;
            }
            let Some(done) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= done.event.raw.len();
            self.open_block = done.block.unwrap_or(self.open_block);
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
