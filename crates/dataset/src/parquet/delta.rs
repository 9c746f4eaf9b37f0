//! Numbers written as differences (DELTA_BINARY_PACKED, encoding 5).

use super::Broken;

const CUT: Broken = Broken("a page is cut");

/// Reads numbers from a part of a page. The page itself is passed in with every call.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    /// Where the next block or packed group begins.
    at: usize,
    /// Numbers that are left, the first one included.
    left: u64,
    first: bool,
    last: i64,
    per_group: u64,
    groups: usize,
    /// Groups of the current block that were begun, and where their widths are.
    group: usize,
    widths_at: usize,
    minimum: i64,
    /// Of the current group: its start, the bits of a number, numbers read.
    start: usize,
    width: u32,
    taken: u64,
}

impl Delta {
    /// The numbers that begin at `at`; more than `count_max` are refused.
    pub(super) fn new(page: &[u8], at: usize, count_max: u64) -> Result<Self, Broken> {
        let mut at = at;
        let block = unsigned(page, &mut at)?;
        let groups = unsigned(page, &mut at)?;
        let left = unsigned(page, &mut at)?;
        let last = signed(page, &mut at)?;
        if left > count_max {
            return Err(Broken("a page has more numbers than values"));
        }
        if !(1..=4_096).contains(&groups) || block % groups != 0 || !(1..=1 << 20).contains(&(block / groups)) {
            return Err(Broken("a page has blocks of an impossible size"));
        }
        let per_group = block / groups;
        if per_group % 8 != 0 {
            return Err(Broken("a page has blocks of an impossible size"));
        }
        let groups = groups as usize;
        Ok(Self {
            at,
            left,
            first: true,
            last,
            per_group,
            groups,
            group: groups,
            widths_at: 0,
            minimum: 0,
            start: at,
            width: 0,
            taken: per_group,
        })
    }

    pub(super) fn next(&mut self, page: &[u8]) -> Result<i64, Broken> {
        self.left = self.left.checked_sub(1).ok_or(CUT)?;
        if std::mem::take(&mut self.first) {
            return Ok(self.last);
        }
        if self.taken == self.per_group {
            self.begin_group(page)?;
        }
        let bits = self.taken * u64::from(self.width);
        let difference = wide_bits_at(page.get(self.start..self.at).unwrap_or_default(), bits, self.width)?;
        self.taken += 1;
        self.last = self.last.wrapping_add(self.minimum).wrapping_add(difference as i64);
        Ok(self.last)
    }

    fn begin_group(&mut self, page: &[u8]) -> Result<(), Broken> {
        if self.group == self.groups {
            self.minimum = signed(page, &mut self.at)?;
            self.widths_at = self.at;
            self.at = self.at.checked_add(self.groups).filter(|at| *at <= page.len()).ok_or(CUT)?;
            self.group = 0;
        }
        self.width = u32::from(*page.get(self.widths_at + self.group).ok_or(CUT)?);
        if self.width > 64 {
            return Err(Broken("a page has numbers of an impossible width"));
        }
        self.group += 1;
        self.start = self.at;
        let bytes = self.per_group / 8 * u64::from(self.width);
        // The last group may be cut short: what is not there is only missed when it is read.
        self.at = self.at.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX)).min(page.len());
        self.taken = 0;
        Ok(())
    }

    /// Where the numbers end; what follows them in the page begins there.
    pub(super) fn end(&self, page: &[u8]) -> Result<usize, Broken> {
        let mut walk = self.clone();
        while walk.left > 0 {
            walk.next(page)?;
        }
        Ok(walk.at)
    }
}

fn unsigned(page: &[u8], at: &mut usize) -> Result<u64, Broken> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *page.get(*at).ok_or(CUT)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Broken("a number in a page has no end"))
}

fn signed(page: &[u8], at: &mut usize) -> Result<i64, Broken> {
    let n = unsigned(page, at)?;
    Ok((n >> 1) as i64 ^ -((n & 1) as i64))
}

/// The number of up to 64 bits that starts at bit `from`.
fn wide_bits_at(bytes: &[u8], from: u64, width: u32) -> Result<u64, Broken> {
    if width == 0 {
        return Ok(0);
    }
    let first = usize::try_from(from / 8).map_err(|_| CUT)?;
    let shift = (from % 8) as u32;
    let needed = (shift + width).div_ceil(8) as usize;
    let mut word = [0; 16];
    word[..needed].copy_from_slice(bytes.get(first..first + needed).ok_or(CUT)?);
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    Ok((u128::from_le_bytes(word) >> shift) as u64 & mask)
}

#[cfg(test)]
mod tests {
    use super::Delta;

    #[test]
    fn the_specifications_example() {
        // Encodings.md: 7, 5, 3, 1, 2, 3, 4, 5; differences from a minimum of -2 in two bits.
        let mut page = vec![0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0];
        page.extend([0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
        page.extend(b"next");
        let mut delta = Delta::new(&page, 0, 8).unwrap();
        assert_eq!(delta.end(&page).unwrap(), page.len() - 4);
        let all: Vec<i64> = (0..8).map(|_| delta.next(&page).unwrap()).collect();
        assert_eq!(all, [7, 5, 3, 1, 2, 3, 4, 5]);
        assert!(delta.next(&page).is_err());
        assert!(Delta::new(&page, 0, 7).is_err(), "one more than there are values");
    }

    #[test]
    fn impossible_blocks_are_refused() {
        for head in [[0, 0, 8, 14], [0x80, 0, 8, 14], [7, 2, 8, 14], [4, 4, 8, 14]] {
            assert!(Delta::new(&head, 0, 100).is_err(), "{head:?}");
        }
        let wide = [0x80, 1, 4, 8, 14, 3, 65, 0, 0, 0];
        let mut delta = Delta::new(&wide, 0, 100).unwrap();
        assert!(delta.next(&wide).is_ok() && delta.next(&wide).is_err());
    }
}
