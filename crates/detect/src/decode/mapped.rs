//! A text and where each of its bytes came from.

use casemate_finding::Span;

/// A text made from another, with the origin of every byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappedText {
    text: String,
    /// For each byte of `text`, the first and one past the last byte of the source that made it.
    origins: Vec<(u32, u32)>,
}

impl MappedText {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if nothing was decoded.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds a character that came from `source` bytes.
    pub fn push(&mut self, c: char, source: Span) {
        self.text.push(c);
        let origin = (source.start as u32, source.end as u32);
        self.origins.extend(std::iter::repeat_n(origin, c.len_utf8()));
    }

    /// Where a span of this text came from. Empty spans and spans past the end come from nowhere: an empty span.
    pub fn source(&self, span: Span) -> Span {
        let part = self.origins.get(span.range()).unwrap_or_default();
        let start = part.iter().map(|o| o.0).min().unwrap_or_default();
        let end = part.iter().map(|o| o.1).max().unwrap_or_default();
        Span::new(start as usize, end as usize)
    }

    /// The text decoded once more: `inner` was made from this text, and its origins become those of this text's source.
    #[must_use]
    pub fn then(&self, inner: Self) -> Self {
        let origins = inner
            .origins
            .iter()
            .map(|(start, end)| {
                let span = self.source(Span::new(*start as usize, *end as usize));
                (span.start as u32, span.end as u32)
            })
            .collect();
        Self { text: inner.text, origins }
    }

    /// Decoded bytes as text, if they are UTF-8 without control characters; `origins` has one entry for each byte.
    pub(super) fn from_bytes(bytes: &[u8], origins: Vec<(u32, u32)>) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let printable = text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
        (printable && bytes.len() == origins.len()).then(|| Self { text: text.to_owned(), origins })
    }
}
