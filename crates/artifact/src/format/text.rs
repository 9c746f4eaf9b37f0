//! Text beside and instead of models: templates, YAML configurations, MLflow's descriptions, graphs in text form.

use super::{beside, import_names, template, tensorflow, xml, yaml};
use crate::report::ArtifactSeverity::{Dangerous, Review};
use crate::rules;
use crate::scan::{Job, Scan};

/// Reads the part when it is text that some loader interprets.
pub(crate) fn scan_text(scan: &mut Scan<'_, '_>, job: &Job<'_>, head: &[u8], name: &str) {
    let named = [".jinja", ".jinja2", ".j2", ".template", ".tmpl"].iter().any(|e| name.ends_with(e));
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml") || name == "MLmodel";
    let settings = [".toml", ".cfg", ".ini", ".gin"].iter().any(|e| name.ends_with(e));
    let graph = name.ends_with(".pbtxt") || name.ends_with(".prototxt") || is_graph(head);
    let wide = xml::utf16(head).is_some();
    if !wide && head.iter().any(|b| *b < 9 || (14..27).contains(b)) {
        return;
    }
    let Some(bytes) = job.source.whole(scan.config.text_bytes_max) else {
        if named || yaml || settings || graph {
            scan.incomplete("a template, configuration or graph in text form longer than the limit");
        }
        return;
    };
    let decoded = if wide { xml::utf16(&bytes) } else { String::from_utf8(bytes).ok() };
    let Some(text) = decoded.as_deref() else { return };
    scan.format("text");
    // Any text may hold braces; what is too long for a template is one only by its name.
    if template::is_template(text)
        && !name.ends_with(".py")
        && (named || text.len() <= template::TEMPLATE_BYTES_MAX && is_prose(text))
    {
        scan.format("template");
        template::check(scan, text, 0, "the template");
    }
    if yaml || settings {
        if !scan.budget.work(text.len() as u64 / 2) {
            scan.incomplete("the work budget is spent in a configuration");
            return;
        }
        import_names::report(scan, job, yaml::names(text));
    }
    if yaml {
        import_names::report(scan, job, yaml::tags(text));
        import_names::report(scan, job, yaml::code(text));
    }
    import_names::report(scan, job, beside::of_file(&path_of(scan, job), text));
    if graph {
        operators(scan, text);
    }
}

/// The path of the part, with its folders.
fn path_of(scan: &Scan<'_, '_>, job: &Job<'_>) -> String {
    if job.member.is_empty() { scan.name.clone() } else { job.member.clone() }
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
    use super::literal;

    #[test]
    fn literals() {
        assert_eq!(literal(" \"Write\" 'File' }"), "WriteFile");
        assert_eq!(literal(r#""\127rite\x46ile""#), "WriteFile");
        assert_eq!(literal("none"), "");
    }
}
