//! What calls Presidio gets Presidio's answers: recorded ones of its anonymizer, and the shapes of its analyzer.

use casemate_console::{Entropy, issue_api_token};
use serde_json::{Value, json};

use crate::door::{Client, Door};

async fn caller(door: &Door) -> Client {
    let token = issue_api_token(door.store.as_ref(), &door.clock, &Entropy::system(), "vera", 60_000).await;
    Client { bearer: Some(token.expect("token").expose().clone()), ..door.client() }
}

/// `bench/presidio_record.py` wrote these, with presidio-anonymizer 2.2.366.
#[tokio::test]
async fn the_anonymizer_answers_as_presidio_did() {
    let door = Door::open().await;
    let mut vera = caller(&door).await;
    let recorded: Vec<Value> =
        include_str!("presidio.jsonl").lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(recorded.len(), 120);
    for row in &recorded {
        let answer = vera.post_json("/anonymize", &row["request"]).await;
        assert_eq!(answer.status, 200, "{}: {}", row["request"], answer.body);
        assert_eq!(answer.json(), row["answer"], "{}", row["request"]);
    }
}

#[tokio::test]
async fn the_analyzer_takes_the_requests_of_presidio_s_clients() {
    let door = Door::open().await;
    let mut vera = caller(&door).await;
    // The request of Presidio's own API document, and what a proxy sends that uses it.
    for body in [
        json!({
            "text": "hello world, my name is Jane Doe. My number is: 034453334 and anna@firma.de", "language": "en",
            "ad_hoc_recognizers": [{
                "name": "Zip code Recognizer", "supported_language": "en",
                "patterns": [{"name": "zip code (weak)", "regex": "(\\b\\d{5}(?:\\-\\d{4})?\\b)", "score": 0.01}],
                "context": ["zip", "code"], "supported_entity": "ZIP",
            }],
        }),
        json!({"text": "write to anna@firma.de", "language": "en", "entities": ["EMAIL_ADDRESS"], "score_threshold": 0.5,
            "return_decision_process": false, "correlation_id": "r-1", "allow_list": [], "context": []}),
        json!({"text": "write to anna@firma.de", "language": "en", "entities": null, "score_threshold": null,
            "return_decision_process": null, "correlation_id": null, "ad_hoc_recognizers": null}),
    ] {
        let answer = vera.post_json("/analyze", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let results = answer.json();
        let email = results.as_array().expect("a list").iter().find(|r| r["entity_type"] == "EMAIL_ADDRESS");
        let email = email.expect("the address");
        for field in ["start", "end", "score", "analysis_explanation"] {
            assert!(email.get(field).is_some(), "{field}");
        }
        // What one answers, the other takes.
        let both = json!({"text": body["text"], "analyzer_results": results});
        let done = vera.post_json("/anonymize", &both).await;
        assert!(done.json()["text"].as_str().is_some_and(|t| t.contains("<EMAIL_ADDRESS>")), "{}", done.body);
    }
}

#[tokio::test]
async fn lists_health_and_refusals() {
    let door = Door::open().await;
    let mut vera = caller(&door).await;
    assert_eq!(door.client().get("/health").await.status, 200, "health needs no token");
    assert_eq!(door.client().get("/supportedentities?language=en").await.status, 401);
    assert_eq!(door.client().post_json("/analyze", &json!({"text": "a", "language": "en"})).await.status, 401);
    let labels = vera.get("/supportedentities?language=en").await.json();
    assert!(labels.as_array().is_some_and(|l| l.contains(&json!("CREDIT_CARD")) && !l.contains(&json!("PERSON"))));
    assert!(vera.get("/recognizers?language=en").await.json().as_array().is_some_and(|l| l.len() > 40));
    assert!(vera.get("/anonymizers").await.json().as_array().is_some_and(|l| l.contains(&json!("mask"))));
    for (path, body) in [
        ("/analyze", json!({"text": "", "language": "en"})),
        ("/analyze", json!({"text": "a"})),
        ("/analyze", json!({"text": "a", "language": "en", "entities": ["PERSON"]})),
        ("/anonymize", json!({"text": "a"})),
        (
            "/anonymize",
            json!({"text": "a", "analyzer_results": [{"start": 0, "end": 9, "score": 1, "entity_type": "X"}]}),
        ),
        ("/anonymize", json!({"text": "a", "analyzer_results": [], "anonymizers": {"DEFAULT": {"type": "custom"}}})),
    ] {
        let refused = vera.post_json(path, &body).await;
        assert_eq!(refused.status, 422, "{path} {body}: {}", refused.body);
        assert!(refused.json()["error"]["message"].is_string());
    }
}

#[tokio::test]
async fn a_text_at_the_limit_is_taken_and_one_past_it_is_not() {
    let door = Door::open().await;
    let mut vera = caller(&door).await;
    let mut send = async |n: usize| {
        vera.post_json("/analyze", &json!({"text": "a ".repeat(n / 2) + &"b".repeat(n % 2), "language": "en"}))
            .await
            .status
    };
    assert_eq!(send(1 << 20).await, 200);
    assert_eq!(send((1 << 20) + 1).await, 422);
}
