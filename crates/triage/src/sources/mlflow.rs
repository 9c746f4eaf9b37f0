//! MLflow registry webhooks. They are hints that something changed; the registry's REST API is the truth, so that nothing
//! here is sure. The signature is the intake's business.

use casemate_finding::{EntityKind, Severity};
use serde_json::Value;

use crate::alert::NormalAlert;
use crate::fields::{Draft, MapError, Raw};
use crate::sources::Source;

pub(super) static SOURCE: Source =
    Source { name: "mlflow", title: "MLflow registry webhook", volatile: &["timestamp"], map: read };

fn read(raw: &Value) -> Result<Vec<NormalAlert>, MapError> {
    let r = Raw(raw);
    let entity = r.need_text("entity")?;
    let action = r.need_text("action")?;
    let name = r.text("data.name").unwrap_or("");
    let version = r.word("data.version");
    // An alias is what serves: moving `champion` puts another version in front of customers.
    let severity = match (entity, action) {
        ("model_version_alias" | "prompt_alias", _) => Severity::Medium,
        ("budget_policy", "exceeded") => Severity::High,
        ("model_version", "created") => Severity::Low,
        _ => Severity::Info,
    };
    let mut draft =
        Draft::new("mlflow", &format!("mlflow/{entity}.{action}"), &format!("{entity} {action}: {name}"), severity)
            .confidence(0.2);
    if entity.starts_with("model_version") || entity == "registered_model" {
        draft = draft.entity(EntityKind::Model, Some(name));
        if let Some(version) = &version {
            draft = draft.entity(EntityKind::ModelVersion, Some(format!("{name}@{version}")));
        }
    }
    if (entity, action) == ("budget_policy", "exceeded") {
        draft = draft.atlas(&["AML.T0034"]).confidence(0.6);
    }
    Ok(vec![
        draft
            .entity(EntityKind::Run, r.text("data.run_id"))
            .attribute("data", r.at("data").cloned())
            .at(r.time("timestamp"))
            .alert,
    ])
}
