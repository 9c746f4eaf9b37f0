//! The vault: what tokens stand for, sealed with AES-256-GCM-SIV (RFC 8452) and forgotten after a time.
//!
//! The vault holds sealed bytes only; without the tenant's key it says nothing but how many values it has. It is plain
//! data (token → entry), so that a store can keep it.

use std::collections::HashMap;

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use casemate_finding::UnixMs;

use super::{
    operator::{Operator, Operators, apply},
    token::{DIGITS, normalise, token},
};
use crate::{Key, Match, redact_with};

/// Most values in one vault.
pub const VALUES_MAX: usize = 1_000_000;

/// Why a value cannot be kept or brought back.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultError {
    /// The vault is full.
    #[error("vault holds {values} values, limit {max}")]
    Full {
        /// Values held.
        values: usize,
        /// The limit.
        max: usize,
    },
    /// Sealing failed.
    #[error("the value of {token} could not be sealed")]
    Seal {
        /// The token.
        token: String,
    },
}

#[derive(Clone, Debug)]
struct Entry {
    /// Nonce and ciphertext.
    sealed: Vec<u8>,
    expires: UnixMs,
}

/// What tokens stand for.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    entries: HashMap<String, Entry>,
}

impl Vault {
    /// Number of values held, expired ones among them until they are swept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what has expired; gives how many values.
    pub fn sweep(&mut self, now: UnixMs) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.expires > now);
        before - self.entries.len()
    }

    /// The value that a token stands for, if it is held, has not expired and was sealed with this key.
    pub fn open(&self, key: &Key, token: &str, now: UnixMs) -> Option<String> {
        let entry = self.entries.get(token).filter(|entry| entry.expires > now)?;
        let (nonce, text) = entry.sealed.split_at_checked(12)?;
        let payload = Payload { msg: text, aad: token.as_bytes() };
        let plain = cipher(key).decrypt(Nonce::from_slice(nonce), payload).ok()?;
        String::from_utf8(plain).ok()
    }

    fn seal(&mut self, key: &Key, token: &str, value: &str, expires: UnixMs) -> Result<(), VaultError> {
        if self.entries.len() >= VALUES_MAX && !self.entries.contains_key(token) {
            return Err(VaultError::Full { values: self.entries.len(), max: VALUES_MAX });
        }
        // The nonce is made from what is sealed: GCM-SIV is safe when it repeats, and no randomness is needed.
        let nonce = &key.hmac(&[b"vault nonce", token.as_bytes(), value.as_bytes()])[..12];
        let payload = Payload { msg: value.as_bytes(), aad: token.as_bytes() };
        let mut sealed = nonce.to_vec();
        let text = cipher(key).encrypt(Nonce::from_slice(nonce), payload);
        sealed.extend(text.map_err(|_| VaultError::Seal { token: token.to_owned() })?);
        self.entries.insert(token.to_owned(), Entry { sealed, expires });
        Ok(())
    }
}

fn cipher(key: &Key) -> Aes256GcmSiv {
    Aes256GcmSiv::new(&key.hmac(&[b"vault key"]).into())
}

/// Replaces matches for one tenant.
#[derive(Debug)]
pub struct Anonymiser {
    key: Key,
    operators: Operators,
    /// How long a token can be turned back, in milliseconds.
    ttl_ms: i64,
}

impl Anonymiser {
    /// An anonymiser with a tenant's key.
    pub const fn new(key: Key, operators: Operators, ttl_ms: i64) -> Self {
        Self { key, operators, ttl_ms }
    }

    /// The text with every match replaced; tokens' values go into the vault until `now` + the time to live.
    ///
    /// The same value gets the same token in every text of the tenant. A value that is written differently from the one
    /// the vault holds (case, separators) gets a token of its own, so that what comes back is what went in.
    ///
    /// # Errors
    /// If the vault is full: no text comes out, since it would hold what was to be hidden, or lose it.
    pub fn anonymise(
        &self,
        text: &str,
        matches: &[Match],
        vault: &mut Vault,
        now: UnixMs,
    ) -> Result<String, VaultError> {
        let mut failure = None;
        let out = redact_with(text, matches, |found| {
            let (label, value) = (found.label(), &text[found.span.range()]);
            match self.operators.of(found) {
                Operator::Token => self.keep(text, label, value, vault, now).unwrap_or_else(|error| {
                    failure = Some(error);
                    String::new()
                }),
                operator => apply(operator, &self.key, label, value),
            }
        });
        failure.map_or(Ok(out), Err)
    }

    fn keep(&self, text: &str, label: &str, value: &str, vault: &mut Vault, now: UnixMs) -> Result<String, VaultError> {
        let expires = now.plus_ms(self.ttl_ms);
        let normalised = normalise(label, value);
        // First by the normalised value; then, where that token stands for another writing, by the value itself.
        for (as_written, named) in [(false, normalised.as_str()), (true, value)] {
            for digits in DIGITS {
                let token = token(&self.key, label, named, digits);
                // A text that holds the token already would get back what it never gave.
                if text.contains(&token) && vault.open(&self.key, &token, now).as_deref() != Some(value) {
                    continue;
                }
                match vault.open(&self.key, &token, now) {
                    Some(held) if held != value => {
                        if !as_written && normalise(label, &held) == normalised {
                            break;
                        }
                    }
                    _ => {
                        vault.seal(&self.key, &token, value, expires)?;
                        return Ok(token);
                    }
                }
            }
        }
        let token = token(&self.key, label, value, DIGITS[3]);
        vault.seal(&self.key, &token, value, expires)?;
        Ok(token)
    }
}
