//! `/cases/{id}`: one case, and what people do with it.

use askama::Template;
use axum::extract::{Path, Query, State};
use casemate_store::model::{Alert, Case, CaseState, Decision, Evidence, Role, Run, TimelineEntry, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::approvals::Asked;
use super::{Page, page, see};
use crate::app::App;
use crate::data::{Arithmetic, load_case};
use crate::draw::{self, Markup};
use crate::frame::{Frame, Place};
use crate::guard::{OwnForm, Visitor, checked_forms};
use crate::limits::{NAME_CHARS_MAX, PAGE_ROWS, TEXT_CHARS_MAX, TIMELINE_MAX};
use crate::people::Standing;
use crate::problem::Problem;
use crate::words;

/// Query of a case's page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct CaseView {
    /// Page of alerts, from 1.
    alerts: String,
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    f: Frame,
    case: Case,
    risk: Markup,
    arithmetic: Arithmetic,
    alerts: Vec<Alert>,
    alerts_page: u64,
    alerts_pages: u64,
    timeline: Vec<TimelineEntry>,
    runs: Vec<Run>,
    approvals: Vec<Asked>,
    evidence: Vec<Evidence>,
    people: Vec<String>,
}

impl CasePage {
    /// Where answers lead back to.
    fn path(&self) -> String {
        format!("/cases/{}", self.case.id)
    }
}

/// The page.
pub async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(view): Query<CaseView>,
    Visitor(standing): Visitor,
) -> Page {
    let store = app.store.as_ref();
    let case = load_case(store, &standing.scope(), &id).await?;
    let per_page = u64::from(PAGE_ROWS);
    let alerts_pages = case.alerts.div_ceil(per_page).max(1);
    let alerts_page = view.alerts.parse::<u64>().unwrap_or(1).clamp(1, alerts_pages);
    let alerts = store.alerts_of_case(&case.id, (alerts_page - 1) * per_page, PAGE_ROWS).await?;
    let mut timeline = store.timeline(&case.id, 0, TIMELINE_MAX).await?;
    timeline.reverse();
    let approvals = store.approvals_of_case(&case.id).await?;
    let mut approvals: Vec<Asked> = approvals.into_iter().map(|a| Asked::of(a, &standing, app.now())).collect();
    approvals.sort_by_key(|a| !a.pending);
    let people = store.list_people().await?;
    let sees = |p: &casemate_store::model::Person| {
        p.disabled_at.is_none() && (p.tenant.as_str() == "*" || p.tenant == case.tenant)
    };
    page(&CasePage {
        f: Frame::of(&app, &standing, Place::Cases, case.id.to_string(), view.done.as_deref()).await?,
        risk: draw::risk_bar(case.risk),
        arithmetic: Arithmetic::of(&case.decision),
        runs: store.runs_of_case(&case.id).await?,
        evidence: store.evidence_of_case(&case.id).await?,
        people: people.iter().filter(|p| sees(p)).map(|p| p.name.clone()).collect(),
        case,
        alerts,
        alerts_page,
        alerts_pages,
        timeline,
        approvals,
    })
}

fn entry(app: &App, by: &Standing, kind: &str, text: String, data: Value) -> TimelineEntry {
    TimelineEntry { seq: 0, at: app.now(), actor: by.person.name.clone(), kind: kind.into(), text, data }
}

/// Refuses text that is empty or too long.
pub(crate) fn text_of<'t>(text: &'t str, what: &str, chars_max: usize) -> Result<&'t str, Problem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Problem::invalid(
            format!("The {what} is empty."),
            format!("Write the {what}, then send it again."),
        ));
    }
    if text.chars().count() > chars_max {
        let message = format!("The {what} is longer than {chars_max} characters.");
        return Err(Problem::invalid(message, "Shorten it, or split it in two."));
    }
    Ok(text)
}

/// A note.
#[derive(Deserialize)]
pub struct Note {
    csrf: String,
    text: String,
}

/// `POST /cases/{id}/note`
pub async fn note(State(app): State<App>, Path(id): Path<String>, OwnForm(by, sent): OwnForm<Note>) -> Page {
    by.needs(Role::Analyst)?;
    let case = load_case(app.store.as_ref(), &by.scope(), &id).await?;
    let text = text_of(&sent.text, "note", TEXT_CHARS_MAX)?.to_owned();
    app.store.append_timeline(&case.id, &entry(&app, &by, "note", text, json!({})), None).await?;
    app.audit(&by, &case.tenant, "case.note", case.id.as_str(), json!({})).await?;
    see(&format!("/cases/{}?done=note#timeline", case.id))
}

/// Who works on it.
#[derive(Deserialize)]
pub struct Assign {
    csrf: String,
    assignee: String,
}

/// `POST /cases/{id}/assign`: to a person who may see the case, or to nobody.
pub async fn assign(State(app): State<App>, Path(id): Path<String>, OwnForm(by, sent): OwnForm<Assign>) -> Page {
    by.needs(Role::Analyst)?;
    let case = load_case(app.store.as_ref(), &by.scope(), &id).await?;
    let assignee = sent.assignee.trim();
    let assignee = if assignee.is_empty() { None } else { Some(text_of(assignee, "name", NAME_CHARS_MAX)?) };
    if let Some(name) = assignee {
        let person = app.store.person(name).await?;
        let fits = |p: &casemate_store::model::Person| p.tenant.as_str() == "*" || p.tenant == case.tenant;
        if !person.is_some_and(|p| p.disabled_at.is_none() && fits(&p)) {
            return Err(Problem::invalid("That person cannot see this case.", "Choose somebody from the list.").into());
        }
    }
    let text = assignee.map_or_else(|| "nobody is assigned any more".to_owned(), |a| format!("assigned to {a}"));
    let entry = entry(&app, &by, "state", text, json!({"assignee": assignee}));
    app.store.assign_case(&case.id, assignee, &entry).await?;
    app.audit(&by, &case.tenant, "case.assign", case.id.as_str(), json!({"assignee": assignee})).await?;
    see(&format!("/cases/{}?done=assigned", case.id))
}

/// How far it has come, as a person sees it.
#[derive(Deserialize)]
pub struct Move {
    csrf: String,
    state: String,
}

/// `POST /cases/{id}/state`: open, working or handed off; `waiting` is the engine's word, closing has its own form.
pub async fn move_to(State(app): State<App>, Path(id): Path<String>, OwnForm(by, sent): OwnForm<Move>) -> Page {
    by.needs(Role::Analyst)?;
    let case = load_case(app.store.as_ref(), &by.scope(), &id).await?;
    let state = match sent.state.as_str() {
        "open" => CaseState::Open,
        "working" => CaseState::Working,
        "handed_off" => CaseState::HandedOff,
        _ => return Err(Problem::invalid("There is no such state.", "Choose one of the list.").into()),
    };
    let text = format!("state set to {}", words::plain(state.as_str()));
    let entry = entry(&app, &by, "state", text, json!({"state": state}));
    app.store.set_case_state(&case.id, state, &entry).await?;
    app.audit(&by, &case.tenant, "case.state", case.id.as_str(), json!({"state": state})).await?;
    see(&format!("/cases/{}?done=state", case.id))
}

/// People's verdict.
#[derive(Deserialize)]
pub struct Close {
    csrf: String,
    verdict: String,
    #[serde(default)]
    reason: String,
}

/// `POST /cases/{id}/close`
pub async fn close(State(app): State<App>, Path(id): Path<String>, OwnForm(by, sent): OwnForm<Close>) -> Page {
    by.needs(Role::Analyst)?;
    let case = load_case(app.store.as_ref(), &by.scope(), &id).await?;
    let verdict = match sent.verdict.as_str() {
        "true_positive" => Verdict::TruePositive,
        "false_positive" => Verdict::FalsePositive,
        "benign" => Verdict::Benign,
        _ => return Err(Problem::invalid("There is no such verdict.", "Choose one of the three.").into()),
    };
    let reason = sent.reason.trim();
    if !reason.is_empty() {
        text_of(reason, "reason", TEXT_CHARS_MAX)?;
    }
    let mut text = format!("closed as {}", words::plain(&sent.verdict));
    if !reason.is_empty() {
        text.push_str(": ");
        text.push_str(reason);
    }
    let entry = entry(&app, &by, "state", text, json!({"verdict": verdict}));
    app.store.close_case(&case.id, verdict, &entry).await?;
    app.audit(&by, &case.tenant, "case.close", case.id.as_str(), json!({"verdict": verdict})).await?;
    see(&format!("/cases/{}?done=closed", case.id))
}

checked_forms!(Note, Assign, Move, Close);
