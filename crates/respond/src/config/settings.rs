//! The configuration as it is meant: checked, secrets read, addresses parsed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use casemate_finding::{Secret, SecretReader, SecretSource};
use casemate_store::model::TenantId;
use casemate_triage::{GenericMapping, TierPolicy};
use ipnet::IpNet;
use url::Url;

use super::written::{
    AuthConfig, ConnectionConfig, EgressConfig, EvidenceConfig, HeaderConfig, InventoryConfig, LimitsConfig,
    RespondConfig, SourceConfig, TierConfig,
};

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("respond.{place}: {why}")]
pub struct ConfigProblem {
    /// The key, as `sources[1].auth`.
    pub place: String,
    /// What is wrong and what to do.
    pub why: String,
}

/// The response engine's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where intake listens.
    pub listen: SocketAddr,
    /// Folder of the vault and the hand-off packages.
    pub data_dir: PathBuf,
    /// Folder of playbooks; none: those that ship.
    pub playbooks: Option<PathBuf>,
    /// Who may send alerts.
    pub sources: Vec<Source>,
    /// What there is to protect; paths are absolute or relative to the process.
    pub inventory: InventoryConfig,
    /// What may be done without people; tiers that are not here have triage's own policy.
    pub tiers: BTreeMap<u8, TierPolicy>,
    /// Where playbooks may send requests.
    pub connections: Vec<Connection>,
    /// Which hosts they may reach, and bounds.
    pub egress: EgressConfig,
    /// Private ranges that they may reach.
    pub private_ranges: Vec<IpNet>,
    /// What evidence may be taken from.
    pub evidence: EvidenceConfig,
    /// Bounds.
    pub limits: LimitsConfig,
}

/// Who may send alerts.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// How its alerts are read.
    pub reading: Reading,
    /// Whose alerts they are.
    pub tenant: TenantId,
    /// How it proves who it is.
    pub auth: Auth,
    /// Header of the delivery id, in lower case.
    pub delivery_header: String,
    /// JSON pointers to what changes between deliveries.
    pub volatile: Vec<String>,
}

/// How a source's alerts are read.
#[derive(Clone, Debug)]
pub enum Reading {
    /// In a form that triage knows.
    Form(&'static str),
    /// By expressions of the configuration.
    Mapping(Arc<GenericMapping>),
}

/// How a source proves who it is.
#[derive(Clone, Debug)]
pub enum Auth {
    /// The value of `Authorization` must be exactly this.
    Authorization(Secret<String>),
    /// HMAC-SHA-256 of the body.
    Hmac {
        /// The key.
        secret: Secret<String>,
        /// Its header, in lower case.
        header: String,
    },
}

/// Somewhere that playbooks may send requests.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its name.
    pub name: String,
    /// Address that paths are added to.
    pub url: Url,
    /// Headers of each request.
    pub headers: Vec<Header>,
    /// Path of the verifying question, with `{key}` in it.
    pub verify: Option<String>,
    /// Milliseconds to wait before that question.
    pub verify_after_ms: u64,
}

/// A header of a connection.
#[derive(Clone, Debug)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret<String>,
}

impl RespondConfig {
    /// Checks everything and reads the secrets.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn validate(&self, secrets: &SecretReader<'_>) -> Result<Settings, Vec<ConfigProblem>> {
        let mut check = Check { problems: Vec::new(), secrets };
        let listen = self.listen.parse().unwrap_or_else(|_| {
            check.problem("listen", format!("`{}` is no address with a port, as 127.0.0.1:8081", self.listen));
            SocketAddr::from(([127, 0, 0, 1], 0))
        });
        let mut sources: Vec<Source> = Vec::new();
        for (i, source) in self.sources.iter().enumerate() {
            let place = format!("sources[{i}]");
            if let Some(source) = check.source(&place, source) {
                if sources.iter().any(|s| s.name == source.name) {
                    check.problem(&format!("{place}.name"), format!("`{}` is there twice", source.name));
                }
                sources.push(source);
            }
        }
        let private_ranges = self
            .egress
            .private_ranges
            .iter()
            .enumerate()
            .filter_map(|(i, range)| check.range(&format!("egress.private_ranges[{i}]"), range))
            .collect();
        let mut connections: Vec<Connection> = Vec::new();
        for (i, connection) in self.connections.iter().enumerate() {
            connections.extend(check.connection(&format!("connections[{i}]"), connection));
        }
        for (i, model) in self.inventory.models.iter().enumerate() {
            if !(1..=4).contains(&model.tier) {
                check.problem(&format!("inventory.models[{i}].tier"), format!("{} is not 1 to 4", model.tier));
            }
        }
        let mut tiers = BTreeMap::new();
        for (tier, policy) in &self.tiers {
            if !(1..=4).contains(tier) {
                check.problem(&format!("tiers.{tier}"), "tiers are 1 to 4".into());
            }
            let TierConfig { unattended_max, irreversible } = *policy;
            tiers.insert(*tier, TierPolicy { unattended_max, irreversible });
        }
        check.limits(&self.limits);
        if !check.problems.is_empty() {
            return Err(check.problems);
        }
        Ok(Settings {
            listen,
            data_dir: secrets.base.join(&self.data_dir),
            playbooks: self.playbooks.as_ref().map(|p| secrets.base.join(p)),
            sources,
            inventory: self.inventory.clone(),
            tiers,
            connections,
            egress: self.egress.clone(),
            private_ranges,
            evidence: EvidenceConfig {
                roots: self.evidence.roots.iter().map(|r| secrets.base.join(r)).collect(),
                ..self.evidence.clone()
            },
            limits: self.limits.clone(),
        })
    }
}

struct Check<'a> {
    problems: Vec<ConfigProblem>,
    secrets: &'a SecretReader<'a>,
}

impl Check<'_> {
    fn problem(&mut self, place: &str, why: String) {
        self.problems.push(ConfigProblem { place: place.to_owned(), why });
    }

    fn secret(&mut self, place: &str, from: &SecretSource) -> Option<Secret<String>> {
        self.secrets.read(from).map_err(|why| self.problem(place, why)).ok()
    }

    fn range(&mut self, place: &str, text: &str) -> Option<IpNet> {
        let range = text.parse().ok();
        if range.is_none() {
            self.problem(place, format!("`{text}` is no range, as 10.0.0.0/8"));
        }
        range
    }

    fn source(&mut self, place: &str, source: &SourceConfig) -> Option<Source> {
        let named = !source.name.is_empty()
            && source.name.len() <= 64
            && source.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !named {
            self.problem(&format!("{place}.name"), "use 1 to 64 letters, digits, hyphens or underscores".into());
        }
        if matches!(source.name.as_str(), "gateway" | "gate") {
            self.problem(&format!("{place}.name"), format!("`{}` is the name of Casemate's own source", source.name));
        }
        for pointer in &source.volatile {
            if !pointer.starts_with('/') {
                self.problem(&format!("{place}.volatile"), format!("`{pointer}` is no JSON pointer, as /time"));
            }
        }
        let at = format!("{place}.auth");
        let auth = match &source.auth {
            AuthConfig::Bearer { token } => {
                let token = self.secret(&at, token)?;
                Auth::Authorization(Secret::new(format!("Bearer {}", token.expose())))
            }
            AuthConfig::Basic { user, password } => {
                use base64::Engine as _;
                let password = self.secret(&at, password)?;
                let pair = format!("{user}:{}", password.expose());
                let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                Auth::Authorization(Secret::new(format!("Basic {pair}")))
            }
            AuthConfig::Hmac { secret, header } => {
                Auth::Hmac { secret: self.secret(&at, secret)?, header: header.to_ascii_lowercase() }
            }
        };
        let reading = self.reading(place, source)?;
        named.then(|| Source {
            name: source.name.clone(),
            reading,
            tenant: TenantId(source.tenant.clone()),
            auth,
            delivery_header: source.delivery_header.to_ascii_lowercase(),
            volatile: source.volatile.clone(),
        })
    }

    fn reading(&mut self, place: &str, source: &SourceConfig) -> Option<Reading> {
        match (source.kind.as_str(), &source.mapping) {
            ("generic", Some(fields)) => match GenericMapping::compile(&source.name, fields) {
                Ok(mapping) => Some(Reading::Mapping(Arc::new(mapping))),
                Err(e) => {
                    self.problem(&format!("{place}.mapping.{}", e.field), e.why);
                    None
                }
            },
            ("generic", None) => {
                self.problem(&format!("{place}.mapping"), "kind `generic` needs it".into());
                None
            }
            (kind, mapping) => {
                if mapping.is_some() {
                    self.problem(&format!("{place}.mapping"), format!("it is for kind `generic`, not `{kind}`"));
                }
                let found = casemate_triage::source(kind).filter(|s| !matches!(s.name, "gateway" | "gate"));
                if found.is_none() {
                    let known: Vec<_> = casemate_triage::SOURCES.iter().map(|s| s.name).collect();
                    let why = format!("`{kind}` is not generic or one of {}", known.join(", "));
                    self.problem(&format!("{place}.kind"), why);
                }
                found.map(|s| Reading::Form(s.name))
            }
        }
    }

    fn connection(&mut self, place: &str, connection: &ConnectionConfig) -> Option<Connection> {
        let url = Url::parse(&connection.url).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        let Some(url) = url else {
            self.problem(&format!("{place}.url"), format!("`{}` is no http or https address", connection.url));
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            self.problem(&format!("{place}.url"), "put credentials into `headers`, as a secret".into());
        }
        if connection.verify.as_ref().is_some_and(|v| !v.contains("{key}")) {
            self.problem(&format!("{place}.verify"), "it must hold {key}, the idempotency key".into());
        }
        let mut headers = Vec::new();
        for (i, HeaderConfig { name, value, secret, prefix }) in connection.headers.iter().enumerate() {
            let at = format!("{place}.headers[{i}]");
            let value = match (value, secret) {
                (Some(value), None) => Some(Secret::new(format!("{prefix}{value}"))),
                (None, Some(secret)) => {
                    self.secret(&at, secret).map(|s| Secret::new(format!("{prefix}{}", s.expose())))
                }
                _ => {
                    self.problem(&at, "give `value` or `secret`, one of them".into());
                    None
                }
            };
            let Some(value) = value else { continue };
            if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err()
                || reqwest::header::HeaderValue::from_str(value.expose()).is_err()
            {
                self.problem(&at, "the name or value cannot stand in a header".into());
            }
            headers.push(Header { name: name.clone(), value });
        }
        Some(Connection {
            name: connection.name.clone(),
            url,
            headers,
            verify: connection.verify.clone(),
            verify_after_ms: connection.verify_after_ms,
        })
    }

    fn limits(&mut self, limits: &LimitsConfig) {
        for (name, zero) in [
            ("body_bytes_max", limits.body_bytes_max == 0),
            ("alerts_per_request_max", limits.alerts_per_request_max == 0),
            ("json_depth_max", limits.json_depth_max == 0),
            ("requests_parallel_max", limits.requests_parallel_max == 0),
            ("triage_batch", limits.triage_batch == 0),
            ("runs_parallel_max", limits.runs_parallel_max == 0),
            ("containment_default_ms", limits.containment_default_ms == 0),
            ("hold_ms", limits.hold_ms == 0),
        ] {
            if zero {
                self.problem(&format!("limits.{name}"), "it must be at least 1".into());
            }
        }
        if limits.json_depth_max > 120 {
            self.problem("limits.json_depth_max", "at most 120".into());
        }
        if limits.dedupe_window_ms < 0 {
            self.problem("limits.dedupe_window_ms", "it must not be negative; 0 turns folding off".into());
        }
        if limits.containment_default_ms > limits.containment_max_ms {
            self.problem("limits.containment_default_ms", "it is longer than limits.containment_max_ms".into());
        }
    }
}
