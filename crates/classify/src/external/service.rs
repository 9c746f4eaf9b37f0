//! What can be asked, and the one shape that all answers take.

use casemate_finding::{Secret, UnixMs};
use serde::{Deserialize, Serialize};

use super::{HttpReply, HttpRequest, Transport, TransportError, azure, lakera, openai, webhook};
use crate::Channel;

/// Longest reply that any service may give.
pub(super) const REPLY_BYTES_MAX: usize = 256 * 1024;
/// Labels kept of one answer, and the longest of them.
const LABELS_MAX: usize = 32;
const LABEL_BYTES_MAX: usize = 64;

/// What a service or a model is asked about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question<'a> {
    /// The text.
    pub text: &'a str,
    /// Where it stands.
    pub channel: Channel,
    /// What the embedded classifier made of it.
    pub score: f32,
    /// Now; webhooks sign it, so that an old request cannot be sent again.
    pub now: UnixMs,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// How sure, 0 to 1; a service that says only yes or no says 1 or 0.
    pub score: f32,
    /// What the service itself would do about it.
    pub flagged: bool,
    /// What it saw, in its own words: `violence`, `prompt_attack`, …
    pub labels: Vec<String>,
}

impl Opinion {
    /// An answer whose numbers and labels are within bounds.
    pub(super) fn new(score: f64, flagged: bool, labels: impl IntoIterator<Item = String>) -> Result<Self, AskError> {
        if !(0.0..=1.0).contains(&score) {
            return Err(AskError::Reply { what: format!("score {score} is not between 0 and 1") });
        }
        let labels = labels
            .into_iter()
            .filter(|l| l.len() <= LABEL_BYTES_MAX && !l.contains(char::is_control))
            .take(LABELS_MAX)
            .collect();
        Ok(Self { score: score as f32, flagged, labels })
    }
}

/// Why there is no opinion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The text is longer than the service reads.
    #[error("text has {length}, the service reads {max}")]
    TooLong {
        /// Characters or bytes of the text.
        length: usize,
        /// The service's limit.
        max: usize,
    },
    /// No reply.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A reply other than 200.
    #[error("status {status}")]
    Status {
        /// The code.
        status: u16,
    },
    /// A reply that does not say what it should.
    #[error("reply not understood: {what}")]
    Reply {
        /// What is wrong with it.
        what: String,
    },
    /// The service failed too often and is left in peace for a while.
    #[error("not asked after {failures} failures in a row")]
    Resting {
        /// How many.
        failures: u32,
    },
    /// A user's model could not judge.
    #[error("model: {what}")]
    Model {
        /// What is wrong.
        what: String,
    },
}

/// Which wire format a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// `POST /v1/moderations`, as `OpenAI` and those that are compatible with it.
    OpenaiModeration,
    /// Azure AI Content Safety `text:analyze`: harm categories.
    AzureContentSafety,
    /// Azure AI Content Safety `text:shieldPrompt`: attacks in prompts and documents.
    AzurePromptShields,
    /// Lakera Guard `POST /v2/guard`.
    LakeraGuard,
    /// A service of your own: see [`Service::encode`] for its shape.
    Webhook,
}

/// How to reach a service.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Names it in findings and metrics.
    pub id: String,
    /// What it speaks.
    pub kind: ServiceKind,
    /// `https://host`, with a path if the service has one before its own; a webhook's whole URL.
    pub endpoint: String,
    /// Key; for a webhook the secret that signs. May be empty where the service wants none.
    pub key: Secret<String>,
    /// `OpenAI`: the model's name. Lakera: the project's id. Empty for the service's own default.
    pub model: String,
    /// When to give up.
    pub timeout_ms: u64,
}

/// Why settings were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Not an absolute URL of the web.
    #[error("endpoint {endpoint:?} is not an http or https URL")]
    Endpoint {
        /// What was given.
        endpoint: String,
    },
    /// A key would go over the wire for all to read.
    #[error("endpoint {endpoint:?} is plain http and not on this machine: the key would be read on the way")]
    Plain {
        /// What was given.
        endpoint: String,
    },
    /// No time at all, or for ever.
    #[error("time-out of {ms} ms is not between 1 and {max}")]
    Timeout {
        /// What was given.
        ms: u64,
        /// [`Service::TIMEOUT_MS_MAX`].
        max: u64,
    },
    /// No name.
    #[error("a service needs an id")]
    Id,
    /// A webhook that cannot be told from anyone else's.
    #[error("a webhook needs a key to sign with")]
    Key,
}

/// A service that can be asked.
#[derive(Clone, Debug)]
pub struct Service {
    settings: ServiceSettings,
}

impl Service {
    /// Longest time-out.
    pub const TIMEOUT_MS_MAX: u64 = 30_000;

    /// Checks the settings.
    ///
    /// # Errors
    /// [`ServiceError`] if it could not be reached, or not safely.
    pub fn new(mut settings: ServiceSettings) -> Result<Self, ServiceError> {
        if settings.id.trim().is_empty() {
            return Err(ServiceError::Id);
        }
        settings.endpoint.truncate(settings.endpoint.trim_end_matches('/').len());
        let endpoint = settings.endpoint.clone();
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '#' | '@' | '"' | '<' | '>' | '\\');
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let host = rest.map(|r| r.split(['/', '?']).next().unwrap_or_default()).unwrap_or_default();
        if host.is_empty() || host.starts_with(':') || endpoint.contains(odd) {
            return Err(ServiceError::Endpoint { endpoint });
        }
        if endpoint.starts_with("http://") && !is_here(host) {
            return Err(ServiceError::Plain { endpoint });
        }
        if !(1..=Self::TIMEOUT_MS_MAX).contains(&settings.timeout_ms) {
            return Err(ServiceError::Timeout { ms: settings.timeout_ms, max: Self::TIMEOUT_MS_MAX });
        }
        if settings.kind == ServiceKind::Webhook && settings.key.expose().is_empty() {
            return Err(ServiceError::Key);
        }
        Ok(Self { settings })
    }

    /// Names it.
    pub fn id(&self) -> &str {
        &self.settings.id
    }

    /// The request that asks `question`.
    ///
    /// A webhook gets `{"id","channel","text","score","time_ms"}` with the header `x-casemate-signature:
    /// t=<time_ms>,v1=<hex>`, where the hexadecimal is HMAC-SHA-256 of `<time_ms>.<body>` under the key, and answers
    /// `{"verdict":"pass"|"flag"|"block","score":0.93,"labels":["…"]}`, of which only the verdict is required.
    ///
    /// # Errors
    /// [`AskError::TooLong`] if the service would not read all of it.
    pub fn encode(&self, question: &Question<'_>) -> Result<HttpRequest, AskError> {
        let s = &self.settings;
        let (url, headers, body) = match s.kind {
            ServiceKind::OpenaiModeration => openai::encode(s, question)?,
            ServiceKind::AzureContentSafety => azure::encode_analyze(s, question)?,
            ServiceKind::AzurePromptShields => azure::encode_shields(s, question)?,
            ServiceKind::LakeraGuard => lakera::encode(s, question)?,
            ServiceKind::Webhook => webhook::encode(s, question)?,
        };
        Ok(HttpRequest { url, headers, body, timeout_ms: s.timeout_ms, reply_bytes_max: REPLY_BYTES_MAX })
    }

    /// What a reply says.
    ///
    /// # Errors
    /// [`AskError`] if it is not a 200, too long, or not in the service's format: an answer that is not understood is no
    /// answer.
    pub fn decode(&self, reply: &HttpReply) -> Result<Opinion, AskError> {
        if reply.status != 200 {
            return Err(AskError::Status { status: reply.status });
        }
        if reply.body.len() > REPLY_BYTES_MAX {
            return Err(TransportError::TooLarge { max: REPLY_BYTES_MAX }.into());
        }
        match self.settings.kind {
            ServiceKind::OpenaiModeration => openai::decode(&reply.body),
            ServiceKind::AzureContentSafety => azure::decode_analyze(&reply.body),
            ServiceKind::AzurePromptShields => azure::decode_shields(&reply.body),
            ServiceKind::LakeraGuard => lakera::decode(&reply.body),
            ServiceKind::Webhook => webhook::decode(&reply.body),
        }
    }
}

/// True for this machine, where plain HTTP is read by nobody else.
fn is_here(host: &str) -> bool {
    let name = host.strip_prefix("[::1]").map_or_else(|| host.split(':').next().unwrap_or_default(), |_| "::1");
    matches!(name, "localhost" | "::1") || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whatever gives a second opinion: a service through a transport, or a user's model in this process.
pub trait Adviser {
    /// Names it in findings and metrics.
    fn id(&self) -> &str;

    /// Asks; a model in this process needs no `transport`.
    ///
    /// # Errors
    /// [`AskError`] if there is no opinion.
    fn ask(&self, question: &Question<'_>, transport: &dyn Transport) -> Result<Opinion, AskError>;
}

impl Adviser for Service {
    fn id(&self) -> &str {
        Self::id(self)
    }

    fn ask(&self, question: &Question<'_>, transport: &dyn Transport) -> Result<Opinion, AskError> {
        self.decode(&transport.send(&self.encode(question)?)?)
    }
}

/// Reads JSON of a reply.
pub(super) fn read<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, AskError> {
    serde_json::from_slice(body).map_err(|e| AskError::Reply { what: e.to_string() })
}

/// Refuses a text of more than `max` characters.
pub(super) fn within(text: &str, max: usize) -> Result<(), AskError> {
    let length = text.chars().count();
    if length > max { Err(AskError::TooLong { length, max }) } else { Ok(()) }
}

/// What an encoder makes: URL, headers, body.
pub(super) type Encoded = (String, Vec<(&'static str, Secret<String>)>, Vec<u8>);

#[cfg(test)]
pub(super) mod tests {
    use super::{Opinion, Question, Service, ServiceError, ServiceKind, ServiceSettings};
    use crate::Channel;
    use casemate_finding::{Secret, UnixMs};

    pub(crate) fn service(kind: ServiceKind) -> Service {
        Service::new(settings(kind, "https://guard.example")).expect("settings that will do")
    }

    pub(crate) fn question(text: &str, channel: Channel) -> Question<'_> {
        Question { text, channel, score: 0.5, now: UnixMs(1_700_000_000_000) }
    }

    fn settings(kind: ServiceKind, endpoint: &str) -> ServiceSettings {
        ServiceSettings {
            id: "guard".into(),
            kind,
            endpoint: endpoint.into(),
            key: Secret::new("sesame".into()),
            model: String::new(),
            timeout_ms: 500,
        }
    }

    #[test]
    fn settings_that_would_leak_or_never_end_are_refused() {
        let of = |endpoint: &str| Service::new(settings(ServiceKind::LakeraGuard, endpoint)).map(|_| ());
        for good in
            ["https://a.example", "https://a.example/x/", "http://127.0.0.1:8080", "http://localhost", "http://[::1]:1"]
        {
            assert_eq!(of(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://:1",
            "https://a b",
            "https://u@a.example",
            "https://a/#x",
        ] {
            assert!(matches!(of(bad), Err(ServiceError::Endpoint { .. })), "{bad}");
        }
        for plain in ["http://a.example", "http://127.0.0.1.example", "http://localhost.example"] {
            assert!(matches!(of(plain), Err(ServiceError::Plain { .. })), "{plain}");
        }
        for (ms, fits) in [(0, false), (1, true), (30_000, true), (30_001, false)] {
            let s = ServiceSettings { timeout_ms: ms, ..settings(ServiceKind::LakeraGuard, "https://a.example") };
            assert_eq!(Service::new(s).is_ok(), fits, "{ms}");
        }
        let bare =
            ServiceSettings { key: Secret::new(String::new()), ..settings(ServiceKind::Webhook, "https://a.example") };
        assert_eq!(Service::new(bare).err(), Some(ServiceError::Key));
    }

    #[test]
    fn numbers_and_labels_from_outside_are_bounded() {
        assert!(Opinion::new(1.0, true, []).is_ok());
        assert!(Opinion::new(1.01, true, []).is_err() && Opinion::new(f64::NAN, true, []).is_err());
        let many = Opinion::new(0.5, true, (0..40).map(|i| format!("l{i}"))).expect("an opinion");
        assert_eq!(many.labels.len(), 32);
        let long = Opinion::new(0.5, true, ["a".repeat(64), "a".repeat(65), "a\nb".into()]).expect("an opinion");
        assert_eq!(long.labels.len(), 1);
    }
}
