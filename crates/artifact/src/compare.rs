//! What single readers see, for comparison with other implementations of the same formats.

use crate::ScanConfig;
use crate::budget::Budget;
use crate::container::{stream, zip};
use crate::format::{npy, safetensors};
use crate::pickle;
use crate::scan::{Job, Scan};
use crate::source::Source;

/// Offsets of the opcodes of the first pickle stream in `bytes`, as `pickletools.genops` lists them; up to the opcode at
/// which an unpickler would stop.
pub fn pickle_opcodes(bytes: &[u8]) -> Vec<u64> {
    let config = ScanConfig::default();
    let budget = Budget::new(&config);
    pickle::opcodes(&Source::borrowed(bytes), &config, &budget)
}

/// What the header of a `.npy` file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    /// Where the data begins.
    pub data: u64,
    /// Number of elements; `None` when the shape cannot be read or overflows.
    pub elements: Option<u64>,
    /// True when elements are objects, which are pickled.
    pub objects: bool,
}

/// Reads the header of a `.npy` file; `None` when it is none.
pub fn npy_header(bytes: &[u8]) -> Option<NpyHeader> {
    if !bytes.starts_with(b"\x93NUMPY") {
        return None;
    }
    let h = npy::header(bytes, bytes.len() as u64).ok()?;
    Some(NpyHeader { data: h.data, elements: h.elements, objects: h.objects })
}

/// Names of the tensors of a safetensors file with the bytes that they take behind the header, in that order; `None` when
/// the header is none or the layout is not exact.
pub fn safetensors_layout(bytes: &[u8]) -> Option<Vec<(String, u64, u64)>> {
    let n = bytes.first_chunk::<8>().map(|b| u64::from_le_bytes(*b))?;
    let end = usize::try_from(n).ok()?.checked_add(8)?;
    let header = bytes.get(8..end)?;
    let layout = safetensors::layout(header, (bytes.len() - end) as u64)?;
    layout.problems.is_empty().then(|| layout.tensors.into_iter().map(|t| (t.name, t.begin, t.end)).collect())
}

/// Members of a zip in the union of its views: the name as it stands there, and the unpacked bytes. A member that cannot
/// be unpacked is left out; one that is damaged has the bytes before the damage.
pub fn zip_members(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let config = ScanConfig::default();
    let mut scan = Scan::new("", &config);
    let job = Job::root(Source::borrowed(bytes));
    let members = zip::members(&mut scan, &job).unwrap_or_default();
    let unpacked = members.iter().filter_map(|m| {
        let (packing, source) = m.packed(&job.source)?;
        let decoded = stream::unpack(packing, &source, &config, &scan.budget)?;
        Some((m.raw_name().to_vec(), decoded.source.whole(config.buffer_bytes_max)?))
    });
    unpacked.collect()
}
