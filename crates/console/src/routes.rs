//! Where everything is: pages, assets, the live stream, and the API below `/api/v1`.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use crate::app::App;
use crate::limits::BODY_BYTES_MAX;
use crate::pages::{approvals, audit, case, cases, gateway, live, log_in, overview, people, playbooks, runs};
use crate::{api, assets, headers, pages};

/// Every route, with the headers that every answer carries.
pub fn router(app: App) -> Router {
    let secure_cookies = app.settings.secure_cookies;
    let router = Router::new()
        .route("/", get(overview::show))
        .route("/cases", get(cases::show))
        .route("/cases/{id}", get(case::show))
        .route("/cases/{id}/note", post(case::note))
        .route("/cases/{id}/assign", post(case::assign))
        .route("/cases/{id}/state", post(case::move_to))
        .route("/cases/{id}/close", post(case::close))
        .route("/approvals", get(approvals::show))
        .route("/approvals/{id}", get(approvals::one).post(approvals::answer))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::show))
        .route("/gateway", get(gateway::show))
        .route("/gateway/keys", post(gateway::create_key))
        .route("/gateway/keys/{id}/revoke", post(gateway::revoke_key))
        .route("/gateway/containments", post(gateway::contain))
        .route("/gateway/containments/{id}/lift", post(gateway::lift))
        .route("/playbooks", get(playbooks::list))
        .route("/playbooks/{name}", get(playbooks::show))
        .route("/audit", get(audit::show))
        .route("/people", get(people::show).post(people::create))
        .route("/people/{name}", post(people::change))
        .route("/login", get(log_in::show).post(log_in::submit))
        .route("/logout", post(log_in::log_out))
        .route("/password", get(log_in::show_password).post(log_in::change_password))
        .route("/live", get(live::stream))
        .route("/healthz", get(pages::healthz))
        .route("/assets/{file}", get(assets::serve))
        .nest("/api/v1", api::router())
        .merge(api::presidio_router())
        .fallback(pages::not_found)
        .with_state(app)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(headers::secure));
    if secure_cookies { router.layer(middleware::from_fn(headers::strict_transport)) } else { router }
}
