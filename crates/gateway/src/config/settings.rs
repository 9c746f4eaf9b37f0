//! What the configuration means: checked, complete, ready to act on.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use casemate_classify::{CanarySet, Classifier};
use casemate_finding::Secret;
use casemate_wire::Dialect;
use casemate_wire::json::JsonLimits;
use http::uri::{Authority, Scheme};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::defences::{Adviser, Defences};
use super::written::{AbuseConfig, TlsConfig};
use super::written_defences::ConversationsConfig;

/// What to do about a finding, from nothing to refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Do not look.
    #[default]
    Off,
    /// Let it pass and say so.
    Flag,
    /// Replace it.
    Redact,
    /// Refuse the request, stop the answer.
    Block,
}

/// Actions by check, for one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Checks {
    /// Personal data.
    pub pii: Action,
    /// Credentials.
    pub secrets: Action,
    /// Prompt injection.
    pub injection: Action,
    /// Abusive text.
    pub toxicity: Action,
    /// Canary strings.
    pub canary: Action,
}

impl Checks {
    /// True if nothing is looked for.
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }
}

/// Checks by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// On requests.
    pub input: Checks,
    /// On answers.
    pub output: Checks,
}

/// Rates that hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Requests a minute.
    pub requests_per_min: Option<u32>,
    /// Tokens a minute.
    pub tokens_per_min: Option<u64>,
    /// Requests under way at once.
    pub concurrency: Option<u32>,
}

impl Rates {
    /// True if nothing is limited.
    pub const fn is_none(&self) -> bool {
        self.requests_per_min.is_none() && self.tokens_per_min.is_none() && self.concurrency.is_none()
    }
}

/// What the keys of a tier may do.
#[derive(Clone, Debug)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Limits of each key.
    pub rates: Rates,
    /// Tokens reserved for an answer at most.
    pub answer_tokens_max: u64,
    /// How traffic is inspected.
    pub inspection: Inspection,
    /// What it demands beyond that.
    pub defences: Defences,
}

/// A model name in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern(pub String);

impl ModelPattern {
    /// True if `model` fits.
    pub fn fits(&self, model: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.split('*'), model);
        let Some(stripped) = pattern.next().and_then(|first| rest.strip_prefix(first)) else { return false };
        rest = stripped;
        let mut open = false;
        let mut pieces = pattern.peekable();
        while let Some(piece) = pieces.next() {
            open = true;
            if pieces.peek().is_none() {
                return rest.ends_with(piece);
            }
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        open || rest.is_empty()
    }

    /// The name itself, if it has no `*`.
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(&self.0)
    }
}

/// How long to wait for an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection.
    pub connect: Duration,
    /// From the request to the first piece of the answer's body.
    pub first_byte: Duration,
    /// Between two pieces of the answer.
    pub between: Duration,
    /// For all of it.
    pub total: Duration,
}

/// The credential that an upstream gets, ready to be sent.
#[derive(Clone, Debug)]
pub struct UpstreamAuth {
    /// Header name.
    pub header: http::HeaderName,
    /// Header value, marked sensitive.
    pub value: Secret<http::HeaderValue>,
}

/// One LLM service.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name in reports.
    pub name: String,
    /// What it speaks.
    pub dialect: Dialect,
    /// Scheme of its address.
    pub scheme: Scheme,
    /// Host and port.
    pub authority: Authority,
    /// Path before `/v1/…`, without a trailing slash.
    pub base_path: String,
    /// What to present to it.
    pub auth: Option<UpstreamAuth>,
    /// Models that it serves; empty means all.
    pub models: Vec<ModelPattern>,
    /// Requests may name image and file URLs in private ranges.
    pub private_ok: bool,
    /// Ask streams for usage where the caller does not.
    pub ask_usage: bool,
    /// How long to wait for it.
    pub timeouts: Timeouts,
}

impl Upstream {
    /// True if it serves `model` on routes of `dialect`.
    pub fn serves(&self, dialect: Dialect, model: &str) -> bool {
        self.dialect == dialect && (self.models.is_empty() || self.models.iter().any(|p| p.fits(model)))
    }
}

/// One plain model service.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its name in `/infer/{name}`.
    pub name: String,
    /// The model's name.
    pub model: String,
    /// Where requests go.
    pub uri: http::Uri,
    /// Members whose text is inspected.
    pub text_fields: Vec<String>,
    /// What to present to it.
    pub auth: Option<UpstreamAuth>,
    /// How long to wait for it.
    pub timeouts: Timeouts,
}

/// Volume against each end-point's own baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurgeSettings {
    /// Length of one window, in milliseconds.
    pub window_ms: i64,
    /// Windows in a row that make a surge.
    pub sustained_windows: u32,
    /// How many times the baseline.
    pub factor: f64,
    /// Windows before the baseline counts.
    pub learn_windows: u32,
    /// Weight of the newest window in the baseline, 0 to 1.
    pub alpha: f64,
    /// Requests in a window below which nothing is a surge.
    pub requests_min: u32,
}

/// Everything that a gateway is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// TLS files of the listener.
    pub tls: Option<TlsConfig>,
    /// Threads.
    pub threads: usize,
    /// LLM services, in the order in which they are tried.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Plain model services.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Who may be asked for a second opinion.
    pub advisers: Vec<Adviser>,
    /// Tiers by name; `default` is there.
    pub tiers: HashMap<String, Arc<Tier>>,
    /// Limits of one address.
    pub per_address: Rates,
    /// Limits of one tenant.
    pub per_tenant: Rates,
    /// Limits of one model.
    pub per_model: Rates,
    /// Connections at once on each thread.
    pub connections_max: usize,
    /// For the head of a request.
    pub head_timeout: Duration,
    /// For the body of a request.
    pub body_timeout: Duration,
    /// For a client that takes nothing.
    pub stalled_reader_timeout: Duration,
    /// Longest request body.
    pub body_bytes_max: usize,
    /// Longest whole answer.
    pub answer_bytes_max: usize,
    /// Longest event of a stream.
    pub event_bytes_max: usize,
    /// Bounds of JSON documents in requests.
    pub json: JsonLimits,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The server pepper of key digests.
    pub pepper: Secret<Vec<u8>>,
    /// What releases of a refit are signed with; without it none counts.
    pub release_key: Option<Secret<Vec<u8>>>,
    /// Canary strings.
    pub canaries: Option<Arc<CanarySet>>,
    /// Most texts whose judgement is remembered; 0 for none.
    pub known_texts_max: usize,
    /// The classifier, where models of one's own are in it.
    pub classifier: Option<Arc<Classifier>>,
    /// Bounds of the conversations that are followed.
    pub conversations: ConversationsConfig,
    /// Volume detector.
    pub surge: SurgeSettings,
    /// The other detectors.
    pub abuse: AbuseConfig,
}

impl Settings {
    /// The pool of the adviser at this place: they come after upstreams and end-points.
    pub const fn adviser_slot(&self, place: usize) -> usize {
        self.upstreams.len() + self.endpoints.len() + place
    }
}

#[cfg(test)]
mod tests {
    use super::ModelPattern;

    #[test]
    fn patterns() {
        for (pattern, model, fits) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-*", "gpt-4o", true),
            ("*", "", true),
            ("*-mini", "gpt-4o-mini", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(ModelPattern(pattern.into()).fits(model), fits, "{pattern} {model}");
        }
    }
}
