//! The values of a page, whatever they are encoded in, as the bytes that PLAIN would have.

use super::{Broken, delta::Delta, levels::Runs, schema::Physical};

const CUT: Broken = Broken("a page is cut");

/// Where the next value of a page comes from. The page itself is passed in with every call.
#[derive(Debug)]
pub(super) enum Values {
    Plain {
        at: usize,
    },
    /// One bit a value.
    Bits {
        at: usize,
        bit: u64,
    },
    /// Booleans in runs.
    BooleanRuns(Runs),
    /// Indices of the dictionary.
    Indices(Runs),
    Delta(Delta),
    DeltaLength {
        lengths: Delta,
        at: usize,
    },
    DeltaBytes {
        prefixes: Delta,
        suffixes: Delta,
        at: usize,
    },
    /// The first bytes of all values, then the second ones, and so on.
    Split {
        at: usize,
        index: usize,
        count: usize,
    },
}

/// A reader of the values that begin at `at`; `count` is how many there are at most.
pub(super) fn open(page: &[u8], at: usize, encoding: i32, physical: Physical, count: u64) -> Result<Values, Broken> {
    Ok(match (encoding, physical) {
        (0, Physical::Boolean) => Values::Bits { at, bit: 0 },
        (0, _) => Values::Plain { at },
        (2 | 8, _) => {
            // A page of nulls alone may end before the width.
            let width = page.get(at).copied().unwrap_or_default();
            Values::Indices(Runs::new((at + 1).min(page.len()), page.len(), u32::from(width))?)
        }
        (3, Physical::Boolean) => {
            let length = u32_at(page, at)?;
            let end = (at + 4).saturating_add(length).min(page.len());
            Values::BooleanRuns(Runs::new(at + 4, end, 1)?)
        }
        (5, Physical::Int32 | Physical::Int64) => Values::Delta(Delta::new(page, at, count)?),
        (6, Physical::Bytes) => {
            let lengths = Delta::new(page, at, count)?;
            let at = lengths.end(page)?;
            Values::DeltaLength { lengths, at }
        }
        (7, Physical::Bytes | Physical::Fixed(_)) => {
            let prefixes = Delta::new(page, at, count)?;
            let suffixes = Delta::new(page, prefixes.end(page)?, count)?;
            let at = suffixes.end(page)?;
            Values::DeltaBytes { prefixes, suffixes, at }
        }
        (9, _) => match physical.width() {
            Some(width) => Values::Split { at, index: 0, count: (page.len() - at.min(page.len())) / width },
            None => return Err(Broken("an encoding does not fit the type of its column")),
        },
        (4..=7, _) | (3, _) => return Err(Broken("an encoding does not fit the type of its column")),
        _ => return Err(Broken("an encoding is not known")),
    })
}

pub(super) fn u32_at(page: &[u8], at: usize) -> Result<usize, Broken> {
    let bytes = page.get(at..).and_then(<[u8]>::first_chunk::<4>).ok_or(CUT)?;
    Ok(u32::from_le_bytes(*bytes) as usize)
}

/// The PLAIN value at `at`, past which `at` is moved.
pub(super) fn plain<'p>(page: &'p [u8], at: &mut usize, physical: Physical) -> Result<&'p [u8], Broken> {
    let (start, width) = match physical.width() {
        Some(width) => (*at, width),
        None => (*at + 4, u32_at(page, *at)?),
    };
    let end = start.checked_add(width).ok_or(CUT)?;
    let value = page.get(start..end).ok_or(CUT)?;
    *at = end;
    Ok(value)
}

impl Values {
    /// The next value; `scratch` holds it where the page does not. Indices are read by [`Runs::next`].
    pub(super) fn next<'p>(
        &mut self,
        page: &'p [u8],
        physical: Physical,
        scratch: &'p mut Vec<u8>,
        longest: usize,
    ) -> Result<&'p [u8], Broken> {
        match self {
            Self::Plain { at } => return plain(page, at, physical),
            Self::Bits { at, bit } => {
                let byte = page.get(*at + usize::try_from(*bit / 8).map_err(|_| CUT)?).ok_or(CUT)?;
                scratch.clear();
                scratch.push(byte >> (*bit % 8) & 1);
                *bit += 1;
            }
            Self::BooleanRuns(runs) => {
                scratch.clear();
                scratch.push((runs.next(page, 1)?.0 & 1) as u8);
            }
            Self::Indices(_) => return Err(Broken("a page refers to a dictionary that is not there")),
            Self::Delta(delta) => {
                let value = delta.next(page)?.to_le_bytes();
                scratch.clear();
                scratch.extend_from_slice(if physical == Physical::Int32 { &value[..4] } else { &value });
            }
            Self::DeltaLength { lengths, at } => {
                let length = usize::try_from(lengths.next(page)?).map_err(|_| CUT)?;
                let end = at.checked_add(length).ok_or(CUT)?;
                let value = page.get(*at..end).ok_or(CUT)?;
                *at = end;
                return Ok(value);
            }
            Self::DeltaBytes { prefixes, suffixes, at } => {
                let prefix = usize::try_from(prefixes.next(page)?).map_err(|_| CUT)?;
                let length = usize::try_from(suffixes.next(page)?).map_err(|_| CUT)?;
                let end = at.checked_add(length).ok_or(CUT)?;
                let suffix = page.get(*at..end).ok_or(CUT)?;
                if prefix > scratch.len() || prefix + length > longest {
                    return Err(Broken("a value is longer than what it is made of"));
                }
                // `scratch` still holds the value before this one.
                scratch.truncate(prefix);
                scratch.extend_from_slice(suffix);
                *at = end;
            }
            Self::Split { at, index, count } => {
                if *index >= *count {
                    return Err(CUT);
                }
                scratch.clear();
                for byte in 0..physical.width().unwrap_or_default() {
                    scratch.push(*page.get(*at + byte * *count + *index).ok_or(CUT)?);
                }
                *index += 1;
            }
        }
        Ok(scratch)
    }
}

#[cfg(test)]
mod tests {
    use super::{Physical, Values, open};

    fn all(page: &[u8], encoding: i32, physical: Physical, n: u64) -> Vec<Vec<u8>> {
        let mut values: Values = open(page, 0, encoding, physical, n).unwrap();
        let mut scratch = Vec::new();
        (0..n).map(|_| values.next(page, physical, &mut scratch, 1 << 10).unwrap().to_vec()).collect()
    }

    #[test]
    fn every_encoding_gives_the_plain_bytes() {
        assert_eq!(all(b"\x02\0\0\0ab\x01\0\0\0c", 0, Physical::Bytes, 2), [b"ab".to_vec(), b"c".to_vec()]);
        assert_eq!(all(&[0b101], 0, Physical::Boolean, 3), [[1], [0], [1]]);
        assert_eq!(all(&[2, 0, 0, 0, 6, 1], 3, Physical::Boolean, 3), [[1], [1], [1]]);
        assert_eq!(all(&[1, 3, 2, 4], 9, Physical::Fixed(2), 2), [[1, 2], [3, 4]]);
        // Lengths 2 and 2, then the bytes.
        let two = [8, 1, 2, 4, 0, 0];
        assert_eq!(all(&[&two[..], b"abcd"].concat(), 6, Physical::Bytes, 2), [b"ab", b"cd"]);
        // Prefixes 0 and 2, suffixes 3 and 1: "abc", "abd".
        let (prefixes, suffixes) = ([8, 1, 2, 0, 4, 0], [8, 1, 2, 6, 3, 0]);
        let page = [&prefixes[..], &suffixes, b"abcd"].concat();
        assert_eq!(all(&page, 7, Physical::Bytes, 2), [b"abc", b"abd"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(open(b"", 0, 6, Physical::Int32, 1).is_err());
        assert!(open(b"", 0, 77, Physical::Int32, 1).is_err());
        assert!(open(b"", 0, 9, Physical::Bytes, 1).is_err());
        let mut plain = open(b"\xff\xff\xff\xff", 0, 0, Physical::Bytes, 1).unwrap();
        assert!(plain.next(b"\xff\xff\xff\xff", Physical::Bytes, &mut Vec::new(), 9).is_err());
    }
}
