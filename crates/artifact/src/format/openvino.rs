//! OpenVINO networks (IR versions 10 and 11): layers that are in none of its operation sets need a library of their own
//! to be loaded first, and constants must be as long as their shape and type say.

use std::collections::BTreeMap;

use super::xml::attribute;
use crate::report::ArtifactSeverity::{Review, Suspicious};
use crate::rules;
use crate::scan::{Scan, printable};

/// Kinds of layers and constants reported of one network.
const KEPT_MAX: usize = 64;

/// What was seen of a network.
#[derive(Default)]
pub(super) struct OpenVino {
    /// Type and set of the layers that no set of the project has, with the place of the first.
    custom: BTreeMap<(String, String), u64>,
    /// Constants whose length is not theirs.
    lengths: Vec<(u64, String)>,
}

/// Sets that the runtime itself brings.
fn is_own_set(version: &str) -> bool {
    let number = version.strip_prefix("opset").unwrap_or_default();
    !number.is_empty() && number.len() < 3 && number.bytes().all(|b| b.is_ascii_digit())
        || matches!(version, "experimental" | "ie_internal_opset" | "util" | "type_relaxed_opset")
}

/// Operators of the project's own tokenizers, which come in the set `extension`.
static TOKENIZERS: &[&str] = &[
    "BPETokenizer",
    "BytesToChars",
    "CaseFold",
    "CharsMapNormalization",
    "CharsToBytes",
    "CombineSegments",
    "EqualStr",
    "FuzeRagged",
    "NormalizeUnicode",
    "RaggedTensorPack",
    "RaggedToDense",
    "RaggedToRagged",
    "RaggedToSparse",
    "RegexNormalization",
    "RegexSplit",
    "SentencepieceDetokenizer",
    "SentencepieceStreamDetokenizer",
    "SentencepieceTokenizer",
    "SpecialTokensSplit",
    "StringTensorPack",
    "StringTensorUnpack",
    "StringToHashBucket",
    "TrieTokenizer",
    "Truncate",
    "UTF8Validate",
    "UnigramTokenizer",
    "VocabDecoder",
    "VocabEncoder",
    "WordpieceTokenizer",
];

/// Bits of an element; `None` for strings and unknown types.
fn element_bits(kind: &str) -> Option<u64> {
    Some(match kind {
        "u1" | "boolean1" => 1,
        "u2" => 2,
        "u3" => 3,
        "i4" | "u4" | "nf4" | "f4e2m1" => 4,
        "u6" => 6,
        "boolean" | "i8" | "u8" | "f8e4m3" | "f8e5m2" | "f8e8m0" => 8,
        "f16" | "bf16" | "i16" | "u16" => 16,
        "f32" | "i32" | "u32" => 32,
        "f64" | "i64" | "u64" => 64,
        _ => return None,
    })
}

impl OpenVino {
    /// Takes one tag (without its brackets) that begins at `at`.
    pub(super) fn element(&mut self, at: u64, tag: &str) {
        match tag.split(|c: char| c.is_whitespace() || c == '/').next() {
            Some("layer") => {
                let (Some(kind), Some(set)) = (attribute(tag, "type"), attribute(tag, "version")) else { return };
                let own = is_own_set(&set) || set == "extension" && TOKENIZERS.contains(&kind.as_str());
                if !own && self.custom.len() < KEPT_MAX {
                    self.custom.entry((kind, set)).or_insert(at);
                }
            }
            Some("data") if self.lengths.len() < KEPT_MAX => {
                if let Some(why) = constant(tag) {
                    self.lengths.push((at, why));
                }
            }
            _ => {}
        }
    }

    /// Reports what was seen.
    pub(super) fn report(self, scan: &mut Scan<'_, '_>) {
        for ((kind, set), at) in self.custom {
            let message = "a layer is in no operation set of the runtime: a library has to be loaded for it";
            let evidence = printable(&format!("{kind} ({set})"));
            scan.find(&rules::OPENVINO_CUSTOM, Review, at, message, evidence, &[]);
        }
        for (at, why) in self.lengths {
            let message = "a constant does not have the length of its shape and type";
            scan.find(&rules::TENSOR_LAYOUT, Suspicious, at, message, why, &[]);
        }
    }
}

/// What is wrong with the place or length of a constant.
fn constant(tag: &str) -> Option<String> {
    let (offset, size) = (attribute(tag, "offset")?, attribute(tag, "size")?);
    let shown = || printable(&format!("offset {offset}, size {size}"));
    let (Ok(from), Ok(bytes)) = (offset.trim().parse::<u64>(), size.trim().parse::<u64>()) else {
        return Some(shown());
    };
    if from.checked_add(bytes).is_none() {
        return Some(shown());
    }
    let bits = element_bits(&attribute(tag, "element_type")?)?;
    let shape = attribute(tag, "shape")?;
    let dimensions = shape.split(',').map(str::trim).filter(|d| !d.is_empty());
    let elements = dimensions.map(|d| d.parse::<u64>().ok()).try_fold(1u64, |n, d| n.checked_mul(d?));
    // Types of 3 and 6 bits are packed in groups of their own: at least this much they take.
    let wanted = elements.and_then(|n| n.checked_mul(bits)).map(|n| n.div_ceil(8));
    match wanted {
        Some(wanted) if bytes >= wanted && (bits < 8 || bytes == wanted) => None,
        _ => Some(printable(&format!("{} [{shape}] in {bytes} bytes", attribute(tag, "element_type")?))),
    }
}

#[cfg(test)]
mod tests {
    use super::constant;
    use crate::ArtifactSeverity::{Dangerous, Data, Review, Suspicious};
    use crate::{ScanConfig, scan_bytes};

    #[test]
    fn layers_and_constants() {
        let network = |layer: &str| {
            format!("<?xml version=\"1.0\"?>\n<net name=\"n\" version=\"11\"><layers>{layer}</layers></net>")
        };
        for (layer, want) in [
            (
                r#"<layer id="0" name="a" type="Parameter" version="opset1"><data shape="1,3" element_type="f32"/></layer>"#,
                Data,
            ),
            (r#"<layer id="0" name="a" type="RegexSplit" version="extension"/>"#, Data),
            (r#"<layer id="0" name="a" type="AcmeOp" version="extension"/>"#, Review),
            (r#"<layer id="0" name="a" type="AcmeOp" version="acme_opset"/>"#, Review),
            (
                r#"<layer id="0" name="a" type="Loop" version="opset5"><body><layers><layer type="Acme" version="x"/></layers></body></layer>"#,
                Review,
            ),
            (r#"<data element_type="f32" shape="2, 3" offset="0" size="24"/>"#, Data),
            (r#"<data element_type="f32" shape="2, 3" offset="0" size="23"/>"#, Suspicious),
            (r#"<data element_type="f32" shape="2, 3" offset="18446744073709551615" size="24"/>"#, Suspicious),
            (r#"<data element_type="f32" shape="4294967296, 4294967296" offset="0" size="0"/>"#, Suspicious),
            (r#"<!DOCTYPE a SYSTEM "b">"#, Dangerous),
        ] {
            let r = scan_bytes("model.xml", network(layer).as_bytes(), &ScanConfig::default());
            assert_eq!((r.severity, r.format.as_str()), (want, "openvino"), "{layer}: {r:?}");
        }
    }

    #[test]
    fn lengths() {
        let data = |kind: &str, shape: &str, size: &str| {
            constant(&format!(r#"data element_type="{kind}" shape="{shape}" offset="8" size="{size}""#)).is_none()
        };
        assert!(data("i64", "", "8") && data("u4", "3", "2") && data("string", "1", "77") && data("f16", "0, 4", "0"));
        assert!(!data("u4", "5", "2") && !data("f16", "2", "5") && !data("f16", "-1", "5") && !data("i8", "1", "x"));
    }
}
