use std::sync::Arc;

use casemate_store::Store;
use casemate_store::model::NewEvent;
use serde_json::json;

use super::samples::{T0, acme};

fn event(source: &str, n: u32) -> NewEvent {
    NewEvent {
        source: source.into(),
        kind: "surge".into(),
        tenant: acme(),
        dedupe_key: format!("e{n}"),
        at: T0.plus_ms(i64::from(n)),
        payload: json!({"n": n, "s": "\"é\""}),
    }
}

pub async fn in_order_and_once(store: Arc<dyn Store>) {
    assert_eq!(store.append_events(&[]).await.expect("nothing"), 0);
    assert_eq!(store.append_events(&[event("gateway", 1), event("gateway", 2)]).await.expect("append"), 2);
    assert_eq!(
        store.append_events(&[event("gateway", 2), event("gate", 2), event("gate", 2)]).await.expect("repeat"),
        1
    );

    let all = store.events_after(0, 10).await.expect("all");
    let seen: Vec<_> = all.iter().map(|r| r.event.clone()).collect();
    assert_eq!(seen, [event("gateway", 1), event("gateway", 2), event("gate", 2)]);
    assert!(all.windows(2).all(|w| w[0].seq < w[1].seq));
    assert_eq!(store.events_after(all[0].seq, 1).await.expect("page"), all[1..2]);
    let newest: Vec<_> = store.recent_events(2).await.expect("recent").iter().map(|r| r.seq).collect();
    assert_eq!(newest, [all[2].seq, all[1].seq]);

    assert_eq!(store.cursor("respond").await.expect("cursor"), 0);
    store.advance_cursor("respond", 2).await.expect("forward");
    store.advance_cursor("respond", 1).await.expect("back is ignored");
    assert_eq!(store.cursor("respond").await.expect("cursor"), 2);
    assert_eq!(store.cursor("other").await.expect("cursor"), 0);
}
