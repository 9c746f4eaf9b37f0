//! From what was written to what is meant.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use casemate_classify::CanarySet;
use casemate_finding::{Secret, SecretSource};
use casemate_wire::Dialect;
use casemate_wire::json::JsonLimits;
use http::uri::{Scheme, Uri};
use http::{HeaderName, HeaderValue, header};

use super::compile_defences::Named;
use super::settings::{
    Action, Checks, Endpoint, Inspection, ModelPattern, Rates, Settings, SurgeSettings, Tier, Timeouts, Upstream,
    UpstreamAuth,
};
use super::written::{
    ChecksConfig, EndpointConfig, GatewayConfig, PEPPER_PATH, RELEASE_KEY_PATH, RatesConfig, TierConfig,
    TimeoutsConfig, UpstreamConfig, api_key_path, canary_path, endpoint_key_path,
};

/// Values of the secrets that the configuration names, by the paths of [`GatewayConfig::secret_sources`].
pub type ResolvedSecrets = BTreeMap<String, Secret<String>>;

/// Most texts whose judgement is remembered.
const KNOWN_TEXTS_MAX: usize = 1 << 20;
/// Shortest pepper that is taken.
const PEPPER_BYTES_MIN: usize = 16;
/// Most threads that make sense.
const THREADS_MAX: u16 = 256;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}; {remedy}")]
pub struct ConfigProblem {
    /// Where, as `gateway.upstreams[1].base_url`.
    pub path: String,
    /// What is wrong.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
}

pub(super) struct Compiler<'a> {
    secrets: &'a ResolvedSecrets,
    /// Folder against which relative paths are read.
    pub(super) base: &'a Path,
    problems: Vec<ConfigProblem>,
}

/// Checks everything and reports all problems at once. `secrets` holds what the binary fetched; the pepper is needed
/// under `gateway.pepper` whether the configuration names its source or not.
///
/// # Errors
/// Every [`ConfigProblem`] found, in the order of the file.
pub fn compile(written: &GatewayConfig, secrets: &ResolvedSecrets) -> Result<Settings, Vec<ConfigProblem>> {
    compile_in(written, secrets, Path::new(""))
}

/// The same with relative paths of files read against the folder `base`.
///
/// # Errors
/// Every [`ConfigProblem`] found, in the order of the file.
pub fn compile_in(
    written: &GatewayConfig,
    secrets: &ResolvedSecrets,
    base: &Path,
) -> Result<Settings, Vec<ConfigProblem>> {
    let mut c = Compiler { secrets, base, problems: Vec::new() };
    let listen = written.listen.parse();
    let listen = c.need(listen.ok(), "gateway.listen", "is not an address and port", "write it as `127.0.0.1:8080`");
    let threads = match written.threads {
        Some(n) if n == 0 || n > THREADS_MAX => {
            c.problem("gateway.threads", format!("is {n}"), format!("choose 1 to {THREADS_MAX}, or leave it out"));
            1
        }
        Some(n) => usize::from(n),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let upstreams = c.upstreams(&written.upstreams);
    let endpoints = c.endpoints(&written.endpoints);
    if written.upstreams.is_empty() && written.endpoints.is_empty() {
        c.problem("gateway.upstreams", "is empty", "name at least one upstream or end-point");
    }
    let mut named = Named::default();
    let advisers = c.advisers(&written.advisers, &mut named);
    let tiers = c.tiers(&written.tiers, &mut named);
    let trusted_proxies = written.trusted_proxies.iter().enumerate().filter_map(|(i, text)| {
        let parsed = text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(ipnet::IpNet::from));
        c.need(parsed, format!("gateway.trusted_proxies[{i}]"), "is not a network", "write it as `10.0.0.0/8`")
    });
    let trusted_proxies = trusted_proxies.collect();
    for (path, value) in [
        ("gateway.body_bytes_max", written.body_bytes_max),
        ("gateway.answer_bytes_max", written.answer_bytes_max),
        ("gateway.event_bytes_max", written.event_bytes_max),
        ("gateway.json.depth_max", usize::from(written.json.depth_max)),
        ("gateway.json.values_max", written.json.values_max as usize),
        ("gateway.limits.connections_max", written.limits.connections_max as usize),
    ] {
        if value == 0 || value > 1 << 30 {
            c.problem(path, format!("is {value}"), "choose a value between 1 and 1073741824");
        }
    }
    let pepper = secrets.get(PEPPER_PATH).map(|s| s.expose().as_bytes().to_vec());
    let pepper = c.need(
        pepper.filter(|p| p.len() >= PEPPER_BYTES_MIN),
        PEPPER_PATH,
        format!("is missing or shorter than {PEPPER_BYTES_MIN} bytes"),
        "give at least 16 random bytes, or leave it out to have one made",
    );
    let canaries = c.canaries(&written.canaries);
    let surge = c.surge(written);
    if written.known_texts_max > KNOWN_TEXTS_MAX {
        let why = format!("is {}", written.known_texts_max);
        c.problem("gateway.known_texts_max", why, format!("choose 0 to {KNOWN_TEXTS_MAX}"));
    }
    let classifier = c.models(&written.models);
    let conversations = c.conversations(&written.conversations);
    let limits = &written.limits;
    match (listen, pepper) {
        (Some(listen), Some(pepper)) if c.problems.is_empty() => Ok(Settings {
            listen,
            tls: written.tls.clone(),
            threads,
            upstreams,
            endpoints,
            advisers,
            tiers,
            per_address: rates(&limits.per_address),
            per_tenant: rates(&limits.per_tenant),
            per_model: rates(&limits.per_model),
            connections_max: limits.connections_max as usize,
            head_timeout: Duration::from_millis(limits.head_ms),
            body_timeout: Duration::from_millis(limits.body_ms),
            stalled_reader_timeout: Duration::from_millis(limits.stalled_reader_ms),
            body_bytes_max: written.body_bytes_max,
            answer_bytes_max: written.answer_bytes_max,
            event_bytes_max: written.event_bytes_max,
            json: JsonLimits {
                bytes_max: written.body_bytes_max,
                depth_max: written.json.depth_max,
                values_max: written.json.values_max,
            },
            trusted_proxies,
            pepper: Secret::new(pepper),
            release_key: secrets.get(RELEASE_KEY_PATH).map(|s| Secret::new(s.expose().as_bytes().to_vec())),
            canaries,
            known_texts_max: written.known_texts_max,
            classifier,
            conversations,
            surge,
            abuse: written.abuse.clone(),
        }),
        _ => Err(c.problems),
    }
}

impl Compiler<'_> {
    pub(super) fn problem(&mut self, path: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(ConfigProblem { path: path.into(), why: why.into(), remedy: remedy.into() });
    }

    pub(super) fn need<T>(
        &mut self,
        value: Option<T>,
        path: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Option<T> {
        if value.is_none() {
            self.problem(path, why, remedy);
        }
        value
    }

    /// The value of a secret that `source` names.
    pub(super) fn secret(&mut self, source: Option<&SecretSource>, path: String) -> Option<Secret<String>> {
        let source = source?;
        let from = match source {
            SecretSource::Env(name) => format!("set the environment variable {name}"),
            SecretSource::File(file) => format!("write it to {}", file.display()),
        };
        let value = self.secrets.get(&path).filter(|s| !s.expose().is_empty()).cloned();
        self.need(value, path, "is not there", from)
    }

    fn auth(&mut self, secret: Option<Secret<String>>, dialect: Dialect, path: &str) -> Option<UpstreamAuth> {
        let secret = secret?;
        let (header, text) = match dialect {
            Dialect::OpenAi => (header::AUTHORIZATION, format!("Bearer {}", secret.expose())),
            Dialect::Anthropic => (HeaderName::from_static("x-api-key"), secret.expose().clone()),
        };
        let value = HeaderValue::from_str(&text).ok();
        let mut value =
            self.need(value, path, "holds a character that no header can carry", "check the key's source")?;
        value.set_sensitive(true);
        Some(UpstreamAuth { header, value: Secret::new(value) })
    }

    fn url(&mut self, text: &str, path: String) -> Option<(Uri, Scheme)> {
        let uri: Option<Uri> = text.parse().ok().filter(|u: &Uri| u.host().is_some());
        let scheme = uri.as_ref().and_then(|u| u.scheme().cloned());
        let known = scheme.filter(|s| *s == Scheme::HTTP || *s == Scheme::HTTPS);
        let both = uri.zip(known).filter(|(u, _)| !u.authority().is_some_and(|a| a.as_str().contains('@')));
        self.need(both, path, "is not an http or https address", "write it as `https://api.example.com/v1`")
    }

    fn timeouts(&mut self, written: &TimeoutsConfig, path: &str) -> Timeouts {
        for (name, ms) in [
            ("connect_ms", written.connect_ms),
            ("first_byte_ms", written.first_byte_ms),
            ("between_ms", written.between_ms),
            ("total_ms", written.total_ms),
        ] {
            if ms == 0 || ms > 86_400_000 {
                self.problem(format!("{path}.timeouts.{name}"), format!("is {ms}"), "choose 1 ms to one day");
            }
        }
        let ms = Duration::from_millis;
        Timeouts {
            connect: ms(written.connect_ms),
            first_byte: ms(written.first_byte_ms),
            between: ms(written.between_ms),
            total: ms(written.total_ms),
        }
    }

    pub(super) fn name(&mut self, name: &str, seen: &mut HashSet<String>, path: &str) {
        let fits = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if !fits {
            self.problem(format!("{path}.name"), format!("is `{name}`"), "use 1 to 64 letters, digits, `-`, `_`, `.`");
        } else if !seen.insert(name.to_owned()) {
            self.problem(format!("{path}.name"), format!("`{name}` is taken"), "give each its own name");
        }
    }

    fn upstreams(&mut self, written: &[UpstreamConfig]) -> Vec<Arc<Upstream>> {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for (i, u) in written.iter().enumerate() {
            let path = format!("gateway.upstreams[{i}]");
            self.name(&u.name, &mut seen, &path);
            let dialect = Dialect::parse(&u.dialect);
            let why = format!("is `{}`", u.dialect);
            let dialect = self.need(dialect, format!("{path}.dialect"), why, "write `openai` or `anthropic`");
            let url = self.url(&u.base_url, format!("{path}.base_url"));
            let key_path = api_key_path(&u.name);
            let secret = self.secret(u.api_key.as_ref(), key_path.clone());
            let timeouts = self.timeouts(&u.timeouts, &path);
            let (Some(dialect), Some((uri, scheme))) = (dialect, url) else { continue };
            let Some(authority) = uri.authority().cloned() else { continue };
            let base = uri.path().trim_end_matches('/');
            out.push(Arc::new(Upstream {
                name: u.name.clone(),
                dialect,
                scheme,
                authority,
                base_path: base.strip_suffix("/v1").unwrap_or(base).to_owned(),
                auth: self.auth(secret, dialect, &key_path),
                models: u.models.iter().cloned().map(ModelPattern).collect(),
                private_ok: u.private_ok,
                ask_usage: u.ask_usage,
                timeouts,
            }));
        }
        out
    }

    fn endpoints(&mut self, written: &[EndpointConfig]) -> Vec<Arc<Endpoint>> {
        let mut seen = HashSet::new();
        let mut out = Vec::new();
        for (i, e) in written.iter().enumerate() {
            let path = format!("gateway.endpoints[{i}]");
            self.name(&e.name, &mut seen, &path);
            let url = self.url(&e.url, format!("{path}.url"));
            let key_path = endpoint_key_path(&e.name);
            let secret = self.secret(e.api_key.as_ref(), key_path.clone());
            let timeouts = self.timeouts(&e.timeouts, &path);
            let Some((uri, _)) = url else { continue };
            out.push(Arc::new(Endpoint {
                name: e.name.clone(),
                model: e.model.clone().unwrap_or_else(|| e.name.clone()),
                uri,
                text_fields: e.text_fields.clone(),
                auth: self.auth(secret, Dialect::OpenAi, &key_path),
                timeouts,
            }));
        }
        out
    }

    fn checks(&mut self, written: &ChecksConfig, injection: Action, canary: Action, path: &str) -> Checks {
        let checks = Checks {
            pii: written.pii.unwrap_or(Action::Flag),
            secrets: written.secrets.unwrap_or(Action::Redact),
            injection: written.injection.unwrap_or(injection),
            toxicity: written.toxicity.unwrap_or(Action::Flag),
            canary: written.canary.unwrap_or(canary),
        };
        for (name, action) in
            [("injection", checks.injection), ("toxicity", checks.toxicity), ("canary", checks.canary)]
        {
            if action == Action::Redact {
                self.problem(format!("{path}.{name}"), "cannot be `redact`", "choose `off`, `flag` or `block`");
            }
        }
        checks
    }

    fn tiers(&mut self, written: &BTreeMap<String, TierConfig>, named: &mut Named) -> HashMap<String, Arc<Tier>> {
        let fallback = ("default".to_owned(), TierConfig::default());
        let missing = (!written.contains_key("default")).then_some((&fallback.0, &fallback.1));
        let mut out = HashMap::new();
        for (name, t) in written.iter().chain(missing) {
            let path = format!("gateway.tiers.{name}");
            if t.answer_tokens_max == 0 {
                self.problem(format!("{path}.answer_tokens_max"), "is 0", "choose at least 1");
            }
            let zero = t.requests_per_min == Some(0) || t.tokens_per_min == Some(0) || t.concurrency == Some(0);
            if zero {
                self.problem(&path, "has a limit of 0", "leave a limit out to have none, revoke keys to stop them");
            }
            let under = format!("{path}.inspection");
            let written = &t.inspection;
            let inspection = Inspection {
                input: self.checks(&written.input, Action::Block, Action::Off, &format!("{under}.input")),
                output: self.checks(&written.output, Action::Off, Action::Block, &format!("{under}.output")),
            };
            let tier = Tier {
                name: name.clone(),
                rates: Rates {
                    requests_per_min: t.requests_per_min,
                    tokens_per_min: t.tokens_per_min,
                    concurrency: t.concurrency,
                },
                answer_tokens_max: t.answer_tokens_max,
                inspection,
                defences: self.defences(t, &inspection, &path, named),
            };
            out.insert(name.clone(), Arc::new(tier));
        }
        out
    }

    fn canaries(&mut self, written: &[SecretSource]) -> Option<Arc<CanarySet>> {
        if written.is_empty() {
            return None;
        }
        let values: Vec<Secret<String>> =
            written.iter().enumerate().filter_map(|(i, s)| self.secret(Some(s), canary_path(i))).collect();
        let texts: Vec<&str> = values.iter().map(|s| s.expose().as_str()).collect();
        match CanarySet::new(&texts) {
            Ok(set) => Some(Arc::new(set)),
            Err(error) => {
                self.problem("gateway.canaries", error.to_string(), "use strings of 8 to 128 letters and digits");
                None
            }
        }
    }

    fn surge(&mut self, written: &GatewayConfig) -> SurgeSettings {
        let s = &written.abuse.surge;
        for (name, fits) in [
            ("window_ms", (100..=3_600_000).contains(&s.window_ms)),
            ("sustained_windows", s.sustained_windows > 0),
            ("factor", s.factor > 1.0 && s.factor.is_finite()),
            ("half_life_windows", s.half_life_windows >= 1.0 && s.half_life_windows.is_finite()),
        ] {
            if !fits {
                self.problem(format!("gateway.abuse.surge.{name}"), "is out of range", "leave it out for the default");
            }
        }
        SurgeSettings {
            window_ms: s.window_ms.max(100),
            sustained_windows: s.sustained_windows,
            factor: s.factor,
            learn_windows: s.learn_windows,
            alpha: 1.0 - 0.5_f64.powf(1.0 / s.half_life_windows),
            requests_min: s.requests_min,
        }
    }
}

const fn rates(written: &RatesConfig) -> Rates {
    Rates {
        requests_per_min: written.requests_per_min,
        tokens_per_min: written.tokens_per_min,
        concurrency: written.concurrency,
    }
}

#[cfg(test)]
mod tests {
    use super::{PEPPER_PATH, ResolvedSecrets, compile};
    use crate::config::{Action, GatewayConfig};
    use casemate_finding::Secret;

    fn secrets() -> ResolvedSecrets {
        [
            (PEPPER_PATH.to_owned(), Secret::new("0123456789abcdef".to_owned())),
            ("gateway.upstreams.a.api_key".to_owned(), Secret::new("upstream".to_owned())),
        ]
        .into()
    }

    fn parse(yaml: &str) -> GatewayConfig {
        serde_saphyr::from_str(yaml).unwrap()
    }

    const GOOD: &str = "
upstreams:
  - {name: a, dialect: openai, base_url: 'http://127.0.0.1:9/v1/', api_key: {env: K}, models: ['gpt-*']}
endpoints:
  - {name: churn, url: 'http://127.0.0.1:9/score', text_fields: [note]}
tiers:
  strict: {requests_per_min: 5, inspection: {input: {pii: block}}}
trusted_proxies: [10.0.0.0/8, 127.0.0.1]
";

    #[test]
    fn what_is_written_becomes_what_is_meant() {
        let s = compile(&parse(GOOD), &secrets()).unwrap();
        assert_eq!(s.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(s.upstreams[0].base_path, "");
        assert_eq!(s.upstreams[0].auth.as_ref().unwrap().value.expose(), "Bearer upstream");
        let strict = &s.tiers["strict"];
        assert_eq!(strict.rates.requests_per_min, Some(5));
        assert_eq!(strict.inspection.input.pii, Action::Block);
        assert_eq!(strict.inspection.input.injection, Action::Block);
        assert_eq!(strict.inspection.output.secrets, Action::Redact);
        assert_eq!(s.tiers["default"].rates.requests_per_min, Some(600));
        assert!(!format!("{s:?}").contains("Bearer"), "settings print no secret");
    }

    #[test]
    fn a_secret_with_two_homes_is_refused() {
        let both = "upstreams: [{name: a, base_url: 'http://x', api_key: {env: K, file: F}}]";
        assert!(serde_saphyr::from_str::<GatewayConfig>(both).is_err());
    }

    #[test]
    fn every_problem_is_told_with_its_place_and_remedy() {
        let bad = "
listen: nowhere
upstreams:
  - {name: a, dialect: cohere, base_url: 'ftp://x', api_key: {env: K}}
  - {name: a, dialect: openai, base_url: 'http://x', api_key: {env: NOT_SET}}
tiers: {t: {requests_per_min: 0, inspection: {output: {injection: redact}}}}
trusted_proxies: [everyone]
";
        let problems = compile(&parse(bad), &ResolvedSecrets::new()).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "gateway.listen",
                "gateway.upstreams[0].dialect",
                "gateway.upstreams[0].base_url",
                "gateway.upstreams.a.api_key",
                "gateway.upstreams[1].name",
                "gateway.upstreams.a.api_key",
                "gateway.tiers.t",
                "gateway.tiers.t.inspection.output.injection",
                "gateway.trusted_proxies[0]",
                "gateway.pepper",
            ]
        );
        assert!(problems.iter().all(|p| !p.why.is_empty() && !p.remedy.is_empty()));
        assert!(problems[5].remedy.contains("NOT_SET"));
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_saphyr::from_str::<GatewayConfig>("lisen: x").is_err());
        assert!(serde_saphyr::from_str::<GatewayConfig>("limits: {per_adress: {}}").is_err());
    }
}
