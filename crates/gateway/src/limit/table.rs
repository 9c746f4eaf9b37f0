//! Buckets of all scopes, in shards; bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use casemate_finding::UnixMs;

use super::Bucket;
use crate::config::Rates;

const SHARDS: usize = 64;
/// Scopes kept in one shard; beyond it, full buckets are forgotten, and then the ones not used for longest.
const SCOPES_PER_SHARD_MAX: usize = 4_096;

/// What kind of scope a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeKind {
    /// An address, before authentication.
    Address,
    /// An API key.
    Key,
    /// A tenant.
    Tenant,
    /// A model or end-point.
    Model,
    /// A containment put in force by response or people.
    Containment,
}

impl ScopeKind {
    /// How a refusal names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Key => "key",
            Self::Tenant => "tenant",
            Self::Model => "model",
            Self::Containment => "containment",
        }
    }
}

/// One scope that a request falls into.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// What kind.
    pub kind: ScopeKind,
    /// Keyed hash of kind and name, from [`LimitTable::scope`].
    pub id: u64,
    /// Its limits.
    pub rates: Rates,
}

/// What ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Requests a minute.
    Requests,
    /// Tokens a minute.
    Tokens,
    /// Requests under way.
    Concurrency,
}

impl Quota {
    /// How a refusal names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests per minute",
            Self::Tokens => "tokens per minute",
            Self::Concurrency => "concurrent requests",
        }
    }
}

/// Why a request has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which kind of scope.
    pub scope: ScopeKind,
    /// What ran out.
    pub quota: Quota,
    /// When to come back.
    pub retry_after_ms: u64,
    /// How the tightest limits stand.
    pub standing: Standing,
}

/// One limit as it is told to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The limit.
    pub limit: u64,
    /// What is left.
    pub remaining: u64,
    /// Milliseconds until all of it is there again.
    pub reset_ms: u64,
}

/// How the tightest limits of a request stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Of requests a minute.
    pub requests: Option<Told>,
    /// Of tokens a minute.
    pub tokens: Option<Told>,
}

fn tighter(a: Option<Told>, b: Told) -> Option<Told> {
    let share = |t: &Told| t.remaining as f64 / t.limit.max(1) as f64;
    match a {
        Some(a) if share(&a) <= share(&b) => Some(a),
        _ => Some(b),
    }
}

#[derive(Debug, Default)]
struct Entry {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    running: u32,
    seen: UnixMs,
}

/// Ids are keyed hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.0 = self.0 << 8 | u64::from(*b);
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

type Shard = HashMap<u64, Entry, BuildHasherDefault<AsIs>>;

/// Buckets of all scopes.
pub struct LimitTable {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
}

impl Default for LimitTable {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl LimitTable {
    /// The scope of this kind and name.
    pub fn scope(&self, kind: ScopeKind, name: impl std::hash::Hash, rates: Rates) -> Scope {
        Scope { kind, id: self.hasher.hash_one((kind, name)), rates }
    }

    fn shard(&self, id: u64) -> MutexGuard<'_, Shard> {
        self.shards[(id >> 58) as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one request and `tokens` from every scope, or from none. The permit gives back on drop what was not used.
    ///
    /// # Errors
    /// [`Refusal`] names the first scope that has not enough, and how the limits stand.
    pub fn admit(self: &Arc<Self>, scopes: &[Scope], tokens: u64, now: UnixMs) -> Result<Permit, Refusal> {
        let mut standing = Standing::default();
        for (n, scope) in scopes.iter().enumerate() {
            let taken = self.take(scope, tokens, now, &mut standing);
            if let Err((quota, retry_after_ms)) = taken {
                for done in &scopes[..n] {
                    self.give_back(done, tokens, 0, true);
                }
                return Err(Refusal { scope: scope.kind, quota, retry_after_ms, standing });
            }
        }
        Ok(Permit { table: self.clone(), scopes: scopes.to_vec(), reserved: tokens, used: tokens, standing })
    }

    fn take(&self, scope: &Scope, tokens: u64, now: UnixMs, told: &mut Standing) -> Result<(), (Quota, u64)> {
        let rates = &scope.rates;
        if rates.is_none() {
            return Ok(());
        }
        let mut shard = self.shard(scope.id);
        if shard.len() >= SCOPES_PER_SHARD_MAX && !shard.contains_key(&scope.id) {
            make_room(&mut shard, now);
        }
        let entry = shard.entry(scope.id).or_default();
        entry.seen = now;
        if rates.concurrency.is_some_and(|max| entry.running >= max) {
            return Err((Quota::Concurrency, 1_000));
        }
        let mut requests_taken = None;
        if let Some(per_min) = rates.requests_per_min.map(u64::from) {
            let bucket = entry.requests.get_or_insert_with(|| Bucket::full(per_min, now));
            let taken = bucket.take(1, per_min, now);
            let reset_ms = bucket.full_in_ms(per_min);
            told.requests = tighter(told.requests, Told { limit: per_min, remaining: bucket.remaining(), reset_ms });
            taken.map_err(|wait| (Quota::Requests, wait))?;
            requests_taken = Some(per_min);
        }
        if let Some(per_min) = rates.tokens_per_min {
            let bucket = entry.tokens.get_or_insert_with(|| Bucket::full(per_min, now));
            let taken = bucket.take(tokens, per_min, now);
            let reset_ms = bucket.full_in_ms(per_min);
            told.tokens = tighter(told.tokens, Told { limit: per_min, remaining: bucket.remaining(), reset_ms });
            if let Err(wait) = taken {
                if let (Some(per_min), Some(bucket)) = (requests_taken, &mut entry.requests) {
                    bucket.correct(1, 0, per_min);
                }
                return Err((Quota::Tokens, wait));
            }
        }
        entry.running += 1;
        Ok(())
    }

    fn give_back(&self, scope: &Scope, reserved: u64, used: u64, request: bool) {
        if scope.rates.is_none() {
            return;
        }
        let mut shard = self.shard(scope.id);
        let Some(entry) = shard.get_mut(&scope.id) else { return };
        entry.running = entry.running.saturating_sub(1);
        if let (true, Some(per_min), Some(bucket)) = (request, scope.rates.requests_per_min, &mut entry.requests) {
            bucket.correct(1, 0, u64::from(per_min));
        }
        if let (Some(per_min), Some(bucket)) = (scope.rates.tokens_per_min, &mut entry.tokens) {
            bucket.correct(reserved, used, per_min);
        }
    }
}

/// Forgets scopes that would be full by now; if there are none, the quarter that was not used for longest.
fn make_room(shard: &mut Shard, now: UnixMs) {
    // A bucket is full again after at most two minutes, a debt included.
    shard.retain(|_, e| e.running > 0 || now.since_ms(e.seen) < 120_000);
    if shard.len() >= SCOPES_PER_SHARD_MAX {
        let mut seen: Vec<UnixMs> = shard.values().filter(|e| e.running == 0).map(|e| e.seen).collect();
        seen.sort_unstable();
        if let Some(cut) = seen.get(seen.len() / 4).copied() {
            shard.retain(|_, e| e.running > 0 || e.seen > cut);
        }
    }
}

/// A request that was let in. Dropping it ends the request and settles its tokens.
pub struct Permit {
    table: Arc<LimitTable>,
    scopes: Vec<Scope>,
    reserved: u64,
    used: u64,
    standing: Standing,
}

impl Permit {
    /// Says how many tokens the request used in the end; what was reserved counts until then.
    pub fn settle(&mut self, used: u64) {
        self.used = used;
    }

    /// How the tightest limits stood after it was let in.
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        for scope in &self.scopes {
            self.table.give_back(scope, self.reserved, self.used, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LimitTable, Quota, SCOPES_PER_SHARD_MAX, SHARDS, ScopeKind};
    use crate::config::Rates;
    use casemate_finding::UnixMs;
    use std::sync::Arc;

    fn rates(requests: u32, tokens: u64, concurrency: u32) -> Rates {
        Rates { requests_per_min: Some(requests), tokens_per_min: Some(tokens), concurrency: Some(concurrency) }
    }

    #[test]
    fn all_scopes_or_none_and_the_tightest_is_told() {
        let table = Arc::new(LimitTable::default());
        let wide = table.scope(ScopeKind::Tenant, "t", rates(100, 1_000, 9));
        let tight = table.scope(ScopeKind::Key, "k", rates(2, 1_000, 9));
        let now = UnixMs(0);
        let a = table.admit(&[wide, tight], 10, now).unwrap();
        let b = table.admit(&[wide, tight], 10, now).unwrap();
        let told = b.standing().requests.unwrap();
        assert_eq!((told.limit, told.remaining, told.reset_ms), (2, 0, 60_000));
        let refused = table.admit(&[wide, tight], 10, now).err().unwrap();
        assert_eq!((refused.scope, refused.quota, refused.retry_after_ms), (ScopeKind::Key, Quota::Requests, 30_000));
        drop((a, b));
        let c = table.admit(&[wide], 10, now).unwrap();
        assert_eq!(c.standing().requests.unwrap().remaining, 97, "the refused one took nothing");
    }

    #[test]
    fn concurrency_and_tokens_come_back_on_drop() {
        let table = Arc::new(LimitTable::default());
        let scope = [table.scope(ScopeKind::Key, "k", rates(100, 100, 1))];
        let mut a = table.admit(&scope, 60, UnixMs(0)).unwrap();
        let refused = table.admit(&scope, 1, UnixMs(0)).err().unwrap();
        assert_eq!(refused.quota, Quota::Concurrency);
        a.settle(20);
        drop(a);
        let b = table.admit(&scope, 80, UnixMs(0)).unwrap();
        assert_eq!(b.standing().tokens.unwrap().remaining, 0);
        assert_eq!(
            b.standing().requests.unwrap().remaining,
            98,
            "a refusal for tokens or concurrency costs no request"
        );
    }

    #[test]
    fn the_table_is_bounded_under_a_flood() {
        let table = Arc::new(LimitTable::default());
        for n in 0..(SHARDS * SCOPES_PER_SHARD_MAX + SHARDS * 500) {
            let scope = table.scope(ScopeKind::Address, n, rates(10, 10, 1));
            drop(table.admit(&[scope], 0, UnixMs(n as i64 / 1_000)));
        }
        assert!(table.shards.iter().all(|s| s.lock().unwrap().len() <= SCOPES_PER_SHARD_MAX));
    }
}
