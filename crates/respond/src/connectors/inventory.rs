//! Looking entities up.

use async_trait::async_trait;
use casemate_finding::Entity;
use serde_json::Value;

use super::{Call, Connector, Failure, Surroundings};

/// Looks entities up in the inventory.
pub(super) struct Lookup;

#[async_trait]
impl Connector for Lookup {
    fn action(&self) -> &'static str {
        "inventory.lookup"
    }

    async fn perform(&self, around: &Surroundings, call: &Call<'_>) -> Result<Value, Failure> {
        let entities: Vec<Entity> = call.required("entities")?;
        Ok(around.inventory.lookup(&entities))
    }
}
