//! Wire rules 14 to 16: who is slow, what is flushed, what is tried again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::house::{ANSWER, CHAT, CHAT_STREAM, DEFAULTS, House, MESSAGE, plain_yaml};
use crate::stub::{Piece, Reply, Stub};
use bytes::Bytes;
use casemate_finding::UnixMs;
use casemate_store::clock::Clock;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

pub const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello there. \"}}]}\n\n";

pub fn raw_request(house: &House, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        house.key,
        body.len()
    )
}

#[tokio::test]
async fn rule_14_a_slow_reader_does_not_grow_memory_and_is_dropped_in_the_end() {
    // Comments: inspecting text is slow without optimisation, and not what this is about.
    let piece = Bytes::from(format!(": {}\n\n", "x".repeat(70_000)));
    let (len, count) = (piece.len() as u64, 2_000);
    let stub = Stub::start(move |_| {
        let (tx, rx) = mpsc::channel(count);
        for _ in 0..count {
            tx.try_send(Piece::Bytes(piece.clone())).ok().unwrap();
        }
        Reply::Stream(rx)
    })
    .await;
    for yaml in [plain_yaml(""), DEFAULTS.to_owned()] {
        let yaml = yaml.replace("limits: {per_address: {}}\n", "");
        let house =
            House::open(&format!("limits: {{per_address: {{}}, stalled_reader_ms: 700}}\n{yaml}"), stub.addr).await;
        let before = stub.record.sent_bytes.load(Ordering::SeqCst);
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 << 10).unwrap();
        let mut stream = socket.connect(house.addr).await.unwrap();
        stream.write_all(raw_request(&house, "/v1/chat/completions", CHAT_STREAM).as_bytes()).await.unwrap();
        stub.reached().await;
        stub.cancelled().await;
        let sent = stub.record.sent_bytes.load(Ordering::SeqCst) - before;
        assert!(sent < 32 << 20, "{sent} of {} bytes were taken for a reader that takes none", len * count as u64);
        drop(stream);
    }
}

pub fn with_timeouts(timeouts: &str) -> String {
    plain_yaml("").replace("api_key: {env: K}}", &format!("api_key: {{env: K}}, timeouts: {{{timeouts}}}}}"))
}

#[tokio::test]
async fn rule_14_times_to_the_first_byte_between_bytes_and_in_all_are_limited() {
    let stub = Stub::start(|_| Reply::Silence).await;
    let house = House::open(&with_timeouts("first_byte_ms: 60"), stub.addr).await;
    assert_eq!(house.post("/v1/chat/completions", CHAT).await.status, 504);
    stub.cancelled().await;

    let slow = |wait: u64| {
        move |_: &crate::stub::Seen| {
            let (tx, rx) = mpsc::channel(64);
            for _ in 0..20 {
                tx.try_send(Piece::Bytes(EVENT.into())).ok().unwrap();
                tx.try_send(Piece::Wait(Duration::from_millis(wait))).ok().unwrap();
            }
            Reply::Stream(rx)
        }
    };
    for (wait, timeouts) in [(3_600_000, "between_ms: 80"), (40, "between_ms: 5000, total_ms: 200")] {
        let stub = Stub::start(slow(wait)).await;
        let house = House::open(&with_timeouts(timeouts), stub.addr).await;
        let text = house.post("/v1/chat/completions", CHAT_STREAM).await.text();
        assert!(text.starts_with(EVENT) && text.contains("took too long"), "{timeouts}: {text}");
        stub.cancelled().await;
    }
    let stub = Stub::start(slow(30)).await;
    let house = House::open(&with_timeouts("between_ms: 500"), stub.addr).await;
    assert_eq!(house.post("/v1/chat/completions", CHAT_STREAM).await.text(), EVENT.repeat(20));
}

#[tokio::test]
async fn rule_14_a_head_alone_is_no_token_and_whole_answers_are_timed_too() {
    // The head at once, and then nothing: streamed and whole.
    for streamed in [true, false] {
        let stub = Stub::start(move |_| {
            let (tx, rx) = mpsc::channel(1);
            tx.try_send(Piece::Wait(Duration::from_secs(3600))).ok().unwrap();
            if streamed { Reply::Stream(rx) } else { Reply::Slow(rx) }
        })
        .await;
        let house = House::open(&with_timeouts("first_byte_ms: 150, between_ms: 60000"), stub.addr).await;
        let body = if streamed { CHAT_STREAM } else { CHAT };
        let begun = Instant::now();
        let answer = house.post("/v1/chat/completions", body).await;
        assert!(answer.text().contains("took too long"), "{}", answer.text());
        assert_eq!(answer.status, if streamed { 200 } else { 504 });
        assert!(begun.elapsed() < Duration::from_secs(30));
        stub.cancelled().await;
    }
    // A whole answer that stops in the middle, and one that takes too long in all; once it has begun, the time to the
    // first byte is over.
    for (wait, timeouts, status) in [
        (3_600_000, "between_ms: 80", 504),
        (40, "between_ms: 5000, total_ms: 200", 504),
        (30, "first_byte_ms: 400, between_ms: 5000", 200),
    ] {
        let stub = Stub::start(move |_| {
            let (tx, rx) = mpsc::channel(64);
            for piece in ["{\"a\":["].into_iter().chain(["1,"; 19]).chain(["1]}"]) {
                tx.try_send(Piece::Bytes(piece.into())).ok().unwrap();
                tx.try_send(Piece::Wait(Duration::from_millis(wait))).ok().unwrap();
            }
            Reply::Slow(rx)
        })
        .await;
        let house = House::open(&with_timeouts(timeouts), stub.addr).await;
        assert_eq!(house.post("/v1/chat/completions", CHAT).await.status, status, "{timeouts}");
    }
}

#[tokio::test]
async fn rule_14_callers_that_send_slowly_are_timed() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let limits = "limits: {per_address: {}, head_ms: 200, body_ms: 200}";
    let house = House::open(&plain_yaml("").replace("limits: {per_address: {}}", limits), stub.addr).await;
    let whole = raw_request(&house, "/v1/chat/completions", CHAT);
    let body_at = whole.find("\r\n\r\n").unwrap() + 4;
    for (sent, answered) in [(&whole[..20], false), (&whole[..body_at + 5], true)] {
        let mut stream = TcpStream::connect(house.addr).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut out = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut out));
        read.await.expect("the connection is closed").unwrap();
        let text = String::from_utf8_lossy(&out);
        assert_eq!(text.starts_with("HTTP/1.1 408"), answered, "{text}");
    }
    assert_eq!(stub.seen().len(), 0);
    assert_eq!(house.chat("hi").await.status, 200);
}

/// Each event must be at the client before the upstream sends the next one: a proxy that buffers would wait for ever.
#[tokio::test]
async fn rule_15_every_event_is_flushed() {
    let (tx, rx) = mpsc::channel(1);
    let rx = std::sync::Mutex::new(Some(rx));
    let stub = Stub::start(move |_| Reply::Stream(rx.lock().unwrap().take().unwrap())).await;
    let house = House::open(DEFAULTS, stub.addr).await;
    let mut request = house.request("/v1/chat/completions", CHAT_STREAM);
    request.headers_mut().insert("accept-encoding", "gzip, br".parse().unwrap());
    let response = tokio::time::timeout(Duration::from_secs(5), house.send(request)).await.unwrap();
    assert!(!response.headers().contains_key("content-encoding"), "an event stream is not packed");
    assert_eq!(stub.seen()[0].headers["accept-encoding"], "identity");
    let mut body = response.into_body();
    for n in 0..5 {
        let text = format!("data: {{\"choices\":[{{\"index\":{n},\"delta\":{{\"role\":\"assistant\"}}}}]}}\n\n");
        tx.send(Piece::Bytes(text.clone().into())).await.ok().unwrap();
        let frame =
            tokio::time::timeout(Duration::from_secs(5), body.frame()).await.expect("flushed").unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text.as_bytes());
    }
}

fn two_upstreams(first: std::net::SocketAddr) -> String {
    format!(
        "upstreams:
  - {{name: first, dialect: openai, base_url: 'http://{first}'}}
  - {{name: second, dialect: openai, base_url: '{{upstream}}'}}
"
    )
}

#[tokio::test]
async fn rule_16_another_upstream_only_before_the_first_byte_and_a_breaker_for_each() {
    let good = Stub::start(|_| Reply::json(ANSWER)).await;
    // Nobody listens there.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let house = House::open(&two_upstreams(free), good.addr).await;
    assert_eq!(house.chat("hi").await.status, 200, "the second one answers");

    let failing = Stub::start(|_| Reply::status(503, "{}")).await;
    let house = House::open(&two_upstreams(failing.addr), good.addr).await;
    for _ in 0..12 {
        assert_eq!(house.chat("hi").await.status, 200);
    }
    assert_eq!(failing.seen().len(), 5, "after five failures the breaker keeps requests away");

    // An answer that has begun is never begun anew.
    let breaking = Stub::start(|_| {
        let (tx, rx) = mpsc::channel(4);
        tx.try_send(Piece::Bytes(EVENT.into())).ok().unwrap();
        tx.try_send(Piece::Wait(Duration::from_millis(30))).ok().unwrap();
        tx.try_send(Piece::Break).ok().unwrap();
        Reply::Stream(rx)
    })
    .await;
    let before = good.seen().len();
    let house = House::open(&two_upstreams(breaking.addr), good.addr).await;
    assert!(house.post("/v1/chat/completions", CHAT_STREAM).await.text().contains("error"));
    assert_eq!(good.seen().len(), before);

    // Nor is a request that may have been worked on: it was received, and then nothing came.
    let silent = Stub::start(|_| Reply::Silence).await;
    let yaml = two_upstreams(silent.addr)
        .replace("'}\n  - {name: second", "', timeouts: {first_byte_ms: 60}}\n  - {name: second");
    let house = House::open(&yaml, good.addr).await;
    assert_eq!(house.chat("hi").await.status, 504);
    assert_eq!(good.seen().len(), before);

    // All breakers open: told in the dialect, with a time to come back.
    let house = House::plain(failing.addr, "").await;
    for _ in 0..5 {
        assert_eq!(house.chat("hi").await.status, 503);
    }
    let reached = failing.seen().len();
    let answer = house.chat("hi").await;
    assert_eq!((answer.status, answer.number("retry-after")), (503, 1));
    assert_eq!(failing.seen().len(), reached);
}

#[tokio::test]
async fn rule_16_an_open_breaker_lets_one_try_after_its_time_and_closes_when_that_succeeds() {
    let fails = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let failing = fails.clone();
    let stub = Stub::start(
        move |_| {
            if failing.load(Ordering::SeqCst) { Reply::status(503, "{}") } else { Reply::json(ANSWER) }
        },
    )
    .await;
    let clock = Clock::manual(UnixMs(1_700_000_000_000));
    let house = House::open_at(&plain_yaml(""), stub.addr, clock.clone()).await;
    for _ in 0..5 {
        assert_eq!(house.chat("hi").await.status, 503);
    }
    let reached = stub.seen().len();
    clock.advance_ms(9_999);
    let answer = house.post("/v1/chat/completions", CHAT).await;
    assert_eq!((answer.status, stub.seen().len()), (503, reached), "still open one millisecond before its end");
    // The other dialect's upstream has a breaker of its own.
    assert_eq!(house.post("/v1/messages", MESSAGE).await.status, 503);
    assert_eq!(stub.seen().len(), reached + 1);
    clock.advance_ms(1);
    assert_eq!(house.chat("hi").await.status, 503, "one may try, and fails");
    assert_eq!(stub.seen().len(), reached + 2);
    house.chat("hi").await;
    assert_eq!(stub.seen().len(), reached + 2, "open again");
    clock.advance_ms(10_000);
    fails.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(house.chat("hi").await.status, 200, "the try succeeds and all may go again");
    }
}

#[tokio::test]
async fn rule_16_answers_that_break_off_open_the_breaker_as_well() {
    for streamed in [true, false] {
        let stub = Stub::start(move |_| {
            let (tx, rx) = mpsc::channel(4);
            tx.try_send(Piece::Bytes(EVENT.into())).ok().unwrap();
            tx.try_send(Piece::Wait(Duration::from_millis(10))).ok().unwrap();
            tx.try_send(Piece::Break).ok().unwrap();
            if streamed { Reply::Stream(rx) } else { Reply::Slow(rx) }
        })
        .await;
        let house = House::open(&plain_yaml(""), stub.addr).await;
        let body = if streamed { CHAT_STREAM } else { CHAT };
        for _ in 0..5 {
            house.post("/v1/chat/completions", body).await;
        }
        assert_eq!(house.post("/v1/chat/completions", body).await.status, 503);
        assert_eq!(stub.seen().len(), 5);
        let answer = house.post("/v1/messages", MESSAGE).await;
        assert_eq!(answer.status, if streamed { 200 } else { 502 }, "another upstream: {}", answer.text());
    }
}

/// Anthropic's own status for it.
#[tokio::test]
async fn rule_16_no_upstream_left_is_told_in_the_dialect() {
    let stub = Stub::start(|_| Reply::status(529, "{}")).await;
    let house = House::open(&plain_yaml(""), stub.addr).await;
    for _ in 0..5 {
        assert_eq!(house.post("/v1/messages", MESSAGE).await.status, 529);
    }
    let answer = house.post("/v1/messages", MESSAGE).await;
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (529, Some("overloaded_error")));
    assert_eq!((answer.number("retry-after"), stub.seen().len()), (1, 5));
}
