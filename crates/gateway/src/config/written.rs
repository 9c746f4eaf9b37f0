//! The `gateway:` part of `casemate.yaml`, as written.

use std::collections::BTreeMap;

use casemate_finding::SecretSource;
use serde::{Deserialize, Serialize};

use super::settings::Action;
use super::written_defences::{
    AdviserConfig, ConversationConfig, ConversationsConfig, ModelsConfig, OwnCheckConfig, SecondOpinionConfig,
    ToolsConfig,
};

/// The `gateway:` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Address and port. Default `127.0.0.1:8080`.
    pub listen: String,
    /// Serve TLS with these files. Default: plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Threads, each with its own listener and upstream pool. Default: one for each core.
    pub threads: Option<u16>,
    /// LLM services, in the order in which they are tried.
    pub upstreams: Vec<UpstreamConfig>,
    /// Plain model services behind `/infer/{name}`.
    pub endpoints: Vec<EndpointConfig>,
    /// Who may be asked for a second opinion: services and models of one's own.
    pub advisers: Vec<AdviserConfig>,
    /// Tiers by name. `default` is there always; written, it is changed.
    pub tiers: BTreeMap<String, TierConfig>,
    /// Limits that hold for everybody.
    pub limits: LimitsConfig,
    /// Longest request body in bytes, before and after decompression. Default 4 MiB.
    pub body_bytes_max: usize,
    /// Longest whole answer in bytes. Default 16 MiB.
    pub answer_bytes_max: usize,
    /// Longest single event of a stream in bytes. Default 1 MiB.
    pub event_bytes_max: usize,
    /// Bounds of JSON documents.
    pub json: JsonConfig,
    /// Proxies (CIDR) whose `X-Forwarded-For` is believed. Default: none.
    pub trusted_proxies: Vec<String>,
    /// Where the server pepper of the key digests is kept. Default: made at first start under the data directory.
    pub pepper: Option<SecretSource>,
    /// Canary strings that must never come back in an answer.
    pub canaries: Vec<SecretSource>,
    /// Texts of requests whose judgement is remembered (without the text, under a keyed hash, tenant by tenant), so that system
    /// prompts and earlier turns are judged once: 0 for none, at most 1,048,576. Some 300 bytes each. Default 8,192.
    pub known_texts_max: usize,
    /// Models in place of those that ship.
    pub models: ModelsConfig,
    /// Conversations that are followed, of all tiers that ask for it.
    pub conversations: ConversationsConfig,
    /// Detectors of abuse.
    pub abuse: AbuseConfig,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            tls: None,
            threads: None,
            upstreams: Vec::new(),
            endpoints: Vec::new(),
            advisers: Vec::new(),
            tiers: BTreeMap::new(),
            limits: LimitsConfig::default(),
            body_bytes_max: 4 << 20,
            answer_bytes_max: 16 << 20,
            event_bytes_max: 1 << 20,
            json: JsonConfig::default(),
            trusted_proxies: Vec::new(),
            pepper: None,
            canaries: Vec::new(),
            known_texts_max: 8_192,
            models: ModelsConfig::default(),
            conversations: ConversationsConfig::default(),
            abuse: AbuseConfig::default(),
        }
    }
}

impl GatewayConfig {
    /// Every secret that the binary has to fetch, by the path under which [`super::compile`] asks for it.
    pub fn secret_sources(&self) -> Vec<(String, &SecretSource)> {
        let keys = self.upstreams.iter().filter_map(|u| Some((api_key_path(&u.name), u.api_key.as_ref()?)));
        let endpoints = self.endpoints.iter().filter_map(|e| Some((endpoint_key_path(&e.name), e.api_key.as_ref()?)));
        let canaries = self.canaries.iter().enumerate().map(|(i, s)| (canary_path(i), s));
        let pepper = self.pepper.iter().map(|s| (PEPPER_PATH.to_owned(), s));
        let advisers = self.advisers.iter().filter_map(|a| Some((adviser_key_path(&a.name), a.api_key.as_ref()?)));
        keys.chain(endpoints).chain(advisers).chain(canaries).chain(pepper).collect()
    }
}

/// The path of the key of releases among the secrets; the configuration does not name it.
pub const RELEASE_KEY_PATH: &str = "gateway.release_key";
/// The path of the pepper among the secrets.
pub(super) const PEPPER_PATH: &str = "gateway.pepper";

pub(super) fn api_key_path(upstream: &str) -> String {
    format!("gateway.upstreams.{upstream}.api_key")
}

pub(super) fn endpoint_key_path(endpoint: &str) -> String {
    format!("gateway.endpoints.{endpoint}.api_key")
}

pub(super) fn adviser_key_path(adviser: &str) -> String {
    format!("gateway.advisers.{adviser}.api_key")
}

pub(super) fn canary_path(index: usize) -> String {
    format!("gateway.canaries[{index}]")
}

/// TLS of the listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificate chain.
    pub cert: String,
    /// PEM file with the private key.
    pub key: String,
}

/// One LLM service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Its name in reports; unique.
    pub name: String,
    /// `openai` or `anthropic`.
    pub dialect: String,
    /// Scheme, host, port and path before `/v1/…`; a trailing `/v1` may be written or not.
    pub base_url: String,
    /// The key to present to it. Default: none.
    #[serde(default)]
    pub api_key: Option<SecretSource>,
    /// Models that it serves, `*` stands for any run of characters. Default: all.
    #[serde(default)]
    pub models: Vec<String>,
    /// Let requests name image and file URLs in private address ranges. Default false.
    #[serde(default)]
    pub private_ok: bool,
    /// Ask a stream for its usage where the caller does not, and take it out again. Default false.
    #[serde(default)]
    pub ask_usage: bool,
    /// How long to wait for it.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
}

/// One plain model service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Its name in `/infer/{name}`; unique.
    pub name: String,
    /// Where requests go, as a whole URL.
    pub url: String,
    /// The model's name, for scopes, limits and alerts. Default: the end-point's name.
    #[serde(default)]
    pub model: Option<String>,
    /// Members of the request whose text is inspected, with dots for nested ones. Default: none.
    #[serde(default)]
    pub text_fields: Vec<String>,
    /// The bearer token to present to it. Default: none.
    #[serde(default)]
    pub api_key: Option<SecretSource>,
    /// How long to wait for it.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
}

/// How long to wait for an upstream, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutsConfig {
    /// For the connection. Default 5 s.
    pub connect_ms: u64,
    /// From the request to the first piece of the answer's body. Default 120 s.
    pub first_byte_ms: u64,
    /// Between two pieces of the answer. Default 60 s.
    pub between_ms: u64,
    /// For all of it. Default 600 s.
    pub total_ms: u64,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self { connect_ms: 5_000, first_byte_ms: 120_000, between_ms: 60_000, total_ms: 600_000 }
    }
}

/// Rates that hold together; what is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatesConfig {
    /// Requests a minute; a full minute's worth may come at once.
    pub requests_per_min: Option<u32>,
    /// Tokens a minute, input and output together.
    pub tokens_per_min: Option<u64>,
    /// Requests under way at once.
    pub concurrency: Option<u32>,
}

/// What the keys of a tier may do, each key for itself, and how their traffic is inspected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TierConfig {
    /// Requests a minute of one key. Default 600.
    pub requests_per_min: Option<u32>,
    /// Tokens a minute of one key. Default 1,000,000.
    pub tokens_per_min: Option<u64>,
    /// Requests of one key under way at once. Default 64.
    pub concurrency: Option<u32>,
    /// Tokens reserved for an answer whose request sets no maximum; higher wishes are reserved as this. Default 4,096.
    pub answer_tokens_max: u64,
    /// Checks on requests and answers.
    pub inspection: InspectionConfig,
    /// Checks of one's own. Default: none.
    pub checks: Vec<OwnCheckConfig>,
    /// Which tool calls of an answer reach the caller. Default: all.
    pub tools: Option<ToolsConfig>,
    /// Whom to ask where the classifiers that ship are unsure. Default: nobody.
    pub second_opinions: Vec<SecondOpinionConfig>,
    /// What a conversation comes to over its turns. Default: not followed.
    pub conversation: Option<ConversationConfig>,
}

impl Default for TierConfig {
    fn default() -> Self {
        Self {
            requests_per_min: Some(600),
            tokens_per_min: Some(1_000_000),
            concurrency: Some(64),
            answer_tokens_max: 4_096,
            inspection: InspectionConfig::default(),
            checks: Vec::new(),
            tools: None,
            second_opinions: Vec::new(),
            conversation: None,
        }
    }
}

/// Checks by direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InspectionConfig {
    /// On requests.
    pub input: ChecksConfig,
    /// On answers.
    pub output: ChecksConfig,
}

impl Default for InspectionConfig {
    fn default() -> Self {
        let input =
            ChecksConfig { injection: Some(Action::Block), canary: Some(Action::Off), ..ChecksConfig::default() };
        let output =
            ChecksConfig { injection: Some(Action::Off), canary: Some(Action::Block), ..ChecksConfig::default() };
        Self { input, output }
    }
}

/// What to do about each kind of finding: `off`, `flag`, `redact` or `block`; what is absent takes the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChecksConfig {
    /// Personal data. Default `flag`.
    pub pii: Option<Action>,
    /// Credentials. Default `redact`.
    pub secrets: Option<Action>,
    /// Prompt injection. Default `block` on requests, `off` on answers; cannot be `redact`.
    pub injection: Option<Action>,
    /// Abusive text. Default `flag`; cannot be `redact`.
    pub toxicity: Option<Action>,
    /// Canary strings. Default `off` on requests, `block` on answers; cannot be `redact`.
    pub canary: Option<Action>,
}

/// Limits that hold for everybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Of one address (IPv6: of one /64), before authentication. Default 6,000 requests a minute, 256 at once.
    pub per_address: RatesConfig,
    /// Of all keys of one tenant. Default: none.
    pub per_tenant: RatesConfig,
    /// Of all requests to one model or end-point. Default: none.
    pub per_model: RatesConfig,
    /// Connections at once, on each thread. Default 8,192.
    pub connections_max: u32,
    /// For the head of a request, and how long a connection may be idle, in milliseconds. Default 60 s.
    pub head_ms: u64,
    /// For the body of a request, in milliseconds. Default 60 s.
    pub body_ms: u64,
    /// A client that takes nothing for this long is dropped, in milliseconds. Default 60 s.
    pub stalled_reader_ms: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            per_address: RatesConfig { requests_per_min: Some(6_000), tokens_per_min: None, concurrency: Some(256) },
            per_tenant: RatesConfig::default(),
            per_model: RatesConfig::default(),
            connections_max: 8_192,
            head_ms: 60_000,
            body_ms: 60_000,
            stalled_reader_ms: 60_000,
        }
    }
}

/// Bounds of JSON documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JsonConfig {
    /// Deepest nesting. Default 64.
    pub depth_max: u16,
    /// Most values. Default 262,144.
    pub values_max: u32,
}

impl Default for JsonConfig {
    fn default() -> Self {
        Self { depth_max: 64, values_max: 1 << 18 }
    }
}

/// Detectors of abuse that single requests do not show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AbuseConfig {
    /// Volume against each end-point's own baseline.
    pub surge: SurgeConfig,
    /// How far back failed keys count, in milliseconds. Default 10 minutes.
    pub stuffing_window_ms: i64,
    /// Distinct unknown keys from one address or range that make a wave. Default 10.
    pub stuffing_distinct_min: u32,
    /// Tries from which the share of invalid ones counts. Default 20.
    pub stuffing_tries_min: u32,
    /// Share of invalid tries, in percent, over which it is a wave. Default 80.
    pub stuffing_invalid_percent: u32,
    /// Unknown keys close to the one before that make a search. Default 5.
    pub near_keys_min: u32,
    /// Blocked injections of one key or range within a minute that make a burst. Default 5.
    pub injection_burst_min: u32,
    /// The same alert about the same entity comes at most once in this time, in milliseconds. Default 5 minutes.
    pub repeat_ms: i64,
}

impl Default for AbuseConfig {
    fn default() -> Self {
        Self {
            surge: SurgeConfig::default(),
            stuffing_window_ms: 600_000,
            stuffing_distinct_min: 10,
            stuffing_tries_min: 20,
            stuffing_invalid_percent: 80,
            near_keys_min: 5,
            injection_burst_min: 5,
            repeat_ms: 300_000,
        }
    }
}

/// Volume against each end-point's own baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurgeConfig {
    /// Length of one window, in milliseconds. Default 30 s.
    pub window_ms: i64,
    /// Windows in a row over the factor that make a surge. Default 10 (five minutes).
    pub sustained_windows: u32,
    /// How many times the baseline. Default 5.
    pub factor: f64,
    /// Windows before the baseline counts. Default 10.
    pub learn_windows: u32,
    /// Windows over which the baseline forgets half. Default 60.
    pub half_life_windows: f64,
    /// Requests in a window below which nothing is a surge. Default 50.
    pub requests_min: u32,
}

impl Default for SurgeConfig {
    fn default() -> Self {
        Self {
            window_ms: 30_000,
            sustained_windows: 10,
            factor: 5.0,
            learn_windows: 10,
            half_life_windows: 60.0,
            requests_min: 50,
        }
    }
}
