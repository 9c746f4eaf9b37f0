//! What is put in the place of a result: Presidio's operators with its parameters.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockEncryptMut, KeyIvInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};

use crate::entropy::Entropy;
use crate::problem::Problem;

/// Shortest salt, in bytes.
const SALT_BYTES_MIN: usize = 16;
/// Longest replacement, key or salt, in bytes.
const PARAMETER_BYTES_MAX: usize = 4_096;

/// The operators' names, as `/anonymizers` lists them.
pub(super) const NAMES: &[&str] = &["encrypt", "hash", "keep", "mask", "redact", "replace"];

/// One operator of a request.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct OperatorBody {
    #[serde(rename = "type")]
    kind: String,
    new_value: Option<String>,
    masking_char: Option<String>,
    chars_to_mask: Option<i64>,
    from_end: Option<bool>,
    hash_type: Option<String>,
    salt: Option<String>,
    key: Option<String>,
}

/// An operator whose parameters were checked.
#[derive(Clone, Debug)]
pub(super) enum Operator {
    Replace(Option<String>),
    Redact,
    Mask { with: String, chars: usize, from_end: bool },
    Hash { long: bool, salt: Option<String> },
    Encrypt { key: Vec<u8> },
    Keep,
}

fn refused(why: impl Into<String>) -> Problem {
    Problem::invalid(
        why,
        format!("Operators are {}; Presidio's documentation lists their parameters.", NAMES.join(", ")),
    )
}

impl Operator {
    /// What a body means.
    pub(super) fn from_body(body: &OperatorBody) -> Result<Self, Problem> {
        let long = |text: &Option<String>| text.as_ref().is_some_and(|t| t.len() > PARAMETER_BYTES_MAX);
        if [&body.new_value, &body.masking_char, &body.salt, &body.key].into_iter().any(long) {
            return Err(refused(format!("A parameter is longer than {PARAMETER_BYTES_MAX} bytes.")));
        }
        let expected = |name: &str| refused(format!("Expected parameter {name}."));
        Ok(match body.kind.as_str() {
            "replace" => Self::Replace(body.new_value.clone().filter(|v| !v.is_empty())),
            "redact" => Self::Redact,
            "keep" => Self::Keep,
            "mask" => {
                let with = body.masking_char.clone().ok_or_else(|| expected("masking_char"))?;
                if with.chars().count() > 1 {
                    return Err(refused("Invalid input, masking_char must be a character."));
                }
                let chars = body.chars_to_mask.ok_or_else(|| expected("chars_to_mask"))?;
                let from_end = body.from_end.ok_or_else(|| expected("from_end"))?;
                Self::Mask { with, chars: usize::try_from(chars).unwrap_or(0), from_end }
            }
            "hash" => {
                let long = match body.hash_type.as_deref().unwrap_or("sha256") {
                    "sha256" => false,
                    "sha512" => true,
                    other => {
                        return Err(refused(format!(
                            "Parameter hash_type value {} is not sha256 or sha512.",
                            other.escape_debug().take(32).collect::<String>()
                        )));
                    }
                };
                if body.salt.as_ref().is_some_and(|s| s.len() < SALT_BYTES_MIN) {
                    return Err(refused(format!("Salt must be at least {SALT_BYTES_MIN} bytes (128 bits).")));
                }
                Self::Hash { long, salt: body.salt.clone() }
            }
            "encrypt" => {
                let key = body.key.clone().ok_or_else(|| expected("key"))?.into_bytes();
                if !matches!(key.len(), 16 | 24 | 32) {
                    return Err(refused("Invalid input, key must be of length 128, 192 or 256 bits."));
                }
                Self::Encrypt { key }
            }
            "custom" => return Err(refused("Custom type anonymizer is not supported.")),
            other => {
                let shown: String = other.escape_debug().take(32).collect();
                return Err(refused(format!("Invalid operator class '{shown}'.")));
            }
        })
    }

    /// Its name.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Replace(_) => "replace",
            Self::Redact => "redact",
            Self::Mask { .. } => "mask",
            Self::Hash { .. } => "hash",
            Self::Encrypt { .. } => "encrypt",
            Self::Keep => "keep",
        }
    }

    /// What stands for `value`.
    pub(super) fn apply(&self, value: &str, entity_type: &str, entropy: &Entropy) -> Result<String, Problem> {
        Ok(match self {
            Self::Replace(Some(new)) => new.clone(),
            Self::Replace(None) => format!("<{entity_type}>"),
            Self::Redact => String::new(),
            Self::Keep => value.to_owned(),
            Self::Mask { with, chars, from_end } => {
                let all: Vec<char> = value.chars().collect();
                let masked = with.repeat((*chars).min(all.len()));
                let (hidden, shown) = if *from_end {
                    let (shown, _) = all.split_at(all.len() - (*chars).min(all.len()));
                    (false, shown)
                } else {
                    (true, &all[(*chars).min(all.len())..])
                };
                let shown: String = shown.iter().collect();
                if hidden { masked + &shown } else { shown + &masked }
            }
            Self::Hash { long, salt } => {
                let salt = match salt {
                    Some(salt) => salt.clone().into_bytes(),
                    None => entropy.bytes::<32>()?.to_vec(),
                };
                let salted = [value.as_bytes(), &salt].concat();
                if *long { hex::encode(Sha512::digest(salted)) } else { hex::encode(Sha256::digest(salted)) }
            }
            Self::Encrypt { key } => encrypt(key, &entropy.bytes::<16>()?, value)?,
        })
    }
}

/// AES-CBC with PKCS#7 padding (NIST SP 800-38A); the initial vector and the text as URL-safe base64.
fn encrypt(key: &[u8], iv: &[u8; 16], value: &str) -> Result<String, Problem> {
    let sealed = match key.len() {
        16 => cbc::Encryptor::<aes::Aes128>::new_from_slices(key, iv)
            .map(|c| c.encrypt_padded_vec_mut::<Pkcs7>(value.as_bytes())),
        24 => cbc::Encryptor::<aes::Aes192>::new_from_slices(key, iv)
            .map(|c| c.encrypt_padded_vec_mut::<Pkcs7>(value.as_bytes())),
        _ => cbc::Encryptor::<aes::Aes256>::new_from_slices(key, iv)
            .map(|c| c.encrypt_padded_vec_mut::<Pkcs7>(value.as_bytes())),
    };
    let sealed = sealed.map_err(|_| Problem::internal())?;
    Ok(URL_SAFE.encode([iv.as_slice(), &sealed].concat()))
}

#[cfg(test)]
mod tests {
    use super::{Operator, OperatorBody, encrypt};
    use crate::entropy::Entropy;

    fn applied(body: serde_json::Value, value: &str) -> Result<String, String> {
        let body: OperatorBody = serde_json::from_value(body).expect("a body");
        let operator = Operator::from_body(&body).map_err(|p| p.message)?;
        operator.apply(value, "PERSON", &Entropy::system()).map_err(|p| p.message)
    }

    #[test]
    fn each_operator() {
        let json = |text: &str| serde_json::from_str(text).expect("JSON");
        let of = |body: &str, value: &str| applied(json(body), value);
        assert_eq!(of(r#"{"type":"replace"}"#, "Noor").as_deref(), Ok("<PERSON>"));
        assert_eq!(of(r#"{"type":"replace","new_value":"X"}"#, "Noor").as_deref(), Ok("X"));
        assert_eq!(of(r#"{"type":"redact"}"#, "Noor").as_deref(), Ok(""));
        assert_eq!(of(r#"{"type":"keep"}"#, "Noor").as_deref(), Ok("Noor"));
        let mask = |chars: i64, end: bool| {
            of(&format!(r#"{{"type":"mask","masking_char":"*","chars_to_mask":{chars},"from_end":{end}}}"#), "Nöör")
        };
        assert_eq!(mask(3, true).as_deref(), Ok("N***"));
        assert_eq!(mask(3, false).as_deref(), Ok("***r"));
        assert_eq!(mask(9, true).as_deref(), Ok("****"));
        assert_eq!(mask(-1, true).as_deref(), Ok("Nöör"));
        // SHA-256 and SHA-512 of the text and the salt, one after the other (FIPS 180-4).
        let salted = r#"{"type":"hash","salt":"0123456789abcdef"}"#;
        assert_eq!(of(salted, "abc"), of(&salted.replace("hash\"", "hash\",\"hash_type\":\"sha256\""), "abc"));
        assert_eq!(of(salted, "abc").map(|h| h.len()), Ok(64));
        assert_eq!(of(r#"{"type":"hash","hash_type":"sha512"}"#, "abc").map(|h| h.len()), Ok(128));
        assert_ne!(of(r#"{"type":"hash"}"#, "abc"), of(r#"{"type":"hash"}"#, "abc"), "without a salt none is the same");
        for bad in [
            r#"{"type":"custom"}"#,
            r#"{"type":"nothing"}"#,
            r#"{"type":"mask","masking_char":"**","chars_to_mask":1,"from_end":true}"#,
            r#"{"type":"mask","masking_char":"*","from_end":true}"#,
            r#"{"type":"hash","hash_type":"md5"}"#,
            r#"{"type":"hash","salt":"0123456789abcde"}"#,
            r#"{"type":"encrypt","key":"0123456789abcde"}"#,
        ] {
            assert!(of(bad, "x").is_err(), "{bad}");
        }
    }

    /// The first block of NIST SP 800-38A, F.2.1 (AES-128-CBC): 32 hexadecimal digits as text would not be its bytes, so
    /// the key and vector are ours and what is compared is the published construction, decrypted by hand of the crate.
    #[test]
    fn encryption_opens_again() {
        use aes::cipher::{BlockDecryptMut, KeyIvInit, block_padding::Pkcs7};
        use base64::Engine as _;
        let (key, iv) = (*b"0123456789abcdef", [7; 16]);
        let token = encrypt(&key, &iv, "Noor Lindqvist").expect("sealed");
        let bytes = base64::engine::general_purpose::URL_SAFE.decode(token).expect("base64");
        assert_eq!(bytes[..16], iv);
        let opened = cbc::Decryptor::<aes::Aes128>::new(&key.into(), &iv.into());
        assert_eq!(opened.decrypt_padded_vec_mut::<Pkcs7>(&bytes[16..]).expect("opens"), b"Noor Lindqvist");
    }
}
