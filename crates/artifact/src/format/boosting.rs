//! Small binary formats of single libraries: CatBoost (`CBM1`) and MXNet's parameter lists.

use super::code;
use super::flatbuffer::Flat;
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};
use crate::source::Window;

/// Entries of a list that are read.
const ENTRIES_MAX: u64 = 1 << 20;

/// True for a CatBoost model.
pub(crate) fn is_catboost(head: &[u8]) -> bool {
    head.starts_with(b"CBM1")
}

/// Checks a CatBoost model: a length, the core as a flatbuffer, then the parts that the core names.
pub(crate) fn scan_catboost(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("catboost");
    let size = job.source.bytes(4, 4).try_into().map_or(0, |b: [u8; 4]| u64::from(u32::from_le_bytes(b)));
    if size == 0 || size + 8 > job.source.len() {
        let evidence = format!("{size} of {} bytes", job.source.len());
        scan.find(&rules::TENSOR_LAYOUT, Suspicious, 4, "the core of the model is longer than the file", evidence, &[]);
        return;
    }
    let core = job.source.sub(8, size);
    let mut flat = Flat::new(&core);
    match catboost_core(scan, &mut flat) {
        None => {
            let why = "an offset of the model leads outside its core";
            scan.find(&rules::TENSOR_LAYOUT, Suspicious, 8, why, String::new(), &[]);
        }
        Some(parts) => {
            if parts == 0 && size + 8 < job.source.len() {
                let rest = format!("{} bytes", job.source.len() - size - 8);
                scan.find(&rules::LAYOUT, Review, size + 8, "bytes behind the core belong to no part", rest, &[]);
            }
        }
    }
}

/// Reads the core; how many parts follow it.
fn catboost_core(scan: &mut Scan<'_, '_>, flat: &mut Flat<'_, '_>) -> Option<u64> {
    let root = flat.root()?;
    let version = flat.text(root, 0, 64)?.unwrap_or_default();
    if !version.starts_with("FlabuffersModel") {
        scan.find(&rules::LAYOUT, Review, 8, "the format version is unknown", printable(&version), &[]);
    }
    flat.table(root, 1)?;
    if let Some(info) = flat.vector(root, 2, 4)? {
        if info.count > ENTRIES_MAX {
            scan.incomplete("more entries of CatBoost metadata than the limit");
        }
        for i in 0..info.count.min(ENTRIES_MAX) {
            if !scan.budget.work(1) {
                scan.incomplete("the work budget is spent in a CatBoost model");
                return Some(1);
            }
            let pair = flat.element(info, i)?;
            let key = flat.text(pair, 0, 128)?.unwrap_or_default();
            let value = flat.text(pair, 1, 1 << 16)?.unwrap_or_default();
            if let Some(p) = code::phrase(&value) {
                let message = format!("metadata `{}` holds code ({p}…)", printable(&key));
                scan.find(&rules::EMBEDDED_CODE, Suspicious, pair, message, printable(&value), &[]);
            }
        }
    }
    Some(flat.vector(root, 3, 4)?.map_or(0, |v| v.count))
}

/// True for MXNet's list of arrays.
pub(crate) fn is_mxnet(head: &[u8]) -> bool {
    head.starts_with(&[0x12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

struct List<'w, 's, 'a> {
    window: &'w mut Window<'s, 'a>,
    at: u64,
    len: u64,
}

impl List<'_, '_, '_> {
    fn number(&mut self, n: usize) -> Option<u64> {
        let v = self.window.exact(self.at, n)?.iter().rev().fold(0u64, |v, b| (v << 8) | u64::from(*b));
        self.at += n as u64;
        Some(v)
    }

    fn skip(&mut self, n: u64) -> Option<()> {
        self.at = self.at.checked_add(n).filter(|e| *e <= self.len)?;
        Some(())
    }

    /// One array: kind of storage, shape, device, type, values.
    fn array(&mut self) -> Option<()> {
        let magic = self.number(4)?;
        // Version 2 and 3 begin with a number of their own and the kind of storage; only dense ones are common.
        if !matches!(magic, 0xf993_fac9 | 0xf993_faca) {
            return None;
        }
        if self.number(4)? != 0 {
            return None;
        }
        let dimensions = self.number(4)?;
        if dimensions > 64 {
            return None;
        }
        let mut elements = 1u64;
        for _ in 0..dimensions {
            elements = elements.checked_mul(self.number(8)?)?;
        }
        if dimensions == 0 && magic == 0xf993_fac9 {
            return Some(());
        }
        self.skip(8)?;
        let size = match self.number(4)? {
            0 | 4 => 4,
            1 | 6 => 8,
            2 | 8 | 9 | 12 => 2,
            3 | 5 | 7 => 1,
            _ => return None,
        };
        self.skip(elements.checked_mul(size)?)
    }

    /// All arrays, then all names.
    fn all(&mut self, scan: &mut Scan<'_, '_>) -> Option<()> {
        self.skip(16)?;
        for names in [false, true] {
            let count = self.number(8)?;
            if count > ENTRIES_MAX || count > self.len {
                return None;
            }
            for _ in 0..count {
                if !scan.budget.work(1) {
                    scan.incomplete("the work budget is spent in MXNet parameters");
                    return Some(());
                }
                if names {
                    let n = self.number(8)?;
                    self.skip(n)?;
                } else {
                    self.array()?;
                }
            }
        }
        Some(())
    }
}

/// Checks MXNet's parameters.
pub(crate) fn scan_mxnet(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("mxnet-parameters");
    let mut window = Window::new(&job.source);
    let mut list = List { window: &mut window, at: 0, len: job.source.len() };
    if list.all(scan).is_none() {
        let at = list.at;
        let why = "an array is cut, of an unknown kind, or longer than the file";
        scan.find(&rules::LAYOUT, Review, at, why, String::new(), &[]);
    } else if list.at < list.len && scan.budget.work(1) {
        let (at, rest) = (list.at, format!("{} bytes", list.len - list.at));
        scan.find(&rules::LAYOUT, Review, at, "bytes follow the last name", rest, &[]);
    }
}
