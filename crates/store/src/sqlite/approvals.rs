//! Questions to people.

use async_trait::async_trait;
use casemate_finding::UnixMs;
use serde_json::json;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::audit::append_audit;
use super::claim;
use super::fault::{Fault, read_doc, write_doc};
use crate::model::{Applied, Approval, ApprovalId, ApprovalState, AuditEntry, CaseId, Claim, Decision, TenantId, Vote};
use crate::traits::Approvals;
use crate::{Result, StoreError};

pub(super) type Row = (String, String);

/// Whose time is over: nobody answered, or an approved tool call was not made.
const DUE: &str = "expires_at <= ?1 AND (state = 'pending' OR state = 'approved' AND call_digest IS NOT NULL)";

pub(super) fn read((id, doc): Row) -> Result<Approval, Fault> {
    read_doc("approval", &id, &doc)
}

fn missing(id: &ApprovalId) -> StoreError {
    StoreError::NotFound { kind: "approval", id: id.0.clone() }
}

/// Questions of no case have an empty column.
fn case_column(approval: &Approval) -> &str {
    approval.case.as_ref().map_or("", CaseId::as_str)
}

pub(super) async fn update(c: &mut SqliteConnection, approval: &Approval) -> Result<(), Fault> {
    sqlx::query("UPDATE approvals SET state = ?2, doc = ?3 WHERE id = ?1")
        .bind(&approval.id.0)
        .bind(approval.state.as_str())
        .bind(write_doc("approval", &approval.id.0, approval)?)
        .execute(c)
        .await?;
    Ok(())
}

#[async_trait]
impl Approvals for SqliteStore {
    async fn request_approval(&self, approval: &Approval) -> Result<Applied<Approval>> {
        let new = approval.clone();
        self.write(move |c| {
            Box::pin(async move {
                let there: Option<Row> = sqlx::query_as("SELECT id, doc FROM approvals WHERE idempotency_key = ?1")
                    .bind(&new.idempotency_key)
                    .fetch_optional(&mut *c)
                    .await?;
                if let Some(row) = there {
                    return Ok(Applied::Already(read(row)?));
                }
                sqlx::query(
                    "INSERT INTO approvals (id, idempotency_key, tenant, case_id, state, expires_at, doc)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .bind(&new.id.0)
                .bind(&new.idempotency_key)
                .bind(&new.tenant.0)
                .bind(case_column(&new))
                .bind(new.state.as_str())
                .bind(new.expires_at.0)
                .bind(write_doc("approval", &new.id.0, &new)?)
                .execute(c)
                .await?;
                Ok(Applied::New(new))
            })
        })
        .await
    }

    async fn vote(&self, id: &ApprovalId, vote: Vote, seen_digest: &str) -> Result<Approval> {
        let (id, seen) = (id.clone(), seen_digest.to_owned());
        self.write(move |c| {
            Box::pin(async move {
                let row: Option<Row> = sqlx::query_as("SELECT id, doc FROM approvals WHERE id = ?1")
                    .bind(&id.0)
                    .fetch_optional(&mut *c)
                    .await?;
                let mut approval = read(row.ok_or_else(|| missing(&id))?)?;
                let before = approval.state;
                approval.vote(vote.clone(), &seen).map_err(|why| StoreError::Conflict {
                    kind: "approval",
                    id: id.0.clone(),
                    state: before.as_str().into(),
                    why,
                })?;
                update(c, &approval).await?;
                let action = match vote.decision {
                    Decision::Approve => "approval.approve",
                    Decision::Deny => "approval.deny",
                };
                let entry = AuditEntry {
                    seq: 0,
                    at: vote.at,
                    tenant: approval.tenant.clone(),
                    actor: vote.by,
                    action: action.into(),
                    subject: id.0,
                    data: json!({
                        "case": approval.case, "run": approval.run, "step": approval.step,
                        "command_digest": approval.command_digest, "call": approval.call, "role": vote.role, "reason": vote.reason,
                        "state": approval.state,
                    }),
                    hash: String::new(),
                };
                append_audit(c, entry).await?;
                Ok(approval)
            })
        })
        .await
    }

    async fn expire_approvals(&self, now: UnixMs) -> Result<Vec<Approval>> {
        // Most calls find nothing: they do not trouble the writer.
        let due: Option<i64> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT 1 FROM approvals WHERE {DUE} LIMIT 1")))
                .bind(now.0)
                .fetch_optional(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        if due.is_none() {
            return Ok(Vec::new());
        }
        self.write(move |c| {
            Box::pin(async move {
                let sql = format!("SELECT id, doc FROM approvals WHERE {DUE} ORDER BY seq");
                let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(now.0).fetch_all(&mut *c).await?;
                let mut expired = Vec::with_capacity(rows.len());
                for row in rows {
                    let mut approval = read(row)?;
                    approval.state = ApprovalState::Expired;
                    update(c, &approval).await?;
                    expired.push(approval);
                }
                Ok(expired)
            })
        })
        .await
    }

    async fn claim_calls(&self, asks: &[Approval], pending_max: u32, now: UnixMs) -> Result<Claim> {
        let asks = asks.to_vec();
        self.write(move |c| Box::pin(async move { claim::claim(c, asks, pending_max, now).await })).await
    }

    async fn recent_approvals(&self, tenant: &TenantId, limit: u32) -> Result<Vec<Approval>> {
        let sql = "SELECT id, doc FROM approvals WHERE ?1 = '*' OR tenant = ?1 ORDER BY seq DESC LIMIT ?2";
        let rows: Vec<Row> = sqlx::query_as(sql)
            .bind(&tenant.0)
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn approval(&self, id: &ApprovalId) -> Result<Approval> {
        let row: Option<Row> = sqlx::query_as("SELECT id, doc FROM approvals WHERE id = ?1")
            .bind(&id.0)
            .fetch_optional(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        read(row.ok_or_else(|| missing(id))?).map_err(|e| self.explain(e))
    }

    async fn approval_by_key(&self, idempotency_key: &str) -> Result<Option<Approval>> {
        let row: Option<Row> = sqlx::query_as("SELECT id, doc FROM approvals WHERE idempotency_key = ?1")
            .bind(idempotency_key)
            .fetch_optional(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        row.map(read).transpose().map_err(|e| self.explain(e))
    }

    async fn pending_approvals(&self, tenant: &TenantId) -> Result<Vec<Approval>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, doc FROM approvals WHERE state = 'pending' AND (?1 = '*' OR tenant = ?1) ORDER BY seq",
        )
        .bind(&tenant.0)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn approvals_of_case(&self, case: &CaseId) -> Result<Vec<Approval>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT id, doc FROM approvals WHERE case_id = ?1 ORDER BY seq")
            .bind(&case.0)
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }
}
