//! The log through which gateway and gate speak to response.

use async_trait::async_trait;
use casemate_finding::UnixMs;
use serde_json::json;

use super::SqliteStore;
use super::fault::{Fault, read_doc, write_doc};
use crate::Result;
use crate::model::{EventRecord, NewEvent, TenantId};
use crate::traits::Events;

type Row = (i64, String, String, String, String, i64, String);

fn read((seq, source, kind, tenant, dedupe_key, at, payload): Row) -> Result<EventRecord, Fault> {
    let payload = read_doc("event", &seq.to_string(), &payload)?;
    let event = NewEvent { source, kind, tenant: TenantId(tenant), dedupe_key, at: UnixMs(at), payload };
    Ok(EventRecord { seq, event })
}

#[async_trait]
impl Events for SqliteStore {
    async fn append_events(&self, events: &[NewEvent]) -> Result<u64> {
        if events.is_empty() {
            return Ok(0);
        }
        let rows: Vec<_> = events
            .iter()
            .map(|e| json!([e.source, e.kind, e.tenant, e.dedupe_key, e.at, e.payload.to_string()]))
            .collect();
        let rows = write_doc("event", "batch", &rows).map_err(|e| self.explain(e))?;
        self.write(move |c| {
            Box::pin(async move {
                Ok(sqlx::query(
                    "INSERT INTO events (source, kind, tenant, dedupe_key, at, payload)
                     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
                     FROM json_each(?1) WHERE true ORDER BY key ON CONFLICT (source, dedupe_key) DO NOTHING",
                )
                .bind(rows)
                .execute(c)
                .await?
                .rows_affected())
            })
        })
        .await
    }

    async fn events_after(&self, seq: i64, limit: u32) -> Result<Vec<EventRecord>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT seq, source, kind, tenant, dedupe_key, at, payload FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )
        .bind(seq)
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn recent_events(&self, limit: u32) -> Result<Vec<EventRecord>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT seq, source, kind, tenant, dedupe_key, at, payload FROM events ORDER BY seq DESC LIMIT ?1",
        )
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn cursor(&self, reader: &str) -> Result<i64> {
        let seq = sqlx::query_scalar("SELECT seq FROM cursors WHERE reader = ?1").bind(reader);
        Ok(seq.fetch_optional(self.readers()).await.map_err(|e| self.explain(e))?.unwrap_or(0))
    }

    async fn advance_cursor(&self, reader: &str, seq: i64) -> Result<()> {
        let reader = reader.to_owned();
        self.write(move |c| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO cursors (reader, seq) VALUES (?1, ?2)
                     ON CONFLICT (reader) DO UPDATE SET seq = excluded.seq WHERE excluded.seq > seq",
                )
                .bind(reader)
                .bind(seq)
                .execute(c)
                .await?;
                Ok(())
            })
        })
        .await
    }
}
