//! What a PyTorch archive promises: storages that exist and are as long as the pickle says (CVE-2026-24747 shape).

use std::collections::HashMap;

use crate::pickle::{self, Setting, StorageRef};
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};

/// Bytes of one element of a storage class, as `torch.FloatStorage`.
pub(crate) fn element_bytes(class: &str) -> Option<u64> {
    let last = class.rsplit('.').next()?;
    Some(match last {
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "FloatStorage" | "IntStorage" | "QInt32Storage" => 4,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        "ByteStorage" | "CharStorage" | "BoolStorage" | "QInt8Storage" | "QUInt8Storage" | "UntypedStorage" => 1,
        "ComplexDoubleStorage" => 16,
        _ => return None,
    })
}

/// Compares the storages that a pickle names with those of its archive.
pub(crate) fn check_storages(scan: &mut Scan<'_, '_>, named: &[StorageRef], there: &HashMap<String, u64>) {
    for s in named {
        let Some(size) = element_bytes(&s.class) else {
            scan.find(
                &rules::PICKLE_PERSISTENT_ID,
                Review,
                s.at,
                "names a storage of an unknown class",
                s.class.clone(),
                &[],
            );
            continue;
        };
        let wanted = u64::try_from(s.elements).ok().and_then(|n| n.checked_mul(size));
        match (there.get(&s.key), wanted) {
            (_, None) => scan.find(
                &rules::TORCH_STORAGE,
                Suspicious,
                s.at,
                "a storage length is negative or overflows",
                format!("{} × {} elements", s.class, s.elements),
                &[],
            ),
            (Some(have), Some(wanted)) if *have < wanted => scan.find(
                &rules::TORCH_STORAGE,
                Suspicious,
                s.at,
                "a tensor claims more bytes than its storage has",
                format!("storage {} holds {have} bytes, {wanted} are claimed", s.key),
                &[],
            ),
            (None, Some(wanted)) if wanted > 0 => {
                scan.find(
                    &rules::PICKLE_PERSISTENT_ID,
                    Review,
                    s.at,
                    "names a storage that is not in the archive",
                    s.key.clone(),
                    &[],
                );
            }
            _ => {}
        }
    }
}

/// The first pickle of PyTorch's legacy format: the magic number.
const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// True for the legacy format: five pickles, then the storages.
pub(crate) fn is_legacy(head: &[u8]) -> bool {
    head.starts_with(LEGACY_MAGIC)
}

/// Reads the five pickles, checks where the storages must end, and looks at what stands behind them.
pub(crate) fn scan_legacy<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>) {
    scan.format("torch-legacy");
    let facts = pickle::scan_pickle(scan, job, 0, Setting::Torch);
    if facts.streams < 5 {
        return;
    }
    let mut sizes: HashMap<&str, u64> = HashMap::new();
    for s in &facts.storages {
        let wanted = element_bytes(&s.class).and_then(|b| u64::try_from(s.elements).ok()?.checked_mul(b));
        let Some(wanted) = wanted else {
            scan.find(
                &rules::PICKLE_PERSISTENT_ID,
                Review,
                s.at,
                "names a storage of an unknown class or length",
                s.class.clone(),
                &[],
            );
            return;
        };
        let e = sizes.entry(&s.key).or_default();
        *e = (*e).max(wanted);
    }
    let end = sizes.values().fold(facts.end, |at, n| at.saturating_add(8).saturating_add(*n));
    if end > job.source.len() {
        scan.find(
            &rules::TORCH_STORAGE,
            Suspicious,
            facts.end,
            "the storages are longer than the file",
            format!("{end} bytes wanted"),
            &[],
        );
    } else if end < job.source.len() {
        let head = job.source.bytes(end, 512);
        if pickle::looks_like_pickle(&head) {
            pickle::scan_pickle(scan, job, end, Setting::Alone);
        }
        scan.find(
            &rules::PICKLE_TRAILING,
            Review,
            end,
            format!("{} bytes behind the last storage", job.source.len() - end),
            hex::encode(&head[..head.len().min(16)]),
            &[],
        );
    }
}
