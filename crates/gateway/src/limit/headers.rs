//! Limits as response headers, in both dialects.

use casemate_finding::UnixMs;
use casemate_wire::Dialect;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Standing;
use super::table::Told;

/// OpenAI writes durations as `6m0s`, `1s`, `120ms`.
fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}s", ms.div_ceil(1_000)),
        _ => {
            let s = ms.div_ceil(1_000);
            format!("{}m{}s", s / 60, s % 60)
        }
    }
}

/// Adds how the limits stand: `x-ratelimit-*` for OpenAI, `anthropic-ratelimit-*` with an RFC 3339 time for Anthropic.
pub fn limit_headers(headers: &mut HeaderMap, dialect: Dialect, standing: &Standing, now: UnixMs) {
    for (what, told) in [("requests", standing.requests), ("tokens", standing.tokens)] {
        let Some(Told { limit, remaining, reset_ms }) = told else { continue };
        let names = match (dialect, what) {
            (Dialect::OpenAi, "requests") => {
                ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]
            }
            (Dialect::OpenAi, _) => {
                ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]
            }
            (Dialect::Anthropic, "requests") => [
                "anthropic-ratelimit-requests-limit",
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
            ],
            (Dialect::Anthropic, _) => [
                "anthropic-ratelimit-tokens-limit",
                "anthropic-ratelimit-tokens-remaining",
                "anthropic-ratelimit-tokens-reset",
            ],
        };
        headers.insert(HeaderName::from_static(names[0]), HeaderValue::from(limit));
        headers.insert(HeaderName::from_static(names[1]), HeaderValue::from(remaining));
        let reset = match dialect {
            Dialect::OpenAi => duration(reset_ms),
            Dialect::Anthropic => now.plus_ms(i64::try_from(reset_ms).unwrap_or(i64::MAX)).to_string(),
        };
        if let Ok(value) = HeaderValue::from_str(&reset) {
            headers.insert(HeaderName::from_static(names[2]), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, limit_headers};
    use crate::limit::Standing;
    use crate::limit::table::Told;
    use casemate_finding::UnixMs;
    use casemate_wire::Dialect;
    use http::HeaderMap;

    #[test]
    fn both_dialects() {
        assert_eq!([120, 1_000, 1_001, 60_000, 61_500].map(duration), ["120ms", "1s", "2s", "1m0s", "1m2s"]);
        let standing = Standing { requests: Some(Told { limit: 9, remaining: 8, reset_ms: 1_500 }), tokens: None };
        let mut headers = HeaderMap::new();
        limit_headers(&mut headers, Dialect::OpenAi, &standing, UnixMs(0));
        limit_headers(&mut headers, Dialect::Anthropic, &standing, UnixMs(0));
        assert_eq!(headers["x-ratelimit-limit-requests"], "9");
        assert_eq!(headers["x-ratelimit-remaining-requests"], "8");
        assert_eq!(headers["x-ratelimit-reset-requests"], "2s");
        assert_eq!(headers["anthropic-ratelimit-requests-reset"], "1970-01-01T00:00:01.500Z");
        assert!(!headers.contains_key("x-ratelimit-limit-tokens"));
    }
}
