//! Tokens that carry their own check.

use super::Check;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The CRC-32 of the body in base 62, six places: GitHub's tokens (engineering blog, April 2021) and npm's.
fn crc_of(body: &[u8]) -> [u8; 6] {
    let mut crc = crc32fast::hash(body);
    let mut out = [b'0'; 6];
    for place in out.iter_mut().rev() {
        *place = BASE62[(crc % 62) as usize];
        crc /= 62;
    }
    out
}

/// `ghp_`, `npm_` and the like: thirty characters and their CRC. A wrong one is no proof: tokens are made up for tests,
/// and revoked formats exist.
pub(super) fn github_crc(raw: &[u8], _: &[u8]) -> Check {
    base62_crc(raw, b"")
}

/// A prefix that ends in `_`, a body and the body's CRC in base 62.
pub(super) fn base62_crc(raw: &[u8], _: &[u8]) -> Check {
    let Some(at) = raw.iter().rposition(|b| *b == b'_') else { return Check::Unknown };
    let body = &raw[at + 1..];
    if body.len() < 12 {
        return Check::Unknown;
    }
    let (body, check) = body.split_at(body.len() - 6);
    Check::from(crc_of(body) == check)
}

/// AWS key id: sixteen base-32 characters; the documentation's EXAMPLE keys are none.
pub(super) fn aws_key_id(raw: &[u8], _: &[u8]) -> Check {
    let Some(body) = raw.get(4..) else { return Check::Fail };
    if raw.ends_with(b"EXAMPLE") {
        return Check::Fail;
    }
    match varied(body, b"") {
        Check::Fail => Check::Fail,
        _ if body.iter().any(|b| matches!(b, b'0' | b'1' | b'8' | b'9')) => Check::Weak,
        _ => Check::Pass,
    }
}

/// `user:password` with a password that is one.
pub(super) fn user_password(raw: &[u8], _: &[u8]) -> Check {
    let Some(at) = raw.iter().position(|b| *b == b':') else { return Check::Fail };
    // A key as user name, with nothing after the colon, is how some services take it.
    let value = if at + 1 == raw.len() { &raw[..at] } else { &raw[at + 1..] };
    let variable = value.len() <= 3 && value.starts_with(b"$");
    let plain = variable || matches!(value, b"pass" | b"password" | b"pwd" | b"secret" | b"token" | b"PASSWORD");
    if plain || value.starts_with(b"//") || crate::secret::is_placeholder(value) { Check::Fail } else { Check::Unknown }
}

/// Not a run of one or two characters.
pub(super) fn varied(raw: &[u8], _: &[u8]) -> Check {
    let mut seen = [false; 256];
    raw.iter().for_each(|b| seen[usize::from(*b)] = true);
    let distinct = seen.iter().filter(|s| **s).count();
    Check::from(distinct >= 6.min(raw.len()))
}

#[cfg(test)]
mod tests {
    use super::{Check, crc_of, github_crc, varied};

    #[test]
    fn crc_is_checked() {
        let body = b"0123456789abcdefghijABCDEFGHIJ";
        let check = crc_of(body);
        let token = [b"ghp_".as_slice(), body, &check].concat();
        assert_eq!(github_crc(&token, b""), Check::Pass);
        let wrong = [b"ghp_".as_slice(), body, b"AAAAAA"].concat();
        assert_eq!(github_crc(&wrong, b""), Check::Fail);
        assert_eq!(varied(b"aaaaaaaaaab", b""), Check::Fail);
    }
}
