//! What goes wrong in a request, in words that say what to do; shown as a page or as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use casemate_store::StoreError;
use serde_json::json;

use crate::assets;
use crate::entropy::NoEntropy;
use askama::Template;

/// A refusal or failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable name for programs.
    pub code: &'static str,
    /// What happened, one sentence.
    pub message: String,
    /// What to do, one sentence.
    pub remedy: String,
}

impl Problem {
    /// A problem from its parts.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), remedy: remedy.into() }
    }

    /// Nothing of that id that this person may see: a thing of another tenant reads the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("There is no {what} here."),
            "Check the address, or look for it in its list.",
        )
    }

    /// The caller has not shown who they are.
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "This needs a log-in or a bearer token that is still good.",
            "Log in again, or make an API token with `casemate token create` and send it as `Authorization: Bearer …`.",
        )
    }

    /// The role is not enough.
    pub fn forbidden(needed: &str, has: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            format!("This needs the role {needed}; yours is {has}."),
            "Ask an admin to change your role, or somebody who has it to do this.",
        )
    }

    /// The form did not carry this session's token.
    pub fn csrf() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "csrf",
            "The form does not belong to this log-in, so nothing was changed.",
            "Go back, reload the page and send the form again.",
        )
    }

    /// What was sent cannot be used.
    pub fn invalid(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message, remedy)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { kind, .. } => Self::not_found(kind),
            StoreError::Conflict { why, .. } => Self::new(
                StatusCode::CONFLICT,
                "conflict",
                format!("This was refused: {why}."),
                "Reload to see the present state, then decide again.",
            ),
            error @ (StoreError::Full { .. } | StoreError::Locked { .. } | StoreError::Unavailable { .. }) => {
                tracing::error!(%error, "the store does not answer");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store_unavailable",
                    "The store does not take or give data at the moment; nothing was changed.",
                    "Try again shortly; the console's log says why, and `casemate doctor` what to do.",
                )
            }
            error => {
                tracing::error!(%error, "the store's data cannot be used");
                Self::internal()
            }
        }
    }
}

impl Problem {
    /// A failure of ours.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The console could not do this.",
            "Try again; if it stays, the console's log says why at the time of this request.",
        )
    }
}

impl From<NoEntropy> for Problem {
    fn from(error: NoEntropy) -> Self {
        tracing::error!(%error, "no random bytes");
        Self::internal()
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be rendered");
        Self::internal()
    }
}

/// A problem answered as a page.
#[derive(Debug)]
pub struct PageProblem(pub Problem);

/// A problem answered as JSON: `{"error": {"code", "message", "remedy"}}`.
#[derive(Debug)]
pub struct ApiProblem(pub Problem);

impl<E: Into<Problem>> From<E> for PageProblem {
    fn from(e: E) -> Self {
        Self(e.into())
    }
}

impl<E: Into<Problem>> From<E> for ApiProblem {
    fn from(e: E) -> Self {
        Self(e.into())
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    problem: &'a Problem,
    heading: &'a str,
    css: &'a str,
}

impl IntoResponse for PageProblem {
    fn into_response(self) -> Response {
        let heading = match self.0.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::CONFLICT => "It has changed meanwhile",
            StatusCode::TOO_MANY_REQUESTS => "Too many tries",
            s if s.is_server_error() => "Something failed",
            _ => "That did not work",
        };
        let page = ProblemPage { problem: &self.0, heading, css: assets::url("console.css") };
        match page.render() {
            Ok(html) => (self.0.status, Html(html)).into_response(),
            Err(_) => (self.0.status, self.0.message).into_response(),
        }
    }
}

impl IntoResponse for ApiProblem {
    fn into_response(self) -> Response {
        let Problem { status, code, message, remedy } = self.0;
        (status, Json(json!({"error": {"code": code, "message": message, "remedy": remedy}}))).into_response()
    }
}
