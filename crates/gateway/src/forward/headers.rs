//! Which headers pass.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Headers of one hop (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// What a request must not carry upstream: the caller's credentials, what the gateway sets itself, what says where the
/// caller is.
const REQUEST_ONLY: [&str; 18] = [
    "authorization",
    "x-api-key",
    "api-key",
    "cookie",
    "host",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "expect",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
    "x-goog-api-key",
    "openai-organization",
    "openai-project",
    "via",
];

/// What an answer must not carry to the caller: the upstream's view of the gateway's own account, and what the gateway
/// sets itself.
const ANSWER_ONLY: [&str; 8] = [
    "content-length",
    "content-encoding",
    "set-cookie",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
    "www-authenticate",
    "alt-svc",
];

fn named_in_connection(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|v| v.to_str().ok());
    lines.flat_map(|l| l.split(',')).map(|n| n.trim().to_ascii_lowercase()).filter(|n| !n.is_empty()).collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("x-casemate-") || name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-")
}

fn passing(headers: &HeaderMap, also_dropped: &[&str]) -> HeaderMap {
    let named = named_in_connection(headers);
    let mut out = HeaderMap::with_capacity(headers.keys_len() + 4);
    for (name, value) in headers {
        let n = name.as_str();
        let dropped =
            HOP_BY_HOP.contains(&n) || also_dropped.contains(&n) || is_ours(n) || named.iter().any(|d| d == n);
        if !dropped {
            out.append(name.clone(), value.clone());
        }
    }
    out
}

/// The headers of a request as they go upstream, without its credential.
pub fn request_headers(headers: &HeaderMap) -> HeaderMap {
    let mut out = passing(headers, &REQUEST_ONLY);
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // What is compressed cannot be looked at.
    out.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    out
}

/// The headers of an answer as they go to the caller.
pub fn response_headers(headers: &HeaderMap) -> HeaderMap {
    passing(headers, &ANSWER_ONLY)
}

/// The header of the request id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-casemate-request-id");

#[cfg(test)]
mod tests {
    use super::{request_headers, response_headers};
    use http::HeaderMap;

    #[test]
    fn credentials_and_hops_stay_behind() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer cm_x"),
            ("x-api-key", "cm_x"),
            ("connection", "close, X-Secret-Hop"),
            ("x-secret-hop", "1"),
            ("te", "trailers"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-casemate-request-id", "forged"),
            ("user-agent", "sdk"),
            ("anthropic-version", "2023-06-01"),
            ("accept-encoding", "gzip"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let out = request_headers(&headers);
        let mut names: Vec<&str> = out.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept-encoding", "anthropic-version", "content-type", "user-agent"]);
        assert_eq!(out["accept-encoding"], "identity");
    }

    #[test]
    fn the_upstreams_account_stays_behind() {
        let mut headers = HeaderMap::new();
        for name in ["x-ratelimit-limit-requests", "openai-organization", "set-cookie", "content-type", "retry-after"] {
            headers.append(name, "x".parse().unwrap());
        }
        let out = response_headers(&headers);
        assert_eq!(out.len(), 2);
        assert!(out.contains_key("content-type") && out.contains_key("retry-after"));
    }
}
