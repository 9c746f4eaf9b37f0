//! `cm_<id>_<secret><crc32 in base62>`: a key that says of itself whether it was mistyped or made up.

use casemate_finding::{Secret, UnixMs};
use casemate_store::model::{ApiKey, KeyId, TenantId};

use super::digest;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "cm_";
/// Characters of the public id.
const ID_CHARS: usize = 10;
/// Characters of the secret: 190 bits.
const SECRET_CHARS: usize = 32;
/// Characters of the checksum: 62⁶ is over 2³².
const SUM_CHARS: usize = 6;
/// Longest text that is looked at as a key.
const KEY_BYTES_MAX: usize = 128;
/// Random bytes that one key takes.
pub const RANDOM_BYTES: usize = 2 * (ID_CHARS + SECRET_CHARS);

/// What a new key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Who pays and who sees.
    pub tenant: TenantId,
    /// Name of the tier.
    pub tier: String,
    /// What people call it.
    pub name: String,
    /// Model patterns; empty means all.
    pub models: Vec<String>,
    /// Route prefixes; empty means all.
    pub routes: Vec<String>,
    /// Requests a minute; none means the tier's.
    pub requests_per_min: Option<u32>,
    /// Tokens a minute; none means the tier's.
    pub tokens_per_min: Option<u64>,
    /// A honeypot.
    pub decoy: bool,
    /// When it ends.
    pub expires_at: Option<UnixMs>,
}

impl NewKey {
    /// A key of this tenant and tier without limits of its own.
    pub fn new(tenant: TenantId, tier: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            tenant,
            tier: tier.into(),
            name: name.into(),
            models: Vec::new(),
            routes: Vec::new(),
            requests_per_min: None,
            tokens_per_min: None,
            decoy: false,
            expires_at: None,
        }
    }
}

/// The parts of a key whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyParts<'a> {
    /// The public id.
    pub id: &'a str,
}

/// Why a text cannot be a key of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// It does not look like one.
    Form,
    /// It looks like one, and its checksum is wrong: mistyped or made up.
    Checksum,
}

/// Two random bytes choose a character; the bias is under 0.1 %.
fn letters(random: &[u8]) -> String {
    random.chunks_exact(2).map(|p| ALPHABET[usize::from(u16::from_le_bytes([p[0], p[1]])) % 62] as char).collect()
}

fn checksum(body: &str) -> [u8; SUM_CHARS] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut out = [b'0'; SUM_CHARS];
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    out
}

/// Makes a key: what its owner gets, once, and what is kept. `random` comes from the system's generator.
pub fn issue_key(random: &[u8; RANDOM_BYTES], pepper: &[u8], new: NewKey, now: UnixMs) -> (Secret<String>, ApiKey) {
    let (id, secret) = random.split_at(2 * ID_CHARS);
    let id = letters(id);
    let mut key = format!("{PREFIX}{id}_{}", letters(secret));
    let sum = checksum(&key);
    key.extend(sum.iter().map(|b| *b as char));
    let kept = ApiKey {
        id: KeyId(id),
        digest: hex::encode(digest(pepper, &key)),
        tenant: new.tenant,
        tier: new.tier,
        name: new.name,
        models: new.models,
        routes: new.routes,
        requests_per_min: new.requests_per_min,
        tokens_per_min: new.tokens_per_min,
        decoy: new.decoy,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    (Secret::new(key), kept)
}

/// Reads a presented key without looking anything up.
///
/// # Errors
/// [`KeyFault`] if it cannot be one of ours.
pub fn read_key(text: &str) -> Result<KeyParts<'_>, KeyFault> {
    if text.len() > KEY_BYTES_MAX || !text.is_ascii() {
        return Err(KeyFault::Form);
    }
    let rest = text.strip_prefix(PREFIX).ok_or(KeyFault::Form)?;
    let (id, tail) = rest.split_once('_').ok_or(KeyFault::Form)?;
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric());
    if id.is_empty() || tail.len() <= SUM_CHARS || !plain(id) || !plain(tail) {
        return Err(KeyFault::Form);
    }
    let (body, sum) = text.split_at(text.len() - SUM_CHARS);
    if checksum(body) == sum.as_bytes() { Ok(KeyParts { id }) } else { Err(KeyFault::Checksum) }
}

#[cfg(test)]
mod tests {
    use super::{KeyFault, NewKey, RANDOM_BYTES, issue_key, read_key};
    use casemate_finding::UnixMs;
    use casemate_store::model::TenantId;

    fn make(seed: u8) -> (String, String) {
        let random: [u8; RANDOM_BYTES] =
            std::array::from_fn(|i| (i as u8).wrapping_mul(37).wrapping_add(seed.wrapping_mul(101)));
        let new = NewKey::new(TenantId::default_tenant(), "default", "test");
        let (key, kept) = issue_key(&random, b"pepper", new, UnixMs(7));
        assert!(!format!("{kept:?}").contains(key.expose().as_str()), "what is kept does not hold the key");
        (key.expose().clone(), kept.id.0)
    }

    #[test]
    fn a_key_reads_back_and_no_single_change_does() {
        let (key, id) = make(1);
        assert_eq!(read_key(&key).unwrap().id, id);
        assert_eq!(key.len(), 3 + 10 + 1 + 32 + 6);
        for at in 0..key.len() {
            let mut other = key.clone().into_bytes();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert!(read_key(std::str::from_utf8(&other).unwrap()).is_err(), "changed at {at}");
        }
        assert_ne!(make(1), make(2));
    }

    #[test]
    fn what_is_no_key_is_told_apart_from_a_wrong_checksum() {
        for text in ["", "sk-abc", "cm_", "cm_a_", "cm_a_b-c1234567", "cm__abcdefghij"] {
            assert_eq!(read_key(text), Err(KeyFault::Form), "{text}");
        }
        assert_eq!(read_key(&"c".repeat(129)), Err(KeyFault::Form));
        assert_eq!(read_key("cm_abc_0123456789abcdef"), Err(KeyFault::Checksum));
    }
}
