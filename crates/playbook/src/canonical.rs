//! One byte string for one JSON value, so that a digest of it means something.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Canonical JSON: members sorted by name (bytes), no white space, numbers as `serde_json` writes them. It is the form
/// of RFC 8785 for the values that playbooks hold (whole numbers and short decimals).
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_unstable();
            out.push('{');
            for (i, name) in names.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(&members[name], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// `sha256:` and the digest in lower-case hexadecimal of these bytes.
pub fn sha256(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(71);
    out.push_str("sha256:");
    for byte in Sha256::digest(bytes) {
        out.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    out
}

/// Digest of a value's canonical JSON. A value that JSON cannot hold (a map with keys that are not text) digests as null;
/// the types of this crate hold none.
pub fn digest_of<T: Serialize + ?Sized>(value: &T) -> String {
    sha256(canonical(&serde_json::to_value(value).unwrap_or(Value::Null)).as_bytes())
}

/// Bytes of a value as JSON.
pub fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Bool(b) => 5 - usize::from(*b),
        Value::Number(n) => n.to_string().len(),
        Value::String(s) => s.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|i| json_bytes(i) + 1).sum::<usize>(),
        Value::Object(members) => 2 + members.iter().map(|(k, v)| k.len() + 4 + json_bytes(v)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{canonical, digest_of, sha256};

    #[test]
    fn order_of_members_does_not_matter() {
        let a = json!({"b": [1, {"y": null, "x": "é\"\n"}], "a": 1.5});
        assert_eq!(canonical(&a), r#"{"a":1.5,"b":[1,{"x":"é\"\n","y":null}]}"#);
        assert_eq!(digest_of(&a), digest_of(&json!({"a": 1.5, "b": [1, {"x": "é\"\n", "y": null}]})));
        assert_ne!(digest_of(&json!([1, 2])), digest_of(&json!([2, 1])));
    }

    #[test]
    fn the_digest_is_sha_256() {
        assert_eq!(sha256(b"abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
