//! A counting HTTP stub: the judge of whether an action was done once.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How often each idempotency key was posted, and the bodies.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) by_key: HashMap<String, u32>,
    pub(crate) bodies: Vec<String>,
}

/// `POST /notify` counts the key of its `Idempotency-Key` header; `GET /seen/KEY` is 200 if it was counted, else 404.
pub(crate) struct CountingStub {
    pub(crate) addr: SocketAddr,
    pub(crate) counts: Arc<Mutex<Counts>>,
}

impl CountingStub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("binds");
        let addr = listener.local_addr().expect("has an address");
        let counts = Arc::new(Mutex::new(Counts::default()));
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || while answer(&stream, &shared).unwrap_or(false) {});
            }
        });
        Self { addr, counts }
    }
}

/// One exchange; false when the connection is over. A request that breaks off before its end is not counted.
fn answer(stream: &TcpStream, counts: &Mutex<Counts>) -> std::io::Result<bool> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(false);
    }
    let (mut length, mut key) = (0_usize, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => key = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length.min(1 << 20)];
    reader.read_exact(&mut body)?;
    let mut words = first.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut counts = counts.lock().expect("not poisoned");
    let status = match (method, path.strip_prefix("/seen/")) {
        ("POST", _) => {
            *counts.by_key.entry(key).or_default() += 1;
            counts.bodies.push(String::from_utf8_lossy(&body).into_owned());
            "200 OK"
        }
        ("GET", Some(seen)) if counts.by_key.contains_key(seen) => "200 OK",
        _ => "404 Not Found",
    };
    drop(counts);
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}")?;
    Ok(true)
}
