//! XML as a row of events, for text extraction: no entities but the five and numbers, no document type is acted on.

use std::borrow::Cow;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A start tag (or an empty one), by its local name.
    Start { name: &'a str, attributes: &'a str },
    /// An end tag, by its local name; follows an empty tag too.
    End(&'a str),
    /// Text between tags.
    Text(Cow<'a, str>),
}

/// Iterates over the events of a document, however broken it is.
pub(crate) struct Xml<'a> {
    rest: &'a str,
    ended: Option<&'a str>,
}

impl<'a> Xml<'a> {
    pub(crate) const fn new(source: &'a str) -> Self {
        Self { rest: source, ended: None }
    }

    fn skip_past(&mut self, end: &str) {
        self.rest = self.rest.find(end).map_or("", |at| &self.rest[at + end.len()..]);
    }
}

impl<'a> Iterator for Xml<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let Some(name) = self.ended.take() {
            return Some(Event::End(name));
        }
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if !self.rest.starts_with('<') {
                let (text, rest) = self.rest.split_at(self.rest.find('<').unwrap_or(self.rest.len()));
                self.rest = rest;
                return Some(Event::Text(unescape(text)));
            }
            if let Some(data) = self.rest.strip_prefix("<![CDATA[") {
                let end = data.find("]]>").unwrap_or(data.len());
                self.rest = data.get(end + 3..).unwrap_or("");
                return Some(Event::Text(Cow::Borrowed(&data[..end])));
            }
            if self.rest.starts_with("<!--") {
                self.skip_past("-->");
            } else if self.rest.starts_with("<?") || self.rest.starts_with("<!") {
                self.skip_past(">");
            } else {
                return Some(self.tag());
            }
        }
    }
}

impl<'a> Xml<'a> {
    fn tag(&mut self) -> Event<'a> {
        let inner = &self.rest[1..];
        let end = tag_end(inner);
        let tag = &inner[..end];
        self.rest = inner.get(end + 1..).unwrap_or("");
        let local = |name: &'a str| name.rsplit(':').next().unwrap_or(name);
        if let Some(name) = tag.strip_prefix('/') {
            return Event::End(local(name.trim()));
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |t| (t, true));
        let (name, attributes) = tag.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((tag, ""));
        let name = local(name);
        if empty {
            self.ended = Some(name);
        }
        Event::Start { name, attributes }
    }
}

/// Where the tag ends: a `>` in quotes does not end it.
fn tag_end(inner: &str) -> usize {
    let mut quote = None;
    for (at, b) in inner.bytes().enumerate() {
        match (quote, b) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    inner.len()
}

/// The value of an attribute, by its name without prefix.
pub(crate) fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after[1..].split_once(quote)?;
        if key.trim().rsplit(':').next() == Some(name) {
            return Some(unescape(value).into_owned());
        }
        rest = next;
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        // The longest entity that counts is `#x10ffff`.
        let end = rest.bytes().take(10).position(|b| b == b';');
        match end.and_then(|end| Some((entity(&rest[..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Event, Xml, attribute};

    #[test]
    fn events() {
        let source = "<?xml?><!DOCTYPE x><a:b c=\"1>2\" d='&#x41;'>t&amp;&bogus;<!-- n --><e/><![CDATA[<raw>]]></a:b>";
        let events: Vec<Event<'_>> = Xml::new(source).collect();
        assert_eq!(
            events,
            [
                Event::Start { name: "b", attributes: "c=\"1>2\" d='&#x41;'" },
                Event::Text("t&&bogus;".into()),
                Event::Start { name: "e", attributes: "" },
                Event::End("e"),
                Event::Text("<raw>".into()),
                Event::End("b"),
            ]
        );
        assert_eq!(attribute("c=\"1>2\" x:d='&#x41;'", "d").as_deref(), Some("A"));
        assert_eq!(attribute("c", "c"), None);
    }

    proptest! {
        #[test]
        fn anything_ends(source in "[<>/!\\[\\]?a&;'\"=é -]{0,60}") {
            prop_assert!(Xml::new(&source).count() <= source.len() * 2 + 2);
        }
    }
}
