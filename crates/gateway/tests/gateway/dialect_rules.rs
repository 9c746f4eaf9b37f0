//! Wire rules 1 to 12: events, usage, errors. The numbers are those of the design.

use crate::house::{ANSWER, CHAT, CHAT_STREAM, DEFAULTS, House, MESSAGE, MESSAGE_STREAM, plain_yaml};
use crate::stub::{Piece, Reply, Stub};
use tokio::sync::mpsc;

/// A stream with every line end, split inside characters and between `\r` and `\n`; with and without inspection it
/// comes out byte for byte.
#[tokio::test]
async fn rule_01_line_ends_and_chunks_anywhere() {
    let event = |text: &str| format!(r#"data: {{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#);
    let stream = format!("{}\r\n\r\n{}\r\r{}\n\ndata: [DONE]\r\n\r\n", event("grüße"), event("zwei"), event("😀 drei"));
    for size in [1, 2, 3, 7, 1000] {
        let bytes = stream.clone();
        let stub =
            Stub::start(move |_| Reply::chunks(bytes.as_bytes().chunks(size).map(|c| c.to_vec()).collect::<Vec<_>>()))
                .await;
        for house in [House::plain(stub.addr, "").await, House::open(DEFAULTS, stub.addr).await] {
            let answer = house.post("/v1/chat/completions", CHAT_STREAM).await;
            assert_eq!((answer.status, answer.text()), (200, stream.clone()), "chunks of {size}");
            house.close().await;
        }
    }
}

#[tokio::test]
async fn rule_02_several_data_lines_are_one_and_comments_pass() {
    let stream = ": keep-alive\n\ndata: {\"choices\":[{\"index\":0,\ndata: \"delta\":{\"content\":\"hi\"}}]}\n\nretry: 5\n: c\n\ndata: [DONE]\n\n";
    let stub = Stub::start(move |_| Reply::chunks([stream])).await;
    let house = House::open(DEFAULTS, stub.addr).await;
    assert_eq!(house.post("/v1/chat/completions", CHAT_STREAM).await.text(), stream);
}

#[tokio::test]
async fn rule_03_one_event_is_bounded() {
    let fits = format!("data: {{\"x\":\"{}\"}}\n\n", "a".repeat(1000 - 16));
    let over = format!("data: {{\"x\":\"{}\"}}\n\n", "a".repeat(1001 - 16));
    assert_eq!((fits.len(), over.len()), (1000, 1001));
    for (stream, passes) in [(fits, true), (over, false)] {
        let sent = stream.clone();
        let stub = Stub::start(move |_| Reply::chunks([sent.clone()])).await;
        let house = House::open(&format!("event_bytes_max: 1000\n{DEFAULTS}"), stub.addr).await;
        let got = house.post("/v1/chat/completions", CHAT_STREAM).await.text();
        if passes {
            assert_eq!(got, stream);
        } else {
            assert!(got.starts_with("data: {\"error\":") && !got.contains("[DONE]"), "{got}");
        }
    }
}

#[tokio::test]
async fn rule_04_done_is_neither_added_nor_lost() {
    for stream in ["data: {\"choices\":[]}\n\n", "data: {\"choices\":[]}\n\ndata: [DONE]\n\n"] {
        let stub = Stub::start(move |_| Reply::chunks([stream])).await;
        let house = House::open(DEFAULTS, stub.addr).await;
        assert_eq!(house.post("/v1/chat/completions", CHAT_STREAM).await.text(), stream);
    }
}

const ANTHROPIC: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello there.\"}}\n\n",
    "event: brand_new\ndata: {\"type\":\"brand_new\",\"anything\":[1,2]}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":15}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

#[tokio::test]
async fn rule_05_anthropic_events_keep_names_order_and_strangers() {
    let stub =
        Stub::start(|_| Reply::chunks(ANTHROPIC.as_bytes().chunks(11).map(<[u8]>::to_vec).collect::<Vec<_>>())).await;
    let house = House::open(DEFAULTS, stub.addr).await;
    assert_eq!(house.post("/v1/messages", MESSAGE_STREAM).await.text(), ANTHROPIC);
}

#[tokio::test]
async fn rule_06_bytes_pass_verbatim_both_ways() {
    let body = "{ \"messages\" : [ {\"content\":\"h\\u0065llo\" , \"role\":\"user\"} ],\n\t\"model\":\"m\", \"temperature\": 1.0e0, \"new_field\": {\"b\":1,\"a\":2} }";
    let reply = "{ \"choices\" : [ ] , \"b\" : 1.50, \"a\":\"\\u00e9\" }\n";
    let stub = Stub::start(move |_| Reply::json(reply)).await;
    for house in [House::plain(stub.addr, "").await, House::open(DEFAULTS, stub.addr).await] {
        let answer = house.post("/v1/chat/completions?x=1", body).await;
        assert_eq!((answer.status, answer.text()), (200, reply.to_owned()));
    }
    for seen in stub.seen() {
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(seen.path, "/v1/chat/completions?x=1");
    }
}

fn usage_stream(with: bool) -> String {
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":60,\"total_tokens\":100}}\n\n";
    let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"12345678\"}}]}\n\n";
    format!("{first}{}data: [DONE]\n\n", if with { usage } else { "" })
}

/// Tokens left after one exchange, as the next one is told.
async fn left_after(house: &House, path: &str, body: &str, header: &str) -> u64 {
    house.post(path, body.to_owned()).await;
    let next = house.post(path, body.to_owned()).await;
    next.number(header)
}

#[tokio::test]
async fn rule_07_the_usage_chunk_passes_and_where_it_never_comes_text_is_counted() {
    let asked = r#"{"model":"m","stream":true,"max_tokens":100,"stream_options":{"include_usage":true},"messages":[]}"#;
    for (with, used) in [(true, 100), (false, asked.len().div_ceil(3) as u64 + 2)] {
        let stub = Stub::start(move |_| Reply::chunks([usage_stream(with)])).await;
        let house = House::plain(stub.addr, "tokens_per_min: 10000").await;
        let first = house.post("/v1/chat/completions", asked).await;
        assert_eq!(first.text(), usage_stream(with));
        let next = house.post("/v1/chat/completions", asked).await;
        let reserved = 100 + asked.len().div_ceil(3) as u64;
        let left = next.number("x-ratelimit-remaining-tokens");
        let want = 10_000 - used - reserved;
        assert!((want..want + 100).contains(&left), "{with}: {left}, expected {want} and what a moment refills");
    }
}

#[tokio::test]
async fn rule_08_usage_that_only_the_gateway_asked_for_is_taken_out() {
    let stub = Stub::start(move |_| Reply::chunks([usage_stream(true)])).await;
    let yaml = plain_yaml("tokens_per_min: 10000").replace("api_key: {env: K}}", "api_key: {env: K}, ask_usage: true}");
    let house = House::open(&yaml, stub.addr).await;
    for (body, sent) in [
        (
            r#"{"model":"m","stream":true,"messages":[]}"#,
            r#"{"stream_options":{"include_usage":true},"model":"m","stream":true,"messages":[]}"#,
        ),
        (
            r#"{"model":"m","stream":true,"messages":[],"stream_options":{"include_usage":false}}"#,
            r#"{"model":"m","stream":true,"messages":[],"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        let answer = house.post("/v1/chat/completions", body).await;
        assert_eq!(answer.text(), usage_stream(false));
        assert_eq!(stub.seen().last().unwrap().body, sent.as_bytes());
    }
    let whole = r#"{"model":"m","messages":[]}"#;
    house.post("/v1/chat/completions", whole).await;
    assert_eq!(stub.seen().last().unwrap().body, whole.as_bytes(), "only streams are asked");
}

#[tokio::test]
async fn rule_09_anthropic_usage_is_put_together_with_its_cache_tokens() {
    let stream = ANTHROPIC.replace("\"input_tokens\":25", "\"input_tokens\":25,\"cache_read_input_tokens\":1000");
    let stub = Stub::start(move |_| Reply::chunks([stream.clone()])).await;
    let house = House::plain(stub.addr, "tokens_per_min: 10000").await;
    let left = left_after(&house, "/v1/messages", MESSAGE_STREAM, "anthropic-ratelimit-tokens-remaining").await;
    let reserved = 16 + MESSAGE_STREAM.len().div_ceil(3) as u64;
    let want = 10_000 - 1_040 - reserved;
    assert!((want..want + 100).contains(&left), "{left}, expected {want}");
}

#[tokio::test]
async fn rule_10_reservations() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    for (fields, answer_tokens) in [
        ("", 500_u64),
        (r#","max_tokens":20"#, 20),
        (r#","max_tokens":20,"n":4"#, 80),
        (r#","max_completion_tokens":30,"max_tokens":20"#, 30),
        (r#","max_tokens":18446744073709551615,"n":128"#, 64_000),
    ] {
        let house = House::plain(stub.addr, "tokens_per_min: 100000, answer_tokens_max: 500").await;
        let body = format!(r#"{{"model":"m","messages":[]{fields}}}"#);
        let want = 100_000 - answer_tokens - body.len().div_ceil(3) as u64;
        let left = house.post("/v1/chat/completions", body).await.number("x-ratelimit-remaining-tokens");
        assert_eq!(left, want, "{fields}");
    }
    let house = House::plain(stub.addr, "").await;
    for fields in [r#","max_tokens":0"#, r#","max_tokens":-5"#, r#","max_tokens":1e9"#, r#","n":0"#, r#","n":"2""#] {
        let answer = house.post("/v1/chat/completions", format!(r#"{{"model":"m","messages":[]{fields}}}"#)).await;
        assert_eq!(answer.status, 400, "{fields}");
    }
}

#[tokio::test]
async fn rule_11_errors_have_the_dialects_shape() {
    let stub =
        Stub::start(|s| if s.path.contains("chat") { Reply::Silence } else { Reply::status(500, "<html>") }).await;
    let yaml = format!("body_bytes_max: 400\n{}", plain_yaml("requests_per_min: 9"))
        .replace("api_key: {env: K}}", "api_key: {env: K}, models: [m], timeouts: {first_byte_ms: 50}}");
    let house = House::open(&yaml, stub.addr).await;
    let long = "x".repeat(401);
    let mut bad_key = house.request("/v1/messages", MESSAGE);
    bad_key.headers_mut().insert("authorization", "Bearer nope".parse().unwrap());
    let unknown = MESSAGE.replace("\"m\"", "\"other\"");
    for (answer, status, openai, anthropic) in [
        (house.post("/v1/chat/completions", "{").await, 400, "invalid_request_error", ""),
        (house.post("/v1/messages", "{").await, 400, "", "invalid_request_error"),
        (house.whole(bad_key).await, 401, "", "authentication_error"),
        (house.post("/v1/messages", unknown).await, 404, "", "not_found_error"),
        (house.post("/v1/messages", long.clone()).await, 413, "", "request_too_large"),
        (house.post("/v1/chat/completions", long).await, 413, "invalid_request_error", ""),
        (house.post("/v1/nothing", CHAT).await, 404, "invalid_request_error", ""),
        (house.post("/v1/messages/batches", MESSAGE).await, 404, "", "not_found_error"),
        (house.post("/v1/chat/completions", CHAT).await, 504, "server_error", ""),
        (house.post("/v1/messages", MESSAGE).await, 500, "", "api_error"),
    ] {
        let body = answer.json();
        let id = answer.headers["x-casemate-request-id"].to_str().unwrap();
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.headers["content-type"], "application/json");
        if openai.is_empty() {
            assert_eq!((&body["type"], &body["error"]["type"]), (&"error".into(), &anthropic.into()), "{body}");
            assert_eq!(body["request_id"], id);
        } else {
            assert_eq!(body["error"]["type"], openai, "{body}");
            assert!(body["error"].as_object().unwrap().contains_key("param") && body["error"]["message"].is_string());
        }
    }
}

#[tokio::test]
async fn rule_12_a_failure_in_a_stream_is_an_error_event_without_done() {
    for (path, body, start) in [
        ("/v1/chat/completions", CHAT_STREAM, "data: {\"error\":{"),
        ("/v1/messages", MESSAGE_STREAM, "event: error\ndata: {\"type\":\"error\""),
    ] {
        let stub = Stub::start(|_| {
            let (tx, rx) = mpsc::channel(4);
            tx.try_send(Piece::Bytes("data: {\"choices\":[]}\n\n".into())).ok().unwrap();
            tx.try_send(Piece::Wait(std::time::Duration::from_millis(30))).ok().unwrap();
            tx.try_send(Piece::Break).ok().unwrap();
            Reply::Stream(rx)
        })
        .await;
        for house in [House::plain(stub.addr, "").await, House::open(DEFAULTS, stub.addr).await] {
            let answer = house.post(path, body).await;
            let text = answer.text();
            assert_eq!(answer.status, 200);
            let rest = text.strip_prefix("data: {\"choices\":[]}\n\n").unwrap_or_else(|| panic!("{text}"));
            assert!(rest.starts_with(start) && rest.ends_with("\n\n") && !text.contains("[DONE]"), "{text}");
        }
    }
    let stub = Stub::start(|_| Reply::json("not json")).await;
    let house = House::open(DEFAULTS, stub.addr).await;
    assert_eq!(house.post("/v1/chat/completions", CHAT).await.status, 502, "what cannot be read is not passed on");
    let stub = Stub::start(|_| Reply::chunks(["data: not json\n\n"])).await;
    let house = House::open(DEFAULTS, stub.addr).await;
    assert!(house.post("/v1/messages", MESSAGE_STREAM).await.text().starts_with("event: error\n"));
    assert!(house.post("/v1/messages", MESSAGE).await.text().contains("error"));
}
