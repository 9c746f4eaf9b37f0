//! Leader clustering (Hartigan 1975): a text joins the nearest leader within reach, or leads a new cluster. One pass, memory
//! bounded by the number of leaders; the one longest without a member gives way.

use casemate_finding::UnixMs;

use super::Vector;

/// Bounds of clustering.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeaderSettings {
    /// Cosine from which a text joins. Default .75.
    pub cosine_min: f32,
    /// Leaders kept. Default 4096 (about 1.2 MiB).
    pub leaders_max: usize,
    /// Time without a member after which a cluster ends, in milliseconds. Default one hour.
    pub idle_ms: i64,
}

impl Default for LeaderSettings {
    fn default() -> Self {
        Self { cosine_min: 0.75, leaders_max: 4096, idle_ms: 3_600_000 }
    }
}

/// One cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Leader {
    /// Names the cluster for as long as it lives.
    pub id: u64,
    /// Members so far.
    pub members: u64,
    /// When the first came.
    pub since: UnixMs,
    /// When the last came.
    pub last: UnixMs,
    vector: Vector,
}

/// What became of one text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joined {
    /// The cluster's id.
    pub cluster: u64,
    /// Its members, this one among them.
    pub members: u64,
    /// Cosine to its leader; 1 for the leader itself.
    pub cosine: f32,
}

/// Clusters that live.
#[derive(Clone, Debug)]
pub struct LeaderClusters {
    settings: LeaderSettings,
    leaders: Vec<Leader>,
    next: u64,
}

impl LeaderClusters {
    /// No clusters yet.
    pub const fn new(settings: LeaderSettings) -> Self {
        Self { settings, leaders: Vec::new(), next: 1 }
    }

    /// Clusters that live, in no order.
    pub fn leaders(&self) -> &[Leader] {
        &self.leaders
    }

    /// Takes a text by its vector.
    pub fn join(&mut self, vector: Vector, now: UnixMs) -> Joined {
        let idle_ms = self.settings.idle_ms;
        self.leaders.retain(|l| now.since_ms(l.last) <= idle_ms);
        let nearest = self
            .leaders
            .iter_mut()
            .map(|l| (l.vector.cosine(&vector), l))
            .filter(|(cosine, _)| *cosine >= self.settings.cosine_min)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((cosine, leader)) = nearest {
            leader.members += 1;
            leader.last = now;
            return Joined { cluster: leader.id, members: leader.members, cosine };
        }
        if self.leaders.len() >= self.settings.leaders_max.max(1)
            && let Some(stalest) = (0..self.leaders.len()).min_by_key(|&i| self.leaders[i].last)
        {
            self.leaders.swap_remove(stalest);
        }
        let id = self.next;
        self.next += 1;
        self.leaders.push(Leader { id, members: 1, since: now, last: now, vector });
        Joined { cluster: id, members: 1, cosine: 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::{LeaderClusters, LeaderSettings};
    use crate::Classifier;
    use crate::similarity::Vector;
    use casemate_finding::UnixMs;

    #[test]
    fn variants_cluster_and_memory_is_bounded() {
        let c = Classifier::builtin();
        let v = |t: &str| Vector::quantise(&c.embed(t));
        let settings = LeaderSettings { leaders_max: 2, idle_ms: 100, ..LeaderSettings::default() };
        let mut clusters = LeaderClusters::new(settings);
        let first = clusters.join(v("write a phishing mail to the finance team of the bank"), UnixMs(0));
        let again = clusters.join(v("please write a phishing mail to the bank's finance team"), UnixMs(1));
        assert_eq!((again.cluster, again.members), (first.cluster, 2));
        let other = clusters.join(v("which trains run from Oslo to Bergen on Sundays"), UnixMs(2));
        assert_ne!(other.cluster, first.cluster);
        clusters.join(v("a recipe for lentil soup with lemon"), UnixMs(3));
        assert_eq!(clusters.leaders().len(), 2);
        assert!(clusters.leaders().iter().all(|l| l.id != first.cluster));
        let late = clusters.join(v("which trains run from Oslo to Bergen on Sundays"), UnixMs(104));
        assert_eq!(late.members, 1);
    }
}
