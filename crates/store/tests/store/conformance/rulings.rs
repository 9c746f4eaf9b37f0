use std::sync::Arc;

use casemate_store::model::*;
use casemate_store::{Store, StoreError};
use serde_json::json;

use super::samples::{T0, acme};

fn ruling(id: &str, ttl_ms: i64) -> Ruling {
    Ruling {
        id: id.into(),
        idempotency_key: format!("key-{id}"),
        tenant: acme(),
        kind: "verdict".into(),
        by: "ann".into(),
        second: None,
        payload: json!({"label": "attack"}),
        created_at: T0,
        expires_at: T0.plus_ms(ttl_ms),
        withdrawn_at: None,
    }
}

pub async fn once_until_and_withdrawn(store: Arc<dyn Store>) {
    let first = ruling("r1", 1_000);
    assert_eq!(store.rulings_generation().await.expect("generation"), 0);
    assert_eq!(store.make_ruling(&first).await.expect("made"), Applied::New(first.clone()));
    let generation = store.rulings_generation().await.expect("generation");
    assert!(generation > 0);
    let repeat = Ruling { id: "r1b".into(), by: "eve".into(), ..first.clone() };
    assert_eq!(store.make_ruling(&repeat).await.expect("repeat"), Applied::Already(first.clone()));
    assert_eq!(store.rulings_generation().await.expect("generation"), generation, "a repeat changes nothing");

    let second = Ruling { second: Some("bob".into()), ..ruling("r2", 5_000) };
    store.make_ruling(&second).await.expect("made");
    let active = |at| store.active_rulings(T0.plus_ms(at));
    assert_eq!(active(999).await.expect("active"), [first.clone(), second.clone()]);
    assert_eq!(active(1_000).await.expect("active"), std::slice::from_ref(&second), "it ends by itself");

    let before = store.rulings_generation().await.expect("generation");
    assert!(store.withdraw_ruling(&second.id, T0.plus_ms(2_000)).await.expect("withdrawn"));
    assert!(store.rulings_generation().await.expect("generation") > before);
    assert!(!store.withdraw_ruling(&second.id, T0.plus_ms(3_000)).await.expect("again"));
    assert!(!store.withdraw_ruling(&first.id, T0.plus_ms(1_000)).await.expect("ended by itself"));
    assert!(active(2_500).await.expect("active").is_empty());
    let missing = store.withdraw_ruling(&"r9".into(), T0).await;
    assert!(matches!(missing, Err(StoreError::NotFound { kind: "ruling", .. })));
    let recent = store.recent_rulings(10).await.expect("recent");
    assert_eq!(recent, [Ruling { withdrawn_at: Some(T0.plus_ms(2_000)), ..second }, first]);
    assert_eq!(store.recent_rulings(1).await.expect("recent").len(), 1);
}
