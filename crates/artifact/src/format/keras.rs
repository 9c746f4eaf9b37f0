//! Keras configurations, of `.keras` archives and of HDF5 attributes: what names a class, names code.

use super::json::{self, Event, Scalar};
use super::{tensorflow, worst};
use crate::policy;
use crate::report::ArtifactSeverity::{self, Dangerous, Review, Suspicious};
use crate::rules::{self, Rule};
use crate::scan::Scan;

/// Names of Keras's own classes and functions, sorted, one a line (tools/allowlist.py).
static NAMES: &str = include_str!("../../data/keras.txt");

/// Names of older versions, of TensorFlow's own wrappers and of the serializer itself.
static OLDER: &[&str] = &[
    "Add",
    "BatchNormalizationV1",
    "BatchNormalizationV2",
    "CuDNNGRU",
    "CuDNNLSTM",
    "DTypePolicy",
    "FloatDTypePolicy",
    "Functional",
    "GRUV1",
    "GRUV2",
    "GlorotUniform",
    "InputLayer",
    "InputSpec",
    "LSTMV1",
    "LSTMV2",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "Model",
    "OneHotEncoding",
    "Policy",
    "Sequential",
    "SlicingOpLambda",
    "TFOpLambda",
    "TensorFlowOpLayer",
    "TensorShape",
    "ThresholdedReLU",
    "VarianceScaling",
    "Zeros",
    "Ones",
    "__ellipsis__",
    "__keras_tensor__",
    "__numpy__",
    "__tensor__",
    "__bytes__",
    "__slice__",
    "__tuple__",
    "__typespec__",
    "__set__",
    "bool",
    "dict",
    "float",
    "function",
    "int",
    "list",
    "module",
    "linear",
    "relu",
    "softmax",
    "sigmoid",
    "tanh",
    "mse",
    "mae",
    "acc",
    "accuracy",
    "auc",
    "loss",
    "mape",
    "msle",
    "kld",
    "logcosh",
    "cosine",
    "binary_crossentropy",
    "categorical_crossentropy",
    "sparse_categorical_crossentropy",
    "str",
    "tuple",
    "type",
    "AdamWeightDecay",
    "NormalizationV1",
    "LayerNormalizationV1",
    "LossScaleOptimizer",
    "Operation",
    "Metric",
    "Loss",
    "cosine_similarity",
];

fn is_known(name: &str) -> bool {
    let name = name.strip_prefix("Custom>").unwrap_or(name);
    OLDER.contains(&name) || NAMES.lines().any(|n| n == name)
}

/// Packages whose modules Keras resolves to its own code.
fn is_keras_module(module: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    matches!(top, "keras" | "tf_keras" | "keras_core" | "keras_hub" | "keras_nlp" | "keras_cv" | "keras_tuner")
        || module.starts_with("tensorflow.keras")
        || module.starts_with("tensorflow.python.keras")
        || module.starts_with("tensorflow_addons")
}

/// Functions of Keras that read, write or fetch by the arguments that a configuration gives them.
fn is_sink(name: &str) -> bool {
    matches!(
        name.rsplit(['.', '>']).next().unwrap_or(name),
        "get_file"
            | "load_model"
            | "load_weights"
            | "save_model"
            | "save_weights"
            | "load_img"
            | "save_img"
            | "load_data"
            | "func_load"
            | "func_dump"
            | "extract_archive"
            | "deserialize_keras_object"
            | "model_from_json"
            | "model_from_config"
            | "enable_unsafe_deserialization"
            | "image_dataset_from_directory"
            | "text_dataset_from_directory"
            | "audio_dataset_from_directory"
            | "pad_sequences_from_file"
            | "plot_model"
            | "run"
            | "system"
            | "clone_model_from_file"
            | "set_floatx"
            | "get_custom_objects"
            | "import_module"
            | "cached_path"
            | "from_preset"
            | "TFSMLayer"
            | "JaxLayer"
            | "FlaxLayer"
            | "TorchModuleWrapper"
    )
}

/// Functions of TensorFlow's interface that a `TFOpLambda` layer may name, and that do more than compute.
fn is_tensorflow_sink(symbol: &str) -> bool {
    let last = symbol.rsplit('.').next().unwrap_or(symbol);
    symbol.split('.').rev().nth(1) == Some("raw_ops") && tensorflow::is_dangerous(last)
        || symbol.contains("gfile.")
        || symbol.starts_with("saved_model.")
        || symbol.starts_with("summary.")
        || matches!(
            last,
            "write_file"
                | "read_file"
                | "matching_files"
                | "py_function"
                | "py_func"
                | "numpy_function"
                | "load_op_library"
                | "load_library"
                | "load_file_system_library"
                | "import_graph_def"
        )
}

/// Findings kept of one configuration.
const HITS_MAX: usize = 64;

type Hit = (&'static Rule, ArtifactSeverity, u64, String, String);

/// Checks one configuration; `base` is added to the offsets.
pub(crate) fn check_config(scan: &mut Scan<'_, '_>, text: &[u8], base: u64) {
    let mut hits: Vec<Hit> = Vec::new();
    let mut elements = 0u64;
    // Damage of the document is the caller's finding; what stands before it counts.
    let _ = json::read(text, &mut |e| {
        elements += 1;
        match e {
            Event::End { key, fields, at, .. } => object(&mut hits, key, fields, base + at as u64),
            Event::Text { key, value, at, .. } => string(&mut hits, key, value, base + at as u64),
            // Said of any JSON document by its reader.
            Event::Duplicate { .. } | Event::List { .. } => {}
        }
        worst::keep(&mut hits, HITS_MAX, |h| h.1);
    });
    if !scan.budget.work(elements) {
        scan.incomplete("the work budget is spent in a Keras configuration");
    }
    for (rule, severity, at, message, evidence) in hits {
        scan.find(rule, severity, at, message, evidence, &[]);
    }
}

fn object(hits: &mut Vec<Hit>, key: &str, fields: &[(String, Scalar)], at: u64) {
    let class = Event::text(fields, "class_name");
    let module = Event::text(fields, "module");
    let registered = Event::text(fields, "registered_name");
    if key == "function" && Event::text(fields, "code").is_some()
        || class == Some("__lambda__")
        || key == "config"
            && Event::text(fields, "code").is_some_and(|c| c.len() > 16)
            && fields.iter().any(|(k, _)| k == "closure")
    {
        hits.push((
            &rules::KERAS_LAMBDA,
            Dangerous,
            at,
            "holds a compiled Python function that runs when the model is loaded".into(),
            String::new(),
        ));
        return;
    }
    let Some(class) = class else { return };
    if class == "Lambda" || class.ends_with(">Lambda") {
        hits.push((
            &rules::KERAS_LAMBDA,
            Dangerous,
            at,
            "a Lambda layer holds Python code that runs with the model".into(),
            evidence(module, class),
        ));
        return;
    }
    if let Some(m) = module
        && !m.is_empty()
        && m != "builtins"
        && !is_keras_module(m)
    {
        let danger = policy::judge(m, class).severity == Dangerous
            || Event::text(fields, "config").is_some_and(|c| policy::judge(m, c).severity == Dangerous);
        let severity = if danger { Dangerous } else { Suspicious };
        hits.push((
            &rules::KERAS_MODULE,
            severity,
            at,
            "names a class of a module that is not Keras's: loading imports it".into(),
            evidence(module, class),
        ));
        return;
    }
    let config = Event::text(fields, "config");
    for name in [Some(class), config, registered].into_iter().flatten() {
        if is_sink(name) {
            hits.push((
                &rules::KERAS_SINK,
                Dangerous,
                at,
                "calls a function that fetches, reads or writes what the configuration names".into(),
                evidence(module, name),
            ));
            return;
        }
    }
    let custom = registered.is_some_and(|r| r.contains('>') && !r.starts_with("keras") && !r.starts_with("Keras"));
    if custom
        || class.contains('>') && !class.starts_with("Custom>")
        || (module.is_none() || module == Some("builtins")) && class != "function" && !is_known(class)
    {
        hits.push((
            &rules::KERAS_CUSTOM,
            Review,
            at,
            "names a class that is not Keras's: its code must come from elsewhere".into(),
            evidence(module, registered.unwrap_or(class)),
        ));
    }
    if class == "function"
        && let Some(f) = config
        && module.is_none_or(|m| m == "builtins")
        && !is_known(f)
    {
        hits.push((
            &rules::KERAS_CUSTOM,
            Review,
            at,
            "names a function that is not Keras's: its code must come from elsewhere".into(),
            evidence(module, f),
        ));
    }
}

fn string(hits: &mut Vec<Hit>, key: &str, value: &str, at: u64) {
    let remote = value.contains("://") && !value.starts_with("http://www.w3.org");
    let path_key = matches!(
        key,
        "filepath"
            | "path"
            | "origin"
            | "url"
            | "file_path"
            | "vocabulary"
            | "cache_dir"
            | "filename"
            | "fname"
            | "weights"
            | "filenames"
    );
    if path_key
        && (remote
            || value.starts_with('/')
            || value.starts_with("..")
            || value.contains("/../")
            || value.contains('\\'))
    {
        hits.push((
            &rules::KERAS_SINK,
            Suspicious,
            at,
            format!("`{key}` names a file or address outside the model"),
            value.to_owned(),
        ));
    }
    if matches!(key, "loss" | "metrics")
        && !value.is_empty()
        && value.len() < 200
        && !is_known(value)
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        hits.push((
            &rules::KERAS_CUSTOM,
            Review,
            at,
            format!("`{key}` names a function that is not Keras's"),
            value.to_owned(),
        ));
    }
    let operator = if key == "node_def" { tensorflow::quoted_in(value) } else { None };
    if operator.is_some() || key == "function" && is_tensorflow_sink(value) {
        hits.push((
            &rules::KERAS_SINK,
            Dangerous,
            at,
            "a layer calls an operator that runs Python, or reads, writes or sends by name".into(),
            operator.unwrap_or(value).to_owned(),
        ));
    }
    if key == "function" && (value.starts_with("lambda") || value.len() > 64) {
        hits.push((
            &rules::KERAS_LAMBDA,
            Dangerous,
            at,
            "holds Python code as text or compiled".into(),
            value.to_owned(),
        ));
    }
}

fn evidence(module: Option<&str>, name: &str) -> String {
    match module {
        Some(m) => format!("{m}.{name}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Hit, object, string};
    use crate::format::json::{Event, read};
    use crate::report::ArtifactSeverity::{self, Dangerous, Review, Suspicious};

    fn worst(text: &str) -> Option<ArtifactSeverity> {
        let mut hits: Vec<Hit> = Vec::new();
        read(text.as_bytes(), &mut |e| match e {
            Event::End { key, fields, at, .. } => object(&mut hits, key, fields, at as u64),
            Event::Text { key, value, at, .. } => string(&mut hits, key, value, at as u64),
            Event::Duplicate { .. } | Event::List { .. } => {}
        })
        .expect("valid");
        hits.iter().map(|h| h.1).max()
    }

    #[test]
    fn examples_and_counterexamples() {
        for (t, s) in [
            (
                r#"{"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}, "registered_name": null}"#,
                None,
            ),
            (r#"{"module": "keras.layers", "class_name": "Lambda", "config": {}}"#, Some(Dangerous)),
            (r#"{"module": "os", "class_name": "function", "config": "system"}"#, Some(Dangerous)),
            (r#"{"module": "evil.layers", "class_name": "X", "config": {}}"#, Some(Suspicious)),
            (r#"{"class_name": "pkg>Net", "config": {}}"#, Some(Review)),
            (r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Conv2D"}]}}"#, None),
            (r#"{"module": "keras.utils", "class_name": "function", "config": "get_file"}"#, Some(Dangerous)),
            (r#"{"class_name": "TextVectorization", "config": {"vocabulary": "/etc/passwd"}}"#, Some(Suspicious)),
        ] {
            assert_eq!(worst(t), s, "{t}");
        }
    }
}
