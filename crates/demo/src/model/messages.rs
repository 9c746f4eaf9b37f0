//! `/v1/messages` in the Anthropic dialect.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer;
use super::chat::event_stream;
use super::server::Shared;

pub(super) async fn messages(State(shared): State<Shared>, Json(request): Json<Value>) -> Response {
    shared.seen.count_chat();
    let last = request["messages"].as_array().and_then(|m| m.last()).map(|m| answer::text_of(&m["content"]));
    let prompt = last.unwrap_or_default();
    let text = answer::to(&prompt, &answer::text_of(&request["system"]), &shared.credential);
    let model = request["model"].as_str().unwrap_or("demo-claude");
    let message = json!({
        "id": "msg_demo", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": answer::tokens(&prompt), "output_tokens": 1},
    });
    if request["stream"].as_bool() == Some(true) {
        return stream_of(&message, &text);
    }
    let mut whole = message;
    whole["content"] = json!([{"type": "text", "text": text}]);
    whole["stop_reason"] = json!("end_turn");
    whole["usage"]["output_tokens"] = json!(answer::tokens(&text));
    Json(whole).into_response()
}

fn stream_of(message: &Value, text: &str) -> Response {
    let mut events = vec![
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    events.extend(answer::chunks(text).into_iter().map(
        |piece| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}),
    ));
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events.push(json!({
        "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
        "usage": {"output_tokens": answer::tokens(text)},
    }));
    events.push(json!({"type": "message_stop"}));
    let lines = events.iter().map(|e| format!("event: {}\ndata: {e}\n\n", e["type"].as_str().unwrap_or("error")));
    event_stream(lines.collect())
}
