//! Outputs of model scanners: modelscan (JSON), picklescan (text, as `{"output": "…"}`), fickling (JSON). Whoever posts
//! them may put `model_version` and `digest` beside.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw, severity_word};
use crate::sources::Source;

pub(super) static MODELSCAN: Source = Source {
    name: "modelscan",
    title: "modelscan output",
    volatile: &["timestamp", "absolute_path", "modelscan_version"],
    map: modelscan,
};

pub(super) static PICKLESCAN: Source =
    Source { name: "picklescan", title: "picklescan output", volatile: &[], map: picklescan };

pub(super) static FICKLING: Source =
    Source { name: "fickling", title: "fickling output", volatile: &[], map: fickling };

const ATLAS: &[&str] = &["AML.T0011.000", "AML.T0018.002", "AML.T0010.003"];

fn draft(source: &str, rule: &str, title: &str, severity: Severity, r: Raw<'_>) -> Draft {
    Draft::new(source, rule, title, severity)
        .confidence(if severity >= Severity::High { 0.85 } else { 0.5 })
        .atlas(ATLAS)
        .entity(EntityKind::ModelVersion, r.text("model_version"))
        .entity(EntityKind::Model, r.text("model_version").and_then(|v| v.split('@').next()))
        .entity(EntityKind::Digest, r.text("digest"))
}

fn modelscan(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let issues = r.need_list("issues")?;
    let mut worst = Severity::Info;
    let mut seen = Vec::new();
    for (i, issue) in issues.iter().enumerate() {
        let word =
            Raw(issue).text("severity").ok_or_else(|| MapError::new(&format!("issues.{i}.severity"), "is missing"))?;
        worst = worst.max(severity_word(word).unwrap_or(Severity::Medium));
        seen.extend(Raw(issue).text("description").map(str::to_owned));
    }
    if issues.is_empty() {
        return Ok(Vec::new());
    }
    let title = format!("{} issues, as: {}", issues.len(), seen.first().map_or("unnamed", String::as_str));
    Ok(vec![
        draft("modelscan", "modelscan/unsafe-operator", &title, worst, r)
            .attribute("issues", Some(seen))
            .attribute("file", r.text("summary.input_path"))
            .at(r.time("summary.timestamp"))
            .alert,
    ])
}

fn picklescan(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let output = raw.as_str().map_or_else(|| r.need_text("output"), Ok)?;
    if !output.contains("SCAN SUMMARY") {
        return Err(MapError::new("output", "is no output of picklescan: it has no summary"));
    }
    let found: Vec<&str> = output.lines().filter(|l| l.trim_end().ends_with("FOUND")).take(100).collect();
    let Some(first) = found.first() else { return Ok(Vec::new()) };
    let dangerous = found.iter().any(|l| l.contains("dangerous import"));
    let title = format!("{} imports found, as: {}", found.len(), first.trim_end_matches("FOUND").trim());
    let severity = if dangerous { Severity::Critical } else { Severity::Medium };
    let file = first.split(": ").next();
    Ok(vec![
        draft("picklescan", "picklescan/dangerous-import", &title, severity, r)
            .attribute("file", file)
            .attribute("found", Some(found.clone()))
            .alert,
    ])
}

fn fickling(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let severity = match r.need_text("severity")? {
        "LIKELY_SAFE" => return Ok(Vec::new()),
        "POSSIBLY_UNSAFE" => Severity::Low,
        "SUSPICIOUS" => Severity::Medium,
        "LIKELY_UNSAFE" => Severity::High,
        "LIKELY_OVERTLY_MALICIOUS" | "OVERTLY_MALICIOUS" => Severity::Critical,
        other => {
            return Err(MapError::new(
                "severity",
                format!("`{}` is none of fickling's", other.chars().take(40).collect::<String>()),
            ));
        }
    };
    let analysis = r.text("analysis").unwrap_or("no analysis");
    let title = analysis.lines().next().unwrap_or_default();
    Ok(vec![
        draft("fickling", "fickling/unsafe-pickle", title, severity, r)
            .attribute("detailed_results", r.at("detailed_results").cloned())
            .attribute("file", r.text("file"))
            .alert,
    ])
}
