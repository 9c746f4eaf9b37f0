//! GGUF (version 2 and 3): key-value pairs, tensor descriptions, data; every length checked before it is used.

use super::template;
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};
use crate::source::Window;

/// Pairs and tensors that a real model stays below.
const COUNT_MAX: u64 = 1 << 20;
/// Longest string that the reference implementation can mean.
const STRING_BYTES_MAX: u64 = 64 << 20;

struct Reader<'w, 's, 'a> {
    window: &'w mut Window<'s, 'a>,
    at: u64,
    len: u64,
}

/// Why reading stopped.
enum Stop {
    Cut,
    Overflow(&'static str),
}

impl Reader<'_, '_, '_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let b = self.window.exact(self.at, N).and_then(|b| b.try_into().ok()).ok_or(Stop::Cut)?;
        self.at += N as u64;
        Ok(b)
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn skip(&mut self, n: u64) -> Result<u64, Stop> {
        let at = self.at;
        let next = at.checked_add(n).ok_or(Stop::Overflow("a length overflows"))?;
        if next > self.len {
            return Err(Stop::Overflow("a length reaches behind the end of the file"));
        }
        self.at = next;
        Ok(at)
    }

    fn string(&mut self) -> Result<(u64, u64), Stop> {
        let n = self.u64()?;
        if n > STRING_BYTES_MAX {
            return Err(Stop::Overflow("a string is longer than any reader accepts"));
        }
        Ok((self.skip(n)?, n))
    }

    fn text(&mut self, place: (u64, u64), max: u64) -> String {
        String::from_utf8_lossy(&self.window.source().bytes(place.0, usize::try_from(place.1.min(max)).unwrap_or(0)))
            .into_owned()
    }
}

fn scalar_bytes(kind: u32) -> Option<u64> {
    Some(match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        _ => return None,
    })
}

/// Block length and bytes of a block, by ggml type.
fn ggml_type(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (1, 4),
        1 | 30 => (1, 2),
        2 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        9 => (32, 36),
        10 => (256, 84),
        11 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        15 => (256, 292),
        16 => (256, 66),
        17 => (256, 74),
        18 => (256, 98),
        19 => (256, 50),
        20 => (32, 18),
        21 => (256, 110),
        22 => (256, 82),
        23 => (256, 136),
        24 => (1, 1),
        25 => (1, 2),
        26 => (1, 4),
        27 | 28 => (1, 8),
        29 => (256, 56),
        34 => (256, 54),
        35 => (256, 66),
        39 => (32, 17),
        _ => return None,
    })
}

/// Checks the file.
pub(crate) fn scan_gguf(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("gguf");
    let mut window = Window::new(&job.source);
    let mut r = Reader { window: &mut window, at: 4, len: job.source.len() };
    let mut alignment = 32u64;
    match pairs(scan, &mut r, &mut alignment) {
        Ok(Some(tensors)) => {
            if let Err(stop) = tensors_of(scan, &mut r, tensors, alignment) {
                report(scan, r.at, &stop);
            }
        }
        Ok(None) => {}
        Err(stop) => report(scan, r.at, &stop),
    }
}

fn report(scan: &mut Scan<'_, '_>, at: u64, stop: &Stop) {
    match stop {
        Stop::Cut => scan.find(&rules::LAYOUT, Review, at, "the file is cut", String::new(), &[]),
        Stop::Overflow(why) => {
            scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, *why, String::new(), &["CVE-2025-53630"])
        }
    }
}

fn pairs(scan: &mut Scan<'_, '_>, r: &mut Reader<'_, '_, '_>, alignment: &mut u64) -> Result<Option<u64>, Stop> {
    let version = r.u32()?;
    if !(2..=3).contains(&version) {
        scan.incomplete(format!("GGUF version {version} is not known"));
        return Ok(None);
    }
    let tensors = r.u64()?;
    let pairs = r.u64()?;
    if tensors > COUNT_MAX || pairs > COUNT_MAX {
        return Err(Stop::Overflow("a count is larger than any model needs"));
    }
    for _ in 0..pairs {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a GGUF header");
            return Ok(None);
        }
        let key = r.string()?;
        let key = r.text(key, 256);
        let kind = r.u32()?;
        match kind {
            8 => {
                let place = r.string()?;
                if key.contains("template") || key.starts_with("tokenizer.chat") {
                    let text = r.text(place, template::TEMPLATE_BYTES_MAX as u64 + 1);
                    template::check(scan, &text, place.0, &format!("`{}`", printable(&key)));
                } else if place.1 < 1 << 20 {
                    let text = r.text(place, 1 << 20);
                    if template::is_template(&text) {
                        template::check(scan, &text, place.0, &format!("`{}`", printable(&key)));
                    }
                }
            }
            9 => array(scan, r, &key)?,
            k => {
                let n = scalar_bytes(k).ok_or(Stop::Overflow("a value has an unknown type"))?;
                let at = r.skip(n)?;
                if key == "general.alignment" && k == 4 {
                    let b = r.window.source().bytes(at, 4);
                    let a = u64::from(u32::from_le_bytes(b.try_into().unwrap_or([32, 0, 0, 0])));
                    if a == 0 || !a.is_power_of_two() || a > 1 << 16 {
                        return Err(Stop::Overflow("the alignment is no power of two"));
                    }
                    *alignment = a;
                }
            }
        }
    }
    Ok(Some(tensors))
}

fn array(scan: &mut Scan<'_, '_>, r: &mut Reader<'_, '_, '_>, key: &str) -> Result<(), Stop> {
    let templates = key.contains("template") || key.starts_with("tokenizer.chat");
    // Arrays of arrays are walked with a stack of counts.
    let mut open: Vec<(u32, u64)> = Vec::new();
    let first = (r.u32()?, r.u64()?);
    open.push(first);
    while let Some((kind, left)) = open.pop() {
        if let Some(n) = scalar_bytes(kind) {
            r.skip(n.checked_mul(left).ok_or(Stop::Overflow("the length of an array overflows"))?)?;
            continue;
        }
        if left == 0 {
            continue;
        }
        match kind {
            8 => {
                for _ in 0..left {
                    if !scan.budget.work(1) {
                        return Err(Stop::Overflow("an array has more strings than the budget"));
                    }
                    let place = r.string()?;
                    if templates {
                        let text = r.text(place, template::TEMPLATE_BYTES_MAX as u64 + 1);
                        template::check(scan, &text, place.0, &format!("`{}`", printable(key)));
                    }
                }
            }
            9 => {
                if open.len() >= 8 {
                    return Err(Stop::Overflow("arrays nest deeper than the limit"));
                }
                if !scan.budget.work(1) {
                    return Err(Stop::Overflow("an array has more parts than the budget"));
                }
                open.push((kind, left - 1));
                let inner = (r.u32()?, r.u64()?);
                open.push(inner);
            }
            _ => return Err(Stop::Overflow("a value has an unknown type")),
        }
    }
    Ok(())
}

fn tensors_of(scan: &mut Scan<'_, '_>, r: &mut Reader<'_, '_, '_>, tensors: u64, alignment: u64) -> Result<(), Stop> {
    let mut ends: Vec<(u64, Option<u64>, u64)> = Vec::new();
    for _ in 0..tensors {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in GGUF tensors");
            return Ok(());
        }
        r.string()?;
        let dims = r.u32()?;
        if dims > 8 {
            return Err(Stop::Overflow("a tensor has more dimensions than any reader accepts"));
        }
        let mut elements = 1u64;
        for _ in 0..dims {
            let d = r.u64()?;
            elements = elements.checked_mul(d).ok_or(Stop::Overflow("the dimensions of a tensor overflow"))?;
        }
        if elements > i64::MAX as u64 {
            return Err(Stop::Overflow("the dimensions of a tensor overflow"));
        }
        let kind = r.u32()?;
        let at = r.at;
        let offset = r.u64()?;
        let bytes = match ggml_type(kind) {
            Some((block, size)) => Some(
                elements.div_ceil(block).checked_mul(size).ok_or(Stop::Overflow("the size of a tensor overflows"))?,
            ),
            None => None,
        };
        if !offset.is_multiple_of(alignment) {
            return Err(Stop::Overflow("the offset of a tensor is not aligned"));
        }
        ends.push((offset, bytes, at));
    }
    let data = r.at.div_ceil(alignment).saturating_mul(alignment);
    for (offset, bytes, at) in ends {
        let end = data.checked_add(offset).and_then(|s| s.checked_add(bytes.unwrap_or(0)));
        match end {
            None => return Err(Stop::Overflow("the place of a tensor overflows")),
            Some(end) if end > r.len => {
                scan.find(
                    &rules::TENSOR_LAYOUT,
                    Suspicious,
                    at,
                    "a tensor ends behind the end of the file",
                    format!("{end} of {} bytes", r.len),
                    &[],
                );
                return Ok(());
            }
            Some(_) => {}
        }
    }
    Ok(())
}
