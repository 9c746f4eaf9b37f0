//! Requests and replies as values: what to send, not how.

use casemate_finding::Secret;

/// A request that a transport is to make; every one is a `POST` of JSON.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// Absolute URL, `http` or `https`.
    pub url: String,
    /// Headers beside `content-type` and `content-length`; values may be keys and do not print.
    pub headers: Vec<(&'static str, Secret<String>)>,
    /// The JSON body.
    pub body: Vec<u8>,
    /// When to give up.
    pub timeout_ms: u64,
    /// Longest reply to read; a longer one is [`TransportError::TooLarge`].
    pub reply_bytes_max: usize,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing came in time.
    #[error("no reply within {ms} ms")]
    Timeout {
        /// The limit that passed.
        ms: u64,
    },
    /// No connection, or one that broke.
    #[error("no connection: {what}")]
    Connection {
        /// What the system said.
        what: String,
    },
    /// The reply is longer than allowed.
    #[error("reply is longer than {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
}

/// Sends requests. It must keep [`HttpRequest::timeout_ms`] over the whole exchange, follow no redirect (the key would go
/// along), and check certificates.
pub trait Transport {
    /// Makes the request.
    ///
    /// # Errors
    /// [`TransportError`] if there is no whole reply.
    fn send(&self, request: &HttpRequest) -> Result<HttpReply, TransportError>;
}
