use std::sync::Arc;

use casemate_store::model::*;
use casemate_store::{Store, StoreError};

use super::samples::{T0, containment};

pub async fn once_and_until(store: Arc<dyn Store>) {
    let first = containment("c1", 1_000);
    assert_eq!(store.apply_containment(&first).await.expect("apply"), Applied::New(first.clone()));
    let generation = store.containments_generation().await.expect("generation");
    assert!(generation > 0);

    let repeat = Containment { id: "c1b".into(), expires_at: T0.plus_ms(99_000), ..first.clone() };
    assert_eq!(store.apply_containment(&repeat).await.expect("repeat"), Applied::Already(first.clone()));
    assert_eq!(store.containments_generation().await.expect("generation"), generation, "a repeat changes nothing");
    assert_eq!(store.containment_by_key(&first.idempotency_key).await.expect("by key"), Some(first.clone()));
    assert_eq!(store.containment_by_key("other").await.expect("by key"), None);

    let second = Containment { effect: Effect::Block, target: Target::Key("k1".into()), ..containment("c2", 5_000) };
    store.apply_containment(&second).await.expect("apply");
    let active = |at| store.active_containments(T0.plus_ms(at));
    assert_eq!(active(999).await.expect("active"), [first.clone(), second.clone()]);
    assert_eq!(active(1_000).await.expect("active"), std::slice::from_ref(&second), "it ends by itself");

    let before = store.containments_generation().await.expect("generation");
    assert!(store.lift_containment(&second.id, T0.plus_ms(2_000)).await.expect("lift"));
    assert!(store.containments_generation().await.expect("generation") > before);
    assert!(!store.lift_containment(&second.id, T0.plus_ms(3_000)).await.expect("again"));
    assert!(!store.lift_containment(&first.id, T0.plus_ms(1_000)).await.expect("ended by itself"));
    assert!(active(2_500).await.expect("active").is_empty());
    let missing = store.lift_containment(&"c9".into(), T0).await;
    assert!(matches!(missing, Err(StoreError::NotFound { kind: "containment", .. })));

    let recent = store.recent_containments(10).await.expect("recent");
    assert_eq!(recent, [Containment { lifted_at: Some(T0.plus_ms(2_000)), ..second }, first]);
    assert_eq!(store.recent_containments(1).await.expect("recent").len(), 1);
}
