//! Writes small Parquet files, for the tests of this crate and of those that use it.

/// The compact protocol of Thrift, as far as a writer of these tests needs it.
#[derive(Clone, Default)]
struct Thrift {
    bytes: Vec<u8>,
    last: i16,
}

impl Thrift {
    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
    }

    fn head(&mut self, id: i16, kind: u8) {
        self.bytes.push((id - self.last) as u8 * 16 + kind);
        self.last = id;
    }

    fn int(mut self, id: i16, n: i64) -> Self {
        self.head(id, 6);
        self.varint((n << 1 ^ n >> 63) as u64);
        self
    }

    fn text(mut self, id: i16, text: &str) -> Self {
        self.head(id, 8);
        self.varint(text.len() as u64);
        self.bytes.extend(text.as_bytes());
        self
    }

    fn part(mut self, id: i16, part: Thrift) -> Self {
        self.head(id, 12);
        self.bytes.extend(part.end());
        self
    }

    fn list(mut self, id: i16, parts: Vec<Thrift>) -> Self {
        self.head(id, 9);
        self.bytes.push(0xfc);
        self.varint(parts.len() as u64);
        for part in parts {
            self.bytes.extend(part.end());
        }
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

pub fn plain(values: &[&str]) -> Vec<u8> {
    values.iter().flat_map(|v| [&(v.len() as u32).to_le_bytes()[..], v.as_bytes()].concat()).collect()
}

fn page(kind: i64, field: i16, values: usize, encoding: i64, data: &[u8]) -> Vec<u8> {
    let header = Thrift::default().int(1, values as i64).int(2, encoding);
    let header = if kind == 0 { header.int(3, 3).int(4, 3) } else { header };
    let size = data.len() as i64;
    let page = Thrift::default().int(1, kind).int(2, size).int(3, size).part(field, header);
    [page.end(), data.to_vec()].concat()
}

pub fn data_page(values: usize, encoding: i64, data: &[u8]) -> Vec<u8> {
    page(0, 5, values, encoding, data)
}

pub fn dictionary_page(values: &[&str]) -> Vec<u8> {
    page(2, 7, values.len(), 0, &plain(values))
}

/// Levels of at most 1 as one run of each: `(level, times)`.
pub fn levels(runs: &[(u8, u8)]) -> Vec<u8> {
    let body: Vec<u8> = runs.iter().flat_map(|(level, times)| [times << 1, *level]).collect();
    [&(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// A column: its schema elements, its pages, its values with nulls.
pub struct Column {
    elements: Vec<Thrift>,
    pub pages: Vec<u8>,
    pub values: usize,
    pub codec: i64,
}

impl Column {
    pub fn new(name: &str, repetition: i64, pages: Vec<u8>, values: usize) -> Self {
        let element = Thrift::default().int(1, 6).int(3, repetition).text(4, name).int(6, 0);
        Self { elements: vec![element], pages, values, codec: 0 }
    }
}

pub fn file(columns: Vec<Column>, rows: usize) -> Vec<u8> {
    let mut bytes = b"PAR1".to_vec();
    let mut schema = vec![Thrift::default().text(4, "schema").int(5, columns.len() as i64)];
    let mut chunks = Vec::new();
    for column in columns {
        schema.extend(column.elements);
        let about = Thrift::default()
            .int(1, 6)
            .int(4, column.codec)
            .int(5, column.values as i64)
            .int(7, column.pages.len() as i64)
            .int(9, bytes.len() as i64);
        chunks.push(Thrift::default().int(2, 0).part(3, about));
        bytes.extend(column.pages);
    }
    let group = Thrift::default().list(1, chunks).int(3, rows as i64);
    let note = Thrift::default().text(1, "owner").text(2, "ann@firma.de");
    let footer =
        Thrift::default().int(1, 1).list(2, schema).int(3, rows as i64).list(4, vec![group]).list(5, vec![note]);
    let footer = footer.end();
    bytes.extend(&footer);
    bytes.extend((footer.len() as u32).to_le_bytes());
    bytes.extend(b"PAR1");
    bytes
}
