//! Errors in the caller's dialect.

use serde_json::json;

use crate::Dialect;

/// What went wrong, as both dialects can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is not well-formed, or a policy refuses its content.
    InvalidRequest,
    /// Content refused by policy.
    ContentPolicy,
    /// No key, or none that is known.
    Authentication,
    /// The budget is spent.
    Billing,
    /// The key may not do this.
    Permission,
    /// No such path or model.
    NotFound,
    /// The method is not allowed on this path.
    MethodNotAllowed,
    /// The client took too long to send its request.
    RequestTimeout,
    /// The body is too large.
    TooLarge,
    /// The body's type or encoding is not known.
    UnsupportedMedia,
    /// A limit is reached.
    RateLimit,
    /// The gateway failed.
    Internal,
    /// The upstream failed or answered with what cannot be read.
    BadGateway,
    /// No upstream can take the request now.
    Overloaded,
    /// The upstream took too long.
    Timeout,
}

impl ErrorKind {
    /// The HTTP status. Policy blocks are 400 and 403, never 429 or 5xx: SDKs retry those and would replay an attack.
    pub const fn status(self, dialect: Dialect) -> u16 {
        match self {
            Self::InvalidRequest | Self::ContentPolicy => 400,
            Self::Authentication => 401,
            Self::Billing => 402,
            Self::Permission => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::RateLimit => 429,
            Self::Internal => 500,
            Self::BadGateway => 502,
            Self::Overloaded => match dialect {
                Dialect::OpenAi => 503,
                Dialect::Anthropic => 529,
            },
            Self::Timeout => 504,
        }
    }

    /// The dialect's name of the type.
    pub const fn type_name(self, dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::OpenAi => match self {
                Self::Authentication => "authentication_error",
                Self::Permission => "permission_error",
                Self::RateLimit => "rate_limit_error",
                Self::Billing => "insufficient_quota",
                Self::Internal | Self::BadGateway | Self::Overloaded | Self::Timeout => "server_error",
                _ => "invalid_request_error",
            },
            Dialect::Anthropic => match self {
                Self::Authentication => "authentication_error",
                Self::Billing => "billing_error",
                Self::Permission => "permission_error",
                Self::NotFound => "not_found_error",
                Self::TooLarge => "request_too_large",
                Self::RateLimit => "rate_limit_error",
                Self::Internal | Self::BadGateway => "api_error",
                Self::Overloaded => "overloaded_error",
                Self::Timeout => "timeout_error",
                _ => "invalid_request_error",
            },
        }
    }

    /// OpenAI's `code` where the caller sets none.
    const fn default_code(self) -> Option<&'static str> {
        match self {
            Self::Authentication => Some("invalid_api_key"),
            Self::RateLimit => Some("rate_limit_exceeded"),
            Self::Billing => Some("insufficient_quota"),
            Self::ContentPolicy => Some("content_policy_violation"),
            _ => None,
        }
    }
}

/// An error to be told to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// One sentence for people; holds nothing of the request's content.
    pub message: String,
    /// OpenAI's `param`: the field that it is about.
    pub param: Option<String>,
    /// OpenAI's `code`; none takes the kind's own.
    pub code: Option<&'static str>,
}

impl WireError {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, code: None }
    }

    /// The same, about this field.
    #[must_use]
    pub fn about(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same, with this code.
    #[must_use]
    pub const fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The HTTP status in `dialect`.
    pub const fn status(&self, dialect: Dialect) -> u16 {
        self.kind.status(dialect)
    }

    /// The body, also the data of an error event.
    pub fn body(&self, dialect: Dialect, request_id: &str) -> String {
        let kind = self.kind.type_name(dialect);
        match dialect {
            Dialect::OpenAi => json!({"error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code.or(self.kind.default_code()),
            }}),
            Dialect::Anthropic => json!({
                "type": "error",
                "error": {"type": kind, "message": self.message},
                "request_id": request_id,
            }),
        }
        .to_string()
    }

    /// The event that ends a stream on which this happened; no `[DONE]` follows it.
    pub fn event(&self, dialect: Dialect, request_id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        let name = match dialect {
            Dialect::OpenAi => None,
            Dialect::Anthropic => Some("error"),
        };
        crate::sse::write_event(&mut out, name, self.body(dialect, request_id).as_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorKind, WireError};
    use crate::Dialect;

    #[test]
    fn shapes_of_both_dialects() {
        let error = WireError::new(ErrorKind::InvalidRequest, "no \"model\"").about("model");
        assert_eq!(
            error.body(Dialect::OpenAi, "r1"),
            r#"{"error":{"message":"no \"model\"","type":"invalid_request_error","param":"model","code":null}}"#
        );
        assert_eq!(
            error.body(Dialect::Anthropic, "r1"),
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no \"model\""},"request_id":"r1"}"#
        );
        let event = WireError::new(ErrorKind::Overloaded, "later").event(Dialect::Anthropic, "r1");
        assert!(event.starts_with(b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\""));
    }

    #[test]
    fn statuses_and_type_names_of_the_dialects() {
        use ErrorKind::*;
        for (kind, status, openai, anthropic) in [
            (InvalidRequest, 400, "invalid_request_error", "invalid_request_error"),
            (Authentication, 401, "authentication_error", "authentication_error"),
            (Billing, 402, "insufficient_quota", "billing_error"),
            (Permission, 403, "permission_error", "permission_error"),
            (NotFound, 404, "invalid_request_error", "not_found_error"),
            (TooLarge, 413, "invalid_request_error", "request_too_large"),
            (RateLimit, 429, "rate_limit_error", "rate_limit_error"),
            (Internal, 500, "server_error", "api_error"),
        ] {
            for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
                assert_eq!(kind.status(dialect), status);
            }
            assert_eq!(kind.type_name(Dialect::OpenAi), openai);
            assert_eq!(kind.type_name(Dialect::Anthropic), anthropic);
        }
        assert_eq!(Overloaded.status(Dialect::Anthropic), 529);
        for policy in [ContentPolicy, Permission, InvalidRequest] {
            let status = policy.status(Dialect::OpenAi);
            assert!(status < 500 && status != 429, "an SDK would retry {status}");
        }
    }
}
