//! `/approvals`: the questions that wait for people, and their answers.

use askama::Template;
use axum::extract::{Path, Query, State};
use casemate_finding::UnixMs;
use casemate_store::model::{Approval, ApprovalState, Decision, Role, Vote};
use serde::Deserialize;

use super::case::text_of;
use super::{Done, Page, page, see};
use crate::app::App;
use crate::data::load_approval;
use crate::frame::{Frame, Place};
use crate::guard::{OwnForm, Visitor, checked_forms, is_own_path};
use crate::limits::TEXT_CHARS_MAX;
use crate::people::Standing;
use crate::problem::Problem;
use crate::words;

/// A question as one person sees it.
pub struct Asked {
    /// The question.
    pub a: Approval,
    /// True if it takes answers.
    pub pending: bool,
    /// Why this person cannot answer; none if they can.
    pub refusal: Option<String>,
    /// The command, for reading.
    pub command: String,
    /// Yes votes so far.
    pub yes: usize,
}

impl Asked {
    /// How `standing` sees `a` at `now`.
    pub fn of(a: Approval, standing: &Standing, now: UnixMs) -> Self {
        let pending = a.state == ApprovalState::Pending && now < a.expires_at;
        let refusal = a.clone().vote(vote_of(&a, standing, Decision::Approve, String::new(), now), &a.command_digest);
        let yes = a.votes.iter().filter(|v| v.decision == Decision::Approve).count();
        Self { pending, refusal: refusal.err(), command: words::pretty(&a.command), yes, a }
    }

    /// What it has come to, also when its time is over and nobody has marked it yet.
    pub fn state(&self) -> &'static str {
        if self.a.state == ApprovalState::Pending && !self.pending { "expired" } else { self.a.state.as_str() }
    }

    /// Roles that may answer, for reading.
    pub fn roles(&self) -> String {
        self.a.roles.iter().map(|r| r.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// A vote in the highest of the question's roles that the person's role includes; if there is none, in their own, which
/// the store refuses.
pub(crate) fn vote_of(a: &Approval, by: &Standing, decision: Decision, reason: String, at: UnixMs) -> Vote {
    let role = a.roles.iter().copied().filter(|r| by.may(*r)).max().unwrap_or(by.person.role);
    Vote { by: by.person.name.clone(), role, decision, reason, at }
}

#[derive(Template)]
#[template(path = "approvals.html")]
struct ApprovalsPage {
    f: Frame,
    asked: Vec<Asked>,
}

/// `GET /approvals`
pub async fn show(State(app): State<App>, Query(done): Query<Done>, Visitor(standing): Visitor) -> Page {
    let pending = app.store.pending_approvals(&standing.scope().0).await?;
    let asked = pending.into_iter().map(|a| Asked::of(a, &standing, app.now())).collect();
    let f = Frame::of(&app, &standing, Place::Approvals, "Approvals", done.done.as_deref()).await?;
    page(&ApprovalsPage { f, asked })
}

/// An answer.
#[derive(Deserialize)]
pub struct Answer {
    csrf: String,
    decision: String,
    digest: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    back: String,
}

/// `POST /approvals/{id}`: the store's rules decide (not pending, lapsed, own request, role, second vote, other digest),
/// in one transaction with the audit entry.
pub async fn answer(State(app): State<App>, Path(id): Path<String>, OwnForm(by, sent): OwnForm<Answer>) -> Page {
    let decision = match sent.decision.as_str() {
        "approve" => Decision::Approve,
        "deny" => Decision::Deny,
        _ => return Err(Problem::invalid("The answer is neither yes nor no.", "Use one of the two buttons.").into()),
    };
    decide(&app, &by, &id, decision, &sent.digest, &sent.reason).await?;
    let done = if decision == Decision::Approve { "approved" } else { "denied" };
    let back = if is_own_path(&sent.back) && !sent.back.contains(['?', '#']) { &sent.back } else { "/approvals" };
    see(&format!("{back}?done={done}"))
}

/// Answers a question for `by`; the page and the API both come here.
///
/// # Errors
/// 403 for less than an approver, 404 for another tenant's, 409 for what the rules of a vote refuse.
pub(crate) async fn decide(
    app: &App,
    by: &Standing,
    id: &str,
    decision: Decision,
    digest: &str,
    reason: &str,
) -> Result<Approval, Problem> {
    let asked = load_approval(app.store.as_ref(), &by.scope(), id).await?;
    let least = asked.roles.iter().copied().min().unwrap_or(Role::Approver);
    by.needs(least)?;
    let reason = reason.trim();
    if !reason.is_empty() {
        text_of(reason, "reason", TEXT_CHARS_MAX)?;
    }
    let vote = vote_of(&asked, by, decision, reason.to_owned(), app.now());
    Ok(app.store.vote(&asked.id, vote, digest).await?)
}

checked_forms!(Answer);
