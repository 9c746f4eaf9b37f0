//! HDF5 (File Format Specification 3.0): the object headers that are reachable, for links and storage outside the file,
//! and every Keras configuration among the attributes.

use std::collections::HashSet;

use super::{code, keras};
use crate::pickle;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Scan, printable};
use crate::source::{Source, Window};

const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
/// An address that stands for none.
const UNDEFINED: u64 = u64::MAX;
/// Longest attribute text looked at.
const TEXT_BYTES_MAX: usize = 8 << 20;
/// Bytes of one header chunk or heap block.
const CHUNK_BYTES_MAX: u64 = 1 << 20;
/// Chunks of one object header.
const CHUNKS_MAX: u32 = 256;

/// Where the file begins inside its user block, if it is HDF5.
pub(crate) fn signature_at(source: &Source<'_>) -> Option<u64> {
    let mut at = 0u64;
    for _ in 0..12 {
        let mut b = [0u8; 8];
        if source.read_at(at, &mut b) == 8 && &b == SIGNATURE {
            return Some(at);
        }
        at = if at == 0 { 512 } else { at * 2 };
    }
    None
}

/// Attributes that look like pickles and are looked into.
const PICKLES_MAX: usize = 4096;
/// Addresses of objects, or of nodes of the trees that hold them, remembered for one file.
const ADDRESSES_MAX: usize = 1 << 20;

/// What is still to be looked at; nothing comes twice, whatever leads to it.
#[derive(Default)]
struct Open {
    list: Vec<u64>,
    seen: HashSet<u64>,
    /// There was more than is remembered.
    full: bool,
}

impl Open {
    fn push(&mut self, address: u64) {
        if self.seen.len() >= ADDRESSES_MAX {
            self.full |= !self.seen.contains(&address);
        } else if self.seen.insert(address) {
            self.list.push(address);
        }
    }
}

struct Hdf<'s, 'a> {
    window: Window<'s, 'a>,
    base: u64,
    /// Nodes of the trees of all groups.
    nodes: Open,
    /// Attributes that look like pickles, with their places.
    pickles: Vec<(u64, Source<'a>)>,
}

impl Hdf<'_, '_> {
    fn bytes(&mut self, at: u64, n: usize) -> Option<Vec<u8>> {
        self.window.exact(at, n).map(<[u8]>::to_vec)
    }

    fn u64(&mut self, at: u64) -> Option<u64> {
        self.window.exact(at, 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes)
    }
}

fn le(b: &[u8], at: usize, n: usize) -> u64 {
    b.get(at..at + n).map_or(0, |s| s.iter().rev().fold(0, |v, x| (v << 8) | u64::from(*x)))
}

/// Checks the structure, then the texts.
pub(crate) fn scan_hdf5<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, base: u64) {
    scan.format("hdf5");
    let mut hdf = Hdf { window: Window::new(&job.source), base, nodes: Open::default(), pickles: Vec::new() };
    if walk(scan, &mut hdf).is_none() {
        scan.find(
            &rules::LAYOUT,
            Review,
            base,
            "the structure of the HDF5 file is damaged or of an unknown version",
            String::new(),
            &[],
        );
    }
    for (at, source) in hdf.pickles {
        scan.enqueue(job, Child::plain(format!("@{at:#x}"), source, Hint::Guess));
    }
    texts(scan, job);
}

fn walk(scan: &mut Scan<'_, '_>, hdf: &mut Hdf<'_, '_>) -> Option<()> {
    let s = hdf.window.upto(hdf.base, 96).to_vec();
    let root = match s.get(8)? {
        0 => {
            if s.get(13..15) != Some(&[8, 8]) {
                scan.incomplete("HDF5 addresses that are not eight bytes long");
                return Some(());
            }
            le(&s, 64, 8)
        }
        1 => le(&s, 68, 8),
        2 | 3 => {
            if s.get(9..11) != Some(&[8, 8]) {
                scan.incomplete("HDF5 addresses that are not eight bytes long");
                return Some(());
            }
            le(&s, 36, 8)
        }
        _ => return None,
    };
    let mut open = Open::default();
    open.push(root);
    let mut damaged = false;
    while let Some(address) = open.list.pop() {
        if address == UNDEFINED {
            continue;
        }
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in an HDF5 file");
            return Some(());
        }
        if header(scan, hdf, address, &mut open).is_none() {
            damaged = true;
        }
    }
    if open.full || hdf.nodes.full {
        scan.incomplete(format!("an HDF5 file with more than {ADDRESSES_MAX} objects"));
    }
    (!damaged).then_some(())
}

/// One object header with its continuations.
fn header(scan: &mut Scan<'_, '_>, hdf: &mut Hdf<'_, '_>, address: u64, open: &mut Open) -> Option<()> {
    let at = hdf.base.checked_add(address)?;
    let head = hdf.bytes(at, 16).or_else(|| hdf.bytes(at, 12))?;
    let mut chunks: Vec<(u64, u64)> = Vec::new();
    let (new, order) = if head.starts_with(b"OHDR") {
        let flags = *head.get(5)?;
        let mut p = at + 6;
        p += if flags & 0x20 != 0 { 16 } else { 0 } + if flags & 0x10 != 0 { 4 } else { 0 };
        let n = 1usize << (flags & 3);
        let size = le(&hdf.bytes(p, n)?, 0, n);
        chunks.push((p + n as u64, size));
        (true, flags & 4 != 0)
    } else if head.first() == Some(&1) {
        chunks.push((at + 16, le(&head, 8, 4)));
        (false, false)
    } else {
        return None;
    };
    let mut read = 0;
    while let Some((from, size)) = chunks.pop() {
        read += 1;
        if read > CHUNKS_MAX || size > CHUNK_BYTES_MAX {
            scan.incomplete("an HDF5 object header larger than the limit");
            return Some(());
        }
        // Reading costs too, however few messages there are.
        if !scan.budget.work(size / 64) {
            scan.incomplete("the work budget is spent in an HDF5 file");
            return Some(());
        }
        let body = hdf.window.source().bytes(from, usize::try_from(size).unwrap_or(0));
        if body.len() as u64 != size {
            return None;
        }
        let mut i = 0usize;
        let prefix = if new { 4 + if order { 2 } else { 0 } } else { 8 };
        while i + prefix <= body.len() {
            let (kind, n) =
                if new { (u64::from(body[i]), le(&body, i + 1, 2)) } else { (le(&body, i, 2), le(&body, i + 2, 2)) };
            let n = usize::try_from(n).unwrap_or(usize::MAX);
            let Some(message) = body.get(i + prefix..(i + prefix).saturating_add(n)) else { break };
            if !scan.budget.work(1) {
                scan.incomplete("the work budget is spent in an HDF5 file");
                return Some(());
            }
            if kind == 0x10 {
                let (to, len) = (hdf.base.saturating_add(le(message, 0, 8)), le(message, 8, 8));
                // Version 2 continuations have a signature before and a check sum behind.
                chunks.push(if new { (to.saturating_add(4), len.saturating_sub(8)) } else { (to, len) });
            } else {
                handle(scan, hdf, kind, message, from + (i + prefix) as u64, open);
            }
            i += prefix + n;
        }
    }
    Some(())
}

fn handle(scan: &mut Scan<'_, '_>, hdf: &mut Hdf<'_, '_>, kind: u64, m: &[u8], at: u64, open: &mut Open) {
    match kind {
        0x02 => {
            let i = 2 + if m.get(1).is_some_and(|f| f & 1 != 0) { 8 } else { 0 };
            if m.len() >= i + 8 && le(m, i, 8) != UNDEFINED {
                let heap = hdf.base.saturating_add(le(m, i, 8));
                dense_links(scan, hdf, heap, open);
            }
        }
        0x06 => {
            link(scan, m, at, open);
        }
        0x07 => {
            let heap = hdf.base.saturating_add(le(m, 8, 8));
            let name = local_heap_text(hdf, heap, le(m, 16, 8)).unwrap_or_default();
            scan.find(
                &rules::HDF5_EXTERNAL,
                Dangerous,
                at,
                "a data set takes its bytes from another file",
                printable(&name),
                &[],
            );
        }
        0x08 => {
            let class = match m.first() {
                Some(3 | 4) => m.get(1).copied(),
                _ => None,
            };
            if class == Some(3) {
                scan.find(
                    &rules::HDF5_EXTERNAL,
                    Dangerous,
                    at,
                    "a virtual data set takes its bytes from other files",
                    String::new(),
                    &[],
                );
            }
        }
        0x0b => {
            let (version, count) = (m.first().copied().unwrap_or(0), m.get(1).copied().unwrap_or(0));
            let mut i = if version == 1 { 8 } else { 2 };
            for _ in 0..count {
                let id = le(m, i, 2);
                let named = version == 1 || id >= 256;
                let name_len = if named { le(m, i + 2, 2) } else { 0 };
                let values = le(m, i + if named { 6 } else { 4 }, 2);
                if id >= 256 && !(32_000..=32_040).contains(&id) {
                    scan.find(
                        &rules::HDF5_EXTERNAL,
                        Review,
                        at,
                        "a filter plug-in has to be loaded to read the data",
                        format!("filter {id}"),
                        &[],
                    );
                }
                let padded = if version == 1 { name_len.div_ceil(8) * 8 } else { name_len };
                let odd = if version == 1 && values % 2 == 1 { 4 } else { 0 };
                i += usize::try_from((if named { 8 } else { 6 }) + padded + values * 4 + odd).unwrap_or(usize::MAX);
                if i >= m.len() {
                    break;
                }
            }
        }
        0x0c => {
            // PyTables keeps what is no plain value as a pickle and unpickles it when the file is opened.
            let (name, kind, space) = (le(m, 2, 2), le(m, 4, 2), le(m, 6, 2));
            let from = match m.first() {
                Some(1) => 8 + [name, kind, space].iter().map(|n| n.div_ceil(8) * 8).sum::<u64>(),
                Some(2) => 8 + name + kind + space,
                _ => 9 + name + kind + space,
            };
            let value = usize::try_from(from).ok().and_then(|i| m.get(i..)).unwrap_or_default();
            if pickle::looks_like_pickle(&value[..value.len().min(512)]) {
                if hdf.pickles.len() >= PICKLES_MAX {
                    scan.incomplete(format!(
                        "more than {PICKLES_MAX} attributes of an HDF5 file that look like pickles"
                    ));
                    return;
                }
                let source = hdf.window.source().sub(at + from, value.len() as u64);
                hdf.pickles.push((at + from, source));
            }
        }
        0x11 => group(scan, hdf, hdf.base.saturating_add(le(m, 0, 8)), open),
        _ => {}
    }
}

/// A link message; returns how long it was.
fn link(scan: &mut Scan<'_, '_>, m: &[u8], at: u64, open: &mut Open) -> Option<usize> {
    if *m.first()? != 1 {
        return None;
    }
    let flags = *m.get(1)?;
    let mut i = 2;
    let kind = if flags & 8 != 0 {
        i += 1;
        *m.get(i - 1)?
    } else {
        0
    };
    i += if flags & 4 != 0 { 8 } else { 0 } + if flags & 0x10 != 0 { 1 } else { 0 };
    let n = 1usize << (flags & 3);
    let name_len = usize::try_from(le(m, i, n)).ok()?;
    i += n;
    m.get(i..i.checked_add(name_len)?)?;
    i += name_len;
    match kind {
        0 => {
            if m.len() < i + 8 {
                return None;
            }
            open.push(le(m, i, 8));
            Some(i + 8)
        }
        1 => Some(i + 2 + usize::try_from(le(m, i, 2)).ok()?),
        64 => {
            let len = usize::try_from(le(m, i, 2)).ok()?;
            let body = m.get(i + 2..i.checked_add(2 + len)?)?;
            let text = String::from_utf8_lossy(body.get(1..)?).replace('\0', " ");
            scan.find(
                &rules::HDF5_EXTERNAL,
                Dangerous,
                at,
                "a link leads to another file",
                printable(text.trim()),
                &[],
            );
            Some(i + 2 + len)
        }
        _ => {
            scan.find(
                &rules::HDF5_EXTERNAL,
                Suspicious,
                at,
                "a link has a type that a plug-in defines",
                format!("link type {kind}"),
                &[],
            );
            None
        }
    }
}

/// Links in a fractal heap: the direct blocks are searched for link messages, which stand one behind the other.
fn dense_links(scan: &mut Scan<'_, '_>, hdf: &mut Hdf<'_, '_>, heap: u64, open: &mut Open) {
    let Some(h) = hdf.bytes(heap, 142) else { return };
    if !h.starts_with(b"FRHP") {
        return;
    }
    let rows = le(&h, 140, 2);
    let root = hdf.base.saturating_add(le(&h, 132, 8));
    let block = le(&h, 112, 8).min(hdf.window.source().len());
    if block > CHUNK_BYTES_MAX {
        scan.incomplete("an HDF5 heap block larger than the limit");
        return;
    }
    if rows > 0 {
        // An indirect root: thousands of links in one group, which no model writer makes.
        scan.incomplete("an HDF5 group with more links than one heap block holds");
        return;
    }
    let body = hdf.window.source().bytes(root, usize::try_from(block).unwrap_or(0));
    if !body.starts_with(b"FHDB") {
        return;
    }
    if !scan.budget.work(block) {
        scan.incomplete("the work budget is spent in an HDF5 file");
        return;
    }
    let mut i = 17;
    while i < body.len() {
        match link(scan, &body[i..], root + i as u64, open) {
            Some(n) if n > 0 => i += n,
            _ => i += 1,
        }
    }
}

/// A group of the old style: a B-tree of symbol nodes.
fn group(scan: &mut Scan<'_, '_>, hdf: &mut Hdf<'_, '_>, tree: u64, open: &mut Open) {
    hdf.nodes.push(tree);
    while let Some(at) = hdf.nodes.list.pop() {
        let Some(h) = hdf.bytes(at, 8) else { continue };
        let known = h.starts_with(b"TREE") || h.starts_with(b"SNOD");
        let used = if known { le(&h, 6, 2) } else { 0 };
        if !scan.budget.work(1 + used) {
            scan.incomplete("the work budget is spent in an HDF5 file");
            return;
        }
        if h.starts_with(b"TREE") {
            for i in 0..used {
                let Some(child) = hdf.u64(at + 24 + 8 + i * 16) else { break };
                let child = hdf.base.saturating_add(child);
                hdf.nodes.push(child);
            }
        } else if h.starts_with(b"SNOD") {
            for i in 0..used {
                let Some(header) = hdf.u64(at + 8 + i * 40 + 8) else { break };
                open.push(header);
            }
        }
    }
}

fn local_heap_text(hdf: &mut Hdf<'_, '_>, heap: u64, offset: u64) -> Option<String> {
    let h = hdf.bytes(heap, 32)?;
    if !h.starts_with(b"HEAP") {
        return None;
    }
    let at = hdf.base.checked_add(le(&h, 24, 8))?.checked_add(offset)?;
    let raw = hdf.window.source().bytes(at, 512);
    // It is evidence only: what is cut is shown cut.
    let end = memchr::memchr(0, &raw).unwrap_or(raw.len());
    Some(String::from_utf8_lossy(&raw[..end]).into_owned())
}

/// Finds configurations by their key wherever attributes may be (headers, heaps) and hands them to the Keras reader.
fn texts(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    let mut at = 0u64;
    let mut chunk = vec![0u8; 256 << 10];
    let needles = [&b"\"class_name\""[..], b"\"training_config\"", b"\"loss\""];
    while at < job.source.len() {
        let n = job.source.read_at(at, &mut chunk);
        if n < 8 {
            return;
        }
        let Some(hit) = needles.iter().filter_map(|needle| memchr::memmem::find(&chunk[..n], needle)).min() else {
            at += (n - n.min(24)) as u64;
            if n < chunk.len() {
                return;
            }
            continue;
        };
        let hit = at + hit as u64;
        // Back to where the text begins, forward to where it ends.
        let from = hit.saturating_sub(64 << 10);
        let before = job.source.bytes(from, usize::try_from(hit - from).unwrap_or(0));
        let run = before.iter().rposition(|b| *b < 9 || (14..32).contains(b)).map_or(0, |i| i + 1);
        let open = memchr::memchr(b'{', &before[run..]).map_or(before.len(), |i| run + i);
        let start = from + open as u64;
        let text = job.source.bytes(start, TEXT_BYTES_MAX);
        let end = text.iter().position(|b| *b < 9 || (14..32).contains(b)).unwrap_or(text.len());
        if end == TEXT_BYTES_MAX {
            scan.incomplete("an HDF5 attribute longer than the limit");
        }
        scan.format("keras-h5");
        keras::check_config(scan, &text[..end], start);
        if let Some(p) = code::phrase(&String::from_utf8_lossy(&text[..end])) {
            scan.find(
                &rules::EMBEDDED_CODE,
                Suspicious,
                start,
                format!("a configuration holds code ({p}…)"),
                String::new(),
                &[],
            );
        }
        at = (start + end as u64).max(hit + 8);
    }
}
