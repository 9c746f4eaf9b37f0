//! Questions to people, bound to the digest of the exact command: a run's before it goes on, and a gateway's about a tool call
//! that it stopped.

use casemate_finding::UnixMs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ApprovalId, CaseId, KeyId, Role, RunId, TenantId};

/// How far an approval has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Waits for votes.
    Pending,
    /// Enough people said yes.
    Approved,
    /// Somebody said no.
    Denied,
    /// Nobody answered in time, or the tool call that was allowed did not come.
    Expired,
    /// The tool call that was allowed has been made.
    Spent,
}

impl ApprovalState {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Spent => "spent",
        }
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Do it.
    Approve,
    /// Do not.
    Deny,
}

/// One person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Who.
    pub by: String,
    /// In which role.
    pub role: Role,
    /// What.
    pub decision: Decision,
    /// Why, in their words.
    #[serde(default)]
    pub reason: String,
    /// When.
    pub at: UnixMs,
}

/// A question to people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Same key, same question.
    pub idempotency_key: String,
    /// Whose.
    pub tenant: TenantId,
    /// The case; none for a tool call.
    #[serde(default)]
    pub case: Option<CaseId>,
    /// The run that waits; none for a tool call.
    #[serde(default)]
    pub run: Option<RunId>,
    /// The step that waits; the tool of a tool call.
    pub step: String,
    /// The question, for people.
    pub question: String,
    /// The exact command that runs on yes; of a tool call what a person may see of it.
    pub command: Value,
    /// SHA-256 of the canonical command, in hex: what was seen is what runs. Of a tool call it covers the caller, the tool and
    /// every argument in full.
    pub command_digest: String,
    /// How many yes it takes.
    pub needed: u32,
    /// Roles that may answer.
    pub roles: Vec<Role>,
    /// Who asked; nobody approves their own request.
    pub requested_by: String,
    /// Answers so far.
    pub votes: Vec<Vote>,
    /// How far it has come.
    pub state: ApprovalState,
    /// When it was asked.
    pub created_at: UnixMs,
    /// When it lapses.
    pub expires_at: UnixMs,
    /// The tool call that it is about, if it is about one.
    #[serde(default)]
    pub call: Option<StoppedCall>,
}

/// A tool call that a gateway stopped: once it is approved, the one call with the question's digest passes, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoppedCall {
    /// The API key whose answer held it.
    pub key: KeyId,
    /// When it was made after all.
    #[serde(default)]
    pub spent_at: Option<UnixMs>,
}

/// What came of claiming the tool calls of one answer: all of them may be made, or none.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// Every one had been approved, and is spent now.
    Granted(Vec<Approval>),
    /// Nothing was spent: their questions, in the order of the calls, each `Pending`, `Approved` or `Denied`.
    Stopped(Vec<Approval>),
    /// Nothing was spent or asked: as many calls of this key as may wait do.
    TooMany,
}

impl Approval {
    /// Adds a vote if the rules allow it, and moves the state.
    ///
    /// # Errors
    /// One sentence that says which rule refuses: not pending, lapsed, own request, no reason (of a tool call), role,
    /// second vote, other digest.
    pub fn vote(&mut self, vote: Vote, seen_digest: &str) -> Result<(), String> {
        if self.state != ApprovalState::Pending {
            return Err(format!("it is already {}", self.state.as_str()));
        }
        if vote.at >= self.expires_at {
            return Err("it has lapsed".into());
        }
        if seen_digest != self.command_digest {
            return Err("the command shown is not the command that would run: reload and look again".into());
        }
        if vote.by == self.requested_by {
            return Err("nobody approves their own request".into());
        }
        if self.call.is_some() && vote.reason.trim().is_empty() {
            return Err("an answer about a tool call takes a reason".into());
        }
        if !self.roles.contains(&vote.role) {
            return Err(format!("role {} may not answer this", vote.role.as_str()));
        }
        if self.votes.iter().any(|v| v.by == vote.by) {
            return Err(format!("{} has already answered", vote.by));
        }
        let denied = vote.decision == Decision::Deny;
        self.votes.push(vote);
        let yes = self.votes.iter().filter(|v| v.decision == Decision::Approve).count();
        if denied {
            self.state = ApprovalState::Denied;
        } else if u32::try_from(yes).unwrap_or(u32::MAX) >= self.needed {
            self.state = ApprovalState::Approved;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pending(needed: u32) -> Approval {
        Approval {
            id: "a1".into(),
            idempotency_key: "k".into(),
            tenant: TenantId::default_tenant(),
            case: Some("case-1".into()),
            run: Some("run-1".into()),
            step: "hold".into(),
            question: "Hold training?".into(),
            command: json!({"action": "pipeline.hold"}),
            command_digest: "d1".into(),
            needed,
            roles: vec![Role::Approver],
            requested_by: "ann".into(),
            votes: vec![],
            state: ApprovalState::Pending,
            created_at: UnixMs(0),
            expires_at: UnixMs(1_000),
            call: None,
        }
    }

    fn yes(by: &str, at: i64) -> Vote {
        Vote { by: by.into(), role: Role::Approver, decision: Decision::Approve, reason: String::new(), at: UnixMs(at) }
    }

    #[test]
    fn rules_of_a_vote() {
        let mut a = pending(2);
        assert!(a.vote(yes("ann", 1), "d1").is_err_and(|e| e.contains("own request")));
        assert!(a.vote(yes("bob", 1), "other").is_err_and(|e| e.contains("not the command")));
        assert!(a.vote(yes("bob", 1_000), "d1").is_err_and(|e| e.contains("lapsed")));
        assert!(a.vote(Vote { role: Role::Viewer, ..yes("bob", 1) }, "d1").is_err_and(|e| e.contains("role")));
        a.vote(yes("bob", 1), "d1").expect("first");
        assert_eq!(a.state, ApprovalState::Pending);
        assert!(a.vote(yes("bob", 2), "d1").is_err_and(|e| e.contains("already answered")));
        a.vote(yes("eve", 2), "d1").expect("second");
        assert_eq!(a.state, ApprovalState::Approved);
        assert!(a.vote(yes("joe", 3), "d1").is_err_and(|e| e.contains("already approved")));
    }

    #[test]
    fn a_tool_call_takes_a_reason() {
        let mut a = pending(1);
        a.call = Some(StoppedCall { key: "k1".into(), spent_at: None });
        assert!(a.vote(yes("bob", 1), "d1").is_err_and(|e| e.contains("reason")));
        assert!(a.vote(Vote { reason: " ".into(), ..yes("bob", 1) }, "d1").is_err_and(|e| e.contains("reason")));
        a.vote(Vote { reason: "the invoice is ours".into(), ..yes("bob", 1) }, "d1").expect("with a reason");
        assert_eq!(a.state, ApprovalState::Approved);
    }

    #[test]
    fn one_no_is_enough() {
        let mut a = pending(2);
        a.vote(Vote { decision: Decision::Deny, ..yes("bob", 1) }, "d1").expect("no");
        assert_eq!(a.state, ApprovalState::Denied);
    }
}
