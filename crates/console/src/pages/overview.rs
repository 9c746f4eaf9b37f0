//! `GET /`: how things stand, on one page.

use askama::Template;
use axum::extract::{Query, State};
use casemate_finding::Severity;
use casemate_store::model::{Approval, Case, CaseState, DeadLetter, EventRecord};

use super::{Done, Page, page};
use crate::app::App;
use crate::data::{CasePage, CaseQuery, Component, Traffic, components, events};
use crate::draw::{self, Markup};
use crate::frame::{Frame, Place};
use crate::guard::Visitor;
use crate::words;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    f: Frame,
    all_tenants: bool,
    traffic: Traffic,
    chart: Markup,
    severities: Vec<(Severity, u64)>,
    active: u64,
    cases: Vec<Case>,
    approvals: Vec<Approval>,
    components: Vec<Component>,
    events: Vec<EventRecord>,
    dead: Vec<DeadLetter>,
}

/// Rows in each of the short lists.
const ROWS: usize = 6;

/// The page.
pub async fn show(State(app): State<App>, Query(done): Query<Done>, Visitor(standing): Visitor) -> Page {
    let scope = standing.scope();
    let store = app.store.as_ref();
    let components = components(store, app.now()).await?;
    let traffic = if scope.is_all() { Traffic::of(&components, app.now()) } else { Traffic::default() };
    let counts = store.count_cases(&scope.0).await?;
    let active = counts.iter().filter(|(s, _)| *s != CaseState::Closed).map(|(_, n)| n).sum();
    let all = CasePage::read_all(store, &scope, &CaseQuery::default()).await?.0;
    let mut severities: Vec<(Severity, u64)> = Severity::ALL.into_iter().rev().map(|s| (s, 0)).collect();
    for case in &all {
        if let Some(slot) = severities.iter_mut().find(|(s, _)| *s == case.severity) {
            slot.1 += 1;
        }
    }
    let mut cases = all;
    cases.sort_by_key(|c| std::cmp::Reverse((c.severity, c.updated_at)));
    cases.truncate(ROWS);
    let mut approvals = store.pending_approvals(&scope.0).await?;
    approvals.truncate(ROWS);
    let dead = if scope.is_all() { store.dead_letters(3).await? } else { Vec::new() };
    let page_data = OverviewPage {
        chart: draw::traffic_chart(&traffic.minutes),
        f: Frame::of(&app, &standing, Place::Overview, "Overview", done.done.as_deref()).await?,
        all_tenants: scope.is_all(),
        traffic,
        severities,
        active,

        cases,
        approvals,
        components,
        events: events(store, &scope, 8).await?,
        dead,
    };
    page(&page_data)
}
