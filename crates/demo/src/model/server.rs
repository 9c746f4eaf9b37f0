//! The listener and what it has seen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{chat, churn, messages};

/// What reached the models: a request that was blocked before it is not counted.
#[derive(Debug, Default)]
pub struct Seen {
    chats: AtomicU64,
    inferences: AtomicU64,
}

impl Seen {
    /// Chat requests answered, both dialects.
    pub fn chats(&self) -> u64 {
        self.chats.load(Ordering::SeqCst)
    }

    /// Churn inferences answered.
    pub fn inferences(&self) -> u64 {
        self.inferences.load(Ordering::SeqCst)
    }

    pub(super) fn count_chat(&self) {
        self.chats.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn count_inference(&self) {
        self.inferences.fetch_add(1, Ordering::SeqCst);
    }
}

/// The running server.
#[derive(Debug)]
pub struct ModelServer {
    /// Where it listens.
    pub addr: SocketAddr,
    /// What reached it.
    pub seen: Arc<Seen>,
    /// The credential that it leaks when asked; made at start, valid nowhere.
    pub credential: String,
}

/// What every handler has.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) seen: Arc<Seen>,
    pub(super) credential: Arc<str>,
}

impl ModelServer {
    /// Starts on `addr` (port 0: any free one) and serves until the runtime ends. `credential` is what it leaks.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(addr: SocketAddr, credential: String) -> std::io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let shared = Shared { seen: Arc::clone(&seen), credential: credential.as_str().into() };
        let app = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(chat::completions))
            .route("/v1/messages", post(messages::messages))
            .route("/churn", post(churn::score))
            .with_state(shared);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the demonstration's model server stopped");
            }
        });
        Ok(Self { addr, seen, credential })
    }
}

async fn models() -> axum::Json<Value> {
    let model = |id: &str| json!({"id": id, "object": "model", "created": 0, "owned_by": "casemate-demo"});
    axum::Json(json!({"object": "list", "data": [model("demo-chat"), model("demo-claude")]}))
}
