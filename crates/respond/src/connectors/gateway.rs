//! Blocks and limits at the gateway, through the store.

use async_trait::async_trait;
use casemate_store::model::{Containment, Effect};
use serde_json::{Value, json};

use super::containment::{apply, audit, target_of};
use super::{Call, Connector, Failure, Surroundings};

/// Refuses all requests of a target.
pub(super) struct Block;
/// Limits the requests of a target.
pub(super) struct Limit;
/// Lifts blocks and limits of a target.
pub(super) struct Lift;

#[async_trait]
impl Connector for Block {
    fn action(&self) -> &'static str {
        "gateway.block"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        contain(around, call, Effect::Block).await
    }
}

#[async_trait]
impl Connector for Limit {
    fn action(&self) -> &'static str {
        "gateway.limit"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let requests_per_min = call.required("per_minute")?;
        contain(around, call, Effect::Limit { requests_per_min }).await
    }
}

#[async_trait]
impl Connector for Lift {
    fn action(&self) -> &'static str {
        "gateway.lift"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let target = target_of(&call.target()?)?;
        let now = around.clock.now();
        let mut lifted = 0;
        for standing in around.store.active_containments(now).await? {
            if standing.target == target
                && standing.tenant == call.run.tenant
                && around.store.lift_containment(&standing.id, now).await?
            {
                lifted += 1;
                let data = json!({"target": target, "case": call.run.case, "run": call.run.id});
                audit(around, call, "containment.lift", standing.id.as_str(), data, now).await?;
            }
        }
        Ok(json!({"lifted": lifted}))
    }
}

async fn contain(around: &Surroundings, call: &Call<'_>, effect: Effect) -> Result<Value, Failure> {
    let target = target_of(&call.target()?)?;
    let given: Option<u64> = call.optional("duration_ms")?;
    let lasts_ms = given.or(call.lasts_ms).unwrap_or(around.limits.containment_default_ms);
    let max = around.limits.containment_max_ms;
    if lasts_ms == 0 || lasts_ms > max {
        return Err(Failure::Refused(format!("{lasts_ms} ms is not 1 to respond.limits.containment_max_ms = {max}")));
    }
    let Containment { id, expires_at, .. } = apply(around, call, call.key, target, effect, lasts_ms).await?;
    Ok(json!({"control": id, "expires": expires_at}))
}
