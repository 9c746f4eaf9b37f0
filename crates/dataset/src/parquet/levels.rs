//! The hybrid of run lengths and packed bits that levels and dictionary indices are written in
//! (<https://github.com/apache/parquet-format/blob/master/Encodings.md>, RLE = 3).

use super::Broken;

/// Reads numbers of one bit width from a part of a page. The page itself is passed in with every call.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    at: usize,
    end: usize,
    width: u32,
    value: u32,
    /// Values of the current run that are left.
    left: u64,
    /// Bits of the current packed run that were read; `None` in a run of one value.
    packed: Option<u64>,
}

impl Runs {
    /// Numbers of `width` bits in the bytes from `at` to `end`.
    pub(super) fn new(at: usize, end: usize, width: u32) -> Result<Self, Broken> {
        if width > 32 || at > end {
            return Err(Broken("a page has levels of an impossible width"));
        }
        Ok(Self { at, end, width, ..Self::default() })
    }

    /// The next number and how often it stands there, `max` at most.
    pub(super) fn next(&mut self, page: &[u8], max: u64) -> Result<(u32, u64), Broken> {
        if self.left == 0 {
            self.start(page)?;
        }
        if let Some(bits) = self.packed {
            let value = bits_at(page.get(self.at..self.end).unwrap_or_default(), bits, self.width)?;
            self.left -= 1;
            self.packed = Some(bits + u64::from(self.width));
            if self.left == 0 {
                // A group of eight values takes as many bytes as a value has bits.
                let groups = (bits + u64::from(self.width)).div_ceil(8);
                self.at += usize::try_from(groups).map_err(|_| CUT)?;
            }
            return Ok((value, 1));
        }
        let n = self.left.min(max);
        self.left -= n;
        Ok((self.value, n))
    }

    fn start(&mut self, page: &[u8]) -> Result<(), Broken> {
        let mut head = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte(page)?;
            head |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let count = head >> 1;
        if head & 1 == 1 {
            (self.packed, self.left) = (Some(0), count * 8);
        } else {
            self.value = 0;
            for shift in (0..self.width.div_ceil(8)).map(|i| i * 8) {
                self.value |= u32::from(self.byte(page)?) << shift;
            }
            (self.packed, self.left) = (None, count);
        }
        if self.left == 0 { Err(Broken("a page has a run of no values")) } else { Ok(()) }
    }

    fn byte(&mut self, page: &[u8]) -> Result<u8, Broken> {
        let byte = page.get(self.at).filter(|_| self.at < self.end).copied().ok_or(CUT)?;
        self.at += 1;
        Ok(byte)
    }
}

const CUT: Broken = Broken("a page is cut");

/// The number of `width` bits that starts at bit `from`, least significant bit first.
pub(super) fn bits_at(bytes: &[u8], from: u64, width: u32) -> Result<u32, Broken> {
    if width == 0 {
        return Ok(0);
    }
    let first = usize::try_from(from / 8).map_err(|_| CUT)?;
    let shift = (from % 8) as u32;
    let needed = (shift + width).div_ceil(8) as usize;
    let mut word = [0; 8];
    word[..needed].copy_from_slice(bytes.get(first..first + needed).ok_or(CUT)?);
    let mask = (1_u64 << width) - 1;
    Ok(((u64::from_le_bytes(word) >> shift) & mask) as u32)
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn runs_and_packed_bits() {
        // Four times 2, then eight packed values 0..=7, three bits each, then twice 5.
        let page = [0x08, 2, 0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010, 0x04, 5];
        let mut runs = Runs::new(0, page.len(), 3).unwrap();
        assert_eq!(runs.next(&page, 3).unwrap(), (2, 3));
        assert_eq!(runs.next(&page, 9).unwrap(), (2, 1));
        for n in 0..8 {
            assert_eq!(runs.next(&page, 9).unwrap(), (n, 1));
        }
        assert_eq!(runs.next(&page, 9).unwrap(), (5, 2));
        assert!(runs.next(&page, 9).is_err());
    }

    #[test]
    fn a_cut_page_and_an_impossible_width_are_refused() {
        assert!(Runs::new(0, 4, 33).is_err());
        assert!(Runs::new(0, 1, 8).unwrap().next(&[0x02], 1).is_err());
        assert!(Runs::new(0, 2, 0).unwrap().next(&[0, 0], 1).is_err(), "an empty run never ends");
        let mut wide = Runs::new(0, 6, 32).unwrap();
        assert_eq!(wide.next(&[0x02, 0xff, 0xff, 0xff, 0xff, 0], 5).unwrap(), (u32::MAX, 1));
    }
}
