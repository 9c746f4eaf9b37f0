//! 7z (7zFormat.txt of the LZMA SDK): headers read with every length checked, folders of one coder decoded forward.

use super::path::escapes;
use super::stream::{Codec, SevenZipCoder};
use crate::cursor::Cursor;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Packing, Scan, printable};
use crate::source::Source;

/// Longest header read.
const HEADER_BYTES_MAX: u64 = 8 << 20;
/// Folders, streams and files counted.
const COUNT_MAX: u64 = 100_000;

/// Numbers and bit vectors of 7z headers.
trait Numbers {
    fn number(&mut self) -> Option<u64>;
    fn count(&mut self) -> Option<u64>;
    fn bits(&mut self, n: u64) -> Option<Vec<bool>>;
    fn optional_bits(&mut self, n: u64) -> Option<Vec<bool>>;
}

impl Numbers for Cursor<'_> {
    /// A number in the format's own variable length.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let mut mask = 0x80u8;
        let mut value = 0u64;
        for i in 0..8 {
            if first & mask == 0 {
                return Some(value | (u64::from(first & (mask - 1)) << (8 * i)));
            }
            value |= u64::from(self.byte()?) << (8 * i);
            mask >>= 1;
        }
        Some(value)
    }

    fn count(&mut self) -> Option<u64> {
        self.number().filter(|n| *n <= COUNT_MAX)
    }

    fn bits(&mut self, n: u64) -> Option<Vec<bool>> {
        let raw = self.take(n.div_ceil(8))?;
        Some((0..usize::try_from(n).ok()?).map(|i| raw[i / 8] & (0x80 >> (i % 8)) != 0).collect())
    }

    /// A bit vector that may be given as “all set”.
    fn optional_bits(&mut self, n: u64) -> Option<Vec<bool>> {
        if self.byte()? != 0 { Some(vec![true; usize::try_from(n).ok()?]) } else { self.bits(n) }
    }
}

#[derive(Debug, Default)]
struct Folder {
    coders: Vec<(Vec<u8>, Vec<u8>)>,
    packed: u64,
    sizes: Vec<u64>,
    outputs: u64,
}

#[derive(Debug, Default)]
struct Streams {
    pack_at: u64,
    pack_sizes: Vec<u64>,
    folders: Vec<Folder>,
    /// Files in each folder with their sizes.
    parts: Vec<Vec<u64>>,
}

fn streams(c: &mut Cursor<'_>) -> Option<Streams> {
    let mut s = Streams::default();
    loop {
        match c.number()? {
            0 => break,
            6 => {
                s.pack_at = c.number()?;
                let n = c.count()?;
                loop {
                    match c.number()? {
                        0 => break,
                        9 => {
                            for _ in 0..n {
                                s.pack_sizes.push(c.number()?);
                            }
                        }
                        10 => digests(c, n)?,
                        _ => return None,
                    }
                }
            }
            7 => folders(c, &mut s)?,
            8 => substreams(c, &mut s)?,
            _ => return None,
        }
    }
    if s.parts.is_empty() {
        s.parts = s.folders.iter().map(|f| vec![f.sizes.last().copied().unwrap_or(0)]).collect();
    }
    Some(s)
}

fn digests(c: &mut Cursor<'_>, n: u64) -> Option<()> {
    let set = c.optional_bits(n)?.iter().filter(|b| **b).count() as u64;
    c.take(set * 4).map(|_| ())
}

fn folders(c: &mut Cursor<'_>, s: &mut Streams) -> Option<()> {
    if c.number()? != 11 {
        return None;
    }
    let n = c.count()?;
    if c.byte()? != 0 {
        return None;
    }
    for _ in 0..n {
        let mut f = Folder::default();
        let coders = c.number().filter(|n| (1..=8).contains(n))?;
        let (mut inputs, mut outputs) = (0u64, 0u64);
        for _ in 0..coders {
            let flags = c.byte()?;
            let id = c.take(u64::from(flags & 15))?.to_vec();
            let (i, o) = if flags & 0x10 != 0 { (c.number()?, c.number()?) } else { (1, 1) };
            inputs = inputs.checked_add(i).filter(|n| *n <= 32)?;
            outputs = outputs.checked_add(o).filter(|n| *n <= 32)?;
            let properties = if flags & 0x20 != 0 {
                let n = c.number()?;
                c.take(n)?.to_vec()
            } else {
                Vec::new()
            };
            f.coders.push((id, properties));
        }
        for _ in 0..outputs.checked_sub(1)? {
            c.number()?;
            c.number()?;
        }
        f.packed = inputs.checked_sub(outputs - 1)?;
        if f.packed > 1 {
            for _ in 0..f.packed {
                c.number()?;
            }
        }
        f.outputs = outputs;
        s.folders.push(f);
    }
    if c.number()? != 12 {
        return None;
    }
    for f in &mut s.folders {
        for _ in 0..f.outputs {
            f.sizes.push(c.number()?);
        }
    }
    match c.number()? {
        0 => Some(()),
        10 => {
            digests(c, n)?;
            (c.number()? == 0).then_some(())
        }
        _ => None,
    }
}

fn substreams(c: &mut Cursor<'_>, s: &mut Streams) -> Option<()> {
    let mut counts = vec![1u64; s.folders.len()];
    let mut kind = c.number()?;
    if kind == 13 {
        for n in &mut counts {
            *n = c.count()?;
        }
        kind = c.number()?;
    }
    let mut total = 0u64;
    for (f, n) in s.folders.iter().zip(&counts) {
        total = total.checked_add(*n).filter(|t| *t <= COUNT_MAX)?;
        let whole = f.sizes.last().copied().unwrap_or(0);
        let mut sizes = Vec::new();
        let mut used = 0u64;
        for i in 0..*n {
            if i + 1 == *n {
                sizes.push(whole.saturating_sub(used));
            } else if kind == 9 {
                let size = c.number()?;
                used = used.checked_add(size)?;
                sizes.push(size);
            }
        }
        s.parts.push(sizes);
    }
    if kind == 9 {
        kind = c.number()?;
    }
    while kind != 0 {
        if kind != 10 {
            return None;
        }
        let defined = c.optional_bits(total).or(None);
        match defined {
            Some(d) => {
                let set = d.iter().filter(|b| **b).count() as u64;
                c.take(set * 4)?;
            }
            None => return None,
        }
        kind = c.number()?;
    }
    Some(())
}

/// Names of the files, and which of them have no content.
fn files(c: &mut Cursor<'_>) -> Option<(Vec<String>, Vec<bool>)> {
    let n = c.count()?;
    let mut names = Vec::new();
    let mut empty = vec![false; usize::try_from(n).ok()?];
    loop {
        let kind = c.number()?;
        if kind == 0 {
            break;
        }
        let size = c.number()?;
        let body = c.take(size)?;
        let mut b = Cursor { bytes: body, at: 0 };
        match kind {
            14 => empty = b.bits(n)?,
            17 => {
                if b.byte()? != 0 {
                    return None;
                }
                let units: Vec<u16> =
                    body.get(1..)?.chunks_exact(2).map(|p| u16::from_le_bytes([p[0], p[1]])).collect();
                names = units.split(|u| *u == 0).map(String::from_utf16_lossy).collect();
                names.truncate(usize::try_from(n).ok()?);
            }
            _ => {}
        }
    }
    Some((names, empty))
}

/// The packing of a folder of one coder, with or without the x86 branch filter behind it.
fn coder(folder: &Folder) -> Option<Packing> {
    let bcj = |id: &[u8]| id == [3, 3, 1, 3] || id == [4];
    let (index, filtered) = match folder.coders.as_slice() {
        [_] => (0, false),
        [_, (f, _)] if bcj(f) && folder.packed == 1 => (0, true),
        [(f, _), _] if bcj(f) && folder.packed == 1 => (1, true),
        _ => return None,
    };
    let (id, properties) = folder.coders.get(index)?;
    let size = folder.sizes.get(index).copied()?;
    Some(match (id.as_slice(), properties.as_slice()) {
        ([0], _) if !filtered => Packing::Plain,
        ([3, 1, 1], [props, a, b, c, d]) => Packing::SevenZip(SevenZipCoder::Lzma {
            props: *props,
            dictionary: u32::from_le_bytes([*a, *b, *c, *d]),
            size,
            filtered,
        }),
        ([0x21], [bits]) if *bits <= 40 => {
            let dictionary = if *bits == 40 { u32::MAX } else { (2 | u32::from(bits & 1)) << (bits / 2 + 11) };
            Packing::SevenZip(SevenZipCoder::Lzma2 { dictionary, filtered })
        }
        ([4, 1, 8], _) if !filtered => Packing::Codec(Codec::Deflate),
        ([4, 2, 2], _) if !filtered => Packing::Codec(Codec::Bzip2),
        ([4, 0xf7, 0x11, 1], _) if !filtered => Packing::Codec(Codec::Zstd),
        _ => return None,
    })
}

/// Reads the archive and queues its folders, cut into their files.
pub(crate) fn scan_7z<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) {
    scan.format("7z");
    let start = job.source.bytes(0, 32);
    let number = |at: usize| start.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes);
    let (offset, size) = (number(12), number(20));
    let at = offset.saturating_add(32);
    if size == 0 || size > HEADER_BYTES_MAX || at.saturating_add(size) > job.source.len() {
        scan.find(
            &rules::LAYOUT,
            Review,
            12,
            "the header of the 7z archive is not where it should be",
            String::new(),
            &[],
        );
        scan.incomplete("a damaged 7z archive");
        return;
    }
    let mut header = job.source.bytes(at, usize::try_from(size).unwrap_or(0));
    // A packed header holds one folder whose content is the header itself.
    for _ in 0..4 {
        if header.first() != Some(&0x17) {
            break;
        }
        let mut c = Cursor { bytes: &header, at: 1 };
        let unpacked = streams(&mut c).and_then(|s| {
            let folder = s.folders.first()?;
            let packing = coder(folder)?;
            let source = job.source.sub(s.pack_at.checked_add(32)?, *s.pack_sizes.first()?);
            let wanted = folder.sizes.last().copied().filter(|n| *n <= HEADER_BYTES_MAX)?;
            let decoded = super::stream::unpack(packing, &source, scan.config, &scan.budget)?;
            decoded.source.sub(0, wanted).whole(HEADER_BYTES_MAX)
        });
        match unpacked {
            Some(h) => header = h,
            None => {
                scan.incomplete("the packed header of a 7z archive cannot be read");
                return;
            }
        }
    }
    if read(scan, job, &header).is_none() {
        scan.find(&rules::LAYOUT, Review, at, "the header of the 7z archive is damaged", String::new(), &[]);
        scan.incomplete("a damaged 7z archive");
    }
}

fn read<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, header: &[u8]) -> Option<()> {
    let mut c = Cursor { bytes: header, at: 0 };
    if c.byte()? != 1 {
        return None;
    }
    let mut s = Streams::default();
    let mut listed = (Vec::new(), Vec::new());
    loop {
        match c.number()? {
            0 => break,
            2 => {
                // Archive properties.
                while c.number()? != 0 {
                    let n = c.number()?;
                    c.take(n)?;
                }
            }
            3 | 4 => s = streams(&mut c)?,
            5 => listed = files(&mut c)?,
            _ => return None,
        }
    }
    let (names, empty) = listed;
    for n in &names {
        if let Some(why) = escapes(n) {
            scan.find(&rules::ARCHIVE_SLIP, Dangerous, 0, format!("a member name is {why}"), printable(n), &[]);
        }
    }
    let mut full =
        names.iter().zip(empty.iter().chain(std::iter::repeat(&false))).filter(|(_, e)| !**e).map(|(n, _)| n.clone());
    let mut pack = 0usize;
    let mut at = s.pack_at.checked_add(32)?;
    for (folder, parts) in s.folders.iter().zip(&s.parts) {
        let packed: Vec<u64> = s.pack_sizes.get(pack..pack + usize::try_from(folder.packed).ok()?)?.to_vec();
        let from = at;
        for p in &packed {
            at = at.checked_add(*p)?;
        }
        pack += packed.len();
        let members: Vec<(String, u64)> =
            parts.iter().map(|p| (full.next().unwrap_or_else(|| "content".into()), *p)).collect();
        if folder.coders.iter().any(|(id, _)| id.starts_with(&[6, 0xf1, 7])) {
            scan.find(&rules::ARCHIVE_ENCRYPTED, Suspicious, from, "a folder is encrypted", String::new(), &[]);
            scan.incomplete("an encrypted 7z folder");
            continue;
        }
        let source: Source<'a> = job.source.sub(from, packed.first().copied()?);
        match coder(folder) {
            Some(packing) => folder_members(scan, job, packing, &source, &members),
            None => {
                let ids: Vec<String> = folder.coders.iter().map(|(id, _)| hex::encode(id)).collect();
                scan.incomplete(format!("7z coders {} are not read", ids.join(", ")));
            }
        }
    }
    Some(())
}

/// The files of one folder stand behind each other in its decoded stream.
fn folder_members<'a>(
    scan: &mut Scan<'a, '_>,
    job: &Job<'a>,
    packing: Packing,
    source: &Source<'a>,
    members: &[(String, u64)],
) {
    if let [(name, _)] = members {
        scan.enqueue(job, Child { packing, ..Child::plain(name.clone(), source.clone(), Hint::Member) });
        return;
    }
    let Some(decoded) = super::stream::unpack(packing, source, scan.config, &scan.budget) else {
        scan.incomplete("a 7z folder cannot be decoded");
        return;
    };
    if decoded.ending != super::stream::Ending::Whole {
        scan.incomplete("a 7z folder is damaged or a bomb");
    }
    let mut at = 0u64;
    for (name, size) in members {
        scan.enqueue(job, Child::plain(name.clone(), decoded.source.sub(at, *size), Hint::Member));
        at = at.saturating_add(*size);
    }
}

#[cfg(test)]
mod tests {
    use super::{COUNT_MAX, Cursor, Numbers as _};

    #[test]
    fn numbers() {
        for (bytes, v) in [
            (&[0x00u8][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 0x80], Some(128)),
            (&[0xc0, 0x34, 0x12], Some(0x1234)),
            (&[0xff, 1, 0, 0, 0, 0, 0, 0, 0], Some(1)),
            (&[0x80], None),
        ] {
            assert_eq!(Cursor { bytes, at: 0 }.number(), v, "{bytes:x?}");
        }
        let limit = |n: u64| {
            let mut b = vec![0xe0, 0, 0, 0];
            b[1..].copy_from_slice(&n.to_le_bytes()[..3]);
            Cursor { bytes: &b, at: 0 }.count()
        };
        assert_eq!(limit(COUNT_MAX), Some(COUNT_MAX));
        assert_eq!(limit(COUNT_MAX + 1), None);
    }
}
