//! Text beside and instead of models: templates, YAML configurations, MLflow's descriptions, graphs in text form.

use super::{template, tensorflow};
use crate::policy;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};

/// Reads the part when it is text that some loader interprets.
pub(crate) fn scan_text(scan: &mut Scan<'_, '_>, job: &Job<'_>, head: &[u8], name: &str) {
    let named = [".jinja", ".jinja2", ".j2", ".template", ".tmpl"].iter().any(|e| name.ends_with(e));
    let mlflow = name == "MLmodel";
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml") || mlflow;
    let graph = name.ends_with(".pbtxt") || name.ends_with(".prototxt") || is_graph(head);
    if head.iter().any(|b| *b < 9 || (14..27).contains(b)) {
        return;
    }
    let Some(bytes) = job.source.whole(scan.config.text_bytes_max) else {
        if named || yaml || graph {
            scan.incomplete("a template, YAML document or graph in text form longer than the limit");
        }
        return;
    };
    let Ok(text) = std::str::from_utf8(&bytes) else { return };
    scan.format("text");
    // Any text may hold braces; what is too long for a template is one only by its name.
    if template::is_template(text)
        && !name.ends_with(".py")
        && (named || text.len() <= template::TEMPLATE_BYTES_MAX && is_prose(text))
    {
        scan.format("template");
        template::check(scan, text, 0, "the template");
    }
    if yaml {
        targets(scan, text);
        tags(scan, text);
    }
    if mlflow {
        loader_module(scan, text);
    }
    if graph {
        operators(scan, text);
    }
}

/// True for text that people write: few characters outside of ASCII letters, digits and punctuation in its beginning.
fn is_prose(text: &str) -> bool {
    let (mut odd, mut all) = (0u32, 0u32);
    for c in text.chars().take(4096) {
        all += 1;
        odd += u32::from(c.is_control() && !c.is_whitespace() || ('\u{80}'..='\u{bf}').contains(&c) || c == '\u{fffd}');
    }
    odd * 50 <= all
}

/// The beginning of a SavedModel or GraphDef in protocol buffers' text form.
fn is_graph(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    [&b"saved_model_schema_version"[..], b"meta_graphs", b"graph_def {", b"node {", b"node{"]
        .iter()
        .any(|b| head.starts_with(b))
}

/// Python tags of YAML, by whichever way of writing them: `!!`, a verbatim tag, a handle of a `%TAG` line.
fn tags(scan: &mut Scan<'_, '_>, text: &str) {
    for tag in ["python/object", "python/name", "python/module"] {
        for begin in ["!!", "!", "!<tag:yaml.org,2002:", "tag:yaml.org,2002:"] {
            if let Some(at) = text.find(&format!("{begin}{tag}")) {
                let shown: String = text[at..].chars().take(120).collect();
                let message = "a YAML tag makes the loader call Python";
                scan.find(&rules::EMBEDDED_CODE, Dangerous, at as u64, message, shown, &[]);
                break;
            }
        }
    }
    for line in text.lines().filter(|l| l.starts_with("%TAG") && l.contains("yaml.org,2002:p")) {
        let at = line.as_ptr() as usize - text.as_ptr() as usize;
        let message = "a YAML directive gives Python tags another name";
        scan.find(&rules::EMBEDDED_CODE, Dangerous, at as u64, message, line, &[]);
    }
}

/// The dotted name behind `key:`; quotes around either are left out.
fn dotted(rest: &str) -> Option<&str> {
    let value = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?;
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(value.len());
    Some(&value[..end])
}

/// `_target_` of Hydra configurations, and `target` with `params` of the configurations that took after them: the dotted
/// name of what is called when the model is instantiated.
fn targets(scan: &mut Scan<'_, '_>, text: &str) {
    for (at, _) in text.match_indices("target") {
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a configuration");
            return;
        }
        let rest = &text[at + 6..];
        let hydra = text[..at].ends_with('_') && rest.starts_with('_');
        let with_params = || {
            let own_line =
                text[..at].rsplit('\n').next().is_some_and(|l| l.trim_matches([' ', '-', '"', '\'']).is_empty());
            own_line
                && rest
                    .lines()
                    .skip(1)
                    .take(3)
                    .any(|l| l.trim_start().trim_start_matches(['"', '\'']).starts_with("params"))
        };
        if !hydra && !with_params() {
            continue;
        }
        let Some(path) = dotted(rest.strip_prefix('_').unwrap_or(rest)) else { continue };
        if is_acting(path) {
            scan.find(&rules::EMBEDDED_CODE, Dangerous, at as u64, CONFIGURED_CALL, path, &[]);
        }
    }
}

/// What is said of a configuration that names a gadget.
pub(super) const CONFIGURED_CALL: &str = "a configuration names a callable that runs code, files or processes";

/// True for a dotted name that no configuration of a model needs.
pub(super) fn is_acting(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(module, callee)| policy::judge(module, callee).severity >= Suspicious)
}

/// The module that MLflow imports to load the model.
fn loader_module(scan: &mut Scan<'_, '_>, text: &str) {
    for (at, key) in text.match_indices("loader_module") {
        let Some(module) = dotted(&text[at + key.len()..]).filter(|m| !m.is_empty()) else { continue };
        if !in_package(module, "mlflow") && policy::framework_of(module).is_none() {
            let message = "names a Python module beside the model, which MLflow imports to load it";
            scan.find(&rules::REMOTE_CODE, Suspicious, at as u64, message, module, &[]);
        }
    }
}

/// True for `package` and what is below it.
pub(super) fn in_package(module: &str, package: &str) -> bool {
    module.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Operators from elsewhere that are reported of one graph.
const FOREIGN_MAX: usize = 64;

/// `op: "…"` of a graph in text form.
fn operators(scan: &mut Scan<'_, '_>, text: &str) {
    scan.format("tf-text");
    let mut foreign = 0;
    for (at, _) in text.match_indices("op") {
        let bounded = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let Some(rest) = text[at + 2..].trim_start().strip_prefix(':').filter(|_| bounded) else { continue };
        if !scan.budget.work(1) {
            scan.incomplete("the work budget is spent in a graph in text form");
            return;
        }
        let op = literal(rest);
        if tensorflow::is_dangerous(&op) {
            let message = "an operator runs Python, or reads, writes or sends by name";
            scan.find(&rules::TF_OPERATOR, Dangerous, at as u64, message, op, &[]);
        } else if !op.is_empty() && !tensorflow::is_known(&op) && foreign < FOREIGN_MAX {
            foreign += 1;
            // The graph's own functions are called like operators.
            if !text.contains(&format!("name: \"{op}\"")) {
                let message = "an operator comes from a library that has to be loaded";
                scan.find(&rules::TF_CUSTOM, Review, at as u64, message, op, &[]);
            }
        }
    }
}

/// A string of protocol buffers' text form: adjacent literals are one, escapes are undone.
fn literal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.trim_start();
    while let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let mut chars = rest[1..].char_indices().peekable();
        let mut end = rest.len();
        while let Some((i, c)) = chars.next() {
            if c == quote {
                end = i + 2;
                break;
            }
            if out.len() >= 256 {
                return out;
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            let (radix, width) = match chars.peek() {
                Some((_, 'x' | 'X')) => (16, 2),
                Some((_, '0'..='7')) => (8, 3),
                _ => continue,
            };
            if radix == 16 {
                chars.next();
            }
            let digits: String =
                std::iter::from_fn(|| chars.next_if(|(_, c)| c.is_digit(radix))).take(width).map(|(_, c)| c).collect();
            out.extend(u32::from_str_radix(&digits, radix).ok().and_then(char::from_u32));
        }
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{dotted, literal};

    #[test]
    fn names_and_literals() {
        assert_eq!(dotted(": os.system\n"), Some("os.system"));
        assert_eq!(dotted("\": \"a.b\""), Some("a.b"));
        assert_eq!(dotted(" of nothing"), None);
        assert_eq!(literal(" \"Write\" 'File' }"), "WriteFile");
        assert_eq!(literal(r#""\127rite\x46ile""#), "WriteFile");
        assert_eq!(literal("none"), "");
    }
}
