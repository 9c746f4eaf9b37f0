//! Evidently reports: one alert for all failed tests, none if all pass.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw};
use crate::sources::Source;

pub(super) static SOURCE: Source = Source {
    name: "evidently",
    title: "Evidently report",
    volatile: &["id", "metric_id", "metric_fingerprint", "timestamp"],
    map: read,
};

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let tests = r.need_list("tests")?;
    let mut failed = Vec::new();
    for (i, test) in tests.iter().enumerate() {
        let t = Raw(test);
        let status = t.text("status").ok_or_else(|| MapError::new(&format!("tests.{i}.status"), "is missing"))?;
        if matches!(status, "FAIL" | "ERROR") {
            failed.push(t);
        }
    }
    let Some(first) = failed.first() else { return Ok(Vec::new()) };
    let drift = failed.iter().any(|t| t.text("name").is_some_and(|n| n.to_ascii_lowercase().contains("drift")));
    let critical = failed.iter().any(|t| t.at("test_config.is_critical") == Some(&Value::Bool(true)));
    let title = format!(
        "{} of {} tests failed, as {}",
        failed.len(),
        tests.len(),
        first.text("description").unwrap_or("a test")
    );
    let names: Vec<&str> = failed.iter().filter_map(|t| t.text("name")).collect();
    Ok(vec![
        Draft::new(
            "evidently",
            if drift { "evidently/drift" } else { "evidently/quality" },
            &title,
            if critical { Severity::Medium } else { Severity::Low },
        )
        .confidence(0.4)
        .atlas(if drift { &["AML.T0031"] } else { &[] })
        .entity(EntityKind::Dataset, r.text("dataset"))
        .entity(EntityKind::Model, r.text("model"))
        .attribute("failed", Some(names))
        .at(r.time("timestamp"))
        .alert,
    ])
}
