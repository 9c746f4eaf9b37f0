//! A gateway on loopback with its own store, and callers of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use casemate_finding::Secret;
use casemate_gateway::key::RANDOM_BYTES;
use casemate_gateway::{Gateway, GatewayConfig, NewKey, ResolvedSecrets, RunningGateway, Settings, compile, issue_key};
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::model::{ApiKey, EventRecord, TenantId};
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::{Events, Keys};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

pub const PEPPER: &str = "a pepper for tests";

pub struct House {
    pub addr: SocketAddr,
    pub key: String,
    pub store: Arc<SqliteStore>,
    client: Client<HttpConnector, Full<Bytes>>,
    running: Option<RunningGateway>,
    folder: Arc<tempfile::TempDir>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn number(&self, header: &str) -> u64 {
        self.headers.get(header).unwrap_or_else(|| panic!("no {header}")).to_str().unwrap().parse().unwrap()
    }
}

/// A key of its own.
pub fn make_key(change: impl FnOnce(&mut ApiKey)) -> (String, ApiKey) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let seed = NEXT.fetch_add(1, Ordering::SeqCst);
    let random: [u8; RANDOM_BYTES] = std::array::from_fn(|i| (i as u8).wrapping_mul(31).wrapping_add(seed));
    let new = NewKey::new(TenantId::default_tenant(), "default", "test");
    let (key, mut kept) = issue_key(&random, PEPPER.as_bytes(), new, casemate_finding::UnixMs(0));
    change(&mut kept);
    (key.expose().clone(), kept)
}

fn settings(yaml: &str, upstream: SocketAddr, listen: &str, more: &[(&str, &str)]) -> Settings {
    let yaml = yaml.replace("{upstream}", &format!("http://{upstream}"));
    let config: GatewayConfig = serde_saphyr::from_str(&format!("listen: '{listen}'\nthreads: 1\n{yaml}")).unwrap();
    let mut secrets = ResolvedSecrets::new();
    secrets.insert("gateway.pepper".into(), Secret::new(PEPPER.into()));
    secrets.extend(more.iter().map(|(path, value)| ((*path).to_owned(), Secret::new((*value).to_owned()))));
    for (path, _) in config.secret_sources() {
        secrets.entry(path).or_insert_with_key(|p| Secret::new(format!("upstream-secret-{}", p.len())));
    }
    compile(&config, &secrets).unwrap_or_else(|p| panic!("{p:?}"))
}

impl House {
    /// A gateway for this configuration; `{openai}`, `{anthropic}` stand for upstreams at `upstream`.
    pub async fn open(yaml: &str, upstream: SocketAddr) -> Self {
        Self::open_with(yaml, upstream, vec![]).await
    }

    pub async fn open_with(yaml: &str, upstream: SocketAddr, more: Vec<ApiKey>) -> Self {
        Self::open_all(settings(yaml, upstream, "127.0.0.1:0", &[]), more, Clock::system()).await
    }

    pub async fn open_with_secrets(yaml: &str, upstream: SocketAddr, secrets: &[(&str, &str)]) -> Self {
        Self::open_all(settings(yaml, upstream, "127.0.0.1:0", secrets), vec![], Clock::system()).await
    }

    /// A gateway whose clock the test moves.
    pub async fn open_at(yaml: &str, upstream: SocketAddr, clock: Clock) -> Self {
        Self::open_all(settings(yaml, upstream, "127.0.0.1:0", &[]), vec![], clock).await
    }

    /// What a gateway says that cannot listen there.
    pub async fn start_error(yaml: &str, upstream: SocketAddr, listen: SocketAddr) -> String {
        let settings = settings(yaml, upstream, &listen.to_string(), &[]);
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let store =
            SqliteStore::open(folder.path().join("s.db"), clock.clone(), SqliteOptions::default()).await.unwrap();
        let shared: Arc<dyn Store> = store;
        let started = Gateway::start(settings, shared, clock, &tokio::runtime::Handle::current()).await;
        started.err().expect("the port is taken").to_string()
    }

    async fn open_all(settings: Settings, more: Vec<ApiKey>, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::open(path, clock.clone(), SqliteOptions::default()).await.unwrap();
        let (key, kept) = make_key(|_| ());
        store.insert_key(&kept).await.unwrap();
        for kept in &more {
            store.insert_key(kept).await.unwrap();
        }
        let shared: Arc<dyn Store> = store.clone();
        let running = Gateway::start(settings, shared, clock, &tokio::runtime::Handle::current()).await.unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { addr: running.addr(), key, store, client, running: Some(running), folder: Arc::new(folder) }
    }

    /// A second gateway for the same store, as another process would be.
    pub async fn beside(&self, yaml: &str, upstream: SocketAddr) -> Self {
        let clock = Clock::system();
        let settings = settings(yaml, upstream, "127.0.0.1:0", &[]);
        let store = SqliteStore::open(self.file(), clock.clone(), SqliteOptions::default()).await.unwrap();
        let shared: Arc<dyn Store> = store.clone();
        let running = Gateway::start(settings, shared, clock, &tokio::runtime::Handle::current()).await.unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let (key, folder) = (self.key.clone(), self.folder.clone());
        Self { addr: running.addr(), key, store, client, running: Some(running), folder }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("store.db")
    }

    /// Changes the store's file behind the gateway's back.
    pub async fn break_store(&self, sql: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file());
        let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
    }

    /// Both dialects at one upstream, nothing inspected or limited but what `tier` says.
    pub async fn plain(upstream: SocketAddr, tier: &str) -> Self {
        Self::open(&plain_yaml(tier), upstream).await
    }

    pub fn request(&self, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        Request::post(format!("http://{}{path}", self.addr))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.key))
            .body(Full::new(body.into()))
            .unwrap()
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.client.request(request).await.unwrap()
    }

    pub async fn whole(&self, request: Request<Full<Bytes>>) -> Answer {
        let (parts, body) = self.send(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.whole(self.request(path, body)).await
    }

    pub async fn chat(&self, content: &str) -> Answer {
        let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": content}]});
        self.post("/v1/chat/completions", body.to_string()).await
    }

    /// Sends raw bytes and reads what comes back until the other side closes or nothing comes for a while.
    pub async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut out = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(Ok(n @ 1..)) = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut buffer)).await {
            out.extend_from_slice(&buffer[..n]);
            if n < buffer.len() && out.windows(4).any(|w| w == b"\r\n\r\n") {
                break;
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A request from this loopback address on a connection of its own; status and text.
    pub async fn from(&self, from: &str, request: &str) -> String {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
        let mut stream = socket.connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut out = Vec::new();
        stream.read_to_end(&mut out).await.unwrap();
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Waits for an event of this rule.
    pub async fn event(&self, rule: &str) -> EventRecord {
        for _ in 0..200 {
            let events = self.store.recent_events(200).await.unwrap();
            if let Some(event) = events.into_iter().find(|e| e.event.payload["rule"] == rule) {
                return event;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no event of {rule}");
    }

    pub async fn close(mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }
}

pub fn plain_yaml(tier: &str) -> String {
    let off = "{pii: off, secrets: off, injection: off, toxicity: off, canary: off}";
    let tier = if tier.is_empty() { "tokens_per_min: null".to_owned() } else { tier.to_owned() };
    format!(
        "upstreams:
  - {{name: o, dialect: openai, base_url: '{{upstream}}/v1', api_key: {{env: K}}}}
  - {{name: a, dialect: anthropic, base_url: '{{upstream}}', api_key: {{env: K}}}}
endpoints:
  - {{name: churn, url: '{{upstream}}/score', text_fields: [note]}}
limits: {{per_address: {{}}}}
tiers:
  default: {{inspection: {{input: {off}, output: {off}}}, {tier}}}
"
    )
}

/// Both dialects at one upstream with the defaults of the configuration.
pub const DEFAULTS: &str = "upstreams:
  - {name: o, dialect: openai, base_url: '{upstream}/v1', api_key: {env: K}}
  - {name: a, dialect: anthropic, base_url: '{upstream}', api_key: {env: K}}
endpoints:
  - {name: churn, url: '{upstream}/score', text_fields: [note]}
";

pub const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
pub const CHAT_STREAM: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
pub const MESSAGE: &str = r#"{"model":"m","max_tokens":16,"messages":[{"role":"user","content":"hello"}]}"#;
pub const MESSAGE_STREAM: &str =
    r#"{"model":"m","max_tokens":16,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
pub const ANSWER: &str = r#"{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;
