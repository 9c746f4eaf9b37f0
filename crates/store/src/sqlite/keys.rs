//! API keys.

use async_trait::async_trait;
use casemate_finding::UnixMs;

use super::fault::{read_doc, write_doc};
use super::{SqliteStore, counter};
use crate::model::{ApiKey, KeyId, TenantId};
use crate::traits::Keys;
use crate::{Result, StoreError};

const GENERATION: &str = "keys generation";

#[async_trait]
impl Keys for SqliteStore {
    async fn insert_key(&self, key: &ApiKey) -> Result<()> {
        let key = key.clone();
        self.write(move |c| {
            Box::pin(async move {
                let added = sqlx::query(
                    "INSERT INTO api_keys (id, tenant, revoked_at, doc) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )
                .bind(&key.id.0)
                .bind(&key.tenant.0)
                .bind(key.revoked_at.map(|t| t.0))
                .bind(write_doc("key", &key.id.0, &key)?)
                .execute(&mut *c)
                .await?
                .rows_affected();
                if added == 0 {
                    return Err(StoreError::Conflict {
                        kind: "key",
                        id: key.id.0,
                        state: "there".into(),
                        why: "a key with this id exists".into(),
                    }
                    .into());
                }
                counter::advance(c, GENERATION).await?;
                Ok(())
            })
        })
        .await
    }

    async fn list_keys(&self, tenant: Option<&TenantId>) -> Result<Vec<ApiKey>> {
        let rows: Vec<(String, Option<i64>, String)> =
            sqlx::query_as("SELECT id, revoked_at, doc FROM api_keys WHERE ?1 IS NULL OR tenant = ?1 ORDER BY seq")
                .bind(tenant.map(TenantId::as_str))
                .fetch_all(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        rows.into_iter()
            .map(|(id, revoked_at, doc)| {
                let mut key: ApiKey = read_doc("key", &id, &doc)?;
                key.revoked_at = revoked_at.map(UnixMs);
                Ok(key)
            })
            .collect::<Result<_, _>>()
            .map_err(|e: super::fault::Fault| self.explain(e))
    }

    async fn revoke_key(&self, id: &KeyId, at: UnixMs) -> Result<bool> {
        let id = id.clone();
        self.write(move |c| {
            Box::pin(async move {
                let revoked = sqlx::query("UPDATE api_keys SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")
                    .bind(&id.0)
                    .bind(at.0)
                    .execute(&mut *c)
                    .await?
                    .rows_affected();
                if revoked > 0 {
                    counter::advance(c, GENERATION).await?;
                    return Ok(true);
                }
                let known: Option<i64> =
                    sqlx::query_scalar("SELECT 1 FROM api_keys WHERE id = ?1").bind(&id.0).fetch_optional(c).await?;
                if known.is_none() {
                    return Err(StoreError::NotFound { kind: "key", id: id.0 }.into());
                }
                Ok(false)
            })
        })
        .await
    }

    async fn keys_generation(&self) -> Result<i64> {
        counter::value(self.readers(), GENERATION).await.map_err(|e| self.explain(e))
    }
}
