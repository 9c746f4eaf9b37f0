//! What a request asks for: the few fields that a gateway acts on.

use crate::json::{Doc, Kind, Value};

/// Fields whose name must be spelled exactly: a parser that ignores case would read another message than ours.
const EXACT: [&str; 9] =
    ["model", "messages", "stream", "system", "tools", "input", "prompt", "max_tokens", "max_completion_tokens"];

/// Most answers that one request may ask for.
pub const CHOICES_MAX: u64 = 128;

/// The few fields that a gateway acts on.
#[derive(Debug)]
pub struct RequestHead<'d> {
    /// The model asked for.
    pub model: String,
    /// True for a streamed answer.
    pub stream: bool,
    /// Most tokens of one answer, if the caller says.
    pub max_tokens: Option<u64>,
    /// How many answers (`n`), 1 to [`CHOICES_MAX`].
    pub choices: u64,
    /// `stream_options`, if it is an object.
    pub stream_options: Option<Value<'d>>,
    /// True if the caller asked for a usage chunk.
    pub include_usage: bool,
}

/// Why the fields cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestProblem {
    /// The body is not an object.
    #[error("the body must be a JSON object")]
    NotAnObject,
    /// A required field is missing.
    #[error("the field `{field}` is missing")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// A field has the wrong kind or is out of range.
    #[error("the field `{field}` must be {must_be}")]
    Wrong {
        /// Its name.
        field: &'static str,
        /// What it must be.
        must_be: &'static str,
    },
    /// A field is spelled with other letter case than the one that counts.
    #[error("the field `{field}` is spelled in another letter case, which some servers would read as well")]
    Case {
        /// The right spelling.
        field: &'static str,
    },
}

impl RequestProblem {
    /// The field that it is about.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotAnObject => None,
            Self::Missing { field } | Self::Wrong { field, .. } | Self::Case { field } => Some(field),
        }
    }
}

fn tokens(value: Value<'_>, field: &'static str) -> Result<Option<u64>, RequestProblem> {
    if value.is_null() {
        return Ok(None);
    }
    let wrong = RequestProblem::Wrong { field, must_be: "a whole number of at least 1" };
    value.as_u64().filter(|n| *n > 0).map(Some).ok_or(wrong)
}

/// Reads the fields of a chat or messages request.
///
/// # Errors
/// [`RequestProblem`] for a missing model or a field that two servers could understand differently.
pub fn read_head<'d>(doc: &'d Doc<'_>) -> Result<RequestHead<'d>, RequestProblem> {
    let root = doc.root();
    if root.kind() != Kind::Object {
        return Err(RequestProblem::NotAnObject);
    }
    let mut head = RequestHead {
        model: String::new(),
        stream: false,
        max_tokens: None,
        choices: 1,
        stream_options: None,
        include_usage: false,
    };
    let (mut has_model, mut has_messages) = (false, false);
    for (key, value) in root.members() {
        let key = key.text();
        match &*key {
            "model" => {
                let name = value.as_str().filter(|m| !m.is_empty() && m.len() <= 256);
                let must_be = "a string of 1 to 256 bytes";
                head.model = name.ok_or(RequestProblem::Wrong { field: "model", must_be })?.into_owned();
                has_model = true;
            }
            "messages" => {
                if value.kind() != Kind::Array {
                    return Err(RequestProblem::Wrong { field: "messages", must_be: "an array" });
                }
                has_messages = true;
            }
            "stream" if value.is_null() => {}
            "stream" => {
                let wrong = RequestProblem::Wrong { field: "stream", must_be: "true or false" };
                head.stream = value.as_bool().ok_or(wrong)?;
            }
            // The larger of the two names counts for the reservation: which one a server obeys is its own business.
            "max_tokens" => head.max_tokens = head.max_tokens.max(tokens(value, "max_tokens")?),
            "max_completion_tokens" => {
                head.max_tokens = head.max_tokens.max(tokens(value, "max_completion_tokens")?);
            }
            "n" if !value.is_null() => {
                let wrong = RequestProblem::Wrong { field: "n", must_be: "a whole number from 1 to 128" };
                head.choices = value.as_u64().filter(|n| (1..=CHOICES_MAX).contains(n)).ok_or(wrong)?;
            }
            "stream_options" if value.kind() == Kind::Object => {
                head.stream_options = Some(value);
                head.include_usage = value.get("include_usage").and_then(Value::as_bool).unwrap_or(false);
            }
            other => {
                if let Some(field) = EXACT.into_iter().find(|e| e.eq_ignore_ascii_case(other) && *e != other) {
                    return Err(RequestProblem::Case { field });
                }
            }
        }
    }
    if !has_model {
        return Err(RequestProblem::Missing { field: "model" });
    }
    if !has_messages {
        return Err(RequestProblem::Missing { field: "messages" });
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::{RequestProblem, read_head};
    use crate::json::{Doc, JsonLimits};

    fn problem(text: &str) -> Option<RequestProblem> {
        let doc = Doc::parse(text.as_bytes(), &JsonLimits::default()).unwrap();
        read_head(&doc).err()
    }

    #[test]
    fn reads_what_is_asked() {
        let text = r#"{"model":"m","messages":[],"stream":true,"n":3,"max_tokens":5,"max_completion_tokens":9,
            "stream_options":{"include_usage":true}}"#;
        let doc = Doc::parse(text.as_bytes(), &JsonLimits::default()).unwrap();
        let head = read_head(&doc).unwrap();
        assert_eq!((head.model.as_str(), head.stream, head.choices), ("m", true, 3));
        assert_eq!((head.max_tokens, head.include_usage), (Some(9), true));
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        assert_eq!(problem("[]"), Some(RequestProblem::NotAnObject));
        assert_eq!(problem("{}"), Some(RequestProblem::Missing { field: "model" }));
        assert_eq!(problem(r#"{"model":"m"}"#), Some(RequestProblem::Missing { field: "messages" }));
        for (body, field) in [
            (r#"{"model":1,"messages":[]}"#, "model"),
            (r#"{"model":"m","messages":{}}"#, "messages"),
            (r#"{"model":"m","messages":[],"stream":"yes"}"#, "stream"),
            (r#"{"model":"m","messages":[],"stream":1}"#, "stream"),
            (r#"{"model":"m","messages":[],"max_tokens":-1}"#, "max_tokens"),
            (r#"{"model":"m","messages":[],"max_tokens":99999999999999999999}"#, "max_tokens"),
            (r#"{"model":"m","messages":[],"n":129}"#, "n"),
            (r#"{"model":"m","messages":[],"Messages":[]}"#, "messages"),
        ] {
            assert_eq!(problem(body).and_then(|p| p.field()), Some(field), "{body}");
        }
        assert_eq!(problem(r#"{"model":"m","messages":[],"n":128,"stream":null,"max_tokens":null}"#), None);
    }
}
