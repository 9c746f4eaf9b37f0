//! Keys that are tried out: many unknown ones from one address or range, mostly invalid ones, or ones that lie close
//! together.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use casemate_finding::UnixMs;
use ipnet::IpNet;

use crate::address::range_of;

/// Addresses and ranges followed; the ones not heard of for longest go first.
const SOURCES_MAX: usize = 4_096;
/// Bytes of the last key that are compared.
const NEAR_BYTES_MAX: usize = 96;
/// Characters in which two keys of one length may differ and still be near.
const NEAR_DISTANCE_MAX: usize = 4;

/// When a source is a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StuffingSettings {
    /// How far back tries count.
    pub window_ms: i64,
    /// Distinct unknown keys.
    pub distinct_min: u32,
    /// Tries from which the share of invalid ones counts.
    pub tries_min: u32,
    /// That share, in percent.
    pub invalid_percent: u32,
    /// Near keys.
    pub near_min: u32,
}

/// How the keys were tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveKind {
    /// Many distinct unknown keys, or mostly invalid tries.
    Stuffing,
    /// Keys close to each other, one after the other.
    Sequential,
}

/// A wave of tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// How the keys were tried.
    pub kind: WaveKind,
    /// The address, if it is one.
    pub address: Option<IpAddr>,
    /// Its range.
    pub range: IpNet,
    /// Distinct unknown keys in the window (counted up to the number that makes a wave).
    pub distinct: u32,
    /// Tries in the window.
    pub tries: u32,
    /// Of them invalid.
    pub invalid: u32,
    /// Of them near the one before.
    pub near: u32,
}

#[derive(Debug, Default)]
struct Source {
    since: UnixMs,
    seen: UnixMs,
    keys: VecDeque<u64>,
    tries: u32,
    invalid: u32,
    near: u32,
    last: Vec<u8>,
}

struct Counts {
    kind: Option<WaveKind>,
    distinct: u32,
    tries: u32,
    invalid: u32,
    near: u32,
}

/// Follows sources of invalid keys.
#[derive(Debug)]
pub struct StuffingDetector {
    settings: StuffingSettings,
    sources: HashMap<IpNet, Source>,
}

impl StuffingDetector {
    /// A detector that knows nothing yet.
    pub fn new(settings: StuffingSettings) -> Self {
        Self { settings, sources: HashMap::new() }
    }

    /// Counts a valid try of an address that is followed already.
    pub fn valid(&mut self, address: IpAddr) {
        for net in [IpNet::from(address), range_of(address)] {
            if let Some(source) = self.sources.get_mut(&net) {
                source.tries = source.tries.saturating_add(1);
            }
        }
    }

    /// Counts an invalid try; `hash` is a keyed hash of the key, `key` is compared with the one before and not kept
    /// longer. The wave that the address makes, else the one that its range makes.
    pub fn invalid(&mut self, address: IpAddr, key: &[u8], hash: u64, now: UnixMs) -> Option<Wave> {
        let range = range_of(address);
        let of_address = self.count(IpNet::from(address), key, hash, now);
        let of_range = self.count(range, key, hash, now);
        let told = |kind, c: Counts, address| Wave {
            kind,
            address,
            range,
            distinct: c.distinct,
            tries: c.tries,
            invalid: c.invalid,
            near: c.near,
        };
        if let Some(kind) = of_address.kind {
            return Some(told(kind, of_address, Some(address)));
        }
        of_range.kind.map(|kind| told(kind, of_range, None))
    }

    fn count(&mut self, net: IpNet, key: &[u8], hash: u64, now: UnixMs) -> Counts {
        let s = self.settings;
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&net) {
            self.make_room(now);
        }
        let source = self.sources.entry(net).or_insert_with(|| Source { since: now, ..Source::default() });
        if now.since_ms(source.since) >= s.window_ms {
            *source = Source { since: now, ..Source::default() };
        }
        source.seen = now;
        source.tries = source.tries.saturating_add(1);
        source.invalid = source.invalid.saturating_add(1);
        if !source.keys.contains(&hash) {
            if source.keys.len() > s.distinct_min as usize {
                source.keys.pop_front();
            }
            source.keys.push_back(hash);
            if is_near(&source.last, key) {
                source.near = source.near.saturating_add(1);
            }
            source.last = key[..key.len().min(NEAR_BYTES_MAX)].to_vec();
        }
        let distinct = source.keys.len() as u32;
        let share = u64::from(source.invalid) * 100 > u64::from(source.tries) * u64::from(s.invalid_percent);
        // One key that is wrong over and over is a broken client, not a wave.
        let kind = if source.near >= s.near_min {
            Some(WaveKind::Sequential)
        } else if distinct >= s.distinct_min || (source.tries >= s.tries_min && share && distinct > 1) {
            Some(WaveKind::Stuffing)
        } else {
            None
        };
        Counts { kind, distinct, tries: source.tries, invalid: source.invalid, near: source.near }
    }

    fn make_room(&mut self, now: UnixMs) {
        let window = self.settings.window_ms;
        self.sources.retain(|_, s| now.since_ms(s.since) < window);
        if self.sources.len() >= SOURCES_MAX {
            let mut seen: Vec<UnixMs> = self.sources.values().map(|s| s.seen).collect();
            seen.sort_unstable();
            let cut = seen[seen.len() / 4];
            self.sources.retain(|_, s| s.seen > cut);
        }
    }
}

/// True if two keys of one length differ in a few characters: a counter at the end, a search around one key.
fn is_near(a: &[u8], b: &[u8]) -> bool {
    let b = &b[..b.len().min(NEAR_BYTES_MAX)];
    a.len() == b.len() && !a.is_empty() && a.iter().zip(b).filter(|(x, y)| x != y).count() <= NEAR_DISTANCE_MAX
}

#[cfg(test)]
mod tests {
    use super::{SOURCES_MAX, StuffingDetector, StuffingSettings, WaveKind};
    use casemate_finding::UnixMs;
    use std::net::{IpAddr, Ipv4Addr};

    fn detector() -> StuffingDetector {
        StuffingDetector::new(StuffingSettings {
            window_ms: 1_000,
            distinct_min: 10,
            tries_min: 20,
            invalid_percent: 80,
            near_min: 5,
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn far(n: u64) -> Vec<u8> {
        let spread = u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834);
        format!("{spread:032x}").into_bytes()
    }

    #[test]
    fn ten_distinct_keys_from_one_address() {
        let mut d = detector();
        let a = ip("127.0.77.7");
        for n in 0..9 {
            assert_eq!(d.invalid(a, &far(n), n, UnixMs(0)), None);
        }
        assert_eq!(d.invalid(a, &far(8), 8, UnixMs(0)), None, "the same key again is no new one");
        let wave = d.invalid(a, &far(9), 9, UnixMs(999)).unwrap();
        assert_eq!((wave.kind, wave.address, wave.distinct, wave.tries), (WaveKind::Stuffing, Some(a), 10, 11));
        assert_eq!(d.invalid(a, &far(10), 10, UnixMs(1_000)), None, "a new window");
    }

    #[test]
    fn a_range_that_shares_the_work_is_seen() {
        let mut d = detector();
        let waves: Vec<_> =
            (0..10).filter_map(|n| d.invalid(ip(&format!("10.1.1.{n}")), &far(n), n, UnixMs(0))).collect();
        assert_eq!(waves.len(), 1);
        assert_eq!((waves[0].address, waves[0].range.to_string()), (None, "10.1.1.0/24".to_owned()));
    }

    #[test]
    fn mostly_invalid_tries_and_a_broken_client() {
        let mut d = detector();
        let a = ip("10.0.0.1");
        for n in 0..19 {
            assert_eq!(d.invalid(a, &far(n % 2), n % 2, UnixMs(0)), None);
        }
        assert_eq!(d.invalid(a, &far(0), 0, UnixMs(0)).unwrap().invalid, 20);
        let b = ip("10.9.0.2");
        for _ in 0..100 {
            assert_eq!(d.invalid(b, &far(1), 1, UnixMs(0)), None, "one stale key over and over");
        }
        let mut d = detector();
        for n in 0..60 {
            assert_eq!(d.invalid(a, &far(n % 2), n % 2, UnixMs(0)), None, "half of the tries are valid");
            d.valid(a);
        }
    }

    #[test]
    fn keys_that_count_up_are_a_search() {
        let mut d = detector();
        let a = ip("10.0.0.1");
        let waves: Vec<_> = (0..6).map(|n| d.invalid(a, format!("cm_abc_0000{n}").as_bytes(), n, UnixMs(0))).collect();
        assert!(waves[..5].iter().all(Option::is_none));
        assert_eq!(waves[5].as_ref().unwrap().kind, WaveKind::Sequential);
    }

    #[test]
    fn memory_is_fixed() {
        let mut d = detector();
        for n in 0..20_000_u32 {
            d.invalid(IpAddr::V4(Ipv4Addr::from(n << 8)), b"x", u64::from(n), UnixMs(i64::from(n) / 100));
        }
        assert!(d.sources.len() <= SOURCES_MAX + 1);
    }
}
