//! Compressed streams: one codec, read forward, with the budget in the loop.

use std::io::Read;

use crate::ScanConfig;
use crate::budget::Budget;
use crate::scan::Packing;
use crate::source::{Source, SourceReader};

/// Memory that one decoder may take for its dictionary, in KiB. The dictionary is only touched as far as data goes.
const DICTIONARY_KIB_MAX: u32 = 72 << 10;

/// How the bytes of a stream are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// RFC 1952, members concatenated.
    Gzip,
    /// RFC 1950.
    Zlib,
    /// RFC 1951 without a frame.
    Deflate,
    /// bzip2, streams concatenated.
    Bzip2,
    /// The xz container.
    Xz,
    /// The older LZMA-alone file.
    Lzma,
    /// LZMA inside a zip member: version, properties, data.
    ZipLzma,
    /// Zstandard frames.
    Zstd,
    /// LZ4 frames.
    Lz4,
}

impl Codec {
    /// Name used as format.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Deflate => "deflate",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::ZipLzma => "zip-lzma",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }
}

/// A coder of a 7z folder with its properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SevenZipCoder {
    /// LZMA with its property byte, dictionary and length; `filtered` by the x86 branch filter.
    Lzma { props: u8, dictionary: u32, size: u64, filtered: bool },
    /// LZMA2 with its dictionary; `filtered` by the x86 branch filter.
    Lzma2 { dictionary: u32, filtered: bool },
}

#[derive(Clone, Copy)]
enum Coder {
    Codec(Codec),
    SevenZip(SevenZipCoder),
}

/// Decodes a part by its packing; `None` when it is text.
pub(crate) fn unpack<'a>(
    packing: Packing,
    source: &Source<'a>,
    config: &ScanConfig,
    budget: &Budget,
) -> Option<Decoded<'a>> {
    match packing {
        Packing::Plain => Some(Decoded { source: source.clone(), ending: Ending::Whole }),
        Packing::Codec(c) => Some(decode(Coder::Codec(c), source, config, budget)),
        Packing::SevenZip(c) => Some(decode(Coder::SevenZip(c), source, config, budget)),
        Packing::Text(_) => None,
    }
}

/// A decoder over a source.
fn decoder<'a>(coder: Coder, source: &Source<'a>) -> Option<Box<dyn Read + 'a>> {
    let codec = match coder {
        Coder::Codec(c) => c,
        Coder::SevenZip(c) => return seven_zip(c, source),
    };
    let r: SourceReader<'a> = source.reader();
    let buffered = std::io::BufReader::with_capacity(64 << 10, r);
    Some(match codec {
        Codec::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered)),
        Codec::Zlib => Box::new(flate2::bufread::ZlibDecoder::new(buffered)),
        Codec::Deflate => Box::new(flate2::bufread::DeflateDecoder::new(buffered)),
        Codec::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered)),
        Codec::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(buffered, true, DICTIONARY_KIB_MAX)),
        Codec::Lzma => Box::new(lzma_rust2::LzmaReader::new_mem_limit(buffered, DICTIONARY_KIB_MAX, None).ok()?),
        Codec::ZipLzma => {
            let head = source.bytes(0, 9);
            let [_, _, 5, 0, props, d0, d1, d2, d3] = head[..] else { return None };
            let body = source.sub(9, u64::MAX).reader();
            let dictionary = u32::from_le_bytes([d0, d1, d2, d3]).min(DICTIONARY_KIB_MAX << 10);
            Box::new(lzma_rust2::LzmaReader::new_with_props(body, u64::MAX, props, dictionary, None).ok()?)
        }
        Codec::Zstd => Box::new(
            ruzstd::decoding::StreamingDecoder::new_with_max_window_size(buffered, u64::from(DICTIONARY_KIB_MAX) << 10)
                .ok()?,
        ),
        Codec::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(buffered)),
    })
}

fn seven_zip<'a>(coder: SevenZipCoder, source: &Source<'a>) -> Option<Box<dyn Read + 'a>> {
    let r = std::io::BufReader::with_capacity(64 << 10, source.reader());
    let (plain, filtered): (Box<dyn Read + 'a>, bool) = match coder {
        SevenZipCoder::Lzma { props, dictionary, size, filtered } => {
            let limit = size.max(4096).min(u64::from(DICTIONARY_KIB_MAX) << 10);
            let dictionary = u32::try_from(u64::from(dictionary).min(limit)).unwrap_or(4096);
            (Box::new(lzma_rust2::LzmaReader::new_with_props(r, size, props, dictionary, None).ok()?), filtered)
        }
        SevenZipCoder::Lzma2 { dictionary, filtered } => {
            if u64::from(dictionary) > u64::from(DICTIONARY_KIB_MAX) << 10 {
                return None;
            }
            (Box::new(lzma_rust2::Lzma2Reader::new(r, dictionary, None)), filtered)
        }
    };
    Some(if filtered { Box::new(lzma_rust2::filter::bcj::BcjReader::new_x86(plain, 0)) } else { plain })
}

/// A stream that is decoded again when the reader goes far back. Used only for streams too large to hold. Its first and
/// last bytes are held, and what was decoded last, so that looking at both ends and stepping back a little cost nothing.
pub(crate) struct ForwardStream<'a> {
    codec: Coder,
    source: Source<'a>,
    decoder: Option<Box<dyn Read + 'a>>,
    /// Bytes decoded so far.
    at: u64,
    ends: Ends,
    /// The bytes before `at`.
    recent: Vec<u8>,
    restarts_left: u32,
    /// Bytes were wanted that another restart would have given.
    refused: bool,
}

/// How often a large stream may be decoded again from its start.
const RESTARTS_MAX: u32 = 12;
/// Bytes held of each end of a stream.
const END_BYTES: usize = 128 << 10;
/// Decoded bytes held behind the place that a stream was read to; up to twice as many for a moment.
const RECENT_BYTES: usize = 512 << 10;

/// The first and the last bytes of a stream.
#[derive(Default)]
struct Ends {
    first: Vec<u8>,
    last: Vec<u8>,
    len: u64,
}

impl Ends {
    /// Takes the bytes that come next.
    fn take(&mut self, bytes: &[u8]) {
        let first = bytes.len().min(END_BYTES.saturating_sub(self.first.len()));
        self.first.extend_from_slice(&bytes[..first]);
        self.last.extend_from_slice(bytes);
        trim(&mut self.last, END_BYTES);
        self.len += bytes.len() as u64;
    }

    /// What is held from `at` on.
    fn held(&self, at: u64) -> &[u8] {
        let behind = at.checked_sub(self.len - self.last.len() as u64).and_then(|i| usize::try_from(i).ok());
        let from_last = behind.and_then(|i| self.last.get(i..));
        from_last.or_else(|| self.first.get(usize::try_from(at).ok()?..)).unwrap_or_default()
    }
}

/// Drops all but the last `keep` bytes, once there are twice as many.
fn trim(bytes: &mut Vec<u8>, keep: usize) {
    if bytes.len() >= 2 * keep {
        bytes.drain(..bytes.len() - keep);
    }
}

impl<'a> ForwardStream<'a> {
    fn new(codec: Coder, source: Source<'a>, ends: Ends) -> Self {
        let recent = Vec::new();
        Self { codec, source, decoder: None, at: 0, ends, recent, restarts_left: RESTARTS_MAX, refused: false }
    }

    /// True when bytes were kept back because the restarts are spent.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Fills `buf` from `at`; fewer bytes at the end, on damage, or when restarts are spent.
    pub(crate) fn read_at(&mut self, at: u64, buf: &mut [u8]) -> usize {
        let mut n = 0;
        while n < buf.len() {
            let place = at + n as u64;
            let left = &mut buf[n..];
            let mut held = self.ends.held(place);
            if held.is_empty() {
                let back = self.at.checked_sub(place).and_then(|b| usize::try_from(b).ok());
                held = back.and_then(|b| self.recent.get(self.recent.len().checked_sub(b)?..)).unwrap_or_default();
            }
            if held.is_empty() {
                if !self.advance(place) {
                    break;
                }
                continue;
            }
            let k = held.len().min(left.len());
            left[..k].copy_from_slice(&held[..k]);
            n += k;
        }
        n
    }

    /// Decodes until the byte at `place` is among the recent ones; false when there is none.
    fn advance(&mut self, place: u64) -> bool {
        if self.decoder.is_none() || place < self.at {
            if self.restarts_left == 0 {
                self.refused = true;
                return false;
            }
            self.restarts_left -= 1;
            self.decoder = decoder(self.codec, &self.source);
            self.at = 0;
            self.recent.clear();
        }
        let Some(d) = self.decoder.as_mut() else { return false };
        let mut chunk = [0u8; 16 << 10];
        while self.at <= place {
            match d.read(&mut chunk) {
                Ok(0) | Err(_) => return false,
                Ok(k) => {
                    self.recent.extend_from_slice(&chunk[..k]);
                    trim(&mut self.recent, RECENT_BYTES);
                    self.at += k as u64;
                }
            }
        }
        true
    }
}

/// How the decoding of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The stream said that it is over.
    Whole,
    /// The data is damaged or cut; what came before is usable.
    Damaged,
    /// More bytes out for each byte in than any model needs.
    Bomb,
    /// The budget for decompressed bytes is spent.
    Spent,
}

/// A decoded stream.
pub(crate) struct Decoded<'a> {
    /// What came out.
    pub(crate) source: Source<'a>,
    /// How it ended.
    pub(crate) ending: Ending,
}

/// Decodes `source`: in memory up to `buffer_bytes_max`, else as a forward stream whose length was counted.
fn decode<'a>(codec: Coder, source: &Source<'a>, config: &ScanConfig, budget: &Budget) -> Decoded<'a> {
    let Some(mut d) = decoder(codec, source) else {
        return Decoded { source: Source::owned(Vec::new()), ending: Ending::Damaged };
    };
    let mut held: Vec<u8> = Vec::new();
    let mut ends = Ends::default();
    let mut total: u64 = 0;
    let mut chunk = vec![0u8; 64 << 10];
    let ceiling = config.ratio_floor_bytes.max(source.len().saturating_mul(config.ratio_max));
    let ending = loop {
        match d.read(&mut chunk) {
            Ok(0) => break Ending::Whole,
            Ok(n) => {
                total += n as u64;
                if total > ceiling {
                    break Ending::Bomb;
                }
                if !budget.inflate(n as u64) || config.cancelled() {
                    break Ending::Spent;
                }
                ends.take(&chunk[..n]);
                if total <= config.buffer_bytes_max {
                    held.extend_from_slice(&chunk[..n]);
                } else if !held.is_empty() {
                    held = Vec::new();
                }
            }
            Err(_) => break Ending::Damaged,
        }
    };
    let source = if total <= config.buffer_bytes_max {
        Source::owned(held)
    } else {
        Source::stream(ForwardStream::new(codec, source.clone(), ends), total)
    };
    Decoded { source, ending }
}

#[cfg(test)]
mod tests {
    use super::{Codec, Coder, END_BYTES, RECENT_BYTES, RESTARTS_MAX, decode};
    use crate::ScanConfig;
    use crate::budget::Budget;
    use crate::source::Source;
    use std::io::Write;

    /// Bytes without a pattern, and the same packed.
    fn packed(n: usize) -> (Vec<u8>, Vec<u8>) {
        let plain: Vec<u8> = (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(&plain).expect("memory");
        let bytes = e.finish().expect("memory");
        (plain, bytes)
    }

    fn stream(bytes: Vec<u8>) -> Source<'static> {
        let config = ScanConfig { buffer_bytes_max: 1 << 10, ..ScanConfig::default() };
        decode(Coder::Codec(Codec::Gzip), &Source::owned(bytes), &config, &Budget::new(&config)).source
    }

    #[test]
    fn both_ends_and_small_steps_back_are_held() {
        let (plain, bytes) = packed(3 << 20);
        let source = stream(bytes);
        let n = plain.len();
        let mut at = 0;
        // Forward in uneven steps, each time a little back and to both ends.
        while at + 70_000 < n {
            for from in [at, at.saturating_sub(RECENT_BYTES / 2), 0, END_BYTES - 1000, n - END_BYTES, n - 1] {
                let got = source.bytes(from as u64, 1000);
                assert!(got == plain[from..(from + 1000).min(n)], "at {from}, while at {at}");
            }
            at += 65_537;
        }
        assert!(!source.kept_back());
        assert!(source.bytes(n as u64, 10).is_empty() && source.bytes(u64::MAX, 10).is_empty());
    }

    #[test]
    fn restarts_at_the_limit_and_past_it() {
        let (plain, bytes) = packed(3 << 20);
        let source = stream(bytes);
        let (near, far) = (END_BYTES + 1000, 2 << 20);
        for _ in 0..RESTARTS_MAX {
            assert_eq!(source.bytes(near as u64, 10), plain[near..near + 10]);
            assert_eq!(source.bytes(far as u64, 10), plain[far..far + 10]);
        }
        assert!(!source.kept_back());
        assert!(source.bytes(near as u64, 10).is_empty() && source.kept_back());
        assert_eq!(source.bytes(0, 10), plain[..10], "what is held is still there");
    }
}
