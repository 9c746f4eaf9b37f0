//! A console to knock at, and a client that keeps cookies as a browser does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use casemate_console::{Console, ConsoleConfig, ConsoleSettings, Entropy, RunningConsole};
use casemate_finding::UnixMs;
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::data;

/// A console with the gallery's data, and a clock that is moved by hand.
pub struct Door {
    pub store: Arc<SqliteStore>,
    pub clock: Clock,
    pub password: String,
    pub console: RunningConsole,
    _folder: TempDir,
}

pub fn settings() -> ConsoleSettings {
    ConsoleConfig { listen: Some("127.0.0.1:0".into()), ..ConsoleConfig::default() }.settings().expect("settings")
}

impl Door {
    pub async fn open() -> Self {
        Self::with(settings(), Clock::manual(UnixMs(1_795_300_000_000))).await
    }

    pub async fn with(settings: ConsoleSettings, clock: Clock) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("console.db");
        let store = SqliteStore::open(path, clock.clone(), SqliteOptions::default()).await.expect("a store");
        let entropy = Entropy::system();
        let password = data::fill(store.as_ref(), &clock, &entropy).await.expect("filled");
        let extras = data::extras(entropy);
        let console = Console::start(settings, Arc::clone(&store) as Arc<dyn Store>, clock.clone(), extras)
            .await
            .expect("starts");
        Self { store, clock, password, console, _folder: folder }
    }

    pub fn client(&self) -> Client {
        Client { addr: self.console.addr, cookies: BTreeMap::new(), bearer: None }
    }

    /// A client that is logged in as `name`.
    pub async fn log_in(&self, name: &str) -> Client {
        let mut client = self.client();
        let answer = client.log_in(name, &self.password).await;
        assert_eq!(answer.status, 303, "{name}: {}", answer.body);
        client
    }
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The value of the first hidden field of this name.
    pub fn field(&self, name: &str) -> String {
        let mark = format!(r#"name="{name}" value=""#);
        let start = self.body.find(&mark).unwrap_or_else(|| panic!("no field {name} in {}", self.body)) + mark.len();
        let rest = &self.body[start..];
        rest[..rest.find('"').expect("an end")].to_owned()
    }
}

/// Speaks HTTP/1.1 by hand, so that a test sees and sends every byte.
pub struct Client {
    pub addr: SocketAddr,
    pub cookies: BTreeMap<String, String>,
    pub bearer: Option<String>,
}

impl Client {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// Posts a form.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", percent(v))).collect();
        self.send("POST", path, &[("content-type", "application/x-www-form-urlencoded")], &body.join("&")).await
    }

    /// Posts JSON.
    pub async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub async fn log_in(&mut self, name: &str, password: &str) -> Answer {
        let csrf = self.get("/login").await.field("csrf");
        self.post("/login", &[("csrf", &csrf), ("name", name), ("password", password), ("next", "/")]).await
    }

    /// The token of this session's forms.
    pub async fn csrf(&mut self) -> String {
        self.get("/password").await.field("csrf")
    }

    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.addr);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            head.push_str(&format!("cookie: {}\r\n", pairs.join("; ")));
        }
        if let Some(token) = &self.bearer {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut stream = TcpStream::connect(self.addr).await.expect("connects");
        stream.write_all(head.as_bytes()).await.expect("head");
        // A server that refuses by the head may close before it has read the body.
        let _ = stream.write_all(body.as_bytes()).await;
        let raw = tokio::time::timeout(Duration::from_secs(60), read(&mut stream)).await;
        let raw = raw.unwrap_or_else(|_| panic!("{method} {path} is not answered within a minute"));
        let answer = parse(&raw);
        for (name, value) in &answer.headers {
            if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().unwrap_or_default();
                let (k, v) = pair.split_once('=').expect("a cookie");
                self.cookies.insert(k.to_owned(), v.to_owned());
            }
        }
        answer
    }
}

/// Reads one answer: to its announced length, else to the end of the stream.
async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut raw = Vec::new();
    while stream.read_buf(&mut raw).await.is_ok_and(|n| n > 0) {
        let Some(head) = raw.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&raw[..head]).to_lowercase();
        let announced = text.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
        if announced.is_some_and(|n| raw.len() >= head + 4 + n) {
            break;
        }
    }
    raw
}

pub fn parse(raw: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(raw);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok()).expect("a status");
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(':')).map(|(k, v)| (k.to_owned(), v.trim().to_owned())).collect();
    let chunked = headers.iter().any(|(k, v)| k.eq_ignore_ascii_case("transfer-encoding") && v == "chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Answer { status, headers, body }
}

fn unchunk(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 || rest.len() < size {
            break;
        }
        out.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    out
}

fn percent(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
