//! Incidents as components over shared entities in a sliding window.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use casemate_finding::{Entity, EntityKind, UnixMs};
use serde::{Deserialize, Serialize};

use crate::alert::NormalAlert;
use crate::fold::Storm;

/// How alerts find together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowSettings {
    /// Milliseconds after its last alert during which an incident takes more. Default 4 hours.
    pub quiet_ms: i64,
    /// Milliseconds after its first alert beyond which it takes no more. Default 24 hours.
    pub span_ms: i64,
    /// Sum of the weights of shared entities from which an alert joins. Default 0.5.
    pub join_min: f64,
    /// Incidents that share an entity at which its weight is halved. Default 8.
    pub hub_half: f64,
    /// Incidents kept; past it those with the oldest last alert are let go. Default 10,000.
    pub incidents_max: usize,
    /// Entities kept for one incident; further ones do not attract. Default 512.
    pub entities_max: usize,
    /// Storms kept for one incident; past it alerts of further fingerprints join without being folded. Default 1,024.
    pub storms_max: usize,
}

impl Default for WindowSettings {
    fn default() -> Self {
        Self {
            quiet_ms: 4 * 3_600_000,
            span_ms: 24 * 3_600_000,
            join_min: 0.5,
            hub_half: 8.0,
            incidents_max: 10_000,
            entities_max: 512,
            storms_max: 1_024,
        }
    }
}

/// Where an alert belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "placement", content = "incident", rename_all = "snake_case")]
pub enum Placement {
    /// Nothing open attracts it: a new incident, under the id that the caller gave.
    NewIncident,
    /// It joins an open incident and is worth showing.
    Join(String),
    /// It folds into a storm of an open incident: counted and kept, not shown by itself.
    Fold(String),
    /// It says that something is over. It counts nowhere; the incident that it speaks of, if there is one.
    Resolved(Option<String>),
}

/// A placement, with what led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Placed {
    /// Where it belongs.
    pub placement: Placement,
    /// Sum of the weights of shared entities.
    pub score: f64,
    /// The shared entities, each with its weight after hubs were weighed down.
    pub shared: Vec<(Entity, f64)>,
    /// Other open incidents that it would have joined: related cases.
    pub related: Vec<String>,
    /// Entities of kinds that are new in its storm.
    pub surfaced: Vec<Entity>,
}

/// What is kept of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentSummary {
    /// Its id.
    pub id: String,
    /// First alert.
    pub first: UnixMs,
    /// Last alert.
    pub last: UnixMs,
    /// How many.
    pub alerts: u64,
    /// Closed incidents take no more.
    pub closed: bool,
    /// Its entities.
    pub entities: BTreeSet<Entity>,
    /// Its storms by fingerprint.
    pub storms: BTreeMap<String, Storm>,
}

/// The open incidents of one tenant. The order of calls and their times decide everything: no clock, no randomness.
#[derive(Clone, Debug, Default)]
pub struct Window {
    settings: WindowSettings,
    incidents: BTreeMap<String, IncidentSummary>,
    by_entity: HashMap<Entity, BTreeSet<String>>,
    by_fingerprint: HashMap<String, String>,
    opened: u64,
}

/// A sum of weights, and what it is made of.
type Attraction = (f64, Vec<(Entity, f64)>);

/// How much sharing an entity of a kind says.
const fn weight_of(kind: EntityKind) -> f64 {
    match kind {
        EntityKind::Address
        | EntityKind::Range
        | EntityKind::Key
        | EntityKind::Principal
        | EntityKind::ModelVersion
        | EntityKind::Dataset
        | EntityKind::Digest => 1.0,
        EntityKind::Run => 0.8,
        EntityKind::Agent => 0.7,
        EntityKind::Model => 0.45,
        EntityKind::Endpoint => 0.35,
        EntityKind::Tool => 0.3,
        EntityKind::Tenant => 0.0,
    }
}

/// Places an alert that came in at `now`. `new_id` becomes the id of its incident if it opens one; `key` names the alert in
/// the store.
pub fn correlate(window: &mut Window, alert: &NormalAlert, key: &str, new_id: &str, now: UnixMs) -> Placed {
    window.place(alert, key, new_id, now)
}

impl Window {
    /// An empty window.
    pub fn new(settings: WindowSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Puts an incident back after a restart.
    pub fn restore(&mut self, incident: IncidentSummary) {
        for e in &incident.entities {
            self.by_entity.entry(e.clone()).or_default().insert(incident.id.clone());
        }
        if !incident.closed {
            for fingerprint in incident.storms.keys() {
                self.by_fingerprint.insert(fingerprint.clone(), incident.id.clone());
            }
        }
        self.incidents.insert(incident.id.clone(), incident);
    }

    /// The incident with this id, while it is kept.
    pub fn incident(&self, id: &str) -> Option<&IncidentSummary> {
        self.incidents.get(id)
    }

    /// How many incidents are kept.
    pub fn len(&self) -> usize {
        self.incidents.len()
    }

    /// True if none is kept.
    pub fn is_empty(&self) -> bool {
        self.incidents.is_empty()
    }

    /// People closed an incident: no alert joins it again.
    pub fn close(&mut self, id: &str) {
        if let Some(incident) = self.incidents.get_mut(id) {
            incident.closed = true;
            let owned: Vec<String> = incident.storms.keys().cloned().collect();
            for fingerprint in owned {
                if self.by_fingerprint.get(&fingerprint).is_some_and(|owner| owner == id) {
                    self.by_fingerprint.remove(&fingerprint);
                }
            }
        }
    }

    fn takes_more(&self, incident: &IncidentSummary, now: UnixMs) -> bool {
        !incident.closed
            && now.since_ms(incident.last) <= self.settings.quiet_ms
            && now.since_ms(incident.first) <= self.settings.span_ms
    }

    fn place(&mut self, alert: &NormalAlert, key: &str, new_id: &str, now: UnixMs) -> Placed {
        let storm_of = self
            .by_fingerprint
            .get(&alert.fingerprint)
            .filter(|id| self.incidents.get(*id).is_some_and(|i| self.takes_more(i, now)))
            .cloned();
        let mut placed = self.attraction(alert, now);
        if alert.resolved {
            let about = storm_of.or_else(|| match &placed.placement {
                Placement::Join(id) => Some(id.clone()),
                _ => None,
            });
            placed.placement = Placement::Resolved(about);
            return placed;
        }
        let id = match (&storm_of, &placed.placement) {
            (Some(id), _) | (None, Placement::Join(id)) => id.clone(),
            _ => new_id.to_owned(),
        };
        let opened = !self.incidents.contains_key(&id);
        if opened {
            self.make_room(now);
        }
        placed.surfaced = self.add(&id, alert, key, now);
        placed.related.retain(|other| *other != id);
        placed.placement = match (opened, storm_of.is_some() && placed.surfaced.is_empty()) {
            (true, _) => Placement::NewIncident,
            (false, true) => Placement::Fold(id),
            (false, false) => Placement::Join(id),
        };
        placed
    }

    /// What attracts the alert: the sum over shared entities, each weighed by its kind and by how many incidents have it.
    fn attraction(&self, alert: &NormalAlert, now: UnixMs) -> Placed {
        let mut sums: BTreeMap<&String, Attraction> = BTreeMap::new();
        for e in &alert.entities {
            let Some(ids) = self.by_entity.get(e) else { continue };
            let hub = self.settings.hub_half / (self.settings.hub_half + ids.len() as f64 - 1.0);
            let weight = weight_of(e.kind) * hub;
            if weight <= 0.0 {
                continue;
            }
            for id in ids {
                if self.incidents.get(id).is_some_and(|i| self.takes_more(i, now)) {
                    let sum = sums.entry(id).or_default();
                    sum.0 += weight;
                    sum.1.push((e.clone(), weight));
                }
            }
        }
        let mut joinable: Vec<_> = sums.into_iter().filter(|(_, (sum, _))| *sum >= self.settings.join_min).collect();
        // The strongest first, then the oldest, then by id: the same every time.
        let first_of = |id: &str| self.incidents.get(id).map_or(UnixMs(0), |i| i.first);
        joinable.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then_with(|| (first_of(a.0), a.0).cmp(&(first_of(b.0), b.0))));
        let mut rest = joinable.into_iter();
        match rest.next() {
            None => Placed {
                placement: Placement::NewIncident,
                score: 0.0,
                shared: Vec::new(),
                related: Vec::new(),
                surfaced: Vec::new(),
            },
            Some((id, (score, shared))) => Placed {
                placement: Placement::Join(id.clone()),
                score,
                shared,
                related: rest.map(|(id, _)| id.clone()).take(16).collect(),
                surfaced: Vec::new(),
            },
        }
    }

    fn add(&mut self, id: &str, alert: &NormalAlert, key: &str, now: UnixMs) -> Vec<Entity> {
        let settings = self.settings;
        let incident = self.incidents.entry(id.to_owned()).or_insert_with(|| IncidentSummary {
            id: id.to_owned(),
            first: now,
            last: now,
            alerts: 0,
            closed: false,
            entities: BTreeSet::new(),
            storms: BTreeMap::new(),
        });
        incident.last = incident.last.max(now);
        incident.alerts += 1;
        for e in &alert.entities {
            if incident.entities.len() < settings.entities_max && incident.entities.insert(e.clone()) {
                self.by_entity.entry(e.clone()).or_default().insert(id.to_owned());
            }
        }
        if !incident.storms.contains_key(&alert.fingerprint) && incident.storms.len() >= settings.storms_max {
            return Vec::new();
        }
        self.by_fingerprint.insert(alert.fingerprint.clone(), id.to_owned());
        let storm =
            incident.storms.entry(alert.fingerprint.clone()).or_insert_with(|| Storm::new(&alert.fingerprint, now));
        storm.add(alert, key, now)
    }

    /// Before a new incident: lets go of those that can take no more, and, at the limit, of the oldest. Looked for every 64
    /// new incidents, and at the limit a sixteenth at a time, so that the cost of looking is spread.
    fn make_room(&mut self, now: UnixMs) {
        self.opened += 1;
        let full = self.incidents.len() >= self.settings.incidents_max;
        if !full && !self.opened.is_multiple_of(64) {
            return;
        }
        let keep_ms = self.settings.quiet_ms.max(self.settings.span_ms);
        let mut by_age: Vec<(UnixMs, String)> = self.incidents.values().map(|i| (i.last, i.id.clone())).collect();
        by_age.sort();
        let over = by_age.iter().take_while(|(last, _)| now.since_ms(*last) > keep_ms).count();
        let at_least = if full { (self.settings.incidents_max / 16).max(1) } else { 0 };
        by_age.truncate(over.max(at_least));
        let gone: Vec<String> = by_age.into_iter().map(|(_, id)| id).collect();
        for id in gone {
            self.close(&id);
            let Some(incident) = self.incidents.remove(&id) else { continue };
            for e in incident.entities {
                if let Some(ids) = self.by_entity.get_mut(&e) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        self.by_entity.remove(&e);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use casemate_finding::{EntityKind, UnixMs};
    use serde_json::json;

    use super::{Placement, Window, WindowSettings, correlate};
    use crate::alert::NormalAlert;
    use crate::sources::map;

    const HOUR: i64 = 3_600_000;

    fn alert(rule: &str, members: serde_json::Value) -> NormalAlert {
        let mut raw = json!({"rule": rule, "title": rule});
        if let (Some(all), Some(more)) = (raw.as_object_mut(), members.as_object()) {
            all.extend(more.clone());
        }
        map("plain", &raw).expect("maps")
    }

    struct Play {
        window: Window,
        n: usize,
    }

    impl Play {
        fn new() -> Self {
            Self { window: Window::new(WindowSettings::default()), n: 0 }
        }

        fn at(&mut self, hours: i64, rule: &str, members: serde_json::Value) -> Placement {
            self.n += 1;
            let (key, id) = (format!("a{}", self.n), format!("i{}", self.n));
            correlate(&mut self.window, &alert(rule, members), &key, &id, UnixMs(hours * HOUR)).placement
        }
    }

    #[test]
    fn alerts_that_share_what_matters_join_and_repeats_fold() {
        let mut play = Play::new();
        assert_eq!(play.at(0, "surge", json!({"range": "10.0.0.0/24", "endpoint": "churn"})), Placement::NewIncident);
        assert_eq!(
            play.at(1, "surge", json!({"range": "10.0.0.0/24", "endpoint": "churn"})),
            Placement::Fold("i1".into())
        );
        assert_eq!(play.at(1, "stuffing", json!({"range": "10.0.0.7/24", "key": "k"})), Placement::Join("i1".into()));
        assert_eq!(play.at(1, "leak", json!({"key": "k"})), Placement::Join("i1".into()));
        assert_eq!(
            play.at(1, "leak", json!({"endpoint": "churn"})),
            Placement::NewIncident,
            "an end-point alone is too little"
        );
        assert_eq!(play.at(1, "other", json!({})), Placement::NewIncident);
        assert_eq!(play.window.incident("i1").map(|i| i.alerts), Some(4));
    }

    #[test]
    fn the_window_slides_and_has_an_end() {
        let mut play = Play::new();
        let a = json!({"address": "10.0.0.1"});
        assert_eq!(play.at(0, "r", a.clone()), Placement::NewIncident);
        assert_eq!(play.at(4, "r", a.clone()), Placement::Fold("i1".into()), "quiet for exactly the limit");
        for hour in [8, 12, 16, 20, 24] {
            assert_eq!(play.at(hour, "r", a.clone()), Placement::Fold("i1".into()));
        }
        assert_eq!(play.at(25, "r", a.clone()), Placement::NewIncident, "past the span");
        assert_eq!(play.at(30, "r", a), Placement::NewIncident, "past the quiet time");
    }

    #[test]
    fn closed_incidents_take_nothing_and_resolved_alerts_never_count() {
        let mut play = Play::new();
        let a = json!({"address": "10.0.0.1"});
        play.at(0, "r", a.clone());
        play.window.close("i1");
        assert_eq!(play.at(0, "r", a.clone()), Placement::NewIncident);
        let over = json!({"address": "10.0.0.1", "resolved": true});
        assert_eq!(play.at(0, "r", over), Placement::Resolved(Some("i2".into())));
        assert_eq!(play.at(0, "x", json!({"address": "10.9.9.9", "resolved": true})), Placement::Resolved(None));
        assert_eq!(play.window.incident("i2").map(|i| i.alerts), Some(1));
    }

    #[test]
    fn hubs_lose_their_pull() {
        let mut play = Play::new();
        let shared =
            |n: usize| json!({"user": "scanner", "dataset": format!("d{n}"), "model_version": format!("m@{n}")});
        // Twenty incidents that the same service account is in, made apart by closing each.
        for n in 0..20 {
            assert_eq!(play.at(0, "r", shared(n)), Placement::NewIncident);
            let id = format!("i{}", n + 1);
            if n < 19 {
                play.window.close(&id);
            }
        }
        assert_eq!(play.at(0, "q", json!({"user": "scanner"})), Placement::NewIncident, "the account is a hub by now");
        assert_eq!(play.at(0, "q", json!({"user": "scanner", "dataset": "d19"})), Placement::Join("i20".into()));
    }

    #[test]
    fn a_new_kind_of_entity_in_a_storm_surfaces() {
        let mut play = Play::new();
        let range = json!({"range": "10.0.0.0/24"});
        play.at(0, "r", range.clone());
        assert_eq!(play.at(0, "r", range), Placement::Fold("i1".into()));
        let with_digest = json!({"range": "10.0.0.0/24", "digest": "ab".repeat(32)});
        assert_eq!(play.at(0, "r", with_digest.clone()), Placement::Join("i1".into()));
        assert_eq!(play.at(0, "r", with_digest), Placement::Fold("i1".into()), "once");
    }

    #[test]
    fn two_incidents_that_one_alert_ties_are_related() {
        let mut play = Play::new();
        play.at(0, "a", json!({"address": "10.0.0.1"}));
        play.at(0, "b", json!({"key": "k"}));
        let both = alert("c", json!({"address": "10.0.0.1", "key": "k"}));
        let placed = correlate(&mut play.window, &both, "a3", "i3", UnixMs(0));
        assert_eq!((placed.placement, placed.related), (Placement::Join("i1".into()), vec!["i2".to_owned()]));
        assert_eq!(placed.shared[0].0.kind, EntityKind::Address);
    }

    #[test]
    fn limits_at_the_limit_and_one_past_it() {
        let settings = WindowSettings { incidents_max: 3, storms_max: 1, ..WindowSettings::default() };
        let mut window = Window::new(settings);
        for n in 0..5_i64 {
            let a = alert("r", json!({"address": format!("10.0.0.{n}")}));
            correlate(&mut window, &a, &format!("a{n}"), &format!("i{n}"), UnixMs(n));
            assert!(window.len() <= 3);
        }
        assert!(window.incident("i1").is_none() && window.incident("i4").is_some(), "the oldest went");
        let other = alert("other", json!({"address": "10.0.0.4"}));
        let placed = correlate(&mut window, &other, "x", "y", UnixMs(9));
        assert_eq!(placed.placement, Placement::Join("i4".into()));
        assert_eq!(window.incident("i4").map(|i| i.storms.len()), Some(1));
    }

    #[test]
    fn a_restored_window_goes_on_where_it_was() {
        let mut play = Play::new();
        let a = json!({"address": "10.0.0.1"});
        play.at(0, "r", a.clone());
        let kept = play.window.incident("i1").expect("kept").clone();
        let text = serde_json::to_string(&kept).expect("serialises");
        let mut again = Play { window: Window::new(WindowSettings::default()), n: 1 };
        again.window.restore(serde_json::from_str(&text).expect("reads"));
        assert_eq!(again.at(1, "r", a), Placement::Fold("i1".into()));
    }
}
