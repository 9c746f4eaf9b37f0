//! Format-preserving encryption for data sets: digits stay digits, letters stay letters of their case, the rest stays.
//!
//! FF1 of NIST SP 800-38G with AES-256. A value is ranked among all of its form, the rank is encrypted as a number of that
//! many bits, again until it is a rank once more (cycle walking), and written in the form. SP 800-38G revision 1 asks for a
//! million values at least; forms with fewer are refused, since one could try them all. Check digits are not kept: a card
//! number becomes sixteen digits, not another card number.

use aes::{
    Aes256,
    cipher::{BlockEncrypt, KeyInit, generic_array::GenericArray},
};

use crate::Key;

/// Fewest values that a form must have.
pub const DOMAIN_MIN: u128 = 1_000_000;
/// Most values that a form may have: 36 digits, or 25 letters.
pub const DOMAIN_MAX: u128 = 1 << 120;
const ROUNDS: u8 = 10;
/// Longest walk: half of the numbers or more are ranks, so that this many misses do not happen.
const WALK_MAX: usize = 512;

/// Why a value cannot be encrypted in its own form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreserveError {
    /// So few values have its form that all could be tried.
    #[error("the form has fewer values than {DOMAIN_MIN}")]
    TooFew,
    /// It is longer than one number can hold.
    #[error("the form has more values than 2^120")]
    TooMany,
}

/// Encrypts values in their own form. The same key and label give the same value: columns can still be joined.
pub struct FormatPreserving {
    cipher: Aes256,
}

impl std::fmt::Debug for FormatPreserving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormatPreserving")
    }
}

impl FormatPreserving {
    /// With a key of its own, derived from the tenant's.
    pub fn new(key: &Key) -> Self {
        Self { cipher: Aes256::new(&GenericArray::from(key.hmac(&[b"format-preserving"]))) }
    }

    /// The value in disguise; `label` separates columns that hold different things.
    ///
    /// # Errors
    /// If the form has too few or too many values.
    pub fn encrypt(&self, label: &str, value: &str) -> Result<String, PreserveError> {
        self.convert(label, value, true)
    }

    /// The value behind the disguise.
    ///
    /// # Errors
    /// If the form has too few or too many values.
    pub fn decrypt(&self, label: &str, value: &str) -> Result<String, PreserveError> {
        self.convert(label, value, false)
    }

    fn convert(&self, label: &str, value: &str, forward: bool) -> Result<String, PreserveError> {
        let (domain, mut rank) = rank(value)?;
        let bits = 128 - (domain - 1).leading_zeros();
        // The form is part of the tweak, so that 1234567 and ABC-123 have nothing to do with each other.
        let form: String = value.chars().map(|c| class(c).map_or(c, |class| char::from(class.0))).collect();
        let tweak = [label.as_bytes(), b"\0", form.as_bytes()].concat();
        for _ in 0..WALK_MAX {
            rank = ff1(&self.cipher, 2, bits, &tweak, rank, forward);
            if rank < domain {
                return Ok(unrank(value, rank));
            }
        }
        Err(PreserveError::TooMany)
    }
}

/// First character and size of the class of a character that is replaced.
fn class(c: char) -> Option<(u8, u8)> {
    match c {
        '0'..='9' => Some((b'0', 10)),
        'a'..='z' => Some((b'a', 26)),
        'A'..='Z' => Some((b'A', 26)),
        _ => None,
    }
}

/// How many values have the form of this one, and its place among them.
fn rank(value: &str) -> Result<(u128, u128), PreserveError> {
    let mut domain: u128 = 1;
    let mut rank: u128 = 0;
    for c in value.chars() {
        let Some((first, size)) = class(c) else { continue };
        domain *= u128::from(size);
        rank = rank * u128::from(size) + (c as u128 - u128::from(first));
        if domain > DOMAIN_MAX {
            return Err(PreserveError::TooMany);
        }
    }
    if domain < DOMAIN_MIN { Err(PreserveError::TooFew) } else { Ok((domain, rank)) }
}

/// The value of this form at that place.
fn unrank(form: &str, mut rank: u128) -> String {
    let mut chars: Vec<char> = form.chars().collect();
    for c in chars.iter_mut().rev() {
        if let Some((first, size)) = class(*c) {
            *c = char::from(first + (rank % u128::from(size)) as u8);
            rank /= u128::from(size);
        }
    }
    chars.into_iter().collect()
}

/// FF1 (SP 800-38G, algorithms 7 and 8) over a number of `len` digits in base `radix`. Halves are of at most 96 bits.
fn ff1(cipher: &Aes256, radix: u32, len: u32, tweak: &[u8], number: u128, forward: bool) -> u128 {
    let (u, v) = (len / 2, len - len / 2);
    let radix_128 = u128::from(radix);
    let (low_size, high_size) = (radix_128.pow(v), radix_128.pow(u));
    let half_bytes = (128 - (low_size - 1).leading_zeros()).div_ceil(8) as usize;
    let take = 4 * half_bytes.div_ceil(4) + 4;
    let mut p = [0u8; 16];
    p[..3].copy_from_slice(&[1, 2, 1]);
    p[3..6].copy_from_slice(&radix.to_be_bytes()[1..]);
    p[6..8].copy_from_slice(&[ROUNDS, u as u8]);
    p[8..12].copy_from_slice(&len.to_be_bytes());
    p[12..].copy_from_slice(&(tweak.len() as u32).to_be_bytes());
    let mut head = p.to_vec();
    head.extend_from_slice(tweak);
    head.resize(head.len() + (16 - (tweak.len() + half_bytes + 1) % 16) % 16, 0);
    let round = |i: u8, half: u128| {
        let mut message = head.clone();
        message.push(i);
        message.extend_from_slice(&half.to_be_bytes()[16 - half_bytes..]);
        let mut block = GenericArray::from([0u8; 16]);
        for chunk in message.chunks(16) {
            block.iter_mut().zip(chunk).for_each(|(b, m)| *b ^= m);
            cipher.encrypt_block(&mut block);
        }
        block[..take.min(16)].iter().fold(0u128, |y, b| y << 8 | u128::from(*b))
    };
    let (mut a, mut b) = (number / low_size, number % low_size);
    for step in 0..ROUNDS {
        let i = if forward { step } else { ROUNDS - 1 - step };
        let size = if i % 2 == 0 { high_size } else { low_size };
        if forward {
            let c = (a + round(i, b) % size) % size;
            (a, b) = (b, c);
        } else {
            let c = (b + size - round(i, a) % size) % size;
            (a, b) = (c, a);
        }
    }
    a * low_size + b
}

#[cfg(test)]
mod tests {
    use aes::{
        Aes256,
        cipher::{KeyInit, generic_array::GenericArray},
    };

    use super::{FormatPreserving, PreserveError, ff1};
    use crate::Key;

    /// The AES-256 samples that NIST publishes with SP 800-38G (numbers 7 to 9).
    #[test]
    fn samples_of_nist() {
        let key: [u8; 32] = [
            0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c, 0xef, 0x43,
            0x59, 0xd8, 0xd5, 0x80, 0xaa, 0x4f, 0x7f, 0x03, 0x6d, 0x6f, 0x04, 0xfc, 0x6a, 0x94,
        ];
        let cipher = Aes256::new(&GenericArray::from(key));
        let number = |text: &str, radix: u32| {
            text.chars().fold(0u128, |n, c| n * u128::from(radix) + u128::from(c.to_digit(radix).unwrap()))
        };
        for (radix, tweak, plain, hidden) in [
            (10, &b""[..], "0123456789", "6657667009"),
            (10, b"9876543210", "0123456789", "1001623463"),
            (36, b"7777pqrs777", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"),
        ] {
            let (plain, len, hidden) = (number(plain, radix), plain.len() as u32, number(hidden, radix));
            assert_eq!(ff1(&cipher, radix, len, tweak, plain, true), hidden);
            assert_eq!(ff1(&cipher, radix, len, tweak, hidden, false), plain);
        }
    }

    #[test]
    fn form_is_kept_and_comes_back() {
        let cipher = FormatPreserving::new(&Key::new([7; 32]));
        for value in ["4111 1111 1111 1111", "AB-123456-c", "äöü 555-0142 000", "GB82WEST12345698765432", "000000"] {
            let hidden = cipher.encrypt("X", value).unwrap();
            assert_ne!(hidden, value);
            let form = |s: &str| {
                s.chars()
                    .map(|c| {
                        if c.is_ascii_digit() {
                            '9'
                        } else if c.is_ascii_uppercase() {
                            'A'
                        } else if c.is_ascii_lowercase() {
                            'a'
                        } else {
                            c
                        }
                    })
                    .collect::<String>()
            };
            assert_eq!(form(&hidden), form(value));
            assert_eq!(cipher.decrypt("X", &hidden).unwrap(), value);
            assert_ne!(cipher.encrypt("Y", value).unwrap(), hidden);
            let other = FormatPreserving::new(&Key::new([8; 32]));
            assert_ne!(other.encrypt("X", value).unwrap(), hidden);
        }
    }

    #[test]
    fn a_permutation() {
        let cipher = FormatPreserving::new(&Key::new([7; 32]));
        let hidden: std::collections::BTreeSet<String> =
            (0..2_000).map(|i| cipher.encrypt("X", &format!("{i:06}")).unwrap()).collect();
        assert_eq!(hidden.len(), 2_000);
    }

    #[test]
    fn limits_hold() {
        let cipher = FormatPreserving::new(&Key::new([7; 32]));
        assert!(cipher.encrypt("X", "999999").is_ok());
        assert_eq!(cipher.encrypt("X", "99999"), Err(PreserveError::TooFew));
        assert!(cipher.encrypt("X", &"9".repeat(36)).is_ok());
        assert_eq!(cipher.encrypt("X", &"9".repeat(37)), Err(PreserveError::TooMany));
    }
}
