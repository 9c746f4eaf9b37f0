//! Volume of each end-point against its own baseline: an exponentially weighted mean of requests per window, and a
//! Space-Saving table (Metwally, Agrawal, El Abbadi 2005) of the ranges that they come from.

use std::collections::HashMap;

use casemate_finding::UnixMs;
use ipnet::IpNet;

use crate::config::SurgeSettings;

/// Ranges followed for each end-point.
const RANGES_MAX: usize = 64;
/// End-points followed; names come from the configuration, so this is a belt over it.
const ENDPOINTS_MAX: usize = 512;
/// Ranges named in one surge that comes from many.
const RANGES_TOLD_MAX: usize = 8;
/// Share of a window's requests above its normal volume from which one range is named as the source.
const SOURCE_SHARE_MIN: f64 = 0.5;
/// A surge that goes on this many times longer than it takes to see it is the new normal.
const NEW_NORMAL_FACTOR: u32 = 12;
/// Empty windows made up for after a pause; past these the baseline does not move any more.
const EMPTY_WINDOWS_MAX: i64 = 600;

/// A surge that was sustained.
#[derive(Clone, Debug, PartialEq)]
pub struct Surge {
    /// The end-point or model.
    pub endpoint: String,
    /// Where it comes from, strongest first, each with its requests in the last window; one if one range stands out.
    pub ranges: Vec<(IpNet, u64)>,
    /// True if no single range stands out.
    pub spread: bool,
    /// Requests in the last window.
    pub observed: u64,
    /// The baseline, in requests per window.
    pub baseline: f64,
    /// Windows in a row over the factor.
    pub windows: u32,
}

#[derive(Debug, Default)]
struct Counted {
    count: u64,
    ranges: HashMap<IpNet, u64>,
    baseline: f64,
    learned: u32,
    streak: u32,
}

impl Counted {
    fn add(&mut self, range: IpNet) {
        self.count += 1;
        if let Some(n) = self.ranges.get_mut(&range) {
            *n += 1;
            return;
        }
        let mut from = 0;
        if self.ranges.len() >= RANGES_MAX {
            let smallest = self.ranges.iter().min_by_key(|(_, n)| **n).map(|(r, n)| (*r, *n));
            if let Some((range, n)) = smallest {
                self.ranges.remove(&range);
                from = n;
            }
        }
        self.ranges.insert(range, from + 1);
    }

    fn close(&mut self, endpoint: &str, s: &SurgeSettings) -> Option<Surge> {
        let count = std::mem::take(&mut self.count);
        let ranges = std::mem::take(&mut self.ranges);
        let judged = self.learned >= s.learn_windows;
        // A baseline under one request a window would make anything a surge.
        let over = judged && count >= u64::from(s.requests_min) && count as f64 >= s.factor * self.baseline.max(1.0);
        self.streak = if over { self.streak + 1 } else { 0 };
        if !over || self.streak > s.sustained_windows.saturating_mul(NEW_NORMAL_FACTOR) {
            // The first windows are averaged evenly, so that the first one does not weigh for ever.
            let weight = s.alpha.max(1.0 / f64::from(self.learned.saturating_add(1)));
            self.baseline += weight * (count as f64 - self.baseline);
            self.learned = self.learned.saturating_add(1);
        }
        if self.streak < s.sustained_windows || !over {
            return None;
        }
        let mut sources: Vec<(IpNet, u64)> = ranges.into_iter().collect();
        sources.sort_by_key(|(range, n)| (std::cmp::Reverse(*n), *range));
        let excess = (count as f64 - self.baseline).max(1.0);
        let spread = sources.first().is_none_or(|(_, n)| (*n as f64) < SOURCE_SHARE_MIN * excess);
        sources.truncate(if spread { RANGES_TOLD_MAX } else { 1 });
        let endpoint = endpoint.to_owned();
        Some(Surge {
            endpoint,
            ranges: sources,
            spread,
            observed: count,
            baseline: self.baseline,
            windows: self.streak,
        })
    }
}

/// Counts requests and closes windows.
#[derive(Debug)]
pub struct SurgeDetector {
    settings: SurgeSettings,
    window_start: Option<UnixMs>,
    endpoints: HashMap<String, Counted>,
}

impl SurgeDetector {
    /// A detector that knows nothing yet.
    pub fn new(settings: SurgeSettings) -> Self {
        Self { settings, window_start: None, endpoints: HashMap::new() }
    }

    /// Counts one request, let in or not. Windows that are over are closed first.
    pub fn observe(&mut self, endpoint: &str, range: IpNet, now: UnixMs) -> Vec<Surge> {
        let surges = self.tick(now);
        if let Some(counted) = self.endpoints.get_mut(endpoint) {
            counted.add(range);
        } else if self.endpoints.len() < ENDPOINTS_MAX {
            self.endpoints.entry(endpoint.to_owned()).or_default().add(range);
        }
        surges
    }

    /// Closes the windows that are over.
    pub fn tick(&mut self, now: UnixMs) -> Vec<Surge> {
        let mut surges = Vec::new();
        let start = *self.window_start.get_or_insert(now);
        let over = now.since_ms(start) / self.settings.window_ms;
        if over <= 0 {
            return surges;
        }
        self.window_start = Some(start.plus_ms(over * self.settings.window_ms));
        for (endpoint, counted) in &mut self.endpoints {
            surges.extend(counted.close(endpoint, &self.settings));
            for _ in 1..over.min(EMPTY_WINDOWS_MAX) {
                counted.close(endpoint, &self.settings);
            }
        }
        surges.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        surges
    }
}

#[cfg(test)]
mod tests {
    use super::{RANGES_MAX, SurgeDetector};
    use crate::config::SurgeSettings;
    use casemate_finding::UnixMs;
    use ipnet::IpNet;

    fn settings() -> SurgeSettings {
        SurgeSettings {
            window_ms: 1_000,
            sustained_windows: 3,
            factor: 5.0,
            learn_windows: 5,
            alpha: 0.05,
            requests_min: 10,
        }
    }

    fn net(n: u8) -> IpNet {
        format!("10.0.{n}.0/24").parse().unwrap()
    }

    /// Runs windows of (range, requests) and gives the surges with the window after which they were seen.
    fn run(windows: &[Vec<(u8, u32)>]) -> Vec<(usize, super::Surge)> {
        let mut detector = SurgeDetector::new(settings());
        let mut out = Vec::new();
        for (i, window) in windows.iter().enumerate() {
            let now = UnixMs(i as i64 * 1_000);
            out.extend(detector.tick(now).into_iter().map(|s| (i, s)));
            for (range, requests) in window {
                for _ in 0..*requests {
                    assert!(detector.observe("churn", net(*range), now).is_empty());
                }
            }
        }
        out.extend(detector.tick(UnixMs(windows.len() as i64 * 1_000)).into_iter().map(|s| (windows.len(), s)));
        out
    }

    fn normal() -> Vec<(u8, u32)> {
        vec![(1, 4), (2, 4)]
    }

    #[test]
    fn five_times_the_volume_for_long_enough_names_its_range() {
        let mut windows = vec![normal(); 10];
        windows.extend(vec![vec![(1, 4), (2, 4), (66, 32)]; 3]);
        let surges = run(&windows);
        assert_eq!(surges.len(), 1);
        let (at, s) = &surges[0];
        assert_eq!((*at, s.observed, s.windows, s.spread), (13, 40, 3, false));
        assert_eq!(s.ranges, [(net(66), 32)]);
        assert!((s.baseline - 8.0).abs() < 1e-9);
    }

    #[test]
    fn one_request_less_or_one_window_less_is_none() {
        let mut less = vec![normal(); 10];
        less.extend(vec![vec![(66, 39)]; 3]);
        assert_eq!(run(&less), []);
        let mut short = vec![normal(); 10];
        short.extend([vec![(66, 80)], vec![(66, 80)], normal(), vec![(66, 80)], vec![(66, 80)], normal()]);
        assert_eq!(run(&short), []);
        let mut unlearned = vec![normal(); 4];
        unlearned.push(vec![(66, 80)]);
        assert_eq!(run(&unlearned), [], "before the baseline is learned nothing is judged");
    }

    #[test]
    fn a_surge_from_everywhere_says_so() {
        let mut windows = vec![normal(); 10];
        windows.extend(vec![(0..40).map(|n| (n, 2)).collect::<Vec<_>>(); 3]);
        let surges = run(&windows);
        assert!(surges[0].1.spread);
        assert_eq!(surges[0].1.ranges.len(), super::RANGES_TOLD_MAX);
    }

    #[test]
    fn a_slow_rise_is_growth_and_a_lasting_one_becomes_normal() {
        let rise: Vec<Vec<(u8, u32)>> = (0..300).map(|n| vec![(1, 8 + n / 4)]).collect();
        assert_eq!(run(&rise), []);
        let mut lasting = vec![normal(); 10];
        lasting.extend(vec![vec![(66, 80)]; 120]);
        let surges = run(&lasting);
        assert!(surges.last().is_some_and(|(at, _)| *at < 80), "{:?}", surges.last());
    }

    #[test]
    fn memory_is_fixed_and_the_heavy_range_is_found_among_many() {
        let mut detector = SurgeDetector::new(settings());
        for n in 0..5_000_u32 {
            let light: IpNet = format!("10.{}.{}.0/24", n % 250, n / 250).parse().unwrap();
            detector.observe("churn", light, UnixMs(0));
            detector.observe("churn", net(66), UnixMs(0));
        }
        let counted = &detector.endpoints["churn"];
        assert!(counted.ranges.len() <= RANGES_MAX);
        assert_eq!(counted.ranges.iter().max_by_key(|(_, n)| **n).unwrap().0, &net(66));
    }
}
