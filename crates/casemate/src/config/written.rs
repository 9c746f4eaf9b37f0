//! The configuration file as it is written: one section for each part, each owned by its crate.

use std::path::PathBuf;

use casemate_console::ConsoleConfig;
use casemate_gateway::GatewayConfig;
use casemate_respond::config::RespondConfig;
use serde::{Deserialize, Serialize};

/// The whole file. Unknown keys are refused, what is left out has its documented default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Folder of everything that is kept: store, evidence, hand-off packages, key material. Default `casemate-data`.
    pub(crate) data_dir: PathBuf,
    /// The store.
    pub(crate) store: StoreConfig,
    /// The data plane.
    pub(crate) gateway: GatewayConfig,
    /// The response engine.
    pub(crate) respond: RespondConfig,
    /// People's door.
    pub(crate) console: ConsoleConfig,
    /// Logs on standard error.
    pub(crate) log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "casemate-data".into(),
            store: StoreConfig::default(),
            gateway: GatewayConfig::default(),
            respond: RespondConfig::default(),
            console: ConsoleConfig::default(),
            log: LogConfig::default(),
        }
    }
}

impl Config {
    /// Where the store's file is.
    pub(crate) fn store_path(&self) -> PathBuf {
        self.store.path.clone().unwrap_or_else(|| self.data_dir.join("casemate.db"))
    }
}

/// The store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreConfig {
    /// The SQLite file. Default `casemate.db` in the data folder.
    pub(crate) path: Option<PathBuf>,
    /// How long to wait for another process's write, in milliseconds. Default 5,000.
    pub(crate) busy_timeout_ms: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: None, busy_timeout_ms: 5_000 }
    }
}

/// Logs on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, or a filter as `casemate_gateway=debug,info`. Default `info`.
    pub(crate) level: String,
    /// One JSON object a line instead of text. Default false.
    pub(crate) json: bool,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), json: false }
    }
}
