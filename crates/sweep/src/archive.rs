//! Archives: zip, tar and gzip, nested to a depth, within one budget for everything that comes out of a file.

use std::{
    cell::Cell,
    io::{self, Read, Seek},
    rc::Rc,
};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use crate::{
    ScanPlan, SweepLimits,
    content::{FileScan, member, read_head},
    detect_kind, office,
};

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
    fn enter(&mut self, shown: &str, out: &mut FileScan) -> bool {
        if self.members == 0 {
            out.not_scanned(shown, format!("more than {} members; the others were not opened", self.members_max));
            return false;
        }
        self.members -= 1;
        true
    }

    fn too_deep(&self, shown: &str, out: &mut FileScan) -> bool {
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
fn open_member(plan: &ScanPlan, shown: &str, source: impl Read, nest: &mut Nest, out: &mut FileScan) {
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

/// Scans what a gzip stream holds.
pub(crate) fn scan_gzip(plan: &ScanPlan, shown: &str, source: impl Read, nest: &mut Nest, out: &mut FileScan) {
    if nest.too_deep(shown, out) || !nest.enter(shown, out) {
        return;
    }
    let file = shown.rsplit('/').next().unwrap_or(shown);
    let inner = match file.rsplit_once('.') {
        Some((stem, "gz")) => stem.to_owned(),
        Some((stem, "tgz")) => format!("{stem}.tar"),
        _ => format!("{file}.unpacked"),
    };
    open_member(plan, &format!("{shown}!/{inner}"), MultiGzDecoder::new(source), nest, out);
}
