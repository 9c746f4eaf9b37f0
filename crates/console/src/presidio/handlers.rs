//! What serves each operation.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::analyse::{self, AnalyzeBody};
use super::anonymise::{self, AnonymizeBody};
use super::operator;
use crate::app::App;
use crate::guard::{ApiCaller, ApiJson};
use crate::problem::{ApiProblem, Problem};

type Answer = Result<Json<Value>, ApiProblem>;

/// Runs work that takes a processor for a while off the threads that serve.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "an analysis did not end");
        Problem::internal()
    })?
}

/// `analyze`
pub async fn analyze(State(app): State<App>, ApiCaller(_): ApiCaller, ApiJson(body): ApiJson<AnalyzeBody>) -> Answer {
    let names = app.extras.names.clone();
    Ok(Json(aside(move || analyse::analyse(body, names.as_deref())).await?))
}

/// `anonymize`
pub async fn anonymize(
    State(app): State<App>,
    ApiCaller(_): ApiCaller,
    ApiJson(body): ApiJson<AnonymizeBody>,
) -> Answer {
    let entropy = app.extras.entropy.clone();
    let done = aside(move || anonymise::anonymise(body, &entropy)).await?;
    Ok(Json(serde_json::to_value(done).map_err(|_| Problem::internal())?))
}

/// `supportedEntities`
pub async fn supported_entities(State(app): State<App>, ApiCaller(_): ApiCaller) -> Json<Vec<&'static str>> {
    Json(analyse::labels(app.extras.names.is_some()))
}

/// `recognizers`
pub async fn recognizers(State(app): State<App>, ApiCaller(_): ApiCaller) -> Json<Vec<&'static str>> {
    Json(analyse::recognizers(app.extras.names.is_some()))
}

/// `anonymizers`
pub async fn anonymizers(ApiCaller(_): ApiCaller) -> Json<&'static [&'static str]> {
    Json(operator::NAMES)
}

/// `health`
pub async fn health() -> Json<&'static str> {
    Json("Casemate: analyzer and anonymizer are up")
}
