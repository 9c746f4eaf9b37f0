//! Who sends. Every comparison takes the same time whatever was sent.

use axum::http::HeaderMap;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Refusal;
use crate::config::{Auth, Source};

/// Checks that a request comes from the source.
///
/// # Errors
/// 401 with what is missing, never with what was sent.
pub(super) fn authenticate(source: &Source, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    match &source.auth {
        Auth::Authorization(expected) => {
            let sent = headers.get("authorization").map(|v| v.as_bytes());
            let sent = sent.ok_or_else(|| Refusal::unauthorized("authorization", "the header is missing"))?;
            // Digests have one length, so that the comparison says nothing of the length of the secret.
            let same = Sha256::digest(sent).ct_eq(&Sha256::digest(expected.expose().as_bytes()));
            if bool::from(same) {
                Ok(())
            } else {
                Err(Refusal::unauthorized("authorization", "it is not this source's"))
            }
        }
        Auth::Hmac { secret, header } => {
            let sent = headers.get(header.as_str()).and_then(|v| v.to_str().ok());
            let sent = sent.ok_or_else(|| Refusal::unauthorized(header, "the header is missing"))?;
            let sent = hex::decode(sent.strip_prefix("sha256=").unwrap_or(sent))
                .map_err(|_| Refusal::unauthorized(header, "it is not hexadecimal"))?;
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
                .map_err(|_| Refusal::unauthorized(header, "the configured key cannot be used"))?;
            mac.update(body);
            mac.verify_slice(&sent).map_err(|_| Refusal::unauthorized(header, "it does not match the body"))
        }
    }
}
