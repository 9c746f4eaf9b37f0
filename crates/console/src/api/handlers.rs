//! What serves each operation. Reads go through the same functions as the pages; so do writes.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use casemate_store::model::{ApiKey, CaseId, Decision, Role, Run, TimelineEntry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::data::{self, CasePage, CaseQuery, RunView, Traffic, load_approval, load_case, load_run};
use crate::guard::{ApiCaller, ApiJson};
use crate::limits::{API_ROWS_MAX, TEXT_CHARS_MAX};
use crate::pages::approvals::decide as decide_one;
use crate::pages::case::text_of;
use crate::pages::gateway::{self, NewContainment, NewKey};
use crate::problem::{ApiProblem, Problem};

type Answer = Result<Json<Value>, ApiProblem>;

/// Rows to skip and to give.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Paging {
    offset: String,
    after: String,
    limit: String,
}

impl Paging {
    fn offset(&self) -> u64 {
        self.offset.parse().unwrap_or(0).min(u64::from(u32::MAX))
    }

    fn limit(&self) -> u32 {
        self.limit.parse().unwrap_or(50).clamp(1, API_ROWS_MAX)
    }
}

fn json_of<T: Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::internal()
    })
}

fn run_json(run: &Run) -> Value {
    json!({
        "id": run.id, "tenant": run.tenant, "case": run.case, "playbook_name": run.playbook_name,
        "playbook_digest": run.playbook_digest, "state": run.state, "started_at": run.started_at,
        "updated_at": run.updated_at,
    })
}

fn key_json(key: &ApiKey, live: bool) -> Value {
    json!({
        "id": key.id, "tenant": key.tenant, "tier": key.tier, "name": key.name, "models": key.models,
        "routes": key.routes, "requests_per_min": key.requests_per_min, "tokens_per_min": key.tokens_per_min,
        "decoy": key.decoy, "created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at,
        "live": live,
    })
}

/// `getOpenApi`
pub async fn openapi() -> Json<Value> {
    Json(super::openapi::document())
}

/// `getStatus`
pub async fn status(State(app): State<App>, ApiCaller(by): ApiCaller) -> Answer {
    let (scope, now) = (by.scope(), app.now());
    let components = data::components(app.store.as_ref(), now).await?;
    let traffic = if scope.is_all() { json_of(&Traffic::of(&components, now))? } else { Value::Null };
    let listed: Vec<Value> = components
        .iter()
        .map(|c| {
            let s = &c.status;
            json!({"component": s.component, "instance": s.instance, "at": s.at, "up": c.up})
        })
        .collect();
    let counts = app.store.count_cases(&scope.0).await?;
    let cases: Map<String, Value> = counts.into_iter().map(|(s, n)| (s.as_str().to_owned(), n.into())).collect();
    let pending = app.store.pending_approvals(&scope.0).await?.len();
    Ok(Json(json!({"at": now, "components": listed, "traffic": traffic, "cases": cases, "pending_approvals": pending})))
}

/// `listCases`
pub async fn cases(State(app): State<App>, Query(query): Query<CaseQuery>, ApiCaller(by): ApiCaller) -> Answer {
    let found = CasePage::read(app.store.as_ref(), &by.scope(), &query).await?;
    let cases = json_of(&found.rows)?;
    Ok(Json(json!({"cases": cases, "total": found.total, "page": found.page, "pages": found.pages})))
}

/// `getCase`
pub async fn case(State(app): State<App>, Path(id): Path<String>, ApiCaller(by): ApiCaller) -> Answer {
    let store = app.store.as_ref();
    let case = load_case(store, &by.scope(), &id).await?;
    let runs: Vec<Value> = store.runs_of_case(&case.id).await?.iter().map(run_json).collect();
    let approvals = json_of(&store.approvals_of_case(&case.id).await?)?;
    let evidence = json_of(&store.evidence_of_case(&case.id).await?)?;
    Ok(Json(json!({"case": json_of(&case)?, "runs": runs, "approvals": approvals, "evidence": evidence})))
}

/// `listAlerts`
pub async fn alerts(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
    ApiCaller(by): ApiCaller,
) -> Answer {
    let case = load_case(app.store.as_ref(), &by.scope(), &id).await?;
    let alerts = app.store.alerts_of_case(&case.id, paging.offset(), paging.limit()).await?;
    Ok(Json(json!({"alerts": json_of(&alerts)?})))
}

/// `getTimeline`
pub async fn timeline(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(paging): Query<Paging>,
    ApiCaller(by): ApiCaller,
) -> Answer {
    let case = load_case(app.store.as_ref(), &by.scope(), &id).await?;
    let after = paging.after.parse().unwrap_or(0);
    let timeline = app.store.timeline(&case.id, after, paging.limit()).await?;
    Ok(Json(json!({"timeline": json_of(&timeline)?})))
}

/// Body of `addNote`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    text: String,
}

/// `addNote`
pub async fn note(
    State(app): State<App>,
    Path(id): Path<String>,
    ApiCaller(by): ApiCaller,
    ApiJson(sent): ApiJson<NoteBody>,
) -> Answer {
    by.needs(Role::Analyst)?;
    let case = load_case(app.store.as_ref(), &by.scope(), &id).await?;
    let text = text_of(&sent.text, "note", TEXT_CHARS_MAX)?.to_owned();
    let actor = by.person.name.clone();
    let entry = TimelineEntry { seq: 0, at: app.now(), actor, kind: "note".into(), text, data: json!({}) };
    app.store.append_timeline(&case.id, &entry, None).await?;
    app.audit(&by, &case.tenant, "case.note", case.id.as_str(), json!({})).await?;
    Ok(Json(json!({"ok": true})))
}

/// `listRuns`
pub async fn runs(State(app): State<App>, Query(paging): Query<Paging>, ApiCaller(by): ApiCaller) -> Answer {
    let runs = app.store.list_runs(&by.scope().0, paging.offset(), paging.limit()).await?;
    Ok(Json(json!({"runs": runs.iter().map(run_json).collect::<Vec<_>>()})))
}

/// `getRun`
pub async fn run(State(app): State<App>, Path(id): Path<String>, ApiCaller(by): ApiCaller) -> Answer {
    let run = load_run(app.store.as_ref(), &by.scope(), &id).await?;
    let view = RunView::of(&run, &app.store.run_events(&run.id).await?);
    let mut out = json_of(&view)?;
    out["run"] = run_json(&run);
    Ok(Json(out))
}

/// Query of `listApprovals`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OfCase {
    case: Option<String>,
    all: String,
    limit: String,
}

/// `listApprovals`
pub async fn approvals(State(app): State<App>, Query(of): Query<OfCase>, ApiCaller(by): ApiCaller) -> Answer {
    let approvals = match of.case {
        None if of.all == "1" => {
            let limit = Paging { limit: of.limit, ..Paging::default() }.limit();
            app.store.recent_approvals(&by.scope().0, limit).await?
        }
        None => app.store.pending_approvals(&by.scope().0).await?,
        Some(id) => {
            load_case(app.store.as_ref(), &by.scope(), &id).await?;
            app.store.approvals_of_case(&CaseId(id)).await?
        }
    };
    Ok(Json(json!({"approvals": json_of(&approvals)?})))
}

/// `getApproval`
pub async fn approval(State(app): State<App>, Path(id): Path<String>, ApiCaller(by): ApiCaller) -> Answer {
    Ok(Json(json_of(&load_approval(app.store.as_ref(), &by.scope(), &id).await?)?))
}

/// Body of `decideApproval`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideBody {
    decision: Decision,
    digest: String,
    #[serde(default)]
    reason: String,
}

/// `decideApproval`
pub async fn decide(
    State(app): State<App>,
    Path(id): Path<String>,
    ApiCaller(by): ApiCaller,
    ApiJson(sent): ApiJson<DecideBody>,
) -> Answer {
    Ok(Json(json_of(&decide_one(&app, &by, &id, sent.decision, &sent.digest, &sent.reason).await?)?))
}

/// `listKeys`
pub async fn keys(State(app): State<App>, ApiCaller(by): ApiCaller) -> Answer {
    let now = app.now();
    let keys = app.store.list_keys(by.scope().one()).await?;
    Ok(Json(json!({"keys": keys.iter().map(|k| key_json(k, k.is_live(now))).collect::<Vec<_>>()})))
}

/// Body of `createKey`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    name: String,
    tier: String,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    days: Option<u32>,
}

/// `createKey`
pub async fn create_key(
    State(app): State<App>,
    ApiCaller(by): ApiCaller,
    ApiJson(sent): ApiJson<KeyBody>,
) -> Result<impl IntoResponse, ApiProblem> {
    let days = sent.days.map_or_else(String::new, |d| d.to_string());
    let wanted = NewKey::by_api(sent.name, sent.tier, sent.tenant, days);
    let (key, secret) = gateway::make_key(&app, &by, &wanted).await?;
    let body = json!({"key": key_json(&key, key.is_live(app.now())), "secret": secret.expose()});
    Ok((StatusCode::CREATED, Json(body)))
}

/// `revokeKey`
pub async fn revoke_key(State(app): State<App>, Path(id): Path<String>, ApiCaller(by): ApiCaller) -> Answer {
    gateway::revoke(&app, &by, &id).await?;
    Ok(Json(json!({"ok": true})))
}

/// Query of `listContainments`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndedToo {
    all: String,
}

/// `listContainments`
pub async fn containments(State(app): State<App>, Query(q): Query<EndedToo>, ApiCaller(by): ApiCaller) -> Answer {
    let (active, recent) = gateway::containments(&app, &by.scope()).await?;
    Ok(Json(json!({"containments": json_of(if q.all == "1" { &recent } else { &active })?})))
}

/// Body of `createContainment`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContainmentBody {
    kind: String,
    value: String,
    effect: String,
    #[serde(default)]
    requests_per_min: Option<u32>,
    minutes: u32,
    reason: String,
}

/// `createContainment`
pub async fn contain(
    State(app): State<App>,
    ApiCaller(by): ApiCaller,
    ApiJson(sent): ApiJson<ContainmentBody>,
) -> Result<impl IntoResponse, ApiProblem> {
    let limit = sent.requests_per_min.map_or_else(String::new, |n| n.to_string());
    let minutes = sent.minutes.to_string();
    let wanted = NewContainment::by_api(sent.kind, sent.value, sent.effect, limit, minutes, sent.reason);
    let stands = gateway::put_in_force(&app, &by, &wanted).await?;
    Ok((StatusCode::CREATED, Json(json_of(&stands)?)))
}

/// `liftContainment`
pub async fn lift(State(app): State<App>, Path(id): Path<String>, ApiCaller(by): ApiCaller) -> Answer {
    gateway::lift_one(&app, &by, &id).await?;
    Ok(Json(json!({"ok": true})))
}

/// `listEvents`
pub async fn events(State(app): State<App>, Query(paging): Query<Paging>, ApiCaller(by): ApiCaller) -> Answer {
    let events = data::events(app.store.as_ref(), &by.scope(), paging.limit() as usize).await?;
    Ok(Json(json!({"events": json_of(&events)?})))
}

/// `listPlaybooks`
pub async fn playbooks(State(app): State<App>, ApiCaller(_): ApiCaller) -> Answer {
    Ok(Json(json!({"playbooks": json_of(&app.extras.playbooks.to_vec())?})))
}

/// `listAudit`
pub async fn audit(State(app): State<App>, Query(paging): Query<Paging>, ApiCaller(by): ApiCaller) -> Answer {
    let entries = data::audit_entries(app.store.as_ref(), &by.scope(), paging.limit() as usize).await?;
    Ok(Json(json!({"audit": json_of(&entries)?})))
}
