//! Tool calls that people approve: the one station that waits for the store, and only for an answer that holds such a call.
//!
//! A call that nobody has approved is a question in the store; one that was approved passes once, and whoever claims it first
//! has it. Where the store cannot be read, nothing passes.

use std::sync::Arc;
use std::time::Duration;

use casemate_finding::UnixMs;
use casemate_store::Store;
use casemate_store::canonical::sha256_hex;
use casemate_store::model::{Approval, ApprovalId, ApprovalState, Claim, KeyId, Role, StoppedCall, TenantId};
use serde_json::json;
use tokio::runtime::Handle;

use super::exchange::Exchange;
use crate::config::{Action, ApprovalsConfig};
use crate::inspect::{Check, Notice, StoppedToolCall};

/// How long the store may take before a call is refused.
const STORE_WAIT: Duration = Duration::from_secs(5);

/// The door to the store for approvals; its work runs on the runtime of whoever hosts the gateway.
pub(crate) struct ApprovalDesk {
    store: Arc<dyn Store>,
    control: Handle,
}

/// Whose answer holds the calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    tenant: TenantId,
    key: KeyId,
    /// Names the conversation, where one is known: what is approved in one is not in another.
    conversation: Option<String>,
    model: String,
    request_id: String,
}

impl Caller {
    /// None before the caller is known.
    pub fn of(exchange: &Exchange) -> Option<Self> {
        let key = &exchange.key.as_ref()?.key;
        let followed = exchange.conversation.map(|id| id.to_string());
        let named = || exchange.conversation_name.as_ref().map(|name| sha256_hex(&[name.as_bytes()]));
        Some(Self {
            tenant: key.tenant.clone(),
            key: key.id.clone(),
            conversation: followed.or_else(named),
            model: exchange.model.clone(),
            request_id: exchange.id.clone(),
        })
    }
}

/// What came of the calls of one answer.
#[derive(Debug, Default)]
pub(crate) struct Claimed {
    pub notices: Vec<Notice>,
    /// Why they may not go out; none if all may.
    pub refused: Option<CallRefusal>,
    /// Why the store could not be asked.
    pub failed: Option<String>,
}

/// What the caller of a stopped call is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallRefusal {
    /// The first question that stands in the way.
    pub id: Option<ApprovalId>,
    pub message: String,
}

impl ApprovalDesk {
    pub fn new(store: Arc<dyn Store>, control: Handle) -> Self {
        Self { store, control }
    }

    /// Claims the calls of one answer, or of what came of it: all may go out, or none.
    pub async fn claim(
        &self,
        caller: Option<Caller>,
        how: &ApprovalsConfig,
        stopped: Vec<StoppedToolCall>,
        now: UnixMs,
    ) -> Claimed {
        let Some(caller) = caller else { return unread(&stopped, "nobody is known to ask for") };
        let asks: Vec<Approval> = stopped.iter().enumerate().map(|(n, call)| ask(&caller, how, call, n, now)).collect();
        let (store, pending_max) = (self.store.clone(), how.pending_max);
        let claiming = self.control.spawn(async move { store.claim_calls(&asks, pending_max, now).await });
        // What is not waited for any more may still be spent: then the call was refused for nothing, and never made twice.
        let claim = match tokio::time::timeout(STORE_WAIT, claiming).await {
            Ok(Ok(Ok(claim))) => claim,
            Ok(Ok(Err(error))) => return unread(&stopped, &error.to_string()),
            Ok(Err(_)) => return unread(&stopped, "the store's task ended"),
            Err(_) => return unread(&stopped, "the store took too long"),
        };
        match claim {
            Claim::Granted(spent) => {
                let notice = |(call, by): (&StoppedToolCall, &Approval)| {
                    notice(Action::Flag, format!("{}: approved by {}", call.tool, by.id))
                };
                Claimed { notices: stopped.iter().zip(&spent).map(notice).collect(), ..Claimed::default() }
            }
            Claim::Stopped(asked) => {
                let notice = |(call, by): (&StoppedToolCall, &Approval)| {
                    notice(Action::Block, format!("{} ({})", call.label(), by.id))
                };
                Claimed {
                    notices: stopped.iter().zip(&asked).map(notice).collect(),
                    refused: Some(told(&asked)),
                    failed: None,
                }
            }
            Claim::TooMany => {
                let message = "the answer calls a tool, which a person must approve first; as many calls of this key as may \
                               wait for that do, and this one was not put to anybody";
                refused(&stopped, message)
            }
        }
    }
}

/// Fail closed: the store cannot say what was approved.
fn unread(stopped: &[StoppedToolCall], why: &str) -> Claimed {
    let message =
        "the answer calls a tool, which a person must approve first; approvals cannot be read now, try again later";
    Claimed { failed: Some(why.to_owned()), ..refused(stopped, message) }
}

fn refused(stopped: &[StoppedToolCall], message: &str) -> Claimed {
    Claimed {
        notices: stopped.iter().map(|call| notice(Action::Block, call.label())).collect(),
        refused: Some(CallRefusal { id: None, message: message.into() }),
        failed: None,
    }
}

fn notice(action: Action, label: String) -> Notice {
    Notice { check: Check::ToolApproval, action, label, path: String::new(), score: 1.0 }
}

/// What stands in the way of all calls, in the words of the first.
fn told(asked: &[Approval]) -> CallRefusal {
    let denied = asked.iter().find(|a| a.state == ApprovalState::Denied);
    let waits = asked.iter().find(|a| a.state == ApprovalState::Pending);
    let (tool, id) = denied.or(waits).or(asked.first()).map(|a| (a.step.as_str(), a.id.clone())).unzip();
    let (tool, named) = (tool.unwrap_or_default(), id.as_ref().map_or("", ApprovalId::as_str));
    let message = if denied.is_some() {
        format!("the answer calls {tool}, and a person has denied this call: request {named}")
    } else if waits.is_some() {
        format!(
            "the answer calls {tool}, which a person must approve first: request {named} waits in the console under \
             /approvals/{named} and for `casemate approvals show {named}`. Once it is allowed, send the same request again: \
             the same call passes once"
        )
    } else {
        format!("the answer makes the same call of {tool} twice, and request {named} allows it once")
    };
    CallRefusal { id, message }
}

fn ask(caller: &Caller, how: &ApprovalsConfig, call: &StoppedToolCall, n: usize, now: UnixMs) -> Approval {
    let conversation = caller.conversation.as_deref().unwrap_or_default();
    let scope = json!([caller.tenant, caller.key, conversation, call.digest]).to_string();
    let digest = sha256_hex(&[scope.as_bytes()]);
    let idempotency_key = format!("call/{digest}/{}/{n}/{}", caller.request_id, now.0);
    let id = sha256_hex(&[idempotency_key.as_bytes()]);
    let arguments: serde_json::Map<_, _> =
        call.arguments.iter().map(|(name, shown)| (name.clone(), shown.as_str().into())).collect();
    let tainted: serde_json::Map<_, _> =
        call.tainted.iter().map(|(name, places)| (name.clone(), places.as_slice().into())).collect();
    let mut command = json!({
        "tool": call.tool, "arguments": arguments, "arguments_sha256": call.digest, "from_untrusted_text": tainted,
        "key": caller.key, "model": caller.model, "request": caller.request_id,
    });
    if call.left_out > 0 {
        command["arguments_not_shown"] = call.left_out.into();
    }
    if let Some(conversation) = &caller.conversation {
        command["conversation"] = conversation.as_str().into();
    }
    Approval {
        id: ApprovalId(format!("ap-{}", &id[..16])),
        idempotency_key,
        tenant: caller.tenant.clone(),
        case: None,
        run: None,
        step: call.tool.clone(),
        question: format!("May {} call {}?", caller.model, call.tool),
        command,
        command_digest: digest,
        needed: how.people,
        roles: Role::ALL.into_iter().filter(|role| *role >= how.role).collect(),
        requested_by: format!("key {}", caller.key),
        votes: Vec::new(),
        state: ApprovalState::Pending,
        created_at: now,
        expires_at: now.plus_ms(how.expires_ms),
        call: Some(StoppedCall { key: caller.key.clone(), spent_at: None }),
    }
}
