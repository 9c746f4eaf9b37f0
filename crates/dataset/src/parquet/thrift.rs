//! The compact protocol of Apache Thrift, as far as Parquet's headers use it
//! (<https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>).
//!
//! Every length is checked against what is left of the bytes before anything is made of it.

use super::Broken;

/// Nesting of structures that are passed over.
const DEPTH_MAX: u32 = 16;

/// Structures that one header holds. An empty one is a byte, but takes a hundred in memory.
const PARTS_MAX: usize = 2 << 20;

/// Type of a field or of the elements of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    Integer,
    Double,
    Binary,
    List,
    Map,
    Struct,
}

impl Kind {
    const fn of(nibble: u8) -> Result<Self, Broken> {
        Ok(match nibble {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Integer,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return Err(Broken("a header has a field of no known type")),
        })
    }
}

/// Reads values one after the other.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Structures that may still be made of what is read.
    parts_left: usize,
}

impl<'a> Thrift<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, parts_left: PARTS_MAX }
    }

    /// Bytes read so far.
    pub(super) const fn read(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let byte = self.bytes.get(self.at).copied().ok_or(Broken("a header is cut"))?;
        self.at += 1;
        Ok(byte)
    }

    fn unsigned(&mut self) -> Result<u64, Broken> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Broken("a number in a header has no end"))
    }

    /// A signed number of 16, 32 or 64 bits.
    pub(super) fn integer(&mut self) -> Result<i64, Broken> {
        let n = self.unsigned()?;
        Ok((n >> 1) as i64 ^ -((n & 1) as i64))
    }

    /// A number that counts or measures something, which is never negative.
    pub(super) fn count(&mut self) -> Result<u64, Broken> {
        u64::try_from(self.integer()?).map_err(|_| Broken("a size in a header is negative"))
    }

    /// A number that names one of a few things.
    pub(super) fn code(&mut self) -> Result<i32, Broken> {
        i32::try_from(self.integer()?).map_err(|_| Broken("a number in a header is too large"))
    }

    pub(super) fn binary(&mut self) -> Result<&'a [u8], Broken> {
        let length = self.unsigned()?;
        let length = usize::try_from(length).map_err(|_| Broken("a text in a header is too long"))?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Broken("a text in a header is cut"))?;
        let found = &self.bytes[self.at..end];
        self.at = end;
        Ok(found)
    }

    pub(super) fn text(&mut self) -> Result<String, Broken> {
        Ok(String::from_utf8_lossy(self.binary()?).into_owned())
    }

    /// The next field of a structure: its id and type; `None` at the end. `last` starts at 0.
    pub(super) fn field(&mut self, last: &mut i16) -> Result<Option<(i16, Kind)>, Broken> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let step = i16::from(head >> 4);
        *last = if step == 0 {
            i16::try_from(self.integer()?).map_err(|_| Broken("a field of a header has no valid id"))?
        } else {
            last.checked_add(step).ok_or(Broken("a field of a header has no valid id"))?
        };
        Ok(Some((*last, Kind::of(head & 0xf)?)))
    }

    /// Type and number of the elements of a list. Each takes at least one byte, so the number is no more than is left.
    pub(super) fn list(&mut self) -> Result<(Kind, usize), Broken> {
        let head = self.byte()?;
        let length = if head >> 4 == 15 { self.unsigned()? } else { u64::from(head >> 4) };
        let left = self.bytes.len() - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= left => Ok((Kind::of(head & 0xf)?, length)),
            _ => Err(Broken("a list in a header is longer than the header")),
        }
    }

    /// Takes note that `n` structures are made of what is read.
    pub(super) fn charge(&mut self, n: usize) -> Result<(), Broken> {
        self.parts_left = self.parts_left.checked_sub(n).ok_or(Broken("a header has more parts than any table"))?;
        Ok(())
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self, kind: Kind) -> Result<(), Broken> {
        self.skip_at(kind, false, 0)
    }

    fn skip_at(&mut self, kind: Kind, element: bool, depth: u32) -> Result<(), Broken> {
        if depth > DEPTH_MAX {
            return Err(Broken("a header is nested too deep"));
        }
        match kind {
            // As a field the value is in the type; as an element it is a byte.
            Kind::True | Kind::False if !element => {}
            Kind::True | Kind::False | Kind::Byte => _ = self.byte()?,
            Kind::Integer => _ = self.unsigned()?,
            Kind::Double => {
                for _ in 0..8 {
                    self.byte()?;
                }
            }
            Kind::Binary => _ = self.binary()?,
            Kind::List => {
                let (kind, length) = self.list()?;
                for _ in 0..length {
                    self.skip_at(kind, true, depth + 1)?;
                }
            }
            Kind::Map => {
                let length = self.unsigned()?;
                if length == 0 {
                    return Ok(());
                }
                if length > (self.bytes.len() - self.at) as u64 {
                    return Err(Broken("a map in a header is longer than the header"));
                }
                let kinds = self.byte()?;
                let (key, value) = (Kind::of(kinds >> 4)?, Kind::of(kinds & 0xf)?);
                for _ in 0..length {
                    self.skip_at(key, true, depth + 1)?;
                    self.skip_at(value, true, depth + 1)?;
                }
            }
            Kind::Struct => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_at(kind, false, depth + 1)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, PARTS_MAX, Thrift};

    #[test]
    fn fields_lists_and_what_is_passed_over() {
        // 1: i32 -3, 2: binary "ab", 4: list<i32> [1, 2], 5: struct {1: true}, 6: bool false, stop.
        let bytes = [0x15, 5, 0x18, 2, b'a', b'b', 0x29, 0x25, 2, 4, 0x1c, 0x11, 0, 0x12, 0];
        let mut thrift = Thrift::new(&bytes);
        let mut last = 0;
        assert_eq!(thrift.field(&mut last).unwrap(), Some((1, Kind::Integer)));
        assert_eq!(thrift.integer().unwrap(), -3);
        assert_eq!(thrift.field(&mut last).unwrap(), Some((2, Kind::Binary)));
        assert_eq!(thrift.binary().unwrap(), b"ab");
        for (id, kind) in [(4, Kind::List), (5, Kind::Struct), (6, Kind::False)] {
            assert_eq!(thrift.field(&mut last).unwrap(), Some((id, kind)));
            thrift.skip(kind).unwrap();
        }
        assert_eq!(thrift.field(&mut last).unwrap(), None);
        assert_eq!(thrift.read(), bytes.len());
    }

    #[test]
    fn parts_at_the_limit_and_past_it() {
        let mut thrift = Thrift::new(&[]);
        assert!(thrift.charge(PARTS_MAX).is_ok() && thrift.charge(1).is_err());
    }

    #[test]
    fn hostile_lengths_are_refused() {
        assert!(Thrift::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).binary().is_err());
        assert!(Thrift::new(&[0xf5, 0xff, 0xff, 0xff, 0x7f]).list().is_err());
        assert!(Thrift::new(&[0xff; 12]).integer().is_err());
        // A structure in a structure in a structure…
        assert!(Thrift::new(&[0x1c; 4_000]).skip(Kind::Struct).is_err());
        let lists = [0x19; 4_000];
        assert!(Thrift::new(&lists).skip(Kind::List).is_err());
    }
}
