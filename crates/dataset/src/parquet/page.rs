//! Pages: their headers, and where levels and values begin in what they unpack to.

use super::{
    Broken, codec,
    levels::Runs,
    schema::{Leaf, Physical},
    thrift::{Kind, Thrift},
    values::{self, Values, u32_at},
};

const CUT: Broken = Broken("a page is cut");

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    Data,
    DataV2 {
        definition_bytes: usize,
        repetition_bytes: usize,
        packed: bool,
    },
    Dictionary,
    /// An index, or what a later version of the format has.
    Other,
}

/// What the header of a page says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: PageKind,
    pub(super) unpacked_bytes: usize,
    pub(super) packed_bytes: usize,
    pub(super) values: u64,
    pub(super) encoding: i32,
    level_encodings: (i32, i32),
}

impl Header {
    /// The header at the start of `bytes`, and its length.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, usize), Broken> {
        let mut t = Thrift::new(bytes);
        let (mut kind, mut unpacked, mut packed, mut last) = (None, 0, 0, 0);
        let mut header = Self {
            kind: PageKind::Other,
            unpacked_bytes: 0,
            packed_bytes: 0,
            values: 0,
            encoding: 0,
            level_encodings: (3, 3),
        };
        while let Some(field) = t.field(&mut last)? {
            match field {
                (1, Kind::Integer) => kind = Some(t.code()?),
                (2, Kind::Integer) => unpacked = t.count()?,
                (3, Kind::Integer) => packed = t.count()?,
                (5 | 7, Kind::Struct) => header.data(&mut t, field.0 == 7)?,
                (8, Kind::Struct) => header.data_v2(&mut t)?,
                (_, kind) => t.skip(kind)?,
            }
        }
        header.kind = match (kind, header.kind) {
            (Some(0), _) => PageKind::Data,
            (Some(2), _) => PageKind::Dictionary,
            (Some(3), v2 @ PageKind::DataV2 { .. }) => v2,
            (Some(3), _) | (None, _) => return Err(Broken("the header of a page does not say what it is")),
            _ => PageKind::Other,
        };
        let size = |n: u64| usize::try_from(n).ok().filter(|n| *n <= i32::MAX as usize).ok_or(CUT);
        (header.unpacked_bytes, header.packed_bytes) = (size(unpacked)?, size(packed)?);
        Ok((header, t.read()))
    }

    fn data(&mut self, t: &mut Thrift<'_>, dictionary: bool) -> Result<(), Broken> {
        let mut last = 0;
        while let Some(field) = t.field(&mut last)? {
            match field {
                (1, Kind::Integer) => self.values = t.count()?,
                (2, Kind::Integer) => self.encoding = t.code()?,
                (3, Kind::Integer) if !dictionary => self.level_encodings.0 = t.code()?,
                (4, Kind::Integer) if !dictionary => self.level_encodings.1 = t.code()?,
                (_, kind) => t.skip(kind)?,
            }
        }
        Ok(())
    }

    fn data_v2(&mut self, t: &mut Thrift<'_>) -> Result<(), Broken> {
        let (mut definition, mut repetition, mut packed, mut last) = (0, 0, true, 0);
        while let Some(field) = t.field(&mut last)? {
            match field {
                (1, Kind::Integer) => self.values = t.count()?,
                (4, Kind::Integer) => self.encoding = t.code()?,
                (5, Kind::Integer) => definition = t.count()?,
                (6, Kind::Integer) => repetition = t.count()?,
                (7, Kind::False) => packed = false,
                (_, kind) => t.skip(kind)?,
            }
        }
        let size = |n: u64| usize::try_from(n).map_err(|_| CUT);
        self.kind =
            PageKind::DataV2 { definition_bytes: size(definition)?, repetition_bytes: size(repetition)?, packed };
        Ok(())
    }

    /// The bytes of the page, unpacked.
    pub(super) fn unpack(&self, method: i32, data: &[u8]) -> Result<Vec<u8>, Broken> {
        let PageKind::DataV2 { definition_bytes, repetition_bytes, packed } = self.kind else {
            return codec::unpack(method, data, self.unpacked_bytes);
        };
        // Levels of this version are never packed.
        let levels = definition_bytes.checked_add(repetition_bytes).ok_or(CUT)?;
        let (levels, values) = data.split_at_checked(levels).ok_or(CUT)?;
        let length = self.unpacked_bytes.checked_sub(levels.len()).ok_or(CUT)?;
        let method = if packed && !values.is_empty() { method } else { 0 };
        let mut page = levels.to_vec();
        page.extend(codec::unpack(method, values, length)?);
        Ok(page)
    }
}

/// A data page that is being read.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    repetition: Option<Runs>,
    definition: Option<Runs>,
    values: Values,
    /// Values that are left, nulls among them.
    pub(super) left: u64,
    /// Level and how often it still stands.
    repeated: (u32, u64),
    defined: (u32, u64),
    scratch: Vec<u8>,
}

/// What comes next in a page.
pub(super) enum Next<'p> {
    /// So many places without a value.
    Nulls(u64),
    /// A value of the dictionary, so many times.
    Index(usize, u64),
    /// A value of its own.
    Value(&'p [u8]),
}

impl Page {
    pub(super) fn open(header: &Header, bytes: Vec<u8>, leaf: &Leaf) -> Result<Self, Broken> {
        let mut at = 0;
        let bits = |max: u32| u32::BITS - max.leading_zeros();
        let mut levels = |max: u32, length: Option<usize>, encoding: i32| -> Result<Option<Runs>, Broken> {
            if max == 0 {
                at += length.unwrap_or(0);
                return Ok(None);
            }
            if encoding != 3 {
                return Err(Broken("levels are in an encoding of old that has no reader here"));
            }
            let length = match length {
                Some(length) => length,
                None => {
                    let length = u32_at(&bytes, at)?;
                    at += 4;
                    length
                }
            };
            let end = at.checked_add(length).filter(|end| *end <= bytes.len()).ok_or(CUT)?;
            let runs = Runs::new(at, end, bits(max))?;
            at = end;
            Ok(Some(runs))
        };
        let (lengths, encodings) = match header.kind {
            PageKind::DataV2 { definition_bytes, repetition_bytes, .. } => {
                ((Some(repetition_bytes), Some(definition_bytes)), (3, 3))
            }
            _ => ((None, None), header.level_encodings),
        };
        let repetition = levels(leaf.repetition_max, lengths.0, encodings.1)?;
        let definition = levels(leaf.definition_max, lengths.1, encodings.0)?;
        let values = values::open(&bytes, at, header.encoding, leaf.physical, header.values)?;
        Ok(Self {
            bytes,
            repetition,
            definition,
            values,
            left: header.values,
            repeated: (0, 0),
            defined: (0, 0),
            scratch: Vec::new(),
        })
    }

    /// What comes next, and how many rows begin with it. `left` counts down.
    pub(super) fn next(&mut self, leaf: &Leaf) -> Result<(Next<'_>, u64), Broken> {
        if self.repeated.1 == 0 {
            self.repeated = match &mut self.repetition {
                Some(runs) => runs.next(&self.bytes, self.left)?,
                None => (0, self.left),
            };
        }
        if self.defined.1 == 0 {
            self.defined = match &mut self.definition {
                Some(runs) => runs.next(&self.bytes, self.left)?,
                None => (leaf.definition_max, self.left),
            };
        }
        let mut n = self.repeated.1.min(self.defined.1).min(self.left);
        let mut index = None;
        let null = self.defined.0 != leaf.definition_max;
        if !null {
            if let Values::Indices(runs) = &mut self.values {
                let (found, times) = runs.next(&self.bytes, n)?;
                (index, n) = (Some(found as usize), times);
            } else {
                n = 1;
            }
        }
        self.left -= n;
        self.repeated.1 -= n;
        self.defined.1 -= n;
        let rows = if self.repeated.0 == 0 { n } else { 0 };
        let next = match index {
            _ if null => Next::Nulls(n),
            Some(index) => Next::Index(index, n),
            None => {
                let longest = self.bytes.len();
                Next::Value(self.values.next(&self.bytes, leaf.physical, &mut self.scratch, longest)?)
            }
        };
        Ok((next, rows))
    }
}

/// The values of a dictionary page, with how often the pages that follow refer to each.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    page: Vec<u8>,
    places: Vec<(u32, u32)>,
    uses: Vec<Use>,
}

/// How often a value stands in a column, and in which row first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) times: u64,
    pub(super) row: u64,
}

impl Dictionary {
    pub(super) fn open(header: &Header, page: Vec<u8>, physical: Physical) -> Result<Self, Broken> {
        if !matches!(header.encoding, 0 | 2) {
            return Err(Broken("a dictionary is in an encoding that no dictionary has"));
        }
        let (mut places, mut at) = (Vec::new(), 0);
        while (places.len() as u64) < header.values {
            let value = values::plain(&page, &mut at, physical)?;
            let start = at - value.len();
            let place = (u32::try_from(start).map_err(|_| CUT)?, u32::try_from(value.len()).map_err(|_| CUT)?);
            places.push(place);
        }
        let uses = vec![Use::default(); places.len()];
        Ok(Self { page, places, uses })
    }

    pub(super) fn count(&mut self, index: usize, times: u64, row: u64) -> Result<(), Broken> {
        let found = self.uses.get_mut(index).ok_or(Broken("a page refers past the end of its dictionary"))?;
        if found.times == 0 {
            found.row = row;
        }
        found.times += times;
        Ok(())
    }

    /// Value `index` and its uses.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], Use)> {
        let (start, length) = *self.places.get(index)?;
        Some((self.page.get(start as usize..)?.get(..length as usize)?, *self.uses.get(index)?))
    }
}
