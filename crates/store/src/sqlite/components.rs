//! What the running components say of themselves.

use async_trait::async_trait;
use casemate_finding::UnixMs;

use super::SqliteStore;
use super::fault::{read_doc, write_doc};
use crate::Result;
use crate::model::ComponentStatus;
use crate::traits::Components;

/// Reports older than this are gone with the next one: instances come and go.
const KEPT_MS: i64 = 24 * 3_600_000;

#[async_trait]
impl Components for SqliteStore {
    async fn report_status(&self, status: &ComponentStatus) -> Result<()> {
        let status = status.clone();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query("DELETE FROM components WHERE at < ?1")
                    .bind(status.at.plus_ms(-KEPT_MS).0)
                    .execute(&mut *c)
                    .await?;
                sqlx::query(
                    "INSERT INTO components (component, instance, at, doc) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (component, instance) DO UPDATE SET at = excluded.at, doc = excluded.doc",
                )
                .bind(&status.component)
                .bind(&status.instance)
                .bind(status.at.0)
                .bind(write_doc("component", &status.instance, &status)?)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn component_status(&self, since: UnixMs) -> Result<Vec<ComponentStatus>> {
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT instance, doc FROM components WHERE at >= ?1 ORDER BY component, instance")
                .bind(since.0)
                .fetch_all(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        let read = |(instance, doc): (String, String)| read_doc("component", &instance, &doc);
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }
}
