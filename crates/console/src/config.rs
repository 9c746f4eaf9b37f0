//! Configuration: what was written ([`ConsoleConfig`]) and what is meant ([`ConsoleSettings`]).

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The `console` section of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleConfig {
    /// Where to listen; default `127.0.0.1:8082`.
    pub listen: Option<String>,
    /// Hours until a log-in ends, 1 to 168; default 12.
    pub session_hours: Option<u32>,
    /// Certificate and key; without them the console speaks plain HTTP, which is refused off loopback.
    pub tls: Option<TlsConfig>,
    /// Serve plain HTTP on an address that is not loopback, behind a proxy that ends TLS; default false.
    pub plain_http: Option<bool>,
}

/// Where the certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificate chain, leaf first.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How long a log-in lasts, in milliseconds.
    pub session_ms: i64,
    /// Certificate and key, if the console ends TLS itself.
    pub tls: Option<TlsConfig>,
    /// True if browsers reach the console over TLS, so that cookies are `Secure`.
    pub secure_cookies: bool,
}

/// Why a `console` section cannot be used; `field` is its path in the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address does not parse.
    #[error("console.listen: {value:?} is not an address and port: write it as 127.0.0.1:8082")]
    Listen {
        /// What was written.
        value: String,
    },
    /// A number outside its bounds.
    #[error("console.session_hours: {value} is not in 1..=168")]
    SessionHours {
        /// What was written.
        value: u32,
    },
    /// Log-ins would cross a network in the clear.
    #[error(
        "console.listen: {listen} is not loopback and there is no console.tls: set console.tls, or console.plain_http: \
         true if a proxy in front of it ends TLS"
    )]
    PlainOffLoopback {
        /// The address.
        listen: SocketAddr,
    },
}

impl ConsoleConfig {
    /// What the section means.
    ///
    /// # Errors
    /// [`ConfigError`] names the field, the value and what to write.
    pub fn settings(&self) -> Result<ConsoleSettings, ConfigError> {
        let written = self.listen.as_deref().unwrap_or("127.0.0.1:8082");
        let listen: SocketAddr = written.parse().map_err(|_| ConfigError::Listen { value: written.to_owned() })?;
        let hours = self.session_hours.unwrap_or(12);
        if !(1..=168).contains(&hours) {
            return Err(ConfigError::SessionHours { value: hours });
        }
        let behind_proxy = self.plain_http.unwrap_or(false);
        if self.tls.is_none() && !listen.ip().is_loopback() && !behind_proxy {
            return Err(ConfigError::PlainOffLoopback { listen });
        }
        Ok(ConsoleSettings {
            listen,
            session_ms: i64::from(hours) * 3_600_000,
            tls: self.tls.clone(),
            secure_cookies: self.tls.is_some() || behind_proxy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(edit: impl Fn(&mut ConsoleConfig)) -> Result<ConsoleSettings, ConfigError> {
        let mut c = ConsoleConfig::default();
        edit(&mut c);
        c.settings()
    }

    #[test]
    fn defaults_and_bounds() {
        let s = with(|_| {}).expect("defaults");
        assert_eq!((s.listen.to_string().as_str(), s.session_ms), ("127.0.0.1:8082", 43_200_000));
        assert!(!s.secure_cookies);
        assert!(with(|c| c.session_hours = Some(168)).is_ok());
        assert_eq!(with(|c| c.session_hours = Some(169)), Err(ConfigError::SessionHours { value: 169 }));
        assert_eq!(with(|c| c.session_hours = Some(0)), Err(ConfigError::SessionHours { value: 0 }));
        assert!(matches!(with(|c| c.listen = Some("8082".into())), Err(ConfigError::Listen { .. })));
    }

    #[test]
    fn no_password_crosses_a_network_in_the_clear() {
        let open = |c: &mut ConsoleConfig| c.listen = Some("0.0.0.0:8082".into());
        assert!(matches!(with(open), Err(ConfigError::PlainOffLoopback { .. })));
        let proxied = with(|c| {
            open(c);
            c.plain_http = Some(true);
        });
        assert!(proxied.is_ok_and(|s| s.secure_cookies));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let refused = serde_json::from_str::<ConsoleConfig>(r#"{"listn": "x"}"#);
        assert!(refused.is_err_and(|e| e.to_string().contains("listn")));
    }
}
