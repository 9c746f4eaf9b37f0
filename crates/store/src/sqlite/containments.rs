//! Blocks, limits and holds.

use async_trait::async_trait;
use casemate_finding::UnixMs;

use super::fault::{Fault, read_doc, write_doc};
use super::{SqliteStore, counter};
use crate::model::{Applied, Containment, ContainmentId};
use crate::traits::Containments;
use crate::{Result, StoreError};

const GENERATION: &str = "containments generation";

type Row = (String, Option<i64>, String);

fn read((id, lifted_at, doc): Row) -> Result<Containment, Fault> {
    let mut containment: Containment = read_doc("containment", &id, &doc)?;
    containment.lifted_at = lifted_at.map(UnixMs);
    Ok(containment)
}

#[async_trait]
impl Containments for SqliteStore {
    async fn apply_containment(&self, containment: &Containment) -> Result<Applied<Containment>> {
        let new = containment.clone();
        self.write(move |c| {
            Box::pin(async move {
                let there: Option<Row> =
                    sqlx::query_as("SELECT id, lifted_at, doc FROM containments WHERE idempotency_key = ?1")
                        .bind(&new.idempotency_key)
                        .fetch_optional(&mut *c)
                        .await?;
                if let Some(row) = there {
                    return Ok(Applied::Already(read(row)?));
                }
                sqlx::query(
                    "INSERT INTO containments (id, idempotency_key, tenant, expires_at, lifted_at, doc)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )
                .bind(&new.id.0)
                .bind(&new.idempotency_key)
                .bind(&new.tenant.0)
                .bind(new.expires_at.0)
                .bind(new.lifted_at.map(|t| t.0))
                .bind(write_doc("containment", &new.id.0, &new)?)
                .execute(&mut *c)
                .await?;
                counter::advance(c, GENERATION).await?;
                Ok(Applied::New(new))
            })
        })
        .await
    }

    async fn lift_containment(&self, id: &ContainmentId, at: UnixMs) -> Result<bool> {
        let id = id.clone();
        self.write(move |c| {
            Box::pin(async move {
                let lifted = sqlx::query(
                    "UPDATE containments SET lifted_at = ?2 WHERE id = ?1 AND lifted_at IS NULL AND expires_at > ?2",
                )
                .bind(&id.0)
                .bind(at.0)
                .execute(&mut *c)
                .await?
                .rows_affected();
                if lifted > 0 {
                    counter::advance(c, GENERATION).await?;
                    return Ok(true);
                }
                let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM containments WHERE id = ?1")
                    .bind(&id.0)
                    .fetch_optional(c)
                    .await?;
                if known.is_none() {
                    return Err(StoreError::NotFound { kind: "containment", id: id.0 }.into());
                }
                Ok(false)
            })
        })
        .await
    }

    async fn containment_by_key(&self, idempotency_key: &str) -> Result<Option<Containment>> {
        let row: Option<Row> = sqlx::query_as("SELECT id, lifted_at, doc FROM containments WHERE idempotency_key = ?1")
            .bind(idempotency_key)
            .fetch_optional(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        row.map(read).transpose().map_err(|e| self.explain(e))
    }

    async fn active_containments(&self, now: UnixMs) -> Result<Vec<Containment>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, lifted_at, doc FROM containments WHERE lifted_at IS NULL AND expires_at > ?1 ORDER BY seq",
        )
        .bind(now.0)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn recent_containments(&self, limit: u32) -> Result<Vec<Containment>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT id, lifted_at, doc FROM containments ORDER BY seq DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn containments_generation(&self) -> Result<i64> {
        counter::value(self.readers(), GENERATION).await.map_err(|e| self.explain(e))
    }
}
