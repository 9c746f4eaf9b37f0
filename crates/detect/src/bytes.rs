//! Byte classes, as tables: what a letter, a digit and a word boundary are to this engine.
//!
//! Bytes of non-ASCII characters are no letters here: names in scripts without spaces touch the numbers they announce.

/// A set of byte values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// The bytes in `members`, where `a-z` style ranges are written out by [`ByteSet::range`].
    pub(crate) const fn of(members: &[u8]) -> Self {
        let mut set = Self([0; 4]);
        let mut i = 0;
        while i < members.len() {
            set.0[(members[i] >> 6) as usize] |= 1 << (members[i] & 63);
            i += 1;
        }
        set
    }

    /// The set with `first..=last` added.
    pub(crate) const fn range(mut self, first: u8, last: u8) -> Self {
        let mut b = first;
        while b <= last {
            self.0[(b >> 6) as usize] |= 1 << (b & 63);
            b += 1;
        }
        self
    }

    /// True if `byte` is in the set.
    #[inline]
    pub(crate) const fn has(self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 == 1
    }

    /// Index of the first byte at or after `from` that is not in the set, looking at most `max` bytes.
    #[inline]
    pub(crate) fn run_end(self, bytes: &[u8], from: usize, max: usize) -> usize {
        let stop = bytes.len().min(from.saturating_add(max));
        let mut i = from;
        while i < stop && self.has(bytes[i]) {
            i += 1;
        }
        i
    }

    /// Index of the first byte of the run of members that ends before `end`, looking back at most `max` bytes.
    #[inline]
    pub(crate) fn run_start(self, bytes: &[u8], end: usize, max: usize) -> usize {
        let stop = end.saturating_sub(max);
        let mut i = end;
        while i > stop && self.has(bytes[i - 1]) {
            i -= 1;
        }
        i
    }
}

impl std::fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let members: String = (0..=127u8).filter(|b| self.has(*b)).map(char::from).collect();
        write!(f, "ByteSet({members:?})")
    }
}

/// A set that is asked of every other byte: one look at one table, whichever it is.
#[derive(Clone, Copy)]
pub(crate) struct Common(u8);

/// Which of the [`Common`] sets a byte is in.
static KIND: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        table[i] = if b.is_ascii_digit() {
            1
        } else if b.is_ascii_alphabetic() {
            2
        } else if b == b'_' {
            4
        } else {
            0
        };
        i += 1;
    }
    table
};

impl Common {
    /// True if `byte` is in the set.
    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        KIND[usize::from(byte)] & self.0 != 0
    }

    /// As [`ByteSet::run_end`].
    #[inline]
    pub(crate) fn run_end(self, bytes: &[u8], from: usize, max: usize) -> usize {
        let stop = bytes.len().min(from.saturating_add(max));
        let run = bytes.get(from..stop).unwrap_or_default();
        from + run.iter().position(|b| !self.has(*b)).unwrap_or(run.len())
    }

    /// As [`ByteSet::run_start`].
    #[inline]
    pub(crate) fn run_start(self, bytes: &[u8], end: usize, max: usize) -> usize {
        let run = &bytes[end.saturating_sub(max)..end];
        end - run.iter().rev().position(|b| !self.has(*b)).unwrap_or(run.len())
    }
}

/// `0-9`.
pub(crate) const DIGIT: Common = Common(1);
/// `A-Za-z`.
pub(crate) const ALPHA: Common = Common(2);
/// `A-Za-z0-9`.
pub(crate) const ALNUM: Common = Common(3);
/// `A-Za-z0-9_`.
pub(crate) const WORD: Common = Common(7);

/// The high bit of every byte of `word` that is a letter.
pub(crate) const fn letters(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low = (word | (0x20 * EACH)) & LOW;
    let from_a = low + (0x80 - b'a' as u64) * EACH;
    let past_z = low + (0x7f - b'z' as u64) * EACH;
    from_a & !past_z & !word & !LOW
}

/// True where a word may start: at the start, after a non-letter, at a hump (`userSsn`), between digit and letter.
#[inline]
pub(crate) fn word_starts(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|i| bytes.get(i)) else { return true };
    !ALPHA.has(*before) || (before.is_ascii_lowercase() && bytes.get(at).is_some_and(u8::is_ascii_uppercase))
}

/// True where a word may end; a plural `s` does not count.
#[inline]
pub(crate) fn word_ends(bytes: &[u8], at: usize) -> bool {
    let Some(&next) = bytes.get(at) else { return true };
    if !ALPHA.has(next) {
        return true;
    }
    if next.is_ascii_uppercase() && at.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_lowercase) {
        return true;
    }
    next == b's' && bytes.get(at + 1).is_none_or(|b| !ALPHA.has(*b))
}

/// True for what joins the groups of a number.
#[inline]
pub(crate) fn is_joiner(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'/' | b':')
}
