//! A text as it stands, and as whoever takes it apart will see it.
//!
//! JSON that stands in a string is unescaped a second time by its reader: a secret written `\u0067hp_…` in the arguments
//! of a tool call is none until then. So where escapes hide letters, the text is read again without them, and what is
//! found there is led back to the bytes that it came from. As deep as [`READINGS_MAX`]; what is escaped more often than
//! that is not text that any caller unescapes by itself.

use std::borrow::Cow;
use std::ops::Range;

use casemate_classify::CanaryStream;
use casemate_detect::limits::STREAM_LEFT;
use casemate_detect::{Match, ScanOptions, StreamScanner};
use casemate_wire::json::Unescaper;

use super::engines::Engines;
use crate::config::Action;

/// How often escapes are undone.
const READINGS_MAX: usize = 2;
/// Text held back where canaries are looked for: longer than any spelled-out form of one that matters.
const CANARY_HOLD_BYTES: usize = 256;

/// A match with where it is in the text as it stands.
#[derive(Debug)]
pub(super) struct Found {
    pub range: Range<usize>,
    pub matched: Match,
    /// Not yet found by the same rule in another reading.
    pub fresh: bool,
}

/// What is held back beyond what a scan needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    /// Matches are taken out: nothing goes out that may still be part of one.
    pub matches: bool,
    /// What is done about canaries: not looked for where `Off`, held back for where `Block`.
    pub canary: Action,
}

/// What a piece of a running text brought.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub found: Vec<Found>,
    /// Bytes of the text of which everything is known.
    pub settled: usize,
    pub canary: bool,
}

/// Finds everything in a whole text, in order of where it begins.
pub(super) fn read_whole(engines: &Engines, options: &ScanOptions, text: &str) -> Vec<Found> {
    let found = |m: Match| Found { range: m.span.range(), matched: m, fresh: true };
    let mut all: Vec<Found> = engines.scan(text, options).into_iter().map(found).collect();
    let mut unescapers: Vec<Unescaper> = Vec::new();
    let mut last = String::new();
    while unescapers.len() < READINGS_MAX {
        let above = if unescapers.is_empty() { text } else { &last };
        if !Unescaper::hides(above) {
            break;
        }
        let (mut unescaper, mut read) = (Unescaper::default(), String::with_capacity(above.len()));
        unescaper.push(above, &mut read);
        unescaper.finish(&mut read);
        unescapers.push(unescaper);
        for m in engines.scan(&read, options) {
            add(&mut all, led_back(&unescapers, m.span.range()), m);
        }
        last = read;
    }
    if let Some(first) = unescapers.first() {
        all.iter_mut().for_each(|f| f.range = first.widened(f.range.clone()));
        all.sort_by_key(|f| (f.range.start, f.range.end));
    }
    all
}

/// True if a canary stands in the text, in any of its readings.
pub(super) fn has_canary(engines: &Engines, text: &str) -> bool {
    let mut last = Cow::Borrowed(text);
    for _ in 0..READINGS_MAX {
        if engines.has_canary(&last) {
            return true;
        }
        if !Unescaper::hides(&last) {
            return false;
        }
        let (mut unescaper, mut read) = (Unescaper::default(), String::with_capacity(last.len()));
        unescaper.push(&last, &mut read);
        unescaper.finish(&mut read);
        last = read.into();
    }
    engines.has_canary(&last)
}

fn led_back(unescapers: &[Unescaper], range: Range<usize>) -> Range<usize> {
    unescapers.iter().rev().fold(range, |range, u| u.source_range(range))
}

fn add(all: &mut Vec<Found>, range: Range<usize>, matched: Match) {
    let same =
        |f: &Found| f.range.start < range.end && range.start < f.range.end && f.matched.rule_id() == matched.rule_id();
    let fresh = !all.iter().any(same);
    all.push(Found { range, matched, fresh });
}

/// One reading of a running text.
struct Reading {
    scanner: Option<StreamScanner<'static>>,
    canary: CanaryStream,
    /// Bytes that came, of this reading.
    end: usize,
    /// Bytes of which everything is known, of this reading.
    settled: usize,
}

impl Reading {
    fn new(engines: &Engines, options: Option<&ScanOptions>) -> Self {
        let scanner = options.map(|o| engines.stream(o.clone()));
        Self { scanner, canary: CanaryStream::default(), end: 0, settled: 0 }
    }

    /// Takes more text, or with none ends; what was found, in offsets of this reading.
    fn push(&mut self, engines: &Engines, hold: Hold, text: Option<&str>) -> (Vec<Match>, bool) {
        self.end += text.map_or(0, str::len);
        let mut settled = self.end;
        let mut found = Vec::new();
        if let Some(scanner) = &mut self.scanner {
            let progress = match text {
                Some(text) => scanner.push(text),
                None => scanner.finish(),
            };
            if hold.matches {
                settled = progress.offset + progress.text.len();
            }
            found = progress.matches;
        }
        let looked_for = hold.canary != Action::Off;
        let canary = looked_for && text.is_some_and(|text| engines.canary_in_stream(&mut self.canary, text));
        if hold.canary == Action::Block && text.is_some() {
            settled = settled.min(self.end.saturating_sub(CANARY_HOLD_BYTES));
        }
        self.settled = self.settled.max(settled);
        (found, canary)
    }
}

/// The readings of one running text. The deeper ones begin where they are first needed: before that they are the same.
pub(super) struct Readings {
    hold: Hold,
    as_it_stands: Reading,
    deeper: Vec<(Unescaper, Reading)>,
    /// The end of the deepest reading so far, from which a deeper one would begin.
    recent: String,
    recent_start: usize,
    settled: usize,
    /// What was found and is not settled yet.
    open: Vec<(Range<usize>, String)>,
}

impl Readings {
    pub fn new(engines: &Engines, options: Option<&ScanOptions>, hold: Hold) -> Self {
        Self {
            hold,
            as_it_stands: Reading::new(engines, options),
            deeper: Vec::new(),
            recent: String::new(),
            recent_start: 0,
            settled: 0,
            open: Vec::new(),
        }
    }

    /// Bytes that came.
    pub const fn end(&self) -> usize {
        self.as_it_stands.end
    }

    /// Bytes of which everything is known.
    pub const fn settled(&self) -> usize {
        self.settled
    }

    /// Takes the next piece.
    pub fn push(&mut self, engines: &Engines, options: Option<&ScanOptions>, piece: &str) -> Step {
        let mut step = Step::default();
        let (found, canary) = self.as_it_stands.push(engines, self.hold, Some(piece));
        step.canary |= canary;
        self.take(0, found, &mut step.found);
        let mut text = Cow::Borrowed(piece);
        for depth in 1..=self.deeper.len() {
            text = self.pass_down(engines, depth, &text, &mut step).into();
        }
        let looks = options.is_some() || self.hold.canary != Action::Off;
        while looks && self.deeper.len() < READINGS_MAX {
            // The last byte that was there may be a backslash to which the piece brings the letter.
            let from = self.recent.len().saturating_sub(1);
            self.recent.push_str(&text);
            let from = (0..=from).rev().find(|i| self.recent.is_char_boundary(*i)).unwrap_or(0);
            if !Unescaper::hides(&self.recent[from..]) {
                break;
            }
            let above = std::mem::take(&mut self.recent);
            self.deeper.push((Unescaper::starting_at(self.recent_start), Reading::new(engines, options)));
            self.recent_start = 0;
            text = self.pass_down(engines, self.deeper.len(), &above, &mut step).into();
        }
        self.settle(&mut step);
        step
    }

    /// No more comes: everything is known.
    pub fn finish(&mut self, engines: &Engines) -> Step {
        let mut step = Step::default();
        let (found, _) = self.as_it_stands.push(engines, self.hold, None);
        self.take(0, found, &mut step.found);
        let mut text = String::new();
        for depth in 1..=self.deeper.len() {
            let mut read = String::new();
            let (unescaper, reading) = &mut self.deeper[depth - 1];
            unescaper.push(&text, &mut read);
            unescaper.finish(&mut read);
            let mut found = Vec::new();
            if !read.is_empty() {
                let (more, canary) = reading.push(engines, self.hold, Some(&read));
                (found, step.canary) = (more, step.canary | canary);
            }
            found.extend(reading.push(engines, self.hold, None).0);
            self.take(depth, found, &mut step.found);
            text = read;
        }
        self.widen(&mut step.found);
        self.settled = self.end();
        step.settled = self.settled;
        step
    }

    /// Gives the text of one reading to the next; what it reads there.
    fn pass_down(&mut self, engines: &Engines, depth: usize, text: &str, step: &mut Step) -> String {
        let mut read = String::with_capacity(text.len());
        let (unescaper, reading) = &mut self.deeper[depth - 1];
        unescaper.push(text, &mut read);
        let (found, canary) = reading.push(engines, self.hold, Some(&read));
        step.canary |= canary;
        self.take(depth, found, &mut step.found);
        read
    }

    /// Leads matches of a reading back to the text as it stands.
    fn take(&mut self, depth: usize, found: Vec<Match>, out: &mut Vec<Found>) {
        for matched in found {
            let range = self.source_range(depth, matched.span.range());
            // What begins in settled text was found there before the reading began.
            if depth > 0 && range.start < self.settled {
                continue;
            }
            let same = |(r, id): &&(Range<usize>, String)| {
                r.start < range.end && range.start < r.end && id == matched.rule_id()
            };
            let fresh = !self.open.iter().any(|o| same(&o));
            self.open.push((range.clone(), matched.rule_id().to_owned()));
            out.push(Found { range, matched, fresh });
        }
    }

    fn source_range(&self, depth: usize, range: Range<usize>) -> Range<usize> {
        self.deeper[..depth].iter().rev().fold(range, |range, (unescaper, _)| unescaper.source_range(range))
    }

    /// No replacement cuts an escape in two: what is left would be none.
    fn widen(&self, found: &mut [Found]) {
        if let Some((unescaper, _)) = self.deeper.first() {
            found.iter_mut().for_each(|f| f.range = unescaper.widened(f.range.clone()));
        }
    }

    /// What all readings agree is known, and what no reading looks back at any more.
    fn settle(&mut self, step: &mut Step) {
        self.widen(&mut step.found);
        let mut settled = None;
        for (unescaper, reading) in self.deeper.iter().rev() {
            settled = Some(unescaper.source_of(settled.map_or(reading.settled, |s: usize| s.min(reading.settled))));
        }
        let settled = settled.map_or(self.as_it_stands.settled, |s| s.min(self.as_it_stands.settled));
        self.settled = self.settled.max(settled);
        step.settled = self.settled;
        let mut past = self.settled;
        for (unescaper, _) in &mut self.deeper {
            past = unescaper.read_of(past);
            unescaper.forget(past);
        }
        self.open.retain(|(range, _)| range.end > self.settled);
        if self.deeper.len() < READINGS_MAX {
            let deepest = self.deeper.last().map_or(&self.as_it_stands, |(_, reading)| reading);
            let keep = deepest.settled.saturating_sub(STREAM_LEFT).saturating_sub(self.recent_start);
            if keep >= STREAM_LEFT {
                let cut = self.recent.floor_char_boundary(keep);
                self.recent.drain(..cut);
                self.recent_start += cut;
            }
        } else {
            self.recent = String::new();
        }
    }
}
