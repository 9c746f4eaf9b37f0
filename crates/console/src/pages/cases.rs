//! `GET /cases`: the list.

use askama::Template;
use axum::extract::{Query, State};
use casemate_finding::Severity;
use casemate_store::model::CaseState;

use super::{Page, page};
use crate::app::App;
use crate::data::{CasePage, CaseQuery, Sort, StateFilter};
use crate::draw;
use crate::frame::{Frame, Place};
use crate::guard::Visitor;
use crate::words;

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    f: Frame,
    found: CasePage,
    state: StateFilter,
    severity: Option<Severity>,
    sort: Sort,
    counts: Vec<(CaseState, u64)>,
}

impl CasesPage {
    /// The address of this list with another state, keeping the rest.
    fn with_state(&self, state: &str) -> String {
        self.address(state, 1)
    }

    fn is_state(&self, state: &CaseState) -> bool {
        self.state == StateFilter::One(*state)
    }

    fn is_severity(&self, severity: &Severity) -> bool {
        self.severity == Some(*severity)
    }

    /// The address of another page of this list.
    fn with_page(&self, page: usize) -> String {
        self.address(self.state.as_str(), page)
    }

    fn address(&self, state: &str, page: usize) -> String {
        let severity = self.severity.map_or("", Severity::as_str);
        let mut out = format!("/cases?state={state}&severity={severity}&sort={}", self.sort.as_str());
        if page > 1 {
            out.push_str(&format!("&page={page}"));
        }
        out
    }

    fn count_of(&self, state: &CaseState) -> u64 {
        self.counts.iter().find(|(s, _)| s == state).map_or(0, |(_, n)| *n)
    }

    fn active(&self) -> u64 {
        self.counts.iter().filter(|(s, _)| *s != CaseState::Closed).map(|(_, n)| n).sum()
    }
}

/// The page.
pub async fn show(State(app): State<App>, Query(query): Query<CaseQuery>, Visitor(standing): Visitor) -> Page {
    let scope = standing.scope();
    page(&CasesPage {
        f: Frame::of(&app, &standing, Place::Cases, "Cases", None).await?,
        found: CasePage::read(app.store.as_ref(), &scope, &query).await?,
        state: query.state(),
        severity: query.severity(),
        sort: query.sort(),
        counts: app.store.count_cases(&scope.0).await?,
    })
}
