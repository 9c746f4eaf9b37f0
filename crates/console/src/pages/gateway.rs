//! `/gateway`: keys, limits, containments in force, upstreams and their breakers.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse};
use casemate_finding::{Secret, UnixMs};
use casemate_store::model::{ApiKey, Containment, ContainmentId, Effect, KeyId, Role, Target, TenantId};
use serde::Deserialize;
use serde_json::json;

use super::case::text_of;
use super::{Done, Page, page, see};
use crate::app::{App, KeyRequest, TierLimits};
use crate::data::{Component, Traffic, components, nightly_refit};
use crate::frame::{Frame, Place};
use crate::guard::{OwnForm, Visitor, checked_forms};
use crate::limits::{CONTAINMENT_MINUTES_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX};
use crate::people::{Scope, Standing};
use crate::problem::Problem;
use crate::words;

/// A key that was just made: shown on the answer to the form and never again.
pub struct Fresh {
    /// Its public id.
    pub id: String,
    /// The key.
    pub key: Secret<String>,
}

#[derive(Template)]
#[template(path = "gateway.html")]
struct GatewayPage {
    f: Frame,
    all_tenants: bool,
    can_issue: bool,
    fresh: Option<Fresh>,
    keys: Vec<ApiKey>,
    tiers: Vec<TierLimits>,
    active: Vec<Containment>,
    ended: Vec<Containment>,
    gateways: Vec<Component>,
    traffic: Traffic,
    /// What the last nightly refit came to: when, in words, and when the next one is due.
    refit: Option<(UnixMs, String, Option<UnixMs>)>,
    minutes_max: u32,
}

impl GatewayPage {
    /// What a containment does, in words.
    fn effect(&self, c: &Containment) -> String {
        match c.effect {
            Effect::Block => "blocked".to_owned(),
            Effect::Limit { requests_per_min } => format!("{} / min", words::count(u64::from(requests_per_min))),
        }
    }

    /// True if the key may be used now.
    fn is_live(&self, key: &ApiKey) -> bool {
        key.is_live(self.f.now)
    }

    /// Its class in the stylesheet.
    fn effect_class(&self, c: &Containment) -> &'static str {
        match c.effect {
            Effect::Block => "block",
            Effect::Limit { .. } => "limit",
        }
    }
}

/// Ended containments that are listed.
const ENDED_ROWS: usize = 10;

async fn read(
    app: &App,
    standing: &Standing,
    fresh: Option<Fresh>,
    done: Option<&str>,
) -> Result<GatewayPage, Problem> {
    let scope = standing.scope();
    let (store, now) = (app.store.as_ref(), app.now());
    let (active, recent) = containments(app, &scope).await?;
    let ended = recent.into_iter().filter(|c| !c.is_active(now)).take(ENDED_ROWS).collect();
    let components = components(store, now).await?;
    let traffic = if scope.is_all() { Traffic::of(&components, now) } else { Traffic::default() };
    let tiers = match app.extras.tiers.as_ref() {
        [] => Traffic::tiers(&components),
        configured => configured.to_vec(),
    };
    let refit = nightly_refit(store, now).await?.filter(|_| scope.is_all()).map(|said| {
        let title = said.report["title"].as_str().unwrap_or_default().to_owned();
        (said.at, title, said.report["next"].as_i64().map(UnixMs))
    });
    let mut keys = store.list_keys(scope.one()).await?;
    keys.sort_by_key(|k| (!k.is_live(now), std::cmp::Reverse(k.created_at)));
    Ok(GatewayPage {
        f: Frame::of(app, standing, Place::Gateway, "Gateway", done).await?,
        all_tenants: scope.is_all(),
        can_issue: app.extras.key_issuer.is_some(),
        fresh,
        keys,
        tiers,
        active,
        ended,
        gateways: components.into_iter().filter(|c| c.status.component == "gateway").collect(),
        traffic,
        refit,
        minutes_max: CONTAINMENT_MINUTES_MAX,
    })
}

/// Containments that this person may see: in force, and the newest.
pub(crate) async fn containments(app: &App, scope: &Scope) -> Result<(Vec<Containment>, Vec<Containment>), Problem> {
    let mut active = app.store.active_containments(app.now()).await?;
    active.retain(|c| scope.sees(&c.tenant));
    active.sort_by_key(|c| c.expires_at);
    let mut recent = app.store.recent_containments(crate::limits::API_ROWS_MAX).await?;
    recent.retain(|c| scope.sees(&c.tenant));
    Ok((active, recent))
}

/// `GET /gateway`
pub async fn show(
    State(app): State<App>,
    axum::extract::Query(done): axum::extract::Query<Done>,
    Visitor(standing): Visitor,
) -> Page {
    page(&read(&app, &standing, None, done.done.as_deref()).await?)
}

/// What a new key is to be.
#[derive(Clone, Debug, Deserialize)]
pub struct NewKey {
    #[serde(default)]
    csrf: String,
    /// What people call it.
    pub name: String,
    /// One of the configured tiers.
    pub tier: String,
    /// Whose; empty means the person's own, or `default`.
    #[serde(default)]
    pub tenant: String,
    /// Days until it ends by itself; empty means never.
    #[serde(default)]
    pub days: String,
}

impl NewKey {
    /// What the API asks for: it has no form, and so no form token.
    pub(crate) const fn by_api(name: String, tier: String, tenant: String, days: String) -> Self {
        Self { csrf: String::new(), name, tier, tenant, days }
    }
}

/// `POST /gateway/keys`: the key is on this answer, and nowhere else.
pub async fn create_key(State(app): State<App>, OwnForm(by, sent): OwnForm<NewKey>) -> Page {
    let (row, key) = make_key(&app, &by, &sent).await?;
    let fresh = Fresh { id: row.id.to_string(), key };
    Ok(Html(read(&app, &by, Some(fresh), None).await?.render()?).into_response())
}

/// Makes, stores and writes down a key; the page and the API both come here.
///
/// # Errors
/// 403 for less than an engineer, 422 for what cannot be, 501 where this process has no key scheme.
pub(crate) async fn make_key(app: &App, by: &Standing, sent: &NewKey) -> Result<(ApiKey, Secret<String>), Problem> {
    by.needs(Role::Engineer)?;
    let name = text_of(&sent.name, "name", NAME_CHARS_MAX)?.to_owned();
    let tenant = tenant_for(by, &sent.tenant)?;
    if !app.extras.tiers.iter().any(|t| t.name == sent.tier) {
        return Err(Problem::invalid("There is no such tier.", "Choose one of the configured tiers."));
    }
    let expires_at = match sent.days.trim() {
        "" => None,
        days => match days.parse::<u32>() {
            Ok(d @ 1..=3_650) => Some(app.now().plus_ms(i64::from(d) * 86_400_000)),
            _ => {
                return Err(Problem::invalid("The days are not 1 to 3650.", "Leave them empty for a key without end."));
            }
        },
    };
    let Some(issuer) = app.extras.key_issuer.as_ref() else {
        return Err(Problem::new(
            axum::http::StatusCode::NOT_IMPLEMENTED,
            "no_key_issuer",
            "This process has no gateway configuration, so it cannot make keys.",
            "Make it with `casemate key create` where the gateway's configuration is.",
        ));
    };
    let request = KeyRequest { name, tenant, tier: sent.tier.clone(), expires_at };
    let issued = issuer.issue(&request, app.now()).map_err(|why| {
        Problem::invalid(format!("The key could not be made: {why}."), "Change the form accordingly.")
    })?;
    app.store.insert_key(&issued.row).await?;
    let data = json!({"name": issued.row.name, "tier": issued.row.tier});
    app.audit(by, &issued.row.tenant, "key.create", issued.row.id.as_str(), data).await?;
    Ok((issued.row, issued.key))
}

/// The tenant that a person may act for: their own; a person of all tenants names one.
fn tenant_for(by: &Standing, written: &str) -> Result<TenantId, Problem> {
    let scope = by.scope();
    let written = written.trim();
    match (scope.one(), written) {
        (Some(own), "") => Ok(own.clone()),
        (Some(own), w) if own.as_str() == w => Ok(own.clone()),
        (Some(_), _) => Err(Problem::forbidden("of that tenant", "for another one")),
        (None, "") => Ok(TenantId::default_tenant()),
        (None, w) => Ok(TenantId(text_of(w, "tenant", NAME_CHARS_MAX)?.to_owned())),
    }
}

/// A form with nothing but its token.
#[derive(Deserialize)]
pub struct Bare {
    csrf: String,
}

/// `POST /gateway/keys/{id}/revoke`
pub async fn revoke_key(State(app): State<App>, Path(id): Path<String>, OwnForm(by, _): OwnForm<Bare>) -> Page {
    revoke(&app, &by, &id).await?;
    see("/gateway?done=revoked")
}

/// Revokes a key that this person may see.
///
/// # Errors
/// 403 for less than an engineer, 404 for another tenant's key.
pub(crate) async fn revoke(app: &App, by: &Standing, id: &str) -> Result<(), Problem> {
    by.needs(Role::Engineer)?;
    let keys = app.store.list_keys(by.scope().one()).await?;
    let key = keys.into_iter().find(|k| k.id.as_str() == id).ok_or_else(|| Problem::not_found("key"))?;
    if app.store.revoke_key(&KeyId::from(id), app.now()).await? {
        app.audit(by, &key.tenant, "key.revoke", id, json!({"name": key.name})).await?;
    }
    Ok(())
}

/// A block or limit by hand.
#[derive(Clone, Debug, Deserialize)]
pub struct NewContainment {
    #[serde(default)]
    csrf: String,
    /// `range`, `key`, `tenant` or `model`.
    pub kind: String,
    /// What is matched.
    pub value: String,
    /// `block` or `limit`.
    pub effect: String,
    /// Requests a minute, for a limit.
    #[serde(default)]
    pub requests_per_min: String,
    /// Minutes until it ends by itself.
    pub minutes: String,
    /// Why.
    pub reason: String,
}

impl NewContainment {
    /// What the API asks for: it has no form, and so no form token.
    pub(crate) const fn by_api(
        kind: String,
        value: String,
        effect: String,
        requests_per_min: String,
        minutes: String,
        reason: String,
    ) -> Self {
        Self { csrf: String::new(), kind, value, effect, requests_per_min, minutes, reason }
    }
}

/// `POST /gateway/containments`
pub async fn contain(State(app): State<App>, OwnForm(by, sent): OwnForm<NewContainment>) -> Page {
    put_in_force(&app, &by, &sent).await?;
    see("/gateway?done=contained#containments")
}

/// Puts a block or limit in force; the page and the API both come here.
///
/// # Errors
/// 403 for less than an engineer, 422 for a form that does not say what, how long and why.
pub(crate) async fn put_in_force(app: &App, by: &Standing, sent: &NewContainment) -> Result<Containment, Problem> {
    by.needs(Role::Engineer)?;
    let value = text_of(&sent.value, "target", 200)?;
    let target = match sent.kind.as_str() {
        "range" => Target::Range(range(value)?),
        "key" => Target::Key(value.to_owned()),
        "tenant" if by.scope().is_all() => Target::Tenant(value.to_owned()),
        "model" => Target::Model(value.to_owned()),
        _ => return Err(Problem::invalid("There is no such target.", "Choose range, key, tenant or model.")),
    };
    let effect = match sent.effect.as_str() {
        "block" => Effect::Block,
        "limit" => match sent.requests_per_min.trim().parse::<u32>() {
            Ok(requests_per_min @ 1..) => Effect::Limit { requests_per_min },
            _ => return Err(Problem::invalid("A limit needs requests a minute.", "Write a whole number from 1.")),
        },
        _ => return Err(Problem::invalid("There is no such effect.", "Choose block or limit.")),
    };
    let minutes = match sent.minutes.trim().parse::<u32>() {
        Ok(m @ 1..=CONTAINMENT_MINUTES_MAX) => m,
        _ => {
            let message = format!("It has to end: 1 to {CONTAINMENT_MINUTES_MAX} minutes.");
            return Err(Problem::invalid(message, "Write for how many minutes; it can be lifted early."));
        }
    };
    let reason = text_of(&sent.reason, "reason", TEXT_CHARS_MAX)?.to_owned();
    let now = app.now();
    let unique = hex::encode(app.extras.entropy.bytes::<8>()?);
    let containment = Containment {
        id: ContainmentId(format!("cont-{unique}")),
        idempotency_key: format!("console:{unique}"),
        tenant: by.scope().0,
        target,
        scope: None,
        effect,
        reason,
        created_by: by.person.name.clone(),
        case: None,
        created_at: now,
        expires_at: now.plus_ms(i64::from(minutes) * 60_000),
        lifted_at: None,
    };
    let stands = app.store.apply_containment(&containment).await?.into_inner();
    let data = json!({"target": stands.target, "effect": stands.effect, "minutes": minutes, "reason": stands.reason});
    app.audit(by, &stands.tenant, "containment.apply", stands.id.as_str(), data).await?;
    Ok(stands)
}

/// A CIDR with its network address; one address is a range of its own.
fn range(written: &str) -> Result<String, Problem> {
    let wrong = || {
        Problem::invalid(
            "That is not an address or range.",
            "Write it as 203.0.113.0/24, 203.0.113.7 or 2001:db8::/48.",
        )
    };
    let net: ipnet::IpNet = match written.parse::<std::net::IpAddr>() {
        Ok(address) => address.into(),
        Err(_) => written.parse().map_err(|_| wrong())?,
    };
    Ok(net.trunc().to_string())
}

/// `POST /gateway/containments/{id}/lift`
pub async fn lift(State(app): State<App>, Path(id): Path<String>, OwnForm(by, _): OwnForm<Bare>) -> Page {
    lift_one(&app, &by, &id).await?;
    see("/gateway?done=lifted#containments")
}

/// Ends a containment early.
///
/// # Errors
/// 403 for less than an engineer, 404 for another tenant's or one that has ended.
pub(crate) async fn lift_one(app: &App, by: &Standing, id: &str) -> Result<(), Problem> {
    by.needs(Role::Engineer)?;
    let (active, _) = containments(app, &by.scope()).await?;
    let found = active.into_iter().find(|c| c.id.as_str() == id).ok_or_else(|| Problem::not_found("containment"))?;
    if app.store.lift_containment(&found.id, app.now()).await? {
        app.audit(by, &found.tenant, "containment.lift", id, json!({"target": found.target})).await?;
    }
    Ok(())
}

checked_forms!(NewKey, NewContainment, Bare);

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_canonical() {
        for (written, canonical) in [
            ("203.0.113.77/24", Some("203.0.113.0/24")),
            ("203.0.113.7", Some("203.0.113.7/32")),
            ("2001:db8::1/48", Some("2001:db8::/48")),
            ("203.0.113.0/33", None),
            ("example.org", None),
        ] {
            assert_eq!(range(written).ok().as_deref(), canonical, "{written}");
        }
    }
}
