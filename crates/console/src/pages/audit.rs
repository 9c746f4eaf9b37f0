//! `GET /audit`: who changed what.

use askama::Template;
use axum::extract::{Query, State};
use casemate_store::model::AuditEntry;
use serde::Deserialize;

use super::{Page, page};
use crate::app::App;
use crate::data::audit_entries;
use crate::frame::{Frame, Place};
use crate::guard::Visitor;
use crate::limits::API_ROWS_MAX;
use crate::words;

/// Query of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AuditView {
    verify: Option<String>,
    actor: String,
}

/// What a walk along the chain found.
enum Chain {
    Unread,
    Whole,
    Broken(i64),
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    f: Frame,
    entries: Vec<AuditEntry>,
    actor: String,
    chain: Chain,
}

/// The page; the whole chain is walked only when asked for.
pub async fn show(State(app): State<App>, Query(view): Query<AuditView>, Visitor(standing): Visitor) -> Page {
    let store = app.store.as_ref();
    let mut entries = audit_entries(store, &standing.scope(), API_ROWS_MAX as usize).await?;
    let actor = view.actor.trim().to_owned();
    if !actor.is_empty() {
        entries.retain(|e| e.actor == actor);
    }
    let chain = match view.verify {
        None => Chain::Unread,
        Some(_) => store.verify_audit().await?.map_or(Chain::Whole, Chain::Broken),
    };
    let f = Frame::of(&app, &standing, Place::Audit, "Audit", None).await?;
    page(&AuditPage { f, entries, actor, chain })
}
