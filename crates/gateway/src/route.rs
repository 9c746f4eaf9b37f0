//! Paths to routes. The path is normalised by refusing every spelling but one: what is authorised is what is matched.

use casemate_wire::Dialect;
use http::Method;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/messages`
    Messages,
    /// `GET /v1/models`
    Models,
    /// `POST /infer/{endpoint}`
    Infer {
        /// The name in the path.
        endpoint: String,
    },
    /// `GET /healthz`
    Health,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// No such path.
    NotFound,
    /// The path exists for another method.
    Method {
        /// The one that it exists for.
        allowed: &'static str,
    },
    /// The path is spelled in a way that another server could read otherwise.
    Spelling,
}

impl Route {
    /// The dialect of its errors.
    pub const fn dialect(&self) -> Dialect {
        match self {
            Self::Messages => Dialect::Anthropic,
            _ => Dialect::OpenAi,
        }
    }

    /// The path that scopes of keys speak about.
    pub fn path(&self) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".into(),
            Self::Messages => "/v1/messages".into(),
            Self::Models => "/v1/models".into(),
            Self::Infer { endpoint } => format!("/infer/{endpoint}"),
            Self::Health => "/healthz".into(),
        }
    }
}

/// The dialect in which an unknown path is refused.
pub fn dialect_of_path(path: &str) -> Dialect {
    if path.starts_with("/v1/messages") { Dialect::Anthropic } else { Dialect::OpenAi }
}

/// Finds the route. Escapes, double slashes, dot segments, backslashes and `;` are refused instead of resolved.
///
/// # Errors
/// [`NoRoute`].
pub fn find(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let odd = path.bytes().any(|b| matches!(b, b'%' | b'\\' | b';') || b <= b' ' || b >= 0x7f);
    if odd || path.contains("//") || path.split('/').any(|s| s == "." || s == "..") {
        return Err(NoRoute::Spelling);
    }
    let (route, allowed) = match path {
        "/v1/chat/completions" => (Route::Chat, Method::POST),
        "/v1/messages" => (Route::Messages, Method::POST),
        "/v1/models" => (Route::Models, Method::GET),
        "/healthz" => (Route::Health, Method::GET),
        _ => match path.strip_prefix("/infer/") {
            Some(name) if !name.is_empty() && !name.contains('/') => {
                (Route::Infer { endpoint: name.to_owned() }, Method::POST)
            }
            _ => return Err(NoRoute::NotFound),
        },
    };
    if *method == allowed || (*method == Method::HEAD && route == Route::Health) {
        return Ok(route);
    }
    Err(NoRoute::Method { allowed: if allowed == Method::POST { "POST" } else { "GET" } })
}

#[cfg(test)]
mod tests {
    use super::{NoRoute, Route, find};
    use http::Method;

    #[test]
    fn one_spelling_leads_to_each_route() {
        assert_eq!(find(&Method::POST, "/v1/chat/completions"), Ok(Route::Chat));
        assert_eq!(find(&Method::POST, "/infer/churn"), Ok(Route::Infer { endpoint: "churn".into() }));
        assert_eq!(find(&Method::GET, "/v1/messages"), Err(NoRoute::Method { allowed: "POST" }));
        for path in ["/v1/files", "/", "/infer/", "/infer/a/b", "/v1/chat/completions/", "/V1/chat/completions"] {
            assert_eq!(find(&Method::POST, path), Err(NoRoute::NotFound), "{path}");
        }
        for path in [
            "/v1/%63hat/completions",
            "//v1/messages",
            "/v1/./messages",
            "/v1/x/../messages",
            "/v1\\messages",
            "/v1/messages;x",
        ] {
            assert_eq!(find(&Method::POST, path), Err(NoRoute::Spelling), "{path}");
        }
    }
}
