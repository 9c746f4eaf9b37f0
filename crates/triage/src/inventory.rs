//! What there is, who owns it, and what depends on what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use casemate_finding::{Entity, EntityKind};
use serde::{Deserialize, Serialize};

/// Something in the inventory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// What it is.
    pub kind: EntityKind,
    /// Its name, as alerts name it.
    pub value: String,
    /// 1 (most critical) to 4; 3 if left out.
    #[serde(default = "tier_default")]
    pub tier: u8,
    /// The team or person that owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// The business unit that it belongs to.
    #[serde(default)]
    pub unit: Option<String>,
    /// Its share of all traffic, 0 to 1.
    #[serde(default)]
    pub traffic: f64,
}

const fn tier_default() -> u8 {
    3
}

/// `to` is made from, or served by, `from`: data set → run → model version → end-point → consumer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// What something comes from.
    pub from: Entity,
    /// What comes of it.
    pub to: Entity,
    /// How, as `trained_on`, `produced`, `serves`, `called_by`.
    #[serde(default)]
    pub kind: String,
}

/// The inventory as configuration writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventorySource {
    /// Everything in it.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// What depends on what.
    #[serde(default)]
    pub edges: Vec<Edge>,
}

/// Inventory and lineage, ready to ask.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    nodes: BTreeMap<Entity, Node>,
    forward: BTreeMap<Entity, Vec<Entity>>,
    backward: BTreeMap<Entity, Vec<Entity>>,
    edges: Vec<Edge>,
}

/// Something that an attack on something else reaches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    /// What.
    pub entity: Entity,
    /// Steps away.
    pub distance: u32,
    /// Its tier.
    pub tier: u8,
    /// What it adds: weight of its tier and traffic, halved with each step.
    pub weight: f64,
}

/// What an attack reaches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Blast {
    /// 1 − Π(1 − weight), 0 to 1.
    pub radius: f64,
    /// Least tier of what is hit or reached (1 is the most critical); 3 if nothing is known.
    pub tier: u8,
    /// Owner of what is hit itself, if one is known.
    pub owner: Option<String>,
    /// What is reached, nearest first, at most 1,000.
    pub reached: Vec<Reached>,
}

const REACHED_MAX: usize = 1_000;
const DISTANCE_MAX: u32 = 16;

impl Inventory {
    /// Builds it. Edges may name what has no node of its own; tiers outside 1 to 4 are put to the nearer end.
    pub fn new(source: InventorySource) -> Self {
        let mut inventory = Self::default();
        for mut node in source.nodes {
            node.tier = node.tier.clamp(1, 4);
            let Some(entity) = crate::canonical::entity(node.kind, &node.value) else { continue };
            inventory.nodes.insert(entity, node);
        }
        for edge in source.edges {
            inventory.forward.entry(edge.from.clone()).or_default().push(edge.to.clone());
            inventory.backward.entry(edge.to.clone()).or_default().push(edge.from.clone());
            inventory.edges.push(edge);
        }
        inventory
    }

    /// What is known of an entity.
    pub fn node(&self, entity: &Entity) -> Option<&Node> {
        self.nodes.get(entity)
    }

    /// Everything in it.
    pub fn nodes(&self) -> impl Iterator<Item = (&Entity, &Node)> {
        self.nodes.iter()
    }

    /// All edges.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The edges that touch what these entities reach, for drawing and for `inventory.lookup`.
    pub fn lineage(&self, entities: &[Entity]) -> Vec<&Edge> {
        let reached: BTreeSet<Entity> = self.walk(entities).into_keys().chain(entities.iter().cloned()).collect();
        self.edges.iter().filter(|e| reached.contains(&e.from) && reached.contains(&e.to)).collect()
    }

    /// What an attack on these entities reaches. What is made (data sets, runs, versions) points forward, to whatever came
    /// of it; an end-point, model, agent or tool under attack points both ways: to who uses it, and back to what it could
    /// give away.
    pub fn blast(&self, entities: &[Entity]) -> Blast {
        let distances = self.walk(entities);
        let mut reached: Vec<Reached> = distances
            .into_iter()
            .map(|(entity, distance)| {
                let node = self.nodes.get(&entity);
                let tier = node.map_or(tier_default(), |n| n.tier);
                let traffic = node.map_or(0.0, |n| n.traffic.clamp(0.0, 1.0));
                let weight = (tier_weight(tier) * (0.5 + 0.5 * traffic)) * 0.5_f64.powi(distance.min(30) as i32);
                Reached { entity, distance, tier, weight }
            })
            .collect();
        reached.sort_by(|a, b| (a.distance, &a.entity).cmp(&(b.distance, &b.entity)));
        reached.truncate(REACHED_MAX);
        let hit: Vec<&Node> = entities.iter().filter_map(|e| self.nodes.get(e)).collect();
        let known = |r: &&Reached| self.nodes.contains_key(&r.entity);
        let tier = reached.iter().filter(known).map(|r| r.tier).chain(hit.iter().map(|n| n.tier)).min();
        Blast {
            radius: 1.0 - reached.iter().map(|r| 1.0 - r.weight).product::<f64>(),
            tier: tier.unwrap_or(tier_default()),
            owner: hit
                .iter()
                .min_by_key(|n| n.tier)
                .and_then(|n| n.owner.clone())
                .or_else(|| reached.iter().find_map(|r| self.nodes.get(&r.entity)?.owner.clone())),
            reached,
        }
    }

    fn walk(&self, entities: &[Entity]) -> BTreeMap<Entity, u32> {
        let mut seen: BTreeMap<Entity, u32> = BTreeMap::new();
        let mut left: VecDeque<(Entity, u32, bool)> = VecDeque::new();
        for e in entities {
            left.push_back((e.clone(), 0, true));
            if matches!(e.kind, EntityKind::Endpoint | EntityKind::Model | EntityKind::Agent | EntityKind::Tool) {
                left.push_back((e.clone(), 0, false));
            }
        }
        let start: BTreeSet<&Entity> = entities.iter().collect();
        let mut visited: BTreeSet<(Entity, bool)> = BTreeSet::new();
        while let Some((entity, distance, ahead)) = left.pop_front() {
            if distance >= DISTANCE_MAX || seen.len() >= REACHED_MAX * 10 || !visited.insert((entity.clone(), ahead)) {
                continue;
            }
            let next = if ahead { &self.forward } else { &self.backward };
            for to in next.get(&entity).into_iter().flatten() {
                if !start.contains(to) {
                    let known = seen.entry(to.clone()).or_insert(distance + 1);
                    *known = (*known).min(distance + 1);
                }
                left.push_back((to.clone(), distance + 1, ahead));
            }
        }
        seen
    }
}

/// What a tier weighs: half as much with each step down.
pub(crate) const fn tier_weight(tier: u8) -> f64 {
    match tier {
        0 | 1 => 0.8,
        2 => 0.4,
        3 => 0.2,
        _ => 0.1,
    }
}

#[cfg(test)]
mod tests {
    use casemate_finding::{Entity, EntityKind};

    use super::{Edge, Inventory, InventorySource, Node};

    fn e(kind: EntityKind, value: &str) -> Entity {
        Entity::new(kind, value)
    }

    fn inventory() -> Inventory {
        let data = e(EntityKind::Dataset, "fraud-train");
        let run = e(EntityKind::Run, "fraud-weekly");
        let version = e(EntityKind::ModelVersion, "fraud@3");
        let endpoint = e(EntityKind::Endpoint, "fraud");
        let consumer = e(EntityKind::Principal, "payments");
        let edge = |from: &Entity, to: &Entity| Edge { from: from.clone(), to: to.clone(), kind: String::new() };
        let node = |e: &Entity, tier, owner: &str| Node {
            kind: e.kind,
            value: e.value.clone(),
            tier,
            owner: Some(owner.to_owned()),
            unit: None,
            traffic: 0.5,
        };
        Inventory::new(InventorySource {
            nodes: vec![node(&data, 2, "data"), node(&endpoint, 1, "fraud-team")],
            edges: vec![edge(&data, &run), edge(&run, &version), edge(&version, &endpoint), edge(&endpoint, &consumer)],
        })
    }

    #[test]
    fn a_poisoned_data_set_points_forward() {
        let blast = inventory().blast(&[e(EntityKind::Dataset, "fraud-train")]);
        let names: Vec<&str> = blast.reached.iter().map(|r| r.entity.value.as_str()).collect();
        assert_eq!(names, ["fraud-weekly", "fraud@3", "fraud", "payments"]);
        assert_eq!((blast.tier, blast.owner.as_deref()), (1, Some("data")));
        assert!(blast.radius > 0.0 && blast.radius < 1.0);
    }

    #[test]
    fn an_attacked_end_point_points_both_ways() {
        let blast = inventory().blast(&[e(EntityKind::Endpoint, "fraud")]);
        let names: Vec<(&str, u32)> = blast.reached.iter().map(|r| (r.entity.value.as_str(), r.distance)).collect();
        assert_eq!(names, [("payments", 1), ("fraud@3", 1), ("fraud-weekly", 2), ("fraud-train", 3)]);
    }

    #[test]
    fn nothing_known_is_tier_three_and_circles_end() {
        assert_eq!(inventory().blast(&[e(EntityKind::Model, "other")]).tier, 3);
        let (a, b) = (e(EntityKind::Model, "a"), e(EntityKind::Model, "b"));
        let edge = |from: &Entity, to: &Entity| Edge { from: from.clone(), to: to.clone(), kind: String::new() };
        let circle = Inventory::new(InventorySource { nodes: vec![], edges: vec![edge(&a, &b), edge(&b, &a)] });
        assert_eq!(circle.blast(&[a]).reached.len(), 1);
    }
}
