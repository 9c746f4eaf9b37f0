//! Blocks and limits in force, ready to be matched against each request.

use std::collections::HashMap;
use std::net::IpAddr;

use casemate_finding::UnixMs;
use casemate_store::model::{Containment, Effect, Target};
use ipnet::IpNet;

use crate::address::canonical;
use crate::config::Rates;
use crate::limit::{LimitTable, Scope, ScopeKind};

/// What is known of a request when containments are matched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The key's public id.
    pub key: Option<&'a str>,
    /// The key's tenant.
    pub tenant: Option<&'a str>,
    /// The model asked for.
    pub model: Option<&'a str>,
    /// The end-point asked for.
    pub endpoint: Option<&'a str>,
}

/// A block that a request ran into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Its id, for the log.
    pub id: String,
    /// What it is about: `range`, `key`, …
    pub target: &'static str,
}

/// All containments in force.
#[derive(Default)]
pub struct Containments {
    ranges: Vec<(IpNet, Containment)>,
    named: HashMap<(&'static str, String), Vec<Containment>>,
    /// How many the gateway can act on.
    pub count: usize,
}

impl Containments {
    /// Makes them ready; returns the ids of those whose range cannot be read.
    pub fn new(list: Vec<Containment>) -> (Self, Vec<String>) {
        let mut all = Self::default();
        let mut unread = Vec::new();
        for c in list {
            let kind = c.target.kind();
            match &c.target {
                Target::Range(text) => {
                    let net =
                        text.parse().ok().or_else(|| text.parse().ok().map(|a: IpAddr| IpNet::from(canonical(a))));
                    match net {
                        Some(net) => all.ranges.push((net, c)),
                        None => {
                            unread.push(c.id.0);
                            continue;
                        }
                    }
                }
                Target::Key(name) | Target::Tenant(name) | Target::Model(name) | Target::ModelVersion(name) => {
                    all.named.entry((kind, name.clone())).or_default().push(c);
                }
                // Held by the gate and by response; no request names them.
                Target::Dataset(_) | Target::Pipeline(_) => continue,
            }
            all.count += 1;
        }
        (all, unread)
    }

    /// Matches a request: the block that it ran into, else the limits that it shares. A containment of a tenant is about
    /// that tenant's traffic; before the tenant is known only those for all (`*`) count, and a scoped one counts only
    /// where the model or end-point is known.
    pub fn check(&self, s: &Subject<'_>, table: &LimitTable, now: UnixMs, limits: &mut Vec<Scope>) -> Option<Blocked> {
        if self.count == 0 {
            return None;
        }
        let ranges = self.ranges.iter().filter(|(net, _)| s.address.is_some_and(|a| net.contains(&a))).map(|(_, c)| c);
        let named = [
            ("key", s.key),
            ("tenant", s.tenant),
            ("model", s.model),
            ("model", s.endpoint.filter(|e| s.model != Some(e))),
            ("model_version", s.model),
        ];
        let named = named.into_iter().filter_map(|(kind, name)| self.named.get(&(kind, name?.to_owned()))).flatten();
        for c in ranges.chain(named) {
            if !c.is_active(now) || !concerns(c, s) {
                continue;
            }
            match c.effect {
                Effect::Block => return Some(Blocked { id: c.id.0.clone(), target: c.target.kind() }),
                Effect::Limit { requests_per_min } => {
                    let rates = Rates { requests_per_min: Some(requests_per_min), ..Rates::default() };
                    limits.push(table.scope(ScopeKind::Containment, c.id.as_str(), rates));
                }
            }
        }
        None
    }
}

fn concerns(c: &Containment, s: &Subject<'_>) -> bool {
    let tenant = c.tenant.as_str();
    let tenant_fits = tenant == "*" || s.tenant == Some(tenant) || s.tenant.is_none() && tenant == "default";
    let scope_fits = c.scope.as_deref().is_none_or(|scope| s.model == Some(scope) || s.endpoint == Some(scope));
    tenant_fits && scope_fits
}

#[cfg(test)]
mod tests {
    use super::{Containments, Subject};
    use crate::limit::LimitTable;
    use casemate_finding::UnixMs;
    use casemate_store::model::{Containment, ContainmentId, Effect, Target, TenantId};

    fn containment(id: &str, tenant: &str, target: Target, scope: Option<&str>, effect: Effect) -> Containment {
        Containment {
            id: ContainmentId(id.into()),
            idempotency_key: id.into(),
            tenant: TenantId(tenant.into()),
            target,
            scope: scope.map(Into::into),
            effect,
            reason: String::new(),
            created_by: "test".into(),
            case: None,
            created_at: UnixMs(0),
            expires_at: UnixMs(100),
            lifted_at: None,
        }
    }

    #[test]
    fn blocks_and_limits_match_what_they_are_about_until_they_end() {
        let (all, unread) = Containments::new(vec![
            containment("a", "*", Target::Range("127.0.66.0/24".into()), None, Effect::Limit { requests_per_min: 5 }),
            containment("b", "*", Target::Range("127.0.77.7".into()), None, Effect::Block),
            containment("c", "t", Target::Key("k".into()), Some("churn"), Effect::Block),
            containment("d", "*", Target::Model("m".into()), None, Effect::Block),
            containment("e", "*", Target::Range("everyone".into()), None, Effect::Block),
            containment("f", "*", Target::Pipeline("p".into()), None, Effect::Block),
        ]);
        assert_eq!((unread, all.count), (vec!["e".to_owned()], 4));
        let table = LimitTable::default();
        let check = |s: Subject<'_>, at: i64| {
            let mut limits = Vec::new();
            let blocked = all.check(&s, &table, UnixMs(at), &mut limits);
            (blocked.map(|b| b.id), limits.len())
        };
        let from = |a: &str| Subject { address: a.parse().ok(), ..Subject::default() };
        assert_eq!(check(from("127.0.66.3"), 99), (None, 1));
        assert_eq!(check(from("127.0.66.3"), 100), (None, 0));
        assert_eq!(check(from("127.0.77.7"), 0), (Some("b".into()), 0));
        assert_eq!(check(from("127.0.77.8"), 0), (None, 0));
        let key = Subject { key: Some("k"), tenant: Some("t"), ..Subject::default() };
        assert_eq!(check(key, 0), (None, 0), "out of scope");
        assert_eq!(check(Subject { endpoint: Some("churn"), ..key }, 0), (Some("c".into()), 0));
        assert_eq!(check(Subject { endpoint: Some("churn"), tenant: Some("u"), ..key }, 0), (None, 0));
        assert_eq!(check(Subject { model: Some("m"), ..Subject::default() }, 0), (Some("d".into()), 0));
    }
}
