//! Fields of JSON configurations by which a loader imports a module or calls a function: `auto_map`, Hydra's `_target_`,
//! PEFT's `parent_library`, the modules of sentence-transformers, the pipelines of Diffusers.

use super::json::{Event, Scalar};
use super::text::{self, in_package};
use crate::container::path::escapes;
use crate::policy;
use crate::report::ArtifactSeverity::{self, Dangerous, Suspicious};
use crate::rules::{self, Rule};

/// Rule, severity, message, evidence.
type Hit = (&'static Rule, ArtifactSeverity, &'static str, String);

const REMOTE: &str = "names code of another repository, which is downloaded and run when the model is loaded";
const BESIDE: &str = "names Python code beside the model, which is run when the model is loaded with trust_remote_code";

/// Packages whose classes the loaders of models import by themselves.
static LOADERS: &[&str] =
    &["transformers", "diffusers", "peft", "sentence_transformers", "torch", "timm", "torchvision", "accelerate"];

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
    escapes(value).map(|_| (&rules::ARCHIVE_SLIP, Suspicious, why, format!("{key}: {value}")))
}

/// A string value; arrays of them stand under the key of the array.
pub(super) fn of_text(key: &str, value: &str) -> Option<Hit> {
    // `auto_map` maps AutoConfig, AutoModelFor…, TFAutoModel and so on; tokenizers have a list of two there.
    if !key.contains("Auto") || !is_dotted(value) || value.starts_with("transformers.") {
        return None;
    }
    let (severity, why) = if value.contains("--") { (Dangerous, REMOTE) } else { (Suspicious, BESIDE) };
    Some((&rules::REMOTE_CODE, severity, why, format!("{key}: {value}")))
}

/// An object that is over. `class_name` is a `_class_name` that was read as part of a list.
pub(super) fn of_object(key: &str, fields: &[(String, Scalar)], class_name: Option<&str>) -> Vec<Hit> {
    let mut out: Vec<Hit> = Vec::new();
    if key == "auto_map" {
        for (class, target) in fields {
            // The usual names are told by their text.
            if let Scalar::Text(target) = target
                && of_text(class, target).is_none()
            {
                out.push((&rules::REMOTE_CODE, Suspicious, BESIDE, format!("{class}: {target}")));
            }
        }
    }
    if let Some(path) = Event::text(fields, "_target_").filter(|p| text::is_acting(p)) {
        out.push((&rules::EMBEDDED_CODE, Dangerous, text::CONFIGURED_CALL, path.to_owned()));
    }
    if let Some(library) = Event::text(fields, "parent_library").filter(|l| !is_loader(l)) {
        out.push((&rules::REMOTE_CODE, Suspicious, "names a Python module that PEFT imports", library.to_owned()));
    }
    // modules.json of sentence-transformers.
    if let (Some(class), Some(_), true) =
        (Event::text(fields, "type"), Event::text(fields, "path"), fields.iter().any(|(k, _)| k == "idx"))
        && class.contains('.')
        && !is_loader(class)
    {
        let severity = if text::is_acting(class) { Dangerous } else { Suspicious };
        let why = "names a class that sentence-transformers imports to load the model";
        out.push((&rules::REMOTE_CODE, severity, why, class.to_owned()));
    }
    if let Some(class) = class_name
        && fields.iter().any(|(k, _)| k == "_diffusers_version")
        && Event::text(fields, "_class_name").is_none()
    {
        let why = "names a pipeline in Python code beside the model";
        out.push((&rules::REMOTE_CODE, Suspicious, why, class.to_owned()));
    }
    out
}

fn is_loader(module: &str) -> bool {
    LOADERS.iter().any(|l| in_package(module, l)) && policy::framework_of(module).is_some()
}

#[cfg(test)]
mod tests {
    use super::{is_dotted, of_text};
    use crate::report::ArtifactSeverity::{Dangerous, Suspicious};

    #[test]
    fn auto_map_values() {
        assert_eq!(of_text("AutoModel", "modeling_x.XModel").map(|h| h.1), Some(Suspicious));
        assert_eq!(of_text("AutoModel", "a/b--modeling_x.XModel").map(|h| h.1), Some(Dangerous));
        for (key, value) in [("AutoModel", "just words."), ("name", "a.b"), ("AutoModel", "transformers.BertModel")] {
            assert!(of_text(key, value).is_none(), "{key}: {value}");
        }
        assert!(is_dotted("a-b/c.d--m.X") && !is_dotted("https://x.y/z") && !is_dotted("nodot"));
    }
}
