//! Bytes read one after the other, with no step past their end: for formats that are held whole in memory.

/// A place in bytes.
pub(crate) struct Cursor<'b> {
    pub(crate) bytes: &'b [u8],
    pub(crate) at: usize,
}

impl<'b> Cursor<'b> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let b = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(b)
    }

    pub(crate) fn take(&mut self, n: u64) -> Option<&'b [u8]> {
        let end = self.at.checked_add(usize::try_from(n).ok()?)?;
        let part = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(part)
    }
}
