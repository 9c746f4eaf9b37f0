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

    /// The parts of the text that differ from `parent`, the original, with `reach` bytes on either side; a line end stands
    /// between parts that do not touch.
    #[must_use]
    pub fn near_changes(self, parent: &str, reach: usize) -> Self {
        let Some(origins) = &self.origins else { return self };
        let mut parts: Vec<Span> = Vec::new();
        let mut done = 0;
        for (at, c) in self.text.char_indices() {
            let (start, end) = origins[at];
            let came_from = parent.get(start as usize..end as usize);
            let in_order = std::mem::replace(&mut done, end) == start;
            if in_order && came_from.is_some_and(|from| from.chars().eq([c])) {
                continue;
            }
            let from = self.text.floor_char_boundary(at.saturating_sub(reach));
            let to = self.text.ceil_char_boundary(at + c.len_utf8() + reach);
            match parts.last_mut() {
                Some(last) if from <= last.end => last.end = to,
                _ => parts.push(Span::new(from, to)),
            }
        }
        if let [only] = parts[..]
            && only.len() == self.text.len()
        {
            return self;
        }
        let mut near = Self::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + parts.len());
        for part in parts {
            if let Some((_, end)) = near.origins.as_ref().and_then(|origins| origins.last().copied()) {
                near.push('\n', Span::new(end as usize, origins[part.start].0.max(end) as usize));
            }
            for (i, c) in self.text[part.range()].char_indices() {
                let (start, end) = origins[part.start + i];
                near.push(c, Span::new(start as usize, end as usize));
            }
        }
        near
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

/// Offsets are kept in 32 bits; texts are cut far below that before they come here.
fn as_u32(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Mapped;
    use casemate_finding::Span;

    #[test]
    fn only_what_is_near_a_change_is_kept() {
        let parent = format!("{}l33t{}1337", "é".repeat(20), ". ".repeat(30));
        let mut read = Mapped::with_capacity(parent.len());
        for (i, c) in parent.char_indices() {
            let letter = match c {
                '3' => 'e',
                '1' => 'l',
                '7' => 't',
                c => c,
            };
            read.push(letter, Span::new(i, i + c.len_utf8()));
        }
        assert_eq!(read.clone().near_changes(&parent, 100), read);
        let near = read.near_changes(&parent, 3);
        assert_eq!(near.text(), "éleet. \n . leet");
        let at = near.text().rfind("leet").unwrap();
        assert_eq!(near.origin(Span::new(at, at + 4)), Span::new(parent.len() - 4, parent.len()));
        assert_eq!(Mapped::in_place("abc".into()).near_changes("abc", 1).text(), "abc");
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
