//! The audit log: each hash covers the one before it and the stored text of its entry.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use serde_json::json;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::fault::{Fault, read_doc};
use crate::Result;
use crate::canonical::{canonical_json, sha256_hex};
use crate::model::AuditEntry;
use crate::traits::Audit;

/// Appends inside the writer's transaction.
pub(super) async fn append_audit(c: &mut SqliteConnection, entry: AuditEntry) -> Result<AuditEntry, Fault> {
    let last: Option<(i64, String)> =
        sqlx::query_as("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetch_optional(&mut *c).await?;
    let (last, previous) = last.unwrap_or_default();
    let seq = last + 1;
    let doc = canonical_json(&json!({
        "seq": seq, "at": entry.at, "tenant": entry.tenant, "actor": entry.actor, "action": entry.action,
        "subject": entry.subject, "data": entry.data,
    }));
    let hash = sha256_hex(&[previous.as_bytes(), doc.as_bytes()]);
    sqlx::query("INSERT INTO audit (seq, doc, hash) VALUES (?1, ?2, ?3)")
        .bind(seq)
        .bind(doc)
        .bind(&hash)
        .execute(c)
        .await?;
    Ok(AuditEntry { seq, hash, ..entry })
}

fn read((seq, doc, hash): (i64, String, String)) -> Result<AuditEntry, Fault> {
    let id = seq.to_string();
    let mut value: serde_json::Value = read_doc("audit", &id, &doc)?;
    value["hash"] = hash.into();
    serde_json::from_value(value)
        .map_err(|e| crate::StoreError::Corrupt { kind: "audit", id, why: e.to_string() }.into())
}

#[async_trait]
impl Audit for SqliteStore {
    async fn audit(&self, entry: &AuditEntry) -> Result<AuditEntry> {
        let entry = entry.clone();
        self.write(move |c| Box::pin(async move { append_audit(c, entry).await })).await
    }

    async fn recent_audit(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        let rows = sqlx::query_as("SELECT seq, doc, hash FROM audit ORDER BY seq DESC LIMIT ?1")
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn verify_audit(&self) -> Result<Option<i64>> {
        let mut rows = sqlx::query_as("SELECT seq, doc, hash FROM audit ORDER BY seq").fetch(self.readers());
        let (mut expected, mut previous) = (1, String::new());
        while let Some(row) = rows.try_next().await.map_err(|e| self.explain(e))? {
            let (seq, doc, hash): (i64, String, String) = row;
            let says = serde_json::from_str::<serde_json::Value>(&doc).ok().and_then(|v| v["seq"].as_i64());
            let follows = sha256_hex(&[previous.as_bytes(), doc.as_bytes()]);
            if seq != expected || says != Some(seq) || hash != follows {
                return Ok(Some(expected));
            }
            expected += 1;
            previous = hash;
        }
        Ok(None)
    }
}
