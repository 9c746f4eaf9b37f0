use casemate_store::model::AlertState;
use casemate_store::sqlite::SqliteOptions;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::{World, token, until};

fn alert(n: u32) -> String {
    json!({"rule": "dlp/leak", "title": format!("leak {n}"), "dataset": "fraud-train", "n": n}).to_string()
}

/// No playbook: these tests are about the door.
async fn quiet(more: Value) -> World {
    let mut all = json!({"playbooks": null});
    for (name, value) in more.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    World::start(all).await
}

/// Alerts in the store, once triage has seen them all: counted one state after the other, one on its way counts twice.
async fn stored(world: &World) -> u64 {
    let count = |state| async move { world.store.count_alerts(state).await.expect("count") };
    until("triage", 30, || async { (count(AlertState::Received).await == 0).then_some(()) }).await;
    count(AlertState::Triaged).await + count(AlertState::Dead).await
}

#[tokio::test]
async fn an_acknowledged_alert_is_stored_once() {
    let world = quiet(json!({})).await;
    let (status, first) = world.post(alert(1), Some("d1")).await;
    assert_eq!((status, first["status"].as_str()), (202, Some("new")));
    let (status, again) = world.post(alert(2), Some("d1")).await;
    assert_eq!((status, &again["status"], &again["id"]), (202, &json!("duplicate"), &first["id"]));
    let (_, same) = world.post(alert(1), None).await;
    assert_eq!(same, json!({"id": first["id"], "status": "duplicate"}), "equal content within the window");
    let batch = format!("[{},{}]", alert(3), alert(4));
    let (status, many) = world.post(batch.clone(), Some("d2")).await;
    assert_eq!((status, many["alerts"].as_array().map(Vec::len)), (202, Some(2)));
    let (_, repeat) = world.post(batch, Some("d2")).await;
    assert!(repeat["alerts"].as_array().expect("list").iter().all(|a| a["status"] == "duplicate"), "{repeat}");
    assert_eq!(stored(&world).await, 3);
    let health = world.http.get(world.url("/healthz")).send().await.expect("answer");
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn only_the_source_itself_may_send() {
    let world = quiet(json!({})).await;
    let send = |path: &str, auth: Option<String>| {
        let mut request = world.http.post(world.url(path)).body(alert(1));
        if let Some(auth) = auth {
            request = request.header("authorization", auth);
        }
        async move { request.send().await.expect("answer") }
    };
    for auth in
        [None, Some("Bearer wrong".into()), Some(format!("Basic {}", token())), Some(format!("bearer {}", token()))]
    {
        let response = send("/api/v1/alerts/dlp", auth.clone()).await;
        assert_eq!(response.status(), 401, "{auth:?}");
        let body: Value = response.json().await.expect("JSON");
        assert!(["what", "where", "remedy"].iter().all(|k| body["error"][k].is_string()), "{body}");
        assert!(!body.to_string().contains(&token()));
    }
    let good = Some(format!("Bearer {}", token()));
    assert_eq!(send("/api/v1/alerts/nobody", good.clone()).await.status(), 404);
    assert_eq!(send("/elsewhere", good).await.status(), 404);
    assert_eq!(stored(&world).await, 0);
    assert!(world.store.dead_letters(10).await.expect("letters").is_empty(), "strangers cannot fill the list");
}

#[tokio::test]
async fn basic_and_signed_sources() {
    let home = tempfile::tempdir().expect("folder");
    let key = home.path().join("key");
    std::fs::write(&key, token()).expect("key");
    let world = quiet(json!({"sources": [
        {"name": "basic", "auth": {"basic": {"user": "ann", "password": {"file": key}}}},
        {"name": "signed", "auth": {"hmac": {"secret": {"file": key}}}, "delivery_header": "X-Hook-Id"},
    ]}))
    .await;
    let basic = |password: String| {
        let request =
            world.http.post(world.url("/api/v1/alerts/basic")).basic_auth("ann", Some(password)).body(alert(1));
        async move { request.send().await.expect("answer").status().as_u16() }
    };
    assert_eq!((basic(token()).await, basic("wrong".into()).await), (202, 401));

    let mut mac = Hmac::<Sha256>::new_from_slice(token().as_bytes()).expect("key");
    mac.update(alert(2).as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let signed = |signature: String, body: String| {
        let request = world.http.post(world.url("/api/v1/alerts/signed"));
        let request = request.header("x-signature-256", signature).header("x-hook-id", "h1").body(body);
        async move { request.send().await.expect("answer").status().as_u16() }
    };
    assert_eq!(signed(format!("sha256={signature}"), alert(2)).await, 202);
    assert_eq!(signed(signature.clone(), alert(3)).await, 401, "another body");
    assert_eq!(signed("zz".into(), alert(2)).await, 401);
    assert_eq!(stored(&world).await, 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_kept() {
    let limits = json!({"body_bytes_max": 2_000, "alerts_per_request_max": 2, "json_depth_max": 8});
    let world = quiet(json!({"limits": limits})).await;
    let nested = |n: usize| format!("{{\"rule\":\"r\",\"title\":\"t\",\"x\":{}1{}}}", "[".repeat(n), "]".repeat(n));
    for (body, status, why) in [
        ("not json".to_owned(), 400, "expected"),
        (String::new(), 400, "EOF"),
        (r#"{"rule": "a", "rule": "b"}"#.to_owned(), 400, "twice"),
        ("[]".to_owned(), 400, "0 alerts"),
        (format!("[{0},{0},{0}]", alert(1)), 400, "3 alerts"),
        ("[1]".to_owned(), 400, "JSON object"),
        ("7".to_owned(), 400, "JSON object"),
        (nested(8), 400, "levels"),
    ] {
        let (got, answer) = world.post(body.clone(), None).await;
        assert_eq!(got, status, "{body}: {answer}");
        assert!(answer["error"]["what"].as_str().is_some_and(|w| w.contains(why)), "{body}: {answer}");
    }
    let letters = world.store.dead_letters(20).await.expect("letters");
    assert_eq!(letters.len(), 8, "each is kept with its reason");
    assert!(letters.iter().all(|l| l.source == "dlp" && l.reason.contains(": ")));

    let of_size = |n: usize| {
        let empty = json!({"rule": "r", "title": "t", "pad": ""}).to_string();
        json!({"rule": "r", "title": "t", "pad": "x".repeat(n - empty.len())}).to_string()
    };
    assert_eq!(world.post(of_size(2_000), None).await.0, 202, "at the limit");
    assert_eq!(world.post(of_size(2_001), None).await.0, 413, "one past it");
    assert_eq!(world.post(nested(7), None).await.0, 202, "at the limit");
    assert_eq!(world.post(format!("[{},{}]", alert(1), alert(2)), None).await.0, 202, "at the limit");
    let (status, _) = world.post(alert(5), Some(&"i".repeat(257))).await;
    assert_eq!(status, 400, "a delivery id that is too long");
    assert_eq!(world.post(alert(5), Some(&"i".repeat(256))).await.0, 202);
}

#[tokio::test]
async fn an_alert_that_triage_cannot_read_is_a_dead_letter() {
    let world = quiet(json!({})).await;
    let (status, _) = world.post(json!({"title": "no rule"}).to_string(), None).await;
    assert_eq!(status, 202, "it is durable before anything else is known of it");
    let letter = until("the dead letter", 10, || async {
        world.store.dead_letters(1).await.expect("letters").into_iter().next()
    })
    .await;
    assert!(letter.reason.contains("rule"), "{letter:?}");
}

#[tokio::test]
async fn a_full_store_stops_acknowledging_and_says_why() {
    let options = SqliteOptions { pages_max: Some(120), ..SqliteOptions::default() };
    let world = World::start_with(json!({"playbooks": null}), options).await;
    let mut acknowledged = Vec::new();
    let refusal = loop {
        let n = acknowledged.len();
        let big = json!({"rule": "r", "title": "t", "n": n, "pad": "x".repeat(50_000)}).to_string();
        let response = world
            .http
            .post(world.url("/api/v1/alerts/dlp"))
            .bearer_auth(token())
            .body(big)
            .send()
            .await
            .expect("answer");
        if response.status() == 202 {
            acknowledged.push(response.json::<Value>().await.expect("JSON")["id"].clone());
            assert!(n < 100, "the limit holds");
            continue;
        }
        break response;
    };
    assert_eq!(refusal.status(), 503);
    assert!(refusal.headers().contains_key("retry-after"));
    let body: Value = refusal.json().await.expect("JSON");
    assert!(body["error"]["what"].as_str().is_some_and(|w| w.contains("full")), "{body}");
    for id in acknowledged {
        world.store.alert(&id.as_str().expect("id").into()).await.expect("what was acknowledged is there");
    }
}

#[tokio::test]
async fn a_locked_store_stops_acknowledging_and_says_why() {
    let options = SqliteOptions { busy_timeout_ms: 100, ..SqliteOptions::default() };
    let world = World::start_with(json!({"playbooks": null}), options).await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(world.home.path().join("casemate.db"));
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&file).await.expect("connect");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("lock");
    let (status, body) = world.post(alert(1), Some("d1")).await;
    assert_eq!(status, 503, "{body}");
    assert!(body["error"]["what"].as_str().is_some_and(|w| w.contains("locked")), "{body}");
    let health = || async { world.http.get(world.url("/healthz")).send().await.expect("answer").status().as_u16() };
    assert_eq!(health().await, 503);
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlock");
    assert_eq!(health().await, 200, "healthy again without an alert");
    assert_eq!(world.post(alert(1), Some("d1")).await.0, 202, "and goes on afterwards");
}
