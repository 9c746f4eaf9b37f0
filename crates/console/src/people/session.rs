//! Sessions and API tokens, and what a person may see.
//!
//! The store keeps only the SHA-256 of a token. A session's `csrf` value is `s.<random>.<stamp>`, where the stamp is a
//! digest of the person's password hash: a changed password ends every other session without a look through them all.
//! An API token's row has `api` in that place: it is good as a bearer token only, a cookie's session never is.

use casemate_finding::UnixMs;
use casemate_store::model::{Case, Person, Role, Session, TenantId};
use casemate_store::{Result, Store};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::entropy::{Entropy, NoEntropy};

/// What stands in a session row's `csrf` column for an API token.
pub(super) const API_MARK: &str = "api";

/// SHA-256 in hex: the form in which tokens are kept.
pub fn digest_of(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn stamp(password_hash: &str) -> String {
    digest_of(password_hash).chars().take(16).collect()
}

/// A person who has shown who they are, and how.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Who.
    pub person: Person,
    /// Digest of the token that they came with.
    pub token_digest: String,
    /// What forms must carry; none for an API token, which no browser sends by itself.
    pub csrf: Option<String>,
}

impl Standing {
    /// True if `given` is the token that this session's forms carry (or if there are no forms: an API token).
    pub fn csrf_holds(&self, given: &str) -> bool {
        self.csrf.as_ref().is_none_or(|want| bool::from(want.as_bytes().ct_eq(given.as_bytes())))
    }

    /// What this person may see.
    pub fn scope(&self) -> Scope {
        Scope(self.person.tenant.clone())
    }

    /// True if the person's role includes `role`.
    pub fn may(&self, role: Role) -> bool {
        self.person.role >= role
    }
}

/// The tenant that a person belongs to; `*` sees all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(pub TenantId);

impl Scope {
    /// True for a person of all tenants.
    pub fn is_all(&self) -> bool {
        self.0.as_str() == "*"
    }

    /// True if something of `tenant` may be seen.
    pub fn sees(&self, tenant: &TenantId) -> bool {
        self.is_all() || self.0 == *tenant
    }

    /// True if the case may be seen.
    pub fn sees_case(&self, case: &Case) -> bool {
        self.sees(&case.tenant)
    }

    /// The one tenant, or none for all.
    pub fn one(&self) -> Option<&TenantId> {
        if self.is_all() { None } else { Some(&self.0) }
    }
}

/// Makes a session row and the token for its cookie.
///
/// # Errors
/// [`NoEntropy`] if no token can be made.
pub fn open_session(
    person: &Person,
    now: UnixMs,
    lasts_ms: i64,
    entropy: &Entropy,
) -> std::result::Result<(String, Session), NoEntropy> {
    let token = entropy.token()?;
    let session = Session {
        token_digest: digest_of(&token),
        person: person.name.clone(),
        csrf: format!("s.{}.{}", entropy.token()?, stamp(&person.password_hash)),
        created_at: now,
        expires_at: now.plus_ms(lasts_ms),
    };
    Ok((token, session))
}

/// Who a cookie's value speaks for, if it is good at `now`.
///
/// # Errors
/// What the store says.
pub async fn standing_of_cookie(store: &dyn Store, token: &str, now: UnixMs) -> Result<Option<Standing>> {
    let Some((session, person)) = row(store, token, now).await? else { return Ok(None) };
    let stamped = session.csrf.rsplit('.').next().is_some_and(|s| s == stamp(&person.password_hash));
    if !session.csrf.starts_with("s.") || !stamped {
        return Ok(None);
    }
    Ok(Some(Standing { person, token_digest: session.token_digest, csrf: Some(session.csrf) }))
}

/// Who a bearer token speaks for, if it is good at `now`.
///
/// # Errors
/// What the store says.
pub async fn standing_of_token(store: &dyn Store, token: &str, now: UnixMs) -> Result<Option<Standing>> {
    let Some((session, person)) = row(store, token, now).await? else { return Ok(None) };
    if session.csrf != API_MARK {
        return Ok(None);
    }
    Ok(Some(Standing { person, token_digest: session.token_digest, csrf: None }))
}

async fn row(store: &dyn Store, token: &str, now: UnixMs) -> Result<Option<(Session, Person)>> {
    if token.is_empty() || token.len() > 128 {
        return Ok(None);
    }
    let Some(session) = store.session(&digest_of(token)).await? else { return Ok(None) };
    if now >= session.expires_at {
        return Ok(None);
    }
    let Some(person) = store.person(&session.person).await? else { return Ok(None) };
    if person.disabled_at.is_some() {
        return Ok(None);
    }
    Ok(Some((session, person)))
}
