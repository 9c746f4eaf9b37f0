//! Flatbuffers of TFLite (`TFL3`) and ExecuTorch (`ET12`): bounds of the tables, and custom operators.

use super::tensorflow::is_dangerous as tensorflow_is_dangerous;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};
use crate::source::Window;

/// Operator codes read.
const CODES_MAX: u32 = 4096;

struct Flat<'s, 'a> {
    window: Window<'s, 'a>,
}

impl Flat<'_, '_> {
    fn u32(&mut self, at: u64) -> Option<u32> {
        self.window.exact(at, 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)
    }

    fn u16(&mut self, at: u64) -> Option<u16> {
        self.window.exact(at, 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes)
    }

    /// Where a field of a table is; `Ok(None)` when it is absent.
    fn field(&mut self, table: u64, index: u64) -> Option<Option<u64>> {
        let back = i64::from(self.u32(table)? as i32);
        let vtable = i64::try_from(table).ok()?.checked_sub(back).and_then(|v| u64::try_from(v).ok())?;
        let size = u64::from(self.u16(vtable)?);
        let slot = 4 + index * 2;
        if slot + 2 > size {
            return Some(None);
        }
        let offset = u64::from(self.u16(vtable + slot)?);
        Some((offset != 0).then_some(table + offset))
    }

    /// Follows an offset stored at `at`.
    fn follow(&mut self, at: u64) -> Option<u64> {
        let to = at.checked_add(u64::from(self.u32(at)?))?;
        (to + 4 <= self.window.source().len()).then_some(to)
    }
}

/// Checks a TFLite model.
pub(crate) fn scan_tflite(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("tflite");
    let mut flat = Flat { window: Window::new(&job.source) };
    if codes(scan, &mut flat).is_none() {
        scan.find(
            &rules::TENSOR_LAYOUT,
            Suspicious,
            0,
            "an offset of the model leads outside the file",
            String::new(),
            &[],
        );
    }
}

fn codes(scan: &mut Scan<'_, '_>, flat: &mut Flat<'_, '_>) -> Option<()> {
    let root = flat.follow(0)?;
    let Some(field) = flat.field(root, 1)? else { return Some(()) };
    let vector = flat.follow(field)?;
    let n = flat.u32(vector)?;
    if n > CODES_MAX {
        scan.incomplete("more operator codes than the limit");
    }
    for i in 0..n.min(CODES_MAX) {
        let slot = vector + 4 + u64::from(i) * 4;
        let code = flat.follow(slot)?;
        let Some(name_field) = flat.field(code, 1)? else { continue };
        let name = flat.follow(name_field)?;
        let len = u64::from(flat.u32(name)?);
        if name + 4 + len > flat.window.source().len() {
            return None;
        }
        let text =
            String::from_utf8_lossy(&flat.window.source().bytes(name + 4, usize::try_from(len.min(256)).unwrap_or(0)))
                .into_owned();
        if text.is_empty()
            || text == "TFLite_Detection_PostProcess"
            || text.starts_with("Mediapipe")
            || text.starts_with("MediaPipe")
        {
            continue;
        }
        let flex = text.strip_prefix("Flex");
        if flex.is_some_and(tensorflow_is_dangerous) {
            scan.find(
                &rules::TFLITE_CUSTOM,
                Dangerous,
                name,
                "a TensorFlow operator runs Python, or reads or writes files",
                printable(&text),
                &[],
            );
        } else if flex.is_none() {
            scan.find(
                &rules::TFLITE_CUSTOM,
                Review,
                name,
                "a custom operator comes from a library that the program has to load",
                printable(&text),
                &[],
            );
        }
    }
    Some(())
}
