//! Fields of JSON configurations by which a loader imports a module or calls a function: `auto_map`, Hydra's `_target_`,
//! PEFT's `parent_library`, the modules of sentence-transformers, the pipelines of Diffusers.

use super::components;
use super::import_names::{self, Hit, Named};
use super::json::{Event, Scalar};
use crate::container::path::escapes;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;

const REMOTE: &str = "names code of another repository, which is downloaded and run when the model is loaded";
const BESIDE: &str = "names Python code beside the model, which is run when the model is loaded with trust_remote_code";

/// `module.Class` or `owner/repository--module.Class`.
fn is_dotted(value: &str) -> bool {
    let (repository, path) = value.split_once("--").unwrap_or(("", value));
    let word = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    path.contains('.')
        && path.split('.').all(word)
        && repository.split(['/', '.']).all(|w| repository.is_empty() || word(w))
}

/// A string value of the index of a model in several files, which names the file of each tensor.
pub(super) fn of_index(key: &str, value: &str) -> Option<Hit> {
    let why = "names a part of the model outside its folder";
    escapes(value).map(|_| Hit::new(&rules::ARCHIVE_SLIP, Suspicious, why, format!("{key}: {value}")))
}

/// A string value; arrays of them stand under the key of the array.
pub(super) fn of_text(key: &str, value: &str) -> Option<Hit> {
    let (rule, severity, why) = match key {
        // `auto_map` maps AutoConfig, AutoModelFor…, TFAutoModel and so on; tokenizers have a list of two there.
        _ if key.contains("Auto") && is_dotted(value) && !value.starts_with("transformers.") => {
            let (severity, why) = if value.contains("--") { (Dangerous, REMOTE) } else { (Suspicious, BESIDE) };
            (&rules::REMOTE_CODE, severity, why)
        }
        // A kernel of the hub in place of an implementation that the library has.
        "attn_implementation" | "_attn_implementation" | "_attn_implementation_internal" | "experts_implementation"
            if value.contains('/') =>
        {
            let severity = if value.contains("kernels-community/") { Review } else { Suspicious };
            (&rules::REMOTE_CODE, severity, REMOTE)
        }
        "custom_generate" | "user_script" if !value.is_empty() => (&rules::REMOTE_CODE, Suspicious, BESIDE),
        "custom_ops_library" | "ep_library" if !value.is_empty() => {
            (&rules::NATIVE_ENGINE, Suspicious, "names a native library that is loaded with the model")
        }
        "py/repr" => (&rules::EMBEDDED_CODE, Dangerous, "is an expression that jsonpickle evaluates"),
        _ => return None,
    };
    Some(Hit::new(rule, severity, why, format!("{key}: {value}")))
}

/// Handlers that TorchServe brings along.
static HANDLERS: &[&str] = &[
    "base_handler",
    "dali_image_classifier",
    "image_classifier",
    "image_segmenter",
    "object_detector",
    "text_classifier",
    "text_handler",
    "vision_handler",
];

/// An object that is over. `class_name` is a `_class_name` that was read as part of a list.
pub(super) fn of_object(key: &str, fields: &[(String, Scalar)], class_name: Option<&str>) -> Vec<Hit> {
    let mut out: Vec<Hit> = Vec::new();
    let has = |name: &str| fields.iter().any(|(k, _)| k == name);
    let remote = |severity, why, evidence| Hit::new(&rules::REMOTE_CODE, severity, why, evidence);
    for (name, value) in fields {
        match value {
            // The usual names are told by their text.
            Scalar::Text(target) if key == "auto_map" && of_text(name, target).is_none() => {
                out.push(remote(Suspicious, BESIDE, format!("{name}: {target}")));
            }
            // The routes of sentence-transformers: `query_0_Pooling`.
            Scalar::Text(class) if key == "types" && name.contains(|c: char| c.is_ascii_digit()) => {
                out.extend(import_names::of_field("tokenizer_class", class, &has));
            }
            Scalar::Text(text) => out.extend(import_names::of_field(name, text, &has)),
            Scalar::Texts(id) if name == "id" && has("lc") => out.extend(components::of_serialised(id)),
            _ => {}
        }
    }
    // modules.json of sentence-transformers.
    if has("path")
        && has("idx")
        && let Some(class) = Event::text(fields, "type").filter(|c| c.contains('.'))
    {
        let severity = match import_names::judge(class) {
            Named::Acting => Some(Dangerous),
            Named::Known => None,
            Named::Unknown => Some(Suspicious),
        };
        let why = "names a class that sentence-transformers imports to load the model";
        out.extend(severity.map(|s| remote(s, why, class.to_owned())));
    }
    if let Some(handler) = Event::text(fields, "handler")
        && (has("modelName") || has("serializedFile"))
        && !HANDLERS.contains(&handler)
    {
        out.push(remote(Suspicious, "names Python code in the archive, which TorchServe runs", handler.to_owned()));
    }
    if let Some(source) = Event::text(fields, "source_code").filter(|s| s.contains("def ")) {
        out.push(Hit::new(
            &rules::EMBEDDED_CODE,
            Suspicious,
            "holds the code of a tool, which is run",
            source.to_owned(),
        ));
    }
    if let Some(class) = class_name
        && has("_diffusers_version")
        && Event::text(fields, "_class_name").is_none()
    {
        out.push(remote(Suspicious, "names a pipeline in Python code beside the model", class.to_owned()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{is_dotted, of_text};
    use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};

    #[test]
    fn texts() {
        for (key, value, severity) in [
            ("AutoModel", "modeling_x.XModel", Suspicious),
            ("AutoModel", "a/b--modeling_x.XModel", Dangerous),
            ("attn_implementation", "a/b", Suspicious),
            ("attn_implementation", "kernels-community/flash-attn", Review),
            ("py/repr", "os/os.system('id')", Dangerous),
            ("custom_ops_library", "libx.so", Suspicious),
        ] {
            assert_eq!(of_text(key, value).map(|h| h.severity), Some(severity), "{key}: {value}");
        }
        for (key, value) in [
            ("AutoModel", "just words."),
            ("name", "a.b"),
            ("AutoModel", "transformers.BertModel"),
            ("attn_implementation", "flash_attention_2"),
            ("custom_generate", ""),
        ] {
            assert!(of_text(key, value).is_none(), "{key}: {value}");
        }
        assert!(is_dotted("a-b/c.d--m.X") && !is_dotted("https://x.y/z") && !is_dotted("nodot"));
    }
}
