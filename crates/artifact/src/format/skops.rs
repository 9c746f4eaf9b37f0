//! skops: a zip whose `schema.json` is a tree of nodes; each node names what its loader makes or calls.

use super::json::{self, Event, Scalar};
use super::worst;
use crate::policy;
use crate::report::ArtifactSeverity::{self, Allowed, Dangerous, Review, Suspicious};
use crate::rules;
use crate::scan::{Job, Scan};

/// Findings kept of one schema.
const HITS_MAX: usize = 64;

/// Checks every node of the schema.
pub(crate) fn scan_schema(scan: &mut Scan<'_, '_>, job: &Job<'_>) {
    scan.format("skops-schema");
    let Some(text) = job.source.whole(scan.config.text_bytes_max) else {
        scan.incomplete("a skops schema longer than the limit");
        return;
    };
    let mut hits: Vec<(ArtifactSeverity, u64, &'static str, String)> = Vec::new();
    // Fields of `content` objects come before the end of the node that they belong to.
    let mut content: Option<(Option<String>, Option<String>)> = None;
    let mut elements = 0u64;
    let result = json::read(&text, &mut |e| {
        elements += 1;
        let Event::End { key, fields, at, .. } = e else { return };
        if key == "content" && !fields.iter().any(|(k, _)| k == "__loader__") {
            content = Some((owned(fields, "module_path"), owned(fields, "function")));
        }
        let taken = if fields.iter().any(|(k, _)| k == "__loader__") { content.take() } else { None };
        node(&mut hits, fields, taken, at as u64);
        worst::keep(&mut hits, HITS_MAX, |h| h.0);
    });
    if !scan.budget.work(elements) {
        scan.incomplete("the work budget is spent in a skops schema");
    }
    if result.is_err() {
        scan.find(&rules::LAYOUT, Review, 0, "the schema is damaged", String::new(), &[]);
    }
    for (severity, at, message, evidence) in hits {
        scan.find(&rules::SKOPS_NODE, severity, at, message, evidence, &[]);
    }
    scan.raise(Allowed);
}

fn owned(fields: &[(String, Scalar)], name: &str) -> Option<String> {
    Event::text(fields, name).map(str::to_owned)
}

fn node(
    hits: &mut Vec<(ArtifactSeverity, u64, &'static str, String)>,
    fields: &[(String, Scalar)],
    content: Option<(Option<String>, Option<String>)>,
    at: u64,
) {
    let Some(loader) = Event::text(fields, "__loader__") else { return };
    let module = Event::text(fields, "__module__").unwrap_or_default();
    let class = Event::text(fields, "__class__").unwrap_or_default();
    let name = format!("{loader}: {module}.{class}");
    match loader {
        "FunctionNode" => {
            let (m, f) = content.unwrap_or_default();
            let (m, f) = (m.unwrap_or_else(|| module.to_owned()), f.unwrap_or_else(|| class.to_owned()));
            let e = policy::judge(&m, &f);
            if e.severity > Allowed {
                hits.push((e.severity, at, "names a function that the loader imports", format!("{m}.{f}")));
            }
        }
        "MethodNode" | "OperatorFuncNode" => {
            hits.push((Suspicious, at, "calls or binds a method or operator by name", name))
        }
        "ReduceNode" | "TreeNode" | "LossNode" | "ObjectNode" | "TypeNode" | "PartialNode" | "RandomStateNode"
        | "SGDNode" | "CountNode" => {
            let (m, c) = match (loader, &content) {
                ("TypeNode", Some((Some(m), _))) => (m.clone(), class.to_owned()),
                _ => (module.to_owned(), class.to_owned()),
            };
            let e = policy::judge(&m, &c);
            if e.severity == Dangerous || e.severity > Allowed && loader != "PartialNode" && !m.is_empty() {
                hits.push((e.severity, at, "names a class that the loader makes", name));
            }
        }
        "JsonNode"
        | "DictNode"
        | "ListNode"
        | "TupleNode"
        | "SetNode"
        | "NdArrayNode"
        | "MaskedArrayNode"
        | "SliceNode"
        | "SparseMatrixNode"
        | "BytesNode"
        | "BytearrayNode"
        | "DatetimeNode"
        | "RandomGeneratorNode"
        | "CachedNode"
        | "DefaultDictNode"
        | "OrderedDictNode"
        | "DTypeNode"
        | "StrNode"
        | "CythonNode"
        | "QuantileForestNode" => {}
        _ => hits.push((Review, at, "has a loader that is not known", name)),
    }
}
