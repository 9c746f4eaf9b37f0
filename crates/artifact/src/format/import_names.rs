//! Dotted names that configurations hand to an importer, in JSON, YAML and other texts: one lattice and one table.
//!
//! A name that runs code, files or processes is dangerous wherever a loader resolves it. A package that model writers
//! ship is fine. Of the others each field says what they come to, and code of that name beside the file makes any of them
//! suspicious.

use crate::policy;
use crate::report::ArtifactSeverity::{self, Allowed, Dangerous, Data, Review, Suspicious};
use crate::rules::{self, Rule};
use crate::scan::{Job, Scan};

/// What a value of a configuration comes to.
pub(super) struct Hit {
    pub(super) rule: &'static Rule,
    pub(super) severity: ArtifactSeverity,
    pub(super) why: &'static str,
    pub(super) evidence: String,
    /// Files, relative to this one, that hold the named code; one of them beside the file makes it worse.
    pub(super) places: Vec<String>,
}

impl Hit {
    /// A finding that does not depend on what lies beside the file.
    pub(super) fn new(rule: &'static Rule, severity: ArtifactSeverity, why: &'static str, evidence: String) -> Self {
        Self { rule, severity, why, evidence, places: Vec::new() }
    }
}

/// What is known of a dotted name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// It runs code, files or processes.
    Acting,
    /// A package that was read, or that loaders import by themselves.
    Known,
    /// Anything else.
    Unknown,
}

/// Packages beside those whose wheels were read, which configurations of models name as a matter of course.
static PACKAGES: &[&str] = &[
    "haystack",
    "haystack_experimental",
    "haystack_integrations",
    "langchain",
    "langchain_anthropic",
    "langchain_community",
    "langchain_core",
    "langchain_openai",
    "langchain_text_splitters",
    "langgraph",
    "megatron",
    "mlserver",
    "nemo",
    "onnxruntime",
    "rasa",
    "speechbrain",
    "torchaudio",
    "torchtune",
];

/// Modules that no package has reason to be reached through: `torch.os.system` is `os.system`.
static REACHED: &[&str] =
    &["builtins", "ctypes", "importlib", "nt", "os", "posix", "pty", "runpy", "shutil", "subprocess"];

/// Segments of a dotted name that are looked at.
const SEGMENTS_MAX: usize = 32;

/// `package.module.Class`, or `package.module:function`.
pub(super) fn is_dotted(value: &str) -> bool {
    value.len() <= 512
        && value.contains(['.', ':'])
        && value.split(['.', ':']).all(|w| {
            !w.is_empty()
                && !w.starts_with(|c: char| c.is_ascii_digit())
                && w.chars().all(|c| c.is_alphanumeric() || c == '_')
        })
}

/// True when the name leads through a module's imports to what runs code, files or processes.
pub(super) fn reaches_out(path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').take(SEGMENTS_MAX).collect();
    (0..parts.len().saturating_sub(1)).any(|i| {
        REACHED.contains(&parts[i]) && policy::judge(parts[i], &parts[i + 1..].join(".")).severity == Dangerous
    })
}

/// Judges a dotted name as an importer would resolve it: module by module, then attribute by attribute.
pub(super) fn judge(path: &str) -> Named {
    let path = path.replace(':', ".");
    let severity = path.rsplit_once('.').map(|(module, callee)| policy::judge(module, callee).severity);
    match severity {
        Some(Suspicious | Dangerous) => return Named::Acting,
        Some(Data | Allowed) => return Named::Known,
        _ => {}
    }
    if reaches_out(&path) {
        return Named::Acting;
    }
    let top = path.split('.').next().unwrap_or_default();
    let known = |top: &str| PACKAGES.contains(&top) || top.starts_with("mlserver_") || top.starts_with("autogen_");
    if policy::framework_of(&path).is_some() || known(top) { Named::Known } else { Named::Unknown }
}

/// A field whose value a loader imports.
struct Field {
    key: &'static str,
    /// A field beside it without which it means something else; empty where it needs none.
    with: &'static str,
    /// Only dotted values are imported; others are names of a registry.
    dotted: bool,
    /// Packages that are fine here beside those that are fine anywhere.
    known: &'static [&'static str],
    /// What an unknown package comes to; `Data` where projects' own packages are the rule.
    otherwise: ArtifactSeverity,
    why: &'static str,
}

const fn field(
    key: &'static str,
    with: &'static str,
    known: &'static [&'static str],
    otherwise: ArtifactSeverity,
    why: &'static str,
) -> Field {
    Field { key, with, dotted: true, known, otherwise, why }
}

const fn module(key: &'static str, otherwise: ArtifactSeverity, why: &'static str) -> Field {
    Field { key, with: "", dotted: false, known: &["mlflow"], otherwise, why }
}

/// What is said of a configuration that names a gadget.
pub(super) const CONFIGURED_CALL: &str = "a configuration names a callable that runs code, files or processes";
const OWN: &str = "names a class or function that is imported to make the model";
const ACTIVATION: &str = "names a function that sentence-transformers imports and calls to load the model";
const BESIDE: &str = "names Python code that lies beside it, which is imported when the model is loaded";

static FIELDS: &[Field] = &[
    // Hydra, torchtune, jsonargparse (Lightning): whatever project wrote the file names its own classes.
    field("_target_", "", &[], Data, OWN),
    field("_component_", "", &[], Data, OWN),
    field("class_path", "", &[], Data, OWN),
    field("activation_function", "", &[], Suspicious, ACTIVATION),
    field("activation_fn", "", &[], Suspicious, ACTIVATION),
    field("sbert_ce_default_activation_function", "", &[], Suspicious, ACTIVATION),
    field("tokenizer_class", "", &[], Suspicious, "names a tokenizer that sentence-transformers imports"),
    field(
        "tool_class",
        "",
        &[],
        Suspicious,
        "names the Python code of a tool, which is fetched with trust_remote_code",
    ),
    field("impl", "", &[], Suspicious, "names a pipeline in Python code beside the model"),
    field("uses", "constructor_name", &[], Suspicious, "names a component that Rasa imports"),
    field("type", "init_parameters", &[], Suspicious, "names a component that Haystack imports"),
    field("provider", "component_type", &[], Suspicious, "names a component that AutoGen imports"),
    field(
        "class",
        "__kind__",
        &["gluonts", "mxnet", "pathlib", "datetime", "collections"],
        Suspicious,
        "names what GluonTS imports and calls",
    ),
    field("implementation", "", &[], Suspicious, "names a runtime that MLServer imports from the model's folder"),
    field(
        "py/object",
        "",
        &["collections", "datetime", "decimal", "uuid"],
        Review,
        "names a class that jsonpickle makes",
    ),
    field(
        "py/type",
        "",
        &["builtins", "collections", "datetime", "decimal"],
        Review,
        "names a class that jsonpickle imports",
    ),
    field("py/function", "", &[], Suspicious, "names a function that jsonpickle imports and calls"),
    module("megatron_core", Suspicious, "names a Python module that PEFT imports"),
    module("parent_library", Suspicious, "names a Python module that PEFT imports"),
    module("loader_module", Suspicious, "names a Python module beside the model, which MLflow imports to load it"),
    module("keras_module", Suspicious, "names a Python module that MLflow imports to load the model"),
];

/// Callables that no value of a configuration has reason to name, whatever its key.
static CALLS: &[&str] = &[
    "builtins.__import__",
    "builtins.compile",
    "builtins.eval",
    "builtins.exec",
    "ctypes.CDLL",
    "importlib.import_module",
    "os.popen",
    "os.system",
    "posix.system",
    "pty.spawn",
    "runpy.run_module",
    "runpy.run_path",
    "shutil.rmtree",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "subprocess.run",
];

/// Judges the value of a field; `has` tells whether a field stands beside it.
pub(super) fn of_field(key: &str, value: &str, has: &dyn Fn(&str) -> bool) -> Option<Hit> {
    let row = FIELDS.iter().find(|f| f.key == key && (f.with.is_empty() || has(f.with)));
    let row = row.filter(|f| if f.dotted { is_dotted(value) } else { !value.is_empty() })?;
    let top = value.split(['.', ':']).next().unwrap_or(value);
    let allowed_here = row.known.contains(&top);
    match judge(value) {
        // Plain classes of the standard library are judged one by one.
        Named::Acting if !(allowed_here && is_class(value)) => {
            Some(Hit::new(&rules::EMBEDDED_CODE, Dangerous, CONFIGURED_CALL, value.to_owned()))
        }
        Named::Unknown if !allowed_here => Some(Hit {
            places: places(&value.replace(':', ".")),
            ..Hit::new(&rules::REMOTE_CODE, row.otherwise, row.why, format!("{key}: {value}"))
        }),
        _ => None,
    }
}

/// True for a field that decides what a loader imports.
pub(super) fn is_field(key: &str) -> bool {
    FIELDS.iter().any(|f| f.key == key)
}

/// A value that names code under a key that no reader here knows.
pub(super) fn of_value(key: &str, value: &str) -> Option<Hit> {
    if FIELDS.iter().any(|f| f.key == key && f.with.is_empty()) || CALLS.binary_search(&value).is_err() {
        return None;
    }
    let as_call =
        ["call", "class", "fact", "fn", "func", "hook", "load", "target", "type"].iter().any(|p| key.contains(p));
    let severity = if as_call { Suspicious } else { Review };
    Some(Hit::new(&rules::EMBEDDED_CODE, severity, CONFIGURED_CALL, format!("{key}: {value}")))
}

/// A class or value of the standard library that is judged harmless, or for review only.
fn is_class(value: &str) -> bool {
    value.rsplit_once('.').is_some_and(|(module, name)| policy::judge(module, name).severity <= Review)
}

/// Reports what was found, worse where the named code lies beside the file.
pub(super) fn report(scan: &mut Scan<'_, '_>, job: &Job<'_>, hits: Vec<(u64, Hit)>) {
    for (at, mut hit) in hits {
        if hit.severity < Suspicious && hit.places.iter().any(|p| scan.lies_beside(job, p)) {
            hit.severity = Suspicious;
            hit.why = BESIDE;
        }
        if hit.severity > Data {
            scan.find(hit.rule, hit.severity, at, hit.why, hit.evidence, &[]);
        }
    }
}

/// A name that is one part of a path, and no way out of a folder.
pub(super) fn is_word(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128 && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Files, relative to the file that names it, in which `module` may lie.
pub(super) fn places(module: &str) -> Vec<String> {
    let parts: Vec<&str> = module.split('.').take(SEGMENTS_MAX).collect();
    if !parts.iter().all(|p| is_word(p)) {
        return Vec::new();
    }
    let top = parts.first().copied().unwrap_or_default();
    let mut out = vec![format!("{top}.py"), format!("{top}/__init__.py")];
    if parts.len() > 1 {
        out.push(format!("{}.py", parts[..parts.len() - 1].join("/")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{CALLS, Named, is_dotted, judge, of_field, of_value, places};
    use crate::report::ArtifactSeverity::{self, Dangerous, Data, Review, Suspicious};

    #[test]
    fn names() {
        for (path, named) in [
            ("os.system", Named::Acting),
            ("torch.os.system", Named::Acting),
            ("transformers.utils.import_utils.os.system", Named::Acting),
            ("acme.core:subprocess.Popen", Named::Acting),
            ("transformers.utils.logging.get_logger", Named::Known),
            ("torch.nn.Linear", Named::Known),
            ("speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN", Named::Known),
            ("acme.code.Model", Named::Unknown),
        ] {
            assert_eq!(judge(path), named, "{path}");
        }
        assert!(is_dotted("a.b") && is_dotted("a:b") && !is_dotted("a") && !is_dotted("1.5") && !is_dotted("a b.c"));
        assert_eq!(places("a.b.C"), ["a.py", "a/__init__.py", "a/b.py"]);
        assert!(places("../a").is_empty() && places("a/b.c").is_empty());
    }

    #[test]
    fn fields() {
        let severity = |key: &str, value: &str, with: &str| -> Option<ArtifactSeverity> {
            of_field(key, value, &|f| f == with).map(|h| h.severity)
        };
        for (key, value, with, expected) in [
            ("_target_", "os.system", "", Some(Dangerous)),
            ("_target_", "acme.Net", "", Some(Data)),
            ("activation_function", "acme.f", "", Some(Suspicious)),
            ("activation_function", "gelu", "", None),
            ("activation_function", "torch.nn.modules.activation.Tanh", "", None),
            ("uses", "acme.C", "", None),
            ("uses", "acme.C", "constructor_name", Some(Suspicious)),
            ("class", "os.system", "__kind__", Some(Dangerous)),
            ("class", "pathlib.PurePosixPath", "__kind__", None),
            ("py/object", "acme.C", "", Some(Review)),
            ("megatron_core", "megatron.core", "", None),
            ("megatron_core", "acme", "", Some(Suspicious)),
        ] {
            assert_eq!(severity(key, value, with), expected, "{key}: {value}");
        }
        assert!(CALLS.windows(2).all(|w| w[0] < w[1]), "sorted");
        for (key, value, expected) in [
            ("whatever", "os.system", Some(Review)),
            ("callback", "os.system", Some(Suspicious)),
            ("whatever", "os.path", None),
            ("_target_", "os.system", None),
        ] {
            assert_eq!(of_value(key, value).map(|h| h.severity), expected, "{key}: {value}");
        }
    }
}
