//! What the gateway counts, and the report that the console shows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use casemate_finding::UnixMs;
use serde_json::{Value, json};

/// Minutes of the series.
const MINUTES: usize = 60;
/// Buckets of a histogram: four for each doubling, from 1 µs to over an hour.
const BUCKETS: usize = 4 * 33;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters since the start.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)+
        }

        impl Counters {
            fn values(&self) -> Value {
                let mut all = serde_json::Map::new();
                $(all.insert(stringify!($name).into(), self.$name.load(Ordering::Relaxed).into());)+
                Value::Object(all)
            }
        }
    };
}

counters! {
    /// Requests with a known path.
    requests,
    /// Answered with 2xx.
    answered,
    /// Streams begun.
    streams,
    /// Refused by a check on the request.
    blocked,
    /// Answers stopped by a check.
    cut,
    /// Requests or answers in which something was replaced.
    redacted,
    /// Requests or answers in which something was seen and let pass.
    flagged,
    /// Refused for a limit.
    limited,
    /// Refused by a containment.
    contained,
    /// Refused for their key.
    unauthenticated,
    /// Refused as malformed, too large, out of scope or unknown.
    refused,
    /// Failed at the upstream.
    upstream_failed,
    /// Left by the client before the end.
    abandoned,
    /// Tokens read, as the upstreams report them.
    input_tokens,
    /// Tokens written.
    output_tokens,
    /// Second opinions asked for.
    opinions_asked,
    /// Second opinions that nobody gave.
    opinions_missing,
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

/// A histogram of times with 19 % wide buckets.
#[derive(Debug)]
pub struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

fn bucket(us: u64) -> usize {
    let us = us.max(1);
    let doubling = us.ilog2() as usize;
    let quarter = if doubling >= 2 { (us >> (doubling - 2)) & 3 } else { 0 } as usize;
    (doubling * 4 + quarter).min(BUCKETS - 1)
}

/// The upper end of a bucket.
fn upper_us(bucket: usize) -> u64 {
    let (doubling, quarter) = (bucket / 4, bucket as u64 % 4);
    if doubling >= 2 { (4 + quarter + 1) << (doubling - 2) } else { 1 << (doubling + 1) }
}

impl Histogram {
    /// Counts one time.
    pub fn record(&self, us: u64) {
        add(&self.0[bucket(us)], 1);
    }

    fn quantiles(&self) -> Value {
        let counts: Vec<u64> = self.0.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let at = |share: f64| {
            let rank = (all as f64 * share).ceil().max(1.0) as u64;
            let mut seen = 0;
            let found = counts.iter().position(|n| {
                seen += n;
                seen >= rank
            });
            found.map_or(0, upper_us)
        };
        json!({"count": all, "p50_us": at(0.5), "p90_us": at(0.9), "p99_us": at(0.99)})
    }
}

/// Counters and times of one gateway.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Counters.
    pub counters: Counters,
    /// From the request's head to the answer's.
    pub first_byte: Histogram,
    /// The gateway's own part of it: without the upstream and without waiting for the request's body.
    pub added: Histogram,
}

/// What one minute brought.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    at: i64,
    requests: u64,
    blocked: u64,
    redacted: u64,
    limited: u64,
    failed: u64,
}

/// The last hour by minutes, made from the counters by whoever reports.
#[derive(Debug, Default)]
pub struct Series {
    minutes: VecDeque<Minute>,
    last: [u64; 5],
}

impl Series {
    /// Adds what came since the last call to the minute of `now`.
    pub fn update(&mut self, counters: &Counters, now: UnixMs) {
        let read = |all: &[&AtomicU64]| all.iter().map(|c| c.load(Ordering::Relaxed)).sum::<u64>();
        let seen = [
            read(&[&counters.requests]),
            read(&[&counters.blocked, &counters.cut, &counters.contained]),
            read(&[&counters.redacted]),
            read(&[&counters.limited]),
            read(&[&counters.upstream_failed]),
        ];
        let at = now.0.div_euclid(60_000) * 60_000;
        if self.minutes.back().is_none_or(|m| m.at < at) {
            self.minutes.push_back(Minute { at, ..Minute::default() });
            if self.minutes.len() > MINUTES {
                self.minutes.pop_front();
            }
        }
        if let Some(minute) = self.minutes.back_mut() {
            let new = |i: usize| seen[i].saturating_sub(self.last[i]);
            minute.requests += new(0);
            minute.blocked += new(1);
            minute.redacted += new(2);
            minute.limited += new(3);
            minute.failed += new(4);
        }
        self.last = seen;
    }

    fn values(&self) -> Vec<Value> {
        let row = |m: &Minute| {
            json!({"at": m.at, "requests": m.requests, "blocked": m.blocked, "redacted": m.redacted,
                   "limited": m.limited, "failed": m.failed})
        };
        self.minutes.iter().map(row).collect()
    }
}

impl Metrics {
    /// Counters, times and the series, as JSON.
    pub fn report(&self, series: &Series) -> Value {
        let mut report = self.counters.values();
        report["latency"] = json!({"first_byte": self.first_byte.quantiles(), "added": self.added.quantiles()});
        report["per_minute"] = series.values().into();
        report
    }
}

#[cfg(test)]
mod tests {
    use super::{Histogram, Metrics, Series, add, bucket, upper_us};
    use casemate_finding::UnixMs;

    #[test]
    fn buckets_hold_their_times() {
        for us in [0, 1, 2, 3, 4, 5, 7, 8, 100, 1_000, 123_456, 3_600_000_000] {
            let b = bucket(us);
            assert!(us < upper_us(b), "{us} in bucket {b} up to {}", upper_us(b));
            assert!(upper_us(b) <= us.max(1) * 5 / 4 + 2, "{us} in bucket {b} up to {}", upper_us(b));
        }
        let h = Histogram::default();
        (0..99).for_each(|_| h.record(100));
        h.record(10_000);
        let q = h.quantiles();
        assert_eq!(
            (q["count"].as_u64(), q["p50_us"].as_u64(), q["p99_us"].as_u64()),
            (Some(100), Some(112), Some(112))
        );
    }

    #[test]
    fn the_series_has_an_hour() {
        let metrics = Metrics::default();
        let mut series = Series::default();
        for minute in 0..70 {
            add(&metrics.counters.requests, 3);
            series.update(&metrics.counters, UnixMs(minute * 60_000 + 5));
            series.update(&metrics.counters, UnixMs(minute * 60_000 + 6));
        }
        let report = metrics.report(&series);
        let rows = report["per_minute"].as_array().unwrap();
        assert_eq!(rows.len(), 60);
        assert!(rows.iter().all(|r| r["requests"] == 3));
        assert_eq!(report["requests"], 210);
    }
}
