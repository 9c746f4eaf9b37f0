//! Token counts as the upstream reports them.

use crate::json::{Kind, Value};

/// Tokens of one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
}

impl Usage {
    /// Both together.
    pub const fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

fn number(object: Value<'_>, keys: &[&str]) -> Option<u64> {
    keys.iter().find_map(|k| object.get(k).and_then(Value::as_u64))
}

/// Folds the `usage` of a whole answer or of one stream event into `usage`; true if there was one. Anthropic gives input
/// tokens in `message_start` (inside `message`) and a running output count in `message_delta`; OpenAI gives both at
/// once. Counts replace earlier ones: they are totals, not increments.
pub fn read_usage(root: Value<'_>, usage: &mut Usage) -> bool {
    let of = |v: Value<'_>| v.get("usage").is_some();
    let holder = if of(root) { Some(root) } else { root.get("message").filter(|m| of(*m)) };
    let Some(counts) = holder.and_then(|h| h.get("usage")).filter(|u| u.kind() == Kind::Object) else { return false };
    // OpenAI's prompt_tokens hold the cached ones; Anthropic's input_tokens do not.
    if let Some(input) = number(counts, &["prompt_tokens"]) {
        usage.input_tokens = input;
    } else if let Some(input) = number(counts, &["input_tokens"]) {
        let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
        let cached: u64 = cached.iter().filter_map(|k| number(counts, &[k])).fold(0, u64::saturating_add);
        usage.input_tokens = input.saturating_add(cached);
    }
    if let Some(output) = number(counts, &["completion_tokens", "output_tokens"]) {
        usage.output_tokens = output;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Usage, read_usage};
    use crate::json::{Doc, JsonLimits};

    fn fold(events: &[&str]) -> (bool, Usage) {
        let mut usage = Usage::default();
        let mut seen = false;
        for event in events {
            let doc = Doc::parse(event.as_bytes(), &JsonLimits::default()).unwrap();
            seen |= read_usage(doc.root(), &mut usage);
        }
        (seen, usage)
    }

    #[test]
    fn both_dialects() {
        let openai = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
        assert_eq!(fold(&[openai]), (true, Usage { input_tokens: 7, output_tokens: 3 }));
        let anthropic = [
            r#"{"type":"message_start","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":100,"output_tokens":1}}}"#,
            r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":9}}"#,
        ];
        assert_eq!(fold(&anthropic), (true, Usage { input_tokens: 105, output_tokens: 9 }));
        assert_eq!(fold(&[r#"{"choices":[],"usage":null}"#]), (false, Usage::default()));
    }
}
