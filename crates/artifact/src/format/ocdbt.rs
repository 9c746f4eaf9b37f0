//! OCDBT, the store below Orbax checkpoints (storage format of the TensorStore `ocdbt` driver): manifests and tree nodes,
//! where their data files lie, and the small values that stand in leaf nodes: array metadata, which may name codecs.
//!
//! A path in a data file table is joined to the folder of the checkpoint without a look at `..`: whoever opens the
//! checkpoint reads that file as tensor data. Nodes are found in data files by their magic, length and check sum; values
//! between them are raw.

use crate::container::path::escapes;
use crate::container::stream::{self, Codec, Ending};
use crate::cursor::Cursor;
use crate::pickle;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Packing, Scan, printable};
use crate::source::Source;

const MANIFEST: [u8; 4] = [0x0c, 0xdb, 0x3a, 0x2a];
const TREE_NODE: [u8; 4] = [0x0c, 0xdb, 0x20, 0xde];
const VERSION_NODE: [u8; 4] = [0x0c, 0xdb, 0x12, 0x34];

/// Longest manifest or node read, packed or unpacked; writers keep nodes to 8 MiB.
const NODE_BYTES_MAX: u64 = 16 << 20;
/// Most entries or files of one node (`kMaxNodeArity`).
const COUNT_MAX: u64 = 1 << 20;
/// Longest path of a data file.
const PATH_BYTES_MAX: usize = 65_535;

/// True for a manifest or node, and for a data file by its name: `d/` and 32 hexadecimal digits.
pub(crate) fn looks_like(head: &[u8], path: &str) -> bool {
    let magic = head.get(..4).is_some_and(|m| m == MANIFEST || m == TREE_NODE || m == VERSION_NODE);
    let mut parts = path.rsplit(['/', '\\']);
    let hex = |n: &str| n.len() == 32 && n.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    magic || parts.next().is_some_and(hex) && parts.next() == Some("d")
}

/// Checks every manifest and node of the part.
pub(crate) fn scan_ocdbt<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) {
    scan.format("ocdbt");
    let mut at = 0;
    while let Some(found) = next(&job.source, at) {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in an OCDBT file");
            return;
        }
        at = node(scan, job, found).max(found + 4);
    }
}

/// Where the next magic is.
fn next(source: &Source<'_>, from: u64) -> Option<u64> {
    let mut at = from;
    let mut chunk = vec![0u8; 256 << 10];
    while at < source.len() {
        let n = source.read_at(at, &mut chunk);
        let found = memchr::memmem::find_iter(&chunk[..n], &MANIFEST[..2])
            .find(|i| chunk[..n].get(*i..i + 4).is_some_and(|m| m == MANIFEST || m == TREE_NODE || m == VERSION_NODE));
        if let Some(i) = found {
            return Some(at + i as u64);
        }
        if n < chunk.len() {
            return None;
        }
        at += (n - 3) as u64;
    }
    None
}

/// Reads what begins at `at`; where it ends, or `at` when it is none.
fn node<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, at: u64) -> u64 {
    let head = job.source.bytes(at, 32);
    let Some(length) = head.get(4..12).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes) else { return at };
    let manifest = head.starts_with(&MANIFEST);
    let there = job.source.len() - at;
    if length > there || length < 18 {
        // In a data file the magic may be part of a value.
        if at == 0 {
            let message = "a manifest or node is longer than its file";
            scan.find(&rules::LAYOUT, Review, at, message, format!("{length} of {there} bytes"), &[]);
        }
        return at;
    }
    if length > NODE_BYTES_MAX {
        scan.incomplete(format!("an OCDBT node of more than {NODE_BYTES_MAX} bytes"));
        return at;
    }
    let whole = job.source.bytes(at, usize::try_from(length).unwrap_or(0));
    let Some((body, sum)) = whole.split_last_chunk::<4>() else { return at };
    if crc32c(body) != u32::from_le_bytes(*sum) {
        if at == 0 {
            let message = "a manifest or node does not match its check sum";
            scan.find(&rules::LAYOUT, Review, at, message, String::new(), &[]);
        }
        return at;
    }
    let mut cursor = Cursor { bytes: body, at: 12 };
    let (Some(version), Some(compression)) = (cursor.number(), cursor.number()) else { return at };
    let packed = job.source.sub(at + cursor.at as u64, length - 4 - cursor.at as u64);
    let unpacked = match (version, compression) {
        (0, 0) => packed,
        (0, 1) => {
            let Some(d) = stream::unpack(Packing::Codec(Codec::Zstd), &packed, scan.config, &scan.budget) else {
                return at;
            };
            if d.ending != Ending::Whole {
                scan.incomplete("an OCDBT node that is damaged or a bomb");
            }
            d.source
        }
        _ => {
            scan.incomplete(format!("OCDBT version {version} with compression {compression} is not read"));
            return at + length;
        }
    };
    let Some(bytes) = unpacked.whole(NODE_BYTES_MAX) else {
        scan.incomplete(format!("an OCDBT node of more than {NODE_BYTES_MAX} bytes"));
        return at + length;
    };
    let mut found = Found::default();
    let mut c = Cursor { bytes: &bytes, at: 0 };
    let read = if manifest {
        read_manifest(&mut c, &mut found)
    } else if head.starts_with(&TREE_NODE) {
        read_tree_node(&mut c, &mut found)
    } else {
        read_version_node(&mut c, &mut found)
    };
    if read.is_none() || c.at != bytes.len() {
        let message = "a length or reference of the node leads outside of it";
        scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, message, format!("byte {} of {}", c.at, bytes.len()), &[]);
    }
    report(scan, job, at, &bytes, found);
    at + length
}

fn report<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, at: u64, bytes: &[u8], found: Found) {
    for path in &found.paths {
        let path = String::from_utf8_lossy(path);
        if let Some(why) = escapes(&path) {
            let message = format!("a data file of the checkpoint is {why}");
            scan.find(&rules::OCDBT_PATH, Dangerous, at, message, printable(&path), &[]);
        }
    }
    for (name, from, len) in found.values {
        let value = bytes.get(from..from + len).unwrap_or_default();
        let metadata = [".zarray", ".zattrs", ".zgroup", "zarr.json", ".json"].iter().any(|e| name.ends_with(e));
        let hint = if metadata { Hint::Member } else { Hint::Guess };
        if metadata || pickle::looks_like_pickle(value) {
            scan.enqueue(job, Child::plain(name, Source::owned(value.to_vec()), hint));
        }
    }
}

/// What a node refers to and holds.
#[derive(Default)]
struct Found {
    /// Paths of data files.
    paths: Vec<Vec<u8>>,
    /// Values in the node: key, where they begin, how long they are.
    values: Vec<(String, usize, usize)>,
}

/// Numbers of OCDBT: varints, and counts of what follows.
trait Numbers {
    fn number(&mut self) -> Option<u64>;
    fn count(&mut self) -> Option<u64>;
    fn numbers(&mut self, n: u64) -> Option<Vec<u64>>;
}

impl Numbers for Cursor<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            if shift == 63 && b > 1 {
                return None;
            }
            value |= u64::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A count of things of which each takes a byte at least.
    fn count(&mut self) -> Option<u64> {
        self.number().filter(|n| *n <= COUNT_MAX && *n <= (self.bytes.len() - self.at) as u64)
    }

    fn numbers(&mut self, n: u64) -> Option<Vec<u64>> {
        (0..n).map(|_| self.number()).collect()
    }
}

/// Strings that share beginnings: lengths of the shared part for all but the first, lengths of the rest, then the rests.
/// `between` reads what stands between the lengths and the rests.
fn shared_strings(
    c: &mut Cursor<'_>,
    n: u64,
    between: impl FnOnce(&mut Cursor<'_>) -> Option<()>,
    each: &mut dyn FnMut(&[u8]),
) -> Option<()> {
    let prefixes = c.numbers(n.saturating_sub(1))?;
    let suffixes = c.numbers(n)?;
    between(c)?;
    let mut last: Vec<u8> = Vec::new();
    for (i, suffix) in suffixes.into_iter().enumerate() {
        let shared = if i == 0 { 0 } else { usize::try_from(*prefixes.get(i - 1)?).ok()? };
        if shared > last.len() {
            return None;
        }
        last.truncate(shared);
        last.extend_from_slice(c.take(suffix)?);
        if last.len() > PATH_BYTES_MAX {
            return None;
        }
        each(&last);
    }
    Some(())
}

/// The data file table; how many files it has.
fn data_files(c: &mut Cursor<'_>, found: &mut Found) -> Option<u64> {
    let n = c.count()?;
    let paths = &mut found.paths;
    let mut all = 0usize;
    let mut too_long = false;
    let between = |c: &mut Cursor<'_>| c.numbers(n).map(|_| ());
    shared_strings(c, n, between, &mut |path| {
        all += path.len();
        // Many long paths with one beginning expand: no more than a node may have is kept.
        too_long |= all as u64 > NODE_BYTES_MAX;
        if !too_long {
            paths.push(path.to_vec());
        }
    })?;
    (!too_long).then_some(n)
}

/// Checks that file numbers are in the table and that ranges do not overflow; `missing` ranges are all ones.
fn references(ids: &[u64], offsets: &[u64], lengths: &[u64], files: u64) -> Option<()> {
    let sound = ids.iter().zip(offsets).zip(lengths).all(|((id, offset), length)| {
        let missing = *offset == u64::MAX && *length == u64::MAX;
        missing || *id < files && offset.checked_add(*length).is_some()
    });
    sound.then_some(())
}

fn read_manifest(c: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    c.take(16)?;
    let kind = c.byte()?;
    c.numbers(2)?;
    c.byte()?;
    match c.number()? {
        0 => {}
        1 => {
            c.take(4)?;
        }
        _ => return None,
    }
    match kind {
        // The versions stand in numbered manifests.
        1 => return Some(()),
        0 => {}
        _ => return None,
    }
    let files = data_files(c, found)?;
    version_leaves(c, files)?;
    version_children(c, files, true)
}

fn version_leaves(c: &mut Cursor<'_>, files: u64) -> Option<()> {
    let n = c.count()?;
    c.numbers(n)?;
    c.take(n)?;
    let (ids, offsets, lengths) = (c.numbers(n)?, c.numbers(n)?, c.numbers(n)?);
    references(&ids, &offsets, &lengths, files)?;
    (0..3).try_for_each(|_| c.numbers(n).map(|_| ()))?;
    c.take(8 * n).map(|_| ())
}

fn version_children(c: &mut Cursor<'_>, files: u64, heights: bool) -> Option<()> {
    let n = c.count()?;
    c.numbers(n)?;
    let (ids, offsets, lengths) = (c.numbers(n)?, c.numbers(n)?, c.numbers(n)?);
    references(&ids, &offsets, &lengths, files)?;
    c.numbers(n)?;
    c.take(8 * n)?;
    c.take(if heights { n } else { 0 }).map(|_| ())
}

fn read_version_node(c: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    c.byte()?;
    let height = c.byte()?;
    let files = data_files(c, found)?;
    if height == 0 { version_leaves(c, files) } else { version_children(c, files, false) }
}

fn read_tree_node(c: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    let height = c.byte()?;
    let files = data_files(c, found)?;
    let n = c.count()?;
    if height > 0 {
        let between = |c: &mut Cursor<'_>| c.numbers(n).map(|_| ());
        shared_strings(c, n, between, &mut |_| {})?;
        let (ids, offsets, lengths) = (c.numbers(n)?, c.numbers(n)?, c.numbers(n)?);
        references(&ids, &offsets, &lengths, files)?;
        return (0..3).try_for_each(|_| c.numbers(n).map(|_| ()));
    }
    let mut keys: Vec<String> = Vec::new();
    let mut all = 0usize;
    shared_strings(c, n, |_| Some(()), &mut |key| {
        all += key.len();
        keys.push(if all as u64 > NODE_BYTES_MAX { String::new() } else { String::from_utf8_lossy(key).into_owned() });
    })?;
    let lengths = c.numbers(n)?;
    let kinds = c.take(n)?;
    if kinds.iter().any(|k| *k > 1) {
        return None;
    }
    let outside: Vec<u64> = lengths.iter().zip(kinds).filter(|(_, k)| **k == 1).map(|(l, _)| *l).collect();
    let (ids, offsets) = (c.numbers(outside.len() as u64)?, c.numbers(outside.len() as u64)?);
    references(&ids, &offsets, &outside, files)?;
    for ((key, length), kind) in keys.into_iter().zip(lengths).zip(kinds) {
        if *kind == 0 {
            let from = c.at;
            c.take(length)?;
            found.values.push((key, from, usize::try_from(length).ok()?));
        }
    }
    Some(())
}

/// CRC-32C (RFC 3720, appendix B.4), reflected, a byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut i = 0;
        while i < 256 {
            let mut v = i as u32;
            let mut bit = 0;
            while bit < 8 {
                v = if v & 1 == 1 { (v >> 1) ^ 0x82f6_3b78 } else { v >> 1 };
                bit += 1;
            }
            table[i] = v;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(u32::MAX, |v, b| (v >> 8) ^ TABLE[usize::from(v as u8 ^ b)])
}

#[cfg(test)]
mod tests {
    use super::{COUNT_MAX, MANIFEST, NODE_BYTES_MAX, TREE_NODE, crc32c, looks_like};
    use crate::ArtifactSeverity::{Dangerous, Data, Review, Suspicious};
    use crate::{FileReport, ScanConfig, scan_bytes};

    fn scan(bytes: &[u8]) -> FileReport {
        scan_bytes("ckpt/manifest.ocdbt", bytes, &ScanConfig::default())
    }

    fn wrapped(magic: [u8; 4], body: &[u8]) -> Vec<u8> {
        let mut v = magic.to_vec();
        v.extend((body.len() as u64 + 18).to_le_bytes());
        v.extend([0, 0]);
        v.extend(body);
        v.extend(crc32c(&v).to_le_bytes());
        v
    }

    /// A manifest of one version in one file.
    fn manifest(path: &str, file: u8) -> Vec<u8> {
        let mut body = vec![7; 16];
        body.extend([0, 100, 0x80, 0x10, 4, 1, 0, 0, 0, 0]);
        body.extend([1, path.len() as u8, 0]);
        body.extend(path.as_bytes());
        body.extend([1, 1, 0, file, 0, 9, 1, 9, 0]);
        body.extend([0; 8]);
        body.push(0);
        wrapped(MANIFEST, &body)
    }

    fn leaf(key: &str, value: &[u8], count: u8) -> Vec<u8> {
        let mut body = vec![0, 0, count, key.len() as u8];
        body.extend(key.as_bytes());
        body.extend([value.len() as u8, 0]);
        body.extend(value);
        wrapped(TREE_NODE, &body)
    }

    #[test]
    fn check_sum_and_names() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert!(looks_like(b"anything", "ckpt/d/0123456789abcdef0123456789abcdef"));
        assert!(!looks_like(b"anything", "ckpt/e/0123456789abcdef0123456789abcdef"));
        assert!(looks_like(&TREE_NODE, "x"));
    }

    #[test]
    fn paths_and_metadata() {
        let good = manifest("d/0123456789abcdef0123456789abcdef", 0);
        let r = scan(&good);
        assert!(r.is_clean() && r.format == "ocdbt", "{r:?}");
        for path in ["../../etc/passwd", "/etc/passwd", "d/../../x"] {
            let r = scan(&manifest(path, 0));
            assert!(r.severity == Dangerous && r.findings[0].evidence == path, "{r:?}");
        }
        assert_eq!(scan(&manifest("d/0", 1)).severity, Suspicious, "a file that is not in the table");
        let mut bad = good.clone();
        *bad.last_mut().expect("there") ^= 1;
        assert_eq!(scan(&bad).severity, Review);
        let array = br#"{"zarr_format": 2, "filters": [{"id": "pickle"}]}"#;
        for (key, value, want) in [
            ("a/.zarray", &array[..], Dangerous),
            ("a/.zarray", br#"{"zarr_format": 2}"#, Data),
            ("a/0.0", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.", Dangerous),
            ("a/0.0", b"\x01\x02\x03", Data),
        ] {
            // In a data file, behind raw bytes.
            let file = [b"raw value".to_vec(), leaf(key, value, 1), vec![0; 5]].concat();
            let r = scan_bytes("ckpt/d/0123456789abcdef0123456789abcdef", &file, &ScanConfig::default());
            assert_eq!(r.severity, want, "{key}: {r:?}");
        }
    }

    #[test]
    fn limits() {
        assert_eq!(scan(&leaf("k", b"v", 2)).severity, Suspicious, "more entries than bytes");
        let claimed = |n: u64| {
            let mut v = TREE_NODE.to_vec();
            v.extend(n.to_le_bytes());
            v.resize(usize::try_from(NODE_BYTES_MAX + 1).expect("small"), 0);
            let end = usize::try_from(n).expect("small") - 4;
            let sum = crc32c(&v[..end]).to_le_bytes();
            v[end..end + 4].copy_from_slice(&sum);
            scan_bytes("n", &v, &ScanConfig::default())
        };
        assert!(claimed(NODE_BYTES_MAX).complete);
        assert!(!claimed(NODE_BYTES_MAX + 1).complete);
        // As many files as a node may have, of empty paths, and one more.
        let many = |n: u64| {
            let mut body = vec![0];
            let mut count = n;
            while count >= 0x80 {
                body.push(count as u8 | 0x80);
                count >>= 7;
            }
            body.push(count as u8);
            body.resize(body.len() + usize::try_from(3 * n - 1).expect("small"), 0);
            body.push(0);
            scan_bytes("n", &wrapped(TREE_NODE, &body), &ScanConfig::default())
        };
        assert!(many(COUNT_MAX).is_clean());
        assert_eq!(many(COUNT_MAX + 1).severity, Suspicious);
    }
}
