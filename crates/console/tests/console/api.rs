//! The API and its document say the same.

use std::collections::BTreeSet;

use casemate_console::{Entropy, issue_api_token, openapi};
use casemate_store::traits::Approvals as _;
use serde_json::{Value, json};

use crate::door::{Client, Door};

async fn token(door: &Door, name: &str) -> Client {
    let token =
        issue_api_token(door.store.as_ref(), &door.clock, &Entropy::system(), name, 60_000).await.expect("token");
    Client { bearer: Some(token.expose().clone()), ..door.client() }
}

/// A validator of `schema` with the document's components in reach.
fn validator(schema: &Value) -> jsonschema::Validator {
    let doc = openapi();
    let whole = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [schema], "components": doc["components"]});
    jsonschema::draft202012::new(&whole).expect("a schema")
}

#[tokio::test]
async fn every_operation_answers_as_the_document_says() {
    let door = Door::open().await;
    let mut admin = token(&door, "admin").await;
    let digest = door.store.approval(&"appr-4".into()).await.expect("asked").command_digest;
    let doc = openapi();
    assert_eq!(doc["openapi"], "3.1.0");
    let served = admin.get("/api/v1/openapi.json").await.json();
    assert_eq!(served, doc);
    let mut called = BTreeSet::new();
    let bodies = |id: &str| match id {
        "addNote" => json!({"text": "from a script"}),
        "decideApproval" => json!({"decision": "approve", "digest": digest, "reason": "by API"}),
        "createKey" => json!({"name": "by API", "tier": "free", "days": 3}),
        "createContainment" => {
            json!({"kind": "range", "value": "192.0.2.9", "effect": "limit", "requests_per_min": 5, "minutes": 5, "reason": "r"})
        }
        "analyze" => json!({"text": "write to anna@firma.de", "language": "en"}),
        "anonymize" => json!({
            "text": "write to anna@firma.de",
            "anonymizers": {"DEFAULT": {"type": "replace", "new_value": "ANON"}},
            "analyzer_results": [{"start": 9, "end": 22, "score": 0.9, "entity_type": "EMAIL_ADDRESS"}],
        }),
        _ => Value::Null,
    };
    for (path, operations) in doc["paths"].as_object().expect("paths") {
        for (method, op) in operations.as_object().expect("operations") {
            let id = op["operationId"].as_str().expect("an id");
            assert!(called.insert(id.to_owned()), "{id} twice");
            let real = match path.split('/').nth(1) {
                Some("runs") => path.replace("{id}", "run-1"),
                Some("approvals") => path.replace("{id}", "appr-4"),
                Some("keys") => path.replace("{id}", "k7Qm2xPa"),
                Some("containments") => path.replace("{id}", "cont-stuff"),
                _ => path.replace("{id}", "case-4"),
            };
            let url = format!("/api/v1{real}");
            let body = bodies(id);
            let answer = match method.as_str() {
                "get" => admin.get(&url).await,
                _ => admin.post_json(&url, &body).await,
            };
            let documented = op["responses"].as_object().expect("responses");
            let success = documented.keys().find(|s| s.starts_with('2')).expect("a success").clone();
            assert_eq!(answer.status.to_string(), success, "{id}: {}", answer.body);
            let schema = &documented[&success]["content"]["application/json"]["schema"];
            let value = answer.json();
            let problems: Vec<String> =
                validator(schema).iter_errors(&value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
            assert!(problems.is_empty(), "{id}: {problems:?}\n{value:#}");
            if op["x-casemate-role"].is_null() {
                continue;
            }
            // Without a log-in, as documented.
            let refused = match method.as_str() {
                "get" => door.client().get(&url).await,
                _ => door.client().post_json(&url, &body).await,
            };
            assert_eq!(refused.status, 401, "{id}");
            assert!(
                validator(&documented["401"]["content"]["application/json"]["schema"]).is_valid(&refused.json()),
                "{id}"
            );
            if op["x-casemate-role"] != "viewer" {
                let mut vera = token(&door, "vera").await;
                let refused = vera.post_json(&url, &body).await;
                assert_eq!(refused.status, 403, "{id}: {}", refused.body);
                assert!(documented.contains_key("403"));
            }
            if let Some(body) = op.pointer("/requestBody/content/application~1json/schema") {
                assert!(validator(body).is_valid(&bodies(id)), "{id}: the test's own body");
                for (content, kind, status) in [
                    ("{", "application/json", "400"),
                    ("{}", "text/plain", "415"),
                    (r#"{"x":1}"#, "application/json", "422"),
                ] {
                    let answer = admin.send("POST", &url, &[("content-type", kind)], content).await;
                    assert_eq!(answer.status.to_string(), status, "{id} {content}: {}", answer.body);
                    assert!(documented.contains_key(status), "{id} {status}");
                    assert!(answer.json()["error"]["remedy"].is_string());
                }
            }
        }
    }
    assert!(called.len() >= 20, "{called:?}");
}

#[tokio::test]
async fn a_tool_call_takes_a_reason_and_two_people() {
    let door = Door::open().await;
    let url = "/api/v1/approvals/appr-call";
    let mut bob = token(&door, "bob").await;
    let asked = bob.get(url).await.json();
    assert_eq!(
        (&asked["case"], &asked["run"], &asked["call"]["key"]),
        (&Value::Null, &Value::Null, &json!("k7Qm2xPa"))
    );
    let digest = asked["command_digest"].clone();
    let decide = format!("{url}/decide");
    for reason in ["", "  "] {
        let mute = bob.post_json(&decide, &json!({"decision": "approve", "digest": digest, "reason": reason})).await;
        assert_eq!(mute.status, 409, "{}", mute.body);
        assert!(mute.body.contains("takes a reason"), "{}", mute.body);
    }
    let yes = json!({"decision": "approve", "digest": digest, "reason": "the invoice is ours"});
    assert_eq!(bob.post_json(&decide, &yes).await.json()["state"], "pending", "one of two");
    assert_eq!(bob.post_json(&decide, &yes).await.status, 409, "one person, one answer");
    let mut admin = token(&door, "admin").await;
    assert_eq!(admin.post_json(&decide, &yes).await.json()["state"], "approved");
    let recent = admin.get("/api/v1/approvals?all=1&limit=200").await.json();
    let listed =
        recent["approvals"].as_array().expect("a list").iter().find(|a| a["id"] == "appr-call").expect("listed");
    assert_eq!(listed["votes"].as_array().map(Vec::len), Some(2));
    let page = door.log_in("admin").await.get("/approvals").await.body;
    assert!(page.contains("send_mail") && page.contains("the invoice is ours"), "{page}");
}

#[tokio::test]
async fn a_token_approves_once_and_says_what_was_refused() {
    let door = Door::open().await;
    let mut bob = token(&door, "bob").await;
    let list = bob.get("/api/v1/approvals").await.json();
    let mine = list["approvals"].as_array().expect("list").iter().find(|a| a["id"] == "appr-4").expect("asked").clone();
    let url = "/api/v1/approvals/appr-4/decide";
    let stale = bob.post_json(url, &json!({"decision": "approve", "digest": "0"})).await;
    assert_eq!((stale.status, stale.json()["error"]["code"].as_str()), (409, Some("conflict")));
    let yes =
        bob.post_json(url, &json!({"decision": "approve", "digest": mine["command_digest"], "reason": "ok"})).await;
    assert_eq!((yes.status, yes.json()["state"].as_str()), (200, Some("approved")), "{}", yes.body);
    assert_eq!(bob.post_json(url, &json!({"decision": "deny", "digest": mine["command_digest"]})).await.status, 409);
    door.clock.advance_ms(60_000);
    assert_eq!(bob.get("/api/v1/approvals").await.status, 401, "the token has ended");
}

#[tokio::test]
async fn tokens_and_cookies_are_not_interchangeable() {
    let door = Door::open().await;
    let session = door.log_in("bob").await.cookies["casemate_session"].clone();
    let mut as_bearer = Client { bearer: Some(session), ..door.client() };
    assert_eq!(as_bearer.get("/api/v1/cases").await.status, 401);
    let api = token(&door, "bob").await.bearer.expect("a token");
    let mut as_cookie = door.client();
    as_cookie.cookies.insert("casemate_session".into(), api);
    assert_eq!(as_cookie.get("/").await.status, 303);
    assert_eq!(as_cookie.get("/api/v1/cases").await.status, 401);
}

#[tokio::test]
async fn paging_is_bounded_and_unknown_paths_are_json() {
    let door = Door::open().await;
    let mut admin = token(&door, "admin").await;
    let count = |v: Value| v["alerts"].as_array().map(Vec::len);
    assert_eq!(count(admin.get("/api/v1/cases/case-1/alerts?limit=10").await.json()), Some(10));
    assert_eq!(count(admin.get("/api/v1/cases/case-1/alerts?limit=100000").await.json()), Some(31));
    assert_eq!(count(admin.get("/api/v1/cases/case-1/alerts?limit=0").await.json()), Some(1));
    assert_eq!(count(admin.get("/api/v1/cases/case-1/alerts?offset=30").await.json()), Some(1));
    let all = admin.get("/api/v1/cases?state=all").await.json();
    assert_eq!(
        (all["total"].as_u64(), all["pages"].as_u64(), all["cases"].as_array().map(Vec::len)),
        (Some(37), Some(2), Some(25))
    );
    let critical = admin.get("/api/v1/cases?severity=critical&sort=risk").await.json();
    let risks: Vec<f64> =
        critical["cases"].as_array().expect("list").iter().filter_map(|c| c["risk"].as_f64()).collect();
    assert_eq!(risks, [0.94, 0.88]);
    for (answer, status) in
        [(admin.get("/api/v1/nothing").await, 404), (admin.post_json("/api/v1/cases", &json!({})).await, 405)]
    {
        assert_eq!(answer.status, status);
        assert!(answer.json()["error"]["code"].is_string());
    }
}
