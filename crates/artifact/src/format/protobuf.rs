//! Protocol buffers on the wire: fields of one message, without a schema and without recursion.

use crate::source::{Source, Window};

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its number.
    pub(crate) number: u32,
    /// Its value.
    pub(crate) value: Wire,
}

/// A value on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A number.
    Varint(u64),
    /// Four or eight bytes; where they are.
    Fixed(u64),
    /// A string, bytes or a message: where it begins and how long it is.
    Bytes(u64, u64),
}

/// A part of the source that holds one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// First byte.
    pub(crate) from: u64,
    /// One past the last byte.
    pub(crate) to: u64,
}

/// Reads messages out of a source.
pub(crate) struct Proto<'s, 'a> {
    window: Window<'s, 'a>,
}

impl<'s, 'a> Proto<'s, 'a> {
    /// Over `source`.
    pub(crate) fn new(source: &'s Source<'a>) -> Self {
        Self { window: Window::new(source) }
    }

    /// The whole source as one message.
    pub(crate) fn root(&self) -> Message {
        Message { from: 0, to: self.window.source().len() }
    }

    fn varint(&mut self, at: &mut u64, to: u64) -> Option<u64> {
        let mut v = 0u64;
        for shift in (0..70).step_by(7) {
            if *at >= to {
                return None;
            }
            let b = self.window.byte(*at)?;
            *at += 1;
            if shift < 64 {
                v |= u64::from(b & 0x7f) << shift;
            }
            if b & 0x80 == 0 {
                return Some(v);
            }
        }
        None
    }

    /// The next field of `message` at `at`, which moves on; `None` at its end, `Some(None)` where it is damaged.
    pub(crate) fn next(&mut self, at: &mut u64, message: Message) -> Option<Option<Field>> {
        if *at >= message.to {
            return None;
        }
        Some(self.field(at, message.to))
    }

    fn field(&mut self, at: &mut u64, to: u64) -> Option<Field> {
        let key = self.varint(at, to)?;
        let number = u32::try_from(key >> 3).ok().filter(|n| *n > 0)?;
        let value = match key & 7 {
            0 => Wire::Varint(self.varint(at, to)?),
            1 | 5 => {
                let n = if key & 7 == 1 { 8 } else { 4 };
                let from = *at;
                *at = at.checked_add(n).filter(|e| *e <= to)?;
                Wire::Fixed(from)
            }
            2 => {
                let n = self.varint(at, to)?;
                let from = *at;
                *at = at.checked_add(n).filter(|e| *e <= to)?;
                Wire::Bytes(from, n)
            }
            _ => return None,
        };
        Some(Field { number, value })
    }

    /// The text of a field, cut at `max` bytes.
    pub(crate) fn text(&mut self, from: u64, len: u64, max: u64) -> String {
        String::from_utf8_lossy(&self.window.source().bytes(from, usize::try_from(len.min(max)).unwrap_or(0)))
            .into_owned()
    }

    /// The bytes of a field; `len` must be limited by the caller.
    pub(crate) fn text_bytes(&mut self, from: u64, len: u64) -> Vec<u8> {
        self.window.source().bytes(from, usize::try_from(len).unwrap_or(0))
    }

    /// The fields of a message, as far as they can be read and up to `max`; true when all of it could be read.
    pub(crate) fn fields(&mut self, message: Message, max: usize) -> (Vec<Field>, bool) {
        let mut out = Vec::new();
        let mut at = message.from;
        while let Some(f) = self.next(&mut at, message) {
            match f {
                Some(f) if out.len() < max => out.push(f),
                _ => return (out, false),
            }
        }
        (out, true)
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, Proto, Wire};
    use crate::source::Source;

    #[test]
    fn fields_and_damage() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x03, b'a', b'b', b'c', 0x1d, 1, 2, 3, 4];
        let source = Source::borrowed(&bytes);
        let mut p = Proto::new(&source);
        let (fields, whole) = p.fields(p.root(), 10);
        assert!(whole);
        assert_eq!(fields[0], Field { number: 1, value: Wire::Varint(150) });
        assert_eq!(fields[1], Field { number: 2, value: Wire::Bytes(5, 3) });
        assert_eq!(fields[2], Field { number: 3, value: Wire::Fixed(9) });
        for bad in [
            &[0x12u8, 0x7f, 0x01][..],
            &[0x00, 0x01],
            &[0x0b],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            let source = Source::borrowed(bad);
            let mut p = Proto::new(&source);
            assert!(!p.fields(p.root(), 10).1, "{bad:x?}");
        }
    }
}
