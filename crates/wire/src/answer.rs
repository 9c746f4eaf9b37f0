//! Every text that comes back, whole or as stream events, in both dialects.
//!
//! As in [`crate::carrier`], the walk visits every string and leaves out only what cannot carry text. In a stream the
//! pieces of one text come under the same [`StreamKey`]: the path of the string with choice and block numbers taken from
//! `index` members, so that what is split over events is put together again, whatever the field is called. What a model
//! hands to a tool it has named itself: there no name is left out, and names that are no plain identifiers are read.

use crate::Dialect;
use crate::carrier::{IDENTIFIER_BYTES_MAX, is_identifier};
use crate::json::{Doc, Kind, Value};

/// Names one running text of a streamed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u64);

/// One text of an answer or of a stream event.
#[derive(Clone, Copy, Debug)]
pub struct AnswerText<'d> {
    /// The string in the document.
    pub value: Value<'d>,
    /// Which running text it belongs to.
    pub key: StreamKey,
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().chain(&[0xFF]).fold(hash, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// Ids, names of types and models, signed blobs: nothing that a model writes.
fn is_structural(key: &str) -> bool {
    matches!(
        key,
        "id" | "object"
            | "model"
            | "type"
            | "role"
            | "finish_reason"
            | "native_finish_reason"
            | "stop_reason"
            | "system_fingerprint"
            | "service_tier"
            | "provider"
            | "tool_call_id"
            | "signature"
            | "encrypted_content"
            | "data_b64"
            | "logprobs"
            | "usage"
    )
}

/// `of_model`: below the arguments of a tool call, where every name and value is the model's.
fn walk<'d>(value: Value<'d>, hash: u64, of_model: bool, visit: &mut impl FnMut(AnswerText<'d>)) {
    match value.kind() {
        Kind::String => visit(AnswerText { value, key: StreamKey(hash) }),
        Kind::Array => value.items().for_each(|item| walk(item, hash, of_model, visit)),
        Kind::Object => {
            // Text blocks of one answer are read as one running text (a citation cuts a sentence into blocks), but two
            // tool calls never run together.
            let is_text = value.get("delta").or_else(|| value.get("content_block")).is_some_and(|d| {
                d.get("type").is_some_and(|t| {
                    t.is_text("text_delta") || t.is_text("text") || t.is_text("thinking_delta") || t.is_text("thinking")
                })
            });
            let hash = match value.get("index") {
                Some(index) if !is_text => mix(hash, index.raw().as_bytes()),
                _ => hash,
            };
            for (key, member) in value.members() {
                let name = key.text();
                if !of_model && is_structural(&name) {
                    continue;
                }
                if !is_identifier(key.raw(), IDENTIFIER_BYTES_MAX) {
                    visit(AnswerText { value: key, key: StreamKey(mix(mix(hash, b"a name"), name.as_bytes())) });
                }
                let handed_over = matches!(&*name, "input" | "arguments");
                // `content_block_start` carries the first piece of what its deltas go on with.
                let step: &[u8] = if name == "content_block" { b"delta" } else { name.as_bytes() };
                walk(member, mix(hash, step), of_model || handed_over, visit);
            }
        }
        Kind::Null | Kind::True | Kind::False | Kind::Number => {}
    }
}

/// Visits every text of a whole answer or of the data of one stream event.
pub fn walk_answer<'d>(doc: &'d Doc<'_>, mut visit: impl FnMut(AnswerText<'d>)) {
    walk(doc.root(), FNV, false, &mut visit);
}

/// Visits every `logprobs` that is not null: it spells the answer out a second time, and goes when the text is changed.
pub fn walk_logprobs<'d>(doc: &'d Doc<'_>, mut visit: impl FnMut(Value<'d>)) {
    for choice in doc.root().get("choices").into_iter().flat_map(Value::items) {
        if let Some(logprobs) = choice.get("logprobs").filter(|l| !l.is_null()) {
            visit(logprobs);
        }
    }
}

/// True for an event after which no more text comes: `[DONE]`, `message_stop`, an error.
pub fn is_last_event(dialect: Dialect, data: &[u8], root: Option<Value<'_>>) -> bool {
    if data == b"[DONE]" {
        return true;
    }
    let Some(root) = root else { return false };
    root.get("error").is_some_and(|e| !e.is_null())
        || (dialect == Dialect::Anthropic && root.get("type").is_some_and(|t| t.is_text("message_stop")))
}

/// True for the chunk that OpenAI's `include_usage` adds: no choices, only usage.
pub fn is_usage_chunk(root: Value<'_>) -> bool {
    root.get("usage").is_some_and(|u| u.kind() == Kind::Object)
        && root.get("choices").is_some_and(|c| c.kind() == Kind::Array && c.items().next().is_none())
}

#[cfg(test)]
mod tests {
    use super::{StreamKey, is_last_event, is_usage_chunk, walk_answer, walk_logprobs};
    use crate::Dialect;
    use crate::json::{Doc, JsonLimits};

    fn texts(json: &str) -> Vec<(String, StreamKey)> {
        let doc = Doc::parse(json.as_bytes(), &JsonLimits::default()).unwrap();
        let mut out = Vec::new();
        walk_answer(&doc, |t| out.push((t.value.text().into_owned(), t.key)));
        out
    }

    #[test]
    fn whole_answers_show_every_text() {
        let openai = r#"{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",
            "content":"a","refusal":"b","reasoning_content":"c","tool_calls":[{"id":"i","type":"function","function":
            {"name":"n","arguments":"d"}}]},"finish_reason":"stop"},{"index":1,"message":{"content":"e"}}],
            "usage":{"prompt_tokens":1}}"#;
        let seen: Vec<String> = texts(openai).into_iter().map(|t| t.0).collect();
        assert_eq!(seen, ["a", "b", "c", "n", "d", "e"]);
        let anthropic = r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"thinking",
            "thinking":"a","signature":"zz"},{"type":"text","text":"b"},{"type":"tool_use","id":"t","name":"n",
            "input":{"q":"c"}}],"stop_reason":"end_turn"}"#;
        let seen: Vec<String> = texts(anthropic).into_iter().map(|t| t.0).collect();
        assert_eq!(seen, ["a", "b", "n", "c"]);
    }

    #[test]
    fn what_a_tool_is_given_hides_behind_no_name() {
        let call = r#"{"id":"m","content":[{"type":"tool_use","id":"t","name":"n","input":
            {"id":"a","model":"b","deep":[{"signature":"c"}],"a name of its own":"d"}}],"usage":{"x":"y"}}"#;
        let seen: Vec<String> = texts(call).into_iter().map(|t| t.0).collect();
        assert_eq!(seen, ["n", "a", "b", "c", "a name of its own", "d"]);
    }

    #[test]
    fn pieces_of_one_text_share_a_key_and_others_do_not() {
        let piece =
            |i: u32, field: &str| texts(&format!(r#"{{"choices":[{{"index":{i},"delta":{{"{field}":"x"}}}}]}}"#))[0].1;
        assert_eq!(piece(0, "content"), piece(0, "content"));
        assert_ne!(piece(0, "content"), piece(1, "content"));
        assert_ne!(piece(0, "content"), piece(0, "refusal"));
        let tool = |i: u32| {
            texts(&format!(
                r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":{i},"function":{{"arguments":"x"}}}}]}}}}]}}"#
            ))[0]
                .1
        };
        assert_eq!(tool(0), tool(0));
        assert_ne!(tool(0), tool(1));
        let json = |i: u32| {
            texts(&format!(
                r#"{{"type":"content_block_delta","index":{i},"delta":{{"type":"input_json_delta","partial_json":"x"}}}}"#
            ))[0]
                .1
        };
        assert_ne!(json(0), json(1));
        let text = |i: u32| {
            texts(&format!(
                r#"{{"type":"content_block_delta","index":{i},"delta":{{"type":"text_delta","text":"x"}}}}"#
            ))[0]
                .1
        };
        assert_eq!(text(0), text(1), "a sentence that citations cut into blocks is one text");
        let start =
            texts(r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}"#)[0].1;
        assert_eq!(start, text(0));
    }

    #[test]
    fn ends_and_usage_are_known() {
        assert!(is_last_event(Dialect::OpenAi, b"[DONE]", None));
        let doc = Doc::parse(br#"{"type":"message_stop"}"#, &JsonLimits::default()).unwrap();
        assert!(is_last_event(Dialect::Anthropic, b"", Some(doc.root())));
        let usage = Doc::parse(br#"{"choices":[],"usage":{"prompt_tokens":1}}"#, &JsonLimits::default()).unwrap();
        assert!(is_usage_chunk(usage.root()));
        let odds = br#"{"choices":[{"logprobs":{"content":[{"token":"AK"}]}},{"logprobs":null}]}"#;
        let doc = Doc::parse(odds, &JsonLimits::default()).unwrap();
        let mut count = 0;
        walk_logprobs(&doc, |_| count += 1);
        assert_eq!(count, 1);
    }
}
