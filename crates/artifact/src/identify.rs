//! What a part is, by content: every reader whose magic matches runs.

use crate::container::stream::{self, Codec, Ending};
use crate::container::{torch, zip};
use crate::pickle::{self, Setting};
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Packing, Scan};
use crate::source::Source;

/// Bytes at the beginning that magics are looked for in.
const HEAD_BYTES: usize = 4096;

/// Unpacks the part if needed and hands it to every reader whose magic matches.
pub(crate) fn dispatch<'a>(scan: &mut Scan<'a, '_>, mut job: Job<'a>) {
    if !unpack(scan, &mut job) {
        return;
    }
    let head = job.source.bytes(0, HEAD_BYTES);
    if head.is_empty() {
        scan.format("empty");
        return;
    }
    let mut matched = 0;
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") || zip::has_end_record(&job.source) {
        matched += 1;
        zip::scan_zip(scan, &job);
    }
    if let Some(codec) = codec_of(&head) {
        matched += 1;
        scan.format(codec.as_str());
        let name = job.file_name(scan).to_owned();
        let inner = name.rsplit_once('.').map_or("content".to_owned(), |(stem, _)| stem.to_owned());
        scan.enqueue(&job, Child::packed(inner, job.source.clone(), job.hint, codec));
    }
    if matches!(job.hint, Hint::Pickle | Hint::TorchPickle) || pickle::looks_like_pickle(&head) {
        matched += 1;
        scan_as_pickle(scan, &job);
    }
    let _ = matched;
}

fn scan_as_pickle<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) {
    scan.format("pickle");
    let setting = match job.hint {
        Hint::TorchPickle => Setting::Torch,
        Hint::Guess => Setting::Guess,
        Hint::Member | Hint::Pickle => Setting::Alone,
    };
    let facts = pickle::scan_pickle(scan, job, 0, setting);
    if let Some(there) = &job.storages {
        torch::check_storages(scan, &facts.storages, there);
    }
}

/// Decodes the part in place; false when nothing is left to look at.
fn unpack<'a>(scan: &mut Scan<'a, '_>, job: &mut Job<'a>) -> bool {
    match job.packing {
        Packing::Plain => {}
        Packing::Text(quoted) => {
            let Some(raw) = job.source.whole(scan.config.text_bytes_max) else { return false };
            let raw = if quoted { pickle::unquote(&raw) } else { raw };
            let Some(bytes) = pickle::decode_encoded(&raw) else { return false };
            job.source = Source::owned(bytes);
        }
        Packing::Codec(codec) => {
            let decoded = stream::decode(codec, &job.source, scan.config, &scan.budget);
            let guess = job.hint == Hint::Guess;
            match decoded.ending {
                Ending::Whole => {}
                Ending::Bomb => {
                    scan.find(
                        &rules::ARCHIVE_BOMB,
                        Suspicious,
                        0,
                        "expands to far more bytes than any model would",
                        format!(
                            "{}: {} bytes in, more than {} out",
                            codec.as_str(),
                            job.source.len(),
                            decoded.source.len()
                        ),
                        &[],
                    );
                    scan.incomplete("a decompression bomb was not followed to its end");
                }
                Ending::Spent => scan.incomplete("the budget for decompressed bytes is spent"),
                Ending::Damaged if guess => return false,
                Ending::Damaged => {
                    scan.find(
                        &rules::LAYOUT,
                        Review,
                        0,
                        format!("the {} data is damaged or cut", codec.as_str()),
                        String::new(),
                        &[],
                    );
                    scan.incomplete(format!("{} data is damaged", codec.as_str()));
                }
            }
            job.source = decoded.source;
        }
    }
    scan.size(job.source.len());
    if let Some((size, crc)) = job.promise
        && job.depth <= scan.config.depth_max
    {
        if size != job.source.len() {
            scan.find(
                &rules::ZIP_TAMPER,
                Suspicious,
                0,
                "a member is not as long as its directory says",
                format!("{size} promised, {} found", job.source.len()),
                &[],
            );
        } else if size <= scan.config.buffer_bytes_max && crc32(&job.source) != crc {
            scan.find(&rules::ZIP_BAD_CRC, Suspicious, 0, "a member does not match its check sum", String::new(), &[]);
        }
    }
    true
}

fn crc32(source: &Source<'_>) -> u32 {
    let mut h = crc32fast::Hasher::new();
    if let Some(m) = source.memory() {
        h.update(m);
        return h.finalize();
    }
    let mut at = 0;
    let mut buf = vec![0u8; 64 << 10];
    loop {
        let n = source.read_at(at, &mut buf);
        if n == 0 {
            return h.finalize();
        }
        h.update(&buf[..n]);
        at += n as u64;
    }
}

/// The codec whose magic `head` begins with.
pub(crate) fn codec_of(head: &[u8]) -> Option<Codec> {
    Some(match head {
        [0x1f, 0x8b, 8, ..] => Codec::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Codec::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Codec::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Codec::Zstd,
        [0x04, 0x22, 0x4d, 0x18, ..] => Codec::Lz4,
        // LZMA alone has no magic: usual properties, a dictionary that is a power of two, a sane or unknown length.
        [0x5d, 0, 0, d, e, rest @ ..] if lzma_alone(*d, *e, rest) => Codec::Lzma,
        // zlib: 32 KiB window, a check value that fits, a first block of a known type.
        [0x78, flg @ (0x01 | 0x5e | 0x9c | 0xda), b, ..]
            if (0x7800 + u32::from(*flg)) % 31 == 0 && (b >> 1) & 3 != 3 =>
        {
            Codec::Zlib
        }
        _ => return None,
    })
}

fn lzma_alone(d: u8, e: u8, rest: &[u8]) -> bool {
    let Some(size) = rest.get(..8).and_then(|b| <[u8; 8]>::try_from(b).ok()).map(u64::from_le_bytes) else {
        return false;
    };
    let dictionary = u32::from(d) | (u32::from(e) << 8);
    (dictionary.is_power_of_two() || (dictionary / 3).is_power_of_two()) && (size == u64::MAX || size < 1 << 40)
}
