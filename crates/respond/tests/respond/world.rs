//! An engine on a temporary folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use casemate_respond::config::{RespondConfig, SecretReader, Settings};
use casemate_respond::{Respond, RunningRespond};
use casemate_store::Store;
use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use serde_json::{Value, json};

/// Token of the source `dlp`; made here, so that no secret stands in the repository.
pub fn token() -> String {
    ["to", "ken", "-for-", "tests"].concat()
}

/// The playbooks that ship.
pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../playbooks")
}

pub fn client() -> reqwest::Client {
    let _already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().expect("client")
}

pub struct World {
    pub home: tempfile::TempDir,
    pub store: Arc<dyn Store>,
    pub running: Option<RunningRespond>,
    pub http: reqwest::Client,
}

impl World {
    /// The written configuration: one bearer source `dlp`, an evidence root, a small inventory; `more` is laid over it.
    pub fn config(home: &Path, more: Value) -> Value {
        std::fs::write(home.join("token"), token()).expect("token");
        std::fs::create_dir_all(home.join("evidence")).expect("folder");
        let mut config = json!({
            "listen": "127.0.0.1:0",
            "data_dir": home.join("data"),
            "playbooks": shipped(),
            "sources": [{"name": "dlp", "auth": {"bearer": {"token": {"file": home.join("token")}}}}],
            "evidence": {"roots": [home.join("evidence")]},
            "inventory": {
                "models": [
                    {"name": "churn", "tier": 2, "owner": "crm", "endpoints": ["churn-endpoint"]},
                    {"name": "fraud", "tier": 1, "owner": "risk"},
                ],
                "datasets": [{"name": "fraud-train", "owner": "data", "path": "fraud.csv"}],
                "pipelines": [{"name": "fraud-nightly", "datasets": ["fraud-train"], "models": ["fraud"]}],
            },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        config
    }

    pub fn settings(home: &Path, more: Value) -> Settings {
        let config: RespondConfig = serde_json::from_value(Self::config(home, more)).expect("written form");
        config
            .validate(&SecretReader { env: &|_| None, file: &|path| std::fs::read_to_string(path), base: home })
            .expect("valid")
    }

    pub async fn start(more: Value) -> Self {
        Self::start_with(more, SqliteOptions::default()).await
    }

    pub async fn start_with(more: Value, options: SqliteOptions) -> Self {
        let home = tempfile::tempdir().expect("folder");
        let store = SqliteStore::open(home.path().join("casemate.db"), Clock::system(), options).await.expect("store");
        let settings = Self::settings(home.path(), more);
        let running = Respond::start(settings, store.clone(), Clock::system()).await.expect("start");
        Self { home, store, running: Some(running), http: client() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.as_ref().expect("running").addr)
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }

    /// Posts a body as the source `dlp`; answers with status and JSON.
    pub async fn post(&self, body: impl Into<String>, delivery: Option<&str>) -> (u16, Value) {
        let mut request = self.http.post(self.url("/api/v1/alerts/dlp")).bearer_auth(token()).body(body.into());
        if let Some(id) = delivery {
            request = request.header("x-delivery-id", id);
        }
        let response = request.send().await.expect("answer");
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }
}

/// Looks again until `look` gives something; fails after `limit_s` seconds.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, limit_s: u64, look: impl Fn() -> F) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(limit_s), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("not within {limit_s} s: {what}"))
}
