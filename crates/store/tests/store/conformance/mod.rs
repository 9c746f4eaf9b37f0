//! What every back end must do. Each function takes an empty store.

use std::sync::Arc;

use casemate_store::Store;

mod alerts;
pub mod approvals;
mod cases;
mod containments;
mod events;
mod ledgers;
mod people;
mod rulings;
mod runs;
pub mod samples;

/// Runs the whole suite; `fresh` makes an empty store for each part.
pub async fn all<F, Fut>(fresh: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Store>>,
{
    people::keys(fresh().await).await;
    people::people_and_sessions(fresh().await).await;
    people::components(fresh().await).await;
    containments::once_and_until(fresh().await).await;
    rulings::once_until_and_withdrawn(fresh().await).await;
    events::in_order_and_once(fresh().await).await;
    alerts::deliveries_are_one_alert(fresh().await).await;
    alerts::equal_content_within_a_window(fresh().await).await;
    alerts::one_batch_like_many_calls(fresh().await).await;
    alerts::triage_is_recorded_once(fresh().await).await;
    alerts::runs_begin_with_their_case(fresh().await).await;
    alerts::dead_letters(fresh().await).await;
    cases::life_of_a_case(fresh().await).await;
    cases::triage_does_not_undo_people(fresh().await).await;
    cases::closed_incidents_take_no_alerts(fresh().await).await;
    cases::lists(fresh().await).await;
    runs::log_and_intents(fresh().await).await;
    runs::positions_are_fought_for(fresh().await).await;
    approvals::votes(fresh().await).await;
    approvals::expiry(fresh().await).await;
    approvals::tool_calls_pass_once(fresh().await).await;
    approvals::tool_calls_lapse_and_stay_denied(fresh().await).await;
    approvals::tool_calls_that_wait_are_bounded(fresh().await).await;
    let one = fresh().await;
    approvals::one_of_many_claims_wins(vec![one.clone(), one]).await;
    ledgers::evidence_chain(fresh().await).await;
    ledgers::audit_chain(fresh().await).await;
    ledgers::changes_count_only_writes(fresh().await).await;
    ledgers::many_callers_at_once(fresh().await).await;
}
