//! What a PyTorch archive promises: storages that exist and are as long as the pickle says (CVE-2026-24747 shape).

use std::collections::HashMap;

use crate::pickle::StorageRef;
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::Scan;

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
