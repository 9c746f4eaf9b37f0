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

/// A stream that is decoded again whenever the reader goes back. Used only for streams too large to hold.
pub(crate) struct ForwardStream<'a> {
    codec: Coder,
    source: Source<'a>,
    decoder: Option<Box<dyn Read + 'a>>,
    at: u64,
    restarts_left: u32,
    /// Bytes were wanted that another restart would have given.
    refused: bool,
}

/// How often a large stream may be decoded again from its start.
const RESTARTS_MAX: u32 = 12;

impl<'a> ForwardStream<'a> {
    fn new(codec: Coder, source: Source<'a>) -> Self {
        Self { codec, source, decoder: None, at: 0, restarts_left: RESTARTS_MAX, refused: false }
    }

    /// True when bytes were kept back because the restarts are spent.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Fills `buf` from `at`; fewer bytes at the end, on damage, or when restarts are spent.
    pub(crate) fn read_at(&mut self, at: u64, buf: &mut [u8]) -> usize {
        if self.decoder.is_none() || at < self.at {
            if self.restarts_left == 0 {
                self.refused = true;
                return 0;
            }
            self.restarts_left -= 1;
            self.decoder = decoder(self.codec, &self.source);
            self.at = 0;
        }
        let Some(d) = self.decoder.as_mut() else { return 0 };
        let mut skip = [0u8; 16 << 10];
        while self.at < at {
            let want = usize::try_from((at - self.at).min(skip.len() as u64)).unwrap_or(0);
            match d.read(&mut skip[..want]) {
                Ok(0) | Err(_) => return 0,
                Ok(n) => self.at += n as u64,
            }
        }
        let mut n = 0;
        while n < buf.len() {
            match d.read(&mut buf[n..]) {
                Ok(0) | Err(_) => break,
                Ok(k) => n += k,
            }
        }
        self.at += n as u64;
        n
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
        Source::stream(ForwardStream::new(codec, source.clone()), total)
    };
    Decoded { source, ending }
}
