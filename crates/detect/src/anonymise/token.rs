//! Tokens: `<PERSON_7f3a2c>`, the label and the beginning of HMAC(tenant key, label ‖ normalised value).

use crate::Key;

/// Hexadecimal digits of a token; more are taken only where two values would share them.
pub(super) const DIGITS: [usize; 4] = [6, 10, 16, 32];

/// The value as it is compared: letter case, spaces and the usual separators do not tell two values apart.
pub(super) fn normalise(label: &str, value: &str) -> String {
    let keeps_case = matches!(label, "CRYPTO" | "URL" | "CRYPTO_SEED_PHRASE");
    let words = value.split_whitespace().collect::<Vec<_>>().join(" ");
    match label {
        "CREDIT_CARD" | "PHONE_NUMBER" | "US_SSN" | "IBAN_CODE" => {
            words.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect::<String>().to_uppercase()
        }
        _ if keeps_case => words,
        _ => words.to_lowercase(),
    }
}

/// The token of a value, with so many digits.
pub(super) fn token(key: &Key, label: &str, normalised: &str, digits: usize) -> String {
    use std::fmt::Write as _;
    let tag = key.hmac(&[b"token", label.as_bytes(), normalised.as_bytes()]);
    let mut out = format!("<{label}_");
    for byte in &tag[..digits / 2] {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('>');
    out
}
