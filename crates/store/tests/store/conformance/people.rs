use std::sync::Arc;

use casemate_finding::UnixMs;
use casemate_store::model::*;
use casemate_store::{Store, StoreError};
use serde_json::json;

use super::samples::T0;

fn key(id: &str, tenant: &str) -> ApiKey {
    ApiKey {
        id: id.into(),
        digest: "00ff".into(),
        tenant: tenant.into(),
        tier: "gold".into(),
        name: "batch".into(),
        models: vec!["gpt-*".into()],
        routes: vec![],
        requests_per_min: Some(60),
        tokens_per_min: None,
        decoy: false,
        created_at: T0,
        expires_at: None,
        revoked_at: None,
    }
}

pub async fn keys(store: Arc<dyn Store>) {
    assert_eq!(store.keys_generation().await.expect("generation"), 0);
    let (a, b) = (key("k1", "acme"), key("k2", "other"));
    store.insert_key(&a).await.expect("insert");
    let first = store.keys_generation().await.expect("generation");
    store.insert_key(&b).await.expect("insert");
    assert!(store.keys_generation().await.expect("generation") > first);
    assert!(matches!(store.insert_key(&a).await, Err(StoreError::Conflict { kind: "key", .. })));
    assert_eq!(store.list_keys(None).await.expect("all"), [a.clone(), b]);
    assert_eq!(store.list_keys(Some(&"acme".into())).await.expect("one tenant"), [a]);

    let before = store.keys_generation().await.expect("generation");
    let at = T0.plus_ms(5);
    assert!(store.revoke_key(&"k1".into(), at).await.expect("first"));
    assert!(store.keys_generation().await.expect("generation") > before, "other processes must see it");
    assert!(!store.revoke_key(&"k1".into(), T0.plus_ms(9)).await.expect("again"));
    let listed = store.list_keys(Some(&"acme".into())).await.expect("list");
    assert_eq!(listed[0].revoked_at, Some(at), "the first revocation stands");
    assert!(matches!(store.revoke_key(&"k9".into(), at).await, Err(StoreError::NotFound { kind: "key", .. })));
}

pub async fn people_and_sessions(store: Arc<dyn Store>) {
    let person = |name: &str, role| Person {
        name: name.into(),
        password_hash: "$argon2id$x".into(),
        role,
        tenant: "*".into(),
        must_change_password: true,
        created_at: T0,
        disabled_at: None,
    };
    store.put_person(&person("bob", Role::Viewer)).await.expect("put");
    store.put_person(&person("ann", Role::Admin)).await.expect("put");
    store.put_person(&person("bob", Role::Approver)).await.expect("replace");
    assert_eq!(store.person("bob").await.expect("bob"), Some(person("bob", Role::Approver)));
    assert_eq!(store.person("eve").await.expect("nobody"), None);
    let names: Vec<_> = store.list_people().await.expect("all").into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["ann", "bob"]);

    let session = |digest: &str, expires_at| Session {
        token_digest: digest.into(),
        person: "bob".into(),
        csrf: "c".into(),
        created_at: T0,
        expires_at,
    };
    let live = session("d1", UnixMs(i64::MAX));
    store.insert_session(&live).await.expect("insert");
    store.insert_session(&session("d2", UnixMs(1))).await.expect("insert");
    assert_eq!(store.session("d1").await.expect("live"), Some(live));
    assert_eq!(store.session("d2").await.expect("over"), None, "a session that is over is not found");
    store.delete_session("d1").await.expect("delete");
    assert_eq!(store.session("d1").await.expect("deleted"), None);
    store.delete_session("d1").await.expect("deleting again is no error");
}

pub async fn components(store: Arc<dyn Store>) {
    let status = |instance: &str, at: i64, n: u32| ComponentStatus {
        component: "gateway".into(),
        instance: instance.into(),
        at: T0.plus_ms(at),
        report: json!({"requests": n}),
    };
    store.report_status(&status("a", 0, 1)).await.expect("report");
    store.report_status(&status("b", 100, 2)).await.expect("report");
    store.report_status(&status("a", 200, 3)).await.expect("report");
    let all = store.component_status(T0).await.expect("status");
    assert_eq!(all, [status("a", 200, 3), status("b", 100, 2)], "the last of each");
    assert_eq!(store.component_status(T0.plus_ms(101)).await.expect("status"), [status("a", 200, 3)]);
    store.report_status(&status("c", 2 * 24 * 3_600_000, 4)).await.expect("report");
    assert_eq!(store.component_status(T0).await.expect("status").len(), 1, "reports of long gone instances go");
}
