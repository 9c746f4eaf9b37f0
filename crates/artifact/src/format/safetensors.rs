//! safetensors: an eight-byte length, a JSON header, and tensors that tile the rest exactly.

use super::json::{self, Event, Scalar};
use super::{code, import_names, template, yaml};
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};

/// The reference implementation refuses longer headers.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// True when the part begins like a safetensors file: a length, then an object.
pub(crate) fn looks_like(head: &[u8], len: u64) -> bool {
    let Some(n) = head.get(..8).and_then(|b| <[u8; 8]>::try_from(b).ok()).map(u64::from_le_bytes) else { return false };
    n >= 2 && n <= len.max(HEADER_BYTES_MAX) && matches!(head.get(8..10), Some([b'{', b'"' | b'}' | b' ' | b'\n']))
}

/// Bits of one element.
fn element_bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" | "U4" | "I4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" | "C64" => 64,
        _ => return None,
    })
}

/// A tensor of the header.
pub(crate) struct Tensor {
    /// Its name.
    pub(crate) name: String,
    /// First byte behind the header.
    pub(crate) begin: u64,
    /// One past its last byte.
    pub(crate) end: u64,
    at: u64,
}

/// What a header says.
#[derive(Default)]
pub(crate) struct Layout {
    /// Tensors in the order of their bytes.
    pub(crate) tensors: Vec<Tensor>,
    /// What no reader should accept: offset, why, evidence.
    pub(crate) problems: Vec<(u64, &'static str, String)>,
    /// Texts that hold a template or code: key, offset, text.
    texts: Vec<(String, u64, String)>,
}

/// Reads a header (without its length) in front of `data` bytes; `None` when it is no JSON.
pub(crate) fn layout(header: &[u8], data: u64) -> Option<Layout> {
    let n = header.len() as u64;
    let Layout { mut tensors, mut problems, mut texts } = Layout::default();
    let result = json::read(header, &mut |e| match e {
        Event::Duplicate { key, at } => {
            problems.push((8 + at as u64, "a key comes twice: readers differ in which they take", key.to_owned()))
        }
        Event::End { key: "__metadata__", .. } => {}
        Event::End { key, fields, at, depth: 2 } => match tensor(key, fields, 8 + at as u64) {
            Ok(t) => tensors.push(t),
            Err(why) => problems.push((8 + at as u64, why, key.to_owned())),
        },
        Event::End { .. } | Event::List { .. } => {}
        Event::Text { key, value, at, .. } => {
            if texts.len() < 1000
                && (template::is_template(value) || code::phrase(value).is_some() || yaml::may_name(value))
            {
                texts.push((key.to_owned(), 8 + at as u64, value.to_owned()));
            }
        }
    });
    result.ok()?;
    if let Err(e) = std::str::from_utf8(header) {
        problems.push((8 + e.valid_up_to() as u64, "the header is not UTF-8", String::new()));
    }
    if header.first() != Some(&b'{') {
        problems.push((8, "the header does not begin with an object", String::new()));
    }
    tensors.sort_by_key(|t| (t.begin, t.end));
    let mut at = 0;
    for t in &tensors {
        if t.begin != at {
            let why = if t.begin < at { "two tensors overlap" } else { "bytes between the tensors belong to none" };
            problems.push((t.at, why, t.name.clone()));
        }
        at = at.max(t.end);
    }
    if at > data {
        problems.push((8 + n + data, "a tensor ends behind the end of the file", format!("{at} of {data} bytes")));
    } else if at < data {
        problems.push((8 + n + at, "bytes behind the last tensor belong to none", format!("{} bytes", data - at)));
    }
    Some(Layout { tensors, problems, texts })
}

/// Checks the header and the layout.
pub(crate) fn scan_safetensors(scan: &mut Scan<'_, '_>, job: &Job<'_>, head: &[u8]) {
    scan.format("safetensors");
    let n = head.get(..8).and_then(|b| <[u8; 8]>::try_from(b).ok()).map_or(0, u64::from_le_bytes);
    if n > HEADER_BYTES_MAX || n > job.source.len().saturating_sub(8) {
        scan.find(
            &rules::HEADER_BOMB,
            Suspicious,
            0,
            "the header is longer than the file or than any reader accepts",
            n.to_string(),
            &[],
        );
        return;
    }
    if n > scan.config.text_bytes_max {
        scan.incomplete("a safetensors header longer than the limit");
        return;
    }
    let header = job.source.bytes(8, usize::try_from(n).unwrap_or(0));
    let data = job.source.len() - 8 - n;
    let Some(Layout { problems, texts, .. }) = layout(&header, data) else {
        scan.find(&rules::TENSOR_LAYOUT, Suspicious, 8, "the header is no JSON", String::new(), &[]);
        return;
    };
    for (at, why, evidence) in problems.into_iter().take(32) {
        scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, why, evidence, &[]);
    }
    for (key, at, value) in texts {
        if template::is_template(&value) {
            template::check(scan, &value, at, &format!("metadata `{key}`"));
        }
        import_names::report(scan, job, yaml::names(&value).into_iter().map(|(_, h)| (at, h)).collect());
        if let Some(p) = code::phrase(&value) {
            let severity = if value.contains("import ") || value.contains("__") { Suspicious } else { Review };
            scan.find(&rules::EMBEDDED_CODE, severity, at, format!("metadata `{key}` holds code ({p}…)"), value, &[]);
        }
    }
}

/// A whole number as JSON writes it: no sign, no leading zero.
fn whole(digits: &str) -> Option<u64> {
    let plain = digits == "0" || digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if plain { digits.parse().ok() } else { None }
}

fn tensor(name: &str, fields: &[(String, Scalar)], at: u64) -> Result<Tensor, &'static str> {
    let numbers = |key: &str| {
        fields.iter().find_map(|(k, v)| match v {
            Scalar::Numbers(n) if k == key => n.iter().map(|d| whole(d)).collect::<Option<Vec<u64>>>(),
            _ => None,
        })
    };
    let dtype = Event::text(fields, "dtype").ok_or("a tensor has no type")?;
    let shape = numbers("shape").ok_or("a tensor has no shape of whole numbers")?;
    let offsets = numbers("data_offsets").ok_or("a tensor has no offsets")?;
    let [begin, end] = offsets[..] else { return Err("a tensor has not two offsets") };
    let elements = shape.iter().try_fold(1u64, |p, d| p.checked_mul(*d)).ok_or("the shape of a tensor overflows")?;
    if end < begin {
        return Err("a tensor ends before it begins");
    }
    if let Some(bits) = element_bits(dtype) {
        let bytes = elements.checked_mul(bits).ok_or("the shape of a tensor overflows")?.div_ceil(8);
        if bytes != end - begin {
            return Err("the shape of a tensor does not fit its bytes");
        }
    } else {
        return Err("a tensor has an unknown type");
    }
    Ok(Tensor { name: name.to_owned(), begin, end, at })
}
