//! `/playbooks`: what can run, and how it is written.

use askama::Template;
use axum::extract::{Path, State};
use casemate_store::model::Run;

use super::{Page, page};
use crate::app::{App, PlaybookSource};
use crate::data::RunView;
use crate::draw::{self, Markup};
use crate::frame::{Frame, Place};
use crate::guard::Visitor;
use crate::limits::API_ROWS_MAX;
use crate::problem::Problem;
use crate::words;

/// A playbook in the list.
struct Row {
    name: String,
    title: String,
    description: String,
    steps: usize,
    runs: usize,
    last: Option<Run>,
}

#[derive(Template)]
#[template(path = "playbooks.html")]
struct PlaybooksPage {
    f: Frame,
    rows: Vec<Row>,
}

fn text<'p>(p: &'p PlaybookSource, key: &str) -> &'p str {
    p.cacao.get(key).and_then(|v| v.as_str()).unwrap_or_default()
}

/// `GET /playbooks`
pub async fn list(State(app): State<App>, Visitor(standing): Visitor) -> Page {
    let runs = app.store.list_runs(&standing.scope().0, 0, API_ROWS_MAX).await?;
    let rows = app.extras.playbooks.iter().map(|p| {
        let of_this = |r: &&Run| r.playbook_name == text(p, "name") || r.playbook_name == p.name;
        Row {
            name: p.name.clone(),
            title: text(p, "name").to_owned(),
            description: text(p, "description").to_owned(),
            steps: p.cacao.get("workflow").and_then(|w| w.as_object()).map_or(0, serde_json::Map::len),
            runs: runs.iter().filter(of_this).count(),
            last: runs.iter().find(of_this).cloned(),
        }
    });
    let rows = rows.collect();
    page(&PlaybooksPage { f: Frame::of(&app, &standing, Place::Playbooks, "Playbooks", None).await?, rows })
}

#[derive(Template)]
#[template(path = "playbook.html")]
struct PlaybookPage {
    f: Frame,
    title: String,
    description: String,
    source: PlaybookSource,
    graph: Markup,
    cacao: String,
}

/// `GET /playbooks/{name}`
pub async fn show(State(app): State<App>, Path(name): Path<String>, Visitor(standing): Visitor) -> Page {
    let source = app.extras.playbooks.iter().find(|p| p.name == name).ok_or_else(|| Problem::not_found("playbook"))?;
    page(&PlaybookPage {
        f: Frame::of(&app, &standing, Place::Playbooks, text(source, "name"), None).await?,
        title: text(source, "name").to_owned(),
        description: text(source, "description").to_owned(),
        graph: draw::step_graph(&RunView::of_playbook(&source.cacao)),
        cacao: words::pretty(&source.cacao),
        source: source.clone(),
    })
}
