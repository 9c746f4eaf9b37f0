//! The counting target: it carries out whatever it is asked, every time, and counts. It does not dedupe, so that an action
//! that comes twice is seen twice; it answers whether a key was carried out.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use tokio::sync::mpsc;

/// When the caller is killed, seen from the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The request has come, the action is not carried out (and never will be by this request).
    Before,
    /// The action is carried out, the answer is not sent.
    Between,
    /// The answer is sent.
    After,
}

#[derive(Default)]
pub struct Seen {
    /// How often each key was carried out.
    pub done: HashMap<String, u32>,
    /// What was carried out, in order: the last segments of the paths.
    pub log: Vec<String>,
    arrivals: u32,
    kill_at: Option<(u32, Moment)>,
}

#[derive(Clone)]
pub struct Stub {
    pub addr: SocketAddr,
    pub seen: Arc<Mutex<Seen>>,
    kill: mpsc::UnboundedSender<()>,
    pause: Duration,
}

impl Stub {
    /// Serves on loopback; a message comes out of the channel when the caller is to be killed.
    pub async fn start(pause: Duration) -> (Self, mpsc::UnboundedReceiver<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let (kill, killed) = mpsc::unbounded_channel();
        let stub = Self { addr: listener.local_addr().expect("address"), seen: Arc::default(), kill, pause };
        let app =
            Router::new().route("/act/{step}/{of}", post(act)).route("/done/{key}", get(done)).with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (stub, killed)
    }

    /// Kills the caller at its `n`th request from now on.
    pub fn kill_at(&self, n: u32, moment: Moment) {
        let mut seen = self.seen.lock().expect("lock");
        seen.arrivals = 0;
        seen.kill_at = Some((n, moment));
    }
}

async fn act(State(stub): State<Stub>, Path((step, of)): Path<(String, String)>, headers: HeaderMap) -> StatusCode {
    let key = headers["idempotency-key"].to_str().expect("key").to_owned();
    let moment = {
        let mut seen = stub.seen.lock().expect("lock");
        seen.arrivals += 1;
        let now = seen.arrivals;
        seen.kill_at.take_if(|(n, _)| *n == now).map(|(_, moment)| moment)
    };
    if moment == Some(Moment::Before) {
        stub.kill.send(()).expect("the test listens");
        std::future::pending::<()>().await;
    }
    {
        let mut seen = stub.seen.lock().expect("lock");
        *seen.done.entry(key).or_default() += 1;
        seen.log.push(format!("{step} {of}"));
    }
    if moment == Some(Moment::Between) {
        stub.kill.send(()).expect("the test listens");
        std::future::pending::<()>().await;
    }
    if moment == Some(Moment::After) {
        stub.kill.send(()).expect("the test listens");
    }
    tokio::time::sleep(stub.pause).await;
    StatusCode::OK
}

async fn done(State(stub): State<Stub>, Path(key): Path<String>) -> StatusCode {
    if stub.seen.lock().expect("lock").done.contains_key(&key) { StatusCode::OK } else { StatusCode::NOT_FOUND }
}
