//! TFLite (schema version 3): custom operators, and the checks of TensorFlow's verifier: indices and buffers that lead
//! outside are what memory-safety flaws of interpreters are made of.

use super::flatbuffer::{Flat, Vector};
use super::tensorflow::is_dangerous as tensorflow_is_dangerous;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};

/// Operator codes read.
const CODES_MAX: u64 = 4096;

/// True when the part begins like a TFLite model. Its metadata may follow as a zip.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"TFL3")
}

/// Checks a TFLite model.
pub(crate) fn scan_tflite(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("tflite");
    let mut flat = Flat::new(&job.source);
    if model(scan, &mut flat).is_none() {
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

fn model(scan: &mut Scan<'_, '_>, flat: &mut Flat<'_, '_>) -> Option<()> {
    let root = flat.root()?;
    let codes = flat.vector(root, 1, 4)?;
    if let Some(v) = codes {
        operator_codes(scan, flat, v)?;
    }
    let codes = codes.map_or(0, |v| v.count);
    let buffers = match flat.vector(root, 4, 4)? {
        Some(v) => buffers(scan, flat, v)?,
        None => Vec::new(),
    };
    let Some(graphs) = flat.vector(root, 2, 4)? else { return Some(()) };
    for i in 0..graphs.count {
        let graph = flat.element(graphs, i)?;
        if !subgraph(scan, flat, graph, codes, &buffers)? {
            return Some(());
        }
    }
    Some(())
}

fn operator_codes(scan: &mut Scan<'_, '_>, flat: &mut Flat<'_, '_>, codes: Vector) -> Option<()> {
    if codes.count > CODES_MAX {
        scan.incomplete("more operator codes than the limit");
    }
    for i in 0..codes.count.min(CODES_MAX) {
        let code = flat.element(codes, i)?;
        let Some(text) = flat.text(code, 1, 256)? else { continue };
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
                code,
                "a TensorFlow operator runs Python, or reads or writes files",
                printable(&text),
                &[],
            );
        } else if flex.is_none() {
            scan.find(
                &rules::TFLITE_CUSTOM,
                Review,
                code,
                "a custom operator comes from a library that the program has to load",
                printable(&text),
                &[],
            );
        }
    }
    Some(())
}

/// Length of each buffer; those outside of the flatbuffer must lie in the file as well.
fn buffers(scan: &mut Scan<'_, '_>, flat: &mut Flat<'_, '_>, list: Vector) -> Option<Vec<u64>> {
    let mut out = Vec::new();
    for i in 0..list.count {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a TFLite model");
            return Some(out);
        }
        let buffer = flat.element(list, i)?;
        let inline = flat.vector(buffer, 0, 1)?.map_or(0, |v| v.count);
        let offset = match flat.field(buffer, 1)? {
            Some(at) => flat.u64(at)?,
            None => 0,
        };
        let size = match flat.field(buffer, 2)? {
            Some(at) => flat.u64(at)?,
            None => 0,
        };
        if offset > 1 && offset.checked_add(size)? > flat.len() {
            return None;
        }
        out.push(if offset > 1 { size } else { inline });
    }
    Some(out)
}

/// Bits of one element, by tensor type.
fn element_bits(kind: u8) -> Option<u64> {
    Some(match kind {
        0 | 2 | 15 => 32,
        1 | 7 | 16 => 16,
        3 | 6 | 9 => 8,
        4 | 8 | 10 | 12 => 64,
        11 => 128,
        17 => 4,
        _ => return None,
    })
}

/// One graph: tensors with their buffers, operators with their indices. False when the budget is spent.
fn subgraph(scan: &mut Scan<'_, '_>, flat: &mut Flat<'_, '_>, graph: u64, codes: u64, buffers: &[u64]) -> Option<bool> {
    let wrong = |scan: &mut Scan<'_, '_>, at: u64, why: &'static str, evidence: String| {
        scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, why, evidence, &[]);
    };
    let tensors = flat.vector(graph, 0, 4)?;
    for i in 0..tensors.map_or(0, |v| v.count) {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a TFLite model");
            return Some(false);
        }
        let tensor = flat.element(tensors?, i)?;
        let buffer = flat.number(tensor, 2)?;
        let Some(have) = usize::try_from(buffer).ok().and_then(|b| buffers.get(b)).copied() else {
            wrong(scan, tensor, "a tensor names a buffer that is not there", format!("buffer {buffer}"));
            continue;
        };
        // Sparse tensors hold fewer values than their shape.
        let sparse = flat.field(tensor, 6)?.is_some();
        let kind = match flat.field(tensor, 1)? {
            Some(at) => flat.u8(at)?,
            None => 0,
        };
        let (Some(shape), Some(bits), false) = (flat.vector(tensor, 0, 4)?, element_bits(kind), sparse) else {
            continue;
        };
        let mut wanted = Some(bits);
        let mut open = false;
        for d in 0..shape.count.min(64) {
            let dimension = flat.u32(shape.at + d * 4)? as i32;
            // -1 stands for a length that is known when the model runs.
            open |= dimension == -1;
            wanted = wanted.and_then(|w| w.checked_mul(u64::try_from(dimension).ok()?));
        }
        match wanted {
            _ if open => {}
            None => wrong(scan, tensor, "the shape of a tensor overflows or is negative", String::new()),
            Some(w) if have > 0 && have < w.div_ceil(8) => {
                wrong(scan, tensor, "a tensor is longer than its buffer", format!("{have} of {} bytes", w.div_ceil(8)));
            }
            Some(_) => {}
        }
    }
    let count = tensors.map_or(0, |v| v.count);
    let operators = flat.vector(graph, 3, 4)?;
    for i in 0..operators.map_or(0, |v| v.count) {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a TFLite model");
            return Some(false);
        }
        let operator = flat.element(operators?, i)?;
        let code = u64::from(flat.number(operator, 0)?);
        if code >= codes {
            wrong(scan, operator, "an operator names a code that is not there", format!("code {code}"));
        }
        for list in [1, 2, 8] {
            let Some(v) = flat.vector(operator, list, 4)? else { continue };
            for k in 0..v.count {
                if !scan.budget.work(1) {
                    scan.incomplete("the work budget is spent in a TFLite model");
                    return Some(false);
                }
                let index = flat.u32(v.at + k * 4)? as i32;
                if index < -1 || i64::from(index) >= i64::try_from(count).ok()? {
                    wrong(scan, operator, "an operator names a tensor that is not there", format!("tensor {index}"));
                }
            }
        }
    }
    Some(true)
}
