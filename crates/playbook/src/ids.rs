//! Identifiers in the form that CACAO asks for (`action--` and a UUID), made from names so that the same YAML gives the
//! same playbook, byte for byte.

use sha2::{Digest, Sha256};

/// `kind--uuid` from the names in `parts`: the layout of UUID version 5 (RFC 9562, section 5.5), with SHA-256 in the
/// place of SHA-1. CACAO's schemas allow versions 1 to 5 only, so version 8 is not open to us.
pub fn stable_id(kind: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"casemate playbook id v1");
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut b = [0_u8; 16];
    b.copy_from_slice(&digest[..16]);
    b[6] = (b[6] & 0x0f) | 0x50;
    b[8] = (b[8] & 0x3f) | 0x80;
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}--{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// True for `type--uuid` with a UUID of version 1 to 5, as CACAO 2.0 section 10.11 asks.
pub fn is_identifier(text: &str) -> bool {
    let Some((kind, uuid)) = text.split_once("--") else { return false };
    let uuid = uuid.as_bytes();
    let kind_ok = kind.len() >= 2 && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    kind_ok
        && uuid.len() == 36
        && uuid.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            14 => (b'1'..=b'5').contains(b),
            19 => matches!(b.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b'),
            _ => b.is_ascii_hexdigit(),
        })
}

/// True for a name as people write it in YAML: lower-case letters, digits and hyphens, a letter first, 1 to 64 long.
pub fn is_slug(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=64).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// A name made from free text: `IP Lookup` gives `ip-lookup`; text without a letter gives `step`.
pub fn slugify(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || (c.is_ascii_digit() && !out.is_empty()) {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() == 48 {
            break;
        }
    }
    let trimmed = out.trim_end_matches('-');
    if trimmed.is_empty() { "step".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{is_identifier, is_slug, slugify, stable_id};

    #[test]
    fn ids_are_stable_and_well_formed() {
        let id = stable_id("action", &["surge", "limit"]);
        assert_eq!(id, stable_id("action", &["surge", "limit"]));
        assert_ne!(id, stable_id("action", &["surg", "elimit"]));
        assert!(is_identifier(&id), "{id}");
        assert!(!is_identifier("action--1") && !is_identifier("Action--61a6c41e-6efc-4516-a242-dfbc5c89d562"));
    }

    #[test]
    fn names() {
        assert_eq!(slugify("  IP Lookup (SIEM)"), "ip-lookup-siem");
        assert_eq!(slugify("42"), "step");
        assert!(is_slug("limit-range") && !is_slug("Limit") && !is_slug("9lives") && !is_slug(""));
        assert!(is_slug(&"a".repeat(64)) && !is_slug(&"a".repeat(65)));
    }
}
