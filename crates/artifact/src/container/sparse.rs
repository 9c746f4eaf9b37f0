//! Sparse members of tar: the maps of GNU's own header and of its pax records 0.0, 0.1 and 1.0
//! (<https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html>). The file that they describe is read through
//! the map and never made.

use super::tar::number;
use crate::budget::Budget;
use crate::source::Source;

/// Parts of one member.
pub(super) const PARTS_MAX: usize = 64 << 10;
/// Bytes of a map at the head of the member's data: its parts, with two numbers of twenty digits each.
const MAP_BYTES_MAX: usize = PARTS_MAX * 42 + 512;

/// The map of a member.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Map {
    /// Place and length of each part.
    pub(super) parts: Vec<(u64, u64)>,
    /// Length of the file.
    pub(super) len: Option<u64>,
    /// Bytes of the archive between the header and the data that belong to the map.
    pub(super) header_bytes: u64,
    /// The map stands at the head of the data (pax 1.0).
    pub(super) in_data: bool,
    /// Why it cannot be followed.
    pub(super) problem: Option<&'static str>,
}

const DAMAGED: &str = "the map of a sparse member is damaged";
const MANY: &str = "a sparse member has more parts than the limit";

impl Map {
    fn push(&mut self, place: Option<u64>, len: Option<u64>) {
        match (place, len) {
            (Some(_), Some(0)) => {}
            (Some(_), Some(_)) if self.parts.len() >= PARTS_MAX => self.problem = Some(MANY),
            (Some(place), Some(len)) => self.parts.push((place, len)),
            _ => self.problem = Some(DAMAGED),
        }
    }

    /// True when the map has more parts than are followed.
    pub(super) fn is_cut(&self) -> bool {
        self.problem == Some(MANY)
    }

    /// What readers understand differently of the map over `stored` bytes of data, if anything.
    pub(super) fn check(&self, stored: u64) -> Option<&'static str> {
        if self.problem.is_some() {
            return self.problem;
        }
        let Some(len) = self.len else { return Some("a sparse member has no length") };
        let mut behind = 0u64;
        let mut sum = 0u64;
        for (place, n) in &self.parts {
            let Some(end) = place.checked_add(*n).filter(|e| *e <= len) else {
                return Some("a part of a sparse member stands behind its end");
            };
            if *place < behind {
                return Some("the parts of a sparse member overlap or are out of order");
            }
            behind = end;
            sum += n;
        }
        (sum != stored).then_some("the parts of a sparse member are not as long as its data")
    }

    /// The file that the map describes, over its stored bytes.
    pub(super) fn expand<'a>(&self, stored: Source<'a>) -> Source<'a> {
        Source::sparse(stored, &self.parts, self.len.unwrap_or(0))
    }
}

/// The map of GNU's header, four parts in it and 21 in each block behind it.
pub(super) fn of_header(source: &Source<'_>, header: &[u8], body: u64, budget: &Budget) -> Map {
    let mut map = Map { len: header.get(483..495).and_then(number), ..Map::default() };
    let take = |map: &mut Map, entries: &[u8]| {
        for e in entries.chunks_exact(24).take_while(|e| e[0] != 0) {
            map.push(number(&e[..12]), number(&e[12..]));
        }
    };
    take(&mut map, header.get(386..482).unwrap_or_default());
    let mut more = header.get(482).is_some_and(|b| *b != 0);
    while more {
        let block = source.bytes(body.saturating_add(map.header_bytes), 512);
        if block.len() < 512 || !budget.work(1) {
            map.problem = Some(DAMAGED);
            break;
        }
        map.header_bytes += 512;
        take(&mut map, &block[..504]);
        more = block[504] != 0 && !map.is_cut();
    }
    map
}

/// The map of pax records, in their order; that of version 1.0 stands at the head of the data.
pub(super) fn of_records(records: &[(&[u8], &[u8])]) -> Map {
    let decimal = |v: &[u8]| std::str::from_utf8(v).ok().and_then(|v| v.trim().parse::<u64>().ok());
    let mut map = Map::default();
    let mut place = None;
    for (key, value) in records {
        match *key {
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => map.len = decimal(value),
            b"GNU.sparse.offset" => place = Some(decimal(value)),
            b"GNU.sparse.numbytes" => match place.take() {
                Some(place) => map.push(place, decimal(value)),
                None => map.problem = Some(DAMAGED),
            },
            b"GNU.sparse.map" => {
                map.parts.clear();
                let mut numbers = value.split(|b| *b == b',').map(decimal);
                while let Some(place) = numbers.next() {
                    map.push(place, numbers.next().flatten());
                }
            }
            b"GNU.sparse.major" => map.in_data = decimal(value) == Some(1),
            _ => {}
        }
    }
    map
}

/// Reads the map at the head of the data; the data that is behind it.
pub(super) fn of_data<'a>(map: &mut Map, data: &Source<'a>) -> Source<'a> {
    let head = data.bytes(0, MAP_BYTES_MAX);
    let mut at = 0;
    let mut next = || -> Option<u64> {
        let rest = head.get(at..)?;
        let digits = memchr::memchr(b'\n', rest.get(..rest.len().min(24))?)?;
        at += digits + 1;
        std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
    };
    let Some(count) = next() else {
        map.problem = Some(DAMAGED);
        return data.clone();
    };
    for _ in 0..count {
        let (place, len) = (next(), next());
        map.push(place, len);
        if map.problem.is_some() {
            break;
        }
    }
    data.sub((at as u64).div_ceil(512) * 512, u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{DAMAGED, MANY, Map, PARTS_MAX, of_data, of_records};
    use crate::source::Source;

    #[test]
    fn the_file_is_read_through_the_map() {
        let map = Map { parts: vec![(2, 3), (10, 2)], len: Some(14), ..Map::default() };
        assert_eq!(map.check(5), None);
        let whole = b"\0\0abc\0\0\0\0\0de\0\0".to_vec();
        let file = map.expand(Source::owned(b"abcde".to_vec()));
        assert_eq!(file.len(), 14);
        for from in 0..=14usize {
            for n in 0..=15usize {
                let expected = &whole[from..(from + n).min(14)];
                assert_eq!(file.bytes(from as u64, n), expected, "{n} from {from}");
                assert_eq!(
                    file.sub(1, 12).bytes(from as u64, n),
                    whole[1..13].get(from..(from + n).min(12)).unwrap_or(&[])
                );
            }
        }
        // Data that is cut ends the file there.
        assert_eq!(map.expand(Source::owned(b"abcd".to_vec())).bytes(0, 14), whole[..11]);
        // A length that nothing could hold costs nothing.
        let huge = Map { parts: vec![(1 << 60, 1)], len: Some(u64::MAX), ..Map::default() };
        assert_eq!(huge.expand(Source::owned(b"x".to_vec())).bytes((1 << 60) - 1, 3), b"\0x\0");
    }

    #[test]
    fn maps_that_readers_understand_differently() {
        for (parts, len, stored) in [
            (vec![(0, 4), (2, 2)], 8, 6),
            (vec![(4, 2), (0, 2)], 8, 4),
            (vec![(6, 4)], 8, 4),
            (vec![(u64::MAX, 4)], 8, 4),
            (vec![(0, 4)], 8, 5),
            (vec![(0, 4)], 8, 3),
        ] {
            let map = Map { parts: parts.clone(), len: Some(len), ..Map::default() };
            assert!(map.check(stored).is_some(), "{parts:?}");
        }
        assert!(Map::default().check(0).is_some(), "no length");
    }

    #[test]
    fn records_and_heads() {
        let map = of_records(&[(b"GNU.sparse.size", b"9"), (b"GNU.sparse.map", b"0,2,5,1,9,0")]);
        assert_eq!((map.parts, map.len, map.problem), (vec![(0, 2), (5, 1)], Some(9), None));
        let map =
            of_records(&[(b"GNU.sparse.offset", b"3"), (b"GNU.sparse.numbytes", b"2"), (b"GNU.sparse.size", b"9")]);
        assert_eq!((map.parts, map.len), (vec![(3, 2)], Some(9)));
        for bad in [&b"1"[..], b"1,x", b"-1,2", b"1,2,3"] {
            assert_eq!(of_records(&[(b"GNU.sparse.map", bad)]).problem, Some(DAMAGED), "{bad:?}");
        }
        let mut map = Map::default();
        let mut bytes = b"2\n0\n3\n8\n1\n".to_vec();
        bytes.resize(512, 0);
        bytes.extend(b"abcd");
        let rest = of_data(&mut map, &Source::owned(bytes));
        assert_eq!((map.parts.as_slice(), rest.bytes(0, 9)), (&[(0, 3), (8, 1)][..], b"abcd".to_vec()));
        for bad in [&b""[..], b"x\n", b"2\n0\n", b"1\n999999999999999999999999\n1\n", b"18446744073709551615\n0\n1\n"] {
            let mut map = Map::default();
            of_data(&mut map, &Source::owned(bad.to_vec()));
            assert_eq!(map.problem, Some(DAMAGED), "{bad:?}");
        }
    }

    #[test]
    fn parts_at_the_limit_and_past_it() {
        let text = |n: usize| (0..n).map(|i| format!("{},1", 2 * i)).collect::<Vec<_>>().join(",");
        let map = |n: usize| of_records(&[(b"GNU.sparse.map", text(n).as_bytes())]);
        assert_eq!(map(PARTS_MAX).problem, None);
        assert_eq!(map(PARTS_MAX + 1).problem, Some(MANY));
        let head = |n: usize| {
            let lines: String = (0..n).map(|i| format!("{}\n1\n", 2 * i)).collect();
            let mut map = Map::default();
            of_data(&mut map, &Source::owned(format!("{n}\n{lines}").into_bytes()));
            map.problem
        };
        assert_eq!(head(PARTS_MAX), None);
        assert_eq!(head(PARTS_MAX + 1), Some(MANY));
    }
}
