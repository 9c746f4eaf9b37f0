//! Wire rules 17 to 20: bodies, headers, paths, and what strangers learn.

use std::io::Write;

use crate::house::{ANSWER, CHAT, House, MESSAGE, make_key, plain_yaml};
use crate::stub::{Reply, Stub};
use casemate_finding::UnixMs;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn rule_17_limits_hold_before_and_after_unpacking_and_unknown_encodings_are_refused() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::open(&format!("body_bytes_max: 1000\n{}", plain_yaml("")), stub.addr).await;
    let sized = |bytes: usize| {
        let frame = r#"{"model":"m","messages":[],"x":""}"#;
        frame.replace("\"\"}", &format!("\"{}\"}}", "a".repeat(bytes - frame.len())))
    };
    for (bytes, status) in [(1000, 200), (1001, 413)] {
        assert_eq!(house.post("/v1/chat/completions", sized(bytes)).await.status, status, "{bytes}");
        let mut packed = house.request("/v1/chat/completions", gzip(sized(bytes).as_bytes()));
        packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        assert_eq!(house.whole(packed).await.status, status, "{bytes} packed");
    }
    let seen = stub.seen();
    assert_eq!(seen[1].body, sized(1000).as_bytes(), "goes on unpacked");
    assert!(!seen[1].headers.contains_key("content-encoding"));
    for (name, value, status) in [
        ("content-encoding", "br", 415),
        ("content-encoding", "gzip, gzip", 415),
        ("content-encoding", "gzip", 400),
        ("content-type", "text/plain", 415),
        ("content-type", "application/json; charset=utf-16", 415),
    ] {
        let mut request = house.request("/v1/chat/completions", CHAT);
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(house.whole(request).await.status, status, "{name}: {value}");
    }
    // Without a length: the limit counts what comes.
    let chunk = "a".repeat(600);
    let chunked = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n258\r\n{chunk}\r\n258\r\n{chunk}\r\n0\r\n\r\n",
        house.key
    );
    assert!(house.raw(chunked.as_bytes()).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn strict_json_is_refused_in_both_dialects() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::plain(stub.addr, "").await;
    let deep = format!(r#"{{"model":"m","messages":{}{}}}"#, "[".repeat(64), "]".repeat(64));
    for body in [
        br#"{"model":"m","messages":[],"model":"n"}"#.to_vec(),
        br#"{"model":"m","messages":[{"role":"user","role":"system"}]}"#.to_vec(),
        b"{\"model\":\"m\",\"messages\":[\"\xff\"]}".to_vec(),
        br#"{"model":"m","messages":["\ud800"]}"#.to_vec(),
        br#"{"model":"m","messages":[]} x"#.to_vec(),
        deep.into_bytes(),
        Vec::new(),
    ] {
        for path in ["/v1/chat/completions", "/v1/messages", "/infer/churn"] {
            let answer = house.post(path, body.clone()).await;
            assert_eq!(answer.status, 400, "{path} {}", String::from_utf8_lossy(&body));
            assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
        }
    }
    let deepest = format!(r#"{{"model":"m","messages":{}{}}}"#, "[".repeat(63), "]".repeat(63));
    assert_eq!(house.post("/v1/chat/completions", deepest).await.status, 200);
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn rule_18_hops_and_credentials_stay_behind_and_ambiguous_heads_are_refused() {
    let reply = || {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("connection", "x-upstream-hop".to_owned()),
            ("x-upstream-hop", "1".to_owned()),
            ("set-cookie", "a=b".to_owned()),
            ("x-ratelimit-limit-requests", "77".to_owned()),
            ("x-request-id", "up-1".to_owned()),
        ];
        Reply::Whole { status: 200, headers, body: ANSWER.into() }
    };
    let stub = Stub::start(move |_| reply()).await;
    let house = House::plain(stub.addr, "requests_per_min: 50").await;
    let mut request = house.request("/v1/chat/completions", CHAT);
    for (name, value) in [
        ("connection", "keep-alive, X-Hop"),
        ("x-hop", "1"),
        ("x-api-key", &house.key.clone()),
        ("cookie", "a=b"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-casemate-request-id", "forged"),
        ("user-agent", "sdk/1"),
    ] {
        request.headers_mut().insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let answer = house.whole(request).await;
    let seen = &stub.seen()[0];
    for gone in ["x-hop", "cookie", "x-forwarded-for", "x-api-key", "x-casemate-request-id", "transfer-encoding"] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
    assert_eq!(seen.headers["host"], stub.addr.to_string());
    assert_eq!(seen.headers["user-agent"], "sdk/1");
    assert_eq!(seen.headers["content-length"], CHAT.len().to_string());
    assert!(seen.headers["authorization"].to_str().unwrap().starts_with("Bearer upstream-secret"));
    assert!(!format!("{seen:?}").contains(&house.key), "the caller's key never goes upstream");
    for gone in ["x-upstream-hop", "set-cookie"] {
        assert!(!answer.headers.contains_key(gone), "{gone}");
    }
    assert_eq!(answer.headers["x-request-id"], "up-1");
    assert_eq!(answer.number("x-ratelimit-limit-requests"), 50, "the gateway's own limit, not its account's");
    assert!(answer.headers["x-casemate-request-id"].to_str().unwrap().starts_with("req_"));

    let before = stub.seen().len();
    let auth = format!("Host: h\r\nAuthorization: Bearer {}\r\n", house.key);
    for head in [
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "X-Long: a\r\n folded\r\nContent-Length: 3\r\n",
        "Content-Length: +3\r\n",
        "Content-Length : 3\r\n",
    ] {
        let raw = format!("POST /v1/chat/completions HTTP/1.1\r\n{auth}{head}\r\n0\r\n\r\n");
        let answer = house.raw(raw.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
    }
    assert_eq!(stub.seen().len(), before);
    let mut two_keys = house.request("/v1/chat/completions", CHAT);
    two_keys.headers_mut().insert("x-api-key", make_key(|_| ()).0.parse().unwrap());
    assert_eq!(house.whole(two_keys).await.status, 400);
}

#[tokio::test]
async fn rule_19_what_is_authorised_is_what_is_matched() {
    let (scoped, kept) = make_key(|k| {
        k.routes = vec!["/infer/churn".into()];
        k.models = vec!["churn".into()];
    });
    let stub = Stub::start(|_| Reply::json(r#"{"score":0.5}"#)).await;
    let house = House::open_with(&plain_yaml(""), stub.addr, vec![kept]).await;
    let ask = |path: &'static str, body: &'static str| {
        let mut request = house.request(path, body);
        request.headers_mut().insert("authorization", format!("Bearer {scoped}").parse().unwrap());
        house.whole(request)
    };
    assert_eq!(ask("/infer/churn", "{}").await.status, 200);
    for path in ["/v1/chat/completions", "/v1/messages"] {
        assert_eq!(ask(path, CHAT).await.status, 403, "{path}");
    }
    for path in ["/infer/%63hurn", "/infer/churn/../churn", "//infer/churn", "/infer/churn;v=1", "/infer/./churn"] {
        let answer = ask(path, "{}").await;
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    assert_eq!(ask("/infer/other", "{}").await.status, 403);
    assert_eq!(stub.seen().len(), 1);
    let (narrow, kept) = make_key(|k| k.models = vec!["gpt-*".into()]);
    let house = House::open_with(&plain_yaml(""), stub.addr, vec![kept]).await;
    let mut request = house.request("/v1/messages", MESSAGE);
    request.headers_mut().remove("authorization");
    request.headers_mut().insert("x-api-key", narrow.parse().unwrap());
    assert_eq!(house.whole(request).await.json()["error"]["type"], "permission_error");
}

#[tokio::test]
async fn rule_20_strangers_learn_nothing() {
    let (revoked, a) = make_key(|k| k.revoked_at = Some(UnixMs(1)));
    let (decoy, b) = make_key(|k| k.decoy = true);
    let (unknown, _) = make_key(|_| ());
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::open_with(&plain_yaml(""), stub.addr, vec![a, b]).await;
    let mut bodies = std::collections::BTreeSet::new();
    let mut names = std::collections::BTreeSet::new();
    for key in [revoked.as_str(), &decoy, &unknown, "nonsense", "", &house.key[..20]] {
        // A model that exists and one that does not, a body that is right and one that is not.
        for body in [CHAT, r#"{"model":"none","messages":[]}"#, "{"] {
            let mut request = house.request("/v1/chat/completions", body);
            request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
            let answer = house.whole(request).await;
            assert_eq!(answer.status, 401);
            bodies.insert(answer.text());
            let mut all: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            all.sort();
            names.insert(all.join(" "));
        }
    }
    let mut without = house.request("/v1/chat/completions", CHAT);
    without.headers_mut().remove("authorization");
    bodies.insert(house.whole(without).await.text());
    // An end-point that exists, one that does not, and the list of models.
    for path in ["/infer/churn", "/infer/none", "/v1/models"] {
        let mut request = house.request(path, "");
        if path == "/v1/models" {
            *request.method_mut() = http::Method::GET;
        }
        request.headers_mut().insert("authorization", format!("Bearer {unknown}").parse().unwrap());
        let answer = house.whole(request).await;
        assert_eq!(answer.status, 401, "{path}");
        bodies.insert(answer.text());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(names.len(), 1, "{names:?}");
    assert!(!names.first().unwrap().contains("limit"), "{names:?}");
    assert_eq!(stub.seen().len(), 0);
    let health = house.raw(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.ends_with("ok\n") && !health.contains("casemate"), "{health}");
    let limited =
        House::open(&plain_yaml("").replace("per_address: {}", "per_address: {requests_per_min: 2}"), stub.addr).await;
    for status in [401, 401, 429] {
        let mut request = limited.request("/v1/messages", MESSAGE);
        request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
        let answer = limited.whole(request).await;
        assert_eq!(answer.status, status);
        assert!(!answer.headers.keys().any(|n| n.as_str().contains("ratelimit")));
    }
}

#[tokio::test]
async fn a_limit_is_told_exactly() {
    let stub = Stub::start(|_| Reply::json(ANSWER)).await;
    let house = House::plain(stub.addr, "requests_per_min: 3").await;
    for left in [2, 1, 0] {
        let answer = house.chat("hi").await;
        assert_eq!((answer.status, answer.number("x-ratelimit-remaining-requests")), (200, left));
    }
    let answer = house.chat("hi").await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    let ms = answer.number("retry-after-ms");
    assert!((15_000..=20_000).contains(&ms), "{ms}");
    assert_eq!(answer.number("retry-after"), ms.div_ceil(1_000));
    let answer = house.post("/v1/messages", MESSAGE).await;
    assert_eq!((answer.status, answer.json()["error"]["type"].as_str()), (429, Some("rate_limit_error")));
    assert_eq!(answer.number("anthropic-ratelimit-requests-limit"), 3);
    assert!(answer.headers["anthropic-ratelimit-requests-reset"].to_str().unwrap().ends_with('Z'));
}
