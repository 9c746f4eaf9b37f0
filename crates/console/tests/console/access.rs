//! Log-in, sessions, roles, tenants, form tokens, headers.

use casemate_console::{CONTENT_SECURITY_POLICY, Entropy, bootstrap_admin, issue_api_token};
use casemate_store::clock::Clock;
use casemate_store::model::Role;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::traits::{Audit as _, People as _};

use crate::door::Door;

const PAGES: [&str; 17] = [
    "/",
    "/cases",
    "/cases?state=closed&severity=low&sort=risk&page=2",
    "/cases/case-1",
    "/cases/case-1?alerts=2",
    "/cases/case-4",
    "/cases/case-6",
    "/approvals",
    "/runs",
    "/runs/run-1",
    "/runs/run-3",
    "/gateway",
    "/playbooks",
    "/playbooks/surge-on-endpoint",
    "/audit",
    "/audit?verify=1",
    "/people",
];

#[tokio::test]
async fn every_page_renders_and_carries_the_headers() {
    let door = Door::open().await;
    let mut admin = door.log_in("admin").await;
    for path in PAGES {
        let page = admin.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(page.body.contains("</html>") && page.body.contains(r#"<main id="main""#), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
    }
    let missing = admin.get("/cases/case-999").await;
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("There is no case here."), "{}", missing.body);
    let mut out = door.client();
    let mut more: Vec<_> = vec![missing, admin.get("/nothing").await, out.get("/login").await, out.get("/cases").await];
    more.push(out.get("/api/v1/cases").await);
    more.push(out.get("/healthz").await);
    more.push(out.get("/assets/none.css").await);
    for path in PAGES {
        more.push(admin.get(path).await);
    }
    for answer in more {
        assert_eq!(answer.header("content-security-policy"), Some(CONTENT_SECURITY_POLICY), "{}", answer.body);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(!answer.body.contains(" style=") && !answer.body.contains(" onclick="), "inline code or style");
    }
}

#[tokio::test]
async fn nobody_comes_in_without_a_log_in() {
    let door = Door::open().await;
    let mut out = door.client();
    for path in PAGES.iter().chain(&["/live", "/password", "/nothing"]) {
        let answer = out.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").is_some_and(|l| l.starts_with("/login")), "{path}");
    }
    assert_eq!(out.get("/cases?state=all").await.header("location"), Some("/login?next=%2Fcases%3Fstate%3Dall"));
    for (path, fields) in
        [("/cases/case-1/note", [("csrf", "x"), ("text", "y")]), ("/logout", [("csrf", ""), ("a", "b")])]
    {
        assert_eq!(out.post(path, &fields).await.status, 303);
    }
    let api = out.get("/api/v1/cases").await;
    assert_eq!((api.status, api.json()["error"]["code"].as_str()), (401, Some("unauthenticated")));
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_read_the_same_and_cost_the_same() {
    let door = Door::open().await;
    let mut said = Vec::new();
    for (name, password) in [("admin", "wrong"), ("nobody", "wrong"), ("nobody", door.password.as_str())] {
        let mut client = door.client();
        let answer = client.log_in(name, password).await;
        assert_eq!(answer.status, 401, "{name}");
        assert!(!client.cookies.contains_key("casemate_session"));
        let text = answer.body.split(r#"role="alert">"#).nth(1).and_then(|t| t.split('<').next()).map(str::to_owned);
        said.push(text.expect("an error"));
    }
    assert!(said.iter().all(|t| t == "Name or password is wrong."), "{said:?}");
    // The work is the same: both verify one argon2 hash (people::password tests the decoy); here only that it is done.
    assert_eq!(door.client().log_in("admin", &door.password).await.status, 303);
}

#[tokio::test]
async fn guessing_is_slowed_down_also_for_names_that_there_are_not() {
    let door = Door::open().await;
    for name in ["ann", "nobody"] {
        for _ in 0..5 {
            assert_eq!(door.client().log_in(name, "wrong").await.status, 401);
        }
        let refused = door.client().log_in(name, &door.password).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")), "{name}");
    }
    assert_eq!(door.client().log_in("bob", &door.password).await.status, 303, "others come in");
    door.clock.advance_ms(5_000);
    assert_eq!(door.client().log_in("ann", &door.password).await.status, 303);
}

#[tokio::test]
async fn forms_need_the_token_of_their_session() {
    let door = Door::open().await;
    let mut ann = door.log_in("ann").await;
    let mut bob = door.log_in("bob").await;
    let token = ann.csrf().await;
    let of_bob = bob.csrf().await;
    for wrong in ["", "x", of_bob.as_str()] {
        let answer = ann.post("/cases/case-1/note", &[("csrf", wrong), ("text", "hello")]).await;
        assert_eq!(answer.status, 403, "{wrong}");
    }
    assert_eq!(ann.post("/cases/case-1/note", &[("text", "hello")]).await.status, 422, "no token at all");
    let form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    let crossed = ann.send("POST", "/cases/case-1/note", &form, &format!("csrf={token}&text=hello")).await;
    assert_eq!(crossed.status, 403);
    assert!(!ann.get("/cases/case-1").await.body.contains("hello"));
    let fine = ann.post("/cases/case-1/note", &[("csrf", &token), ("text", "hello")]).await;
    assert_eq!(fine.status, 303, "{}", fine.body);
    assert!(ann.get("/cases/case-1").await.body.contains("hello"));
    let mut stranger = door.client();
    let login = stranger.post("/login", &[("csrf", "x"), ("name", "ann"), ("password", &door.password)]).await;
    assert_eq!(login.status, 403, "the log-in form has a token too");
    let json = ann.post_json("/api/v1/cases/case-1/notes", &serde_json::json!({"text": "by script"})).await;
    assert_eq!((json.status, json.json()["error"]["code"].as_str()), (403, Some("csrf")));
    let headers = [("content-type", "application/json"), ("x-csrf-token", token.as_str())];
    assert_eq!(ann.send("POST", "/api/v1/cases/case-1/notes", &headers, r#"{"text":"by page"}"#).await.status, 200);
}

#[tokio::test]
async fn a_session_ends_by_time_log_out_and_a_changed_password() {
    let door = Door::open().await;
    let mut one = door.log_in("ann").await;
    let mut two = door.log_in("ann").await;
    let mut three = door.log_in("ann").await;
    let csrf = one.csrf().await;
    let left = one.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!((left.status, left.header("location")), (303, Some("/login")));
    assert_eq!(one.get("/").await.status, 303);
    let csrf = two.csrf().await;
    let new = "a much longer sentence";
    let fields = |again| [("csrf", csrf.as_str()), ("old", door.password.as_str()), ("new", new), ("again", again)];
    assert_eq!(two.post("/password", &fields("another sentence here")).await.status, 422);
    assert_eq!(two.post("/password", &fields(new)).await.status, 303);
    assert_eq!(two.get("/").await.status, 200, "the one that changed it goes on");
    assert_eq!(three.get("/").await.status, 303, "the others have ended");
    assert_eq!(door.client().log_in("ann", &door.password).await.status, 401);
    assert_eq!(door.client().log_in("ann", new).await.status, 303);
    door.clock.advance_ms(12 * 3_600_000 - 1);
    assert_eq!(two.get("/").await.status, 200);
    door.clock.advance_ms(1);
    assert_eq!(two.get("/").await.status, 303);
}

#[tokio::test]
async fn a_one_time_password_opens_nothing_but_its_change() {
    let door = Door::open().await;
    let mut fresh = door.log_in("fresh").await;
    for path in ["/", "/cases", "/people", "/live"] {
        assert_eq!(fresh.get(path).await.header("location"), Some("/password"), "{path}");
    }
    assert_eq!(fresh.get("/api/v1/cases").await.json()["error"]["code"], "password_change_required");
    let csrf = fresh.csrf().await;
    let answer = fresh.post("/people", &[("csrf", &csrf), ("name", "x"), ("role", "admin")]).await;
    assert_eq!(answer.header("location"), Some("/password"));
    let set = |new: &'static str| {
        [("csrf", csrf.clone()), ("old", door.password.clone()), ("new", new.into()), ("again", new.into())]
    };
    for (new, says) in
        [("short", "at least 12"), ("fresh is my name", "log-in name"), ("aaaaaaaaaaaaaaa", "one character")]
    {
        let fields = set(new);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let refused = fresh.post("/password", &fields).await;
        assert!(refused.status == 422 && refused.body.contains(says), "{new}: {}", refused.body);
    }
    let fields = set("an honest new sentence");
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert_eq!(fresh.post("/password", &fields).await.status, 303);
    assert_eq!(fresh.get("/people").await.status, 200);
}

#[tokio::test]
async fn roles_bound_what_people_may_do() {
    let door = Door::open().await;
    // name, least role that the form needs, form
    type Form<'f> = (&'f str, Role, &'f [(&'f str, &'f str)]);
    let forms: [Form<'_>; 8] = [
        ("/cases/case-2/note", Role::Analyst, &[("text", "x")]),
        ("/cases/case-2/assign", Role::Analyst, &[("assignee", "ann")]),
        ("/cases/case-2/state", Role::Analyst, &[("state", "working")]),
        ("/gateway/keys", Role::Engineer, &[("name", "x"), ("tier", "free")]),
        ("/gateway/keys/k7Qm2xPa/revoke", Role::Engineer, &[]),
        (
            "/gateway/containments",
            Role::Engineer,
            &[("kind", "range"), ("value", "192.0.2.1"), ("effect", "block"), ("minutes", "5"), ("reason", "r")],
        ),
        ("/gateway/containments/cont-stuff/lift", Role::Engineer, &[]),
        ("/people/vera", Role::Admin, &[("change", "disable")]),
    ];
    for (name, role) in
        [("vera", Role::Viewer), ("ann", Role::Analyst), ("bob", Role::Approver), ("admin", Role::Admin)]
    {
        let mut client = door.log_in(name).await;
        let csrf = client.csrf().await;
        for (path, least, fields) in forms {
            let mut fields = fields.to_vec();
            fields.push(("csrf", &csrf));
            let answer = client.post(path, &fields).await;
            assert_eq!(answer.status < 400, role >= least, "{name} {path}: {} {}", answer.status, answer.body);
            assert!(role >= least || answer.status == 403);
        }
        assert_eq!(client.get("/people").await.status == 200, role == Role::Admin, "{name}");
    }
    let audit = door.store.recent_audit(200).await.expect("audit");
    for action in [
        "case.note",
        "case.assign",
        "case.state",
        "key.create",
        "key.revoke",
        "containment.apply",
        "containment.lift",
        "person.disable",
        "session.start",
    ] {
        assert!(
            audit.iter().any(|e| e.action == action && e.at == door.clock.now()),
            "{action} is not in the audit log"
        );
    }
    assert_eq!(door.store.verify_audit().await.expect("walks"), None);
}

#[tokio::test]
async fn a_person_of_one_tenant_sees_that_tenant() {
    let door = Door::open().await;
    let mut rita = door.log_in("rita").await;
    let list = rita.get("/cases?state=all").await.body;
    assert!(list.contains("/cases/case-1\"") && !list.contains("/cases/case-4\""));
    for (path, status) in [
        ("/cases/case-1", 200),
        ("/cases/case-4", 404),
        ("/runs/run-1", 200),
        ("/runs/run-4", 404),
        ("/api/v1/cases/case-4", 404),
        ("/api/v1/cases/case-4/alerts", 404),
        ("/api/v1/cases/case-4/timeline", 404),
        ("/api/v1/runs/run-4", 404),
        ("/api/v1/approvals/appr-4", 404),
        ("/api/v1/approvals?case=case-4", 404),
    ] {
        assert_eq!(rita.get(path).await.status, status, "{path}");
    }
    for path in [
        "/",
        "/cases?state=all",
        "/runs",
        "/gateway",
        "/audit",
        "/approvals",
        "/api/v1/keys",
        "/api/v1/events",
        "/api/v1/containments?all=1",
        "/api/v1/status",
    ] {
        let body = rita.get(path).await.body;
        for other in ["acme/risk", "acme/research", "case-4", "k7Qm2xPa", "198.51.100.23"] {
            assert!(!body.contains(other), "{path} tells of {other}");
        }
    }
    assert!(rita.get("/api/v1/status").await.json()["traffic"].is_null());
    let csrf = rita.csrf().await;
    for (path, fields, status) in [
        ("/gateway/keys/k7Qm2xPa/revoke", vec![], 404),
        ("/gateway/containments/cont-stuff/lift", vec![], 404),
        ("/gateway/keys", vec![("name", "x"), ("tier", "free"), ("tenant", "acme/risk")], 403),
        ("/cases/case-4/note", vec![("text", "x")], 404),
        ("/approvals/appr-4", vec![("decision", "approve"), ("digest", "x")], 404),
        (
            "/gateway/containments",
            vec![("kind", "tenant"), ("value", "default"), ("effect", "block"), ("minutes", "5"), ("reason", "r")],
            422,
        ),
    ] {
        let mut fields = fields;
        fields.push(("csrf", csrf.as_str()));
        assert_eq!(rita.post(path, &fields).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn the_first_admin_has_a_one_time_password_and_there_is_only_one_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::system();
    let store =
        SqliteStore::open(folder.path().join("x.db"), clock.clone(), SqliteOptions::default()).await.expect("store");
    let entropy = Entropy::system();
    let first = bootstrap_admin(store.as_ref(), &clock, &entropy).await.expect("made").expect("somebody");
    assert_eq!(first.expose().len(), 23);
    assert!(bootstrap_admin(store.as_ref(), &clock, &entropy).await.expect("fine").is_none());
    let admin = store.person("admin").await.expect("read").expect("there");
    assert!(admin.must_change_password && admin.role == Role::Admin && !admin.password_hash.contains(first.expose()));
    let nobody = issue_api_token(store.as_ref(), &clock, &entropy, "nobody", 1_000).await;
    assert!(nobody.is_err_and(|e| e.to_string().contains("nobody")));
    let dry = Entropy::from_fn(|_| false);
    assert!(issue_api_token(store.as_ref(), &clock, &dry, "admin", 1_000).await.is_err());
}
