//! The first admin, and API tokens: what the binary makes at the terminal.

use casemate_finding::Secret;
use casemate_store::clock::Clock;
use casemate_store::model::{AuditEntry, Person, Role, Session, TenantId};
use casemate_store::{Store, StoreError};
use serde_json::json;

use super::{digest_of, password, session};
use crate::entropy::{Entropy, NoEntropy};

/// Why access could not be given.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The token would be for nobody.
    #[error("there is no person {name:?} to issue a token for")]
    NoPerson {
        /// Who was asked for.
        name: String,
    },
}

/// Makes the person `admin` of all tenants with a random one-time password, if there is nobody yet; it has to be
/// changed at the first log-in. There is no default password.
///
/// # Errors
/// What the store says, or no random bytes.
pub async fn bootstrap_admin(
    store: &dyn Store,
    clock: &Clock,
    entropy: &Entropy,
) -> Result<Option<Secret<String>>, AccessError> {
    if !store.list_people().await?.is_empty() {
        return Ok(None);
    }
    let password = one_time_password(entropy)?;
    let now = clock.now();
    store
        .put_person(&Person {
            name: "admin".into(),
            password_hash: password::hash(password.expose(), entropy)?,
            role: Role::Admin,
            tenant: TenantId("*".into()),
            must_change_password: true,
            created_at: now,
            disabled_at: None,
        })
        .await?;
    store.audit(&entry(now, "terminal", "person.create", "admin", json!({"role": "admin", "tenant": "*"}))).await?;
    Ok(Some(password))
}

/// A password that is typed once: four groups of five letters and digits that are not mistaken for one another
/// (20 × 5 = 100 bits).
///
/// # Errors
/// [`NoEntropy`] if there are no random bytes.
pub(crate) fn one_time_password(entropy: &Entropy) -> Result<Secret<String>, NoEntropy> {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz234567890";
    let bytes = entropy.bytes::<20>()?;
    let mut out = String::with_capacity(23);
    for (i, b) in bytes.iter().enumerate() {
        if i > 0 && i % 5 == 0 {
            out.push('-');
        }
        out.push(char::from(LETTERS[usize::from(b & 31)]));
    }
    Ok(Secret::new(out))
}

/// A bearer token for the JSON API that speaks for `person` until `ttl_ms` from now. It is shown once; the store keeps
/// its digest.
///
/// # Errors
/// [`AccessError::NoPerson`] if there is nobody of that name, or what the store says.
pub async fn issue_api_token(
    store: &dyn Store,
    clock: &Clock,
    entropy: &Entropy,
    person: &str,
    ttl_ms: i64,
) -> Result<Secret<String>, AccessError> {
    if store.person(person).await?.is_none() {
        return Err(AccessError::NoPerson { name: person.to_owned() });
    }
    let token = format!("cmt_{}", entropy.token()?);
    let now = clock.now();
    let row = Session {
        token_digest: digest_of(&token),
        person: person.to_owned(),
        csrf: session::API_MARK.into(),
        created_at: now,
        expires_at: now.plus_ms(ttl_ms),
    };
    store.insert_session(&row).await?;
    store
        .audit(&entry(now, "terminal", "token.create", person, json!({"expires_at": row.expires_at.to_string()})))
        .await?;
    Ok(Secret::new(token))
}

/// Ends a token before its time. False if it was not one, or had ended.
///
/// # Errors
/// What the store says.
pub async fn revoke_api_token(store: &dyn Store, clock: &Clock, token: &str) -> Result<bool, AccessError> {
    let digest = digest_of(token.trim());
    let Some(session) = store.session(&digest).await?.filter(|s| s.csrf == session::API_MARK) else {
        return Ok(false);
    };
    store.delete_session(&digest).await?;
    store.audit(&entry(clock.now(), "terminal", "token.revoke", &session.person, json!({}))).await?;
    Ok(session.expires_at > clock.now())
}

fn entry(
    at: casemate_finding::UnixMs,
    actor: &str,
    action: &str,
    subject: &str,
    data: serde_json::Value,
) -> AuditEntry {
    AuditEntry {
        seq: 0,
        at,
        tenant: TenantId("*".into()),
        actor: actor.into(),
        action: action.into(),
        subject: subject.into(),
        data,
        hash: String::new(),
    }
}
