//! One spelling for one entity, so that alerts of different sources meet.

use std::net::IpAddr;

use casemate_finding::{Entity, EntityKind};

/// Longest value of an entity, in characters; longer ones are cut.
const VALUE_CHARS_MAX: usize = 256;

/// The entity with its canonical value: addresses as Rust prints them (IPv4 in IPv6 as IPv4), ranges with the network
/// address, a range of one address as that address, host-like names in lower case, digests as `sha256:…`. None for what
/// is empty, a placeholder, or not of its kind.
pub fn entity(kind: EntityKind, value: &str) -> Option<Entity> {
    let value = value.trim();
    if value.is_empty() || matches!(value, "-" | "null" | "None" | "N/A" | "unknown" | "0.0.0.0" | "::") {
        return None;
    }
    let clip = |text: &str| text.chars().filter(|c| !c.is_control()).take(VALUE_CHARS_MAX).collect::<String>();
    match kind {
        EntityKind::Address => {
            if value.contains('/') {
                return entity(EntityKind::Range, value);
            }
            Some(Entity::new(kind, address(value)?.to_string()))
        }
        EntityKind::Range => range(value),
        EntityKind::Principal | EntityKind::Endpoint | EntityKind::Tenant => {
            Some(Entity::new(kind, clip(&value.to_lowercase())))
        }
        EntityKind::Digest => {
            let hex = value.strip_prefix("sha256:").unwrap_or(value).to_ascii_lowercase();
            let well_formed = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
            well_formed.then(|| Entity::new(kind, format!("sha256:{hex}")))
        }
        EntityKind::Key
        | EntityKind::Model
        | EntityKind::ModelVersion
        | EntityKind::Dataset
        | EntityKind::Run
        | EntityKind::Agent
        | EntityKind::Tool => Some(Entity::new(kind, clip(value))),
    }
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.strip_prefix('[').and_then(|t| t.split(']').next()).unwrap_or(text);
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_canonical());
    }
    // `1.2.3.4:5678`
    let (host, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    host.parse::<IpAddr>().ok().filter(IpAddr::is_ipv4)
}

fn range(text: &str) -> Option<Entity> {
    let (ip, bits) = text.split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    let text = match ip.parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            let network = std::net::Ipv4Addr::from(u32::from(v4) & mask);
            if bits == 32 {
                return Some(Entity::new(EntityKind::Address, network.to_string()));
            }
            format!("{network}/{bits}")
        }
        IpAddr::V6(v6) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            let network = std::net::Ipv6Addr::from(u128::from(v6) & mask);
            if bits == 128 {
                return Some(Entity::new(EntityKind::Address, network.to_string()));
            }
            format!("{network}/{bits}")
        }
        _ => return None,
    };
    Some(Entity::new(EntityKind::Range, text))
}

#[cfg(test)]
mod tests {
    use casemate_finding::EntityKind::{Address, Digest, Endpoint, Model, Range};

    use super::entity;

    #[test]
    fn one_spelling() {
        for (kind, written, expected) in [
            (Address, " 10.0.0.1 ", Some("10.0.0.1")),
            (Address, "::ffff:10.0.0.1", Some("10.0.0.1")),
            (Address, "2001:DB8::0:1", Some("2001:db8::1")),
            (Address, "10.0.0.1:443", Some("10.0.0.1")),
            (Address, "[2001:db8::1]:443", Some("2001:db8::1")),
            (Address, "10.0.0.0/32", Some("10.0.0.0")),
            (Address, "example.org", None),
            (Address, "0.0.0.0", None),
            (Range, "127.0.66.9/24", Some("127.0.66.0/24")),
            (Range, "2001:db8:1:2::9/48", Some("2001:db8:1::/48")),
            (Range, "10.0.0.1/33", None),
            (Range, "10.0.0.9/0", Some("0.0.0.0/0")),
            (Endpoint, "Churn.Example.ORG", Some("churn.example.org")),
            (Model, "Churn\u{0}", Some("Churn")),
            (Model, "", None),
            (Digest, "sha256:00", None),
        ] {
            assert_eq!(entity(kind, written).map(|e| e.value).as_deref(), expected, "{written}");
        }
        assert!(entity(Digest, &"AB".repeat(32)).is_some());
        assert_eq!(entity(Model, &"m".repeat(300)).map(|e| e.value.len()), Some(256));
    }
}
