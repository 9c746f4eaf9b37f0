//! Naming a value without showing it.

use casemate_finding::{Fingerprint, Secret};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The key that fingerprints and tokens are made with: at least 16 bytes, one for each tenant.
#[derive(Clone, Debug)]
pub struct Key(Secret<Vec<u8>>);

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Secret::new(bytes.into()))
    }

    /// HMAC-SHA-256 (RFC 2104) over the parts, each preceded by its length so that no two lists of parts are one text.
    pub(crate) fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(self.0.expose()).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// A name for a matched value: the same for the same key, label and value, and of no use to guess the value without the
/// key. 16 bytes of HMAC-SHA-256 in hexadecimal.
pub fn fingerprint(key: &Key, label: &str, value: &str) -> Fingerprint {
    use std::fmt::Write as _;
    let tag = key.hmac(&[b"fingerprint", label.as_bytes(), value.as_bytes()]);
    Fingerprint(tag[..16].iter().fold(String::with_capacity(32), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    }))
}

/// The value as evidence: of a long one the first and last two characters, of a short one none; never its length beyond
/// 12 places.
pub fn mask(value: &str) -> String {
    let chars: Vec<char> = value.chars().collect();
    if chars.len() < 12 {
        return "*".repeat(chars.len());
    }
    let end = chars.len() - 2;
    format!("{}{}********{}{}", chars[0], chars[1], chars[end], chars[end + 1])
}

#[cfg(test)]
mod tests {
    use super::{Key, fingerprint, mask};

    #[test]
    fn depends_on_key_label_and_value() {
        let (a, b) = (Key::new([1; 32]), Key::new([2; 32]));
        let one = fingerprint(&a, "US_SSN", "x");
        assert_eq!(one, fingerprint(&a, "US_SSN", "x"));
        assert_ne!(one, fingerprint(&b, "US_SSN", "x"));
        assert_ne!(one, fingerprint(&a, "US_SS", "Nx"));
        assert_eq!(one.0.len(), 32);
    }

    #[test]
    fn masks() {
        assert_eq!(mask("short"), "*****");
        assert_eq!(mask("4111111111111111"), "41********11");
        assert_eq!(mask("ééééééééééé"), "***********");
    }
}
