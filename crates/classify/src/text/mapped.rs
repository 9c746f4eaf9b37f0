//! A text and, for each of its bytes, the bytes of the original that it came from.

use casemate_finding::Span;

/// A text derived from another, with the way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    text: String,
    /// `(start, end)` in the original for each byte of `text`; `None` when they are the same bytes.
    origins: Option<Vec<(u32, u32)>>,
}

impl Mapped {
    /// A text whose bytes stand where they stood in the original (case folded in place, say).
    pub const fn in_place(text: String) -> Self {
        Self { text, origins: None }
    }

    /// An empty text to push to.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), origins: Some(Vec::with_capacity(bytes)) }
    }

    /// The derived text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Appends `c`, which came from bytes `origin` of the original. A text made by [`Mapped::in_place`] is full.
    pub fn push(&mut self, c: char, origin: Span) {
        let Some(origins) = &mut self.origins else { return };
        self.text.push(c);
        let end = self.text.len();
        origins.resize(end, (as_u32(origin.start), as_u32(origin.end)));
    }

    /// Bytes of the original that `span` of this text came from. A span outside the text is cut to it.
    pub fn origin(&self, span: Span) -> Span {
        let end = span.end.min(self.text.len());
        let start = span.start.min(end);
        let Some(origins) = &self.origins else { return Span::new(start, end) };
        let (mut low, mut high) = (u32::MAX, 0);
        // A reversed text runs backwards, so the least and the greatest are looked for, not the first and the last.
        for &(s, e) in origins.get(start..end).unwrap_or_default() {
            low = low.min(s);
            high = high.max(e);
        }
        if low > high {
            let at = origins.get(start).map_or_else(|| origins.last().map_or(0, |o| o.1), |o| o.0) as usize;
            return Span::new(at, at);
        }
        Span::new(low as usize, high as usize)
    }

    /// Appends bytes `from..to` of the original as they stand there.
    pub fn keep(&mut self, original: &str, from: usize, to: usize) {
        let Some(kept) = original.get(from..to) else { return };
        if !kept.is_ascii() {
            kept.char_indices().for_each(|(i, c)| self.push(c, Span::new(from + i, from + i + c.len_utf8())));
        } else if let Some(origins) = &mut self.origins {
            self.text.push_str(kept);
            origins.extend((as_u32(from)..as_u32(to)).map(|i| (i, i + 1)));
        }
    }

    /// Appends bytes `from..to` of the original, which are ASCII, in lower case.
    pub(super) fn keep_lower(&mut self, original: &str, from: usize, to: usize) {
        let start = self.text.len();
        self.keep(original, from, to);
        if let Some(kept) = self.text.get_mut(start..) {
            kept.make_ascii_lowercase();
        }
    }

    /// Appends bytes `from..to` of another text derived from the same original.
    fn append(&mut self, other: &Self, from: usize, to: usize) {
        if let (Some(origins), Some(others), Some(text)) = (&mut self.origins, &other.origins, other.text.get(from..to))
        {
            self.text.push_str(text);
            origins.extend_from_slice(&others[from..to]);
        }
    }

    /// The text, each of its small letters a capital if the byte of `cased` (the original with its capitals) that it came from is one.
    pub fn in_case_of(&self, cased: &str) -> String {
        let capital = |at: usize| {
            let from = self.origin(Span::new(at, at + 1));
            from.len() == 1 && cased.as_bytes().get(from.start).is_some_and(u8::is_ascii_uppercase)
        };
        let put =
            |(at, c): (usize, char)| if c.is_ascii_lowercase() && capital(at) { c.to_ascii_uppercase() } else { c };
        self.text.char_indices().map(put).collect()
    }

    /// The same text with origins carried one step further back through `parent`, the text that this one was derived
    /// from.
    #[must_use]
    pub fn through(self, parent: &Self) -> Self {
        if parent.origins.is_none() {
            return self;
        }
        let origins = match self.origins {
            None => parent.origins.clone(),
            Some(own) => Some(
                own.into_iter()
                    .map(|(s, e)| {
                        let back = parent.origin(Span::new(s as usize, (e as usize).max(s as usize)));
                        (as_u32(back.start), as_u32(back.end))
                    })
                    .collect(),
            ),
        };
        Self { text: self.text, origins }
    }
}

/// Pieces of a text that are read otherwise, in the order of the text. Of a long text only what is near them is read again: the rest
/// was read.
#[derive(Debug)]
pub struct Patches {
    read: Mapped,
    /// Bytes of the text, and where their reading ends in `read`.
    places: Vec<(Span, usize)>,
}

impl Default for Patches {
    /// None yet.
    fn default() -> Self {
        Self { read: Mapped::with_capacity(0), places: Vec::new() }
    }
}

impl Patches {
    /// How many there are.
    pub const fn count(&self) -> usize {
        self.places.len()
    }

    /// Appends `c`, read from bytes `origin` of the text, to the piece at hand.
    pub fn push(&mut self, c: char, origin: Span) {
        self.read.push(c, origin);
    }

    /// The piece at hand is how bytes `place` of the text are read.
    pub fn close(&mut self, place: Span) {
        self.places.push((place, self.read.text.len()));
    }

    /// `text` with every piece read so, and `reach` bytes on either side of each; a line end stands between parts that do not touch.
    pub fn near(&self, text: &str, reach: usize) -> Mapped {
        let (mut out, mut read_to) = (Mapped::with_capacity(0), 0);
        // Text is written up to `done`, and wanted up to `until`.
        let (mut done, mut until) = (None, 0);
        for &(place, end) in &self.places {
            let from = text.floor_char_boundary(place.start.saturating_sub(reach));
            match done {
                Some(done) if from <= until => out.keep(text, done, place.start),
                Some(done) => {
                    out.keep(text, done, until);
                    out.push('\n', Span::new(until, from));
                    out.keep(text, from, place.start);
                }
                None => out.keep(text, from, place.start),
            }
            out.append(&self.read, read_to, end);
            (read_to, done) = (end, Some(place.end));
            until = text.ceil_char_boundary((place.end + reach).min(text.len()));
        }
        out.keep(text, done.unwrap_or(0), until);
        out
    }
}

/// Offsets are kept in 32 bits; texts are cut far below that before they come here.
fn as_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Mapped, Patches};
    use casemate_finding::Span;

    #[test]
    fn only_what_is_near_a_patch_is_read_again() {
        let parent = format!("{}l33t{}1337", "é".repeat(20), ". ".repeat(30));
        let mut patches = Patches::default();
        for (start, word) in [(40, "leet"), (104, "leet")] {
            word.char_indices().for_each(|(i, c)| patches.push(c, Span::new(start + i, start + i + 1)));
            patches.close(Span::new(start, start + 4));
        }
        assert_eq!(patches.count(), 2);
        let whole = format!("{}leet{}leet", "é".repeat(20), ". ".repeat(30));
        assert_eq!(patches.near(&parent, 100).text(), whole);
        assert_eq!(patches.near(&parent, 30).text(), &whole[10..]);
        let near = patches.near(&parent, 3);
        assert_eq!(near.text(), "ééleet. .\n . leet");
        let at = near.text().rfind("leet").unwrap();
        assert_eq!(near.origin(Span::new(at, at + 4)), Span::new(parent.len() - 4, parent.len()));
        assert_eq!(Patches::default().near("abc", 9).text(), "");
    }

    #[test]
    fn capitals_come_back_with_the_bytes() {
        let mut read = Mapped::with_capacity(4);
        for (c, at) in [('e', 3), ('é', 1), ('b', 0), ('a', 5)] {
            read.push(c, Span::new(at, at + 1));
        }
        read.push('x', Span::new(0, 2));
        assert_eq!(read.in_case_of("BQ.3A"), "eéBax");
        assert_eq!(read.in_case_of("bQ.EaA"), "EébAx");
        assert_eq!(read.in_case_of(""), "eébax");
    }

    #[test]
    fn spans_lead_back_through_two_steps() {
        let mut first = Mapped::with_capacity(4);
        for (i, c) in "abé".chars().enumerate() {
            first.push(c, Span::new(i * 10, i * 10 + 10));
        }
        assert_eq!(first.origin(Span::new(1, 4)), Span::new(10, 30));
        let mut reversed = Mapped::with_capacity(4);
        reversed.push('é', Span::new(2, 4));
        reversed.push('b', Span::new(1, 2));
        let back = reversed.through(&first);
        assert_eq!(back.origin(Span::new(0, 3)), Span::new(10, 30));
        assert_eq!(back.origin(Span::new(2, 3)), Span::new(10, 20));
        assert_eq!(back.origin(Span::new(3, 3)), Span::new(20, 20));
        assert_eq!(Mapped::in_place("abc".into()).origin(Span::new(1, 9)), Span::new(1, 3));
    }
}
