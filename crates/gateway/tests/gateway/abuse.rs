//! Keys, containments and the detectors, through the whole gateway and its store.

use std::sync::Arc;
use std::time::Duration;

use crate::house::{ANSWER, CHAT, DEFAULTS, House, make_key, plain_yaml};
use crate::stub::{Reply, Stub};
use casemate_finding::UnixMs;
use casemate_store::clock::Clock;
use casemate_store::model::{Containment, ContainmentId, Effect, Target, TenantId};
use casemate_store::traits::{Components, Containments, Keys};

fn get(path: &str, key: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn containment(id: &str, target: Target, scope: Option<&str>, effect: Effect, ends_in_ms: i64) -> Containment {
    let now = Clock::system().now();
    Containment {
        id: ContainmentId(id.into()),
        idempotency_key: id.into(),
        tenant: TenantId("*".into()),
        target,
        scope: scope.map(Into::into),
        effect,
        reason: "test".into(),
        created_by: "test".into(),
        case: None,
        created_at: now,
        expires_at: now.plus_ms(ends_in_ms),
        lifted_at: None,
    }
}

/// Tries until it is so, five seconds at most.
async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    for _ in 0..200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come about");
}

#[tokio::test]
async fn keys_come_and_go_without_a_restart() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = Arc::new(House::plain(stub.addr, "").await);
    let (key, kept) = make_key(|_| ());
    let status = |key: String| {
        let house = house.clone();
        async move {
            let answer = house.from("127.0.0.1", &get("/v1/chat/completions", &key, CHAT)).await;
            answer[9..12].parse::<u16>().unwrap()
        }
    };
    assert_eq!(status(key.clone()).await, 401);
    house.store.insert_key(&kept).await.unwrap();
    until("the new key", || async { status(key.clone()).await == 200 }).await;
    house.store.revoke_key(&kept.id, UnixMs(1)).await.unwrap();
    until("its revocation", || async { status(key.clone()).await == 401 }).await;
}

#[tokio::test]
async fn containments_block_and_limit_what_they_are_about_and_end_by_themselves() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = Arc::new(House::plain(stub.addr, "").await);
    let status = |from: &'static str, path: &'static str| {
        let house = house.clone();
        async move {
            let answer = house.from(from, &get(path, &house.key, CHAT)).await;
            answer[9..12].parse::<u16>().unwrap()
        }
    };
    let range = Target::Range("127.0.66.0/24".into());
    let limit = Effect::Limit { requests_per_min: 2 };
    house.store.apply_containment(&containment("a", range, Some("churn"), limit, 60_000)).await.unwrap();
    until("the limit", || async { status("127.0.66.5", "/infer/churn").await == 429 }).await;
    assert_eq!(status("127.0.66.6", "/infer/churn").await, 429, "shared by the range");
    assert_eq!(status("127.0.66.5", "/v1/chat/completions").await, 200, "out of scope");
    assert_eq!(status("127.0.67.5", "/infer/churn").await, 200, "another range");
    let address = Target::Range("127.0.77.7".into());
    house.store.apply_containment(&containment("b", address, None, Effect::Block, 1_500)).await.unwrap();
    until("the block", || async { status("127.0.77.7", "/v1/chat/completions").await == 403 }).await;
    assert_eq!(status("127.0.77.8", "/v1/chat/completions").await, 200);
    until("its end", || async { status("127.0.77.7", "/v1/chat/completions").await == 200 }).await;
    let model = Target::Model("m".into());
    house.store.apply_containment(&containment("c", model, None, Effect::Block, 60_000)).await.unwrap();
    until("the model's block", || async { status("127.0.0.1", "/v1/chat/completions").await == 403 }).await;
    house.store.lift_containment(&ContainmentId("c".into()), Clock::system().now()).await.unwrap();
    until("its lifting", || async { status("127.0.0.1", "/v1/chat/completions").await == 200 }).await;
}

#[tokio::test]
async fn keys_that_are_tried_out_become_one_signal() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::open(DEFAULTS, stub.addr).await;
    for n in 0..40_u32 {
        let guess = format!("cm_{:08x}_{:032x}{:06}", n * 7_919 + 13, u128::from(n) * 0x9e37_79b9_7f4a_7c15, n);
        let answer = house.from("127.0.77.7", &get("/v1/chat/completions", &guess, CHAT)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
    let event = house.event("gateway/key-stuffing").await.event;
    let entities = event.payload["entities"].to_string();
    assert!(entities.contains("127.0.77.7") && entities.contains("127.0.77.0/24"), "{entities}");
    assert_eq!(event.payload["atlas"][0], "AML.T0012");
    assert_eq!(event.payload["details"]["distinct_keys"], 10);
}

#[tokio::test]
async fn a_decoy_key_is_an_incident_and_lets_nobody_in() {
    let (decoy, kept) = make_key(|k| k.decoy = true);
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let id = kept.id.0.clone();
    let house = House::open_with(DEFAULTS, stub.addr, vec![kept]).await;
    let answer = house.from("127.0.88.8", &get("/v1/chat/completions", &decoy, CHAT)).await;
    assert!(answer.starts_with("HTTP/1.1 401"));
    let payload = house.event("gateway/decoy-key").await.event.payload;
    assert!(payload["entities"].to_string().contains(&id) && payload["severity"] == "critical", "{payload}");
}

#[tokio::test]
async fn a_surge_from_one_range_is_named() {
    let stub = Stub::start(|_| Reply::json(r#"{"score":1}"#)).await;
    let surge = "abuse: {surge: {window_ms: 200, sustained_windows: 3, learn_windows: 5, requests_min: 10}}\n";
    let clock = Clock::manual(UnixMs(1_700_000_000_000));
    let house = House::open_at(&format!("{surge}{}", plain_yaml("")), stub.addr, clock.clone()).await;
    let request = get("/infer/churn", &house.key, "{}");
    for window in 0..10 {
        for n in 0..2 {
            house.from(&format!("127.0.{}.1", 10 + (window + n) % 4), &request).await;
        }
        clock.advance_ms(200);
    }
    for _ in 0..4 {
        for n in 0..20 {
            house.from(&format!("127.0.66.{}", 1 + n % 10), &request).await;
        }
        clock.advance_ms(200);
    }
    house.from("127.0.66.1", &request).await;
    let event = house.event("gateway/surge").await.event;
    let entities = event.payload["entities"].to_string();
    assert!(entities.contains("churn") && entities.contains("127.0.66.0/24"), "{}", event.payload);
    assert!(event.payload["details"]["times"].as_f64().unwrap() >= 5.0);
}

#[tokio::test]
async fn the_status_is_reported_and_a_taken_port_says_what_to_do() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::open(DEFAULTS, stub.addr).await;
    house.chat("hi").await;
    let mut report = serde_json::Value::Null;
    for _ in 0..100 {
        let all = house.store.component_status(UnixMs(0)).await.unwrap();
        report = all.into_iter().next().map(|s| s.report).unwrap_or_default();
        if report["answered"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((&report["requests"], &report["answered"], &report["output_tokens"]), (&1.into(), &1.into(), &2.into()));
    assert_eq!(report["upstreams"][0]["breaker"]["state"], "closed");
    assert_eq!(
        report["per_minute"].as_array().unwrap().iter().map(|m| m["requests"].as_u64().unwrap()).sum::<u64>(),
        1
    );
    assert!(report["latency"]["first_byte"]["p50_us"].as_u64().unwrap() > 0);
    let text = House::start_error(DEFAULTS, stub.addr, house.addr).await;
    assert!(text.contains(&house.addr.port().to_string()) && text.contains("gateway.listen"), "{text}");
    house.close().await;
}
