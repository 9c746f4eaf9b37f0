//! All pickle streams of a part: one after the other, with both frame rules, and what they carry inside.

use super::machine::{FrameRule, Inner, Machine, StorageRef, StreamEnd};
use crate::ScanConfig;
use crate::budget::Budget;
use crate::report::ArtifactSeverity::{Allowed, Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Packing, Scan};
use crate::source::Source;

/// Streams read from one part.
const STREAMS_MAX: u32 = 4096;
/// Lines of pseudo-code kept for `--explain`.
pub(crate) const TRACE_LINES_MAX: usize = 100_000;

/// What a caller needs to know of the streams of a part.
#[derive(Default)]
pub(crate) struct PickleFacts {
    /// Where the last stream ended by `STOP`.
    pub(crate) end: u64,
    /// Streams that reached `STOP`.
    pub(crate) streams: u32,
    /// Storages that persistent ids named.
    pub(crate) storages: Vec<StorageRef>,
}

/// How the part is loaded, which decides what may follow and what persistent ids mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// A file or member that is unpickled as it is.
    Alone,
    /// The streams of a PyTorch archive or legacy file: storages by persistent id.
    Torch,
    /// Bytes inside a value: damage does not count.
    Guess,
}

/// True when `head` can be the beginning of a pickle that a writer made: a protocol header, or the first opcodes of
/// protocol 0 and 1.
pub(crate) fn looks_like_pickle(head: &[u8]) -> bool {
    match head {
        // Zip signatures would read as a persistent id.
        [b'P', b'K', 1..=8, ..] => false,
        [0x80, 0..=5, rest @ ..] => rest.first().is_none_or(|b| is_opcode(*b)),
        [b'(' | b']' | b'}' | b')', b, ..] => {
            is_opcode(*b) && !head.starts_with(b"(\r") && head.len() > 3 && plausible_ops(head)
        }
        [b'c', rest @ ..] | [b'i', rest @ ..] => plausible_global(rest),
        [
            b'I' | b'L' | b'F' | b'S' | b'V' | b'X' | b'U' | b'T' | b'K' | b'M' | b'J' | b'N' | b'G' | b'B' | b'C'
            | b'P',
            ..,
        ] => plausible_ops(head),
        // Only those that need nothing on the stack: the others begin MessagePack.
        [0x82..=0x84 | 0x88..=0x8f | 0x95..=0x97, ..] => plausible_ops(head),
        _ => false,
    }
}

fn is_opcode(b: u8) -> bool {
    matches!(b, b'(' | b'.' | b'0'..=b'2' | b'F'..=b'N' | b'P'..=b'V' | b'X' | b'a'..=b'e' | b'g'..=b'j' | b'l' | b'o'..=b'u' | b'}' | b']' | b')' | b'B' | b'C' | 0x80..=0x98)
}

/// Two lines of identifiers.
fn plausible_global(rest: &[u8]) -> bool {
    let mut lines = rest.splitn(3, |&b| b == b'\n');
    let (Some(module), Some(name), Some(_)) = (lines.next(), lines.next(), lines.next()) else { return false };
    let ok = |l: &[u8]| {
        !l.is_empty()
            && l.len() < 512
            && std::str::from_utf8(l).is_ok()
            && l.iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'<' | b'>' | b'\r') || *b >= 0x80)
    };
    ok(module) && ok(name)
}

/// Follows opcodes through `head` without a machine; true when at least two make sense and a `STOP`, a name or the end
/// of the head is reached.
fn plausible_ops(head: &[u8]) -> bool {
    let mut i = 0;
    let mut seen = 0;
    let mut strong = false;
    while i < head.len() {
        let op = head[i];
        i += 1;
        let line = |i: usize| memchr::memchr(b'\n', &head[i..]).map(|n| i + n + 1);
        let fixed = match op {
            b'.' => return seen >= 1,
            b'K' | b'q' | b'h' | 0x82 => 1,
            0x80 => {
                strong = true;
                1
            }
            b'M' | 0x83 => 2,
            b'J' | b'r' | b'j' | 0x84 => 4,
            b'G' => 8,
            0x95 => {
                strong = true;
                8
            }
            b'U' | b'C' | 0x8c | 0x8a => match head.get(i) {
                Some(n) => 1 + usize::from(*n),
                None => return seen >= 3,
            },
            b'X' | b'T' | b'B' | 0x8b => match head.get(i..i + 4).and_then(|b| <[u8; 4]>::try_from(b).ok()) {
                Some(b) => match usize::try_from(u32::from_le_bytes(b)) {
                    Ok(n) if n < 1 << 30 => 4 + n,
                    _ => return false,
                },
                None => return seen >= 3,
            },
            b'c' | b'i' => return plausible_global(&head[i..]) || seen >= 8 && head.len() - i < 200,
            b'I' | b'L' | b'F' | b'g' | b'p' => {
                let Some(next) = line(i) else {
                    // Cut by the end of the head, or a number longer than it: nothing else is made of digits alone.
                    let digits = head[i..].iter().all(u8::is_ascii_digit);
                    return digits && (seen >= 3 || head.len() - i > 400);
                };
                if !head[i..next - 1].iter().all(|b| b.is_ascii_digit() || b"+-.eELinfa_ \t\r".contains(b)) {
                    return false;
                }
                strong = true;
                i = next;
                seen += 1;
                continue;
            }
            b'S' => {
                match head.get(i) {
                    Some(b'\'' | b'"') => {}
                    Some(_) => return false,
                    None => return seen >= 3,
                }
                match line(i) {
                    Some(next) => i = next,
                    None => return seen >= 3,
                }
                strong = true;
                seen += 1;
                continue;
            }
            b'V' | b'P' => {
                match line(i) {
                    Some(next) => i = next,
                    None => return seen >= 3,
                }
                seen += 1;
                continue;
            }
            b if is_opcode(b) => 0,
            _ => return false,
        };
        i = i.saturating_add(fixed);
        seen += 1;
    }
    seen >= 4 && (strong || seen >= 8 || i > head.len() && seen >= 3)
}

/// Scans every stream from `from` on.
pub(crate) fn scan_pickle<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, from: u64, setting: Setting) -> PickleFacts {
    let mut facts = PickleFacts { end: from, ..PickleFacts::default() };
    let mut starts = vec![from];
    let mut seen: Vec<u64> = Vec::new();
    while let Some(start) = starts.pop() {
        if seen.contains(&start) || start >= job.source.len() && facts.streams > 0 {
            continue;
        }
        if facts.streams >= STREAMS_MAX {
            scan.incomplete("more pickle streams than the limit");
            break;
        }
        seen.push(start);
        let reading = Reading { frames: FrameRule::Linear, skips_arrays: true };
        let end = one_stream(scan, job, start, reading, setting, &mut facts, &mut starts);
        match end {
            StreamEnd::Stop(next) => {
                facts.streams += 1;
                facts.end = facts.end.max(next);
                if setting == Setting::Torch && facts.streams >= 5 {
                    break;
                }
                follow(scan, job, next, setting, &facts, &mut starts);
            }
            StreamEnd::Broken(at, _) | StreamEnd::Cut(at) | StreamEnd::Spent(at, _) => {
                facts.end = facts.end.max(at);
            }
        }
    }
    facts
}

/// Offsets of the opcodes of the first stream.
pub(crate) fn opcodes(source: &Source<'_>, config: &ScanConfig, budget: &Budget) -> Vec<u64> {
    let mut machine = Machine::new(source, config, budget, FrameRule::Linear);
    machine.places = Some(Vec::new());
    machine.run(0);
    machine.places.take().unwrap_or_default()
}

/// Imports, calls and state changes of the streams of a source, in order, with their offsets.
pub(crate) fn trace(source: &Source<'_>, config: &ScanConfig, budget: &Budget) -> Vec<(u64, String)> {
    let mut out = Vec::new();
    let mut at = 0;
    for _ in 0..64 {
        let mut machine = Machine::new(source, config, budget, FrameRule::Linear);
        machine.trace = Some(Vec::new());
        let end = machine.run(at);
        out.extend(machine.trace.take().unwrap_or_default());
        match end {
            StreamEnd::Stop(next) if next < source.len() && looks_like_pickle(&source.bytes(next, 512)) => at = next,
            _ => break,
        }
    }
    out
}

/// What stands behind a `STOP`: another stream, padding, or something that does not belong there.
fn follow(
    scan: &mut Scan<'_, '_>,
    job: &Job<'_>,
    next: u64,
    setting: Setting,
    facts: &PickleFacts,
    starts: &mut Vec<u64>,
) {
    if next >= job.source.len() {
        return;
    }
    let head = job.source.bytes(next, 512);
    let blank = head.iter().take_while(|&&b| b == 0 || b == b'\n' || b == b'\r').count();
    if blank == head.len() {
        // Padding: look at what ends it, once.
        if let Some(at) = first_byte_after_padding(&job.source, next) {
            behind(scan, job, at, setting, facts, starts);
        }
        return;
    }
    behind(scan, job, next + blank as u64, setting, facts, starts);
}

fn first_byte_after_padding(source: &Source<'_>, from: u64) -> Option<u64> {
    let mut at = from;
    let mut buf = vec![0u8; 64 << 10];
    loop {
        let n = source.read_at(at, &mut buf);
        if n == 0 {
            return None;
        }
        if let Some(i) = buf[..n].iter().position(|&b| b != 0 && b != b'\n' && b != b'\r') {
            return Some(at + i as u64);
        }
        at += n as u64;
    }
}

fn behind(
    scan: &mut Scan<'_, '_>,
    job: &Job<'_>,
    at: u64,
    setting: Setting,
    facts: &PickleFacts,
    starts: &mut Vec<u64>,
) {
    let head = job.source.bytes(at, 512);
    if looks_like_pickle(&head) {
        starts.push(at);
        return;
    }
    if setting != Setting::Alone || facts.streams == 0 {
        return;
    }
    scan.find(
        &rules::PICKLE_TRAILING,
        Review,
        at,
        format!("{} bytes that are no pickle follow the last stream", job.source.len() - at),
        hex::encode(&head[..head.len().min(16)]),
        &[],
    );
}

/// Which unpickler a stream is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    frames: FrameRule,
    /// joblib's, which skips raw arrays.
    skips_arrays: bool,
}

fn one_stream<'a>(
    scan: &mut Scan<'a, '_>,
    job: &Job<'a>,
    start: u64,
    reading: Reading,
    setting: Setting,
    facts: &mut PickleFacts,
    starts: &mut Vec<u64>,
) -> StreamEnd {
    let config = scan.config;
    let rule = reading.frames;
    let (end, diverged, first_array) = {
        let mut machine = Machine::new(&job.source, config, &scan.budget, rule);
        machine.skips_arrays = reading.skips_arrays;
        let end = machine.run(start);
        let mut finished = Finished {
            active: machine.active,
            frame_past_stop: machine.frame_past_stop,
            hits: std::mem::take(&mut machine.hits),
            inner: std::mem::take(&mut machine.inner),
            inner_more: machine.inner_more,
            storages: std::mem::take(&mut machine.storages),
            foreign: std::mem::take(&mut machine.foreign_ids),
            reasons: std::mem::take(&mut machine.reasons),
            opcodes: machine.opcodes,
        };
        let (diverged, first_array) = (machine.diverged, machine.first_array);
        drop(machine);
        if !reading.skips_arrays {
            // What stands before the first array was queued by the other reading.
            let from = first_array.unwrap_or(0);
            finished.inner.retain(|i| match i {
                Inner::Plain { at, .. } | Inner::Encoded { at, .. } => *at >= from,
            });
            finished.storages.clear();
        }
        transfer(scan, job, start, end, finished, setting, facts, starts);
        (end, diverged, first_array)
    };
    if first_array.is_some() && reading.skips_arrays {
        // Whoever opens the file with `pickle.load` runs what stands where joblib reads an array.
        one_stream(scan, job, start, Reading { skips_arrays: false, ..reading }, Setting::Guess, facts, starts);
    }
    if let (Some(at), FrameRule::Linear) = (diverged, rule)
        && (setting != Setting::Guess || matches!(end, StreamEnd::Stop(_)))
    {
        scan.find(
            &rules::PICKLE_FRAMES,
            Suspicious,
            at,
            "a frame ends in the middle of an opcode: unpicklers read different things from here on",
            String::new(),
            &["https://github.com/python/cpython/issues/154848"],
        );
        one_stream(scan, job, start, Reading { frames: FrameRule::DropRest, ..reading }, Setting::Guess, facts, starts);
    }
    end
}

struct Finished {
    active: bool,
    frame_past_stop: Option<u64>,
    hits: Vec<super::machine::Hit>,
    inner: Vec<Inner>,
    inner_more: bool,
    storages: Vec<StorageRef>,
    foreign: Vec<(u64, String)>,
    reasons: Vec<&'static str>,
    opcodes: u64,
}

#[expect(clippy::too_many_arguments, reason = "one call site; the parts of one finished stream")]
fn transfer<'a>(
    scan: &mut Scan<'a, '_>,
    job: &Job<'a>,
    start: u64,
    end: StreamEnd,
    finished: Finished,
    setting: Setting,
    facts: &mut PickleFacts,
    starts: &mut Vec<u64>,
) {
    let stopped = matches!(end, StreamEnd::Stop(_));
    // Bytes that merely look like a pickle: names out of thin air count only when the stream makes sense to its end.
    let certain = setting != Setting::Guess || stopped;
    if certain && finished.active {
        scan.raise(Allowed);
    }
    for h in finished.hits {
        if certain || h.severity > Suspicious {
            scan.find(h.rule, h.severity, h.at, h.message, h.evidence, h.references);
        }
    }
    if certain {
        for r in finished.reasons {
            scan.incomplete(r);
        }
        if setting != Setting::Torch {
            for (at, id) in finished.foreign {
                scan.find(
                    &rules::PICKLE_PERSISTENT_ID,
                    Review,
                    at,
                    "names an object that the loading program supplies",
                    id,
                    &[],
                );
            }
        }
    }
    facts.storages.extend(finished.storages);
    if finished.inner_more {
        scan.incomplete("more values that look like files or pickles than are looked into");
    }
    for i in finished.inner {
        match i {
            Inner::Plain { at, len, unpickled } => {
                let hint = if unpickled { Hint::Pickle } else { Hint::Guess };
                scan.enqueue(job, Child::plain(format!("@{at:#x}"), job.source.sub(at, len), hint));
            }
            Inner::Encoded { at, len, quoted } => {
                let child = Child::plain(format!("@{at:#x}:text"), job.source.sub(at, len), Hint::Guess);
                scan.enqueue(job, Child { packing: Packing::Text(quoted), ..child });
            }
        }
    }
    if let (Some(frame_end), true) = (finished.frame_past_stop, certain)
        && frame_end < job.source.len()
        && frame_end > start
    {
        // A loader that reads frames whole goes on behind the frame, not behind STOP.
        if looks_like_pickle(&job.source.bytes(frame_end, 512)) {
            starts.push(frame_end);
        }
    }
    if setting == Setting::Guess {
        return;
    }
    match end {
        StreamEnd::Stop(_) => {}
        StreamEnd::Broken(at, why) => {
            let first = facts.streams == 0;
            if first || finished.active || finished.opcodes > 16 {
                scan.find(
                    &rules::PICKLE_BROKEN,
                    Review,
                    at,
                    format!("an unpickler stops here: {why}"),
                    String::new(),
                    &[],
                );
            } else {
                trailing(scan, job, start);
            }
        }
        StreamEnd::Cut(at) => {
            if facts.streams == 0 || finished.active || finished.opcodes > 16 {
                scan.find(
                    &rules::PICKLE_BROKEN,
                    Review,
                    at,
                    "the stream ends in the middle of an opcode",
                    String::new(),
                    &[],
                );
            } else {
                trailing(scan, job, start);
            }
        }
        StreamEnd::Spent(_, why) => scan.incomplete(why),
    }
}

fn trailing(scan: &mut Scan<'_, '_>, job: &Job<'_>, at: u64) {
    scan.find(
        &rules::PICKLE_TRAILING,
        Review,
        at,
        format!("{} bytes that are no pickle follow the last stream", job.source.len() - at),
        hex::encode(job.source.bytes(at, 16)),
        &[],
    );
}

#[cfg(test)]
mod tests {
    use super::looks_like_pickle;

    #[test]
    fn beginnings() {
        for yes in [
            &b"\x80\x04\x95"[..],
            b"cos\nsystem\n(S'id'\ntR.",
            b"(dp0\n.",
            b"(lp0\nI1\na.",
            b"I42\n.",
            b"\x80\x02}q\x00.",
            b"]q\x00(K\x01K\x02e.",
        ] {
            assert!(looks_like_pickle(yes), "{yes:?}");
        }
        for no in [
            &b"PK\x03\x04"[..],
            b"import os\nprint(1)\n",
            b"{\"a\": 1}",
            b"(hello world)",
            b"GIF89a",
            b"\x89PNG\r\n",
            b"",
            b"class A:\n  pass\n",
        ] {
            assert!(!looks_like_pickle(no), "{no:?}");
        }
    }
}
