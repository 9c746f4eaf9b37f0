//! Wire rule 13: whoever leaves cancels the upstream within 50 ms, and is settled.
//!
//! The upstream here is a plain thread for each connection: when it says that its connection broke, no scheduler of ours
//! stood in between. A single wait on a busy machine says little, so each case is tried some times and the median counts.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use crate::flow_rules::{EVENT, raw_request, with_timeouts};
use crate::house::{CHAT, CHAT_STREAM, DEFAULTS, House, MESSAGE, MESSAGE_STREAM, plain_yaml};
use crate::stub::{Reply, Stub};
use crate::tls::{Certificate, secure_client};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

const CANCEL_WITHIN: Duration = Duration::from_millis(50);
const TRIES: usize = 7;
const PATIENCE: Duration = Duration::from_secs(20);

/// What the upstream sends before it falls silent.
#[derive(Clone, Copy, Debug)]
enum Begins {
    Nothing,
    Head,
    Events,
    HalfAnAnswer,
}

impl Begins {
    fn bytes(self) -> String {
        let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        match self {
            Self::Nothing => String::new(),
            Self::Head => stream.into(),
            Self::Events => format!("{stream}{:x}\r\n{EVENT}\r\n{:x}\r\n{EVENT}\r\n", EVENT.len(), EVENT.len()),
            Self::HalfAnAnswer => {
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{\"choices\":[".into()
            }
        }
    }
}

/// An upstream that never ends an answer, and tells when a request is there and when its connection breaks.
struct Witness {
    addr: SocketAddr,
    reached: mpsc::Receiver<()>,
    broke: mpsc::Receiver<Instant>,
}

impl Witness {
    fn start(begins: Begins) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (tell_reached, reached) = mpsc::channel();
        let (tell_broke, broke) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, reached, broke) = (stream.unwrap(), tell_reached.clone(), tell_broke.clone());
                std::thread::spawn(move || {
                    let mut seen = Vec::new();
                    let mut buffer = [0; 4096];
                    while !is_whole(&seen) {
                        match stream.read(&mut buffer) {
                            Ok(n @ 1..) => seen.extend_from_slice(&buffer[..n]),
                            _ => return,
                        }
                    }
                    stream.write_all(begins.bytes().as_bytes()).unwrap();
                    reached.send(()).ok();
                    // Nothing more is sent on this connection but its end.
                    while let Ok(1..) = stream.read(&mut buffer) {}
                    broke.send(Instant::now()).ok();
                });
            }
        });
        Self { addr, reached, broke }
    }

    fn wait<T>(receiver: &mpsc::Receiver<T>, what: &str) -> T {
        tokio::task::block_in_place(|| receiver.recv_timeout(PATIENCE)).unwrap_or_else(|e| panic!("{what}: {e}"))
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
    head.starts_with("get ") || length.is_some_and(|n| body.len() >= n.trim().parse::<usize>().unwrap())
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}

async fn read_until(stream: &mut (impl AsyncRead + Unpin), text: &str) {
    let (mut seen, mut buffer) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&seen).contains(text) {
        let n = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("in time").unwrap();
        assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..n]);
    }
}

/// Sends a request, waits until it is under way, leaves; how long after that the upstream's connection broke.
async fn leaves_after<S: AsyncRead + AsyncWrite + Unpin>(
    witness: &Witness,
    mut stream: S,
    sent: &str,
    sees: &str,
) -> Duration {
    stream.write_all(sent.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    Witness::wait(&witness.reached, "the request goes upstream: the one before gave its place back");
    read_until(&mut stream, sees).await;
    let left = Instant::now();
    drop(stream);
    Witness::wait(&witness.broke, "the upstream is cancelled").duration_since(left)
}

/// With room for one request at a time: a try gets through only when the one before is settled.
async fn check(begins: Begins, yaml: &str, request: impl Fn(&House) -> String, sees: &str) {
    let witness = Witness::start(begins);
    let house = House::open(yaml, witness.addr).await;
    let mut took = Vec::new();
    for _ in 0..TRIES {
        let stream = TcpStream::connect(house.addr).await.unwrap();
        took.push(leaves_after(&witness, stream, &request(&house), sees).await);
    }
    assert!(median(took.clone()) < CANCEL_WITHIN, "{begins:?} {took:?}");
}

fn one_at_a_time() -> String {
    plain_yaml("concurrency: 1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rule_13_who_leaves_before_the_first_byte_cancels_within_50_ms() {
    for (path, body) in [
        ("/v1/chat/completions", CHAT),
        ("/v1/chat/completions", CHAT_STREAM),
        ("/v1/messages", MESSAGE),
        ("/v1/messages", MESSAGE_STREAM),
        ("/infer/churn", "{}"),
    ] {
        check(Begins::Nothing, &one_at_a_time(), |house| raw_request(house, path, body), "").await;
    }
    // Upstreams without a list of their own are asked for it; here the one of the two that speaks OpenAI's dialect.
    let yaml = one_at_a_time().replace("base_url: '{upstream}',", "base_url: '{upstream}', models: [x],");
    let models = |house: &House| format!("GET /v1/models HTTP/1.1\r\nHost: h\r\nx-api-key: {}\r\n\r\n", house.key);
    check(Begins::Nothing, &yaml, models, "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rule_13_who_leaves_after_the_first_byte_cancels_within_50_ms() {
    let inspected = format!("{DEFAULTS}tiers: {{default: {{concurrency: 1}}}}\n");
    for yaml in [one_at_a_time(), inspected] {
        for (path, body) in [("/v1/chat/completions", CHAT_STREAM), ("/v1/messages", MESSAGE_STREAM)] {
            check(Begins::Events, &yaml, |house| raw_request(house, path, body), "hello there").await;
            check(Begins::Head, &yaml, |house| raw_request(house, path, body), "text/event-stream").await;
        }
        for (path, body) in [("/v1/chat/completions", CHAT), ("/infer/churn", "{}")] {
            check(Begins::HalfAnAnswer, &yaml, |house| raw_request(house, path, body), "").await;
        }
    }
}

/// Bytes that nobody has read yet do not hide that their sender has left.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rule_13_who_sends_ahead_and_leaves_cancels_within_50_ms() {
    for ahead in ["\r\n", "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"] {
        for (begins, body, sees) in [(Begins::Nothing, CHAT, ""), (Begins::Events, CHAT_STREAM, "hello there")] {
            let request = |house: &House| format!("{}{ahead}", raw_request(house, "/v1/chat/completions", body));
            check(begins, &one_at_a_time(), request, sees).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rule_13_who_leaves_over_tls_cancels_within_50_ms() {
    let certificate = Certificate::make();
    for (begins, body, sees) in [(Begins::Nothing, CHAT, ""), (Begins::Events, CHAT_STREAM, "hello there")] {
        let witness = Witness::start(begins);
        let house = House::open(&format!("{}{}", certificate.yaml(), one_at_a_time()), witness.addr).await;
        let mut took = Vec::new();
        for _ in 0..TRIES {
            let stream = secure_client(&certificate, house.addr).await.unwrap();
            let request = raw_request(&house, "/v1/chat/completions", body);
            took.push(leaves_after(&witness, stream, &request, sees).await);
        }
        assert!(median(took.clone()) < CANCEL_WITHIN, "{begins:?} {took:?}");
    }
}

/// What was reserved and not used comes back: the tier's minute holds one reservation, not two.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rule_13_who_leaves_is_settled() {
    let body = r#"{"model":"m","stream":true,"max_tokens":5000,"messages":[]}"#;
    for (begins, sees) in [(Begins::Nothing, ""), (Begins::Events, "hello there")] {
        let request = |house: &House| raw_request(house, "/v1/chat/completions", body);
        check(begins, &plain_yaml("tokens_per_min: 6000, answer_tokens_max: 5000"), request, sees).await;
    }
}

/// Requests that were sent ahead are answered in their turn.
#[tokio::test]
async fn requests_sent_ahead_are_answered_one_after_the_other() {
    let stub = Stub::start(|seen| Reply::json(format!("{{\"n\":{}}}", seen.body.len()))).await;
    let house = House::plain(stub.addr, "").await;
    let bodies = ["{}", "{\"a\":1}", "{\"a\":[1,2]}"];
    let sent: String = bodies.iter().map(|b| format!("{}\r\n", raw_request(&house, "/infer/churn", b))).collect();
    for step in [sent.len(), 7] {
        let mut stream = TcpStream::connect(house.addr).await.unwrap();
        for piece in sent.as_bytes().chunks(step) {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut out = String::new();
        let mut buffer = [0; 4096];
        while !out.contains("\"n\":11") {
            let n = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("answered").unwrap();
            assert!(n > 0, "{out}");
            out.push_str(&String::from_utf8_lossy(&buffer[..n]));
        }
        let order: Vec<usize> = ["\"n\":2", "\"n\":7", "\"n\":11"].iter().map(|n| out.find(n).unwrap()).collect();
        assert!(order.is_sorted() && out.matches("HTTP/1.1 200").count() == 3, "{out}");
    }
}

/// Without an end to what is sent ahead, memory would have none either.
#[tokio::test]
async fn who_sends_ahead_without_end_is_dropped() {
    let stub = Stub::start(|_| Reply::Silence).await;
    let house = House::open(&with_timeouts("first_byte_ms: 60000"), stub.addr).await;
    let mut stream = TcpStream::connect(house.addr).await.unwrap();
    stream.write_all(raw_request(&house, "/v1/chat/completions", CHAT).as_bytes()).await.unwrap();
    stub.reached().await;
    stream.write_all(&[b'x'; 60 << 10]).await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(300), stub.record.on_cancel.notified()).await;
    assert!(quiet.is_err(), "some may be sent ahead");
    let flood = async {
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = stub.cancelled() => {}
        () = flood => {}
    }
}
