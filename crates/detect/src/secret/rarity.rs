//! How unlike words and identifiers a string is: mean bits a character under a trigram model of source and prose.
//!
//! The model (40³ bytes) is made by `bench/train_rarity.py`; it tells random strings from long identifiers, which
//! Shannon's entropy of the string alone cannot.

/// Sixteenths of a bit, by three symbols.
const MODEL: &[u8; 64_000] = include_bytes!("../../rules/rarity.bin");

/// Symbol of a byte: letters without case, digits, `_`, `-`, `.`, and one for all others.
const SYMBOL: [u8; 256] = {
    let mut table = [39u8; 256];
    let mut i = 0;
    while i < 26 {
        table[b'a' as usize + i] = i as u8;
        table[b'A' as usize + i] = i as u8;
        i += 1;
    }
    i = 0;
    while i < 10 {
        table[b'0' as usize + i] = 26 + i as u8;
        i += 1;
    }
    table[b'_' as usize] = 36;
    table[b'-' as usize] = 37;
    table[b'.' as usize] = 38;
    table
};

/// Mean bits a character, 0 to 15.9: identifiers are near 3, words run together near 4,
/// hexadecimal digits near 6, random letters and digits near 9. A change of
/// case or between letters and digits inside a word adds a little, since the model folds case. 0 for less than three bytes.
pub(crate) fn rarity(value: &[u8]) -> f32 {
    let value = &value[..value.len().min(256)];
    if value.len() < 3 {
        return 0.0;
    }
    let sum: u32 = value
        .windows(3)
        .map(|w| {
            let at = |b: u8| usize::from(SYMBOL[usize::from(b)]);
            u32::from(MODEL[(at(w[0]) * 40 + at(w[1])) * 40 + at(w[2])])
        })
        .sum();
    let humps = value
        .windows(2)
        .filter(|w| {
            w[0].is_ascii_uppercase() && w[1].is_ascii_lowercase() || w[0].is_ascii_digit() != w[1].is_ascii_digit()
        })
        .count();
    let trigrams = (value.len() - 2) as f32;
    sum as f32 / 16.0 / trigrams + (humps as f32 / value.len() as f32) * 0.8
}

#[cfg(test)]
mod tests {
    use super::rarity;
    use crate::rule::render_example;

    #[test]
    fn random_is_rarer_than_names() {
        for seed in 0..200 {
            let random = render_example("{alnum:24}", seed * 77 + 1);
            assert!(rarity(random.as_bytes()) > 5.5, "{random} {}", rarity(random.as_bytes()));
        }
        for word in ["getAuthorizationToken", "configuration_value", "password_of_the_day", "application/json"] {
            assert!(rarity(word.as_bytes()) < 4.5, "{word} {}", rarity(word.as_bytes()));
        }
        assert_eq!(rarity(b"ab"), 0.0);
    }
}
