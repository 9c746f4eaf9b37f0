//! The footer: which columns there are, and where their pages lie
//! (<https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>).

use super::{
    Broken,
    schema::{Element, Logical},
    thrift::{Kind, Thrift},
};

/// What the footer says, as far as reading needs it.
#[derive(Debug, Default)]
pub(super) struct Footer {
    pub(super) schema: Vec<Element>,
    pub(super) groups: Vec<RowGroup>,
    /// Key and value of what writers add.
    pub(super) metadata: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(super) struct RowGroup {
    pub(super) columns: Vec<Chunk>,
    pub(super) rows: u64,
}

/// The pages of one column in one row group.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    pub(super) codec: i32,
    pub(super) values: u64,
    pub(super) compressed_bytes: u64,
    pub(super) data_offset: u64,
    pub(super) dictionary_offset: Option<u64>,
    /// Columns may have keys of their own.
    pub(super) encrypted: bool,
    /// The pages lie in another file.
    pub(super) elsewhere: bool,
    /// The footer tells about this column.
    pub(super) described: bool,
}

impl Footer {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Broken> {
        let mut t = Thrift::new(bytes);
        let (mut footer, mut last) = (Self::default(), 0);
        while let Some(field) = t.field(&mut last)? {
            match field {
                (2, Kind::List) => footer.schema = list(&mut t, element)?,
                (4, Kind::List) => footer.groups = list(&mut t, row_group)?,
                (5, Kind::List) => footer.metadata = list(&mut t, key_value)?,
                (_, kind) => t.skip(kind)?,
            }
        }
        Ok(footer)
    }
}

/// A list of structures. Room is made as they come, not as many as the list says there are.
fn list<T>(t: &mut Thrift<'_>, read: fn(&mut Thrift<'_>) -> Result<T, Broken>) -> Result<Vec<T>, Broken> {
    let (kind, length) = t.list()?;
    if length > 0 && kind != Kind::Struct {
        return Err(Broken("a list in the footer is none of structures"));
    }
    t.charge(length)?;
    (0..length).map(|_| read(t)).collect()
}

fn element(t: &mut Thrift<'_>) -> Result<Element, Broken> {
    let (mut element, mut last) = (Element::default(), 0);
    while let Some(field) = t.field(&mut last)? {
        match field {
            (1, Kind::Integer) => element.physical = Some(t.code()?),
            (2, Kind::Integer) => element.length = t.count()?,
            (3, Kind::Integer) => element.repetition = t.code()?,
            (4, Kind::Binary) => element.name = t.text()?,
            (5, Kind::Integer) => element.children = t.count()?,
            (6, Kind::Integer) => element.converted = Some(t.code()?),
            (7, Kind::Integer) => element.scale = t.code()?,
            (10, Kind::Struct) => element.logical = logical(t)?,
            (_, kind) => t.skip(kind)?,
        }
    }
    Ok(element)
}

/// The union of logical types: one field, whose id is the type.
fn logical(t: &mut Thrift<'_>) -> Result<Logical, Broken> {
    let (mut found, mut last) = (Logical::None, 0);
    while let Some((id, kind)) = t.field(&mut last)? {
        if kind != Kind::Struct {
            t.skip(kind)?;
            continue;
        }
        match id {
            5 | 7 | 8 | 10 => {
                let (mut first, mut unit, mut signed, mut inner) = (0, 0, true, 0);
                while let Some(field) = t.field(&mut inner)? {
                    match field {
                        (1, Kind::Integer) => first = t.code()?,
                        // Eight bits of an integer's width are a byte on the wire.
                        (2, Kind::False) => signed = false,
                        (2, Kind::Struct) => unit = union_id(t)?,
                        (_, kind) => t.skip(kind)?,
                    }
                }
                found = match id {
                    5 => Logical::Decimal { scale: first },
                    7 => Logical::Time { unit },
                    8 => Logical::Timestamp { unit },
                    _ => Logical::Integer { signed },
                };
            }
            _ => {
                t.skip(kind)?;
                found = match id {
                    1 | 4 | 12 => Logical::Text,
                    6 => Logical::Date,
                    14 => Logical::Uuid,
                    15 => Logical::Float16,
                    _ => Logical::None,
                };
            }
        }
    }
    Ok(found)
}

fn union_id(t: &mut Thrift<'_>) -> Result<i16, Broken> {
    let (mut found, mut last) = (0, 0);
    while let Some((id, kind)) = t.field(&mut last)? {
        found = id;
        t.skip(kind)?;
    }
    Ok(found)
}

fn key_value(t: &mut Thrift<'_>) -> Result<(String, String), Broken> {
    let (mut pair, mut last) = ((String::new(), String::new()), 0);
    while let Some(field) = t.field(&mut last)? {
        match field {
            (1, Kind::Binary) => pair.0 = t.text()?,
            (2, Kind::Binary) => pair.1 = t.text()?,
            (_, kind) => t.skip(kind)?,
        }
    }
    Ok(pair)
}

fn row_group(t: &mut Thrift<'_>) -> Result<RowGroup, Broken> {
    let (mut group, mut last) = (RowGroup::default(), 0);
    while let Some(field) = t.field(&mut last)? {
        match field {
            (1, Kind::List) => group.columns = list(t, chunk)?,
            (3, Kind::Integer) => group.rows = t.count()?,
            (_, kind) => t.skip(kind)?,
        }
    }
    Ok(group)
}

fn chunk(t: &mut Thrift<'_>) -> Result<Chunk, Broken> {
    let (mut chunk, mut last) = (Chunk::default(), 0);
    while let Some(field) = t.field(&mut last)? {
        match field {
            (1, Kind::Binary) => chunk.elsewhere = !t.binary()?.is_empty(),
            (3, Kind::Struct) => {
                chunk.described = true;
                describe(t, &mut chunk)?;
            }
            (8, Kind::Struct) => {
                chunk.encrypted = true;
                t.skip(Kind::Struct)?;
            }
            (_, kind) => t.skip(kind)?,
        }
    }
    Ok(chunk)
}

fn describe(t: &mut Thrift<'_>, chunk: &mut Chunk) -> Result<(), Broken> {
    let mut last = 0;
    while let Some(field) = t.field(&mut last)? {
        match field {
            (4, Kind::Integer) => chunk.codec = t.code()?,
            (5, Kind::Integer) => chunk.values = t.count()?,
            (7, Kind::Integer) => chunk.compressed_bytes = t.count()?,
            (9, Kind::Integer) => chunk.data_offset = t.count()?,
            // Some writers say 0 where there is none.
            (11, Kind::Integer) => chunk.dictionary_offset = Some(t.count()?).filter(|at| *at > 0),
            (_, kind) => t.skip(kind)?,
        }
    }
    Ok(())
}
