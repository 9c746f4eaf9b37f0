//! The upstream stub and the load of measurements.
//!
//! `load stub [LISTEN]` answers chat completions, whole or streamed, at once: with about 1 KiB, and requests over 8 KiB with
//! about 16 KiB.
//! `load run URL KEY PID REQUESTS CLIENTS [stream] [16k] [chat] [MODEL]` sends chat completions of 1 KiB (or 16 KiB) over keep-alive
//! connections: no text of a request or an answer is ever the same as another. With `chat` each client talks: conversations of
//! eight turns (a system prompt of 1 KiB that all share, questions of 300 bytes, answers of 900), each request with all of the
//! turns before. It prints, as one line of JSON, the CPU time (user and system) that process PID and its children took for each request, next to wall times.
//! The clock of `/proc` ticks at 100 Hz: with some thousands of requests its error is under 1 %.
#![expect(clippy::print_stdout, reason = "a command-line tool")]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Ordinary sentences, so that checks do what they do on ordinary text.
const PROSE: &str = "The committee met again in the spring to review how the new timetable had worked for the smaller stations along the coast. \
Most passengers were content with the earlier trains, although some of them asked for a later connection on market days. \
After a long discussion the members agreed to try an additional service for three months and to count how many people used it. ";

/// Text of the larger requests and answers.
const LARGE_BYTES: usize = 16_000;

/// Words that change from text to text, so that none is judged for being known.
const WORDS: [&str; 32] = [
    "harbour", "orchard", "museum", "ferry", "bakery", "library", "valley", "market", "workshop", "garden", "theatre",
    "bridge", "station", "school", "meadow", "quarry", "chapel", "village", "canal", "forest", "island", "tavern",
    "pasture", "railway", "cottage", "festival", "printer", "weaver", "teacher", "gardener", "captain", "doctor",
];

/// Text number `n`: ordinary sentences in which every tenth word or so is another than in any other text.
fn prose(bytes: usize, n: u64) -> String {
    let mut out = String::with_capacity(bytes + 16);
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    out.push_str(&format!("Note {n} of the {}. ", WORDS[(n % 32) as usize]));
    for (at, word) in PROSE.split_inclusive(' ').cycle().enumerate() {
        if out.len() >= bytes {
            break;
        }
        out.push_str(word);
        if at % 10 == 7 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            out.push_str(WORDS[(state >> 59) as usize]);
            out.push(' ');
        }
    }
    out.truncate(bytes);
    out
}

fn answer(stream: bool, large: bool, n: u64) -> Bytes {
    if !stream {
        let content = prose(if large { LARGE_BYTES } else { 800 }, n);
        let message = serde_json::json!({"role": "assistant", "content": content, "refusal": null});
        let choice = serde_json::json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"});
        let usage = serde_json::json!({"prompt_tokens": 200, "completion_tokens": 180, "total_tokens": 380});
        let body = serde_json::json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "bench",
            "choices": [choice], "usage": usage});
        return body.to_string().into();
    }
    let mut out = String::new();
    let text = prose(if large { LARGE_BYTES / 5 } else { 160 }, n);
    for piece in text.as_bytes().chunks(16) {
        let delta = serde_json::json!({"content": String::from_utf8_lossy(piece)});
        let chunk = serde_json::json!({"id": "c", "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
        out.push_str(&format!("data: {chunk}\n\n"));
    }
    out.push_str("data: [DONE]\n\n");
    out.into()
}

async fn stub(listen: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen).await?;
    println!("{}", listener.local_addr()?);
    let answers = Arc::new(AtomicU64::new(1 << 40));
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let answers = answers.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let n = answers.fetch_add(1, Ordering::Relaxed);
            async move {
                let body = request.into_body().collect().await.map(|b| b.to_bytes()).unwrap_or_default();
                let streams = body.windows(13).any(|w| w == b"\"stream\":true" || w == b"\"stream\": tru");
                let talks = body.windows(11).any(|w| w == b"\"assistant\"");
                let large = body.len() > LARGE_BYTES / 2 && !talks;
                let kind = if streams { "text/event-stream" } else { "application/json" };
                let body = answer(streams, large, n);
                let mut response = Response::new(Full::new(body));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                Ok::<_, Infallible>(response)
            }
        });
        tokio::spawn(async move {
            // A client that goes away is no failure of the stub.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// Ticks of user and system time of a process and of the children that it waited for, and of its live descendants.
fn cpu_ticks(pid: u32) -> u64 {
    let own = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
        fields.get(11..13).unwrap_or_default().iter().filter_map(|f| f.parse::<u64>().ok()).sum::<u64>()
    };
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    own(pid) + children.split_whitespace().filter_map(|c| c.parse().ok()).map(cpu_ticks).sum::<u64>()
}

/// What is asked.
struct Ask {
    model: String,
    stream: bool,
    large: bool,
    chat: bool,
    /// Number of the next text.
    next: AtomicU64,
}

impl Ask {
    fn text(&self, bytes: usize) -> String {
        prose(bytes, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The next request of a client that has said so much.
    fn body(&self, turns: &mut Vec<serde_json::Value>) -> Bytes {
        let said = |role: &str, content: String| serde_json::json!({"role": role, "content": content});
        let messages = if self.chat {
            if turns.len() >= 16 {
                turns.clear();
            }
            match turns.is_empty() {
                true => turns.push(said("system", prose(1_024, 0))),
                false => turns.push(said("assistant", self.text(900))),
            }
            turns.push(said("user", self.text(300)));
            turns.clone()
        } else {
            let system = format!("You answer briefly, case {}.", self.next.load(Ordering::Relaxed));
            vec![said("system", system), said("user", self.text(if self.large { LARGE_BYTES } else { 880 }))]
        };
        let mut ask = serde_json::json!({"model": self.model, "messages": messages});
        if self.stream {
            ask["stream"] = true.into();
        }
        ask.to_string().into()
    }
}

async fn client(
    addr: String,
    path: String,
    key: String,
    ask: Arc<Ask>,
    left: Arc<AtomicU64>,
    took_us: Arc<std::sync::Mutex<Vec<u64>>>,
) -> Result<(), Failure> {
    let socket = TcpStream::connect(&addr).await?;
    socket.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let mut took = Vec::new();
    let mut turns = Vec::new();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        let body = ask.body(&mut turns);
        let request = Request::post(&path)
            .header("host", &addr)
            .header("authorization", format!("Bearer {key}"))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let begun = Instant::now();
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&bytes)).into());
        }
        took.push(begun.elapsed().as_micros() as u64);
    }
    took_us.lock().map_err(|_| "a client panicked")?.extend(took);
    Ok(())
}

async fn run(arguments: &[String]) -> Result<(), Failure> {
    let [url, key, pid, requests, clients, rest @ ..] = arguments else {
        return Err("load run URL KEY PID REQUESTS CLIENTS [stream] [16k] [MODEL]".into());
    };
    let (pid, requests, clients): (u32, u64, usize) = (pid.parse()?, requests.parse()?, clients.parse()?);
    let stream = rest.iter().any(|a| a == "stream");
    let large = rest.iter().any(|a| a == "16k");
    let chat = rest.iter().any(|a| a == "chat");
    let model = rest.iter().find(|a| !["stream", "16k", "chat"].contains(&a.as_str())).map_or("bench", String::as_str);
    let address = url.strip_prefix("http://").ok_or("URL begins with http://")?;
    let (addr, path) = address.split_once('/').ok_or("URL has a path")?;
    let ask = Arc::new(Ask { model: model.to_owned(), stream, large, chat, next: AtomicU64::new(1) });
    let mut result = serde_json::Value::Null;
    // The first round warms up caches and pools and is not counted.
    for count in [requests / 10 + 1, requests] {
        let left = Arc::new(AtomicU64::new(count));
        let took = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (begun, ticks) = (Instant::now(), cpu_ticks(pid));
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..clients {
            let (addr, path) = (addr.to_owned(), format!("/{path}"));
            all.spawn(client(addr, path, key.clone(), ask.clone(), left.clone(), took.clone()));
        }
        while let Some(done) = all.join_next().await {
            done??;
        }
        let (elapsed, ticks) = (begun.elapsed(), cpu_ticks(pid) - ticks);
        let mut took = took.lock().map_err(|_| "a client panicked")?.clone();
        took.sort_unstable();
        let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied();
        result = serde_json::json!({
            "requests": count, "clients": clients, "stream": stream, "chat": chat, "large": large,
            "cpu_us_per_request": ticks as f64 * 10_000.0 / count as f64,
            "requests_per_s": count as f64 / elapsed.as_secs_f64(),
            "wall_p50_us": at(0.5), "wall_p99_us": at(0.99),
        });
    }
    println!("{result}");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("stub") => stub(arguments.get(1).map_or("127.0.0.1:0", String::as_str)).await,
        Some("run") => run(&arguments[1..]).await,
        _ => Err("load stub | load run".into()),
    }
}
