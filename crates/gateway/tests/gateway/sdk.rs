//! The vendors' own Python SDKs, unmodified, through the gateway.

use std::process::Command;

use crate::house::{ANSWER, DEFAULTS, House, make_key};
use crate::stub::{Reply, Stub};
use serde_json::Value;

const OPENAI_STREAM: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello \"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"there.\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const ANTHROPIC_ANSWER: &str = r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello there."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}"#;
const ANTHROPIC_STREAM: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello \"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"there.\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn reply(path: &str, body: &Value) -> Reply {
    match (path.contains("messages"), body["stream"] == true) {
        (false, false) => {
            Reply::json(ANSWER.replace("\"hi\"", "\"Hello there.\"").replace("\"id\"", "\"created\":1,\"id\""))
        }
        (false, true) => Reply::chunks([OPENAI_STREAM]),
        (true, false) => Reply::json(ANTHROPIC_ANSWER),
        (true, true) => Reply::chunks([ANTHROPIC_STREAM]),
    }
}

#[expect(clippy::disallowed_methods, reason = "tests find their optional services through the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

#[tokio::test]
async fn openai_and_anthropic_sdks_chat_stream_and_get_typed_errors() {
    let python = variable("CASEMATE_PYTHON").unwrap_or_else(|| "python3".to_owned());
    let has_sdks =
        Command::new(&python).args(["-c", "import openai, anthropic"]).output().is_ok_and(|o| o.status.success());
    if !has_sdks {
        eprintln!(
            "NOT RUN: the OpenAI and Anthropic SDKs (pip install openai anthropic; CASEMATE_PYTHON names the python)"
        );
        assert!(variable("CASEMATE_REQUIRE_SERVICES").is_none(), "the SDKs are required here and not installed");
        return;
    }
    let (limited, kept) = make_key(|k| k.requests_per_min = Some(1));
    let (narrow, scoped) = make_key(|k| k.models = vec!["other".into()]);
    let stub = Stub::start(|seen| reply(&seen.path, &serde_json::from_slice(&seen.body).unwrap_or_default())).await;
    let house = House::open_with(DEFAULTS, stub.addr, vec![kept, scoped]).await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk/chat.py");
    let mut command = tokio::process::Command::new(&python);
    command.arg(script).args([format!("http://{}", house.addr), house.key.clone(), limited, narrow]);
    let output = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(120), output).await.expect("in time").unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert_eq!(out.lines().filter(|l| l.starts_with("ok ")).count(), 16, "{out}");
}
