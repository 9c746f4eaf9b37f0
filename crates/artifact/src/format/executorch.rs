//! ExecuTorch programs (`ET12`): segments inside the file, operators and delegates that the runtime has to bring, and
//! native code among the delegates' data.

use super::code;
use super::flatbuffer::{Flat, Vector};
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan, printable};

/// Plans, operators, delegates and segments read of each kind.
const COUNT_MAX: u64 = 100_000;

/// Operator libraries that the runtime itself brings.
fn is_known_library(name: &str) -> bool {
    matches!(
        name.split("::").next().unwrap_or(name),
        "aten"
            | "prim"
            | "executorch_prim"
            | "et_copy"
            | "dim_order_ops"
            | "quantized_decomposed"
            | "quantized"
            | "llama"
            | "torchao"
            | "cadence"
            | "cortex_m"
            | "et_vk"
            | "higher_order"
            | "tosa"
    )
}

/// Delegates of the project itself.
fn is_known_delegate(id: &str) -> bool {
    matches!(
        id,
        "XnnpackBackend"
            | "CoreMLBackend"
            | "MPSBackend"
            | "QnnBackend"
            | "VulkanBackend"
            | "EthosUBackend"
            | "EthosUBackendStub"
            | "VgfBackend"
            | "TOSABackend"
            | "ArmBackend"
            | "NeuropilotBackend"
            | "OpenvinoBackend"
            | "CudaBackend"
            | "MetalBackend"
            | "AotiBackend"
            | "EnnBackend"
            | "NeutronBackend"
            | "NXPBackend"
            | "CadenceBackend"
            | "MlxBackend"
            | "BackendWithCompilerDemo"
    )
}

/// True when the part begins like an ExecuTorch program.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    matches!(head.get(4..8), Some([b'E', b'T', d, e]) if d.is_ascii_digit() && e.is_ascii_digit())
}

/// Checks the program.
pub(crate) fn scan_executorch(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("executorch");
    let mut flat = Flat::new(&job.source);
    if program(scan, &mut flat).is_none() {
        scan.find(
            &rules::TENSOR_LAYOUT,
            Suspicious,
            0,
            "an offset of the program leads outside the file",
            String::new(),
            &[],
        );
    }
}

fn program(scan: &mut Scan<'_, '_>, flat: &mut Flat<'_, '_>) -> Option<()> {
    let root = flat.root()?;
    // The extended header says where the segments begin.
    let base = if flat.bytes(8, 4) == b"eh00" { flat.u64(24)? } else { 0 };
    if base > flat.len() {
        return None;
    }
    if let Some(segments) = limited(scan, flat.vector(root, 4, 4)?) {
        for i in 0..segments.count {
            let segment = flat.element(segments, i)?;
            let [offset, size] = [0, 1].map(|f| match flat.field(segment, f) {
                Some(Some(at)) => flat.u64(at),
                Some(None) => Some(0),
                None => None,
            });
            let from = base.checked_add(offset?)?;
            if from.checked_add(size?)? > flat.len() {
                scan.find(
                    &rules::TENSOR_LAYOUT,
                    Suspicious,
                    segment,
                    "a segment ends behind the end of the file",
                    format!("segment {i}"),
                    &[],
                );
                continue;
            }
            native(scan, flat, from);
        }
    }
    if let Some(inline) = limited(scan, flat.vector(root, 3, 4)?) {
        for i in 0..inline.count {
            let data = flat.element(inline, i)?;
            if let Some(v) = flat.vector(data, 0, 1)? {
                native(scan, flat, v.at);
            }
        }
    }
    let Some(plans) = limited(scan, flat.vector(root, 1, 4)?) else { return Some(()) };
    for i in 0..plans.count {
        let plan = flat.element(plans, i)?;
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in an ExecuTorch program");
            return Some(());
        }
        names(scan, flat, plan, 6, is_known_library, "an operator comes from a library that the runtime has to load")?;
        names(scan, flat, plan, 7, is_known_delegate, "a part runs in a delegate that is not known")?;
    }
    Some(())
}

fn limited(scan: &mut Scan<'_, '_>, v: Option<Vector>) -> Option<Vector> {
    if v.is_some_and(|v| v.count > COUNT_MAX) {
        scan.incomplete("an ExecuTorch program with more parts than the limit");
    }
    v.map(|v| Vector { count: v.count.min(COUNT_MAX), ..v })
}

/// Reports the names of a list of tables (their first field) that are not known.
fn names(
    scan: &mut Scan<'_, '_>,
    flat: &mut Flat<'_, '_>,
    plan: u64,
    field: u64,
    known: fn(&str) -> bool,
    message: &'static str,
) -> Option<()> {
    let Some(list) = limited(scan, flat.vector(plan, field, 4)?) else { return Some(()) };
    for i in 0..list.count {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in an ExecuTorch program");
            return Some(());
        }
        let entry = flat.element(list, i)?;
        let name = flat.text(entry, 0, 256)?.unwrap_or_default();
        if !known(&name) {
            scan.find(&rules::EXECUTORCH_PART, Review, entry, message, printable(&name), &[]);
        }
    }
    Some(())
}

fn native(scan: &mut Scan<'_, '_>, flat: &Flat<'_, '_>, at: u64) {
    if let Some(kind) = code::executable(&flat.bytes(at, 4096)) {
        scan.find(
            &rules::EMBEDDED_EXECUTABLE,
            Suspicious,
            at,
            format!("a delegate holds a {kind}"),
            String::new(),
            &[],
        );
    }
}
