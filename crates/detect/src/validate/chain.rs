//! Addresses on block chains.

use sha2::{Digest, Sha256};

use super::{Check, keccak::keccak256};

/// Bitcoin: base58check of a P2PKH or P2SH address, or bech32 (BIP 173) and bech32m (BIP 350).
pub(super) fn btc(raw: &[u8], _: &[u8]) -> Check {
    if raw.len() >= 14 && raw[..3].eq_ignore_ascii_case(b"bc1") {
        return Check::from(bech32(raw));
    }
    Check::from(matches!(raw.first(), Some(b'1' | b'3')) && base58check(raw))
}

fn base58check(raw: &[u8]) -> bool {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if !(26..=35).contains(&raw.len()) {
        return false;
    }
    let mut bytes = [0u8; 25];
    for b in raw {
        let Some(mut carry) = ALPHABET.iter().position(|a| a == b) else { return false };
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = (carry % 256) as u8;
            carry /= 256;
        }
        if carry != 0 {
            return false;
        }
    }
    let sum = Sha256::digest(Sha256::digest(&bytes[..21]));
    matches!(bytes[0], 0 | 5) && sum[..4] == bytes[21..]
}

fn bech32(raw: &[u8]) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let lower = raw.to_ascii_lowercase();
    if lower.len() > 90 || (raw != lower.as_slice() && raw.iter().any(u8::is_ascii_lowercase)) {
        return false;
    }
    let step = |check: u32, value: u32| {
        let top = check >> 25;
        let next = (check & 0x01ff_ffff) << 5 ^ value;
        GENERATOR.iter().enumerate().fold(next, |c, (i, g)| if top >> i & 1 == 1 { c ^ g } else { c })
    };
    // The expanded human-readable part of `bc`.
    let mut check = [3, 3, 0, 2, 3].into_iter().fold(1, step);
    for b in &lower[3..] {
        let Some(value) = ALPHABET.iter().position(|a| a == b) else { return false };
        check = step(check, value as u32);
    }
    check == 1 || check == 0x2bc8_30a3
}

/// Ethereum: 0x and forty hexadecimal digits; capitals, where there are both, are the check of EIP-55. One that is wrong
/// lowers the score: not every writer minds it.
pub(super) fn eth(raw: &[u8], _: &[u8]) -> Check {
    let Some(hex) = raw.strip_prefix(b"0x") else { return Check::Fail };
    let varied = hex.iter().collect::<std::collections::HashSet<_>>().len() >= 6;
    if hex.len() != 40 || !hex.iter().all(u8::is_ascii_hexdigit) || !varied {
        return Check::Fail;
    }
    if !(hex.iter().any(u8::is_ascii_uppercase) && hex.iter().any(u8::is_ascii_lowercase)) {
        return Check::Pass;
    }
    let hash = keccak256(&hex.to_ascii_lowercase());
    let right = hex.iter().enumerate().all(|(i, b)| {
        let nibble = hash[i / 2] >> (if i % 2 == 0 { 4 } else { 0 }) & 0xf;
        b.is_ascii_digit() || b.is_ascii_uppercase() == (nibble >= 8)
    });
    if right { Check::Pass } else { Check::Weak }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bech32_of_the_specification() {
        // BIP 173's own example of a P2WPKH address, split so that it stands nowhere whole.
        let address = format!("{}{}", "bc1qw508d6qejxtdg4y5r3", "zarvary0c5xw7kv8f3t4");
        assert_eq!(btc(address.as_bytes(), b""), Check::Pass);
        assert_eq!(btc(address.to_uppercase().as_bytes(), b""), Check::Pass);
        assert_eq!(btc(address.replace("508", "509").as_bytes(), b""), Check::Fail);
    }

    #[test]
    fn base58_has_a_check() {
        // The first address of the chain (genesis block), public and spent by nobody.
        let address = format!("{}{}", "1A1zP1eP5QGefi2DMPTfTL", "5SLmv7DivfNa");
        assert_eq!(btc(address.as_bytes(), b""), Check::Pass);
        assert_eq!(btc(address.replace("1A1", "1A2").as_bytes(), b""), Check::Fail);
    }

    #[test]
    fn ethereum() {
        assert_eq!(eth(format!("0x{}", "0123456789".repeat(4)).as_bytes(), b""), Check::Pass);
        // An address of EIP-55's own list, and the same with one capital changed.
        let address = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        assert_eq!(eth(address.as_bytes(), b""), Check::Pass);
        assert_eq!(eth(address.replace("5aA", "5AA").as_bytes(), b""), Check::Weak);
        assert_eq!(eth(format!("0x{}", "0".repeat(40)).as_bytes(), b""), Check::Fail);
    }
}
