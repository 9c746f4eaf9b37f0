//! R serialization (RDS, RDA; R Internals, section 1.8): promises and code that run when a value is read or used.

use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};
use crate::source::Window;

/// Items waiting to be read; what is deeper is not followed.
const OPEN_MAX: usize = 1 << 20;

/// True when the part is a serialized R value.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    let body = if head.starts_with(b"RDX2\n") || head.starts_with(b"RDX3\n") { &head[5..] } else { head };
    matches!(body, [b'X', b'\n', 0, 0, 0, 2 | 3, ..])
        || head.starts_with(b"RDA2\nA\n")
        || head.starts_with(b"RDA3\nA\n")
        || head.starts_with(b"A\n2\n")
        || head.starts_with(b"A\n3\n")
}

enum Open {
    /// One item.
    Item,
    /// So many items.
    Items(u64),
}

/// Walks the values with a stack; reports promises, byte code and native pointers.
pub(crate) fn scan_rds(scan: &mut Scan<'_, '_>, job: &Job<'_>, head: &[u8]) {
    scan.format("r-rds");
    let mut window = Window::new(&job.source);
    let mut at = if head.starts_with(b"RDX") { 5 } else { 0 };
    if head.get(at as usize) == Some(&b'A') || head.starts_with(b"RDA") {
        scan.incomplete("the text form of R serialization is not read");
        return;
    }
    let version = window.exact(at + 2, 4).map_or(0, |b| b[3]);
    at += 14;
    if version == 3 {
        let n = window.exact(at, 4).map_or(0, |b| u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])));
        at += 4 + n.min(64);
    }
    let mut open = vec![Open::Item];
    while let Some(next) = open.pop() {
        if let Open::Items(n) = next {
            if n > 1 {
                open.push(Open::Items(n - 1));
            }
            if n == 0 {
                continue;
            }
        }
        if !scan.budget.work(1) || open.len() > OPEN_MAX {
            scan.incomplete("the work budget is spent in an R value");
            return;
        }
        let Some(flags) = int(&mut window, &mut at) else {
            scan.find(&rules::LAYOUT, Review, at, "the R value is cut", String::new(), &[]);
            return;
        };
        if !item(scan, &mut window, &mut at, flags, &mut open) {
            return;
        }
    }
}

fn int(window: &mut Window<'_, '_>, at: &mut u64) -> Option<u32> {
    let v = window.exact(*at, 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)?;
    *at += 4;
    Some(v)
}

fn length(window: &mut Window<'_, '_>, at: &mut u64) -> Option<u64> {
    let n = int(window, at)?;
    if n == u32::MAX {
        let (high, low) = (int(window, at)?, int(window, at)?);
        return Some((u64::from(high) << 32) | u64::from(low));
    }
    Some(u64::from(n))
}

/// Reads one item; false to stop.
fn item(scan: &mut Scan<'_, '_>, window: &mut Window<'_, '_>, at: &mut u64, flags: u32, open: &mut Vec<Open>) -> bool {
    let here = *at - 4;
    let kind = flags & 0xff;
    let attributes = flags & 0x200 != 0;
    let tagged = flags & 0x400 != 0;
    let cut = |scan: &mut Scan<'_, '_>| {
        scan.find(&rules::LAYOUT, Review, here, "the R value is cut or damaged", String::new(), &[]);
        false
    };
    let mut vector = |size: u64, window: &mut Window<'_, '_>, scan: &mut Scan<'_, '_>| {
        let Some(n) = length(window, at) else { return cut(scan) };
        let end = n.checked_mul(size).and_then(|b| at.checked_add(b)).filter(|e| *e <= window.source().len());
        match end {
            Some(e) => {
                *at = e;
                if attributes {
                    open.push(Open::Item);
                }
                true
            }
            None => cut(scan),
        }
    };
    match kind {
        // Singletons and references that carry nothing.
        0 | 239..=242 | 250..=254 | 247..=249 => true,
        255 => {
            if flags >> 8 == 0 {
                *at += 4;
            }
            true
        }
        9 => {
            let Some(n) = int(window, at) else { return cut(scan) };
            if n != u32::MAX {
                *at = at.saturating_add(u64::from(n));
            }
            *at <= window.source().len() || cut(scan)
        }
        1 => {
            open.push(Open::Item);
            true
        }
        10 | 13 => vector(4, window, scan),
        14 => vector(8, window, scan),
        15 => vector(16, window, scan),
        24 => vector(1, window, scan),
        16 | 19 | 20 => {
            let Some(n) = length(window, at) else { return cut(scan) };
            if n > window.source().len() {
                return cut(scan);
            }
            if attributes {
                open.push(Open::Item);
            }
            open.push(Open::Items(n));
            true
        }
        5 => {
            scan.find(
                &rules::R_PROMISE,
                Dangerous,
                here,
                "holds a promise: an expression that runs as soon as the value is touched",
                names(window, here),
                &[],
            );
            open.push(Open::Items(u64::from(attributes) + u64::from(tagged) + 2));
            true
        }
        2 | 3 | 6 | 17 => {
            if kind == 3 {
                scan.find(
                    &rules::R_PROMISE,
                    Review,
                    here,
                    "holds an R function, which runs when the model is used",
                    names(window, here),
                    &[],
                );
            }
            open.push(Open::Items(u64::from(attributes) + u64::from(tagged) + 2));
            true
        }
        4 => {
            *at += 4;
            open.push(Open::Items(4));
            true
        }
        21 | 243 | 244 => {
            scan.find(&rules::R_PROMISE, Suspicious, here, "holds compiled R code", String::new(), &[]);
            scan.incomplete("R byte code is not read");
            false
        }
        22 | 23 => {
            scan.find(&rules::R_PROMISE, Review, here, "holds a native pointer or weak reference", String::new(), &[]);
            open.push(Open::Items(if kind == 22 { 2 } else { 0 } + u64::from(attributes)));
            true
        }
        7 | 8 => {
            let Some(n) = int(window, at) else { return cut(scan) };
            *at = at.saturating_add(u64::from(n));
            true
        }
        25 => {
            open.push(Open::Items(u64::from(attributes)));
            true
        }
        238 => {
            open.push(Open::Items(3));
            true
        }
        _ => cut(scan),
    }
}

/// Words near a promise, as evidence.
fn names(window: &mut Window<'_, '_>, at: u64) -> String {
    let bytes = window.source().bytes(at, 400);
    let mut out: Vec<String> = Vec::new();
    for run in bytes.split(|b| !(0x20..0x7f).contains(b)) {
        if run.len() >= 3 && out.len() < 8 {
            out.push(String::from_utf8_lossy(run).into_owned());
        }
    }
    out.join(" ")
}
