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
    /// What is learned from what people said of traffic.
    pub(crate) feedback: FeedbackConfig,
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
            feedback: FeedbackConfig::default(),
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

/// What is learned from what people said of traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FeedbackConfig {
    /// A refit each night; left out, there is none.
    pub(crate) refit: Option<RefitConfig>,
}

/// A refit each night, by one of the gateways that share a store. It leaves a candidate and puts nothing in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefitConfig {
    /// Time of day. Default `02:30`.
    #[serde(default = "refit_at")]
    pub(crate) at: String,
    /// `UTC`, or a distance from it as `+02:00`. Default `UTC`.
    #[serde(default = "refit_zone")]
    pub(crate) zone: String,
    /// Fewest verdicts since the last candidate. Default 50.
    #[serde(default = "refit_minimum")]
    pub(crate) minimum: u32,
    /// JSON lines with sure labels (files or folders) that hold the correction back: four for each verdict at least.
    pub(crate) anchors: Vec<PathBuf>,
    /// JSON lines with labels over which the candidate is compared with what is in force.
    pub(crate) data: Vec<PathBuf>,
    /// Days until a candidate that nobody promotes is forgotten, 1 to 366. Default 14.
    #[serde(default = "refit_days")]
    pub(crate) days: u16,
}

fn refit_at() -> String {
    "02:30".into()
}

fn refit_zone() -> String {
    "UTC".into()
}

const fn refit_minimum() -> u32 {
    50
}

const fn refit_days() -> u16 {
    14
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
