//! Who calls: the client's address behind trusted proxies, and the network that it counts under.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An IPv4 address that came mapped into IPv6 is the IPv4 address.
pub fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The client's address: the peer, or behind trusted proxies the right-most address in `X-Forwarded-For` that is not
/// one of them. What stands left of that was written by the client and is not believed. An entry that cannot be read
/// ends the search: the hop to its right is taken.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = canonical(peer);
    let is_trusted = |a: &IpAddr| trusted.iter().any(|n| n.contains(a));
    if trusted.is_empty() || !is_trusted(&peer) {
        return peer;
    }
    let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().map(|v| v.to_str().unwrap_or("?")).collect();
    let mut nearest = peer;
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(address) = read_hop(hop.trim()) else { return nearest };
        nearest = address;
        if !is_trusted(&address) {
            break;
        }
    }
    nearest
}

/// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]:80`.
fn read_hop(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    bare.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|s| s.ip())).map(canonical)
}

/// The network that traffic is counted under: a /24, or a /48 in IPv6.
pub fn range_of(address: IpAddr) -> IpNet {
    match canonical(address) {
        IpAddr::V4(a) => IpNet::V4(Ipv4Net::new(a, 24).unwrap_or_else(|_| Ipv4Net::from(a)).trunc()),
        IpAddr::V6(a) => IpNet::V6(Ipv6Net::new(a, 48).unwrap_or_else(|_| Ipv6Net::from(a)).trunc()),
    }
}

/// What limits count as one address: an IPv4 address, or a /64 in IPv6, which one host can walk through at will.
pub fn limited_unit(address: IpAddr) -> u128 {
    match canonical(address) {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a) & !u128::from(u64::MAX),
    }
}

/// True for addresses that a request from outside must not make an upstream fetch from: private, loopback, link-local
/// (cloud metadata), unspecified, multicast, documentation and carrier-grade NAT ranges (RFC 6890).
pub fn is_private(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(a) => {
            let [first, second, ..] = a.octets();
            a.is_private()
                || a.is_loopback()
                || a.is_link_local()
                || a.is_unspecified()
                || a.is_multicast()
                || a.is_broadcast()
                || a.is_documentation()
                || first == 0
                || (first == 100 && (64..128).contains(&second))
                || (first == 198 && (18..20).contains(&second))
                || first >= 240
        }
        IpAddr::V6(a) => {
            let head = a.segments()[0];
            let embedded = match a.segments() {
                // NAT64 and 6to4 carry an IPv4 address.
                [0x64, 0xff9b, 0, 0, 0, 0, h, l] => Some(v4(h, l)),
                [0x2002, h, l, ..] => Some(v4(h, l)),
                _ => None,
            };
            a.is_loopback()
                || a.is_unspecified()
                || a.is_multicast()
                || head & 0xfe00 == 0xfc00
                || head & 0xffc0 == 0xfe80
                || a.segments()[..2] == [0x2001, 0xdb8]
                || embedded.is_some_and(|v| is_private(IpAddr::V4(v)))
                || a.to_ipv4().is_some_and(|v| a != Ipv6Addr::LOCALHOST && is_private(IpAddr::V4(v)))
        }
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

/// True if an image or file URL may be handed to an upstream: http(s), no user name, and a host that is not private by
/// its name or number. A name that resolves to a private address is the upstream's to refuse; every numeric spelling
/// that resolvers accept (`0x7f.1`, `2130706433`) is refused here.
pub fn is_public_url(text: &str) -> bool {
    // Parsers after the WHATWG URL standard drop tabs and line ends, take one slash or none for two, and `\` for `/`.
    let text: String = text.trim().chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let Some((scheme, rest)) = text.split_once(':') else { return true };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {}
        // Stores that the upstream reads with an account of its own, and names that are no address at all.
        "gs" | "s3" | "urn" => return true,
        other => return !other.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)),
    }
    let authority = rest.trim_start_matches(['/', '\\']).split(['/', '?', '#', '\\']).next().unwrap_or("");
    if authority.contains('@') || authority.contains('%') {
        return false;
    }
    if let Some(inner) = authority.strip_prefix('[') {
        let address = inner.split(']').next().unwrap_or("");
        return address.parse::<Ipv6Addr>().is_ok_and(|a| !is_private(IpAddr::V6(a)));
    }
    let host = authority.split(':').next().unwrap_or("").trim_end_matches('.').to_ascii_lowercase();
    if host.is_empty() || host == "localhost" {
        return false;
    }
    if [".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa"].iter().any(|s| host.ends_with(s)) {
        return false;
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return !is_private(IpAddr::V4(address));
    }
    // A last label that is a number is an IPv4 address in a spelling of its own (WHATWG URL, "ends in a number").
    let last = host.rsplit('.').next().unwrap_or("");
    let numeric = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    !numeric && host.contains('.')
}

#[cfg(test)]
mod tests {
    use super::{client_address, is_public_url, limited_unit, range_of};
    use http::HeaderMap;
    use ipnet::IpNet;
    use std::net::IpAddr;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn forwarded_for_counts_only_behind_trusted_proxies() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let client = |peer: &str, lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            client_address(ip(peer), &headers, &trusted).to_string()
        };
        assert_eq!(client("203.0.113.9", &["1.1.1.1"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 2.2.2.2, 10.0.0.7"]), "2.2.2.2");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "2.2.2.2:99"]), "2.2.2.2");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, junk, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(client("10.0.0.1", &["10.0.0.5"]), "10.0.0.5");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("::ffff:10.0.0.1", &["[2001:4860::1]:80"]), "2001:4860::1");
    }

    #[test]
    fn ranges_and_units() {
        assert_eq!(range_of(ip("127.0.66.9")).to_string(), "127.0.66.0/24");
        assert_eq!(range_of(ip("2001:4860:1:2::9")).to_string(), "2001:4860:1::/48");
        assert_eq!(limited_unit(ip("2001:4860::1")), limited_unit(ip("2001:4860::ffff")));
        assert_ne!(limited_unit(ip("10.0.0.1")), limited_unit(ip("10.0.0.2")));
    }

    #[test]
    fn urls_into_private_ranges_are_known_in_every_spelling() {
        for bad in [
            "http://127.0.0.1/a",
            "http://169.254.169.254/latest/meta-data",
            "https://10.1.2.3:8443/x",
            "http://[::1]/",
            "http://[::ffff:192.168.0.1]/",
            "http://[64:ff9b::a00:1]/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://localhost:80/",
            "http://metadata.google.internal/",
            "http://printer.local/",
            "http://intranet/",
            "http://user@93.184.216.34/",
            "http://1.1.1.1%2f@10.0.0.1/",
            "file:///etc/passwd",
            "gopher://93.184.216.34/",
            "http://100.64.0.1/",
            "http://localhost./",
            "http:/10.0.0.1/",
            "http:10.0.0.1",
            "http:\\\\10.0.0.1\\x",
            "ht\ttp://10.0.0.1/",
            " HTTP://10.0.0.1/",
        ] {
            assert!(!is_public_url(bad), "{bad}");
        }
        for good in
            ["https://93.184.216.34/a.png", "https://images.example.org/a.png?x=1", "file-abc123", "what is it: a page"]
        {
            assert!(is_public_url(good), "{good}");
        }
    }
}
