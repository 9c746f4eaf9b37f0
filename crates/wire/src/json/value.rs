//! A scanned document and the values in it.

use std::borrow::Cow;
use std::ops::Range;

use super::{JsonLimits, JsonProblem, scanner};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number, kept as written.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value or key. For strings the offsets are of what stands between the quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub escaped: bool,
    pub start: u32,
    pub end: u32,
    /// The node after this one and all that is in it.
    pub next: u32,
}

/// A strict JSON document over borrowed bytes.
#[derive(Debug)]
pub struct Doc<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Doc<'a> {
    /// Checks and indexes `bytes`.
    ///
    /// # Errors
    /// [`JsonProblem`] says what is wrong and at which byte.
    pub fn parse(bytes: &'a [u8], limits: &JsonLimits) -> Result<Self, JsonProblem> {
        let (text, nodes) = scanner::scan(bytes, limits)?;
        Ok(Self { text, nodes })
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value { doc: self, index: 0 }
    }

    /// The document as it came.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Where `value` stands, as `messages[2].content[0].text`; made only when somebody asks.
    pub fn path_of(&self, value: Value<'_>) -> String {
        let (mut path, mut here) = (String::new(), self.root());
        while here.index != value.index {
            let holds = |v: Value<'_>| v.index <= value.index && value.index < v.node().next;
            let step = match here.kind() {
                Kind::Object => here.members().find(|(k, v)| k.index == value.index || holds(*v)).map(|(k, v)| {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&k.text());
                    if k.index == value.index { k } else { v }
                }),
                Kind::Array => here.items().enumerate().find(|(_, v)| holds(*v)).map(|(i, v)| {
                    path.push_str(&format!("[{i}]"));
                    v
                }),
                _ => None,
            };
            match step {
                Some(next) => here = next,
                None => break,
            }
        }
        path
    }
}

/// One value of a [`Doc`].
#[derive(Clone, Copy, Debug)]
pub struct Value<'d> {
    doc: &'d Doc<'d>,
    index: u32,
}

impl<'d> Value<'d> {
    fn node(self) -> Node {
        self.doc.nodes[self.index as usize]
    }

    fn at(self, index: u32) -> Self {
        Self { doc: self.doc, index }
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its bytes in the document; for a string without the quotes.
    pub fn span(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its bytes in the document; for a string with the quotes.
    pub fn outer_span(self) -> Range<usize> {
        let span = self.span();
        if self.kind() == Kind::String { span.start - 1..span.end + 1 } else { span }
    }

    /// The text as written: numbers verbatim, strings still escaped.
    pub fn raw(self) -> &'d str {
        &self.doc.text[self.span()]
    }

    /// True for a string in which an escape stands.
    pub fn is_escaped(self) -> bool {
        self.node().escaped
    }

    /// The unescaped text of a string; the raw text of anything else.
    pub fn text(self) -> Cow<'d, str> {
        if self.node().escaped { Cow::Owned(unescape(self.raw())) } else { Cow::Borrowed(self.raw()) }
    }

    /// The unescaped text, if it is a string.
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        (self.kind() == Kind::String).then(|| self.text())
    }

    /// The number, if it is one without sign, fraction and exponent that fits.
    pub fn as_u64(self) -> Option<u64> {
        if self.kind() == Kind::Number { self.raw().parse().ok() } else { None }
    }

    /// The truth value, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    /// True for `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The members of an object as (key, value), in order; nothing for other kinds.
    pub fn members(self) -> impl Iterator<Item = (Self, Self)> {
        let end = if self.kind() == Kind::Object { self.node().next } else { 0 };
        let mut at = self.index + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let (key, value) = (self.at(at), self.at(at + 1));
                at = value.node().next;
                (key, value)
            })
        })
    }

    /// The items of an array, in order; nothing for other kinds.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let end = if self.kind() == Kind::Array { self.node().next } else { 0 };
        let mut at = self.index + 1;
        std::iter::from_fn(move || {
            (at < end).then(|| {
                let value = self.at(at);
                at = value.node().next;
                value
            })
        })
    }

    /// True for a string of exactly this text.
    pub fn is_text(self, text: &str) -> bool {
        let node = self.node();
        node.kind == Kind::String && if node.escaped { self.text() == text } else { self.raw() == text }
    }

    /// The member with this key.
    pub fn get(self, key: &str) -> Option<Self> {
        self.members().find(|(k, _)| k.is_text(key)).map(|(_, v)| v)
    }
}

/// Unescapes what stands between the quotes of a string that the scanner has checked.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let hex =
            |from: usize| tail.get(from..from + 4).and_then(|d| u32::from_str_radix(d, 16).ok()).unwrap_or(0xFFFD);
        let (c, used) = match tail.as_bytes().first().copied().unwrap_or(b'\\') {
            b'n' => ('\n', 1),
            b't' => ('\t', 1),
            b'r' => ('\r', 1),
            b'b' => ('\u{8}', 1),
            b'f' => ('\u{c}', 1),
            b'u' => match hex(1) {
                high @ 0xD800..=0xDBFF => {
                    let low = hex(7).wrapping_sub(0xDC00) & 0x3FF;
                    (char::from_u32(0x10000 + ((high - 0xD800) << 10 | low)).unwrap_or('\u{FFFD}'), 11)
                }
                unit => (char::from_u32(unit).unwrap_or('\u{FFFD}'), 5),
            },
            other => (other as char, 1),
        };
        out.push(c);
        rest = tail.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{Doc, Kind};
    use crate::json::{JsonLimits, JsonProblem};
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Doc<'_>, JsonProblem> {
        Doc::parse(text.as_bytes(), &JsonLimits::default())
    }

    #[test]
    fn reads_values_in_place() {
        let doc = parse(r#" {"a":[1,"x\n\u00e9\ud83d\ude00",true],"b":{"c":null}} "#).unwrap();
        let a: Vec<_> = doc.root().get("a").unwrap().items().collect();
        assert_eq!(a[0].as_u64(), Some(1));
        assert_eq!(a[1].text(), "x\né😀");
        assert_eq!(a[2].as_bool(), Some(true));
        assert!(doc.root().get("b").unwrap().get("c").unwrap().is_null());
        assert_eq!(doc.path_of(a[1]), "a[1]");
        assert_eq!(doc.path_of(doc.root().get("b").unwrap().get("c").unwrap()), "b.c");
        assert_eq!(doc.root().kind(), Kind::Object);
    }

    #[test]
    fn refuses_what_two_parsers_read_differently() {
        for (text, offset) in [(r#"{"a":1,"a":2}"#, 7), (r#"{"a":1,"\u0061":2}"#, 7), (r#"{"x":{"k":[],"k":0}}"#, 13)] {
            assert_eq!(parse(text).unwrap_err(), JsonProblem::DuplicateKey { offset }, "{text}");
        }
        let many: Vec<String> = (0..40).map(|i| format!("\"k{i}\":0")).collect();
        assert!(parse(&format!("{{{}}}", many.join(","))).is_ok());
        let twice = format!("{{{},\"k3\":1}}", many.join(","));
        assert!(matches!(parse(&twice), Err(JsonProblem::DuplicateKey { .. })));
        assert_eq!(parse(r#"["\ud800"]"#).unwrap_err(), JsonProblem::LoneSurrogate { offset: 2 });
        assert_eq!(parse(r#"["\udc00"]"#).unwrap_err(), JsonProblem::LoneSurrogate { offset: 2 });
        assert_eq!(parse("[1e999]").unwrap_err(), JsonProblem::Number { offset: 1 });
        assert!(parse("[1e308, 1e-999]").is_ok());
        assert_eq!(
            Doc::parse(b"[\"a\xffb\"]", &JsonLimits::default()).unwrap_err(),
            JsonProblem::NotUtf8 { offset: 3 }
        );
        for bad in
            ["", "{", "[1,]", "{\"a\" 1}", "01", "1.", "-", "+1", "nul", "[1] 2", "\"\u{1}\"", "\"\\x\"", "'a'", "NaN"]
        {
            assert!(matches!(parse(bad), Err(JsonProblem::Syntax { .. })), "{bad}");
        }
    }

    #[test]
    fn limits_hold_at_the_limit_and_one_past_it() {
        let limits = JsonLimits { bytes_max: 10, depth_max: 3, values_max: 4 };
        let check = |text: &str| Doc::parse(text.as_bytes(), &limits).map(|_| ());
        assert_eq!(check("[[[0]]]"), Ok(()));
        assert_eq!(check("[[[[]]]]"), Err(JsonProblem::TooDeep { offset: 3, depth_max: 3 }));
        assert_eq!(check("[0,1,2]"), Ok(()));
        assert_eq!(check("[0,1,2,3]"), Err(JsonProblem::TooManyValues { values_max: 4 }));
        assert_eq!(check("[12345678]"), Ok(()));
        assert_eq!(check("[123456789]"), Err(JsonProblem::TooLarge { bytes: 11, bytes_max: 10 }));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..20)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    fn rebuild(v: super::Value<'_>) -> serde_json::Value {
        match v.kind() {
            Kind::Array => v.items().map(rebuild).collect(),
            Kind::Object => {
                serde_json::Value::Object(v.members().map(|(k, v)| (k.text().into_owned(), rebuild(v))).collect())
            }
            Kind::String => v.text().into_owned().into(),
            _ => serde_json::from_str(v.raw()).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(value in json()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(rebuild(parse(&text).unwrap().root()), value);
        }

        #[test]
        fn accepts_nothing_that_serde_json_refuses(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if Doc::parse(&bytes, &JsonLimits::default()).is_ok() {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
            }
        }

        #[test]
        fn damaged_documents_never_panic(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = serde_json::to_vec(&value).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(doc) = Doc::parse(&bytes, &JsonLimits::default()) {
                prop_assert_eq!(rebuild(doc.root()), serde_json::from_slice::<serde_json::Value>(&bytes).unwrap());
            }
        }
    }
}
