//! Claiming tool calls that people approved: all calls of an answer in one transaction, under the file's write lock, so that
//! of two gateways one has them.

use std::collections::HashSet;

use casemate_finding::UnixMs;
use serde_json::json;
use sqlx::SqliteConnection;

use super::approvals::{Row, read, update};
use super::audit::append_audit;
use super::fault::{Fault, write_doc};
use crate::model::{Approval, ApprovalState, AuditEntry, Claim};

/// See [`crate::traits::Approvals::claim_calls`].
pub(super) async fn claim(
    c: &mut SqliteConnection,
    asks: Vec<Approval>,
    pending_max: u32,
    now: UnixMs,
) -> Result<Claim, Fault> {
    let mut standing = Vec::with_capacity(asks.len());
    for ask in &asks {
        standing.push(open_question(c, ask, now).await?);
    }
    let mut seen = HashSet::new();
    let each_once = asks.iter().all(|ask| seen.insert(ask.command_digest.as_str()));
    let approved = |a: &Option<Approval>| a.as_ref().is_some_and(|a| a.state == ApprovalState::Approved);
    if each_once && standing.iter().all(approved) {
        let mut spent = Vec::with_capacity(asks.len());
        for mut approval in standing.into_iter().flatten() {
            spend(c, &mut approval, now).await?;
            spent.push(approval);
        }
        return Ok(Claim::Granted(spent));
    }
    let mut fresh: Vec<&Approval> =
        asks.iter().zip(&standing).filter(|(_, s)| s.is_none()).map(|(ask, _)| ask).collect();
    let mut seen = HashSet::new();
    fresh.retain(|ask| seen.insert(ask.command_digest.as_str()));
    if let Some(first) = fresh.first()
        && waiting(c, first, now).await?.saturating_add(fresh.len() as u64) > u64::from(pending_max)
    {
        return Ok(Claim::TooMany);
    }
    for ask in fresh {
        insert(c, ask).await?;
    }
    let stands = |(ask, standing): (Approval, Option<Approval>)| standing.unwrap_or(ask);
    let mut stopped: Vec<Approval> = asks.into_iter().zip(standing).map(stands).collect();
    // The same call twice: one question.
    for at in 1..stopped.len() {
        let (before, rest) = stopped.split_at_mut(at);
        if let Some(same) = before.iter().find(|a| a.command_digest == rest[0].command_digest) {
            rest[0] = same.clone();
        }
    }
    Ok(Claim::Stopped(stopped))
}

/// The question about this very call that has not lapsed and was not spent; one whose time is over is marked.
async fn open_question(c: &mut SqliteConnection, ask: &Approval, now: UnixMs) -> Result<Option<Approval>, Fault> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, doc FROM approvals WHERE tenant = ?1 AND call_key = ?2 AND call_digest = ?3
         ORDER BY seq DESC LIMIT 1",
    )
    .bind(&ask.tenant.0)
    .bind(ask.call.as_ref().map(|call| call.key.as_str()))
    .bind(&ask.command_digest)
    .fetch_optional(&mut *c)
    .await?;
    let Some(mut found) = row.map(read).transpose()? else { return Ok(None) };
    let lapsed = found.expires_at <= now;
    match found.state {
        ApprovalState::Pending | ApprovalState::Approved if lapsed => {
            found.state = ApprovalState::Expired;
            update(c, &found).await?;
            Ok(None)
        }
        ApprovalState::Pending | ApprovalState::Approved => Ok(Some(found)),
        ApprovalState::Denied => Ok((!lapsed).then_some(found)),
        ApprovalState::Expired | ApprovalState::Spent => Ok(None),
    }
}

async fn waiting(c: &mut SqliteConnection, of: &Approval, now: UnixMs) -> Result<u64, Fault> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM approvals WHERE tenant = ?1 AND call_key = ?2 AND state = 'pending' AND expires_at > ?3",
    )
    .bind(&of.tenant.0)
    .bind(of.call.as_ref().map(|call| call.key.as_str()))
    .bind(now.0)
    .fetch_one(c)
    .await?;
    Ok(count.unsigned_abs())
}

async fn insert(c: &mut SqliteConnection, ask: &Approval) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO approvals (id, idempotency_key, tenant, case_id, state, expires_at, doc, call_key, call_digest)
         VALUES (?1, ?2, ?3, '', ?4, ?5, ?6, ?7, ?8)",
    )
    .bind(&ask.id.0)
    .bind(&ask.idempotency_key)
    .bind(&ask.tenant.0)
    .bind(ask.state.as_str())
    .bind(ask.expires_at.0)
    .bind(write_doc("approval", &ask.id.0, ask)?)
    .bind(ask.call.as_ref().map(|call| call.key.as_str()))
    .bind(&ask.command_digest)
    .execute(c)
    .await?;
    Ok(())
}

async fn spend(c: &mut SqliteConnection, approval: &mut Approval, now: UnixMs) -> Result<(), Fault> {
    approval.state = ApprovalState::Spent;
    if let Some(call) = &mut approval.call {
        call.spent_at = Some(now);
    }
    update(c, approval).await?;
    let entry = AuditEntry {
        seq: 0,
        at: now,
        tenant: approval.tenant.clone(),
        actor: approval.requested_by.clone(),
        action: "approval.spend".into(),
        subject: approval.id.0.clone(),
        data: json!({"command_digest": approval.command_digest, "call": approval.call, "tool": approval.step}),
        hash: String::new(),
    };
    append_audit(c, entry).await?;
    Ok(())
}
