//! Quarantine of model versions and data sets, and holds on pipelines, which the gate honours.

use async_trait::async_trait;
use casemate_store::model::{Effect, Target};
use serde_json::{Value, json};

use super::containment::apply;
use super::{Call, Connector, Failure, Surroundings};

/// Quarantines a model version.
pub(super) struct QuarantineVersion;
/// Quarantines a data set.
pub(super) struct QuarantineDataset;
/// Holds training pipelines.
pub(super) struct HoldPipeline;

#[async_trait]
impl Connector for QuarantineVersion {
    fn action(&self) -> &'static str {
        "gate.quarantine_version"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let version: String = call.required("version")?;
        if version.split_once('@').is_none_or(|(name, v)| name.is_empty() || v.is_empty()) {
            return Err(Failure::Refused(format!("`{version}` is not `name@version`")));
        }
        quarantine(around, call, "version", Target::ModelVersion(version)).await
    }

    async fn verify(&self, around: &Surroundings, call: &Call<'_>) -> Result<Option<Value>, Failure> {
        stands(around, call, "version").await
    }
}

#[async_trait]
impl Connector for QuarantineDataset {
    fn action(&self) -> &'static str {
        "dataset.quarantine"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let dataset: String = call.required("dataset")?;
        let digest: Option<String> = call.optional("digest")?;
        let target = digest.map_or_else(|| dataset.clone(), |digest| format!("{dataset}@{digest}"));
        quarantine(around, call, "dataset", Target::Dataset(target)).await
    }

    async fn verify(&self, around: &Surroundings, call: &Call<'_>) -> Result<Option<Value>, Failure> {
        stands(around, call, "dataset").await
    }
}

#[async_trait]
impl Connector for HoldPipeline {
    fn action(&self) -> &'static str {
        "pipeline.hold"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let pipeline: Option<String> = call.optional("pipeline")?;
        let dataset: Option<String> = call.optional("dataset")?;
        let pipelines = match (pipeline, dataset) {
            (Some(name), _) => vec![name],
            (None, Some(dataset)) => {
                // Where the inventory names no reader, the hold is on the data set's own name: whoever asks for it is held.
                let readers = around.inventory.readers_of(&dataset);
                if readers.is_empty() { vec![dataset] } else { readers }
            }
            (None, None) => return Err(Failure::Refused("give `pipeline` or `dataset`".into())),
        };
        for name in &pipelines {
            let key = format!("{}/{name}", call.key);
            apply(around, call, &key, Target::Pipeline(name.clone()), Effect::Block, hold_ms(around, call)).await?;
        }
        Ok(json!({"held": pipelines}))
    }
}

fn hold_ms(around: &Surroundings, call: &Call<'_>) -> u64 {
    call.lasts_ms.unwrap_or(around.limits.hold_ms)
}

async fn quarantine(around: &Surroundings, call: &Call<'_>, name: &str, target: Target) -> Result<Value, Failure> {
    let now = around.clock.now();
    let standing = around.store.active_containments(now).await?;
    let quarantined =
        standing.iter().any(|c| c.target == target && c.tenant == call.run.tenant && c.idempotency_key != call.key);
    let previous = if quarantined { "quarantined" } else { "released" };
    apply(around, call, call.key, target.clone(), Effect::Block, hold_ms(around, call)).await?;
    Ok(json!({name: target.value(), "previous": previous}))
}

async fn stands(around: &Surroundings, call: &Call<'_>, name: &str) -> Result<Option<Value>, Failure> {
    let there = around.store.containment_by_key(call.key).await?;
    Ok(there.map(|c| json!({name: c.target.value(), "previous": "unknown"})))
}
