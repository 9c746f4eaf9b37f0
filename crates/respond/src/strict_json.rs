//! JSON without the room for tricks: one value, no member twice, bounded depth.

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Parses one JSON value.
///
/// # Errors
/// What is wrong, with line and column.
pub fn parse(bytes: &[u8], depth_max: usize) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
    let mut de = serde_json::Deserializer::from_str(text);
    let value = Strict { left: depth_max, max: depth_max }.deserialize(&mut de).map_err(|e| e.to_string())?;
    de.end().map_err(|e| e.to_string())?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    left: usize,
    max: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1).ok_or_else(|| E::custom(format!("more than {} levels deep", self.max)))?;
        Ok(Self { left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, de: D) -> Result<Value, D::Error> {
        de.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(v.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("member `{name}` is there twice")));
            }
            let value = map.next_value_seed(inner)?;
            members.insert(name, value);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn agrees_with_serde_where_both_accept() {
        let text = r#"{"a": [1, -2, 2.5, "é", null, true, {"b": {}}], "big": 18446744073709551615}"#;
        assert_eq!(parse(text.as_bytes(), 8), Ok(serde_json::from_str(text).expect("JSON")));
    }

    #[test]
    fn refuses_what_may_be_read_in_two_ways() {
        for (bad, why) in [
            (&br#"{"a": 1, "a": 2}"#[..], "twice"),
            (br#"{"o": {"k": 1, "\u006b": 2}}"#, "twice"),
            (b"{} {}", "trailing"),
            (b"", "EOF"),
            (b"nan", "expected"),
            (b"\xff\xfe", "UTF-8 at byte 0"),
        ] {
            let error = parse(bad, 8).expect_err("refused");
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn depth_at_the_limit_and_one_past_it() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(5).as_bytes(), 5).is_ok());
        assert!(parse(nested(6).as_bytes(), 5).expect_err("too deep").contains("more than 5 levels"));
        assert!(parse(nested(100_000).as_bytes(), 64).is_err());
    }
}
