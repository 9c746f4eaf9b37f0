//! Zip (APPNOTE 6.3.10), read the way each victim would read it, and the union of all views scanned.
//!
//! Every end-of-central-directory record is followed, at the offset it names (miniz) and at the offset that its size
//! implies (Python's zipfile, which allows a prefix). Central entries and local headers are compared; what no entry
//! accounts for is searched for local headers of its own.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::path::escapes;
use super::stream::Codec;
use crate::report::ArtifactSeverity::{self, Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Packing, Scan, printable};
use crate::source::{Source, Window};

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const END64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";

/// How far from the end records are looked for; readers differ (64 KiB and more).
const TAIL_BYTES: u64 = 1 << 20;
/// End records followed.
const ENDS_MAX: usize = 16;
/// Longest member name read; of a longer one a byte more is kept, by which it is told.
const NAME_BYTES_MAX: usize = 4096;

/// What one view says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    /// Where the local header is.
    local: u64,
    /// Unix mode, when the archive was made on Unix.
    mode: u32,
    /// The name in the extra field 0x7075, when readers that know it would take it instead.
    second_name: Option<Vec<u8>>,
    /// Where this record itself is.
    at: u64,
}

fn u16_at(b: &[u8], i: usize) -> u16 {
    b.get(i..i + 2).and_then(|s| s.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(b: &[u8], i: usize) -> u32 {
    b.get(i..i + 4).and_then(|s| s.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(b: &[u8], i: usize) -> u64 {
    b.get(i..i + 8).and_then(|s| s.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Looks for an end record in the tail; cheap enough to ask of every file.
pub(crate) fn has_end_record(source: &Source<'_>) -> bool {
    let len = source.len();
    let tail = len.min(66 << 10);
    let bytes = source.bytes(len - tail, usize::try_from(tail).unwrap_or(0));
    memchr::memmem::rfind_iter(&bytes, END).take(ENDS_MAX).any(|i| {
        let size = u64::from(u32_at(&bytes, i + 12));
        let offset = u64::from(u32_at(&bytes, i + 16));
        let at = len - tail + i as u64;
        // The directory is where the record says, or right before it for readers that go by its length.
        i >= 20 && bytes[i - 20..].starts_with(LOCATOR64)
            || [Some(offset), at.checked_sub(size)].into_iter().flatten().any(|d| source.bytes(d, 4) == CENTRAL)
    })
}

/// A place where a central directory begins, with what must be added to the offsets in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Directory {
    at: u64,
    /// Negative where the offsets were written for an archive that stood further behind, as after a cut prefix.
    shift: i64,
    entries: u64,
    end: u64,
}

/// An end record: how many entries, how many bytes of directory, where it begins, and where the record stands.
#[derive(Clone, Copy, Debug)]
struct Record {
    entries: u64,
    size: u64,
    offset: u64,
    tail: u64,
}

struct Zip<'s, 'a> {
    window: Window<'s, 'a>,
    len: u64,
}

impl Zip<'_, '_> {
    fn is(&mut self, at: u64, signature: &[u8; 4]) -> bool {
        self.window.exact(at, 4).is_some_and(|b| b == signature)
    }

    /// Every end record in the tail, last first; more than [`ENDS_MAX`] when there are more.
    fn ends(&mut self) -> Vec<u64> {
        let from = self.len.saturating_sub(TAIL_BYTES);
        let mut out = Vec::new();
        let mut at = self.len;
        // Windows overlap by three bytes so that no signature is cut.
        while at > from && out.len() <= ENDS_MAX {
            let start = at.saturating_sub(64 << 10).max(from);
            let part = self.window.upto(start, usize::try_from(at - start + 3).unwrap_or(0));
            for i in memchr::memmem::rfind_iter(part, END) {
                let pos = start + i as u64;
                if pos < at && pos + 22 <= self.len && !out.contains(&pos) {
                    out.push(pos);
                }
            }
            at = start;
        }
        out
    }

    /// The directories that an end record leads to, one for each way of reading it.
    fn directories(&mut self, end: u64) -> Vec<Directory> {
        let Some(r) = self.window.exact(end, 22).map(<[u8]>::to_vec) else { return Vec::new() };
        let (entries, size, offset) = (u64::from(u16_at(&r, 10)), u64::from(u32_at(&r, 12)), u64::from(u32_at(&r, 16)));
        let short = Record { entries, size, offset, tail: end };
        let mut records = Vec::new();
        if end >= 20 && self.is(end - 20, LOCATOR64) {
            let locator = self.window.exact(end - 20, 20).map(<[u8]>::to_vec).unwrap_or_default();
            // Where the locator says (miniz), and right before the locator (zipfile up to Python 3.13).
            let mut places = vec![u64_at(&locator, 8)];
            if end >= 76 && places[0] != end - 76 {
                places.push(end - 76);
            }
            for tail in places {
                if self.is(tail, END64)
                    && let Some(r) = self.window.exact(tail, 56).map(<[u8]>::to_vec)
                {
                    records.push(Record {
                        entries: u64_at(&r, 32),
                        size: u64_at(&r, 40),
                        offset: u64_at(&r, 48),
                        tail,
                    });
                }
            }
        }
        // Readers differ in whether the wide record counts where the short one needs none.
        if records.is_empty() || short.offset != u64::from(u32::MAX) {
            records.push(short);
        }
        let mut out: Vec<Directory> = Vec::new();
        for r in records {
            let mut add = |at: u64, shift: i64| {
                if !out.iter().any(|d| d.at == at && d.shift == shift) {
                    out.push(Directory { at, shift, entries: r.entries, end });
                }
            };
            if r.offset <= end {
                add(r.offset, 0);
            }
            // zipfile goes by the length of the directory; the difference may have either sign.
            if let Some(implied) = r.tail.checked_sub(r.size)
                && let Ok(shift) = i64::try_from(i128::from(implied) - i128::from(r.offset))
            {
                add(implied, shift);
            }
        }
        out
    }

    fn central(&mut self, at: u64, shift: i64) -> Option<(Entry, u64)> {
        let h = self.window.exact(at, 46)?.to_vec();
        if &h[..4] != CENTRAL {
            return None;
        }
        let (name_len, extra_len, comment_len) =
            (usize::from(u16_at(&h, 28)), usize::from(u16_at(&h, 30)), u64::from(u16_at(&h, 32)));
        let rest = self.window.upto(at + 46, name_len + extra_len).to_vec();
        let name = rest.get(..name_len.min(NAME_BYTES_MAX + 1))?.to_vec();
        let mut e = Entry {
            name,
            flags: u16_at(&h, 8),
            method: u16_at(&h, 10),
            crc: u32_at(&h, 16),
            packed: u64::from(u32_at(&h, 20)),
            size: u64::from(u32_at(&h, 24)),
            local: u64::from(u32_at(&h, 42)),
            mode: u32_at(&h, 38) >> 16,
            second_name: None,
            at,
        };
        let extra = rest.get(name_len..).unwrap_or_default();
        e.second_name = second_name(extra, &e.name);
        widen(&mut e, extra);
        // What leads before the beginning of the file leads nowhere.
        e.local = e.local.checked_add_signed(shift).unwrap_or(u64::MAX);
        Some((e, at + 46 + (name_len + extra_len) as u64 + comment_len))
    }

    /// A local header and where its data begins.
    fn local(&mut self, at: u64) -> Option<(Entry, u64)> {
        let h = self.window.exact(at, 30)?.to_vec();
        if &h[..4] != LOCAL {
            return None;
        }
        let (name_len, extra_len) = (usize::from(u16_at(&h, 26)), usize::from(u16_at(&h, 28)));
        let rest = self.window.upto(at + 30, name_len + extra_len).to_vec();
        let name = rest.get(..name_len.min(NAME_BYTES_MAX + 1))?.to_vec();
        let mut e = Entry {
            name,
            flags: u16_at(&h, 6),
            method: u16_at(&h, 8),
            crc: u32_at(&h, 14),
            packed: u64::from(u32_at(&h, 18)),
            size: u64::from(u32_at(&h, 22)),
            local: at,
            mode: 0,
            second_name: None,
            at,
        };
        widen(&mut e, rest.get(name_len..).unwrap_or_default());
        Some((e, at + 30 + (name_len + extra_len) as u64))
    }
}

/// Takes 64-bit sizes out of the extra field 1.
fn widen(e: &mut Entry, extra: &[u8]) {
    let mut i = 0;
    while i + 4 <= extra.len() {
        let (id, n) = (u16_at(extra, i), usize::from(u16_at(extra, i + 2)));
        let Some(body) = extra.get(i + 4..i + 4 + n) else { return };
        if id == 1 {
            let mut at = 0;
            for field in [&mut e.size, &mut e.packed, &mut e.local] {
                if *field == u64::from(u32::MAX) && at + 8 <= body.len() {
                    *field = u64_at(body, at);
                    at += 8;
                }
            }
            return;
        }
        i += 4 + n;
    }
}

/// The name in the extra field 0x7075 (Info-ZIP), which counts where its check sum is that of the first name.
fn second_name(extra: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut i = 0;
    while i + 4 <= extra.len() {
        let (id, n) = (u16_at(extra, i), usize::from(u16_at(extra, i + 2)));
        let body = extra.get(i + 4..i + 4 + n)?;
        if id == 0x7075 && body.len() > 5 && body[0] == 1 && u32_at(body, 1) == crc32fast::hash(name) {
            return Some(body[5..].to_vec()).filter(|second| second != name);
        }
        i += 4 + n;
    }
    None
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// Reads the archive in `job` and queues its members.
pub(crate) fn scan_zip<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) {
    if let Some(members) = members(scan, job) {
        queue(scan, job, members);
    }
}

/// The members of every view of the archive in `job`; `None` when the budget is spent.
pub(crate) fn members<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) -> Option<Vec<Member>> {
    let mut zip = Zip { window: Window::new(&job.source), len: job.source.len() };
    let mut ends = zip.ends();
    if ends.len() > ENDS_MAX {
        scan.incomplete(format!("more than {ENDS_MAX} end records of a zip"));
        ends.truncate(ENDS_MAX);
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut directories: Vec<(Directory, u64)> = Vec::new();
    // Bytes of stored members. An end record in one of them is that of an archive inside this one, which is read as such.
    let mut stored: Vec<(u64, u64)> = Vec::new();
    for end in &ends {
        if stored.iter().any(|(from, to)| from <= end && end + 22 <= *to) {
            continue;
        }
        let known = entries.len();
        for d in zip.directories(*end) {
            if directories.iter().any(|(o, _)| o.at == d.at && o.shift == d.shift) {
                continue;
            }
            let mut at = d.at;
            let mut n = 0;
            while let Some((e, next)) = zip.central(at, d.shift) {
                if !scan.budget.work(1) {
                    scan.incomplete("the work budget is spent in a zip directory");
                    return None;
                }
                n += 1;
                // The same record through another reading of its offset is another entry only where it leads elsewhere.
                if !entries.iter().rev().take(64).any(|o| o.at == e.at && o.local == e.local) {
                    entries.push(e);
                }
                if entries.len() as u64 > scan.config.entries_max {
                    scan.incomplete("more zip members than the limit");
                    break;
                }
                at = next;
            }
            if n > 0 {
                directories.push((d, at));
                if d.shift < 0 {
                    report(
                        scan,
                        d.at,
                        "the directory is that of a longer file: readers differ in whether they open it",
                        format!("offsets are {} too large", d.shift.unsigned_abs()),
                    );
                }
            }
            if n > 0 && n != (d.entries & 0xffff) && n != d.entries {
                report(
                    scan,
                    d.at,
                    "the directory does not have as many entries as its end record says",
                    format!("{n} entries, {} promised", d.entries),
                );
            }
        }
        if ends.len() > 1 {
            // Storages of PyTorch are not read, so that nothing may hide in them.
            for e in entries.iter().skip(known).filter(|e| e.method == 0 && !is_storage(&text(&e.name))) {
                if let Some((_, data)) = zip.local(e.local) {
                    stored.push((data, data.saturating_add(e.packed)));
                }
            }
        }
    }
    // A shifted and an unshifted reading of one directory: entries whose local header is not there are no view.
    let mut checked: Vec<(Entry, Option<(Entry, u64)>)> = Vec::with_capacity(entries.len());
    for e in entries {
        let local = zip.local(e.local);
        checked.push((e, local));
    }
    let found: HashSet<u64> = checked.iter().filter(|(_, l)| l.is_some()).map(|(e, _)| e.at).collect();
    checked.retain(|(e, l)| l.is_some() || !found.contains(&e.at));
    Some(views(scan, &mut zip, checked, &directories, &ends))
}

fn report(scan: &mut Scan<'_, '_>, at: u64, message: &str, evidence: impl Into<String>) {
    scan.find(&rules::ZIP_TAMPER, Suspicious, at, message, printable(&evidence.into()), &[]);
}

/// A part of the file that a record accounts for.
#[derive(Clone, Copy)]
struct Region {
    from: u64,
    to: u64,
    data: bool,
}

fn views<'a>(
    scan: &mut Scan<'a, '_>,
    zip: &mut Zip<'_, 'a>,
    checked: Vec<(Entry, Option<(Entry, u64)>)>,
    directories: &[(Directory, u64)],
    ends: &[u64],
) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    let mut regions: Vec<Region> = Vec::new();
    let mut names: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut locals: HashSet<u64> = HashSet::new();
    for (central, local) in &checked {
        let shown = text(&central.name);
        let Some((local, data)) = local else {
            report(scan, central.at, "an entry leads to no local header", shown);
            continue;
        };
        if !locals.insert(central.local) {
            report(scan, central.at, "two entries lead to one local header", shown.clone());
        }
        if let Some(first) = names.insert(central.name.clone(), central.local)
            && first != central.local
        {
            report(scan, central.at, "two members have one name: readers differ in which they take", shown.clone());
        }
        compare(scan, central, local);
        let descriptor = if central.flags & 8 != 0 || local.flags & 8 != 0 { 24 } else { 0 };
        regions.push(Region { from: central.local, to: data.saturating_add(central.packed), data: true });
        if descriptor > 0 {
            let end = data.saturating_add(central.packed);
            let signed = zip.is(end, b"PK\x07\x08");
            let wide = central.size >= u64::from(u32::MAX) || local.packed >= u64::from(u32::MAX);
            let n = 12 + if signed { 4 } else { 0 } + if wide { 8 } else { 0 };
            // A writer may use wide fields for short members; the gap check below forgives eight bytes.
            regions.push(Region { from: end, to: end.saturating_add(n), data: false });
        }
        members.push(Member { name: shown.clone(), entry: central.clone(), data: *data, alternative: false });
        if local.method != central.method
            || (local.flags & 8 == 0 && local.packed != central.packed)
            || local.name != central.name
        {
            let packed = if local.flags & 8 != 0 && local.packed == 0 { central.packed } else { local.packed };
            members.push(Member {
                name: text(&local.name),
                entry: Entry { packed, ..local.clone() },
                data: *data,
                alternative: true,
            });
        }
    }
    for (d, to) in directories {
        regions.push(Region { from: d.at, to: *to, data: false });
    }
    for end in ends {
        if directories.iter().any(|(d, _)| d.end == *end) {
            let comment = zip.window.exact(end + 20, 2).map_or(0, |b| u64::from(u16_at(b, 0)));
            // A 64-bit end record and its locator stand before the short one.
            let from = if *end >= 20 && zip.is(*end - 20, LOCATOR64) { end.saturating_sub(76) } else { *end };
            regions.push(Region { from, to: (end + 22 + comment).min(zip.len), data: false });
        }
    }
    let orphans = gaps(scan, zip, &mut regions, checked.is_empty());
    members.extend(orphans);
    members
}

fn compare(scan: &mut Scan<'_, '_>, central: &Entry, local: &Entry) {
    let name = text(&central.name);
    if central.name != local.name {
        report(
            scan,
            local.at,
            "a member is named differently in its two headers",
            format!("{name} / {}", text(&local.name)),
        );
    }
    if central.method != local.method {
        report(
            scan,
            local.at,
            "a member has two compression methods",
            format!("{name}: {} / {}", central.method, local.method),
        );
    }
    // Bit 3 (sizes follow) and bit 11 (UTF-8 name) are set in one header only by ordinary writers.
    if (central.flags ^ local.flags) & !0x0808 != 0 {
        report(
            scan,
            local.at,
            "a member has two sets of flags",
            format!("{name}: {:#x} / {:#x}", central.flags, local.flags),
        );
    }
    // Writers keep a second name for letters that the first cannot have.
    if let Some(second) = &central.second_name
        && second.is_ascii()
        && central.name.is_ascii()
    {
        report(scan, central.at, "a member has a second name", format!("{name} / {}", text(second)));
    }
    let deferred = local.flags & 8 != 0;
    // Where sizes come behind the data, either may be left out: macOS writes the one and not the other.
    let differs = |local: u64, central: u64| local != central && !(deferred && local == 0);
    if (differs(local.packed, central.packed) || differs(local.size, central.size))
        && !(deferred && local.packed >= u64::from(u32::MAX))
    {
        report(
            scan,
            local.at,
            "a member has two sizes",
            format!("{name}: {}/{} and {}/{}", central.packed, central.size, local.packed, local.size),
        );
    }
    if local.crc != central.crc && !(deferred && local.crc == 0) {
        report(scan, local.at, "a member has two check sums", name.clone());
    }
    if central.method == 0 && central.packed != central.size {
        report(scan, central.at, "a stored member has two sizes", name.clone());
    }
    if central.flags & 0x1 != 0 || central.flags & 0x40 != 0 || central.flags & 0x20 != 0 || local.flags & 0x61 != 0 {
        scan.find(
            &rules::ARCHIVE_ENCRYPTED,
            Suspicious,
            central.at,
            "a member is marked as encrypted or patched, which no model writer does and which some scanners skip",
            printable(&name),
            &[],
        );
    }
}

/// Reports overlaps, a prefix, a trailer and gaps; returns members found in the gaps.
fn gaps<'a>(scan: &mut Scan<'a, '_>, zip: &mut Zip<'_, 'a>, regions: &mut [Region], no_directory: bool) -> Vec<Member> {
    regions.sort_by_key(|r| (r.from, r.to));
    let mut out = Vec::new();
    let mut at = 0u64;
    let mut searched = 0u64;
    let mut previous_data = false;
    let mut all: Vec<(u64, u64)> = Vec::new();
    for r in regions.iter() {
        if r.from > at {
            all.push((at, r.from));
        } else if r.from < at && r.data && previous_data {
            report(scan, r.from, "two members share the same bytes", String::new());
        }
        if r.to > at {
            at = r.to;
            previous_data = r.data;
        }
    }
    if at > zip.len {
        report(scan, zip.len, "a member ends behind the end of the file", String::new());
    }
    if at < zip.len {
        all.push((at, zip.len));
    }
    for (from, to) in all {
        searched += to - from;
        if searched > scan.config.zip_gap_bytes_max {
            scan.incomplete("more bytes outside the members of a zip than the limit");
            break;
        }
        let blank = is_blank(zip, from, to);
        if blank && to - from <= 64 << 10 {
            continue;
        }
        // TFLite keeps its metadata as a zip behind the model.
        let model = from == 0 && zip.window.exact(4, 4) == Some(b"TFL3");
        if model {
        } else if from == 0 && !no_directory && !blank {
            scan.find(
                &rules::ZIP_PREFIX,
                Suspicious,
                0,
                "other data stands before the archive",
                format!("{to} bytes"),
                &[],
            );
        } else if !no_directory && to - from > 24 && !blank {
            let severity = if to == zip.len { Suspicious } else { Review };
            scan.find(
                &rules::ZIP_TAMPER,
                severity,
                from,
                if to == zip.len {
                    "other data stands behind the archive"
                } else {
                    "data between the members belongs to none of them"
                },
                format!("{} bytes", to - from),
                &[],
            );
        }
        let mut pos = from;
        while let Some(found) = find_signature(zip, LOCAL, pos, to) {
            if !scan.budget.work(1) {
                scan.incomplete("the work budget is spent in a zip gap");
                return out;
            }
            let Some((entry, data)) = zip.local(found) else {
                pos = found + 4;
                continue;
            };
            if entry.name.is_empty() || entry.method > 100 {
                pos = found + 4;
                continue;
            }
            if !no_directory {
                report(scan, found, "a member stands in no directory", text(&entry.name));
            }
            let mut entry = entry;
            if entry.packed == 0 && entry.flags & 8 != 0 {
                let next = [LOCAL, CENTRAL, b"PK\x07\x08"]
                    .iter()
                    .filter_map(|s| find_signature(zip, s, data, to))
                    .min()
                    .unwrap_or(to);
                entry.packed = next.saturating_sub(data);
            }
            pos = data.saturating_add(entry.packed).min(to).max(found + 30);
            out.push(Member { name: text(&entry.name), entry, data, alternative: true });
        }
    }
    if no_directory {
        scan.find(
            &rules::ZIP_TAMPER,
            Suspicious,
            0,
            "the archive has no directory that leads to a member",
            String::new(),
            &[],
        );
    }
    out
}

fn is_blank(zip: &mut Zip<'_, '_>, from: u64, to: u64) -> bool {
    let mut at = from;
    while at < to {
        let n = usize::try_from((to - at).min(32 << 10)).unwrap_or(0);
        let part = zip.window.upto(at, n);
        if part.is_empty() {
            return true;
        }
        if part.iter().any(|&b| b != 0) {
            return false;
        }
        at += part.len() as u64;
    }
    true
}

fn find_signature(zip: &mut Zip<'_, '_>, signature: &[u8; 4], from: u64, to: u64) -> Option<u64> {
    let mut at = from;
    while at + 4 <= to {
        let n = usize::try_from((to - at).min(64 << 10)).unwrap_or(0);
        let part = zip.window.upto(at, n);
        if part.len() < 4 {
            return None;
        }
        if let Some(i) = memchr::memmem::find(part, signature) {
            return Some(at + i as u64);
        }
        at += (part.len() - 3) as u64;
    }
    None
}

/// A member as one view sees it.
pub(crate) struct Member {
    name: String,
    entry: Entry,
    data: u64,
    /// Not as the directory has it.
    alternative: bool,
}

impl Member {
    /// Its name as it stands in the archive.
    pub(crate) fn raw_name(&self) -> &[u8] {
        &self.entry.name
    }

    /// Its packed bytes with their packing; `None` for a method that no reader here knows.
    pub(crate) fn packed<'a>(&self, archive: &Source<'a>) -> Option<(Packing, Source<'a>)> {
        let packing = match self.entry.method {
            0 => Packing::Plain,
            8 => Packing::Codec(Codec::Deflate),
            12 => Packing::Codec(Codec::Bzip2),
            14 => Packing::Codec(Codec::ZipLzma),
            93 | 20 => Packing::Codec(Codec::Zstd),
            95 => Packing::Codec(Codec::Xz),
            _ => return None,
        };
        Some((packing, archive.sub(self.data, self.entry.packed)))
    }
}

/// True for the raw storages of a PyTorch archive, which no loader interprets.
fn is_storage(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    let (Some(last), Some(folder)) = (parts.next(), parts.next()) else { return false };
    folder == "data" && !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())
        || folder == "constants" && !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit())
}

fn queue<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, members: Vec<Member>) {
    let has = |tail: &str| members.iter().any(|m| m.name == tail || m.name.ends_with(&format!("/{tail}")));
    let torch = has("data.pkl") && (has("version") || has("byteorder") || members.iter().any(|m| is_storage(&m.name)))
        || has("data.pkl")
            && members.iter().filter(|m| m.name.ends_with("data.pkl")).count() >= 1
            && members.iter().all(|m| !m.name.ends_with(".json"));
    let script = torch && has("constants.pkl");
    let package = members.iter().any(|m| m.name.ends_with(".data/extern_modules"));
    let program = members
        .iter()
        .any(|m| m.name.ends_with("archive_format") || m.name.ends_with("serialized_exported_program.json"));
    let torch = torch || package;
    let format = if package {
        "torch-package"
    } else if program {
        "torch-pt2"
    } else if script {
        "torchscript"
    } else if torch {
        "torch-zip"
    } else if has("schema.json") && members.iter().any(|m| m.name == "schema.json") {
        "skops"
    } else if has("config.json") && (has("model.weights.h5") || has("metadata.json") || has("model.weights.npz")) {
        "keras-zip"
    } else if !members.is_empty() && members.iter().all(|m| m.name.ends_with(".npy")) {
        "npz"
    } else {
        "zip"
    };
    scan.format(format);
    let storages = torch.then(|| {
        let mut map = HashMap::new();
        for m in &members {
            if let Some((_, key)) = m.name.rsplit_once("data/").or_else(|| m.name.rsplit_once("constants/")) {
                // A package calls its storages `0.storage` where an archive calls them `0`.
                map.insert(key.strip_suffix(".storage").unwrap_or(key).to_owned(), m.entry.size);
            }
        }
        Rc::new(map)
    });
    for m in members {
        check_name(scan, &m);
        if m.name.ends_with('/') && m.entry.packed == 0 {
            continue;
        }
        if torch && is_storage(&m.name) && m.entry.method == 0 {
            continue;
        }
        let hint = if torch && m.name.ends_with(".pkl") { Hint::TorchPickle } else { Hint::Member };
        let (packing, source) = m.packed(&job.source).unwrap_or_else(|| {
            let source = job.source.sub(m.data, m.entry.packed);
            let evidence = printable(&format!("{}: method {}", m.name, m.entry.method));
            let message = "a member has a compression method that no model writer uses";
            scan.find(&rules::ZIP_TAMPER, Suspicious, m.entry.at, message, evidence, &[]);
            scan.incomplete(format!("zip method {} is not known", m.entry.method));
            // A reader that ignores the method sees the bytes as they are, or deflated.
            let deflated = format!("{}#deflated", m.name);
            scan.enqueue(job, Child::packed(deflated, source.clone(), Hint::Guess, Codec::Deflate));
            (Packing::Plain, source)
        });
        let name = if m.alternative { format!("{}#local", m.name) } else { m.name.clone() };
        let promise = (!m.alternative).then_some((m.entry.size, m.entry.crc));
        scan.enqueue(job, Child { name, source, hint, packing, promise, storages: storages.clone() });
    }
}

fn check_name(scan: &mut Scan<'_, '_>, m: &Member) {
    if let Some(why) = escapes(&m.name) {
        scan.find(
            &rules::ARCHIVE_SLIP,
            ArtifactSeverity::Dangerous,
            m.entry.at,
            format!("a member name is {why}"),
            printable(&m.name),
            &[],
        );
    }
    if m.entry.name.len() > NAME_BYTES_MAX {
        scan.incomplete(format!("a zip member name of more than {NAME_BYTES_MAX} bytes"));
    }
    if m.name.contains('\0') {
        report(scan, m.entry.at, "a member name holds a NUL: readers cut it at different places", m.name.clone());
    }
    if m.entry.mode & 0o170_000 == 0o120_000 {
        scan.find(&rules::ARCHIVE_LINK, Suspicious, m.entry.at, "a member is a symbolic link", printable(&m.name), &[]);
    }
}
