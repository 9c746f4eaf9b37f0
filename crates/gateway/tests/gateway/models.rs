//! `GET /v1/models`: what a key may use, over all upstreams, in the caller's shape.

use crate::house::{Answer, House, make_key, plain_yaml};
use crate::stub::{Reply, Stub};
use http::Method;

async fn list(house: &House, key: &str, anthropic: bool) -> Answer {
    let mut request = house.request("/v1/models", "");
    *request.method_mut() = Method::GET;
    let headers = request.headers_mut();
    headers.remove("authorization");
    headers.insert("x-api-key", key.parse().unwrap());
    if anthropic {
        headers.insert("anthropic-version", "2023-06-01".parse().unwrap());
    }
    house.whole(request).await
}

fn names(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    body["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn both_shapes_name_what_the_key_may_use_and_no_more() {
    let (narrow, kept) = make_key(|k| k.models = vec!["gpt-*".into()]);
    let stub =
        Stub::start(|_| Reply::json(r#"{"data":[{"id":"gpt-b"},{"id":"other"},{"id":"gpt-a"},{"no":"id"}]}"#)).await;
    // One upstream names its models, the other is asked for those that fit.
    let yaml = plain_yaml("requests_per_min: 3")
        .replace("base_url: '{upstream}/v1',", "base_url: '{upstream}/v1', models: ['gpt-*', 'o9'],")
        .replace("base_url: '{upstream}',", "base_url: '{upstream}', models: [claude-x],");
    let house = House::open_with(&yaml, stub.addr, vec![kept]).await;
    let answer = list(&house, &house.key, false).await;
    assert_eq!((answer.status, names(&answer)), (200, ["claude-x", "gpt-a", "gpt-b", "o9"].map(String::from).to_vec()));
    assert_eq!((&answer.json()["object"], &answer.json()["data"][0]["object"]), (&"list".into(), &"model".into()));
    assert_eq!(answer.number("x-ratelimit-remaining-requests"), 2);
    let answer = list(&house, &narrow, true).await;
    assert_eq!(names(&answer), ["gpt-a", "gpt-b"]);
    let body = answer.json();
    assert_eq!(
        (&body["first_id"], &body["last_id"], &body["has_more"]),
        (&"gpt-a".into(), &"gpt-b".into(), &false.into())
    );
    let seen = stub.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (2, "/v1/models"), "only the one that has to be");
    for seen in &seen {
        assert!(seen.headers["authorization"].to_str().unwrap().starts_with("Bearer upstream-secret"));
        assert!(!format!("{seen:?}").contains(&house.key) && !format!("{seen:?}").contains(&narrow));
    }
}

#[tokio::test]
async fn an_upstream_that_fails_is_left_out_and_others_are_told_what_is_wrong() {
    let stub = Stub::start(|_| Reply::status(500, "{}")).await;
    let yaml = plain_yaml("requests_per_min: 2")
        .replace("base_url: '{upstream}',", "base_url: '{upstream}', models: [claude-x],");
    let house = House::open(&yaml, stub.addr).await;
    let answer = list(&house, &house.key, false).await;
    assert_eq!((answer.status, names(&answer)), (200, vec!["claude-x".to_owned()]));
    let answer = house.post("/v1/models", "{}").await;
    assert_eq!((answer.status, answer.headers["allow"].to_str().unwrap()), (405, "GET"));
    assert_eq!(list(&house, &house.key, true).await.status, 200);
    let answer = list(&house, &house.key, true).await;
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (429, Some("rate_limit_error")));
    let answer = list(&house, "nobody", false).await;
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (401, Some("authentication_error")));
}
