//! The index of the evidence vault: one hash chain for each case.

use async_trait::async_trait;
use serde_json::json;

use super::fault::{Fault, read_doc, write_doc};
use super::{SqliteStore, counter};
use crate::Result;
use crate::canonical::{canonical_json, sha256_hex};
use crate::model::{Applied, CaseId, Evidence, EvidenceId, NewEvidence};
use crate::traits::EvidenceIndex;

type Row = (String, String, i64);

fn read((doc, head, seq): Row) -> Result<Evidence, Fault> {
    let evidence: Evidence = read_doc("evidence", &format!("at {seq}"), &doc)?;
    Ok(Evidence { head, ..evidence })
}

#[async_trait]
impl EvidenceIndex for SqliteStore {
    async fn add_evidence(&self, item: &NewEvidence) -> Result<Applied<Evidence>> {
        let item = item.clone();
        self.write(move |c| {
            Box::pin(async move {
                let there: Option<Row> =
                    sqlx::query_as("SELECT doc, head, seq FROM evidence WHERE idempotency_key = ?1")
                        .bind(&item.idempotency_key)
                        .fetch_optional(&mut *c)
                        .await?;
                if let Some(row) = there {
                    return Ok(Applied::Already(read(row)?));
                }
                let last: Option<(i64, String)> =
                    sqlx::query_as("SELECT seq, head FROM evidence WHERE case_id = ?1 ORDER BY seq DESC LIMIT 1")
                        .bind(&item.case.0)
                        .fetch_optional(&mut *c)
                        .await?;
                let (last, previous) = last.unwrap_or_default();
                let id = EvidenceId(format!("evidence-{}", counter::advance(c, "evidence").await?));
                let seq = last + 1;
                let link = canonical_json(&json!({"id": id, "seq": seq, "item": item}));
                let head = sha256_hex(&[previous.as_bytes(), link.as_bytes()]);
                let evidence = Evidence { id, seq, item, head };
                sqlx::query(
                    "INSERT INTO evidence (case_id, seq, idempotency_key, doc, head) VALUES (?1, ?2, ?3, ?4, ?5)",
                )
                .bind(&evidence.item.case.0)
                .bind(seq)
                .bind(&evidence.item.idempotency_key)
                .bind(write_doc("evidence", &evidence.id.0, &evidence)?)
                .bind(&evidence.head)
                .execute(c)
                .await?;
                Ok(Applied::New(evidence))
            })
        })
        .await
    }

    async fn evidence_of_case(&self, case: &CaseId) -> Result<Vec<Evidence>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT doc, head, seq FROM evidence WHERE case_id = ?1 ORDER BY seq")
            .bind(&case.0)
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }
}
