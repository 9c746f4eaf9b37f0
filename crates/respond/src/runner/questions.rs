//! Questions to people: asked once in the store, answered there by the console, taken into the run's log.

use casemate_finding::UnixMs;
use casemate_playbook::{ActionOutcome, Command, Event, ResolvedCommand, digest_of};
use casemate_store::model::{Approval, ApprovalId, ApprovalState, Decision, Role, Run, Vote};
use casemate_store::{Store, StoreError};
use serde_json::{Value, json};

/// How long a person may take to say whether something happened: a year. The run waits; nothing else does.
const ANSWER_MS: i64 = 365 * 24 * 3_600_000;

/// Asks if it has not been asked, and returns what has been answered and is not in the log yet, with the question's key.
pub(super) async fn put(
    store: &dyn Store,
    run: &Run,
    started_by: &str,
    command: &Command,
    now: UnixMs,
) -> Result<(String, Vec<Event>), StoreError> {
    match command {
        Command::RequestApproval { place, step, need, commands } => {
            let key = format!("{}/{place}/{}", run.id, need.digest);
            let roles = at_least(&need.roles);
            let asked = Approval {
                command: json!({"commands": commands.iter().map(shown).collect::<Vec<_>>()}),
                command_digest: need.digest.clone(),
                needed: need.need,
                roles,
                requested_by: started_by.to_owned(),
                expires_at: need.expires,
                ..blank(run, &key, place, format!("{step}?"), now)
            };
            let approval = store.request_approval(&asked).await?.into_inner();
            let events = approval.votes.iter().map(|vote| decided(place, &need.digest, &need.roles, vote)).collect();
            Ok((key, events))
        }
        Command::AskPerson { place, index, attempt, key, action, args, question } => {
            let asked_key = format!("{}/{key}/{attempt}/ask", run.id);
            let shown = json!({"action": action, "args": args, "question": question});
            let asked = Approval {
                command_digest: digest_of(&shown),
                command: shown,
                needed: 1,
                roles: at_least(&[Role::Analyst.as_str().to_owned()]),
                // The run asks, not whoever started it: anyone who may answer may say what they see.
                requested_by: format!("run {}", run.id),
                expires_at: now.plus_ms(ANSWER_MS),
                ..blank(run, &asked_key, place, question.clone(), now)
            };
            let approval = store.request_approval(&asked).await?.into_inner();
            let by = approval.votes.last();
            let result = match approval.state {
                ApprovalState::Pending => return Ok((asked_key, Vec::new())),
                ApprovalState::Approved => ActionOutcome::Done { output: json!({"said": by.map(|v| &v.reason)}) },
                ApprovalState::Denied | ApprovalState::Expired | ApprovalState::Spent => ActionOutcome::NotDone,
            };
            let event = Event::ActionResult {
                place: place.clone(),
                index: *index,
                attempt: *attempt,
                key: key.clone(),
                result,
                by: by.map(|v| v.by.clone()),
                at: by.map_or(now, |v| v.at),
            };
            Ok((asked_key, vec![event]))
        }
        Command::Perform { .. } | Command::Verify { .. } => Ok((String::new(), Vec::new())),
    }
}

fn blank(run: &Run, key: &str, place: &str, question: String, now: UnixMs) -> Approval {
    let id = digest_of(&json!(key));
    Approval {
        id: ApprovalId(format!("ap-{}", id.trim_start_matches("sha256:").get(..16).unwrap_or_default())),
        idempotency_key: key.to_owned(),
        tenant: run.tenant.clone(),
        case: Some(run.case.clone()),
        run: Some(run.id.clone()),
        step: place.to_owned(),
        question,
        command: Value::Null,
        command_digest: String::new(),
        needed: 1,
        roles: Vec::new(),
        requested_by: String::new(),
        votes: Vec::new(),
        state: ApprovalState::Pending,
        created_at: now,
        expires_at: now,
        call: None,
    }
}

fn shown(command: &ResolvedCommand) -> Value {
    json!({"action": command.action, "args": command.args, "lasts_ms": command.lasts_ms})
}

/// The roles named and every one above the least of them; administrators alone if none is known.
fn at_least(names: &[String]) -> Vec<Role> {
    let least = names.iter().filter_map(|n| Role::parse(n)).min().unwrap_or(Role::Admin);
    Role::ALL.into_iter().filter(|r| *r >= least).collect()
}

fn decided(place: &str, digest: &str, roles: &[String], vote: &Vote) -> Event {
    // The store has checked the role; one above those that the playbook names acts as one of them.
    let own = vote.role.as_str();
    let role = if roles.iter().any(|r| r == own) { own } else { roles.first().map_or(own, String::as_str) };
    Event::ApprovalDecided {
        place: place.to_owned(),
        digest: digest.to_owned(),
        approve: vote.decision == Decision::Approve,
        by: vote.by.clone(),
        role: role.to_owned(),
        comment: vote.reason.clone(),
        at: vote.at,
    }
}
