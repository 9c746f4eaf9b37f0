//! `/runs`: playbook runs, and one of them step by step.

use askama::Template;
use axum::extract::{Path, Query, State};
use casemate_store::model::{ApprovalState, Decision, Run};
use serde::Deserialize;

use super::approvals::Asked;
use super::{Page, page};
use crate::app::App;
use crate::data::{RunView, StepView, load_run};
use crate::draw::{self, Markup};
use crate::frame::{Frame, Place};
use crate::guard::Visitor;
use crate::limits::PAGE_ROWS;
use crate::words;

/// Query of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RunsView {
    page: String,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct RunsPage {
    f: Frame,
    runs: Vec<Run>,
    page: u64,
    more: bool,
}

/// `GET /runs`
pub async fn list(State(app): State<App>, Query(view): Query<RunsView>, Visitor(standing): Visitor) -> Page {
    let page_no = view.page.parse::<u64>().unwrap_or(1).clamp(1, 1_000_000);
    let per_page = PAGE_ROWS as usize;
    let offset = (page_no - 1) * u64::from(PAGE_ROWS);
    let mut runs = app.store.list_runs(&standing.scope().0, offset, PAGE_ROWS + 1).await?;
    let more = runs.len() > per_page;
    runs.truncate(per_page);
    page(&RunsPage { f: Frame::of(&app, &standing, Place::Runs, "Runs", None).await?, runs, page: page_no, more })
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    f: Frame,
    run: Run,
    view: RunView,
    graph: Markup,
    asked: Vec<Asked>,
}

impl RunPage {
    /// Where answers lead back to.
    fn path(&self) -> String {
        format!("/runs/{}", self.run.id)
    }

    /// Position of a step in the graph.
    fn place_of(&self, step: &StepView) -> usize {
        self.view.steps.iter().position(|s| std::ptr::eq(s, step)).unwrap_or(0)
    }
}

/// `GET /runs/{id}`
pub async fn show(State(app): State<App>, Path(id): Path<String>, Visitor(standing): Visitor) -> Page {
    let store = app.store.as_ref();
    let run = load_run(store, &standing.scope(), &id).await?;
    let view = RunView::of(&run, &store.run_events(&run.id).await?);
    let approvals = store.approvals_of_case(&run.case).await?;
    let waiting =
        approvals.into_iter().filter(|a| a.run.as_ref() == Some(&run.id) && a.state == ApprovalState::Pending);
    let asked = waiting.map(|a| Asked::of(a, &standing, app.now())).collect();
    let f = Frame::of(&app, &standing, Place::Runs, run.playbook_name.clone(), None).await?;
    page(&RunPage { f, graph: draw::step_graph(&view), view, run, asked })
}
