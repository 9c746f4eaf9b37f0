//! The configuration as people write it. Unknown keys are refused; whatever is left out has the default named here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use casemate_finding::SecretSource;
use casemate_triage::{GenericFields, Rung};
use serde::{Deserialize, Serialize};

/// The `respond` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RespondConfig {
    /// Where intake listens. Default `127.0.0.1:8081`.
    pub listen: String,
    /// Folder of the evidence vault and the hand-off packages. Default `casemate-data`.
    pub data_dir: PathBuf,
    /// Folder of playbooks (`*.yaml`, `*.yml`, `*.json`), which stand in place of those that ship with the program. Default
    /// none: those that ship.
    pub playbooks: Option<PathBuf>,
    /// Who may send alerts. Default nobody.
    pub sources: Vec<SourceConfig>,
    /// Models, data sets and pipelines, with owner and tier.
    pub inventory: InventoryConfig,
    /// What may be done without people, by tier (`1` to `4`). Default: up to quarantine on tiers 1 and 2, up to rolling back
    /// on 3 and 4, and nothing that cannot be taken back.
    pub tiers: BTreeMap<u8, TierConfig>,
    /// Where playbooks may send requests. Default nowhere.
    pub connections: Vec<ConnectionConfig>,
    /// Which addresses connections may reach.
    pub egress: EgressConfig,
    /// What evidence may be taken from.
    pub evidence: EvidenceConfig,
    /// Bounds.
    pub limits: LimitsConfig,
}

impl Default for RespondConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8081".into(),
            data_dir: "casemate-data".into(),
            playbooks: None,
            sources: Vec::new(),
            inventory: InventoryConfig::default(),
            tiers: BTreeMap::new(),
            connections: Vec::new(),
            egress: EgressConfig::default(),
            evidence: EvidenceConfig::default(),
            limits: LimitsConfig::default(),
        }
    }
}

/// Who may send alerts, and how they are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Its name: the last part of its address, `/api/v1/alerts/NAME`.
    pub name: String,
    /// How its alerts are read: a form that triage knows (`plain`, `alertmanager`, `guardduty`, …), or `generic`, which is
    /// described by `mapping`. Default `plain`.
    #[serde(default = "plain")]
    pub kind: String,
    /// Whose alerts they are. Default `default`.
    #[serde(default = "default_tenant")]
    pub tenant: String,
    /// How it proves that it is who it says.
    pub auth: AuthConfig,
    /// Header that carries the source's own delivery id. Default `x-delivery-id`.
    #[serde(default = "delivery_header")]
    pub delivery_header: String,
    /// JSON pointers to what changes between two deliveries of the same alert. Default `/timestamp`, `/time`, `/sent_at`.
    #[serde(default = "volatile")]
    pub volatile: Vec<String>,
    /// For `generic`: CEL expressions over `raw` for each part of the alert.
    #[serde(default)]
    pub mapping: Option<GenericFields>,
}

fn plain() -> String {
    "plain".into()
}

fn default_tenant() -> String {
    "default".into()
}

fn delivery_header() -> String {
    "x-delivery-id".into()
}

fn volatile() -> Vec<String> {
    ["/timestamp", "/time", "/sent_at"].map(String::from).into()
}

/// How a source proves that it is who it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthConfig {
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        token: SecretSource,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretSource,
    },
    /// HMAC-SHA-256 of the body, in hex, with or without `sha256=` before it.
    Hmac {
        /// The key.
        secret: SecretSource,
        /// The header that carries it. Default `x-signature-256`.
        #[serde(default = "signature_header")]
        header: String,
    },
}

fn signature_header() -> String {
    "x-signature-256".into()
}

/// What a tier lets happen without people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierConfig {
    /// The most that runs unattended: `observe`, `snapshot`, `rate_limit`, `shadow`, `quarantine`, `roll_back`, `revoke` or
    /// `stop`.
    pub unattended_max: Rung,
    /// Whether what cannot be taken back may run unattended. Never on tier 1. Default false.
    #[serde(default)]
    pub irreversible: bool,
}

/// What there is to protect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InventoryConfig {
    /// Models.
    pub models: Vec<ModelConfig>,
    /// Data sets.
    pub datasets: Vec<DatasetConfig>,
    /// Training pipelines.
    pub pipelines: Vec<PipelineConfig>,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Its name.
    pub name: String,
    /// 1 is the most critical, 4 the least. Default 3.
    #[serde(default = "tier_default")]
    pub tier: u8,
    /// Who answers for it. Default empty.
    #[serde(default)]
    pub owner: String,
    /// Its share of all traffic, 0 to 1. Default 0.
    #[serde(default)]
    pub traffic: f64,
    /// Its end-points.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// Data sets that it is trained on.
    #[serde(default)]
    pub datasets: Vec<String>,
    /// Files of its versions by `name@version`, for evidence.
    #[serde(default)]
    pub versions: BTreeMap<String, PathBuf>,
}

const fn tier_default() -> u8 {
    3
}

/// A data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// Its name.
    pub name: String,
    /// Who answers for it. Default empty.
    #[serde(default)]
    pub owner: String,
    /// Its file, for evidence.
    #[serde(default)]
    pub path: Option<PathBuf>,
}

/// A training pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    /// Its name.
    pub name: String,
    /// Data sets that it reads.
    #[serde(default)]
    pub datasets: Vec<String>,
    /// Models that it makes.
    #[serde(default)]
    pub models: Vec<String>,
}

/// Somewhere that playbooks may send requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionConfig {
    /// Its name in playbooks.
    pub name: String,
    /// Address that paths are added to.
    pub url: String,
    /// Headers sent with each request.
    #[serde(default)]
    pub headers: Vec<HeaderConfig>,
    /// For steps with `mode: verify`: a path under `url` in which `{key}` stands for the idempotency key. A GET is
    /// answered 2xx if the action happened and 404 if it did not.
    #[serde(default)]
    pub verify: Option<String>,
    /// How long after a crash to wait before that question, so that a request on its way has arrived. Default 250.
    #[serde(default = "verify_after_ms")]
    pub verify_after_ms: u64,
}

const fn verify_after_ms() -> u64 {
    250
}

/// A header of a connection: a value in the clear or a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderConfig {
    /// Its name.
    pub name: String,
    /// Its value in the clear.
    #[serde(default)]
    pub value: Option<String>,
    /// Its value as a secret.
    #[serde(default)]
    pub secret: Option<SecretSource>,
    /// Written before the secret, as `Bearer `. Default empty.
    #[serde(default)]
    pub prefix: String,
}

/// Which addresses connections may reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressConfig {
    /// Host names, or `*.` and a domain. Default none.
    pub hosts: Vec<String>,
    /// Private, loopback and link-local ranges that may be reached all the same. Default none.
    pub private_ranges: Vec<String>,
    /// Plain `http://` outside the private ranges. Default false.
    pub plain_http: bool,
    /// Longest request in milliseconds. Default 30,000.
    pub timeout_ms: u64,
    /// Largest answer in bytes. Default 1 MiB.
    pub response_bytes_max: usize,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            private_ranges: Vec::new(),
            plain_http: false,
            timeout_ms: 30_000,
            response_bytes_max: 1 << 20,
        }
    }
}

/// What evidence may be taken from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceConfig {
    /// Folders whose files may be preserved. Default none.
    pub roots: Vec<PathBuf>,
    /// Largest object in bytes. Default 16 GiB.
    pub object_bytes_max: u64,
}

impl Default for EvidenceConfig {
    fn default() -> Self {
        Self { roots: Vec::new(), object_bytes_max: 16 << 30 }
    }
}

/// Bounds of the response engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Largest request to intake in bytes. Default 1 MiB.
    pub body_bytes_max: usize,
    /// Alerts in one request. Default 1,000.
    pub alerts_per_request_max: usize,
    /// Levels of JSON in an alert. Default 64.
    pub json_depth_max: usize,
    /// How long a request's body may take, in milliseconds. Default 10,000.
    pub body_timeout_ms: u64,
    /// Requests that are read at once; further ones are answered 503. Default 1,024.
    pub requests_parallel_max: usize,
    /// How far back equal content counts as the same alert, in milliseconds. Default 3,600,000 (one hour).
    pub dedupe_window_ms: i64,
    /// Alerts that triage takes at once. Default 500.
    pub triage_batch: u32,
    /// Runs that are carried out at once. Default 64.
    pub runs_parallel_max: usize,
    /// How long a block or limit stands if its step says nothing, in milliseconds. Default 3,600,000 (one hour).
    pub containment_default_ms: u64,
    /// The longest that a block or limit may stand, in milliseconds. Default 2,592,000,000 (30 days).
    pub containment_max_ms: u64,
    /// How long a quarantine or hold stands without a person, in milliseconds. Default 2,592,000,000 (30 days).
    pub hold_ms: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            alerts_per_request_max: 1_000,
            json_depth_max: 64,
            body_timeout_ms: 10_000,
            requests_parallel_max: 1_024,
            dedupe_window_ms: 3_600_000,
            triage_batch: 500,
            runs_parallel_max: 64,
            containment_default_ms: 3_600_000,
            containment_max_ms: 30 * 24 * 3_600_000,
            hold_ms: 30 * 24 * 3_600_000,
        }
    }
}
