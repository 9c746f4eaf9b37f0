//! Changes to single places of a document, all other bytes verbatim.

use std::ops::Range;

use crate::json::Value;

/// A list of replacements in one document.
#[derive(Debug, Default)]
pub struct Edits {
    list: Vec<(Range<usize>, Vec<u8>)>,
}

impl Edits {
    /// No change yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// True if nothing changes.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Sets the text of a string (escaped here).
    pub fn set_text(&mut self, string: Value<'_>, text: &str) {
        let mut escaped = Vec::with_capacity(text.len() + 8);
        escape_into(&mut escaped, text);
        self.list.push((string.span(), escaped));
    }

    /// Sets any value to this JSON.
    pub fn set_json(&mut self, value: Value<'_>, json: &str) {
        self.list.push((value.outer_span(), json.as_bytes().to_vec()));
    }

    /// Inserts these bytes before `offset`.
    pub fn insert(&mut self, offset: usize, bytes: &str) {
        self.list.push((offset..offset, bytes.as_bytes().to_vec()));
    }

    /// The document with all changes. Ranges do not overlap: every value is changed at most once; were one to, the
    /// earlier in the document wins.
    pub fn apply(mut self, document: &[u8]) -> Vec<u8> {
        self.list.sort_by_key(|(range, _)| (range.start, range.end));
        let grown: usize = self.list.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut out = Vec::with_capacity(document.len() + grown);
        let mut at = 0;
        for (range, bytes) in self.list {
            if range.start < at {
                continue;
            }
            out.extend_from_slice(&document[at..range.start]);
            out.extend_from_slice(&bytes);
            at = range.end;
        }
        out.extend_from_slice(&document[at..]);
        out
    }
}

/// Appends `text` as it stands between the quotes of a JSON string.
pub fn escape_into(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Edits;
    use crate::json::{Doc, JsonLimits};

    #[test]
    fn only_the_named_places_change() {
        let text = r#"{ "a" : "old",  "b":[1, {"c" : 2.50}] }"#;
        let doc = Doc::parse(text.as_bytes(), &JsonLimits::default()).unwrap();
        let mut edits = Edits::new();
        edits.set_json(doc.root().get("b").unwrap().items().next().unwrap(), "null");
        edits.set_text(doc.root().get("a").unwrap(), "n\"\n\u{1}w");
        edits.insert(1, "\"x\":0,");
        let out = String::from_utf8(edits.apply(text.as_bytes())).unwrap();
        assert_eq!(out, r#"{"x":0, "a" : "n\"\n\u0001w",  "b":[null, {"c" : 2.50}] }"#);
    }
}
