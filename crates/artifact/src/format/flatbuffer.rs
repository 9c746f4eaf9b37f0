//! Flatbuffers on the wire (TFLite, ExecuTorch, CatBoost): tables, vectors and strings, every offset checked against the
//! part that they stand in.

use crate::source::{Source, Window};

/// Reads tables out of a part.
pub(super) struct Flat<'s, 'a> {
    window: Window<'s, 'a>,
}

/// A vector: where its first element is, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vector {
    /// First element.
    pub(super) at: u64,
    /// Number of elements.
    pub(super) count: u64,
}

impl<'s, 'a> Flat<'s, 'a> {
    /// Over a part.
    pub(super) fn new(source: &'s Source<'a>) -> Self {
        Self { window: Window::new(source) }
    }

    /// Length of the part.
    pub(super) fn len(&self) -> u64 {
        self.window.source().len()
    }

    /// Up to `n` bytes at a place.
    pub(super) fn bytes(&self, at: u64, n: usize) -> Vec<u8> {
        self.window.source().bytes(at, n)
    }

    /// One byte.
    pub(super) fn u8(&mut self, at: u64) -> Option<u8> {
        self.window.byte(at)
    }

    /// A 16-bit number.
    pub(super) fn u16(&mut self, at: u64) -> Option<u16> {
        self.window.exact(at, 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes)
    }

    /// A 32-bit number.
    pub(super) fn u32(&mut self, at: u64) -> Option<u32> {
        self.window.exact(at, 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub(super) fn u64(&mut self, at: u64) -> Option<u64> {
        self.window.exact(at, 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes)
    }

    /// The root table.
    pub(super) fn root(&mut self) -> Option<u64> {
        self.follow(0)
    }

    /// Where a field of a table is; `Some(None)` when it is absent, `None` when the table is damaged.
    pub(super) fn field(&mut self, table: u64, index: u64) -> Option<Option<u64>> {
        let back = i64::from(self.u32(table)? as i32);
        let vtable = i64::try_from(table).ok()?.checked_sub(back).and_then(|v| u64::try_from(v).ok())?;
        let size = u64::from(self.u16(vtable)?);
        let slot = 4 + index * 2;
        if slot + 2 > size {
            return Some(None);
        }
        let offset = u64::from(self.u16(vtable + slot)?);
        Some((offset != 0).then_some(table + offset))
    }

    /// Follows an offset stored at `at`.
    pub(super) fn follow(&mut self, at: u64) -> Option<u64> {
        let to = at.checked_add(u64::from(self.u32(at)?))?;
        (to.checked_add(4)? <= self.len()).then_some(to)
    }

    /// A table that a field refers to.
    pub(super) fn table(&mut self, table: u64, index: u64) -> Option<Option<u64>> {
        match self.field(table, index)? {
            Some(at) => Some(Some(self.follow(at)?)),
            None => Some(None),
        }
    }

    /// A vector of elements of `size` bytes that a field refers to; all of it is inside the part.
    pub(super) fn vector(&mut self, table: u64, index: u64, size: u64) -> Option<Option<Vector>> {
        let Some(at) = self.field(table, index)? else { return Some(None) };
        let at = self.follow(at)?;
        let count = u64::from(self.u32(at)?);
        let end = count.checked_mul(size)?.checked_add(at + 4)?;
        (end <= self.len()).then_some(Some(Vector { at: at + 4, count }))
    }

    /// The table that element `index` of a vector of offsets refers to.
    pub(super) fn element(&mut self, vector: Vector, index: u64) -> Option<u64> {
        self.follow(vector.at + index * 4)
    }

    /// A string that a field refers to, cut at `max` bytes.
    pub(super) fn text(&mut self, table: u64, index: u64, max: u64) -> Option<Option<String>> {
        let Some(v) = self.vector(table, index, 1)? else { return Some(None) };
        let raw = self.bytes(v.at, usize::try_from(v.count.min(max)).ok()?);
        Some(Some(String::from_utf8_lossy(&raw).into_owned()))
    }

    /// A 32-bit number of a table, zero when it is absent.
    pub(super) fn number(&mut self, table: u64, index: u64) -> Option<u32> {
        match self.field(table, index)? {
            Some(at) => self.u32(at),
            None => Some(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Flat, Vector};
    use crate::source::Source;

    /// Root at 8 with one field (a vector of two bytes), its vtable at 4.
    const TABLE: [u8; 22] = [12, 0, 0, 0, 0, 0, 6, 0, 8, 0, 4, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2, 0];

    #[test]
    fn offsets_stay_inside() {
        let mut bytes = TABLE.to_vec();
        bytes.extend([0, 0, b'h', b'i']);
        let source = Source::borrowed(&bytes);
        let mut flat = Flat::new(&source);
        let root = flat.root().expect("there");
        assert_eq!(root, 12);
        assert_eq!(flat.vector(root, 0, 1), Some(Some(Vector { at: 24, count: 2 })));
        assert_eq!(flat.vector(root, 0, 2), None, "one element past the end");
        assert_eq!(flat.text(root, 0, 9), Some(Some("hi".into())));
        assert_eq!(flat.field(root, 1), Some(None), "absent");
        let cut = Source::borrowed(&bytes[..14]);
        assert_eq!(Flat::new(&cut).root(), None, "an offset that leads past the end");
    }
}
