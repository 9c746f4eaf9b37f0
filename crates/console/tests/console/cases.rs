//! What people do with cases, approvals, keys and people.

use casemate_store::model::{ApprovalState, CaseState};
use casemate_store::traits::{Approvals as _, Audit as _, Cases as _, Containments as _, Keys as _, People as _};

use crate::door::Door;

#[tokio::test]
async fn an_approval_takes_the_digest_that_was_seen_and_no_other() {
    let door = Door::open().await;
    let id = "appr-4".into();
    let asked = door.store.approval(&id).await.expect("asked");
    let mut bob = door.log_in("bob").await;
    let csrf = bob.csrf().await;
    let page = bob.get("/cases/case-4").await.body;
    assert!(page.contains(&asked.command_digest) && page.contains("dataset.quarantine"));
    let vote = |digest: &str| {
        vec![
            ("csrf", csrf.clone()),
            ("decision", "approve".to_owned()),
            ("digest", digest.to_owned()),
            ("reason", "checked with the owner".to_owned()),
            ("back", "/cases/case-4".to_owned()),
        ]
    };
    let send = |fields: &[(&'static str, String)]| fields.iter().map(|(k, v)| (*k, v.clone())).collect::<Vec<_>>();
    let stale = send(&vote(&"0".repeat(64)));
    let stale: Vec<(&str, &str)> = stale.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let refused = bob.post("/approvals/appr-4", &stale).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("reload and look again"), "{}", refused.body);
    assert_eq!(door.store.approval(&id).await.expect("asked").state, ApprovalState::Pending);
    let seen = send(&vote(&asked.command_digest));
    let seen: Vec<(&str, &str)> = seen.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let answer = bob.post("/approvals/appr-4", &seen).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/cases/case-4?done=approved")),
        "{}",
        answer.body
    );
    let after = door.store.approval(&id).await.expect("asked");
    assert_eq!(after.state, ApprovalState::Approved);
    assert_eq!((after.votes[0].by.as_str(), after.votes[0].reason.as_str()), ("bob", "checked with the owner"));
    assert_eq!(bob.post("/approvals/appr-4", &seen).await.status, 409, "it is answered");
    let page = bob.get("/cases/case-4").await.body;
    assert!(page.contains("approved") && page.contains("checked with the owner"));
    let audit = door.store.recent_audit(10).await.expect("audit");
    let told = audit.iter().filter(|e| e.actor == "bob" && e.action.starts_with("approval.")).count();
    assert_eq!(told, 1, "one entry for one vote: {audit:?}");
}

#[tokio::test]
async fn those_who_may_not_answer_are_told_why_and_refused() {
    let door = Door::open().await;
    let digest = door.store.approval(&"appr-6".into()).await;
    assert!(digest.is_err(), "the hostile one has a name of its own");
    let asked = door.store.approval(&"appr-hostile".into()).await.expect("asked");
    let mut ann = door.log_in("ann").await;
    let page = ann.get("/approvals").await.body;
    assert!(page.contains("You cannot answer this: role analyst may not answer this."), "{page}");
    let csrf = ann.csrf().await;
    let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("digest", asked.command_digest.as_str())];
    assert_eq!(ann.post("/approvals/appr-hostile", &fields).await.status, 403);
    // Two of two: the first leaves it open, the same person cannot be the second, another can.
    for (name, expected) in [("bob", ApprovalState::Pending), ("admin", ApprovalState::Approved)] {
        let mut client = door.log_in(name).await;
        let csrf = client.csrf().await;
        let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("digest", asked.command_digest.as_str())];
        assert_eq!(client.post("/approvals/appr-hostile", &fields).await.status, 303, "{name}");
        assert_eq!(client.post("/approvals/appr-hostile", &fields).await.status, 409, "{name} again");
        assert_eq!(door.store.approval(&asked.id).await.expect("asked").state, expected);
    }
}

#[tokio::test]
async fn a_lapsed_question_takes_no_answer() {
    let door = Door::open().await;
    door.clock.advance_ms(4 * 3_600_000);
    let mut bob = door.log_in("bob").await;
    let asked = door.store.approval(&"appr-4".into()).await.expect("asked");
    let csrf = bob.csrf().await;
    let fields = [("csrf", csrf.as_str()), ("decision", "approve"), ("digest", asked.command_digest.as_str())];
    let refused = bob.post("/approvals/appr-4", &fields).await;
    assert!(refused.status == 409 && refused.body.contains("lapsed"), "{}", refused.body);
    assert!(bob.get("/cases/case-4").await.body.contains("state-expired"));
}

#[tokio::test]
async fn a_case_is_noted_assigned_moved_and_closed() {
    let door = Door::open().await;
    let mut ann = door.log_in("ann").await;
    let csrf = ann.csrf().await;
    let id = "case-3".into();
    for (path, field, value, status) in [
        ("note", "text", "asked the owner", 303),
        ("note", "text", "  ", 422),
        ("assign", "assignee", "bob", 303),
        ("assign", "assignee", "rita", 422),
        ("assign", "assignee", "nobody-here", 422),
        ("state", "state", "handed_off", 303),
        ("state", "state", "closed", 422),
        ("close", "verdict", "true_positive", 303),
        ("close", "verdict", "whatever", 422),
        ("close", "verdict", "benign", 409),
    ] {
        let answer = ann.post(&format!("/cases/case-3/{path}"), &[("csrf", &csrf), (field, value)]).await;
        assert_eq!(answer.status, status, "{path} {value}: {}", answer.body);
    }
    let limit = "x".repeat(4_000);
    assert_eq!(ann.post("/cases/case-2/note", &[("csrf", &csrf), ("text", &limit)]).await.status, 303);
    let over = "x".repeat(4_001);
    assert_eq!(ann.post("/cases/case-2/note", &[("csrf", &csrf), ("text", &over)]).await.status, 422);
    let huge = "x".repeat(70_000);
    assert_eq!(ann.post("/cases/case-2/note", &[("csrf", &csrf), ("text", &huge)]).await.status, 413);
    let case = door.store.case(&id).await.expect("case");
    assert_eq!((case.state, case.assignee.as_deref()), (CaseState::Closed, Some("bob")));
    let page = ann.get("/cases/case-3").await.body;
    for text in ["asked the owner", "assigned to bob", "closed as true positive", "true positive"] {
        assert!(page.contains(text), "{text}");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_a_containment_must_end() {
    let door = Door::open().await;
    let mut admin = door.log_in("admin").await;
    let csrf = admin.csrf().await;
    let made = admin
        .post("/gateway/keys", &[("csrf", &csrf), ("name", "new service"), ("tier", "standard"), ("days", "30")])
        .await;
    assert_eq!(made.status, 200);
    let key = made.body.split(r#"id="fresh-key">"#).nth(1).and_then(|t| t.split('<').next()).expect("a key").to_owned();
    assert!(key.starts_with("cm_") && key.len() > 40, "{key}");
    assert!(!admin.get("/gateway").await.body.contains(&key), "only once");
    let keys = door.store.list_keys(None).await.expect("keys");
    let row = keys.iter().find(|k| k.name == "new service").expect("stored");
    assert_eq!(row.expires_at, Some(door.clock.now().plus_ms(30 * 86_400_000)));
    assert_eq!(admin.post("/gateway/keys", &[("csrf", &csrf), ("name", "x"), ("tier", "none")]).await.status, 422);
    for (minutes, value, status) in [
        ("", "192.0.2.0/24", 422),
        ("0", "192.0.2.0/24", 422),
        ("10081", "192.0.2.0/24", 422),
        ("60", "not an address", 422),
        ("10080", "192.0.2.77/24", 303),
    ] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("kind", "range"),
            ("value", value),
            ("effect", "limit"),
            ("requests_per_min", "10"),
            ("minutes", minutes),
            ("reason", "test"),
        ];
        assert_eq!(admin.post("/gateway/containments", &fields).await.status, status, "{minutes} {value}");
    }
    let active = door.store.active_containments(door.clock.now()).await.expect("active");
    let mine = active.iter().find(|c| c.target.value() == "192.0.2.0/24").expect("in force, with its network address");
    assert_eq!(mine.expires_at, door.clock.now().plus_ms(10_080 * 60_000));
    let path = format!("/gateway/containments/{}/lift", mine.id);
    assert_eq!(admin.post(&path, &[("csrf", &csrf)]).await.status, 303);
    assert_eq!(admin.post(&path, &[("csrf", &csrf)]).await.status, 404, "it has ended");
}

#[tokio::test]
async fn an_admin_adds_a_person_who_changes_their_password_and_can_be_shut_out() {
    let door = Door::open().await;
    let mut admin = door.log_in("admin").await;
    let csrf = admin.csrf().await;
    for name in ["bob", "has space", "<b>", ""] {
        let answer = admin.post("/people", &[("csrf", &csrf), ("name", name), ("role", "analyst")]).await;
        assert_eq!(answer.status, 422, "{name}");
    }
    let made =
        admin.post("/people", &[("csrf", &csrf), ("name", "zoe"), ("role", "approver"), ("tenant", "acme/risk")]).await;
    let password = made.body.split(r#"id="fresh-password">"#).nth(1).and_then(|t| t.split('<').next()).expect("one");
    let mut zoe = door.client();
    let first = zoe.log_in("zoe", password).await;
    assert_eq!(first.header("location"), Some("/password"));
    let csrf_zoe = zoe.csrf().await;
    let new = "three words and more";
    zoe.post("/password", &[("csrf", &csrf_zoe), ("old", password), ("new", new), ("again", new)]).await;
    assert_eq!(zoe.get("/cases/case-4").await.status, 200);
    assert_eq!(zoe.get("/cases/case-1").await.status, 404);
    let out = admin.post("/people/zoe", &[("csrf", &csrf), ("change", "disable")]).await;
    assert_eq!(out.status, 303);
    assert_eq!(zoe.get("/").await.status, 303, "shut out at once");
    assert_eq!(zoe.log_in("zoe", new).await.status, 401);
    assert_eq!(admin.post("/people/admin", &[("csrf", &csrf), ("change", "disable")]).await.status, 422, "not oneself");
    assert!(door.store.person("zoe").await.expect("read").is_some_and(|p| p.disabled_at.is_some()));
}
