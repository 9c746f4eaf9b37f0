//! Archives: zip, 7z, tar and packed streams (gzip, bzip2, xz, zstd, lz4), nested to a depth, within one budget for
//! everything that comes out of a file.

use std::{
    cell::Cell,
    io::{self, Read, Seek},
    rc::Rc,
};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use sevenz_rust2::{ArchiveReader, EncoderMethod, Password};
use zip::ZipArchive;

use crate::{
    ScanPlan, SweepLimits,
    content::{FileScan, member, read_head},
    detect_kind, office,
};

/// Bytes that a decoder may hold of what it has unpacked, to refer back to.
const WINDOW_BYTES_MAX: u32 = 128 << 20;
/// Bytes of the header of a 7z archive.
const HEADER_BYTES_MAX: u64 = 16 << 20;

/// How a stream is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Packing {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The xz container of LZMA2.
    Xz,
    /// Zstandard frames (RFC 8878).
    Zstd,
    /// LZ4 frames.
    Lz4,
}

impl Packing {
    /// The name that reports use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }
}

/// What is left of the budget of one file.
#[derive(Debug)]
pub(crate) struct Nest {
    depth: u32,
    depth_max: u32,
    members: u64,
    members_max: u64,
    inflated: Rc<Cell<u64>>,
    inflated_max: u64,
    /// The model scanner saw the file with all that is in it, so members are not given to it again.
    pub(crate) models_done: bool,
}

impl Nest {
    pub(crate) fn new(limits: &SweepLimits) -> Self {
        Self {
            depth: 0,
            depth_max: limits.depth_max,
            members: limits.members_max,
            members_max: limits.members_max,
            inflated: Rc::new(Cell::new(limits.inflated_bytes_max)),
            inflated_max: limits.inflated_bytes_max,
            models_done: false,
        }
    }

    /// `source` as long as the budget for what comes out lasts; then an error that says so.
    pub(crate) fn metered<R: Read>(&self, source: R) -> Metered<R> {
        Metered { source, left: Rc::clone(&self.inflated), max: self.inflated_max }
    }

    /// One more member, if the budget has one.
    pub(crate) fn enter(&mut self, shown: &str, out: &mut FileScan) -> bool {
        if self.members == 0 {
            out.not_scanned(shown, format!("more than {} members; the others were not opened", self.members_max));
            return false;
        }
        self.members -= 1;
        true
    }

    pub(crate) fn too_deep(&self, shown: &str, out: &mut FileScan) -> bool {
        let deep = self.depth >= self.depth_max;
        if deep {
            out.not_scanned(
                shown,
                format!("an archive {} levels deep; the limit is {}", self.depth + 1, self.depth_max),
            );
        }
        deep
    }
}

/// A reader with a budget that it shares.
pub(crate) struct Metered<R> {
    source: R,
    left: Rc<Cell<u64>>,
    max: u64,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(buf)?;
        match self.left.get().checked_sub(n as u64) {
            Some(left) => {
                self.left.set(left);
                Ok(n)
            }
            None => {
                self.left.set(0);
                Err(io::Error::other(format!("more than {} bytes come out of the file", self.max)))
            }
        }
    }
}

/// Gives one member to the scanner.
pub(crate) fn open_member(plan: &ScanPlan, shown: &str, source: impl Read, nest: &mut Nest, out: &mut FileScan) {
    let mut source = nest.metered(source);
    match read_head(&mut source) {
        Ok(head) => {
            let kind = detect_kind(shown, &head);
            nest.depth += 1;
            member(plan, shown, kind, &head, &mut source, nest, out);
            nest.depth -= 1;
        }
        Err(e) => out.not_scanned(shown, format!("cannot be unpacked: {e}")),
    }
}

/// Scans the members of a zip archive, or the text of an office document.
pub(crate) fn scan_zip(plan: &ScanPlan, shown: &str, source: impl Read + Seek, nest: &mut Nest, out: &mut FileScan) {
    if nest.too_deep(shown, out) {
        return;
    }
    let mut archive = match ZipArchive::new(source) {
        Ok(archive) => archive,
        Err(e) => {
            out.not_scanned(shown, format!("a broken zip archive: {e}"));
            return;
        }
    };
    if let Some(format) = office::detect(&archive) {
        office::scan(plan, shown, format, &mut archive, nest, out);
        return;
    }
    for i in 0..archive.len() {
        if plan.cancelled() {
            out.not_scanned(shown, "the scan was stopped before its end");
            return;
        }
        let (name, encrypted, dir) = match archive.by_index_raw(i) {
            Ok(entry) => (String::from_utf8_lossy(entry.name_raw()).into_owned(), entry.encrypted(), entry.is_dir()),
            Err(e) => {
                out.not_scanned(shown, format!("member {i} cannot be read: {e}"));
                continue;
            }
        };
        if dir {
            continue;
        }
        let inner = format!("{shown}!/{name}");
        if encrypted {
            out.not_scanned(&inner, "encrypted; unpack it with its password and scan what comes out");
            continue;
        }
        if !nest.enter(shown, out) {
            return;
        }
        match archive.by_index(i) {
            Ok(entry) => open_member(plan, &inner, entry, nest, out),
            Err(e) => out.not_scanned(&inner, format!("cannot be unpacked: {e}")),
        }
    }
}

/// Scans the files in a tape archive.
pub(crate) fn scan_tar(plan: &ScanPlan, shown: &str, source: impl Read, nest: &mut Nest, out: &mut FileScan) {
    if nest.too_deep(shown, out) {
        return;
    }
    let mut archive = tar::Archive::new(source);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(e) => {
            out.not_scanned(shown, format!("a broken tar archive: {e}"));
            return;
        }
    };
    for entry in entries {
        if plan.cancelled() {
            out.not_scanned(shown, "the scan was stopped before its end");
            return;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                out.not_scanned(shown, format!("the tar archive is broken here, what follows was not seen: {e}"));
                return;
            }
        };
        if !entry.header().entry_type().is_file() && !entry.header().entry_type().is_gnu_sparse() {
            continue;
        }
        if !nest.enter(shown, out) {
            return;
        }
        let inner = format!("{shown}!/{}", String::from_utf8_lossy(&entry.path_bytes()));
        open_member(plan, &inner, entry, nest, out);
    }
}

/// Scans what a packed stream holds.
pub(crate) fn scan_packed(
    plan: &ScanPlan,
    shown: &str,
    packing: Packing,
    source: impl Read,
    nest: &mut Nest,
    out: &mut FileScan,
) {
    if nest.too_deep(shown, out) || !nest.enter(shown, out) {
        return;
    }
    let file = shown.rsplit('/').next().unwrap_or(shown);
    let inner = match file.rsplit_once('.') {
        Some((stem, "gz" | "bz2" | "xz" | "zst" | "lz4")) => stem.to_owned(),
        Some((stem, "tgz" | "tbz2" | "tbz" | "txz" | "tzst")) => format!("{stem}.tar"),
        _ => format!("{file}.unpacked"),
    };
    let inner = format!("{shown}!/{inner}");
    let source = io::BufReader::new(source);
    match packing {
        Packing::Gzip => open_member(plan, &inner, MultiGzDecoder::new(source), nest, out),
        Packing::Bzip2 => open_member(plan, &inner, bzip2::bufread::MultiBzDecoder::new(source), nest, out),
        Packing::Xz => {
            let reader = lzma_rust2::XzReader::new_mem_limit(source, true, WINDOW_BYTES_MAX >> 10);
            open_member(plan, &inner, reader, nest, out);
        }
        Packing::Zstd => open_member(plan, &inner, Frames { source, frame: None }, nest, out),
        Packing::Lz4 => open_member(plan, &inner, lz4_flex::frame::FrameDecoder::new(source), nest, out),
    }
}

/// Zstandard frames, one after the other.
struct Frames<R: Read> {
    source: R,
    frame: Option<Box<FrameDecoder>>,
}

impl<R: io::BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.is_none() {
                if self.source.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                self.start()?;
            }
            let Some(frame) = &mut self.frame else { continue };
            while frame.can_collect() == 0 && !frame.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                frame.decode_blocks(&mut self.source, step).map_err(|e| io::Error::other(e.to_string()))?;
            }
            let got = frame.read(buf)?;
            if got > 0 || buf.is_empty() {
                return Ok(got);
            }
            self.frame = None;
        }
    }
}

impl<R: io::BufRead> Frames<R> {
    /// Begins the next frame; one that holds no data is passed over.
    fn start(&mut self) -> io::Result<()> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(u64::from(WINDOW_BYTES_MAX));
        match decoder.init(&mut self.source) {
            Ok(()) => self.frame = Some(Box::new(decoder)),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                io::copy(&mut (&mut self.source).take(u64::from(length)), &mut io::sink())?;
            }
            Err(e) => return Err(io::Error::other(e.to_string())),
        }
        Ok(())
    }
}

/// Scans the files in a 7z archive.
pub(crate) fn scan_seven_zip(
    plan: &ScanPlan,
    shown: &str,
    mut source: impl Read + Seek,
    nest: &mut Nest,
    out: &mut FileScan,
) {
    if nest.too_deep(shown, out) {
        return;
    }
    if let Err(reason) = seven_zip_header(&mut source) {
        out.not_scanned(shown, reason);
        return;
    }
    let mut reader = match ArchiveReader::new(source, Password::empty()) {
        Ok(reader) => reader,
        Err(e) => {
            out.not_scanned(shown, seven_zip_reason(&e));
            return;
        }
    };
    if reader.archive().blocks.iter().flat_map(|b| &b.coders).any(|c| window(c) > WINDOW_BYTES_MAX) {
        out.not_scanned(shown, format!("unpacking it takes more than {WINDOW_BYTES_MAX} bytes of memory"));
        return;
    }
    let mut seen = 0;
    let total = reader.archive().files.iter().filter(|f| !f.is_directory()).count();
    let result = reader.for_each_entries(|entry, content| {
        if plan.cancelled() || (!entry.is_directory() && !nest.enter(shown, out)) {
            return Ok(false);
        }
        if !entry.is_directory() {
            seen += 1;
            open_member(plan, &format!("{shown}!/{}", entry.name()), content, nest, out);
        }
        Ok(nest.inflated.get() > 0)
    });
    match result {
        Err(e) => out.not_scanned(shown, seven_zip_reason(&e)),
        Ok(_) if seen < total => out.not_scanned(shown, format!("{} of {total} files were not reached", total - seen)),
        Ok(_) => {}
    }
}

/// Checks the size of the header before memory is taken for it.
fn seven_zip_header(source: &mut (impl Read + Seek)) -> Result<(), String> {
    let mut start = [0; 32];
    source.rewind().and_then(|()| source.read_exact(&mut start)).map_err(|e| format!("a broken 7z archive: {e}"))?;
    let size = start[20..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    if size > HEADER_BYTES_MAX {
        return Err(format!("a 7z archive with a header of {size} bytes; the limit is {HEADER_BYTES_MAX}"));
    }
    source.rewind().map_err(|e| e.to_string())
}

fn seven_zip_reason(error: &sevenz_rust2::Error) -> String {
    use sevenz_rust2::Error as E;
    match error {
        E::PasswordRequired | E::MaybeBadPassword(_) => {
            "encrypted; unpack it with its password and scan what comes out".to_owned()
        }
        E::UnsupportedCompressionMethod(method) if method.contains("AES") => {
            "encrypted; unpack it with its password and scan what comes out".to_owned()
        }
        other => format!("the 7z archive cannot be unpacked to its end: {other}"),
    }
}

/// Bytes that a coder holds to refer back to.
fn window(coder: &sevenz_rust2::Coder) -> u32 {
    let properties = coder.properties();
    match (coder.encoder_method_id(), properties) {
        (EncoderMethod::ID_LZMA, [_, size @ ..]) => size.first_chunk().map_or(0, |b| u32::from_le_bytes(*b)),
        (EncoderMethod::ID_LZMA2, [bits, ..]) if *bits < 40 => {
            (2 | u32::from(bits & 1)).checked_shl(u32::from(bits / 2 + 11)).unwrap_or(u32::MAX)
        }
        (EncoderMethod::ID_LZMA2, _) => u32::MAX,
        _ => 0,
    }
}
