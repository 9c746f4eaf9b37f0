//! The JSON API below `/api/v1`. One slice of [`Operation`]s is the router, the OpenAPI document and what the tests walk, so
//! that none of the three can say something else than the others.

mod handlers;
mod openapi;
mod schema;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, post};
use casemate_store::model::Role;
use serde_json::Value;

use crate::app::App;
use crate::limits::PRESIDIO_BODY_BYTES_MAX;
use crate::presidio::handlers as presidio;
use crate::problem::{ApiProblem, Problem};

pub use openapi::document as openapi;

/// One operation of the API.
pub(crate) struct Operation {
    /// `get` or `post`.
    pub method: &'static str,
    /// Path below `/api/v1`, in OpenAPI's and axum's common form.
    pub path: &'static str,
    /// Stable name.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Least role; none for what needs no log-in.
    pub role: Option<Role>,
    /// Query parameters: name and what it does.
    pub query: &'static [(&'static str, &'static str)],
    /// Schema of the body, if it takes one.
    pub body: Option<fn() -> Value>,
    /// Status of success.
    pub status: u16,
    /// Schema of the answer.
    pub answer: fn() -> Value,
    /// What serves it.
    pub serve: fn() -> MethodRouter<App>,
}

const LIMIT: (&str, &str) = ("limit", "rows at most, 1 to 200; default 50");
const PAGING: &[(&str, &str)] = &[("offset", "rows to skip, from 0"), LIMIT];

macro_rules! op {
    ($method:ident $path:literal $id:literal $summary:literal role $role:expr, query $query:expr, body $body:expr,
     $status:literal $answer:expr, $handler:path) => {
        Operation {
            method: stringify!($method),
            path: $path,
            id: $id,
            summary: $summary,
            role: $role,
            query: $query,
            body: $body,
            status: $status,
            answer: $answer,
            serve: || $method($handler),
        }
    };
}

/// Every operation, in the order of the document.
pub(crate) static OPERATIONS: &[Operation] = &[
    op!(get "/status" "getStatus" "Components, traffic, and counts of cases and approvals"
        role Some(Role::Viewer), query &[], body None, 200 schema::status, handlers::status),
    op!(get "/cases" "listCases" "Cases, filtered and sorted"
        role Some(Role::Viewer), query &[
            ("state", "active (default), all, or open, working, waiting, handed_off, closed"),
            ("severity", "info, low, medium, high or critical; default all"),
            ("sort", "updated (default), opened, risk or severity"),
            ("page", "from 1; 25 cases each"),
        ], body None, 200 schema::cases, handlers::cases),
    op!(get "/cases/{id}" "getCase" "One case with its runs, approvals and evidence"
        role Some(Role::Viewer), query &[], body None, 200 schema::case_full, handlers::case),
    op!(get "/cases/{id}/alerts" "listAlerts" "Alerts of a case, newest first"
        role Some(Role::Viewer), query PAGING, body None, 200 schema::alerts, handlers::alerts),
    op!(get "/cases/{id}/timeline" "getTimeline" "History of a case, oldest first"
        role Some(Role::Viewer), query &[("after", "position after which to begin"), LIMIT],
        body None, 200 schema::timeline, handlers::timeline),
    op!(post "/cases/{id}/notes" "addNote" "Adds a note to a case"
        role Some(Role::Analyst), query &[], body Some(schema::note), 200 schema::done, handlers::note),
    op!(get "/runs" "listRuns" "Playbook runs, newest first"
        role Some(Role::Viewer), query PAGING, body None, 200 schema::runs, handlers::runs),
    op!(get "/runs/{id}" "getRun" "One run: its steps by phase and its log"
        role Some(Role::Viewer), query &[], body None, 200 schema::run_full, handlers::run),
    op!(get "/approvals" "listApprovals" "Questions that wait for people, oldest first"
        role Some(Role::Viewer), query &[
            ("case", "all of this case instead, answered ones too"),
            ("all", "1: the newest in any state instead, newest first"),
            LIMIT,
        ], body None,
        200 schema::approvals, handlers::approvals),
    op!(get "/approvals/{id}" "getApproval" "One question"
        role Some(Role::Viewer), query &[], body None, 200 schema::approval, handlers::approval),
    op!(post "/approvals/{id}/decide" "decideApproval"
        "Answers a question; `digest` is the `command_digest` that was seen"
        role Some(Role::Approver), query &[], body Some(schema::decision), 200 schema::approval, handlers::decide),
    op!(get "/keys" "listKeys" "API keys of the gateway, without their digests"
        role Some(Role::Viewer), query &[], body None, 200 schema::keys, handlers::keys),
    op!(post "/keys" "createKey" "Makes an API key; it is in this answer and nowhere else"
        role Some(Role::Engineer), query &[], body Some(schema::new_key), 201 schema::fresh_key, handlers::create_key),
    op!(post "/keys/{id}/revoke" "revokeKey" "Revokes an API key"
        role Some(Role::Engineer), query &[], body None, 200 schema::done, handlers::revoke_key),
    op!(get "/containments" "listContainments" "Blocks and limits: those in force, or the newest"
        role Some(Role::Viewer), query &[("all", "1: ended ones too")], body None,
        200 schema::containments, handlers::containments),
    op!(post "/containments" "createContainment" "Blocks or limits by hand, always with an end"
        role Some(Role::Engineer), query &[], body Some(schema::new_containment),
        201 schema::containment, handlers::contain),
    op!(post "/containments/{id}/lift" "liftContainment" "Ends a containment early"
        role Some(Role::Engineer), query &[], body None, 200 schema::done, handlers::lift),
    op!(get "/events" "listEvents" "The newest events of gateway and gate"
        role Some(Role::Viewer), query &[LIMIT], body None, 200 schema::events, handlers::events),
    op!(get "/playbooks" "listPlaybooks" "Playbooks of this installation"
        role Some(Role::Viewer), query &[], body None, 200 schema::playbooks, handlers::playbooks),
    op!(get "/audit" "listAudit" "The newest entries of the audit log"
        role Some(Role::Viewer), query &[LIMIT], body None, 200 schema::audit, handlers::audit),
    op!(post "/analyze" "analyze" "What is personal in a text, as Presidio's analyzer answers; also at the root"
        role Some(Role::Viewer), query &[], body Some(schema::analyze), 200 schema::analyzed, presidio::analyze),
    op!(post "/anonymize" "anonymize" "A text without what an analyzer recognised in it, as Presidio's anonymizer answers; also at the root"
        role Some(Role::Viewer), query &[], body Some(schema::anonymize), 200 schema::anonymized, presidio::anonymize),
    op!(get "/supportedentities" "supportedEntities" "Labels that /analyze can give; also at the root"
        role Some(Role::Viewer), query &[("language", "chooses nothing: the rules are of all languages")], body None,
        200 schema::texts, presidio::supported_entities),
    op!(get "/recognizers" "recognizers" "Ids of the rules behind /analyze; also at the root"
        role Some(Role::Viewer), query &[("language", "chooses nothing: the rules are of all languages")], body None,
        200 schema::texts, presidio::recognizers),
    op!(get "/anonymizers" "anonymizers" "Operators that /anonymize takes; also at the root"
        role Some(Role::Viewer), query &[], body None, 200 schema::texts, presidio::anonymizers),
    op!(get "/health" "health" "Answers when analyzer and anonymizer do; also at the root"
        role None, query &[], body None, 200 schema::text, presidio::health),
    op!(get "/openapi.json" "getOpenApi" "This document"
        role None, query &[], body None, 200 schema::any, handlers::openapi),
];

/// The operations that Presidio has at the root of its services.
const PRESIDIO: &[&str] = &["/analyze", "/anonymize", "/supportedentities", "/recognizers", "/anonymizers", "/health"];

/// These operations, for the root: what calls Presidio need not learn a path.
pub fn presidio_router() -> Router<App> {
    let ops = OPERATIONS.iter().filter(|op| PRESIDIO.contains(&op.path));
    let router = ops.fold(Router::new(), |router, op| router.route(op.path, (op.serve)()));
    router.layer(DefaultBodyLimit::max(PRESIDIO_BODY_BYTES_MAX))
}

/// The API's routes.
pub fn router() -> Router<App> {
    let mut router = Router::new();
    for op in OPERATIONS.iter().filter(|op| !PRESIDIO.contains(&op.path)) {
        router = router.route(op.path, (op.serve)());
    }
    router
        .merge(presidio_router())
        .fallback(async || ApiProblem(Problem::not_found("operation")))
        .method_not_allowed_fallback(async || {
            ApiProblem(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This path does not take that method.",
                "See /api/v1/openapi.json for what it takes.",
            ))
        })
}
