//! Slows down guessing: failed log-ins are counted by name and by address, in memory of a fixed size.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use casemate_finding::UnixMs;

use crate::limits::THROTTLE_ENTRIES_MAX;

/// Failures of one name before it has to wait.
const FREE_BY_NAME: u32 = 5;
/// Failures of one address before it has to wait: several people may share one.
const FREE_BY_ADDRESS: u32 = 20;
/// First wait; it doubles with each further failure.
const WAIT_MS_MIN: i64 = 5_000;
/// Longest wait, and how long failures are remembered.
const WAIT_MS_MAX: i64 = 900_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// The name tried, existing or not: the answer does not tell which. Digest, since people type passwords there.
    Name(String),
    /// The network that it came from: an IPv6 caller has a whole /64.
    Network(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last_at: UnixMs,
}

/// Counts failed log-ins.
#[derive(Debug, Default)]
pub struct Throttle {
    failures: Mutex<HashMap<Who, Failures>>,
}

impl Throttle {
    /// Milliseconds that this name from this address still has to wait; 0 if it may try now.
    pub fn wait_ms(&self, name: &str, address: IpAddr, now: UnixMs) -> i64 {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        keys(name, address)
            .into_iter()
            .filter_map(|(who, free)| failures.get(&who).map(|f| f.wait_ms(free, now)))
            .max()
            .unwrap_or(0)
    }

    /// Counts a failure.
    pub fn failed(&self, name: &str, address: IpAddr, now: UnixMs) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (who, _) in keys(name, address) {
            if failures.len() >= THROTTLE_ENTRIES_MAX && !failures.contains_key(&who) {
                failures.retain(|_, f| now.since_ms(f.last_at) < WAIT_MS_MAX);
                let oldest = failures.iter().min_by_key(|(_, f)| f.last_at).map(|(w, _)| w.clone());
                if let (Some(oldest), true) = (oldest, failures.len() >= THROTTLE_ENTRIES_MAX) {
                    failures.remove(&oldest);
                }
            }
            let f = failures.entry(who).or_insert(Failures { count: 0, last_at: now });
            if now.since_ms(f.last_at) >= WAIT_MS_MAX {
                f.count = 0;
            }
            f.count = f.count.saturating_add(1);
            f.last_at = now;
        }
    }

    /// Forgets the failures of a name that came in; those of its address stay.
    pub fn succeeded(&self, name: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&by_name(name));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Failures {
    fn wait_ms(self, free: u32, now: UnixMs) -> i64 {
        let Some(over) = self.count.checked_sub(free) else { return 0 };
        let wait = WAIT_MS_MIN.saturating_mul(1 << over.min(16)).min(WAIT_MS_MAX);
        (wait - now.since_ms(self.last_at)).max(0)
    }
}

fn by_name(name: &str) -> Who {
    Who::Name(super::digest_of(&name.to_lowercase()))
}

fn keys(name: &str, address: IpAddr) -> [(Who, u32); 2] {
    let network = match address.to_canonical() {
        IpAddr::V4(a) => IpAddr::V4(a),
        IpAddr::V6(a) => IpAddr::V6((u128::from(a) >> 64 << 64).into()),
    };
    [(by_name(name), FREE_BY_NAME), (Who::Network(network), FREE_BY_ADDRESS)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn the_sixth_guess_waits_and_the_wait_doubles() {
        let t = Throttle::default();
        for i in 0..FREE_BY_NAME {
            assert_eq!(t.wait_ms("ann", HERE, UnixMs(0)), 0, "guess {i}");
            t.failed("ann", HERE, UnixMs(0));
        }
        assert_eq!(t.wait_ms("ann", HERE, UnixMs(0)), 5_000);
        assert_eq!(t.wait_ms("ANN", HERE, UnixMs(1_000)), 4_000);
        assert_eq!(t.wait_ms("ann", HERE, UnixMs(5_000)), 0);
        assert_eq!(t.wait_ms("bob", HERE, UnixMs(0)), 0);
        t.failed("ann", HERE, UnixMs(5_000));
        assert_eq!(t.wait_ms("ann", HERE, UnixMs(5_000)), 10_000);
        t.succeeded("ann");
        assert_eq!(t.wait_ms("ann", HERE, UnixMs(5_000)), 0);
    }

    #[test]
    fn an_address_that_tries_many_names_waits() {
        let t = Throttle::default();
        for i in 0..FREE_BY_ADDRESS {
            assert_eq!(t.wait_ms("fresh", HERE, UnixMs(0)), 0);
            t.failed(&format!("name{i}"), HERE, UnixMs(0));
        }
        assert_eq!(t.wait_ms("fresh", HERE, UnixMs(0)), 5_000);
        let neighbour: IpAddr = "2001:db8::1".parse().expect("address");
        assert_eq!(t.wait_ms("fresh", neighbour, UnixMs(0)), 0);
        assert_eq!(keys("a", neighbour)[1], keys("a", "2001:db8::ffff".parse().expect("address"))[1]);
    }

    #[test]
    fn memory_is_bounded() {
        let t = Throttle::default();
        for i in 0..=THROTTLE_ENTRIES_MAX {
            t.failed(&format!("n{i}"), HERE, UnixMs(i64::try_from(i).expect("small")));
        }
        assert_eq!(t.len(), THROTTLE_ENTRIES_MAX);
    }
}
