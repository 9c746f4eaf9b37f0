//! Scanning text that comes in pieces, with the same result as scanning it whole.
//!
//! The buffer is scanned again with every piece, from [`limits::STREAM_LEFT`] bytes before what is still undecided.
//! Candidates that start before the *frontier* are final: no byte to come can change them. The frontier is the start of
//! the last unfinished word, or earlier where a number, a symbol or an announcing word is still too near the end. What
//! lies before the frontier and in no held candidate goes out.

use crate::{
    Engine, Match, ScanOptions, find,
    limits::{ASSIGN_GAP_MAX, HOLD_MAX, LOOK_AHEAD, STREAM_LEFT},
    redact::marker,
    scan::{Candidate, Fold, Pass, TailState},
};

/// How far after an announcing word a span may still begin and be undecided.
const ANNOUNCED: usize = 288 + ASSIGN_GAP_MAX;

/// What became certain with a piece of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The next part of the text of which everything is known.
    pub text: String,
    /// Where `text` begins in the stream, in bytes.
    pub offset: usize,
    /// The matches that begin in `text`, spans in bytes of the stream. One may end beyond `text` only if its rest is
    /// still coming (a key block): then it is reported with its full span once it ends, and `text` stops before it.
    pub matches: Vec<Match>,
}

/// Scans a stream. One for each stream; the engine is shared.
#[derive(Debug)]
pub struct StreamScanner<'e> {
    engine: &'e Engine,
    options: ScanOptions,
    buffer: String,
    /// Where the buffer begins in the stream.
    base: usize,
    /// Candidates that start before this (in the buffer) have been dealt with.
    decided: usize,
    /// Text before this (in the buffer) has gone out.
    sent: usize,
    fold: Fold,
    /// An accepted match that goes on, from its start in the buffer's terms.
    open: Option<(Candidate, TailState)>,
    candidates: Vec<Candidate>,
}

impl<'e> StreamScanner<'e> {
    /// A scanner for one stream.
    pub fn new(engine: &'e Engine, options: ScanOptions) -> Self {
        Self {
            engine,
            options,
            buffer: String::new(),
            base: 0,
            decided: 0,
            sent: 0,
            fold: Fold::default(),
            open: None,
            candidates: Vec::new(),
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str) -> Progress {
        self.advance(piece, false)
    }

    /// Ends the stream and gives what was held back.
    pub fn finish(&mut self) -> Progress {
        self.advance("", true)
    }

    /// Bytes held back at the moment.
    pub fn held_bytes(&self) -> usize {
        self.buffer.len() - self.sent
    }

    fn advance(&mut self, piece: &str, last: bool) -> Progress {
        let mut progress = Progress { offset: self.base + self.sent, ..Progress::default() };
        self.buffer.push_str(piece);
        if !self.follow_open(piece.len(), last, &mut progress) {
            self.trim();
            return progress;
        }
        let mut pass = Pass::new(self.engine, &self.buffer, &self.options);
        self.candidates.clear();
        pass.run(&mut self.candidates);
        let frontier = if last { self.buffer.len() } else { self.frontier(&pass) }.max(self.decided);
        drop(pass);
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain(|c| (self.decided..frontier).contains(&c.start) || (last && c.start >= self.decided));
        candidates.sort_unstable_by(Candidate::order);
        self.decided = frontier;
        for candidate in &candidates {
            if let Some(done) = self.fold.push(*candidate) {
                self.accept(&done, &mut progress.matches);
            }
        }
        self.candidates = candidates;
        let settled = self.fold.held().copied().filter(|held| last || held.end <= frontier || held.open);
        if let Some(done) = settled {
            self.fold.finish();
            if done.open && !last {
                self.open(done);
            } else {
                self.accept(&done, &mut progress.matches);
            }
        }
        let safe = match (&self.open, self.fold.held()) {
            (Some((open, _)), _) => open.start,
            (None, Some(held)) => held.start.min(frontier),
            (None, None) => frontier,
        };
        self.send(safe, &mut progress);
        self.trim();
        progress
    }

    /// Starts to follow a match that has not ended with the buffer.
    fn open(&mut self, candidate: Candidate) {
        if let Some(tail) = candidate.tail {
            let mut state = TailState::new(tail);
            state.feed(&self.buffer.as_bytes()[tail.from(&candidate)..]);
            self.open = Some((candidate, state));
        }
    }

    /// Feeds the new piece to the match that goes on, if there is one. True if the scan may go on: no match is open.
    fn follow_open(&mut self, piece: usize, last: bool, progress: &mut Progress) -> bool {
        let Some((mut candidate, mut state)) = self.open.take() else { return true };
        let fresh = self.buffer.len() - piece;
        let ended = state.feed(&self.buffer.as_bytes()[fresh..]);
        let Some(tail) = candidate.tail else { return true };
        if !ended && !last {
            self.open = Some((candidate, state));
            return false;
        }
        candidate.end = tail.from(&candidate) + state.len();
        self.accept(&candidate, &mut progress.matches);
        self.decided = candidate.end;
        true
    }

    fn accept(&self, candidate: &Candidate, out: &mut Vec<Match>) {
        self.engine.accept(candidate, &self.buffer, self.base, &self.options, out);
    }

    fn send(&mut self, safe: usize, progress: &mut Progress) {
        let safe = self.buffer.floor_char_boundary(safe).max(self.sent);
        progress.text.push_str(&self.buffer[self.sent..safe]);
        self.sent = safe;
    }

    /// Forgets text that no decision looks at any more.
    fn trim(&mut self) {
        let needed = self.sent.min(self.decided);
        let cut = self.buffer.floor_char_boundary(needed.saturating_sub(STREAM_LEFT));
        if cut < STREAM_LEFT {
            return;
        }
        self.buffer.drain(..cut);
        self.base += cut;
        self.sent -= cut;
        self.decided -= cut;
        if let Some(held) = self.fold.held() {
            held.shift(cut);
        }
        if let Some((open, _)) = &mut self.open {
            open.shift(cut);
        }
    }

    /// Candidates that start before this are final, whatever comes.
    fn frontier(&self, pass: &Pass<'_>) -> usize {
        let bytes = self.buffer.as_bytes();
        let end = bytes.len();
        let floor = end.saturating_sub(HOLD_MAX - 16);
        let space = |b: u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
        let run = |mut i: usize| {
            while i > floor && !space(bytes[i - 1]) {
                i -= 1;
            }
            i
        };
        // The word under way, and a short word before it that may head a number.
        let mut frontier = run(end);
        let unfinished = frontier;
        let mut i = frontier;
        while i > floor && unfinished - i <= LOOK_AHEAD {
            let stop = i - usize::from(space(bytes[i - 1]));
            let start = run(stop);
            if start == stop {
                i = stop;
                continue;
            }
            let word = &bytes[start..stop];
            let plain = word
                .iter()
                .all(|b| b.is_ascii_alphabetic() || matches!(b, b',' | b'.' | b'\'' | b'!' | b'?' | b';' | b')'));
            let heads = word.len() <= 4 && i + 1 >= frontier;
            if !plain || heads {
                frontier = frontier.min(start);
            }
            i = start;
        }
        if self.options.kinds.contains(crate::Kind::Pii) {
            frontier = frontier.min(find::unfinished(bytes));
        }
        let announced = unfinished.saturating_sub(ANNOUNCED);
        for hit in pass.hits.iter().rev() {
            if (hit.end as usize) < announced {
                break;
            }
            if self.engine.words.uses[usize::from(hit.word)].active {
                frontier = frontier.min(hit.start as usize);
            }
        }
        frontier.max(floor)
    }
}

/// Redacts a stream: text in, redacted text out, the same as [`crate::redact`] gives for the whole.
#[derive(Debug)]
pub struct StreamRedactor<'e> {
    scanner: StreamScanner<'e>,
    /// Stream offset up to which input has been dealt with: a match may end after the text sent with it.
    done: usize,
}

impl<'e> StreamRedactor<'e> {
    /// A redactor for one stream.
    pub fn new(engine: &'e Engine, options: ScanOptions) -> Self {
        Self { scanner: StreamScanner::new(engine, options), done: 0 }
    }

    /// Takes the next piece; gives the redacted text that is certain, and the matches in it.
    pub fn push(&mut self, piece: &str) -> (String, Vec<Match>) {
        let progress = self.scanner.push(piece);
        self.redact(progress)
    }

    /// Ends the stream.
    pub fn finish(&mut self) -> (String, Vec<Match>) {
        let progress = self.scanner.finish();
        self.redact(progress)
    }

    /// Bytes held back at the moment.
    pub fn held_bytes(&self) -> usize {
        self.scanner.held_bytes()
    }

    fn redact(&mut self, progress: Progress) -> (String, Vec<Match>) {
        let mut out = String::with_capacity(progress.text.len());
        let end = progress.offset + progress.text.len();
        for found in &progress.matches {
            let from = self.done.max(progress.offset).min(end);
            let to = found.span.start.clamp(from, end);
            out.push_str(&progress.text[from - progress.offset..to - progress.offset]);
            out.push_str(&marker(found.label()));
            self.done = found.span.end;
        }
        if self.done < end {
            let from = self.done.max(progress.offset);
            out.push_str(&progress.text[from - progress.offset..]);
            self.done = end;
        }
        (out, progress.matches)
    }
}
