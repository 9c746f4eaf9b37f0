//! The event log and the audit log, within a person's tenant.

use casemate_store::Store;
use casemate_store::model::{AuditEntry, EventRecord};

use crate::limits::LOG_WINDOW;
use crate::people::Scope;
use crate::problem::Problem;

/// The newest events that this person may see, out of the last [`LOG_WINDOW`].
///
/// # Errors
/// What the store says.
pub async fn events(store: &dyn Store, scope: &Scope, limit: usize) -> Result<Vec<EventRecord>, Problem> {
    let all = store.recent_events(LOG_WINDOW).await?;
    Ok(all.into_iter().filter(|e| scope.sees(&e.event.tenant)).take(limit).collect())
}

/// The newest audit entries that this person may see, out of the last [`LOG_WINDOW`].
///
/// # Errors
/// What the store says.
pub async fn audit_entries(store: &dyn Store, scope: &Scope, limit: usize) -> Result<Vec<AuditEntry>, Problem> {
    let all = store.recent_audit(LOG_WINDOW).await?;
    Ok(all.into_iter().filter(|e| scope.sees(&e.tenant)).take(limit).collect())
}
