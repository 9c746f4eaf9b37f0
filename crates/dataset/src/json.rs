//! JSON values walked without building them: every scalar with its path, keys that stand twice included.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Longest path that is kept; a longer one ends in `…`.
const PATH_BYTES_MAX: usize = 512;
/// Keys of one object that are compared to find one that stands twice.
const KEYS_COMPARED_MAX: usize = 4_096;

/// What is told of each scalar: its path (`user.emails[]`) and its text.
pub(crate) trait Sink {
    fn scalar(&mut self, path: &str, text: &str);
    /// A key is text too: a map from e-mail addresses to scores holds e-mail addresses. `path` ends in the key.
    fn key(&mut self, path: &str, key: &str);
    fn duplicate_key(&mut self);
    /// An element of an array at the top is a row of its own.
    fn row(&mut self);
}

/// Why a text is no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    TooDeep,
    Bad(String),
}

/// Marks the error that the walker raises, among those of the parser.
const TOO_DEEP: &str = "casemate: nested deeper than the limit";

/// Walks the one JSON value that `text` holds.
pub(crate) fn walk(text: &str, depth_max: usize, sink: &mut impl Sink) -> Result<(), JsonError> {
    let mut parser = serde_json::Deserializer::from_str(text);
    // The walker's own limit is the tighter one when it is below the parser's 128.
    let mut path = String::new();
    let seed = Walk { sink, path: &mut path, depth: 0, depth_max };
    let end = seed.deserialize(&mut parser).and_then(|()| parser.end());
    end.map_err(|e| {
        let text = e.to_string();
        if text.starts_with(TOO_DEEP) || text.starts_with("recursion limit") {
            JsonError::TooDeep
        } else {
            // The parser's message may quote a token of the input; its place and class do not.
            JsonError::Bad(
                format!("{:?} error at line {} column {}", e.classify(), e.line(), e.column()).to_lowercase(),
            )
        }
    })
}

struct Walk<'a, S> {
    sink: &'a mut S,
    path: &'a mut String,
    depth: usize,
    depth_max: usize,
}

impl<'de, S: Sink> DeserializeSeed<'de> for Walk<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<S: Sink> Walk<'_, S> {
    fn scalar<E>(self, text: &str) -> Result<(), E> {
        self.sink.scalar(self.path, text);
        Ok(())
    }

    fn deeper<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth >= self.depth_max { Err(E::custom(TOO_DEEP)) } else { Ok(()) }
    }
}

impl<'de, S: Sink> Visitor<'de> for Walk<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.scalar("")
    }

    fn visit_bool<E>(self, v: bool) -> Result<(), E> {
        self.scalar(if v { "true" } else { "false" })
    }

    fn visit_i64<E>(self, v: i64) -> Result<(), E> {
        self.scalar(&v.to_string())
    }

    fn visit_u64<E>(self, v: u64) -> Result<(), E> {
        self.scalar(&v.to_string())
    }

    fn visit_f64<E>(self, v: f64) -> Result<(), E> {
        self.scalar(&v.to_string())
    }

    fn visit_str<E>(self, v: &str) -> Result<(), E> {
        self.scalar(v)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.deeper()?;
        let length = self.path.len();
        let rows = self.depth == 0;
        if !rows && length < PATH_BYTES_MAX {
            self.path.push_str("[]");
        }
        loop {
            if rows {
                self.sink.row();
            }
            let seed =
                Walk { sink: &mut *self.sink, path: &mut *self.path, depth: self.depth + 1, depth_max: self.depth_max };
            if seq.next_element_seed(seed)?.is_none() {
                break;
            }
        }
        self.path.truncate(length);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.deeper()?;
        let length = self.path.len();
        let mut keys: Vec<String> = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            if keys.len() < KEYS_COMPARED_MAX {
                match keys.binary_search(&key) {
                    Ok(_) => self.sink.duplicate_key(),
                    Err(at) => keys.insert(at, key.clone()),
                }
            }
            if length > 0 {
                self.path.push('.');
            }
            let cut = (0..=key.len().min(PATH_BYTES_MAX)).rev().find(|at| key.is_char_boundary(*at)).unwrap_or(0);
            if length + cut <= PATH_BYTES_MAX {
                self.path.push_str(&key[..cut]);
            } else {
                self.path.push('…');
            }
            self.sink.key(self.path, &key);
            let seed =
                Walk { sink: &mut *self.sink, path: &mut *self.path, depth: self.depth + 1, depth_max: self.depth_max };
            map.next_value_seed(seed)?;
            self.path.truncate(length);
        }
        Ok(())
    }
}

/// A key, owned, so that the walk does not depend on what the parser can borrow.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d).map_err(|_| D::Error::custom("key"))?;
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonError, Sink, walk};

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Sink for Log {
        fn scalar(&mut self, path: &str, text: &str) {
            self.0.push(format!("{path}={text}"));
        }
        fn key(&mut self, _: &str, _: &str) {}
        fn duplicate_key(&mut self) {
            self.0.push("dup".into());
        }
        fn row(&mut self) {}
    }

    #[test]
    fn scalars_with_paths_and_keys_that_stand_twice() {
        let mut log = Log::default();
        walk(r#"{"a":{"b":[1,{"c":"x"}]},"d":null,"a":true,"n":12345678901234567}"#, 64, &mut log).unwrap();
        assert_eq!(log.0, ["a.b[]=1", "a.b[].c=x", "d=", "dup", "a=true", "n=12345678901234567"]);
    }

    #[test]
    fn depth_at_the_limit_and_past_it() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(walk(&nested(8), 8, &mut Log::default()), Ok(()));
        assert_eq!(walk(&nested(9), 8, &mut Log::default()), Err(JsonError::TooDeep));
        assert_eq!(walk(&nested(100_000), 1_000_000, &mut Log::default()), Err(JsonError::TooDeep));
    }

    #[test]
    fn what_is_no_json_is_said_without_its_text() {
        let Err(JsonError::Bad(why)) = walk(r#"{"a": secret"#, 8, &mut Log::default()) else { panic!("read") };
        assert_eq!(why, "syntax error at line 1 column 7");
        assert!(matches!(walk("{} {}", 8, &mut Log::default()), Err(JsonError::Bad(_))));
    }
}
