//! The list of cases, filtered, sorted and paged; and single things with their tenant checked.

use casemate_finding::Severity;
use casemate_store::Store;
use casemate_store::model::{Approval, ApprovalId, Case, CaseId, CaseState, Run, RunId};
use serde::Deserialize;

use crate::limits::{CASES_WINDOW, PAGE_ROWS};
use crate::people::Scope;
use crate::problem::Problem;

/// Which cases are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// Every state but closed.
    Active,
    /// Every state.
    All,
    /// One state.
    One(CaseState),
}

impl StateFilter {
    /// The value in a query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::All => "all",
            Self::One(s) => s.as_str(),
        }
    }

    fn states(self) -> Vec<CaseState> {
        match self {
            Self::Active => CaseState::ALL.into_iter().filter(|s| *s != CaseState::Closed).collect(),
            Self::All => CaseState::ALL.to_vec(),
            Self::One(s) => vec![s],
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Last changed first.
    Updated,
    /// Last opened first.
    Opened,
    /// Highest risk first.
    Risk,
    /// Worst first.
    Severity,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 4] = [Self::Updated, Self::Opened, Self::Risk, Self::Severity];

    /// The value in a query.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Opened => "opened",
            Self::Risk => "risk",
            Self::Severity => "severity",
        }
    }
}

impl Sort {
    /// What people read in the list of orders.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Updated => "last changed",
            Self::Opened => "last opened",
            Self::Risk => "risk",
            Self::Severity => "severity",
        }
    }
}

/// What a query string asks for; what it does not say, or says wrongly, is the default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CaseQuery {
    /// `active` (default), `all`, or a state.
    pub state: String,
    /// A severity; empty means all.
    pub severity: String,
    /// See [`Sort`].
    pub sort: String,
    /// From 1.
    pub page: String,
}

impl CaseQuery {
    /// Which states.
    pub fn state(&self) -> StateFilter {
        match self.state.as_str() {
            "all" => StateFilter::All,
            s => CaseState::ALL.into_iter().find(|c| c.as_str() == s).map_or(StateFilter::Active, StateFilter::One),
        }
    }

    /// Which severity.
    pub fn severity(&self) -> Option<Severity> {
        Severity::parse(&self.severity)
    }

    /// Which order.
    pub fn sort(&self) -> Sort {
        Sort::ALL.into_iter().find(|s| s.as_str() == self.sort).unwrap_or(Sort::Updated)
    }

    /// Which page, from 1.
    pub fn page(&self) -> usize {
        self.page.parse().unwrap_or(1).max(1)
    }
}

/// One page of cases.
#[derive(Clone, Debug)]
pub struct CasePage {
    /// The rows of this page.
    pub rows: Vec<Case>,
    /// How many match.
    pub total: usize,
    /// This page, from 1.
    pub page: usize,
    /// How many pages.
    pub pages: usize,
    /// True if there were more cases of a state than a list looks at, so that old ones are missing here.
    pub cut: bool,
}

impl CasePage {
    /// Every case that `query` asks for, in its order, and whether there were more than a list looks at.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read_all(store: &dyn Store, scope: &Scope, query: &CaseQuery) -> Result<(Vec<Case>, bool), Problem> {
        let mut rows = Vec::new();
        let mut cut = false;
        for state in query.state().states() {
            let some = store.list_cases(&scope.0, Some(state), 0, CASES_WINDOW).await?;
            cut |= some.len() >= CASES_WINDOW as usize;
            rows.extend(some);
        }
        rows.retain(|c| scope.sees_case(c) && query.severity().is_none_or(|s| c.severity == s));
        match query.sort() {
            Sort::Updated => rows.sort_by_key(|c| std::cmp::Reverse(c.updated_at)),
            Sort::Opened => rows.sort_by_key(|c| std::cmp::Reverse(c.opened_at)),
            Sort::Risk => rows.sort_by(|a, b| b.risk.total_cmp(&a.risk)),
            Sort::Severity => rows.sort_by_key(|c| std::cmp::Reverse((c.severity, c.updated_at))),
        }
        Ok((rows, cut))
    }

    /// One page of what `query` asks for.
    ///
    /// # Errors
    /// What the store says.
    pub async fn read(store: &dyn Store, scope: &Scope, query: &CaseQuery) -> Result<Self, Problem> {
        let (rows, cut) = Self::read_all(store, scope, query).await?;
        let total = rows.len();
        let per_page = PAGE_ROWS as usize;
        let pages = total.div_ceil(per_page).max(1);
        let page = query.page().min(pages);
        let rows = rows.into_iter().skip((page - 1) * per_page).take(per_page).collect();
        Ok(Self { rows, total, page, pages, cut })
    }
}

/// One case that this person may see.
///
/// # Errors
/// 404 also for a case of another tenant.
pub async fn load_case(store: &dyn Store, scope: &Scope, id: &str) -> Result<Case, Problem> {
    let case = store.case(&CaseId::from(id)).await?;
    if scope.sees(&case.tenant) { Ok(case) } else { Err(Problem::not_found("case")) }
}

/// One run that this person may see.
///
/// # Errors
/// 404 also for a run of another tenant.
pub async fn load_run(store: &dyn Store, scope: &Scope, id: &str) -> Result<Run, Problem> {
    let run = store.run(&RunId::from(id)).await?;
    if scope.sees(&run.tenant) { Ok(run) } else { Err(Problem::not_found("run")) }
}

/// One approval that this person may see.
///
/// # Errors
/// 404 also for an approval of another tenant.
pub async fn load_approval(store: &dyn Store, scope: &Scope, id: &str) -> Result<Approval, Problem> {
    let approval = store.approval(&ApprovalId::from(id)).await?;
    if scope.sees(&approval.tenant) { Ok(approval) } else { Err(Problem::not_found("approval")) }
}
