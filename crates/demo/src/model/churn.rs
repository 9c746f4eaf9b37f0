//! A churn model: a plain inference end-point that is not an LLM.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::server::Shared;

/// Logistic score over three features; a missing feature counts as zero.
pub(super) async fn score(State(shared): State<Shared>, Json(request): Json<Value>) -> Json<Value> {
    shared.seen.count_inference();
    let feature = |name: &str| request[name].as_f64().unwrap_or(0.0);
    let z = 0.8 * feature("support_calls") - 0.05 * feature("months") + 0.3 * feature("late_payments") - 1.0;
    Json(json!({"model": "churn", "version": "7", "churn": 1.0 / (1.0 + (-z).exp())}))
}
