//! TensorRT engines: what the kernels of an engine do cannot be read, but code for the host can be found in it. Engines
//! that run on other versions bring their runtime, and plug-ins may be packed in, as shared libraries: loading them runs
//! them (`engine_host_code_allowed`).

use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};

/// Libraries reported of one engine.
const LIBRARIES_MAX: usize = 16;

/// True for a serialized engine.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    head.starts_with(b"ptrt") || head.starts_with(b"ftrt")
}

/// What kind of program for the host begins here: kernels for the GPU are ELF as well, of a machine of their own (190).
fn host_program(head: &[u8]) -> Option<&'static str> {
    let half = |at: usize| head.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
    if head.starts_with(b"\x7fELF") && matches!(head.get(4..7), Some([1 | 2, 1 | 2, 1])) {
        // The machine is big-endian where the file is.
        let machine = half(18)?;
        let machine = if head[5] == 2 { machine.swap_bytes() } else { machine };
        return matches!(machine, 3 | 8 | 21 | 22 | 40 | 62 | 183 | 243 | 258).then_some("ELF library");
    }
    if head.starts_with(b"MZ") {
        let at = head.get(60..64).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)?;
        let pe = usize::try_from(at).ok().and_then(|at| head.get(at..at.checked_add(4)?));
        return (pe == Some(b"PE\0\0")).then_some("Windows library");
    }
    None
}

/// Reports the engine, its version, and the libraries in it.
pub(crate) fn scan_tensorrt(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("tensorrt");
    let head = job.source.bytes(0, 28);
    let version = match head.get(24..28) {
        Some([major @ 1..=20, minor, patch, build]) => format!("TensorRT {major}.{minor}.{patch}.{build}"),
        _ => String::new(),
    };
    let message = "a compiled engine: what it does cannot be read";
    scan.find(&rules::NATIVE_ENGINE, Review, 0, message, version, &[]);
    let mut found = 0;
    let mut at = 0u64;
    let mut chunk = vec![0u8; 256 << 10];
    while at < job.source.len() {
        let n = job.source.read_at(at, &mut chunk);
        let elf = memchr::memmem::find_iter(&chunk[..n], b"\x7fELF");
        let windows = memchr::memmem::find_iter(&chunk[..n], b"MZ");
        let mut places: Vec<usize> = elf.chain(windows).collect();
        places.sort_unstable();
        for i in places {
            let place = at + i as u64;
            let Some(kind) = host_program(&job.source.bytes(place, 1024)) else { continue };
            found += 1;
            if found > LIBRARIES_MAX {
                scan.incomplete(format!("more than {LIBRARIES_MAX} libraries in an engine"));
                return;
            }
            let message = "an engine brings code for the host, which runs when the engine is loaded";
            scan.find(&rules::EMBEDDED_EXECUTABLE, Suspicious, place, message, kind, &[]);
        }
        if n < chunk.len() || !scan.budget.work(1) {
            break;
        }
        // What begins in the last bytes is found again with its rest.
        at += (n - 3) as u64;
    }
    if at + (chunk.len() as u64) < job.source.len() {
        scan.incomplete("the work budget is spent in an engine");
    }
}

#[cfg(test)]
mod tests {
    use super::LIBRARIES_MAX;
    use crate::ArtifactSeverity::{Review, Suspicious};
    use crate::{FileReport, ScanConfig, scan_bytes};

    fn engine(parts: &[Vec<u8>]) -> FileReport {
        let mut v = b"ptrt".to_vec();
        v.resize(24, 0);
        v.extend([10, 3, 0, 26]);
        v.resize(100, 0);
        parts.iter().for_each(|p| v.extend(p));
        scan_bytes("model.engine", &v, &ScanConfig::default())
    }

    fn elf(machine: u8) -> Vec<u8> {
        let mut v = b"\x7fELF\x02\x01\x01".to_vec();
        v.resize(64, 0);
        v[18] = machine;
        v
    }

    #[test]
    fn kernels_are_for_review_and_libraries_are_named() {
        let r = engine(&[elf(190)]);
        assert_eq!((r.severity, r.findings[0].evidence.as_str()), (Review, "TensorRT 10.3.0.26"), "{r:?}");
        let r = engine(&[vec![0; (256 << 10) - 102], elf(62)]);
        assert_eq!(r.severity, Suspicious, "across the border of two reads: {r:?}");
        let mut windows = b"MZ".to_vec();
        windows.resize(128, 0);
        windows[60] = 100;
        windows[100..104].copy_from_slice(b"PE\0\0");
        assert_eq!(engine(&[windows]).severity, Suspicious);
        let many = |n: usize| engine(&vec![elf(62); n]);
        assert!(many(LIBRARIES_MAX).complete && !many(LIBRARIES_MAX + 1).complete);
    }
}
