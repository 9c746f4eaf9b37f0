//! Every rule that the scanner can report, in one ordered slice: documentation, tables and tests iterate over it.

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable id.
    pub id: &'static str,
    /// True when the rule speaks of a structure that two readers understand differently.
    pub tamper: bool,
    /// What to do about it.
    pub remedy: &'static str,
    /// Public ids that every finding of the rule carries.
    pub references: &'static [&'static str],
}

const SAFETENSORS: &str =
    "Do not load it. Ask the publisher for safetensors, or convert it inside a throw-away sandbox.";
const LOOK: &str = "Have someone who knows the library look at the named callable; allow it by digest if it is meant.";
const REBUILD: &str =
    "Do not load it. Fetch it again from the publisher and compare digests; a normal writer does not make this.";
const NO_REMOTE: &str = "Load without custom code, or pin and review the code that the file names.";

macro_rules! rules {
    ($($name:ident = $id:literal, $tamper:literal, $remedy:expr, [$($r:literal),*];)*) => {
        $(pub(crate) static $name: Rule = Rule { id: $id, tamper: $tamper, remedy: $remedy, references: &[$($r),*] };)*
        /// Every rule, in the order of the documentation.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    PICKLE_DANGEROUS_CALL = "artifact/pickle-dangerous-call", false, SAFETENSORS, ["AML.T0011.000", "AML.T0018", "CWE-502"];
    PICKLE_DANGEROUS_NAME = "artifact/pickle-dangerous-name", false, SAFETENSORS, ["AML.T0011.000", "CWE-502"];
    PICKLE_SUSPICIOUS_CALL = "artifact/pickle-suspicious-call", false, SAFETENSORS, ["AML.T0011.000", "CWE-502"];
    PICKLE_SUSPICIOUS_NAME = "artifact/pickle-suspicious-name", false, LOOK, ["AML.T0011.000", "CWE-502"];
    PICKLE_UNKNOWN_CALL = "artifact/pickle-unknown-call", false, LOOK, ["AML.T0010.003", "CWE-502"];
    PICKLE_UNKNOWN_NAME = "artifact/pickle-unknown-name", false, LOOK, ["AML.T0010.003", "CWE-502"];
    PICKLE_BUILD = "artifact/pickle-build", false, SAFETENSORS, ["AML.T0011.000", "CWE-915"];
    PICKLE_EXTENSION = "artifact/pickle-extension-code", false, SAFETENSORS, ["AML.T0011.000", "CWE-502"];
    PICKLE_PERSISTENT_ID = "artifact/pickle-persistent-id", false, LOOK, ["AML.T0011.000"];
    PICKLE_BROKEN = "artifact/pickle-broken", false, REBUILD, ["AML.T0011.000"];
    PICKLE_FRAMES = "artifact/tamper-pickle-frames", true, REBUILD, ["AML.T0011.000", "CWE-436"];
    PICKLE_TRAILING = "artifact/pickle-trailing-data", false, REBUILD, ["CWE-436"];
    PICKLE_MANY = "artifact/pickle-several-streams", false, LOOK, ["AML.T0011.000"];
    PICKLE_BOMB = "artifact/pickle-expansion-bomb", false, REBUILD, ["CWE-409", "CWE-674"];
    PICKLE_OPAQUE_CALL = "artifact/pickle-opaque-call", false, LOOK, ["CWE-502"];
    NESTED_CODE = "artifact/nested-code-object", false, SAFETENSORS, ["AML.T0011.000", "CWE-94"];
    EXTENSION_MISMATCH = "artifact/extension-mismatch", false, REBUILD, ["AML.T0074", "CWE-434"];
    ZIP_TAMPER = "artifact/tamper-zip", true, REBUILD, ["CWE-436", "AML.T0074"];
    ZIP_BAD_CRC = "artifact/tamper-zip-crc", true, REBUILD, ["CWE-354"];
    ZIP_PREFIX = "artifact/zip-prefix", true, REBUILD, ["CWE-436"];
    ARCHIVE_SLIP = "artifact/archive-path-traversal", false, REBUILD, ["CWE-22"];
    ARCHIVE_LINK = "artifact/archive-link", false, REBUILD, ["CWE-59"];
    ARCHIVE_BOMB = "artifact/archive-bomb", false, REBUILD, ["CWE-409"];
    ARCHIVE_ENCRYPTED = "artifact/archive-encrypted", false, REBUILD, ["AML.T0074"];
    ARCHIVE_UNREAD = "artifact/archive-not-read", false, REBUILD, ["AML.T0074"];
    EMBEDDED_CODE = "artifact/embedded-code", false, NO_REMOTE, ["AML.T0011.000", "CWE-94"];
    OBJECT_STREAM = "artifact/object-stream", false, SAFETENSORS, ["AML.T0011.000", "CWE-502"];
    EMBEDDED_EXECUTABLE = "artifact/embedded-executable", false, REBUILD, ["AML.T0011.000", "CWE-506"];
    TORCH_STORAGE = "artifact/tamper-torch-storage", true, REBUILD, ["CVE-2026-24747", "CWE-787"];
    TORCH_SCRIPT_OPS = "artifact/torchscript-operator", false, LOOK, ["AML.T0011.000"];
    TENSOR_LAYOUT = "artifact/tamper-tensor-layout", true, REBUILD, ["CWE-190", "CWE-125"];
    HEADER_BOMB = "artifact/header-bomb", false, REBUILD, ["CWE-770"];
    CHAT_TEMPLATE = "artifact/chat-template-injection", false, "Remove the template or replace it by the publisher's original.", ["CVE-2024-34359", "CWE-1336", "AML.T0011.000"];
    KERAS_LAMBDA = "artifact/keras-lambda", false, SAFETENSORS, ["CVE-2024-3660", "CVE-2025-9905", "CWE-94"];
    KERAS_MODULE = "artifact/keras-foreign-module", false, NO_REMOTE, ["CVE-2025-1550", "CWE-502"];
    KERAS_SINK = "artifact/keras-path-sink", false, NO_REMOTE, ["CVE-2025-8747", "CWE-73"];
    KERAS_CUSTOM = "artifact/keras-custom-object", false, NO_REMOTE, ["CWE-502"];
    HDF5_EXTERNAL = "artifact/hdf5-external", false, REBUILD, ["CVE-2026-1669", "CWE-73"];
    TF_OPERATOR = "artifact/tensorflow-operator", false, SAFETENSORS, ["AML.T0011.000", "CWE-94"];
    TF_CUSTOM = "artifact/tensorflow-custom-operator", false, LOOK, ["AML.T0011.000"];
    ONNX_EXTERNAL = "artifact/onnx-external-path", false, REBUILD, ["CVE-2024-27318", "CVE-2024-5187", "CWE-22"];
    ONNX_CUSTOM = "artifact/onnx-custom-operator", false, LOOK, ["AML.T0011.000"];
    TFLITE_CUSTOM = "artifact/tflite-custom-operator", false, LOOK, ["AML.T0011.000"];
    XML_ENTITY = "artifact/xml-entity", false, REBUILD, ["CWE-611", "CWE-776"];
    R_PROMISE = "artifact/r-promise", false, SAFETENSORS, ["CVE-2024-27322", "CWE-502"];
    SKOPS_NODE = "artifact/skops-unsafe-node", false, LOOK, ["CVE-2025-54412", "CVE-2025-54413"];
    COREML_CUSTOM = "artifact/coreml-custom-class", false, LOOK, ["AML.T0011.000"];
    COREML_PATH = "artifact/coreml-outside-path", false, REBUILD, ["CWE-73", "CWE-22"];
    PADDLE_OPERATOR = "artifact/paddle-operator", false, SAFETENSORS, ["AML.T0011.000", "CWE-94"];
    EXECUTORCH_PART = "artifact/executorch-part", false, LOOK, ["AML.T0011.000"];
    EXPORT_PROGRAM = "artifact/export-program", false, LOOK, ["AML.T0011.000", "CWE-95"];
    MSGPACK_OBJECTS = "artifact/msgpack-objects", false, SAFETENSORS, ["AML.T0011.000", "CWE-502"];
    ARRAY_CODEC = "artifact/array-pickle-codec", false, SAFETENSORS, ["AML.T0011.000", "CWE-502"];
    OCDBT_PATH = "artifact/ocdbt-outside-path", false, REBUILD, ["CWE-22", "CWE-73"];
    OPENVINO_CUSTOM = "artifact/openvino-custom-operator", false, LOOK, ["AML.T0011.000"];
    MXNET_CUSTOM = "artifact/mxnet-custom-operator", false, LOOK, ["AML.T0011.000"];
    REMOTE_CODE = "artifact/remote-code", false, NO_REMOTE, ["AML.T0011.000", "CWE-829"];
    NATIVE_ENGINE = "artifact/native-engine", false, LOOK, ["AML.T0011.000"];
    LAYOUT = "artifact/malformed", false, REBUILD, ["CWE-20"];
}

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn ids_are_unique_and_told() {
        for (i, r) in RULES.iter().enumerate() {
            assert!(r.id.starts_with("artifact/") && !r.remedy.is_empty() && !r.references.is_empty(), "{}", r.id);
            assert!(RULES[..i].iter().all(|o| o.id != r.id), "{} twice", r.id);
            assert!(!r.id.contains("tamper") || r.tamper, "{}", r.id);
        }
    }
}
