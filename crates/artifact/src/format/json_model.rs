//! JSON beside and instead of models: configurations, tokenizers, MXNet symbols, Keras configurations.

use super::export::Export;
use super::import_names::{self, Hit};
use super::json::{self, Event, JsonError, Scalar};
use super::{code, components, keras, loader_names, paddle, template, worst, yaml};
use crate::pickle;
use crate::report::ArtifactSeverity::{Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Child, Hint, Job, Scan};
use crate::source::Source;

/// True when the part begins like a JSON object or array.
pub(crate) fn looks_like_json(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let mut it = head.iter().filter(|b| !b.is_ascii_whitespace());
    match (it.next(), it.next()) {
        (Some(b'{'), Some(b'"' | b'}')) => true,
        (Some(b'['), Some(b'{' | b'"' | b'[' | b']' | b'0'..=b'9' | b'-')) => {
            std::str::from_utf8(head).is_ok() || head.len() >= 4000
        }
        _ => false,
    }
}

/// What was seen while the document went by.
#[derive(Default)]
struct Seen {
    keras: bool,
    mxnet: bool,
    /// Paddle's own magic, and operators of its programs.
    paddle: bool,
    operators: Vec<(u64, String)>,
    export: Export,
    /// The document is the index of a model in several files.
    index: bool,
    /// Values that are pickles in base64 or hex, decoded.
    pickles: Vec<(u64, Vec<u8>)>,
    /// More of them than are kept.
    more_pickles: bool,
    /// The latest `_class_name`, alone or of a list.
    class_name: Option<String>,
    /// The document is the index of a Diffusers pipeline, and components whose library is not a known one.
    pipeline: bool,
    components: Vec<(u64, String, Vec<String>)>,
    /// More components than are kept.
    more_components: bool,
    /// Names that a loader imports.
    named: Vec<(u64, Hit)>,
    findings: Vec<(&'static rules::Rule, crate::ArtifactSeverity, u64, String, String)>,
    templates: Vec<(String, u64, String)>,
    /// More templates than are kept.
    more: bool,
}

/// Templates, findings and operators kept of one document.
const TEXTS_MAX: usize = 64;

/// Components of one pipeline that are judged.
const COMPONENTS_MAX: usize = 1024;

/// Longest text that is decoded.
const PICKLE_TEXT_BYTES_MAX: usize = 4 << 20;

/// Reads the document and reports what its values make a loader do.
pub(crate) fn scan_json<'a>(scan: &mut Scan<'a, '_>, job: &Job<'a>, name: &str) {
    scan.format("json");
    let Some(text) = job.source.whole(scan.config.text_bytes_max) else {
        scan.incomplete("a JSON document longer than the limit");
        return;
    };
    let text = text.strip_prefix(b"\xef\xbb\xbf").map_or(text.clone(), <[u8]>::to_vec);
    let mut seen =
        Seen { index: name.ends_with(".index.json"), pipeline: name == "model_index.json", ..Seen::default() };
    let mut elements = 0u64;
    let mut budget_left = true;
    let budget = &scan.budget;
    let result = json::read(&text, &mut |e| {
        elements += 1;
        budget_left &= budget.work(1);
        if budget_left {
            event(&mut seen, &e);
        }
    });
    if !budget_left {
        scan.incomplete("the work budget is spent in a JSON document");
    }
    match result {
        Ok(()) => {}
        Err(JsonError::Depth(at)) => {
            let message = "a JSON document nests deeper than any parser should follow";
            scan.find(&rules::HEADER_BOMB, Suspicious, at as u64, message, String::new(), &[]);
        }
        Err(JsonError::Fields(at)) => {
            let message = "an object of a JSON document has more fields that loaders go by than any model";
            scan.find(&rules::HEADER_BOMB, Suspicious, at as u64, message, String::new(), &[]);
        }
        Err(JsonError::Syntax(at)) => {
            // Text that merely begins like JSON (templates, JSON lines) is no finding by itself.
            if name.ends_with(".json") && !text[at.min(text.len())..].trim_ascii_start().starts_with(b"{") {
                scan.find(&rules::LAYOUT, Review, at as u64, "a JSON document is damaged", String::new(), &[]);
            }
            let whole = String::from_utf8_lossy(&text);
            if template::is_template(&whole) {
                template::check(scan, &whole, 0, "the document");
            }
        }
    }
    if seen.keras {
        scan.format("keras-config");
        keras::check_config(scan, &text, 0);
    }
    for (rule, severity, at, message, evidence) in seen.findings {
        scan.find(rule, severity, at, message, evidence, &[]);
    }
    if seen.pipeline {
        for (at, component, texts) in &seen.components {
            seen.named.extend(components::of_component(component, texts).map(|h| (*at, h)));
            worst::keep(&mut seen.named, TEXTS_MAX, |(_, h)| h.severity);
        }
        if seen.more_components {
            scan.incomplete(format!("more than {COMPONENTS_MAX} components in the index of a pipeline"));
        }
    }
    import_names::report(scan, job, seen.named);
    if seen.more_pickles {
        scan.incomplete(format!("more than {TEXTS_MAX} pickles in a JSON document"));
    }
    for (at, bytes) in seen.pickles {
        scan.enqueue(job, Child::plain(format!("@{at:#x}:text"), Source::owned(bytes), Hint::Guess));
    }
    if seen.more {
        scan.incomplete(format!("more than {TEXTS_MAX} templates in a JSON document"));
    }
    for (key, at, value) in seen.templates {
        template::check(scan, &value, at, &format!("`{key}`"));
    }
    if seen.mxnet {
        scan.format("mxnet-symbol");
    }
    if seen.paddle {
        scan.format("paddle-program");
        for (at, op) in seen.operators {
            if let Some((severity, why)) = paddle::judge(&op) {
                scan.find(&rules::PADDLE_OPERATOR, severity, at, why, op, &[]);
            }
        }
    }
    let (exported, hits) = seen.export.hits();
    if exported {
        scan.format("torch-export");
    }
    for (rule, severity, at, why, evidence) in hits {
        scan.find(rule, severity, at, why, evidence, &[]);
    }
}

fn event(seen: &mut Seen, e: &Event<'_>) {
    match e {
        // Lists of two of the outermost object, or of three with a type hint inside.
        Event::List { key, texts, at, depth: 1 } if components::may_be(texts) => {
            if seen.components.len() < COMPONENTS_MAX {
                seen.components.push((*at as u64, (*key).to_owned(), texts.to_vec()));
            } else {
                seen.more_components = true;
            }
        }
        Event::List { key: "type_hint", texts, at, .. } if components::may_be(texts) => {
            seen.named.extend(components::of_component("type_hint", texts).map(|h| (*at as u64, h)));
        }
        Event::List { .. } => {}
        Event::Text { key, value, at, listed } => {
            // stable-baselines3 and others keep pickles as text.
            if value.len() >= 16
                && value.len() <= PICKLE_TEXT_BYTES_MAX
                && (value.starts_with("gA") || value.starts_with("800"))
                && let Some(bytes) = pickle::decode_encoded(value.as_bytes())
            {
                if seen.pickles.len() < TEXTS_MAX {
                    seen.pickles.push((*at as u64, bytes));
                } else {
                    seen.more_pickles = true;
                }
            }
            if *key == "_class_name" {
                seen.class_name = Some((*value).to_owned());
            }
            let part = if seen.index { loader_names::of_index(key, value) } else { None };
            let alone = || if *listed { None } else { import_names::of_value(key, value) };
            let named = part.or_else(|| loader_names::of_text(key, value)).or_else(alone);
            seen.named.extend(named.map(|h| (*at as u64, h)));
            if yaml::may_name(value) {
                seen.named.extend(yaml::names(value).into_iter().map(|(_, h)| (*at as u64, h)));
            }
            worst::keep(&mut seen.named, TEXTS_MAX, |(_, h)| h.severity);
            if template::is_template(value) {
                if seen.templates.len() < TEXTS_MAX {
                    seen.templates.push(((*key).to_owned(), *at as u64, (*value).to_owned()));
                } else {
                    seen.more = true;
                }
            } else if let Some(p) = code::phrase(value)
                && is_code_like(value)
            {
                seen.findings.push((
                    &rules::EMBEDDED_CODE,
                    Suspicious,
                    *at as u64,
                    format!("`{key}` holds code ({p}…)"),
                    value.chars().take(200).collect(),
                ));
            }
        }
        Event::End { key, fields, at, .. } => {
            let at = *at as u64;
            seen.export.object(key, fields, at);
            seen.paddle |= Event::text(fields, "magic") == Some("pir");
            if let Some(op) = Event::text(fields, "#").and_then(|o| o.rsplit('.').next())
                && paddle::judge(op).is_some()
            {
                seen.operators.push((at, op.to_owned()));
                worst::keep(&mut seen.operators, TEXTS_MAX, |(_, op)| {
                    paddle::judge(op).map_or(crate::ArtifactSeverity::Data, |(s, _)| s)
                });
            }
            if unpickling_codec(key, fields) {
                seen.findings.push((
                    &rules::ARRAY_CODEC,
                    Dangerous,
                    at,
                    "the chunks of the array are unpickled when they are read".into(),
                    (*key).to_owned(),
                ));
            }
            if fields.iter().any(|(k, _)| k == "class_name") {
                seen.keras = true;
            }
            if Event::text(fields, "op") == Some("Custom") {
                seen.mxnet = true;
                let kind = Event::text(fields, "op_type").unwrap_or_default().to_owned();
                seen.findings.push((
                    &rules::MXNET_CUSTOM,
                    Suspicious,
                    at,
                    "a node runs a custom Python operator".into(),
                    kind,
                ));
            }
            seen.pipeline |= fields.iter().any(|(k, _)| k == "_diffusers_version");
            let named = loader_names::of_object(key, fields, seen.class_name.as_deref());
            seen.named.extend(named.into_iter().map(|h| (at, h)));
            worst::keep(&mut seen.named, TEXTS_MAX, |(_, h)| h.severity);
            for (k, v) in fields.iter() {
                match (k.as_str(), v) {
                    ("allow_dangerous_deserialization" | "allow_dangerous_code", Scalar::Bool(true)) => {
                        seen.findings.push((
                            &rules::REMOTE_CODE,
                            Suspicious,
                            at,
                            "asks the loader to unpickle or run what it finds".into(),
                            k.clone(),
                        ));
                    }
                    ("trust_remote_code", Scalar::Bool(true)) => {
                        seen.findings.push((
                            &rules::REMOTE_CODE,
                            Suspicious,
                            at,
                            "asks the loader to trust remote code".into(),
                            k.clone(),
                        ));
                    }
                    ("custom_pipeline" | "custom_code" | "remote_code" | "custom_modules", Scalar::Text(t))
                        if !t.is_empty() =>
                    {
                        seen.findings.push((
                            &rules::REMOTE_CODE,
                            Suspicious,
                            at,
                            "names code that a loader fetches and runs".into(),
                            format!("{k}: {t}"),
                        ));
                    }
                    _ => {}
                }
            }
        }
        Event::Duplicate { key, at } if json::is_named(key) => seen.findings.push((
            &rules::LAYOUT,
            Suspicious,
            *at as u64,
            "a key comes twice: readers differ in which they take".into(),
            (*key).to_owned(),
        )),
        Event::Duplicate { .. } => {}
    }
    worst::keep(&mut seen.findings, TEXTS_MAX, |f| f.1);
}

/// A codec of Zarr (numcodecs) that unpickles: in the lists of version 2 by `id`, in those of version 3 by `name`.
fn unpickling_codec(key: &str, fields: &[(String, Scalar)]) -> bool {
    let named = |field: &str, names: &[&str]| {
        Event::text(fields, field).is_some_and(|v| names.contains(&v.to_ascii_lowercase().as_str()))
    };
    matches!(key, "filters" | "compressor" | "object_codec") && named("id", &["pickle"])
        || key == "codecs" && named("name", &["numcodecs.pickle", "pickle"])
}

/// Prose that mentions `eval(` is no code; a call with an argument that follows is.
fn is_code_like(value: &str) -> bool {
    value.contains("import ")
        || value.contains("__import__(")
        || value.contains("lambda ")
        || value.contains("os.system(")
        || value.contains("subprocess.") && value.contains('(')
        || value.contains("exec(")
}
