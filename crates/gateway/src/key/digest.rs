//! What is kept of a key.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// HMAC-SHA-256 (RFC 2104) of the whole key under the server's pepper.
pub fn digest(pepper: &[u8], key: &str) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(pepper).expect("HMAC takes a key of any length");
    mac.update(key.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn rfc_4231_case_2() {
        let want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex::encode(digest(b"Jefe", "what do ya want for nothing?")), want);
    }
}
