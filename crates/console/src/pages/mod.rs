//! The pages: each handler reads what its person may see, and renders one template.

pub mod approvals;
pub mod audit;
pub mod case;
pub mod cases;
pub mod gateway;
pub mod live;
pub mod log_in;
pub mod overview;
pub mod people;
pub mod playbooks;
pub mod runs;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use crate::guard::Visitor;
use crate::problem::{PageProblem, Problem};

/// What a page handler returns.
pub type Page = Result<Response, PageProblem>;

/// A template as an answer.
pub(crate) fn page(template: &impl askama::Template) -> Page {
    Ok(Html(template.render()?).into_response())
}

/// See other: the answer to a form that changed something.
pub(crate) fn see(path: &str) -> Page {
    Ok(axum::response::Redirect::to(path).into_response())
}

/// What a redirect after a form said.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Done {
    /// A code that [`crate::frame::Frame`] knows the text for.
    pub done: Option<String>,
}

/// Everything that is not there, for people who are logged in; others are sent to the log-in.
pub async fn not_found(_: Visitor) -> Response {
    PageProblem(Problem::not_found("page")).into_response()
}

/// Answers probes: the console is up. It tells nothing else.
pub async fn healthz() -> StatusCode {
    StatusCode::NO_CONTENT
}
