//! Limits and containments.

use casemate_wire::ErrorKind;

use super::exchange::Exchange;
use super::refusal::Refusal;
use super::subject;
use crate::address::limited_unit;
use crate::config::Rates;
use crate::limit::ScopeKind;

/// Before anybody is known: blocks of the address, and its limits.
pub(super) fn address(exchange: &mut Exchange) -> Result<(), Refusal> {
    let core = exchange.core.clone();
    let now = exchange.now();
    let blocked = core.containments.load().check(&subject(exchange, None), &core.limits, now, &mut Vec::new());
    if let Some(blocked) = blocked {
        return Err(contained(exchange, &blocked));
    }
    let scope = core.limits.scope(ScopeKind::Address, limited_unit(exchange.address), core.settings.per_address);
    let permit = core.limits.admit(&[scope], 0, now).map_err(|r| Refusal::slow_down(r.retry_after_ms))?;
    exchange.hold(permit);
    Ok(())
}

fn contained(exchange: &Exchange, blocked: &crate::containment::Blocked) -> Refusal {
    tracing::info!(
        request = exchange.id,
        containment = blocked.id,
        target = blocked.target,
        "refused by a containment"
    );
    Refusal::contained()
}

/// Once key, model and size are known: containments of all of them, and the limits of key, tenant, model.
pub(super) fn caller(exchange: &mut Exchange, endpoint: Option<&str>, tokens: u64) -> Result<(), Refusal> {
    let core = exchange.core.clone();
    let now = exchange.now();
    let Some(key) = exchange.key.clone() else { return Err(Refusal::unauthenticated()) };
    let mut scopes = Vec::with_capacity(4);
    let blocked = core.containments.load().check(&subject(exchange, endpoint), &core.limits, now, &mut scopes);
    if let Some(blocked) = blocked {
        return Err(contained(exchange, &blocked));
    }
    let mut add = |kind, name: &str, rates: Rates| {
        if !rates.is_none() {
            scopes.push(core.limits.scope(kind, name, rates));
        }
    };
    add(ScopeKind::Key, key.key.id.as_str(), key.rates);
    add(ScopeKind::Tenant, key.key.tenant.as_str(), core.settings.per_tenant);
    add(ScopeKind::Model, &exchange.model, core.settings.per_model);
    let permit = core.limits.admit(&scopes, tokens, now).map_err(|r| Refusal::limited(r, now))?;
    exchange.hold(permit);
    Ok(())
}

/// Refuses what is outside the key's scopes. A model that the key may not use and one that does not exist are told apart
/// only for those who may use models at all.
pub(super) fn model_scope(exchange: &Exchange) -> Result<(), Refusal> {
    match &exchange.key {
        Some(key) if key.may_use_model(&exchange.model) => Ok(()),
        _ => Err(Refusal::of(ErrorKind::Permission, "this key may not use that model")),
    }
}
