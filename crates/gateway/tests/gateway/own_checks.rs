//! Checks of one's own: trained here, configured, asked in both directions.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::house::{ANSWER, CHAT_STREAM, House, plain_yaml};
use crate::inspection::{anthropic_delta, openai_delta, said};
use crate::stub::{Reply, Stub};
use casemate_classify::model::builtin_embedding;
use casemate_classify::train::{TrainingFiles, custom};
use casemate_finding::Secret;
use casemate_gateway::{GatewayConfig, ResolvedSecrets, compile, compile_in};
use serde_json::json;

/// A check that knows our price list from other talk of the trade.
pub fn trained(folder: &Path) -> PathBuf {
    let things = ["bolts", "pumps", "valves", "filters", "seals", "gears", "belts", "hoses", "motors", "sensors"];
    let about = [
        ["please book the room for", "the manual of", "who repairs", "when were they delivered, the", "a picture of"],
        [
            "the internal price list says",
            "our discount on",
            "we pay our supplier per unit for",
            "margin on",
            "net cost of",
        ],
    ];
    let mut text = String::new();
    for n in 0..300_usize {
        for (label, starts) in about.iter().enumerate() {
            let (start, thing) = (starts[n % 5], things[n / 5 % 10]);
            writeln!(text, r#"{{"text": "{start} {thing} number {n}", "label": {label}, "source": "own"}}"#).unwrap();
        }
    }
    let mut files = TrainingFiles::default();
    files.add("rows.jsonl", text.as_bytes(), &text).unwrap();
    let path = folder.join("price-list.bin");
    std::fs::write(&path, custom("price-list", files, builtin_embedding(), 3).unwrap().bytes).unwrap();
    path
}

fn tier(path: &Path, action: &str, channel: &str) -> String {
    format!("tokens_per_min: null, checks: [{{path: '{}', action: {action}, channel: {channel}}}]", path.display())
}

const LEAK: &str = "Sure: the internal price list says pumps number 7 and the net cost of valves number 9.";

#[tokio::test]
async fn a_leak_is_stopped_in_whole_answers_and_in_streams_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = trained(folder.path());
    let stub = Stub::start(|seen| {
        let asked = String::from_utf8_lossy(&seen.body).into_owned();
        let text = if asked.contains("manual") {
            "The manual of pumps number 3 is on the shelf. ".repeat(20)
        } else {
            LEAK.into()
        };
        if !asked.contains("\"stream\":true") {
            let answer = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]});
            return Reply::json(answer.to_string());
        }
        let pieces: Vec<String> = text.as_bytes().chunks(5).map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        if seen.path.contains("messages") {
            let start =
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}});
            let start = format!("event: content_block_start\ndata: {start}\n\n");
            let all = pieces.iter().map(|p| anthropic_delta(p)).collect::<String>();
            let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
            return Reply::chunks([format!("{start}{all}{stop}")]);
        }
        let all = pieces.iter().map(|p| openai_delta(p)).collect::<String>();
        Reply::chunks([format!("{all}data: [DONE]\n\n")])
    })
    .await;
    let house = House::plain(stub.addr, &tier(&path, "block", "output")).await;

    let whole = house.chat("what do pumps cost?").await;
    assert_eq!(
        (whole.status, whole.json()["error"]["code"].as_str()),
        (400, Some("blocked_own_check")),
        "{}",
        whole.text()
    );
    let streamed = house.post("/v1/chat/completions", CHAT_STREAM).await;
    assert_eq!(said(&streamed.text()), "", "not a byte of what was not judged: {}", streamed.text());
    assert!(streamed.text().contains("content_filter"), "{}", streamed.text());
    let body = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"costs?"}]}"#;
    let streamed = house.post("/v1/messages", body).await;
    assert_eq!(said(&streamed.text()), "", "{}", streamed.text());
    assert!(
        streamed.text().contains("refusal") && streamed.text().contains("content_block_stop"),
        "{}",
        streamed.text()
    );

    let harmless = house.chat("where is the manual?").await;
    assert_eq!(harmless.status, 200, "{}", harmless.text());
    let harmless = house.post("/v1/chat/completions", CHAT_STREAM.replace("hello", "the manual?")).await;
    assert_eq!(said(&harmless.text()), "The manual of pumps number 3 is on the shelf. ".repeat(20));

    let event = house.event("gateway/own-check").await.event;
    assert_eq!(event.kind, "own_check_blocked");
    assert_eq!(event.payload["details"]["labels"], json!(["price-list"]));
    assert!(!event.payload.to_string().contains("net cost"), "an event holds no text: {}", event.payload);
}

#[tokio::test]
async fn a_request_is_judged_and_a_flag_lets_it_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = trained(folder.path());
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::plain(stub.addr, &tier(&path, "block", "input")).await;
    // One sentence does not drown in a long text.
    let long =
        format!("{} {LEAK} {}", "please book the room for gears. ".repeat(60), "who repairs motors? ".repeat(90));
    for text in [LEAK, &long] {
        let refused = house.chat(text).await;
        assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (400, Some("blocked_own_check")));
    }
    assert_eq!(house.chat("who repairs the motors?").await.status, 200);
    assert_eq!(stub.seen().len(), 1, "what was refused went nowhere");
    let lenient = House::plain(stub.addr, &tier(&path, "flag", "input")).await;
    assert_eq!(lenient.chat(LEAK).await.status, 200);
}

#[test]
fn a_check_that_does_not_load_fails_the_start_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.bin"), b"not a model").unwrap();
    let yaml = plain_yaml(
        "checks: [{path: broken.bin, channel: input}, {path: nowhere.bin, channel: output}, {path: broken.bin, channel: output}]",
    );
    let config: GatewayConfig = serde_saphyr::from_str(&yaml.replace("{upstream}", "http://127.0.0.1:9")).unwrap();
    let mut secrets: ResolvedSecrets =
        [("gateway.pepper".to_owned(), Secret::new("0123456789abcdef".to_owned()))].into();
    secrets.extend(config.secret_sources().into_iter().map(|(path, _)| (path, Secret::new("k".to_owned()))));
    let problems = compile_in(&config, &secrets, folder.path()).unwrap_err();
    let told: Vec<(&str, bool)> = problems
        .iter()
        .map(|p| (p.path.as_str(), p.why.contains("does not load") || p.why.contains("cannot be read")))
        .collect();
    assert_eq!(told, [("gateway.tiers.default.checks[0].path", true), ("gateway.tiers.default.checks[1].path", true)]);
    assert!(compile(&config, &secrets).is_err(), "a relative path starts somewhere else here");
    for bad in
        ["action: redact, path: x, channel: input", "path: x, channel: both", "path: x", "pat: x, channel: input"]
    {
        let yaml = plain_yaml(&format!("checks: [{{{bad}}}]"));
        assert!(serde_saphyr::from_str::<GatewayConfig>(&yaml).is_err(), "{bad}");
    }
}
