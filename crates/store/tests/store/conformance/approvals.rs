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

/// A stopped tool call of a key, by what names it.
fn stopped(id: &str, key: &str, digest: &str, asked_ms: i64, expires_in_ms: i64) -> Approval {
    Approval {
        case: None,
        run: None,
        step: "mail".into(),
        command_digest: digest.into(),
        needed: 1,
        requested_by: format!("key {key}"),
        created_at: T0.plus_ms(asked_ms),
        call: Some(StoppedCall { key: key.into(), spent_at: None }),
        ..approval(id, asked_ms + expires_in_ms)
    }
}

fn at(ms: i64) -> casemate_finding::UnixMs {
    T0.plus_ms(ms)
}

pub async fn tool_calls_pass_once(store: Arc<dyn Store>) {
    let ask = stopped("c1", "k1", "call-1", 0, 1_000);
    let claim = |ask: &Approval, ms| {
        let (store, asks) = (store.clone(), [ask.clone()]);
        async move { store.claim_calls(&asks, 8, at(ms)).await.expect("claim") }
    };
    assert_eq!(claim(&ask, 0).await, Claim::Stopped(vec![ask.clone()]));
    let again = claim(&stopped("c1b", "k1", "call-1", 1, 1_000), 1).await;
    assert_eq!(again, Claim::Stopped(vec![ask.clone()]), "asked once, and it still waits");
    assert_eq!(store.pending_approvals(&acme()).await.expect("pending"), std::slice::from_ref(&ask));

    let mute = Vote { reason: String::new(), ..vote("bob", 2) };
    assert!(store.vote(&"c1".into(), mute, "call-1").await.is_err(), "a reason is needed");
    let yes = store.vote(&"c1".into(), vote("bob", 2), "call-1").await.expect("yes");
    assert_eq!(yes.state, ApprovalState::Approved);
    let other = Approval { tenant: "other".into(), ..stopped("c2", "k1", "call-1", 3, 1_000) };
    assert_eq!(claim(&other, 3).await, Claim::Stopped(vec![other]), "another tenant's is another");
    let unlike = stopped("c3", "k1", "call-2", 3, 1_000);
    assert_eq!(claim(&unlike, 3).await, Claim::Stopped(vec![unlike.clone()]), "another call is another");
    // All calls of an answer or none: what was approved is not spent beside what was not.
    let both = store.claim_calls(&[ask.clone(), unlike.clone()], 8, at(4)).await.expect("both");
    assert_eq!(both, Claim::Stopped(vec![yes.clone(), unlike]));
    let twice = store.claim_calls(&[ask.clone(), ask.clone()], 8, at(4)).await.expect("twice");
    assert_eq!(twice, Claim::Stopped(vec![yes.clone(), yes.clone()]), "an approval is for one call");

    let Claim::Granted(granted) = claim(&ask, 5).await else { panic!("it was approved") };
    assert_eq!((granted[0].state, granted[0].id.as_str()), (ApprovalState::Spent, "c1"));
    assert_eq!(granted[0].call.as_ref().expect("a call").spent_at, Some(at(5)));
    assert_eq!(store.approval(&"c1".into()).await.expect("kept"), granted[0]);
    let audit = store.recent_audit(10).await.expect("audit");
    let actions: Vec<_> = audit.iter().map(|e| (e.actor.as_str(), e.action.as_str(), e.subject.as_str())).collect();
    assert_eq!(actions, [("key k1", "approval.spend", "c1"), ("bob", "approval.approve", "c1")]);
    let next = stopped("c4", "k1", "call-1", 6, 1_000);
    assert_eq!(claim(&next, 6).await, Claim::Stopped(vec![next]), "once: the same call is asked about anew");
    let recent = store.recent_approvals(&acme(), 2).await.expect("recent");
    assert_eq!(recent.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["c4", "c3"]);
    assert_eq!(store.recent_approvals(&"*".into(), 9).await.expect("recent").len(), 4);
    assert_eq!(store.verify_audit().await.expect("audit"), None);
}

pub async fn tool_calls_lapse_and_stay_denied(store: Arc<dyn Store>) {
    let ask = |id: &str, ms| stopped(id, "k1", "call-1", ms, 1_000);
    let claim = |id: &'static str, ms| {
        let (store, asks) = (store.clone(), [ask(id, ms)]);
        async move {
            match store.claim_calls(&asks, 8, at(ms)).await.expect("claim") {
                Claim::Stopped(mut all) => all.remove(0),
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(claim("d1", 0).await.id.as_str(), "d1");
    let no = Vote { decision: Decision::Deny, ..vote("bob", 1) };
    store.vote(&"d1".into(), no, "call-1").await.expect("no");
    let still = claim("d2", 999).await;
    assert_eq!((still.id.as_str(), still.state), ("d1", ApprovalState::Denied), "no is no until it lapses");
    assert_eq!(claim("d2", 1_000).await.id.as_str(), "d2");
    store.vote(&"d2".into(), vote("bob", 1_001), "call-1").await.expect("yes");
    let late = claim("d3", 2_000).await;
    assert_eq!((late.id.as_str(), late.state), ("d3", ApprovalState::Pending), "what was allowed then is not now");
    assert_eq!(store.approval(&"d2".into()).await.expect("kept").state, ApprovalState::Expired);
    store.vote(&"d3".into(), vote("bob", 2_001), "call-1").await.expect("yes");
    let expired = store.expire_approvals(at(3_000)).await.expect("expire");
    assert_eq!(expired.iter().map(|a| a.id.as_str()).collect::<Vec<_>>(), ["d3"]);
    // A run's approval that was given is not taken back by the clock.
    store.request_approval(&Approval { needed: 1, ..approval("run", 10) }).await.expect("ask");
    store.vote(&"run".into(), vote("bob", 1), "d1").await.expect("yes");
    assert!(store.expire_approvals(at(9_000)).await.expect("expire").is_empty());
}

pub async fn tool_calls_that_wait_are_bounded(store: Arc<dyn Store>) {
    let claim = |key: &str, digest: &str, ms| {
        let (store, asks) = (store.clone(), [stopped(&format!("{key}-{digest}-{ms}"), key, digest, ms, 1_000)]);
        async move { store.claim_calls(&asks, 2, at(ms)).await.expect("claim") }
    };
    for digest in ["a", "b"] {
        assert!(matches!(claim("k1", digest, 0).await, Claim::Stopped(_)), "{digest}");
    }
    assert_eq!(claim("k1", "c", 1).await, Claim::TooMany, "one past the limit");
    assert!(matches!(claim("k1", "a", 1).await, Claim::Stopped(_)), "what waits already may wait");
    assert!(matches!(claim("k2", "c", 1).await, Claim::Stopped(_)), "another key has its own");
    assert!(matches!(claim("k1", "c", 1_000).await, Claim::Stopped(_)), "what lapsed does not count");
    assert_eq!(store.recent_approvals(&acme(), 9).await.expect("rows").len(), 4);
}

/// Many claims of one approved call at once, over all handles given: one has it.
pub async fn one_of_many_claims_wins(stores: Vec<Arc<dyn Store>>) {
    for round in 0..8_i64 {
        let digest = format!("race-{round}");
        let ask = stopped(&format!("r{round}"), "k1", &digest, round, 10_000);
        stores[0].claim_calls(std::slice::from_ref(&ask), 64, at(round)).await.expect("ask");
        stores[0].vote(&ask.id, vote("bob", round), &digest).await.expect("yes");
        let mut claims = tokio::task::JoinSet::new();
        for n in 0..16 {
            let store = stores[n % stores.len()].clone();
            let again = stopped(&format!("r{round}-{n}"), "k1", &digest, round, 10_000);
            claims.spawn(async move { store.claim_calls(&[again], 64, at(round + 1)).await.expect("claim") });
        }
        let all = claims.join_all().await;
        let granted = all.iter().filter(|c| matches!(c, Claim::Granted(_))).count();
        assert_eq!(granted, 1, "round {round}: {all:?}");
        let asked_anew: std::collections::BTreeSet<_> = all
            .iter()
            .filter_map(|c| match c {
                Claim::Stopped(calls) => Some(calls[0].id.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(asked_anew.len(), 1, "the others ask one question together: {asked_anew:?}");
    }
}
