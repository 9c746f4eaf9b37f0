//! Keys, containments and rulings, read again whenever their generation moves.

use std::sync::Arc;
use std::time::Duration;

use casemate_finding::UnixMs;
use casemate_store::{Result, Store};
use tokio::sync::watch;

use crate::config::Settings;
use crate::containment::Containments;
use crate::core::Core;
use crate::feedback::Feedback;
use crate::key::KeyTable;

/// How often the generations are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A burst of writes is looked at once.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// Containments are read again this often in any case: the clocks of two machines may differ about when one ends.
const READ_AGAIN_LOOKS: u32 = 240;

/// All keys as the requests need them.
pub(crate) async fn load_keys(store: &dyn Store, settings: &Settings) -> Result<(i64, KeyTable)> {
    // The generation first: what changes in between is read again next time.
    let generation = store.keys_generation().await?;
    let keys = store.list_keys(None).await?;
    let (table, left_out) = KeyTable::new(settings.pepper.clone(), keys, &settings.tiers);
    for key in left_out {
        tracing::error!(key, "key left out: its tier is not configured or its digest cannot be read");
    }
    Ok((generation, table))
}

/// All containments in force.
pub(crate) async fn load_containments(store: &dyn Store, now: UnixMs) -> Result<(i64, Containments)> {
    let generation = store.containments_generation().await?;
    let (all, unread) = Containments::new(store.active_containments(now).await?);
    for containment in unread {
        tracing::error!(containment, "containment left out: its range cannot be read");
    }
    Ok((generation, all))
}

/// What people ruled, as far as this program can heed it.
pub(crate) async fn load_feedback(store: &dyn Store, settings: &Settings, now: UnixMs) -> Result<(i64, Feedback)> {
    let generation = store.rulings_generation().await?;
    let (all, unused) = Feedback::new(&store.active_rulings(now).await?, settings.release_key.as_ref());
    for (ruling, why) in unused {
        tracing::error!(ruling, why, "ruling left out");
    }
    Ok((generation, all))
}

/// How far the store had come when each was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generations {
    pub keys: i64,
    pub containments: i64,
    pub rulings: i64,
}

/// Keeps all current until told to stop. While the store fails, what was read last stays in force.
pub(crate) async fn refresh(
    core: Arc<Core>,
    store: Arc<dyn Store>,
    mut generations: Generations,
    mut stop: watch::Receiver<bool>,
) {
    let mut changes = store.changes();
    let mut changes_open = true;
    let mut looks = 0_u32;
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            // A write of this process is seen at once, one of another process at the next look.
            changed = changes.changed(), if changes_open => {
                changes_open = changed.is_ok();
                tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        looks = looks.wrapping_add(1);
        core.watch.tick(core.clock.now());
        if let Err(error) = look(&core, &*store, &mut generations, looks.is_multiple_of(READ_AGAIN_LOOKS)).await {
            tracing::error!(%error, "cannot read keys, containments and rulings, what was read last stays in force");
        }
    }
}

async fn look(core: &Core, store: &dyn Store, seen: &mut Generations, again: bool) -> Result<()> {
    if store.keys_generation().await? != seen.keys {
        let (generation, table) = load_keys(store, &core.settings).await?;
        tracing::info!(keys = table.len(), "keys read");
        core.keys.store(table);
        seen.keys = generation;
    }
    if again || store.containments_generation().await? != seen.containments {
        let (generation, all) = load_containments(store, core.clock.now()).await?;
        if generation != seen.containments {
            tracing::info!(containments = all.count, "containments read");
        }
        core.containments.store(all);
        seen.containments = generation;
    }
    if store.rulings_generation().await? != seen.rulings {
        let (generation, all) = load_feedback(store, &core.settings, core.clock.now()).await?;
        tracing::info!(rulings = all.count, "rulings read");
        core.feedback.store(all);
        seen.rulings = generation;
    }
    Ok(())
}
