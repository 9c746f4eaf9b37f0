//! `/v1/chat/completions` in the OpenAI dialect.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};

use super::answer;
use super::server::Shared;

pub(super) async fn completions(State(shared): State<Shared>, Json(request): Json<Value>) -> Response {
    shared.seen.count_chat();
    let (mut prompt, mut system) = (String::new(), String::new());
    for message in request["messages"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let text = answer::text_of(&message["content"]);
        match message["role"].as_str() {
            Some("system" | "developer") => system = text,
            _ => prompt = text,
        }
    }
    let model = request["model"].as_str().unwrap_or("demo-chat").to_owned();
    let text = answer::to(&prompt, &system, &shared.credential);
    let usage = json!({
        "prompt_tokens": answer::tokens(&prompt),
        "completion_tokens": answer::tokens(&text),
        "total_tokens": answer::tokens(&prompt) + answer::tokens(&text),
    });
    if request["stream"].as_bool() == Some(true) {
        let wants_usage = request["stream_options"]["include_usage"].as_bool() == Some(true);
        return stream_of(&model, &text, wants_usage.then_some(usage));
    }
    Json(json!({
        "id": "chatcmpl-demo", "object": "chat.completion", "created": 0, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": usage,
    }))
    .into_response()
}

fn stream_of(model: &str, text: &str, usage: Option<Value>) -> Response {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    };
    let mut events = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    events.extend(answer::chunks(text).into_iter().map(|piece| chunk(json!({"content": piece}), Value::Null)));
    events.push(chunk(json!({}), json!("stop")));
    if let Some(usage) = usage {
        events.push(json!({
            "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": model,
            "choices": [], "usage": usage,
        }));
    }
    let mut lines: Vec<String> = events.into_iter().map(|e| format!("data: {e}\n\n")).collect();
    lines.push("data: [DONE]\n\n".into());
    event_stream(lines)
}

/// A response that sends each line as a chunk of its own.
pub(super) fn event_stream(lines: Vec<String>) -> Response {
    let body = Body::from_stream(stream::unfold(lines.into_iter(), |mut rest| async move {
        let line = rest.next()?;
        tokio::task::yield_now().await;
        Some((Ok::<_, std::convert::Infallible>(line), rest))
    }));
    ([("content-type", "text/event-stream"), ("cache-control", "no-cache")], body).into_response()
}
