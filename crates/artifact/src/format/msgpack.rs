//! MessagePack as Flax, Orbax and msgpack-numpy write it: lengths that hold, and pickles where an array of objects is.
//!
//! Flax's own restorer makes arrays from extension 1 and numbers from 2 and 3, which is harmless; msgpack-numpy hands
//! the bytes of an array of kind `O` to an unpickler.

use crate::pickle;
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Scan};
use crate::source::Window;

/// How deep maps, arrays and extensions may nest.
const DEPTH_MAX: usize = 512;
/// Byte strings handed on because they look like a pickle.
const INNER_MAX: usize = 256;

/// True for a map or array whose name says MessagePack, or a map that begins with a short text as its key.
pub(crate) fn looks_like(head: &[u8], named: bool) -> bool {
    match head {
        [0x80..=0x9f | 0xdc..=0xdf, ..] if named => true,
        [0x81..=0x8f, key @ ..] | [0xde, _, _, key @ ..] | [0xdf, _, _, _, _, key @ ..] => text_key(key),
        _ => false,
    }
}

fn text_key(key: &[u8]) -> bool {
    let (n, from) = match key {
        [k @ 0xa2..=0xbf, ..] => (usize::from(k & 31), 1),
        [0xd9, n, ..] => (usize::from(*n), 2),
        _ => return false,
    };
    key.get(from..from + n).is_some_and(|t| t.iter().all(|b| b.is_ascii_graphic() || *b == b' '))
        && key.get(from + n).is_some()
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Not MessagePack from here on.
    Syntax,
    /// A length reaches behind the end.
    Length,
    Depth,
}

/// What stands next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// A number or constant.
    Plain,
    /// Text: where it begins and how long it is.
    Text(u64, u64),
    /// Bytes.
    Bytes(u64, u64),
    /// An extension with its type.
    Extension(i8, u64, u64),
    /// So many values.
    Values(u64),
}

struct Reader<'w, 's, 'a> {
    window: &'w mut Window<'s, 'a>,
    at: u64,
    end: u64,
}

impl Reader<'_, '_, '_> {
    fn byte(&mut self) -> Result<u8, Stop> {
        if self.at >= self.end {
            return Err(Stop::Length);
        }
        let b = self.window.byte(self.at).ok_or(Stop::Length)?;
        self.at += 1;
        Ok(b)
    }

    /// A big-endian number of `n` bytes.
    fn number(&mut self, n: u32) -> Result<u64, Stop> {
        (0..n).try_fold(0u64, |v, _| Ok((v << 8) | u64::from(self.byte()?)))
    }

    fn skip(&mut self, n: u64) -> Result<u64, Stop> {
        let at = self.at;
        self.at = at.checked_add(n).filter(|e| *e <= self.end).ok_or(Stop::Length)?;
        Ok(at)
    }

    fn item(&mut self) -> Result<Item, Stop> {
        let kind = self.byte()?;
        Ok(match kind {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => Item::Plain,
            0x80..=0x8f => Item::Values(u64::from(kind & 15) * 2),
            0x90..=0x9f => Item::Values(u64::from(kind & 15)),
            0xa0..=0xbf => {
                let n = u64::from(kind & 31);
                Item::Text(self.skip(n)?, n)
            }
            0xc4..=0xc6 => {
                let n = self.number(1 << (kind - 0xc4))?;
                Item::Bytes(self.skip(n)?, n)
            }
            0xc7..=0xc9 => {
                let n = self.number(1 << (kind - 0xc7))?;
                let tag = self.byte()? as i8;
                Item::Extension(tag, self.skip(n)?, n)
            }
            0xca | 0xce | 0xd2 => self.skip(4).map(|_| Item::Plain)?,
            0xcb | 0xcf | 0xd3 => self.skip(8).map(|_| Item::Plain)?,
            0xcc | 0xd0 => self.skip(1).map(|_| Item::Plain)?,
            0xcd | 0xd1 => self.skip(2).map(|_| Item::Plain)?,
            0xd4..=0xd8 => {
                let tag = self.byte()? as i8;
                let n = 1 << (kind - 0xd4);
                Item::Extension(tag, self.skip(n)?, n)
            }
            0xd9..=0xdb => {
                let n = self.number(1 << (kind - 0xd9))?;
                Item::Text(self.skip(n)?, n)
            }
            0xdc | 0xdd => Item::Values(self.number(if kind == 0xdc { 2 } else { 4 })?),
            0xde | 0xdf => Item::Values(self.number(if kind == 0xde { 2 } else { 4 })? * 2),
            _ => return Err(Stop::Syntax),
        })
    }
}

/// Walks the document; `sure` when the name says what it is, so that damage counts.
pub(crate) fn scan_msgpack<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, sure: bool) {
    let mut window = Window::new(&job.source);
    let mut inner: Vec<(u64, u64)> = Vec::new();
    let mut objects = None;
    let outcome = walk(scan, &mut window, job.source.len(), &mut inner, &mut objects);
    let whole = match outcome {
        Ok(end) => end,
        Err((at, stop)) => {
            if sure {
                scan.format("msgpack");
                let (rule, severity, why) = match stop {
                    Stop::Depth => (&rules::HEADER_BOMB, Suspicious, "nests deeper than any reader should follow"),
                    Stop::Length => (&rules::LAYOUT, Review, "a length reaches behind the end of the file"),
                    Stop::Syntax => (&rules::LAYOUT, Review, "is no MessagePack from here on"),
                };
                scan.find(rule, severity, at, why, String::new(), &[]);
            }
            return;
        }
    };
    if whole != job.source.len() && !sure {
        return;
    }
    scan.format("msgpack");
    if whole < job.source.len() {
        scan.find(
            &rules::LAYOUT,
            Review,
            whole,
            "bytes follow the document",
            format!("{} bytes", job.source.len() - whole),
            &[],
        );
    }
    if let Some(at) = objects {
        scan.find(
            &rules::MSGPACK_OBJECTS,
            Suspicious,
            at,
            "holds an array of objects, which its reader unpickles",
            String::new(),
            &[],
        );
    }
    for (at, n) in inner {
        let hint = if objects.is_some() { Hint::Pickle } else { Hint::Guess };
        scan.enqueue(job, Child::plain(format!("@{at:#x}"), job.source.sub(at, n), hint));
    }
}

/// Reads one document; where it ends. Byte strings that look like a pickle go to `inner`; `objects` is where an array of
/// objects says so.
fn walk(
    scan: &mut Scan<'_, '_>,
    window: &mut Window<'_, '_>,
    len: u64,
    inner: &mut Vec<(u64, u64)>,
    objects: &mut Option<u64>,
) -> Result<u64, (u64, Stop)> {
    let mut r = Reader { window, at: 0, end: len };
    // Values still to come at each level, and where an extension that is being read ends.
    let mut open: Vec<(u64, u64)> = vec![(1, len)];
    let mut kind_key = false;
    while let Some((left, end)) = open.last_mut() {
        if *left == 0 {
            let done = *end;
            open.pop();
            if let Some((_, outer)) = open.last()
                && *outer != done
            {
                // Behind an extension, wherever its own values ended.
                r.at = done;
                r.end = *outer;
            }
            continue;
        }
        *left -= 1;
        let end = *end;
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a MessagePack document");
            return Ok(len);
        }
        let at = r.at;
        let item = r.item().map_err(|s| (at, s))?;
        let was_kind = std::mem::take(&mut kind_key);
        match item {
            Item::Plain => {}
            Item::Text(from, n) | Item::Bytes(from, n) => {
                let head = r.window.source().bytes(from, 512.min(usize::try_from(n).unwrap_or(512)));
                kind_key = head == b"kind";
                if was_kind && head == b"O" {
                    objects.get_or_insert(at);
                }
                if n >= 8 && head.first().is_some_and(|b| *b >= 0x80) && pickle::looks_like_pickle(&head) {
                    if inner.len() < INNER_MAX {
                        inner.push((from, n));
                    } else {
                        scan.incomplete(format!(
                            "more than {INNER_MAX} values of a MessagePack document that look like pickles"
                        ));
                    }
                }
            }
            // Flax writes an array as extension 1: shape, type and bytes as an array of their own.
            Item::Extension(1 | 3, from, n) if n > 0 && open.len() < DEPTH_MAX => {
                let first = r.window.byte(from);
                if matches!(first, Some(0x90..=0x9f)) {
                    r.at = from;
                    r.end = from + n;
                    open.push((1, from + n));
                }
            }
            Item::Extension(..) => {}
            Item::Values(n) => {
                // Each value takes a byte at least.
                if n > r.end - r.at {
                    return Err((at, Stop::Length));
                }
                if open.len() >= DEPTH_MAX {
                    return Err((at, Stop::Depth));
                }
                open.push((n, end));
            }
        }
    }
    Ok(r.at)
}

#[cfg(test)]
mod tests {
    use super::DEPTH_MAX;
    use crate::{ArtifactSeverity, ScanConfig, scan_bytes};

    #[test]
    fn depth_at_the_limit_and_past_it() {
        let deep = |n: usize| [vec![0x91; n - 1], vec![0x90]].concat();
        let at = scan_bytes("a.msgpack", &deep(DEPTH_MAX - 1), &ScanConfig::default());
        assert!(at.is_clean(), "{at:?}");
        let past = scan_bytes("a.msgpack", &deep(DEPTH_MAX), &ScanConfig::default());
        assert_eq!(past.severity, ArtifactSeverity::Suspicious, "{past:?}");
    }

    #[test]
    fn lengths_hold() {
        let array = b"\x81\xa1w\xc7\x0c\x01\x93\x91\x02\xa5int16\xc4\x04\x01\x00\x02\x00";
        // shape, type and bytes: 1 + 2 + 6 + 6 bytes inside the extension.
        let mut good = array.to_vec();
        good[4] = 15;
        let ok = scan_bytes("flax_model.msgpack", &good, &ScanConfig::default());
        assert!(ok.is_clean() && ok.format == "msgpack", "{ok:?}");
        let mut long = good.clone();
        long[4] = 16;
        let cut = scan_bytes("flax_model.msgpack", &long, &ScanConfig::default());
        assert!(!cut.is_clean(), "{cut:?}");
        let huge = scan_bytes("a.msgpack", b"\xdd\xff\xff\xff\xff\x01", &ScanConfig::default());
        assert!(!huge.is_clean(), "{huge:?}");
    }
}
