//! Bytes to events.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// One event with its bytes as they came, the blank line included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SseEvent {
    /// The bytes.
    pub raw: Bytes,
}

/// A single event is larger than the limit: the stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one event of the stream is larger than {event_bytes_max} bytes")]
pub struct EventTooLarge {
    /// The limit.
    pub event_bytes_max: usize,
}

/// The lines of an event without their ends.
pub(super) fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        let crlf = rest.get(end..end + 2) == Some(b"\r\n");
        rest = rest.get(end + if crlf { 2 } else { 1 }..).unwrap_or_default();
        Some(line)
    })
}

/// The value of `line` if its field is `name`.
pub(super) fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest.first() {
        None => Some(rest),
        Some(b':') => Some(rest[1..].strip_prefix(b" ").unwrap_or(&rest[1..])),
        Some(_) => None,
    }
}

impl SseEvent {
    /// The data: several lines joined with `\n`; none for an event without data (a comment, a bare blank line).
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        let mut found = lines(self.body()).filter_map(|line| field(line, b"data"));
        let first = found.next()?;
        let Some(second) = found.next() else { return Some(Cow::Borrowed(first)) };
        let mut joined = first.to_vec();
        for line in std::iter::once(second).chain(found) {
            joined.push(b'\n');
            joined.extend_from_slice(line);
        }
        Some(Cow::Owned(joined))
    }

    /// The event's name; the last one counts.
    pub fn name(&self) -> Option<&[u8]> {
        lines(self.body()).filter_map(|line| field(line, b"event")).last()
    }

    /// Without a byte-order mark and the `\n` that belongs to a line end of the event before.
    fn body(&self) -> &[u8] {
        let raw = self.raw.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.raw);
        raw.strip_prefix(b"\n").unwrap_or(raw)
    }
}

/// Cuts a byte stream into events. Feed with [`SseParser::push`], take with [`SseParser::next_event`] until it gives
/// none, and close with [`SseParser::finish`].
#[derive(Debug)]
pub struct SseParser {
    pending: BytesMut,
    /// Bytes of `pending` that were looked at.
    looked: usize,
    /// Where the line under way starts in `pending`.
    line_start: usize,
    /// The last byte looked at was a `\r` that ended a line: a `\n` right after belongs to it.
    after_cr: bool,
    event_bytes_max: usize,
}

impl SseParser {
    /// A parser that refuses events over `event_bytes_max` bytes.
    pub fn new(event_bytes_max: usize) -> Self {
        Self { pending: BytesMut::new(), looked: 0, line_start: 0, after_cr: false, event_bytes_max }
    }

    /// Adds a chunk. A chunk that comes when nothing is pending is taken over without a copy where it is not shared.
    pub fn push(&mut self, chunk: Bytes) {
        if self.pending.is_empty() {
            self.pending = chunk.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        } else {
            self.pending.extend_from_slice(&chunk);
        }
    }

    /// Bytes held for the event under way.
    pub fn pending_bytes(&self) -> usize {
        self.pending.len()
    }

    /// The next whole event.
    ///
    /// # Errors
    /// [`EventTooLarge`] once the event under way is over the limit.
    pub fn next_event(&mut self) -> Result<Option<SseEvent>, EventTooLarge> {
        loop {
            let rest = &self.pending[self.looked..];
            if self.after_cr && !rest.is_empty() {
                self.after_cr = false;
                if rest[0] == b'\n' {
                    self.looked += 1;
                    self.line_start = self.looked;
                    continue;
                }
            }
            let Some(offset) = memchr2(b'\n', b'\r', rest) else {
                self.looked = self.pending.len();
                return self.bounded(self.pending.len()).map(|()| None);
            };
            let end = self.looked + offset;
            let is_cr = rest[offset] == b'\r';
            let line = &self.pending[self.line_start..end];
            let blank = line.is_empty() || (self.line_start == 0 && line == b"\xEF\xBB\xBF");
            let mut past = end + 1;
            // Take the `\n` of a `\r\n` that is here already; one that comes later is skipped then.
            let lf_here = is_cr && self.pending.get(past) == Some(&b'\n');
            past += usize::from(lf_here);
            self.after_cr = is_cr && !lf_here;
            self.looked = past;
            self.line_start = past;
            if blank {
                self.bounded(past)?;
                let raw = self.pending.split_to(past).freeze();
                (self.looked, self.line_start) = (0, 0);
                return Ok(Some(SseEvent { raw }));
            }
        }
    }

    fn bounded(&self, event_bytes: usize) -> Result<(), EventTooLarge> {
        if event_bytes > self.event_bytes_max {
            return Err(EventTooLarge { event_bytes_max: self.event_bytes_max });
        }
        Ok(())
    }

    /// What stands at the end without a blank line. Browsers drop it; a proxy passes it on, looked at like an event.
    pub fn finish(&mut self) -> Option<SseEvent> {
        let raw = self.pending.split().freeze();
        (self.looked, self.line_start) = (0, 0);
        (!raw.is_empty()).then_some(SseEvent { raw })
    }
}

#[cfg(test)]
mod tests {
    use super::{EventTooLarge, SseEvent, SseParser};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn feed(chunks: &[&[u8]]) -> Vec<SseEvent> {
        let mut parser = SseParser::new(1 << 16);
        let mut events = Vec::new();
        for chunk in chunks {
            parser.push(Bytes::copy_from_slice(chunk));
            while let Some(event) = parser.next_event().unwrap() {
                events.push(event);
            }
        }
        events.extend(parser.finish());
        events
    }

    type Meaning = (Option<Vec<u8>>, Vec<u8>);

    /// What a consumer sees: events that carry data.
    fn meaning(events: &[SseEvent]) -> Vec<Meaning> {
        events.iter().filter_map(|e| Some((e.name().map(<[u8]>::to_vec), e.data()?.into_owned()))).collect()
    }

    const MIXED: &[u8] = b"\xEF\xBB\xBFdata: a\xC3\xA9\r\n\r\nevent: x\rdata:b\rdata:  c\r\r: note\n\ndata\n\nid: 7\r\ndata: [DONE]\r\n\n\ndata: tail";

    #[test]
    fn reads_every_line_end_and_every_field() {
        let events = feed(&[MIXED]);
        let seen = meaning(&events);
        let want: Vec<Meaning> = vec![
            (None, "aé".into()),
            (Some(b"x".to_vec()), b"b\n c".to_vec()),
            (None, b"".to_vec()),
            (None, b"[DONE]".to_vec()),
            (None, b"tail".to_vec()),
        ];
        assert_eq!(seen, want);
    }

    #[test]
    fn every_split_in_two_and_three_gives_the_same_events_and_bytes() {
        let want = meaning(&feed(&[MIXED]));
        for i in 0..=MIXED.len() {
            for j in i..=MIXED.len() {
                let events = feed(&[&MIXED[..i], &MIXED[i..j], &MIXED[j..]]);
                assert_eq!(meaning(&events), want, "split at {i} and {j}");
                let bytes: Vec<u8> = events.iter().flat_map(|e| e.raw.to_vec()).collect();
                assert_eq!(bytes, MIXED, "split at {i} and {j}");
            }
        }
    }

    #[test]
    fn an_event_is_bounded_at_the_limit_and_one_past_it() {
        let mut at = SseParser::new(8);
        at.push(Bytes::from_static(b"data:x\n\n"));
        assert!(at.next_event().unwrap().is_some());
        let mut past = SseParser::new(8);
        past.push(Bytes::from_static(b"data:xy\n\n"));
        assert_eq!(past.next_event(), Err(EventTooLarge { event_bytes_max: 8 }));
        let mut endless = SseParser::new(8);
        endless.push(Bytes::from_static(b"data:xyza"));
        assert_eq!(endless.next_event(), Err(EventTooLarge { event_bytes_max: 8 }));
    }

    proptest! {
        #[test]
        fn any_bytes_any_chunking(
            stream in "((data|event|id|x)?:? ?[a-zé\u{1F600}]{0,4}(\r|\n|\r\n){1,3}){0,12}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let events = feed(&chunks);
            prop_assert_eq!(meaning(&events), meaning(&feed(&[bytes])));
            let back: Vec<u8> = events.iter().flat_map(|e| e.raw.to_vec()).collect();
            prop_assert_eq!(back, bytes);
        }
    }
}
