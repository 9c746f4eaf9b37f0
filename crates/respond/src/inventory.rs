//! What there is to protect, and what hangs on it: the configuration's models, data sets and pipelines as a graph.

use std::path::PathBuf;

use casemate_finding::{Entity, EntityKind};
use casemate_triage::{Blast, Edge, InventorySource, Node};
use serde_json::{Value, json};

use crate::config::InventoryConfig;

/// The inventory, from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    config: InventoryConfig,
    graph: casemate_triage::Inventory,
}

impl Inventory {
    /// The inventory as configured: data set → pipeline → model → version and end-point.
    pub fn new(config: InventoryConfig) -> Self {
        let mut source = InventorySource::default();
        let owner = |text: &str| Some(text.to_owned()).filter(|o| !o.is_empty());
        let edge = |from: (EntityKind, &str), to: (EntityKind, &str), kind: &str| Edge {
            from: Entity::new(from.0, from.1),
            to: Entity::new(to.0, to.1),
            kind: kind.to_owned(),
        };
        for model in &config.models {
            let mut node = |kind, value: &str| {
                source.nodes.push(Node {
                    kind,
                    value: value.to_owned(),
                    tier: model.tier,
                    owner: owner(&model.owner),
                    unit: None,
                    traffic: model.traffic,
                });
            };
            let of = (EntityKind::Model, model.name.as_str());
            node(of.0, of.1);
            for endpoint in &model.endpoints {
                node(EntityKind::Endpoint, endpoint);
                source.edges.push(edge(of, (EntityKind::Endpoint, endpoint), "serves"));
            }
            for version in model.versions.keys() {
                node(EntityKind::ModelVersion, version);
                source.edges.push(edge((EntityKind::ModelVersion, version), of, "version_of"));
            }
            for dataset in &model.datasets {
                source.edges.push(edge((EntityKind::Dataset, dataset), of, "trains"));
            }
        }
        for dataset in &config.datasets {
            source.nodes.push(Node {
                kind: EntityKind::Dataset,
                value: dataset.name.clone(),
                tier: 4,
                owner: owner(&dataset.owner),
                unit: None,
                traffic: 0.0,
            });
        }
        for pipeline in &config.pipelines {
            let of = (EntityKind::Run, pipeline.name.as_str());
            for dataset in &pipeline.datasets {
                source.edges.push(edge((EntityKind::Dataset, dataset), of, "read_by"));
            }
            for model in &pipeline.models {
                source.edges.push(edge(of, (EntityKind::Model, model), "produces"));
            }
        }
        Self { config, graph: casemate_triage::Inventory::new(source) }
    }

    /// What an attack on these entities reaches.
    pub fn blast(&self, entities: &[Entity]) -> Blast {
        self.graph.blast(entities)
    }

    /// Share of all traffic that these entities stand for, 0 to 1.
    pub fn traffic(&self, entities: &[Entity]) -> f64 {
        entities.iter().filter_map(|e| self.graph.node(e)).map(|n| n.traffic).fold(0.0, f64::max)
    }

    /// What is known of these entities, as steps of a playbook see it.
    pub fn lookup(&self, entities: &[Entity]) -> Value {
        let blast = self.blast(entities);
        let known = entities.iter().filter(|e| self.graph.node(e).is_some()).count();
        let all = entities.iter().chain(blast.reached.iter().map(|r| &r.entity));
        let mut models: Vec<&str> = all.filter(|e| e.kind == EntityKind::Model).map(|e| e.value.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        let lineage: Vec<_> = self
            .graph
            .lineage(entities)
            .into_iter()
            .map(|e| json!({"from": e.from, "to": e.to, "kind": e.kind}))
            .collect();
        json!({
            "found": known, "tier": blast.tier, "owner": blast.owner.unwrap_or_default(),
            "blast_radius": blast.radius, "models": models, "lineage": lineage,
        })
    }

    /// Who answers for these entities; empty if nobody is known.
    pub fn owner(&self, entities: &[Entity]) -> String {
        self.blast(entities).owner.unwrap_or_default()
    }

    /// Pipelines that read a data set.
    pub fn readers_of(&self, dataset: &str) -> Vec<String> {
        let reads = |p: &&crate::config::PipelineConfig| p.datasets.iter().any(|d| d == dataset);
        self.config.pipelines.iter().filter(reads).map(|p| p.name.clone()).collect()
    }

    /// The file of a data set or model version, if the inventory names one.
    pub fn file_of(&self, entity: &Entity) -> Option<PathBuf> {
        match entity.kind {
            EntityKind::Dataset => self.config.datasets.iter().find(|d| d.name == entity.value)?.path.clone(),
            EntityKind::ModelVersion => self.config.models.iter().find_map(|m| m.versions.get(&entity.value).cloned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> Inventory {
        let text = json!({
            "models": [
                {"name": "churn", "tier": 2, "owner": "crm", "endpoints": ["churn-endpoint"]},
                {"name": "fraud", "tier": 1, "owner": "risk", "endpoints": ["fraud-endpoint"],
                 "versions": {"fraud@7": "models/fraud-7.pkl"}},
            ],
            "datasets": [{"name": "fraud-train", "owner": "data", "path": "data/fraud.csv"}],
            "pipelines": [{"name": "fraud-nightly", "datasets": ["fraud-train"], "models": ["fraud"]}],
        });
        Inventory::new(serde_json::from_value(text).expect("inventory"))
    }

    #[test]
    fn a_data_set_points_forward() {
        let dataset = [Entity::new(EntityKind::Dataset, "fraud-train")];
        let got = inventory().lookup(&dataset);
        assert_eq!((&got["found"], &got["tier"], &got["owner"]), (&json!(1), &json!(1), &json!("data")));
        assert_eq!(got["models"], json!(["fraud"]));
        assert!(got["blast_radius"].as_f64().is_some_and(|r| r > 0.1 && r < 1.0), "{got}");
        assert_eq!(got["lineage"].as_array().map(Vec::len), Some(3), "data set, pipeline, model, end-point: {got}");
        assert_eq!(inventory().readers_of("fraud-train"), ["fraud-nightly"]);
        assert_eq!(inventory().file_of(&dataset[0]), Some("data/fraud.csv".into()));
    }

    #[test]
    fn the_most_critical_decides_and_the_unknown_is_said() {
        let both = [Entity::new(EntityKind::Model, "churn"), Entity::new(EntityKind::ModelVersion, "fraud@7")];
        let got = inventory().lookup(&both);
        assert_eq!((&got["found"], &got["tier"], &got["models"]), (&json!(2), &json!(1), &json!(["churn", "fraud"])));
        let unknown = inventory().lookup(&[Entity::new(EntityKind::Address, "192.0.2.1")]);
        assert_eq!((&unknown["found"], &unknown["owner"]), (&json!(0), &json!("")));
    }
}
