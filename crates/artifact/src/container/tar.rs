//! Tar (POSIX ustar, GNU and pax): members, links and paths that leave the folder.

use super::path::escapes;
use super::sparse;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Scan, printable};
use crate::source::Source;

/// Longest name or pax header read.
const NAME_BYTES_MAX: u64 = 64 << 10;

/// True when the part begins with a tar header: its check sum fits.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    let Some(h) = head.get(..512) else { return false };
    let sum: u64 = h.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) }).sum();
    h[0] != 0 && number(&h[148..156]) == Some(sum)
}

/// An octal or base-256 number.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|b| b & 0x80 != 0) {
        return field
            .iter()
            .skip(1)
            .try_fold(u64::from(field[0] & 0x3f), |v, b| v.checked_mul(256)?.checked_add(u64::from(*b)));
    }
    let text: Vec<u8> =
        field.iter().copied().skip_while(|b| *b == b' ').take_while(|b| (b'0'..=b'7').contains(b)).collect();
    text.iter().try_fold(0u64, |v, b| v.checked_mul(8)?.checked_add(u64::from(b - b'0')))
}

fn text(field: &[u8]) -> String {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Records of a pax header: `length key=value\n`.
fn records(body: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut rest = body;
    let mut out = Vec::new();
    while let Some(space) = memchr::memchr(b' ', rest) {
        let n: Option<usize> = std::str::from_utf8(&rest[..space]).ok().and_then(|n| n.parse().ok());
        let Some((n, record)) = n.and_then(|n| Some((n, rest.get(space + 1..n)?))) else { break };
        if let Some(mark) = memchr::memchr(b'=', record) {
            let value = &record[mark + 1..];
            out.push((&record[..mark], value.strip_suffix(b"\n").unwrap_or(value)));
        }
        rest = &rest[n..];
    }
    out
}

/// The value of a key; the last one counts.
fn pax(body: &[u8], key: &str) -> Option<String> {
    let found = records(body).into_iter().rev().find(|(k, _)| *k == key.as_bytes())?;
    Some(String::from_utf8_lossy(found.1).into_owned())
}

/// Reads the headers and queues the files.
pub(crate) fn scan_tar<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) {
    scan.format("tar");
    let mut at = 0u64;
    let mut long_name: Option<String> = None;
    let mut long_link: Option<String> = None;
    let mut long_size: Option<u64> = None;
    let mut map: Option<sparse::Map> = None;
    let mut names: Vec<String> = Vec::new();
    let mut members = Vec::new();
    loop {
        let h = job.source.bytes(at, 512);
        if h.len() < 512 {
            break;
        }
        if h.iter().all(|b| *b == 0) {
            // Two blank blocks end the archive; what follows is looked at once.
            let behind = job.source.bytes(at + 512, 512);
            if looks_like(&behind) {
                scan.find(
                    &rules::ZIP_TAMPER,
                    Suspicious,
                    at + 512,
                    "members stand behind the end of the archive",
                    String::new(),
                    &[],
                );
                at += 512;
                continue;
            }
            break;
        }
        if !looks_like(&h) {
            scan.find(&rules::LAYOUT, Review, at, "a tar header does not match its check sum", String::new(), &[]);
            scan.incomplete("a damaged tar archive");
            break;
        }
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a tar archive");
            break;
        }
        let Some(mut size) = number(&h[124..136]) else {
            scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, "the size of a member is no number", String::new(), &[]);
            break;
        };
        let kind = h[156];
        let body = at + 512;
        if !matches!(kind, b'x' | b'g' | b'L' | b'K')
            && let Some(s) = long_size.take()
        {
            size = s;
        }
        let holds = !matches!(kind, b'1' | b'2' | b'3' | b'4' | b'5' | b'6');
        let stored = if holds { size } else { 0 };
        let next = stored.checked_add(511).map(|s| s / 512 * 512).and_then(|s| s.checked_add(body));
        let Some(mut next) = next else {
            scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, "the size of a member overflows", String::new(), &[]);
            break;
        };
        match kind {
            b'L' | b'K' | b'x' | b'g' => {
                if size > NAME_BYTES_MAX {
                    scan.incomplete(format!("a tar name or header of more than {NAME_BYTES_MAX} bytes"));
                }
                let raw = job.source.bytes(body, usize::try_from(size.min(NAME_BYTES_MAX)).unwrap_or(0));
                match kind {
                    b'L' => long_name = Some(text(&raw)),
                    b'K' => long_link = Some(text(&raw)),
                    _ => {
                        long_name = pax(&raw, "GNU.sparse.name").or_else(|| pax(&raw, "path")).or(long_name);
                        long_link = pax(&raw, "linkpath").or(long_link);
                        long_size = pax(&raw, "size").and_then(|s| s.parse().ok());
                        if memchr::memmem::find(&raw, b" GNU.sparse.").is_some() {
                            map = Some(sparse::of_records(&records(&raw)));
                        }
                    }
                }
            }
            _ => {
                let short = text(&h[..100]);
                let prefix = if &h[257..262] == b"ustar" && h[262] == 0 { text(&h[345..500]) } else { String::new() };
                let name =
                    long_name.take().unwrap_or(if prefix.is_empty() { short } else { format!("{prefix}/{short}") });
                let target = long_link.take().unwrap_or_else(|| text(&h[157..257]));
                check(scan, at, kind, &name, &target);
                let found = if kind == b'S' {
                    Some(sparse::of_header(&job.source, &h, body, &scan.budget))
                } else {
                    map.take()
                };
                let from = body.saturating_add(found.as_ref().map_or(0, |m| m.header_bytes));
                next = next.saturating_add(from - body);
                if holds && !name.ends_with('/') && kind != b'D' {
                    if from.saturating_add(size) > job.source.len() {
                        scan.find(&rules::LAYOUT, Review, at, "a member is cut", printable(&name), &[]);
                    }
                    let stored = job.source.sub(from, size);
                    let file = match found {
                        Some(map) => expand(scan, job, at, &name, map, stored),
                        None => stored,
                    };
                    members.push((name.clone(), file));
                }
                names.push(name);
            }
        }
        if names.len() as u64 > scan.config.entries_max {
            scan.incomplete("more tar members than the limit");
            break;
        }
        at = next;
    }
    // The first PyTorch format: a tar of `pickle`, `tensors`, `storages` and `sys_info`.
    let torch = ["pickle", "storages", "tensors"].iter().all(|n| names.iter().any(|m| m == n));
    if torch {
        scan.format("torch-tar");
    }
    for (name, file) in members {
        let hint = if torch && name == "pickle" { Hint::TorchPickle } else { Hint::Member };
        if torch && matches!(name.as_str(), "storages" | "tensors") {
            // A count as pickle, then raw data: the pickles at the beginning are read like any other.
            if crate::pickle::looks_like_pickle(&file.bytes(0, 64)) {
                scan.enqueue(job, Child::plain(name, file, Hint::TorchPickle));
            }
            continue;
        }
        scan.enqueue(job, Child::plain(name, file, hint));
    }
}

/// The file that a sparse member stands for; its stored bytes where the map cannot be followed. Readers that know nothing
/// of maps take the stored bytes, so these are looked at as well where they may be a pickle or something else.
fn expand<'a>(
    scan: &mut Scan<'a, '_>,
    job: &Job<'a>,
    at: u64,
    name: &str,
    mut map: sparse::Map,
    stored: Source<'a>,
) -> Source<'a> {
    let data = if map.in_data { sparse::of_data(&mut map, &stored) } else { stored.clone() };
    if map.is_cut() {
        scan.incomplete("a sparse member has more parts than the limit");
        return stored;
    }
    if let Some(why) = map.check(data.len()) {
        scan.find(&rules::ZIP_TAMPER, Suspicious, at, why, printable(name), &[]);
        scan.incomplete("a sparse member that readers put together differently");
        return stored;
    }
    let len = map.len.unwrap_or(0);
    let ceiling = scan.config.ratio_floor_bytes.max(stored.len().saturating_mul(scan.config.ratio_max));
    if len > ceiling {
        let evidence = format!("{}: {} bytes stored, {len} in all", printable(name), stored.len());
        let message = "a sparse member is far longer than its data";
        scan.find(&rules::ARCHIVE_BOMB, Suspicious, at, message, evidence, &[]);
    }
    if len > ceiling || !scan.budget.inflate(len) {
        scan.incomplete("a sparse member is longer than the budget for decompressed bytes");
        return stored;
    }
    let file = map.expand(data.clone());
    let (head, shown) = (data.bytes(0, 512), file.bytes(0, 512));
    if crate::pickle::looks_like_pickle(&head) || head != shown && !map.in_data {
        scan.enqueue(job, Child::plain(format!("{name} (stored)"), data, Hint::Guess));
    }
    file
}

fn check(scan: &mut Scan<'_, '_>, at: u64, kind: u8, name: &str, target: &str) {
    if let Some(why) = escapes(name) {
        scan.find(&rules::ARCHIVE_SLIP, Dangerous, at, format!("a member name is {why}"), printable(name), &[]);
    }
    match kind {
        b'1' | b'2' => {
            let folder = name.rsplit_once('/').map_or("", |(f, _)| f);
            let joined =
                if kind == b'2' && !target.starts_with('/') { format!("{folder}/{target}") } else { target.to_owned() };
            let severity = if escapes(joined.trim_start_matches("./")).is_some() || target.starts_with('/') {
                Dangerous
            } else {
                Suspicious
            };
            scan.find(
                &rules::ARCHIVE_LINK,
                severity,
                at,
                if kind == b'2' { "a member is a symbolic link" } else { "a member is a hard link" },
                printable(&format!("{name} -> {target}")),
                &[],
            );
        }
        b'3' | b'4' | b'6' => {
            scan.find(&rules::ARCHIVE_LINK, Suspicious, at, "a member is a device or pipe", printable(name), &[])
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{looks_like, number, pax};

    #[test]
    fn numbers_and_records() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   12 "), Some(10));
        assert_eq!(number(&[0x80, 0, 0, 1, 0]), Some(256));
        assert_eq!(number(&[0xff; 12]), None, "past 64 bits");
        assert_eq!(pax(b"13 path=a/b/\n", "path").as_deref(), Some("a/b/"));
        assert_eq!(pax(b"99 path=a\n", "path"), None);
        assert_eq!(pax(b"10 path=a\n10 path=b\n", "path").as_deref(), Some("b"), "the last one counts");
        assert_eq!(pax(b"10 path=a\nx", "path").as_deref(), Some("a"), "damage behind it");
        assert!(!looks_like(&[0; 512]) && !looks_like(b"short"));
    }
}
