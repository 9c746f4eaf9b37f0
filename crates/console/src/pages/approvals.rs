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
    /// Its time is over.
    pub lapsed: bool,
    /// Why this person cannot answer; none if they can.
    pub refusal: Option<String>,
    /// The command, for reading.
    pub command: String,
    /// Yes votes so far.
    pub yes: usize,
    /// The tool call that it is about, if it is about one.
    pub call: Option<CallShown>,
}

/// A tool call as a person sees it.
pub struct CallShown {
    /// The tool.
    pub tool: String,
    /// Its arguments, in the call's order.
    pub arguments: Vec<ArgumentShown>,
}

/// An argument of a tool call as a person sees it.
pub struct ArgumentShown {
    /// Its name.
    pub name: String,
    /// Its value, with what must not be shown replaced.
    pub shown: String,
    /// Where in untrusted text it stands; empty if it does not.
    pub places: String,
}

impl CallShown {
    /// Of what the gateway wrote down; none for a run's question.
    fn of(a: &Approval) -> Option<Self> {
        a.call.as_ref()?;
        let places = |name: &str| {
            let places = a.command["from_untrusted_text"][name].as_array().into_iter().flatten();
            places.filter_map(|p| p.as_str()).collect::<Vec<_>>().join(", ")
        };
        let arguments = a.command["arguments"].as_object().into_iter().flatten();
        let arguments = arguments.map(|(name, value)| ArgumentShown {
            name: name.clone(),
            shown: value.as_str().unwrap_or_default().to_owned(),
            places: places(name),
        });
        Some(Self { tool: a.step.clone(), arguments: arguments.collect() })
    }
}

impl Asked {
    /// How `standing` sees `a` at `now`.
    pub fn of(a: Approval, standing: &Standing, now: UnixMs) -> Self {
        let lapsed = a.expires_at <= now;
        let pending = a.state == ApprovalState::Pending && !lapsed;
        // The reason is not given yet.
        let vote = vote_of(&a, standing, Decision::Approve, "?".into(), now);
        let refusal = a.clone().vote(vote, &a.command_digest);
        let yes = a.votes.iter().filter(|v| v.decision == Decision::Approve).count();
        let (command, call) = (words::pretty(&a.command), CallShown::of(&a));
        Self { pending, lapsed, refusal: refusal.err(), command, yes, call, a }
    }

    /// What it has come to, also when its time is over and nobody has marked it yet.
    pub const fn state(&self) -> &'static str {
        match self.a.state {
            ApprovalState::Pending if !self.pending => "expired",
            ApprovalState::Approved if self.lapsed && self.call.is_some() => "expired",
            state => state.as_str(),
        }
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
    answered: Vec<Asked>,
}

#[derive(Template)]
#[template(path = "approval.html")]
struct ApprovalPage {
    f: Frame,
    x: Asked,
}

impl ApprovalPage {
    /// Where answers lead back to.
    fn path(&self) -> String {
        format!("/approvals/{}", self.x.a.id)
    }
}

/// Answered tool calls that are listed, of the newest questions.
const ANSWERED_ROWS: usize = 12;
const RECENT_ROWS: u32 = 100;

/// `GET /approvals`
pub async fn show(State(app): State<App>, Query(done): Query<Done>, Visitor(standing): Visitor) -> Page {
    let pending = app.store.pending_approvals(&standing.scope().0).await?;
    let asked = pending.into_iter().map(|a| Asked::of(a, &standing, app.now())).collect();
    let recent = app.store.recent_approvals(&standing.scope().0, RECENT_ROWS).await?;
    let calls = recent.into_iter().filter(|a| a.call.is_some() && a.state != ApprovalState::Pending);
    let answered = calls.take(ANSWERED_ROWS).map(|a| Asked::of(a, &standing, app.now())).collect();
    let f = Frame::of(&app, &standing, Place::Approvals, "Approvals", done.done.as_deref()).await?;
    page(&ApprovalsPage { f, asked, answered })
}

/// `GET /approvals/{id}`
pub async fn one(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(done): Query<Done>,
    Visitor(standing): Visitor,
) -> Page {
    let asked = load_approval(app.store.as_ref(), &standing.scope(), &id).await?;
    let f = Frame::of(&app, &standing, Place::Approvals, "Approval", done.done.as_deref()).await?;
    page(&ApprovalPage { f, x: Asked::of(asked, &standing, app.now()) })
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
    let stands = decide(&app, &by, &id, decision, &sent.digest, &sent.reason).await?;
    let done = match (decision, stands.call.is_some()) {
        (Decision::Approve, false) => "approved",
        (Decision::Deny, false) => "denied",
        (Decision::Approve, true) => "allowed",
        (Decision::Deny, true) => "refused",
    };
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
