//! Small files beside a model that tell its loader by their name what to import, and where code runs by its place alone.

use super::import_names::{self, Hit, Named};

use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;

/// What the file of this path makes a loader do.
pub(super) fn of_file(path: &str, text: &str) -> Vec<(u64, Hit)> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match name {
        "MLmodel" => mlflow(text),
        "pickle_module_info.txt" => {
            single(text, "names the module that MLflow imports to unpickle the model", Suspicious)
        }
        // GluonTS; what it names is a class of the forecaster's package.
        "type.txt" => single(text, "", crate::ArtifactSeverity::Data),
        "python_env.yaml" | "conda.yaml" => packages(text),
        "model.yaml" => bento(text),
        "config.pbtxt" => triton(text),
        "generate.py" if path.ends_with("custom_generate/generate.py") => {
            let why = "is Python code that generation runs in place of the library's, with trust_remote_code";
            vec![(0, Hit::new(&rules::REMOTE_CODE, Suspicious, why, String::new()))]
        }
        _ if name.ends_with(".gin") => gin(text),
        _ if is_loading_script(path, name, text) => {
            let why = "is Python code by which older versions of datasets load the folder, with trust_remote_code";
            vec![(0, Hit::new(&rules::REMOTE_CODE, Suspicious, why, String::new()))]
        }
        _ => Vec::new(),
    }
}

/// A script of the folder's own name with a builder of Hugging Face's datasets.
fn is_loading_script(path: &str, name: &str, text: &str) -> bool {
    let folder = path.rsplit(['/', '\\']).nth(1).unwrap_or_default();
    name.strip_suffix(".py").is_some_and(|stem| stem == folder)
        && ["GeneratorBasedBuilder", "ArrowBasedBuilder"].iter().any(|b| text.contains(b))
}

/// A file that holds one name.
fn single(text: &str, why: &'static str, otherwise: crate::ArtifactSeverity) -> Vec<(u64, Hit)> {
    let name = text.trim();
    if matches!(name, "pickle" | "cloudpickle" | "dill" | "mlflow.pytorch.pickle_module") {
        return Vec::new();
    }
    let severity = match import_names::judge(name) {
        Named::Acting => Dangerous,
        Named::Known => return Vec::new(),
        Named::Unknown => otherwise,
    };
    vec![(0, Hit::new(&rules::REMOTE_CODE, severity, why, name.chars().take(120).collect()))]
}

/// `key: value` at the beginning of a line, with the place of the value.
fn values<'t>(text: &'t str, key: &str) -> Vec<(u64, &'t str)> {
    let lines = text.lines().filter_map(|l| {
        let value = l.trim_start().trim_start_matches("- ").strip_prefix(key)?.trim_start().strip_prefix(':')?;
        let value = value.trim().trim_matches(['"', '\'']);
        let at = value.as_ptr() as usize - text.as_ptr() as usize;
        (!matches!(value, "" | "null" | "~" | "None")).then_some((at as u64, value))
    });
    lines.take(64).collect()
}

/// Models from code, and folders that go before all others when modules are looked for.
fn mlflow(text: &str) -> Vec<(u64, Hit)> {
    let mut out = Vec::new();
    for (at, value) in values(text, "model_code_path") {
        let why = "names the Python code of the model, which MLflow runs to load it";
        out.push((at, Hit::new(&rules::REMOTE_CODE, Suspicious, why, value.to_owned())));
    }
    for (at, value) in values(text, "code") {
        let why = "puts a folder of Python code before all installed packages when the model is loaded";
        out.push((at, Hit::new(&rules::REMOTE_CODE, Review, why, value.to_owned())));
    }
    out
}

/// Packages for the model's environment from elsewhere than the usual index.
fn packages(text: &str) -> Vec<(u64, Hit)> {
    let mut out = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let item = line.trim().trim_start_matches('-').trim_start().trim_start_matches(['"', '\'']);
        let elsewhere =
            ["--index-url", "--extra-index-url", "-i ", "--find-links", "-f ", "git+", "http:", "https:", "file:"]
                .iter()
                .any(|p| item.starts_with(p))
                || item.contains("@ ") && item.contains("://");
        if line.trim_start().starts_with('-') && elsewhere && out.len() < 64 {
            let why = "has a package installed for the model from elsewhere than the usual index";
            out.push((at as u64, Hit::new(&rules::REMOTE_CODE, Review, why, item.trim_end().to_owned())));
        }
        at += line.len();
    }
    out
}

/// The module by which BentoML loads a model of its store.
fn bento(text: &str) -> Vec<(u64, Hit)> {
    if !text.contains("api_version:") || !text.contains("signatures:") {
        return Vec::new();
    }
    let foreign = values(text, "module").into_iter().filter(|(_, m)| *m != "bentoml" && !m.starts_with("bentoml."));
    let why = "names a Python module that BentoML imports to load the model";
    foreign.map(|(at, m)| (at, Hit::new(&rules::REMOTE_CODE, Suspicious, why, m.to_owned()))).collect()
}

/// Backends that Triton brings along and that run a model, not its code.
static BACKENDS: &[&str] = &[
    "dali",
    "ensemble",
    "fil",
    "identity",
    "onnxruntime",
    "openvino",
    "pytorch",
    "repeat",
    "square",
    "tensorflow",
    "tensorrt",
    "tensorrt_llm",
    "tensorrtllm",
    "vllm",
];

/// Triton's configuration: Python code, native libraries and unknown backends in the model's own folder.
fn triton(text: &str) -> Vec<(u64, Hit)> {
    let mut out = Vec::new();
    for (at, backend) in values(text, "backend") {
        if backend == "python" {
            let why = "names Python code beside the model, which Triton runs";
            out.push((at, Hit::new(&rules::REMOTE_CODE, Suspicious, why, backend.to_owned())));
        } else if !BACKENDS.contains(&backend) {
            let why = "names a backend that Triton looks for in the model's folder first";
            out.push((at, Hit::new(&rules::NATIVE_ENGINE, Review, why, backend.to_owned())));
        }
    }
    if let Some(at) = text.find("op_library_filename") {
        let why = "names a native library that is loaded with the model";
        let shown = text[at..].lines().next().unwrap_or_default().to_owned();
        out.push((at as u64, Hit::new(&rules::NATIVE_ENGINE, Suspicious, why, shown)));
    }
    out
}

/// Gin's configurations import modules by themselves, and call what they name once that is switched on.
fn gin(text: &str) -> Vec<(u64, Hit)> {
    let mut out = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some("import" | "from"), Some(module)) = (words.next(), words.next()) else { continue };
        let standard = crate::policy::is_known_module(module) && crate::policy::framework_of(module).is_none();
        if standard && out.len() < 64 {
            let at = line.as_ptr() as usize - text.as_ptr() as usize;
            let why = "a configuration imports a module of the standard library, whose functions it may then call";
            out.push((at as u64, Hit::new(&rules::EMBEDDED_CODE, Suspicious, why, line.to_owned())));
        } else if out.len() < 64 {
            let at = line.as_ptr() as usize - text.as_ptr() as usize;
            let hit = Hit {
                places: import_names::places(module),
                ..Hit::new(&rules::REMOTE_CODE, crate::ArtifactSeverity::Data, "", line.to_owned())
            };
            out.push((at as u64, hit));
        }
    }
    out
}
