//! SageMaker Model Monitor's `constraint_violations.json`, with the monitoring schedule and end-point put beside it by
//! whoever posts it (`endpoint`, `schedule`).

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw};
use crate::sources::Source;

pub(super) static SOURCE: Source =
    Source { name: "sagemaker", title: "SageMaker Model Monitor violations", volatile: &["time"], map: read };

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let violations = r.need_list("violations")?;
    if violations.is_empty() {
        return Ok(Vec::new());
    }
    let mut features = Vec::new();
    let mut checks = Vec::new();
    for (i, violation) in violations.iter().enumerate() {
        let v = Raw(violation);
        let check = v
            .text("constraint_check_type")
            .ok_or_else(|| MapError::new(&format!("violations.{i}.constraint_check_type"), "is missing"))?;
        checks.push(check.to_owned());
        features.extend(v.text("feature_name").map(str::to_owned));
    }
    checks.sort();
    checks.dedup();
    let drift = checks.iter().any(|c| c.contains("drift"));
    let rule = if drift { "sagemaker/drift" } else { "sagemaker/data-quality" };
    let title = format!("{} violations of the baseline: {}", violations.len(), checks.join(", "));
    Ok(vec![
        Draft::new("sagemaker", rule, &title, if drift { Severity::Medium } else { Severity::Low })
            .confidence(0.4)
            .atlas(if drift { &["AML.T0031"] } else { &[] })
            .entity(EntityKind::Endpoint, r.text("endpoint"))
            .attribute("features", Some(features))
            .attribute("checks", Some(checks))
            .attribute("schedule", r.text("schedule"))
            .at(r.time("time"))
            .alert,
    ])
}
