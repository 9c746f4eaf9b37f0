//! The machine: every opcode of protocols 0 to 5 with the stack, mark and memo semantics of CPython's unpicklers, over
//! symbolic values. Calls are recorded and judged, never made.

use std::collections::HashMap;

use super::literal::decode_text;
use super::names::fix_import;
use super::value::{Arena, CHILDREN_MAX, Kind, Memo, StrForm, Tag, Value};
use crate::ScanConfig;
use crate::budget::Budget;
use crate::policy::{self, Entry};
use crate::report::ArtifactSeverity;
use crate::rules::{self, Rule};
use crate::source::{Source, Window};

/// How reads treat the end of a frame (CPython issue 154848).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameRule {
    /// Frames are no more than a hint: `pickle.loads` and pickletools.
    Linear,
    /// A read across the end of a frame drops what was left of the frame: the C unpickler over a file-like object.
    DropRest,
}

/// How one stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// At `STOP`; the next stream begins there.
    Stop(u64),
    /// At an opcode where an unpickler raises.
    Broken(u64, &'static str),
    /// In the middle of the data.
    Cut(u64),
    /// A budget was spent.
    Spent(u64, &'static str),
}

/// A storage that a persistent id of PyTorch names.
#[derive(Clone, Debug)]
pub(crate) struct StorageRef {
    /// Name of the storage's file.
    pub(crate) key: String,
    /// Storage class, as `torch.FloatStorage`.
    pub(crate) class: String,
    /// Number of elements.
    pub(crate) elements: i64,
    /// Offset of the opcode.
    pub(crate) at: u64,
}

/// An imported name.
pub(super) struct Global {
    pub(super) module: String,
    pub(super) name: String,
    pub(super) entry: Entry,
    pub(super) at: u64,
    pub(super) reported: bool,
}

/// What the machine wants reported.
pub(crate) struct Hit {
    pub(crate) rule: &'static Rule,
    pub(crate) severity: ArtifactSeverity,
    pub(crate) at: u64,
    pub(crate) message: String,
    pub(crate) evidence: String,
    pub(crate) references: &'static [&'static str],
}

/// Bytes inside a value that should be looked at in turn.
pub(crate) enum Inner {
    /// As they are in the stream; `true` when the stream hands them to an unpickler.
    Plain { at: u64, len: u64, unpickled: bool },
    /// A text in base64 or hex; `true` inside Python quotes.
    Encoded { at: u64, len: u64, quoted: bool },
}

/// A stream that waits while an array's own pickle is read.
struct Suspended {
    stack: Vec<Value>,
    marks: Vec<u32>,
    memo: Memo,
}

/// How many hits one stream keeps; the count goes on.
const HITS_MAX: usize = 256;
/// Nested payloads followed for one stream.
const INNER_MAX: usize = 1 << 14;
/// Longest line operand.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Longest name that is compared with the tables.
pub(super) const NAME_BYTES_MAX: usize = 4 << 10;
/// Digits of a decimal integer above which reading it is a denial of service.
const INT_DIGITS_MAX: u64 = 20_000;
/// Bytes of a binary integer above which it is no number of a model.
const LONG_BYTES_MAX: u64 = 64 << 10;
/// Values after expansion above which a pickle is a bomb.
const WEIGHT_MAX: u64 = 1_000_000_000;
/// Nesting above which Python's own recursion fails.
const NESTING_MAX: u32 = 2_000;
/// Arrays' own pickles inside each other.
const SUSPENDED_MAX: usize = 8;
/// Longest text looked at for a pickle in base64 or hex.
const ENCODED_BYTES_MAX: u64 = 4 << 20;

/// The machine over one source.
pub(crate) struct Machine<'s, 'a> {
    pub(super) window: Window<'s, 'a>,
    config: &'s ScanConfig,
    budget: &'s Budget,
    rule: FrameRule,
    /// Next byte.
    pub(crate) pos: u64,
    frame_end: u64,
    /// Highest protocol declared so far decides how names resolve.
    protocol: u8,
    pub(super) stack: Vec<Value>,
    marks: Vec<u32>,
    memo: Memo,
    pub(super) arena: Arena,
    pub(super) globals: Vec<Global>,
    global_ids: HashMap<(bool, String, String), u32>,
    pair_ids: HashMap<(bool, Value, Value), u32>,
    spans: Vec<(u64, u64, StrForm)>,
    suspended: Vec<Suspended>,
    /// Raw arrays behind joblib's place-holders are skipped, as joblib does; `pickle.load` reads opcodes there.
    pub(crate) skips_arrays: bool,
    /// Where the first such array begins.
    pub(crate) first_array: Option<u64>,
    lenient: bool,
    depth_reported: bool,
    weight_reported: bool,
    /// Opcodes executed.
    pub(crate) opcodes: u64,
    /// Where the two frame rules first part.
    pub(crate) diverged: Option<u64>,
    /// The frame went on after `STOP`: where it ends.
    pub(crate) frame_past_stop: Option<u64>,
    /// A call, an import or a persistent id was seen.
    pub(crate) active: bool,
    pub(crate) hits: Vec<Hit>,
    pub(crate) inner: Vec<Inner>,
    /// There were more of them than are kept.
    pub(crate) inner_more: bool,
    pub(crate) storages: Vec<StorageRef>,
    /// Persistent ids that are not PyTorch storages.
    pub(crate) foreign_ids: Vec<(u64, String)>,
    pub(crate) reasons: Vec<&'static str>,
    /// The value at `STOP`.
    pub(crate) result: Value,
    /// Where each opcode was, when that is asked for.
    pub(crate) places: Option<Vec<u64>>,
    /// How the stream ended, once a step says that it is over.
    end: StreamEnd,
    /// Pseudo-code lines with offsets, for `--explain`.
    pub(crate) trace: Option<Vec<(u64, String)>>,
}

/// The stream is over; how is in [`Machine::end`]. A small error keeps the hot path in registers.
pub(super) struct Over;

type Step<T> = Result<T, Over>;

impl<'s, 'a> Machine<'s, 'a> {
    pub(crate) fn new(source: &'s Source<'a>, config: &'s ScanConfig, budget: &'s Budget, rule: FrameRule) -> Self {
        Self {
            window: Window::new(source),
            config,
            budget,
            rule,
            pos: 0,
            frame_end: u64::MAX,
            protocol: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Memo::new(config.memo_max),
            arena: Arena::new(config.nodes_max),
            globals: Vec::new(),
            global_ids: HashMap::new(),
            pair_ids: HashMap::new(),
            spans: Vec::new(),
            suspended: Vec::new(),
            skips_arrays: true,
            first_array: None,
            lenient: false,
            depth_reported: false,
            weight_reported: false,
            opcodes: 0,
            diverged: None,
            frame_past_stop: None,
            active: false,
            hits: Vec::new(),
            inner: Vec::new(),
            inner_more: false,
            storages: Vec::new(),
            foreign_ids: Vec::new(),
            reasons: Vec::new(),
            result: Value::NONE,
            places: None,
            end: StreamEnd::Cut(0),
            trace: None,
        }
    }

    /// Runs the stream at `at` to its end.
    pub(crate) fn run(&mut self, at: u64) -> StreamEnd {
        self.pos = at;
        self.frame_end = u64::MAX;
        self.protocol = 0;
        self.stack.clear();
        self.marks.clear();
        self.memo = Memo::new(self.config.memo_max);
        let mut charged = self.opcodes + 0x1000;
        let end = loop {
            if self.opcodes >= charged {
                charged = self.opcodes + 0x1000;
                if !self.budget.opcodes(0x1000) {
                    break StreamEnd::Spent(self.pos, "the opcode budget is spent");
                }
                if self.config.cancelled() {
                    break StreamEnd::Spent(self.pos, "the scan was stopped by its caller");
                }
            }
            self.plain_run(charged - self.opcodes);
            self.opcodes += 1;
            if let Some(p) = self.places.as_mut() {
                p.push(self.pos);
            }
            if self.step().is_err() {
                break self.end;
            }
            // Protocol 4 writes MEMOIZE behind nearly every value: taking it here saves half of the dispatches.
            if self.places.is_none()
                && self.pos < self.frame_end
                && self.window.byte(self.pos) == Some(0x94)
                && self.stack.len() > self.floor()
                && let Some(v) = self.stack.last().copied()
            {
                self.pos += 1;
                self.opcodes += 1;
                self.memo.append(v);
            }
        };
        self.report_uncalled();
        end
    }

    /// Ends the stream.
    #[cold]
    pub(super) fn over<T>(&mut self, end: StreamEnd) -> Step<T> {
        self.end = end;
        Err(Over)
    }

    // ---- reading -------------------------------------------------------------------------------------------------

    /// Where `n` operand bytes begin, by the frame rule.
    #[inline]
    fn operand_at(&mut self, n: u64) -> u64 {
        if self.pos.saturating_add(n) > self.frame_end {
            if self.pos < self.frame_end {
                self.diverged.get_or_insert(self.pos);
                if self.rule == FrameRule::DropRest {
                    self.pos = self.frame_end;
                }
            }
            self.frame_end = u64::MAX;
        }
        self.pos
    }

    #[inline]
    fn fixed<const N: usize>(&mut self) -> Step<[u8; N]> {
        let at = self.operand_at(N as u64);
        self.pos = at + N as u64;
        match self.window.exact(at, N).and_then(|b| b.try_into().ok()) {
            Some(b) => Ok(b),
            None => self.over(StreamEnd::Cut(at)),
        }
    }

    /// Skips `n` operand bytes; returns where they begin.
    #[inline]
    fn skip(&mut self, n: u64) -> Step<u64> {
        let at = self.operand_at(n);
        let next = at.saturating_add(n);
        if next > self.window.source().len() {
            return self.over(StreamEnd::Cut(at));
        }
        self.pos = next;
        Ok(at)
    }

    /// A line operand: where it begins and how long it is without its end.
    fn line(&mut self) -> Step<(u64, u64)> {
        let Some(mut newline) = self.window.find(b'\n', self.pos, LINE_BYTES_MAX) else {
            return self.over(StreamEnd::Cut(self.pos));
        };
        if newline >= self.frame_end {
            if self.pos < self.frame_end {
                self.diverged.get_or_insert(self.pos);
                if self.rule == FrameRule::DropRest {
                    self.pos = self.frame_end;
                    let Some(next) = self.window.find(b'\n', self.pos, LINE_BYTES_MAX) else {
                        return self.over(StreamEnd::Cut(self.pos));
                    };
                    newline = next;
                }
            }
            self.frame_end = u64::MAX;
        }
        let at = self.pos;
        self.pos = newline + 1;
        Ok((at, newline - at))
    }

    fn line_text(&mut self) -> Step<String> {
        let (at, len) = self.line()?;
        let raw = self.window.source().bytes(at, usize::try_from(len).unwrap_or(usize::MAX).min(NAME_BYTES_MAX));
        Ok(decode_text(&raw, StrForm::Line))
    }

    /// A text or byte value at a place of the stream.
    #[inline]
    fn place(&mut self, text: bool, at: u64, len: u64, form: StrForm) -> Value {
        let (short, long) = if text { (Tag::Str, Tag::LongStr) } else { (Tag::Bytes, Tag::LongBytes) };
        if len >= 12 {
            self.screen(text, at, len, form);
        }
        if let Some(v) = Value::inline(short, at, len, form) {
            return v;
        }
        if self.spans.len() >= self.config.nodes_max {
            return Value::OPAQUE;
        }
        self.spans.push((at, len, form));
        Value::of(long, self.spans.len() as u64 - 1)
    }

    /// Place and length of a text or byte value.
    pub(super) fn place_of(&self, v: Value) -> Option<(u64, u64)> {
        match v.tag() {
            Tag::Str | Tag::Bytes => {
                let (at, len, _) = v.inline_parts();
                Some((at, len))
            }
            Tag::LongStr | Tag::LongBytes => self.spans.get(v.index()).map(|s| (s.0, s.1)),
            _ => None,
        }
    }

    /// The text of a string value, when it is no longer than `max` bytes in the stream (it is cut there otherwise).
    pub(super) fn text_of(&mut self, v: Value, max: usize) -> Option<String> {
        let (at, len, form) = match v.tag() {
            Tag::Str => v.inline_parts(),
            Tag::LongStr => *self.spans.get(v.index())?,
            _ => return None,
        };
        let want = usize::try_from(len).unwrap_or(usize::MAX).min(max);
        let raw = match self.window.exact(at, want) {
            Some(r) => r.to_vec(),
            None => self.window.source().bytes(at, want),
        };
        Some(decode_text(&raw, form))
    }

    /// Looks whether the bytes of a value begin like a pickle, an archive or a code object, plain or encoded.
    fn screen(&mut self, text: bool, at: u64, len: u64, form: StrForm) {
        let Some(&head) = self.window.exact(at, 8).and_then(|h| <&[u8; 8]>::try_from(h).ok()) else { return };
        let encoded = matches!(
            head,
            [b'g', b'A', b'I' | b'J' | b'M' | b'N' | b'Q' | b'R' | b'S' | b'U' | b'V' | b'W', ..]
                | [b'e', b'J' | b'N', ..]
                | [b'H', b'4', b's', b'I', ..]
                | [b'U', b'E', b's', b'D', ..]
                | [b'4', b'w', ..]
                | [b'8', b'0', b'0', b'2'..=b'5', ..]
                | [b'\'' | b'"', b'g', b'A', ..]
        );
        if encoded && len <= ENCODED_BYTES_MAX && self.inner_left() {
            self.inner.push(Inner::Encoded { at, len, quoted: form == StrForm::Quoted });
            return;
        }
        if text && form != StrForm::Binary && form != StrForm::Quoted && form != StrForm::Utf8 {
            return;
        }
        let plain =
            matches!(
                head,
                [0x80, 2..=5, ..]
                    | [b'P', b'K', 3, 4, ..]
                    | [0x1f, 0x8b, 8, ..]
                    | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]
                    | [b'B', b'Z', b'h', ..]
                    | [0xfd, b'7', b'z', b'X', ..]
                    | [0x93, b'N', b'U', b'M', b'P', b'Y', ..]
                    | [0x7f, b'E', b'L', b'F', ..]
                    | [0xe3, ..]
                    | [0x63, 0, 0, 0, ..]
            ) || (matches!(head, [b'c' | b'(' | b']' | b'}', ..]) && len < 1 << 20 && self.text_pickle(at, len));
        if plain && self.inner_left() {
            self.inner.push(Inner::Plain { at, len, unpickled: false });
        }
    }

    /// True while more values may be looked into; notes it when they may not.
    fn inner_left(&mut self) -> bool {
        let left = self.inner.len() < INNER_MAX;
        self.inner_more |= !left;
        left
    }

    /// A protocol 0 pickle: it names a global on its first lines and ends in STOP.
    fn text_pickle(&mut self, at: u64, len: u64) -> bool {
        let ends = self.window.byte(at + len - 1) == Some(b'.');
        if !ends {
            return false;
        }
        let head = self.window.upto(at, usize::try_from(len.min(96)).unwrap_or(96));
        let Some(c) = head.iter().position(|&b| b == b'c' || b == b'i') else { return false };
        let mut lines = head[c + 1..].split(|&b| b == b'\n');
        let name = |l: Option<&[u8]>| {
            l.is_some_and(|l| !l.is_empty() && l.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')))
        };
        c <= 4 && name(lines.next()) && name(lines.next())
    }

    // ---- stack ---------------------------------------------------------------------------------------------------

    #[inline]
    fn push(&mut self, v: Value) {
        if self.stack.len() >= self.config.stack_max {
            self.overflow();
        }
        self.stack.push(v);
    }

    #[cold]
    fn overflow(&mut self) {
        // Keep the younger half; what is below reads as forgotten from now on.
        let drop = self.stack.len() / 2;
        self.stack.drain(..drop);
        for m in &mut self.marks {
            *m = m.saturating_sub(u32::try_from(drop).unwrap_or(u32::MAX));
        }
        self.lenient = true;
        self.incomplete("a pickle needs a deeper stack than the limit");
    }

    fn incomplete(&mut self, why: &'static str) {
        if !self.reasons.contains(&why) {
            self.reasons.push(why);
        }
    }

    #[inline]
    fn floor(&self) -> usize {
        self.marks.last().map_or(0, |m| *m as usize)
    }

    #[inline]
    fn pop(&mut self) -> Step<Value> {
        if self.stack.len() > self.floor() {
            return self.stack.pop().ok_or(Over);
        }
        if self.lenient {
            return Ok(Value::OPAQUE);
        }
        self.over(StreamEnd::Broken(self.pos, "the stack is empty"))
    }

    #[inline]
    fn top(&mut self) -> Step<Value> {
        if self.stack.len() > self.floor() {
            return self.stack.last().copied().ok_or(Over);
        }
        if self.lenient { Ok(Value::OPAQUE) } else { self.over(StreamEnd::Broken(self.pos, "the stack is empty")) }
    }

    /// Index of the first value above the last mark; the mark is taken off.
    #[inline]
    fn mark(&mut self) -> Step<usize> {
        match self.marks.pop() {
            Some(m) => Ok((m as usize).min(self.stack.len())),
            None if self.lenient => Ok(self.stack.len()),
            None => self.over(StreamEnd::Broken(self.pos, "there is no mark")),
        }
    }

    #[inline]
    fn weigh(&self, v: Value) -> (u64, u32) {
        self.arena.get(v).map_or((1, 0), |n| (n.weight, n.depth))
    }

    /// Makes a composite of the values from `from` on, which leave the stack.
    fn composite(&mut self, kind: Kind, from: usize, at: u64) -> Value {
        let from = from.min(self.stack.len());
        let (mut weight, mut depth) = (1u64, 1u32);
        for i in from..self.stack.len() {
            let v = self.stack[i];
            let (w, d) = if v.is_node() { self.weigh(v) } else { (1, 0) };
            weight = weight.saturating_add(w);
            depth = depth.max(d.saturating_add(1));
        }
        self.check_size(weight, depth, at);
        let v = self.arena.make(kind, at, &self.stack[from..], weight, depth);
        self.stack.truncate(from);
        v
    }

    #[inline]
    fn check_size(&mut self, weight: u64, depth: u32, at: u64) {
        if weight > WEIGHT_MAX || depth > NESTING_MAX {
            self.too_large(weight, depth, at);
        }
    }

    #[cold]
    fn too_large(&mut self, weight: u64, depth: u32, at: u64) {
        if weight > WEIGHT_MAX && !self.weight_reported {
            self.weight_reported = true;
            self.hit(
                &rules::PICKLE_BOMB,
                ArtifactSeverity::Suspicious,
                at,
                "a few values expand to more than a thousand million when they are walked or copied",
                format!("expansion to {weight} values or more"),
                &[],
            );
        }
        if depth > NESTING_MAX && !self.depth_reported {
            self.depth_reported = true;
            self.hit(
                &rules::PICKLE_BOMB,
                ArtifactSeverity::Suspicious,
                at,
                "values nest deeper than Python's own recursion allows",
                format!("nesting of {depth} or more"),
                &[],
            );
        }
    }

    pub(super) fn hit(
        &mut self,
        rule: &'static Rule,
        severity: ArtifactSeverity,
        at: u64,
        message: impl Into<String>,
        evidence: String,
        references: &'static [&'static str],
    ) {
        self.active = true;
        if self.hits.len() >= HITS_MAX {
            match self.hits.iter().position(|h| h.severity < severity) {
                Some(i) => {
                    self.hits.swap_remove(i);
                }
                None => return,
            }
        }
        self.hits.push(Hit { rule, severity, at, message: message.into(), evidence, references });
    }

    // ---- names ---------------------------------------------------------------------------------------------------

    fn global(&mut self, module: String, name: String, at: u64) -> Value {
        self.active = true;
        let old = self.protocol < 3;
        let key = (old, module, name);
        if let Some(&id) = self.global_ids.get(&key) {
            return Value::of(Tag::Global, u64::from(id));
        }
        let (_, module, name) = key;
        if self.globals.len() >= self.config.globals_max {
            self.incomplete("a pickle imports more names than the limit");
            return Value::OPAQUE;
        }
        let mut entry = policy::judge(&module, &name);
        if old && let Some((m, n)) = fix_import(&module, &name) {
            let mapped = policy::judge(m, n.unwrap_or(&name));
            // What Python 2 itself would run counts as well as what Python 3 maps it to.
            entry = if entry.severity == ArtifactSeverity::Dangerous { entry } else { mapped };
        }
        let id = self.globals.len() as u32;
        self.global_ids.insert((old, module.clone(), name.clone()), id);
        self.globals.push(Global { module, name, entry, at, reported: false });
        Value::of(Tag::Global, u64::from(id))
    }

    fn stack_global(&mut self, at: u64) -> Step<Value> {
        let name = self.pop()?;
        let module = self.pop()?;
        let key = (self.protocol < 3, module, name);
        if let Some(&id) = self.pair_ids.get(&key) {
            return Ok(Value::of(Tag::Global, u64::from(id)));
        }
        let (Some(m), Some(n)) = (self.text_of(module, NAME_BYTES_MAX), self.text_of(name, NAME_BYTES_MAX)) else {
            if module.tag() == Tag::Opaque || name.tag() == Tag::Opaque {
                self.incomplete("a name was built from values that are no longer remembered");
                return Ok(Value::OPAQUE);
            }
            return self.over(StreamEnd::Broken(at, "STACK_GLOBAL needs two strings"));
        };
        let v = self.global(m, n, at);
        if v.tag() == Tag::Global && self.pair_ids.len() < self.config.globals_max {
            self.pair_ids.insert(key, v.index() as u32);
        }
        Ok(v)
    }

    /// Names that were imported but never called are reported at the end of the stream.
    fn report_uncalled(&mut self) {
        for i in 0..self.globals.len() {
            let g = &mut self.globals[i];
            if g.reported || g.entry.severity <= ArtifactSeverity::Allowed {
                continue;
            }
            g.reported = true;
            let severity = g.entry.severity;
            let full = crate::scan::printable(&format!("{}.{}", g.module, g.name));
            let (at, references) = (g.at, g.entry.references);
            let message = format!("`{full}` {}", g.entry.why);
            let rule = match severity {
                ArtifactSeverity::Dangerous => &rules::PICKLE_DANGEROUS_NAME,
                ArtifactSeverity::Suspicious => &rules::PICKLE_SUSPICIOUS_NAME,
                _ => &rules::PICKLE_UNKNOWN_NAME,
            };
            self.hit(rule, severity, at, message, full, references);
        }
    }
}

pub(crate) mod calls;
mod fast;
mod step;
