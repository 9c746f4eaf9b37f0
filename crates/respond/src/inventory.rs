//! What there is to protect, and what hangs on it: data set → pipeline → model → end-point.

use std::collections::BTreeSet;
use std::path::PathBuf;

use casemate_finding::{Entity, EntityKind};
use serde_json::{Value, json};

use crate::config::{InventoryConfig, ModelConfig};

/// Tier of what the inventory does not know: the least critical.
pub const TIER_UNKNOWN: u8 = 4;

/// The inventory, from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Inventory(InventoryConfig);

/// What the inventory says of some entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// How many of the entities it knows.
    pub found: usize,
    /// The most critical tier among the models that they reach.
    pub tier: u8,
    /// Who answers for them: of the most critical model first.
    pub owner: String,
    /// Models that they reach.
    pub models: Vec<String>,
    /// Edges on the way, as (from, to, kind).
    pub lineage: Vec<(String, String, &'static str)>,
}

impl Lookup {
    /// Models and end-points that are reached.
    pub fn blast_radius(&self) -> usize {
        self.models.len() + self.lineage.iter().filter(|(_, _, kind)| *kind == "serves").count()
    }

    /// As steps of a playbook see it.
    pub fn to_json(&self) -> Value {
        let lineage: Vec<_> =
            self.lineage.iter().map(|(from, to, kind)| json!({"from": from, "to": to, "kind": kind})).collect();
        json!({
            "found": self.found, "tier": self.tier, "owner": self.owner, "blast_radius": self.blast_radius(),
            "models": self.models, "lineage": lineage,
        })
    }
}

impl Inventory {
    /// The inventory as configured.
    pub const fn new(config: InventoryConfig) -> Self {
        Self(config)
    }

    /// Looks entities up.
    pub fn lookup(&self, entities: &[Entity]) -> Lookup {
        let mut lineage = BTreeSet::new();
        let mut reached: Vec<&ModelConfig> = Vec::new();
        let mut owners = Vec::new();
        let mut found = 0;
        for entity in entities {
            let models = self.models_of(entity);
            let dataset = self.0.datasets.iter().find(|d| entity.kind == EntityKind::Dataset && d.name == entity.value);
            let pipeline = self.0.pipelines.iter().any(|p| entity.kind == EntityKind::Run && p.name == entity.value);
            found += usize::from(!models.is_empty() || dataset.is_some() || pipeline);
            owners.extend(dataset.map(|d| d.owner.as_str()));
            for model in models {
                if entity.kind == EntityKind::Dataset {
                    lineage.insert((entity.value.clone(), model.name.clone(), "trains"));
                }
                for endpoint in &model.endpoints {
                    lineage.insert((model.name.clone(), endpoint.clone(), "serves"));
                }
                if !reached.iter().any(|m| m.name == model.name) {
                    reached.push(model);
                }
            }
        }
        reached.sort_by_key(|m| m.tier);
        let owner = reached.iter().map(|m| m.owner.as_str()).chain(owners).find(|o| !o.is_empty());
        Lookup {
            found,
            tier: reached.first().map_or(TIER_UNKNOWN, |m| m.tier),
            owner: owner.unwrap_or_default().to_owned(),
            models: reached.iter().map(|m| m.name.clone()).collect(),
            lineage: lineage.into_iter().collect(),
        }
    }

    /// Models that an entity reaches.
    pub fn models_of(&self, entity: &Entity) -> Vec<&ModelConfig> {
        let value = entity.value.as_str();
        let reads = |model: &ModelConfig| {
            model.datasets.iter().any(|d| d == value)
                || self
                    .0
                    .pipelines
                    .iter()
                    .any(|p| p.datasets.iter().any(|d| d == value) && p.models.contains(&model.name))
        };
        let hit = |model: &&ModelConfig| match entity.kind {
            EntityKind::Model => model.name == value,
            EntityKind::ModelVersion => Some(model.name.as_str()) == value.split('@').next(),
            EntityKind::Endpoint => model.name == value || model.endpoints.iter().any(|e| e == value),
            EntityKind::Dataset => reads(model),
            EntityKind::Run => self.0.pipelines.iter().any(|p| p.name == value && p.models.contains(&model.name)),
            _ => false,
        };
        self.0.models.iter().filter(hit).collect()
    }

    /// Pipelines that a data set, model or run stands for.
    pub fn pipelines_of(&self, entity: &Entity) -> Vec<String> {
        let value = entity.value.as_str();
        let name = value.split('@').next().unwrap_or(value);
        let hit = |p: &&crate::config::PipelineConfig| match entity.kind {
            EntityKind::Run => p.name == value,
            EntityKind::Dataset => p.datasets.iter().any(|d| d == value),
            EntityKind::Model | EntityKind::ModelVersion | EntityKind::Endpoint => p.models.iter().any(|m| m == name),
            _ => false,
        };
        self.0.pipelines.iter().filter(hit).map(|p| p.name.clone()).collect()
    }

    /// The file of a data set or model version, if the inventory names one.
    pub fn file_of(&self, entity: &Entity) -> Option<PathBuf> {
        match entity.kind {
            EntityKind::Dataset => self.0.datasets.iter().find(|d| d.name == entity.value)?.path.clone(),
            EntityKind::ModelVersion => self.0.models.iter().find_map(|m| m.versions.get(&entity.value).cloned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        let text = serde_json::json!({
            "models": [
                {"name": "churn", "tier": 2, "owner": "crm", "endpoints": ["/v1/churn"]},
                {"name": "fraud", "tier": 1, "owner": "risk", "endpoints": ["/v1/fraud"], "datasets": ["fraud-train"],
                 "versions": {"fraud@7": "models/fraud-7.pkl"}},
            ],
            "datasets": [{"name": "fraud-train", "owner": "data", "path": "data/fraud.csv"}],
            "pipelines": [{"name": "fraud-nightly", "datasets": ["fraud-train"], "models": ["fraud"]}],
        });
        Inventory::new(serde_json::from_value(text).expect("inventory"))
    }

    #[test]
    fn a_data_set_points_forward() {
        let dataset = Entity::new(EntityKind::Dataset, "fraud-train");
        let got = inventory().lookup(std::slice::from_ref(&dataset));
        assert_eq!((got.found, got.tier, got.owner.as_str(), got.blast_radius()), (1, 1, "risk", 2));
        assert_eq!(got.lineage[0], ("fraud".into(), "/v1/fraud".into(), "serves"));
        assert_eq!(inventory().pipelines_of(&dataset), ["fraud-nightly"]);
        assert_eq!(inventory().file_of(&dataset), Some("data/fraud.csv".into()));
    }

    #[test]
    fn the_most_critical_decides_and_the_unknown_is_said() {
        let both = [Entity::new(EntityKind::Model, "churn"), Entity::new(EntityKind::ModelVersion, "fraud@7")];
        let got = inventory().lookup(&both);
        assert_eq!((got.found, got.tier, got.models), (2, 1, vec!["fraud".to_owned(), "churn".to_owned()]));
        let unknown = inventory().lookup(&[Entity::new(EntityKind::Address, "192.0.2.1")]);
        assert_eq!((unknown.found, unknown.tier, unknown.owner.as_str()), (0, TIER_UNKNOWN, ""));
    }
}
