//! How to get from a format that runs code to one that does not.

use crate::report::FileReport;

/// Format, as it begins in a report, and what to do.
static ADVICE: &[(&[&str], &str)] = &[
    (
        &["torch-zip", "torch-legacy", "torch-tar"],
        "PyTorch: in a sandbox without network, torch.load(file, weights_only=True), then safetensors.torch.save_file.",
    ),
    (
        &["torchscript", "torch-package"],
        "TorchScript and packages: take state_dict() in a sandbox without network, then safetensors.torch.save_file.",
    ),
    (
        &["keras-zip", "keras-h5", "keras-config", "hdf5"],
        "Keras: rebuild the layers in code that you wrote, then load_weights from .weights.h5 and keep safe_mode=True.",
    ),
    (
        &["tf-savedmodel", "tf-graphdef", "tf-metagraph"],
        "TensorFlow: export again from the training code without the reported operators, or convert to ONNX.",
    ),
    (
        &["pickle", "joblib-zf"],
        "Pickles: scikit-learn through skops or ONNX, XGBoost and LightGBM through their own JSON and text models, \
         arrays through numpy.save(allow_pickle=False).",
    ),
];

/// One sentence for each kind of file among `reports` that is not clean and has a safer form.
pub fn conversion_advice(reports: &[FileReport]) -> Vec<&'static str> {
    let held = |formats: &[&str]| {
        reports.iter().filter(|r| !r.is_clean()).any(|r| r.format.split('+').any(|f| formats.contains(&f)))
    };
    ADVICE.iter().filter(|(formats, _)| held(formats)).map(|(_, text)| *text).collect()
}

#[cfg(test)]
mod tests {
    use super::conversion_advice;
    use crate::{ScanConfig, scan_bytes};

    #[test]
    fn only_what_is_held_gets_advice() {
        let held = scan_bytes("a.pkl", b"cos\nsystem\n(S'id'\ntR.", &ScanConfig::default());
        let clean = scan_bytes("b.pkl", b"\x80\x02}q\x00.", &ScanConfig::default());
        assert!(conversion_advice(std::slice::from_ref(&clean)).is_empty());
        let advice = conversion_advice(&[clean, held]);
        assert!(advice.len() == 1 && advice[0].contains("skops"), "{advice:?}");
    }
}
