//! Connections to the upstreams: one pool for each upstream on each thread.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::Settings;

/// Idle connections are closed after this.
const IDLE: Duration = Duration::from_secs(30);
/// Idle connections kept to one upstream on each thread.
const IDLE_MAX: usize = 256;

type Inner = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Why a call gave no head of an answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection could be made: nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// No head of an answer within the time.
    #[error("no answer within {0:?}")]
    Late(Duration),
}

/// The pools of one thread: one for each upstream, then one for each end-point, then one for each adviser.
pub struct Pools(Vec<Inner>);

fn pool(connect: Duration) -> Inner {
    let mut http = HttpConnector::new();
    http.set_nodelay(true);
    http.enforce_http(false);
    http.set_connect_timeout(Some(connect));
    http.set_keepalive(Some(Duration::from_secs(60)));
    let provider = rustls::crypto::ring::default_provider();
    let builder = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(provider)
        .expect("ring has the default protocol versions");
    let connector = builder.https_or_http().enable_http1().wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_MAX)
        .pool_timer(TokioTimer::new())
        .build(connector)
}

impl Pools {
    /// Pools without connections.
    pub fn new(settings: &Settings) -> Self {
        let upstreams = settings.upstreams.iter().map(|u| pool(u.timeouts.connect));
        let endpoints = settings.endpoints.iter().map(|e| pool(e.timeouts.connect));
        let advisers = settings.advisers.iter().map(|a| pool(a.timeout));
        Self(upstreams.chain(endpoints).chain(advisers).collect())
    }

    /// Sends a request and waits for the head of the answer. Dropping the future, or the body that it gives, closes the
    /// connection.
    ///
    /// # Errors
    /// [`CallError`]; after `Connect` nothing was sent.
    pub async fn call(
        &self,
        target: usize,
        request: Request<Full<Bytes>>,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, CallError> {
        match tokio::time::timeout(first_byte, self.0[target].request(request)).await {
            Err(_) => Err(CallError::Late(first_byte)),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() => Err(CallError::Connect(chain(&error))),
            Ok(Err(error)) => Err(CallError::Broken(chain(&error))),
        }
    }
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
