//! What the pages and the API show, read from the store within a person's tenant.

mod cases;
mod decision;
mod log;
mod run_log;
mod run_view;
mod traffic;

pub use cases::{CasePage, CaseQuery, Sort, StateFilter, load_approval, load_case, load_run};
pub use decision::Arithmetic;
pub use log::{audit_entries, events};
#[cfg(test)]
pub use run_view::Walk;
pub use run_view::{Edge, RunView, StepView};
pub use traffic::{Component, Minute, Traffic, components, nightly_refit};
