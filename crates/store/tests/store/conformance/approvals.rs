use std::sync::Arc;

use casemate_store::model::*;
use casemate_store::{Store, StoreError};

use super::samples::{T0, acme, approval, vote};

pub async fn votes(store: Arc<dyn Store>) {
    let asked = approval("a1", 10_000);
    assert_eq!(store.request_approval(&asked).await.expect("ask"), Applied::New(asked.clone()));
    let again = store.request_approval(&Approval { id: "a1b".into(), ..asked.clone() }).await.expect("again");
    assert_eq!(again, Applied::Already(asked.clone()));
    assert_eq!(store.approval_by_key("key-a1").await.expect("by key"), Some(asked.clone()));
    assert_eq!(store.approval_by_key("other").await.expect("by key"), None);
    assert_eq!(store.pending_approvals(&acme()).await.expect("pending"), std::slice::from_ref(&asked));
    assert!(store.pending_approvals(&"other".into()).await.expect("pending").is_empty());

    let id = asked.id.clone();
    let wrong = store.vote(&id, vote("bob", 1), "other digest").await;
    assert!(matches!(wrong, Err(StoreError::Conflict { kind: "approval", .. })));
    assert!(store.recent_audit(10).await.expect("audit").is_empty(), "a refused vote leaves nothing");
    let first = store.vote(&id, vote("bob", 1), "d1").await.expect("first");
    assert_eq!(first.state, ApprovalState::Pending);
    assert!(store.vote(&id, vote("bob", 2), "d1").await.is_err(), "one person, one vote");
    let second = store.vote(&id, vote("eve", 2), "d1").await.expect("second");
    assert_eq!((second.state, second.votes.len()), (ApprovalState::Approved, 2));
    assert_eq!(store.approval(&id).await.expect("approval"), second);
    assert!(store.pending_approvals(&"*".into()).await.expect("pending").is_empty());
    assert_eq!(store.approvals_of_case(&"case-1".into()).await.expect("of case"), [second]);

    let audit = store.recent_audit(10).await.expect("audit");
    let actions: Vec<_> = audit.iter().map(|e| (e.actor.as_str(), e.action.as_str(), e.subject.as_str())).collect();
    assert_eq!(actions, [("eve", "approval.approve", "a1"), ("bob", "approval.approve", "a1")]);
    assert_eq!(audit[0].data["command_digest"], "d1");

    store.request_approval(&approval("a2", 10_000)).await.expect("ask");
    let no = Vote { decision: Decision::Deny, ..vote("bob", 3) };
    assert_eq!(store.vote(&"a2".into(), no, "d1").await.expect("no").state, ApprovalState::Denied);
    assert_eq!(store.recent_audit(1).await.expect("audit")[0].action, "approval.deny");
    let missing = store.vote(&"a9".into(), vote("bob", 1), "d1").await;
    assert!(matches!(missing, Err(StoreError::NotFound { kind: "approval", .. })));
    assert!(matches!(store.approval(&"a9".into()).await, Err(StoreError::NotFound { kind: "approval", .. })));
}

pub async fn expiry(store: Arc<dyn Store>) {
    store.request_approval(&approval("a1", 1_000)).await.expect("ask");
    store.request_approval(&approval("a2", 2_000)).await.expect("ask");
    assert!(store.expire_approvals(T0.plus_ms(999)).await.expect("too early").is_empty());
    let lapsed = store.vote(&"a1".into(), vote("bob", 1_000), "d1").await;
    assert!(matches!(lapsed, Err(StoreError::Conflict { .. })), "no vote counts after the end");
    let expired = store.expire_approvals(T0.plus_ms(1_000)).await.expect("expire");
    assert_eq!(expired.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["a1"]);
    assert_eq!(expired[0].state, ApprovalState::Expired);
    assert_eq!(store.approval(&"a1".into()).await.expect("approval").state, ApprovalState::Expired);
    assert!(store.expire_approvals(T0.plus_ms(1_000)).await.expect("again").is_empty(), "each expires once");
    assert_eq!(store.pending_approvals(&"*".into()).await.expect("pending").len(), 1);
}
