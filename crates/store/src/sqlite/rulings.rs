//! What people ruled on traffic.

use async_trait::async_trait;
use casemate_finding::UnixMs;

use super::fault::{Fault, read_doc, write_doc};
use super::{SqliteStore, counter};
use crate::model::{Applied, Ruling, RulingId};
use crate::traits::Rulings;
use crate::{Result, StoreError};

const GENERATION: &str = "rulings generation";

type Row = (String, Option<i64>, String);

fn read((id, withdrawn_at, doc): Row) -> Result<Ruling, Fault> {
    let mut ruling: Ruling = read_doc("ruling", &id, &doc)?;
    ruling.withdrawn_at = withdrawn_at.map(UnixMs);
    Ok(ruling)
}

#[async_trait]
impl Rulings for SqliteStore {
    async fn make_ruling(&self, ruling: &Ruling) -> Result<Applied<Ruling>> {
        let new = ruling.clone();
        self.write(move |c| {
            Box::pin(async move {
                let there: Option<Row> =
                    sqlx::query_as("SELECT id, withdrawn_at, doc FROM rulings WHERE idempotency_key = ?1")
                        .bind(&new.idempotency_key)
                        .fetch_optional(&mut *c)
                        .await?;
                if let Some(row) = there {
                    return Ok(Applied::Already(read(row)?));
                }
                sqlx::query(
                    "INSERT INTO rulings (id, idempotency_key, tenant, kind, expires_at, withdrawn_at, doc)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .bind(&new.id.0)
                .bind(&new.idempotency_key)
                .bind(&new.tenant.0)
                .bind(&new.kind)
                .bind(new.expires_at.0)
                .bind(new.withdrawn_at.map(|t| t.0))
                .bind(write_doc("ruling", &new.id.0, &new)?)
                .execute(&mut *c)
                .await?;
                counter::advance(c, GENERATION).await?;
                Ok(Applied::New(new))
            })
        })
        .await
    }

    async fn withdraw_ruling(&self, id: &RulingId, at: UnixMs) -> Result<bool> {
        let id = id.clone();
        self.write(move |c| {
            Box::pin(async move {
                let withdrawn = sqlx::query(
                    "UPDATE rulings SET withdrawn_at = ?2 WHERE id = ?1 AND withdrawn_at IS NULL AND expires_at > ?2",
                )
                .bind(&id.0)
                .bind(at.0)
                .execute(&mut *c)
                .await?
                .rows_affected();
                if withdrawn > 0 {
                    counter::advance(c, GENERATION).await?;
                    return Ok(true);
                }
                let known: Option<i64> =
                    sqlx::query_scalar("SELECT 1 FROM rulings WHERE id = ?1").bind(&id.0).fetch_optional(c).await?;
                if known.is_none() {
                    return Err(StoreError::NotFound { kind: "ruling", id: id.0 }.into());
                }
                Ok(false)
            })
        })
        .await
    }

    async fn active_rulings(&self, now: UnixMs) -> Result<Vec<Ruling>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, withdrawn_at, doc FROM rulings WHERE withdrawn_at IS NULL AND expires_at > ?1 ORDER BY seq",
        )
        .bind(now.0)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn recent_rulings(&self, limit: u32) -> Result<Vec<Ruling>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT id, withdrawn_at, doc FROM rulings ORDER BY seq DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn rulings_generation(&self) -> Result<i64> {
        counter::value(self.readers(), GENERATION).await.map_err(|e| self.explain(e))
    }
}
