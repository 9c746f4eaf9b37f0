//! The way out: which hosts and addresses requests may reach. Names are resolved here, and the address that was checked
//! is the address that is used, so that a name cannot change its meaning in between.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::config::EgressConfig;

/// Where requests may go.
#[derive(Clone, Debug)]
pub struct Egress {
    rules: Arc<Rules>,
    client: reqwest::Client,
}

#[derive(Debug)]
struct Rules {
    config: EgressConfig,
    private: Vec<IpNet>,
}

/// Why a request may not go out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The host is not on the list.
    #[error("host {host} is not in respond.egress.hosts")]
    Host {
        /// The host.
        host: String,
    },
    /// The address is private, loopback, link-local or otherwise not for the outside.
    #[error("{host} is at {address}, which is not in respond.egress.private_ranges")]
    Private {
        /// The host.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// No TLS.
    #[error("{host} would be reached without TLS: use https, or set respond.egress.plain_http")]
    Plain {
        /// The host.
        host: String,
    },
    /// The client could not be made.
    #[error("no client for outgoing requests: {why}")]
    Client {
        /// Why.
        why: String,
    },
}

impl Egress {
    /// A way out under these rules.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(config: EgressConfig, private: Vec<IpNet>) -> Result<Self, EgressError> {
        let why = |e: &dyn std::fmt::Display| EgressError::Client { why: e.to_string() };
        let rules = Arc::new(Rules { config, private });
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| why(&e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_millis(rules.config.timeout_ms))
            .dns_resolver(Arc::new(Checked(rules.clone())))
            .build()
            .map_err(|e| why(&e))?;
        Ok(Self { rules, client })
    }

    /// Checks an address before a request goes there. Names are checked again, with their addresses, on the way.
    ///
    /// # Errors
    /// Which rule refuses it.
    pub fn check(&self, url: &Url) -> Result<(), EgressError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        if !self.rules.names(&host) {
            return Err(EgressError::Host { host });
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            _ => None,
        };
        if let Some(address) = literal.filter(|a| !self.rules.reachable(*a)) {
            return Err(EgressError::Private { host, address });
        }
        let inside = literal.is_some_and(|a| self.rules.private.iter().any(|r| r.contains(&a)));
        if url.scheme() != "https" && !inside && !self.rules.config.plain_http {
            return Err(EgressError::Plain { host });
        }
        Ok(())
    }

    /// The client; its redirects are off, so that an answer cannot send a request elsewhere.
    pub const fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Largest answer in bytes.
    pub fn response_bytes_max(&self) -> usize {
        self.rules.config.response_bytes_max
    }
}

impl Rules {
    fn names(&self, host: &str) -> bool {
        self.config.hosts.iter().any(|rule| match rule.strip_prefix("*.") {
            Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
            None => rule == host || bare(rule).is_some_and(|address| bare(host) == Some(address)),
        })
    }

    fn reachable(&self, address: IpAddr) -> bool {
        is_public(address) || self.private.iter().any(|range| range.contains(&address))
    }
}

/// The address that a host is, if it is one.
fn bare(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

/// True for addresses of the open internet (IANA special-purpose registries, RFC 6890 and its updates).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            // Global unicast is 2000::/3; of it, documentation, 6to4 and Teredo carry or hide other addresses.
            None => {
                let [a, b, ..] = v6.segments();
                (a & 0xe000) == 0x2000 && a != 0x2002 && !(a == 0x2001 && (b == 0 || b == 0x0db8)) && a != 0x3fff
            }
        },
    }
}

struct Checked(Arc<Rules>);

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            if let Some(bad) = found.iter().find(|a| !rules.reachable(a.ip())) {
                return Err(EgressError::Private { host, address: bad.ip() }.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(hosts: &[&str], private: &[&str]) -> Egress {
        let config = EgressConfig { hosts: hosts.iter().map(|h| (*h).to_owned()).collect(), ..EgressConfig::default() };
        Egress::new(config, private.iter().map(|r| r.parse().expect("range")).collect()).expect("client")
    }

    fn check(egress: &Egress, url: &str) -> Result<(), EgressError> {
        egress.check(&url.parse().expect("url"))
    }

    #[test]
    fn only_named_hosts_over_tls() {
        let out = egress(&["api.example.com", "*.example.org"], &[]);
        assert_eq!(check(&out, "https://api.example.com/x"), Ok(()));
        assert_eq!(check(&out, "https://a.b.example.org/x"), Ok(()));
        for bad in ["https://example.org/", "https://evilexample.org/", "https://api.example.com.evil.test/"] {
            assert!(matches!(check(&out, bad), Err(EgressError::Host { .. })), "{bad}");
        }
        assert!(matches!(check(&out, "http://api.example.com/"), Err(EgressError::Plain { .. })));
    }

    #[test]
    fn addresses_inside_need_their_range() {
        for inside in
            ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
        {
            let url = format!("https://{inside}/");
            let refused = check(&egress(&[inside], &[]), &url);
            assert!(matches!(refused, Err(EgressError::Private { .. })), "{inside}: {refused:?}");
        }
        assert_eq!(check(&egress(&["127.0.0.1"], &["127.0.0.0/8"]), "http://127.0.0.1:9/"), Ok(()));
        assert_eq!(check(&egress(&["[::1]"], &["::1/128"]), "http://[::1]:9/"), Ok(()));
        let public = ["8.8.8.8", "2606:4700::1"].map(|a| a.parse::<IpAddr>().expect("address"));
        assert!(public.into_iter().all(is_public));
    }

    #[tokio::test]
    async fn a_name_that_points_inside_is_refused_on_the_way() {
        let out = egress(&["localhost"], &[]);
        assert_eq!(check(&out, "https://localhost/"), Ok(()), "a name alone says nothing");
        let error = out.client().get("https://localhost:9/").send().await.expect_err("refused");
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        let mut text = String::new();
        while let Some(e) = cause {
            text += &format!("{e}; ");
            cause = e.source();
        }
        assert!(text.contains("private_ranges"), "{text}");
    }
}
