//! JSON (RFC 8259) as events, without recursion and without building a tree: vocabularies of millions of words pass
//! through in constant memory.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::import_names;

/// How deep arrays and objects may nest.
pub(crate) const DEPTH_MAX: usize = 512;
/// Fields of one object that are kept for its end, whatever they are called.
const FIELDS_MAX: usize = 128;
/// Fields of one object that are kept for their name, or because all of the object counts.
const NAMED_FIELDS_MAX: usize = 4096;
/// Numbers of one array that are kept.
const NUMBERS_MAX: usize = 64;
/// Strings of one array that are kept.
const TEXTS_MAX: usize = 8;
/// Keys of one object that are compared for duplicates.
const KEYS_MAX: usize = 1 << 20;

/// Names of fields by which loaders take classes, functions and code: kept however many others stand before them.
static NAMED: &[&str] = &[
    "#",
    "__class__",
    "__kind__",
    "__loader__",
    "__module__",
    "_class_name",
    "_diffusers_version",
    "allow_dangerous_code",
    "allow_dangerous_deserialization",
    "class_name",
    "closure",
    "code",
    "component_type",
    "config",
    "constructor_name",
    "custom_code",
    "custom_modules",
    "custom_pipeline",
    "data_offsets",
    "dtype",
    "expr_str",
    "function",
    "handler",
    "id",
    "idx",
    "lc",
    "magic",
    "modelName",
    "module",
    "module_path",
    "name",
    "op",
    "op_type",
    "path",
    "registered_name",
    "remote_code",
    "serializedFile",
    "shape",
    "source_code",
    "target",
    "trust_remote_code",
    "type",
];

/// True for a field that decides what a loader does.
pub(crate) fn is_named(key: &str) -> bool {
    NAMED.contains(&key) || import_names::is_field(key)
}

/// A value kept for the end of its object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    /// A string.
    Text(String),
    /// A number as it was written.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An array of numbers as they were written.
    Numbers(Vec<String>),
    /// The first strings of an array under a named key.
    Texts(Vec<String>),
}

/// What was read.
pub(crate) enum Event<'e> {
    /// A string value; `key` is the nearest key above it, `listed` says that it stands in an array.
    Text { key: &'e str, value: &'e str, at: usize, listed: bool },
    /// An array that is the value of `key` of an object at this depth is over; its first strings.
    List { key: &'e str, texts: &'e [String], at: usize, depth: usize },
    /// An object is over; `key` is the key that it stands under, `fields` its own scalar fields.
    End { key: &'e str, fields: &'e [(String, Scalar)], at: usize, depth: usize },
    /// A key came twice in one object.
    Duplicate { key: &'e str, at: usize },
}

impl Event<'_> {
    /// The text of a field; the last one of that name, as JSON readers take it.
    pub(crate) fn text<'f>(fields: &'f [(String, Scalar)], name: &str) -> Option<&'f str> {
        fields.iter().rev().find_map(|(k, v)| match v {
            Scalar::Text(t) if k == name => Some(t.as_str()),
            _ => None,
        })
    }
}

/// Why a text is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Not JSON from this byte on.
    Syntax(usize),
    /// Nested deeper than [`DEPTH_MAX`].
    Depth(usize),
    /// More fields that count than [`NAMED_FIELDS_MAX`] in one object.
    Fields(usize),
}

enum Level {
    Object {
        key: String,
        own_key: String,
        fields: Vec<(String, Scalar)>,
        seen: HashSet<u64>,
        start: usize,
    },
    /// `direct`: the value of a key, not an array in an array.
    Array {
        key: String,
        numbers: Option<Vec<String>>,
        texts: Vec<String>,
        direct: bool,
    },
}

/// Reads one document and hands every event to `on`.
pub(crate) fn read(text: &[u8], on: &mut dyn FnMut(Event<'_>)) -> Result<(), JsonError> {
    let mut r = Reader { text, at: 0 };
    let mut levels: Vec<Level> = Vec::new();
    let mut expect_value = true;
    loop {
        r.space();
        if expect_value {
            let key = nearest(&levels);
            match r.peek() {
                Some(b'{') => {
                    if levels.len() >= DEPTH_MAX {
                        return Err(JsonError::Depth(r.at));
                    }
                    let start = r.at;
                    r.at += 1;
                    r.space();
                    levels.push(Level::Object {
                        key: String::new(),
                        own_key: key,
                        fields: Vec::new(),
                        seen: HashSet::new(),
                        start,
                    });
                    if r.peek() == Some(b'}') {
                        expect_value = false;
                        continue;
                    }
                    next_key(&mut r, &mut levels, on)?;
                    continue;
                }
                Some(b'[') => {
                    if levels.len() >= DEPTH_MAX {
                        return Err(JsonError::Depth(r.at));
                    }
                    r.at += 1;
                    let direct = matches!(levels.last(), Some(Level::Object { .. }));
                    levels.push(Level::Array { key, numbers: Some(Vec::new()), texts: Vec::new(), direct });
                    r.space();
                    if r.peek() == Some(b']') {
                        expect_value = false;
                    }
                    continue;
                }
                _ => {
                    let at = r.at;
                    let value = r.scalar()?;
                    if let Scalar::Text(t) = &value {
                        let listed = matches!(levels.last(), Some(Level::Array { .. }));
                        on(Event::Text { key: &key, value: t, at, listed });
                    }
                    keep(&mut levels, value, at)?;
                    expect_value = false;
                }
            }
            if levels.is_empty() {
                break;
            }
            continue;
        }
        match (r.peek(), levels.last()) {
            (Some(b','), Some(Level::Object { .. })) => {
                r.at += 1;
                next_key(&mut r, &mut levels, on)?;
                expect_value = true;
            }
            (Some(b','), Some(Level::Array { .. })) => {
                r.at += 1;
                expect_value = true;
            }
            (Some(b'}'), Some(Level::Object { .. })) => {
                r.at += 1;
                let depth = levels.len();
                if let Some(Level::Object { own_key, fields, start, .. }) = levels.pop() {
                    on(Event::End { key: &own_key, fields: &fields, at: start, depth });
                }
            }
            (Some(b']'), Some(Level::Array { .. })) => {
                r.at += 1;
                if let Some(Level::Array { key, numbers, texts, .. }) = levels.pop() {
                    if !texts.is_empty() {
                        on(Event::List { key: &key, texts: &texts, at: r.at, depth: levels.len() });
                        if is_named(&key) {
                            keep(&mut levels, Scalar::Texts(texts), r.at)?;
                        }
                    } else if let (Some(n), Some(Level::Object { .. })) = (numbers, levels.last()) {
                        keep(&mut levels, Scalar::Numbers(n), r.at)?;
                    } else if let Some(Level::Array { numbers, .. }) = levels.last_mut() {
                        *numbers = None;
                    }
                }
            }
            _ => return Err(JsonError::Syntax(r.at)),
        }
        if levels.is_empty() {
            break;
        }
    }
    r.space();
    if r.at < text.len() && text[r.at..].iter().any(|b| *b != 0 && !b.is_ascii_whitespace()) {
        return Err(JsonError::Syntax(r.at));
    }
    Ok(())
}

fn nearest(levels: &[Level]) -> String {
    match levels.last() {
        Some(Level::Object { key, .. } | Level::Array { key, .. }) => key.clone(),
        None => String::new(),
    }
}

fn next_key(r: &mut Reader<'_>, levels: &mut [Level], on: &mut dyn FnMut(Event<'_>)) -> Result<(), JsonError> {
    r.space();
    let at = r.at;
    let name = r.string()?;
    r.space();
    if r.peek() != Some(b':') {
        return Err(JsonError::Syntax(r.at));
    }
    r.at += 1;
    if let Some(Level::Object { key, seen, .. }) = levels.last_mut() {
        if seen.len() < KEYS_MAX {
            let mut h = DefaultHasher::new();
            name.hash(&mut h);
            if !seen.insert(h.finish()) {
                on(Event::Duplicate { key: &name, at });
            }
        }
        *key = name;
    }
    Ok(())
}

fn keep(levels: &mut [Level], value: Scalar, at: usize) -> Result<(), JsonError> {
    match levels.last_mut() {
        Some(Level::Object { key, own_key, fields, .. })
            if fields.len() < FIELDS_MAX || is_named(key) || own_key == "auto_map" =>
        {
            if fields.len() >= NAMED_FIELDS_MAX {
                return Err(JsonError::Fields(at));
            }
            fields.push((key.clone(), value));
        }
        Some(Level::Array { numbers, texts, direct, .. }) => match (numbers.as_mut(), value) {
            (Some(n), Scalar::Number(v)) if n.len() < NUMBERS_MAX => n.push(v),
            (_, Scalar::Text(t)) => {
                *numbers = None;
                if *direct && texts.len() < TEXTS_MAX {
                    texts.push(t);
                }
            }
            _ => *numbers = None,
        },
        _ => {}
    }
    Ok(())
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn scalar(&mut self) -> Result<Scalar, JsonError> {
        let rest = &self.text[self.at..];
        for (word, value) in
            [(&b"true"[..], Scalar::Bool(true)), (b"false", Scalar::Bool(false)), (b"null", Scalar::Null)]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        // Python writes these for floats.
        for word in [&b"NaN"[..], b"Infinity", b"-Infinity"] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(Scalar::Number(String::from_utf8_lossy(word).into_owned()));
            }
        }
        match self.peek() {
            Some(b'"') => Ok(Scalar::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => {
                let n = rest.iter().take_while(|b| b.is_ascii_digit() || b"+-.eE".contains(b)).count();
                self.at += n;
                Ok(Scalar::Number(String::from_utf8_lossy(&rest[..n]).into_owned()))
            }
            _ => Err(JsonError::Syntax(self.at)),
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(JsonError::Syntax(self.at));
        }
        self.at += 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(i) = memchr::memchr2(b'"', b'\\', rest) else { return Err(JsonError::Syntax(self.at)) };
            out.extend_from_slice(&rest[..i]);
            self.at += i + 1;
            if rest[i] == b'"' {
                return Ok(String::from_utf8_lossy(&out).into_owned());
            }
            let Some(e) = self.peek() else { return Err(JsonError::Syntax(self.at)) };
            self.at += 1;
            match e {
                b'n' => out.push(b'\n'),
                b't' => out.push(b'\t'),
                b'r' => out.push(b'\r'),
                b'b' => out.push(8),
                b'f' => out.push(12),
                b'"' | b'\\' | b'/' => out.push(e),
                b'u' => {
                    let mut v = self.unit()?;
                    if (0xd800..0xdc00).contains(&v) && self.text.get(self.at..self.at + 2) == Some(b"\\u") {
                        self.at += 2;
                        let low = self.unit()?;
                        v = if (0xdc00..0xe000).contains(&low) {
                            0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00)
                        } else {
                            0xfffd
                        };
                    }
                    let c = char::from_u32(v).unwrap_or('\u{fffd}');
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return Err(JsonError::Syntax(self.at)),
            }
        }
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonError::Syntax(self.at))?;
        self.at += 4;
        digits
            .iter()
            .try_fold(0u32, |v, b| Some(v * 16 + char::from(*b).to_digit(16)?))
            .ok_or(JsonError::Syntax(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, Event, JsonError, Scalar, read};

    fn ends(text: &str) -> Vec<(String, Vec<(String, Scalar)>)> {
        let mut out = Vec::new();
        read(text.as_bytes(), &mut |e| {
            if let Event::End { key, fields, .. } = e {
                out.push((key.to_owned(), fields.to_vec()));
            }
        })
        .expect("valid");
        out
    }

    #[test]
    fn objects_end_with_their_scalars() {
        let got = ends(r#"{"a": {"s": [1, 2], "t": "x\u0041\n", "n": null}, "b": [{"c": true}]}"#);
        assert_eq!(got[0].0, "a");
        assert_eq!(got[0].1[0], ("s".into(), Scalar::Numbers(vec!["1".into(), "2".into()])));
        assert_eq!(got[0].1[1], ("t".into(), Scalar::Text("xA\n".into())));
        assert_eq!(got[1], ("b".into(), vec![("c".into(), Scalar::Bool(true))]));
        assert_eq!(got.len(), 3);
    }

    #[test]
    fn duplicates_and_errors() {
        let mut twice = 0;
        read(br#"{"a":1,"\u0061":2}"#, &mut |e| twice += i32::from(matches!(e, Event::Duplicate { .. })))
            .expect("valid");
        assert_eq!(twice, 1);
        for bad in ["{", "[1,]", "{\"a\"}", "tru", "{} x", "\"a", "[1 2]"] {
            assert!(matches!(read(bad.as_bytes(), &mut |_| {}), Err(JsonError::Syntax(_))), "{bad}");
        }
        for good in ["{}", "[]", "[[],[{}]]", "3", "\"x\"", "[NaN, -Infinity]"] {
            assert!(read(good.as_bytes(), &mut |_| {}).is_ok(), "{good}");
        }
    }

    #[test]
    fn depth_at_the_limit_and_past_it() {
        let doc = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(read(doc(DEPTH_MAX).as_bytes(), &mut |_| {}).is_ok());
        assert_eq!(read(doc(DEPTH_MAX + 1).as_bytes(), &mut |_| {}), Err(JsonError::Depth(DEPTH_MAX)));
    }
}
