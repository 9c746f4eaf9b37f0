//! An HTTP client that can call from any loopback address, so that the play has many clients on one machine.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpSocket;

/// An answer larger than this is an error: the play expects small ones.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// No call of the play takes longer.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a call had no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The address is not on this machine.
    #[error("{0} is not a loopback address: the demonstration speaks only to this machine")]
    NotLoopback(IpAddr),
    /// The connection could not be made or broke.
    #[error("no answer from {addr}: {why}")]
    Broken {
        /// Who was called.
        addr: SocketAddr,
        /// What broke.
        why: String,
    },
    /// It took too long.
    #[error("no answer from {0} within 20 s")]
    Late(SocketAddr),
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null if it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text, lossily.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Somebody who calls from one address with one set of headers.
#[derive(Clone, Debug)]
pub struct Caller {
    from: IpAddr,
    headers: Vec<(&'static str, String)>,
}

impl Caller {
    /// A caller at a loopback address.
    pub const fn at(from: IpAddr) -> Self {
        Self { from, headers: Vec::new() }
    }

    /// The same caller with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same caller with an API key.
    #[must_use]
    pub fn with_bearer(self, key: &str) -> Self {
        self.with("authorization", format!("Bearer {key}"))
    }

    /// GET, to the end of the answer.
    ///
    /// # Errors
    /// No answer, a broken one, or one that took too long.
    pub async fn get(&self, to: SocketAddr, path: &str) -> Result<Answer, CallError> {
        self.call(to, "GET", path, None).await
    }

    /// POST with a JSON body, to the end of the answer.
    ///
    /// # Errors
    /// As [`Caller::get`].
    pub async fn post(&self, to: SocketAddr, path: &str, body: &Value) -> Result<Answer, CallError> {
        self.call(to, "POST", path, Some(body)).await
    }

    async fn call(&self, to: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, CallError> {
        for end in [self.from, to.ip()] {
            if !end.is_loopback() {
                return Err(CallError::NotLoopback(end));
            }
        }
        tokio::time::timeout(CALL_TIMEOUT, self.exchange(to, method, path, body))
            .await
            .map_err(|_| CallError::Late(to))?
            .map_err(|error| CallError::Broken { addr: to, why: error.to_string() })
    }

    async fn exchange(
        &self,
        to: SocketAddr,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind(SocketAddr::new(self.from, 0))?;
        let stream = socket.connect(to).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", to.to_string());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let bytes = match body {
            Some(value) => {
                request = request.header("content-type", "application/json");
                Bytes::from(value.to_string())
            }
            None => Bytes::new(),
        };
        let response = sender.send_request(request.body(Full::new(bytes))?).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        driver.abort();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
