//! Cases and their timelines.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::fault::{Fault, read_doc, write_doc};
use super::{SqliteStore, counter};
use crate::model::{Case, CaseId, CaseState, Incident, TenantId, TimelineEntry, Verdict};
use crate::traits::Cases;
use crate::{Result, StoreError};

fn missing(id: &CaseId) -> StoreError {
    StoreError::NotFound { kind: "case", id: id.0.clone() }
}

fn closed(id: &CaseId, why: &str) -> Fault {
    StoreError::Conflict { kind: "case", id: id.0.clone(), state: "closed".into(), why: why.into() }.into()
}

/// The case as it stands, inside the writer's transaction.
pub(super) async fn read_case_row(c: &mut SqliteConnection, id: &CaseId) -> Result<Option<Case>, Fault> {
    let doc: Option<String> =
        sqlx::query_scalar("SELECT doc FROM cases WHERE id = ?1").bind(&id.0).fetch_optional(c).await?;
    doc.map(|doc| read_doc("case", &id.0, &doc)).transpose()
}

async fn existing(c: &mut SqliteConnection, id: &CaseId) -> Result<Case, Fault> {
    read_case_row(c, id).await?.ok_or_else(|| missing(id).into())
}

/// Inserts a case, or replaces what triage knows of it: what people and runs set (state, assignee, verdict, when it was
/// opened and closed) stays as it stands, since triage worked on an older copy.
pub(super) async fn upsert_case(c: &mut SqliteConnection, case: &Case) -> Result<(), Fault> {
    let mut case = case.clone();
    if let Some(there) = read_case_row(c, &case.id).await? {
        case.state = there.state;
        case.assignee = there.assignee;
        case.verdict = there.verdict;
        case.opened_at = there.opened_at;
        case.closed_at = there.closed_at;
    }
    put(c, &case).await
}

async fn put(c: &mut SqliteConnection, case: &Case) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO cases (id, tenant, state, doc) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, doc = excluded.doc",
    )
    .bind(&case.id.0)
    .bind(&case.tenant.0)
    .bind(case.state.as_str())
    .bind(write_doc("case", &case.id.0, case)?)
    .execute(c)
    .await?;
    Ok(())
}

/// Appends to the history; with a key, only once.
pub(super) async fn append_entries(
    c: &mut SqliteConnection,
    id: &CaseId,
    entries: &[TimelineEntry],
    idempotency_key: Option<&str>,
) -> Result<(), Fault> {
    if let Some(key) = idempotency_key {
        let there: Option<i64> =
            sqlx::query_scalar("SELECT seq FROM timeline WHERE case_id = ?1 AND idempotency_key = ?2")
                .bind(&id.0)
                .bind(key)
                .fetch_optional(&mut *c)
                .await?;
        if there.is_some() {
            return Ok(());
        }
    }
    let mut seq: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM timeline WHERE case_id = ?1")
        .bind(&id.0)
        .fetch_one(&mut *c)
        .await?;
    for entry in entries {
        seq += 1;
        let entry = TimelineEntry { seq, ..entry.clone() };
        sqlx::query("INSERT INTO timeline (case_id, seq, idempotency_key, doc) VALUES (?1, ?2, ?3, ?4)")
            .bind(&id.0)
            .bind(seq)
            .bind(idempotency_key)
            .bind(write_doc("timeline", &id.0, &entry)?)
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

#[async_trait]
impl Cases for SqliteStore {
    async fn next_case_id(&self) -> Result<CaseId> {
        self.write(|c| Box::pin(async move { Ok(CaseId(format!("case-{}", counter::advance(c, "case").await?))) }))
            .await
    }

    async fn case(&self, id: &CaseId) -> Result<Case> {
        let doc: Option<String> = sqlx::query_scalar("SELECT doc FROM cases WHERE id = ?1")
            .bind(&id.0)
            .fetch_optional(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        let doc = doc.ok_or_else(|| missing(id))?;
        read_doc("case", &id.0, &doc).map_err(|e| self.explain(e))
    }

    async fn list_cases(
        &self,
        tenant: &TenantId,
        state: Option<CaseState>,
        offset: u64,
        limit: u32,
    ) -> Result<Vec<Case>> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, doc FROM cases WHERE (?1 = '*' OR tenant = ?1) AND (?2 IS NULL OR state = ?2)
             ORDER BY seq DESC LIMIT ?4 OFFSET ?3",
        )
        .bind(&tenant.0)
        .bind(state.map(CaseState::as_str))
        .bind(i64::try_from(offset).unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        let read = |(id, doc): (String, String)| read_doc("case", &id, &doc);
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn set_case_state(&self, id: &CaseId, state: CaseState, entry: &TimelineEntry) -> Result<()> {
        let (id, entry) = (id.clone(), entry.clone());
        self.write(move |c| {
            Box::pin(async move {
                let mut case = existing(c, &id).await?;
                if case.state == state {
                    return Ok(());
                }
                if case.state == CaseState::Closed || state == CaseState::Closed {
                    return Err(closed(&id, "a case is closed with a verdict, once"));
                }
                case.state = state;
                case.updated_at = case.updated_at.max(entry.at);
                put(c, &case).await?;
                append_entries(c, &id, &[entry], None).await
            })
        })
        .await
    }

    async fn assign_case(&self, id: &CaseId, assignee: Option<&str>, entry: &TimelineEntry) -> Result<()> {
        let (id, assignee, entry) = (id.clone(), assignee.map(str::to_owned), entry.clone());
        self.write(move |c| {
            Box::pin(async move {
                let mut case = existing(c, &id).await?;
                if case.state == CaseState::Closed {
                    return Err(closed(&id, "nobody is assigned to a closed case"));
                }
                case.assignee = assignee;
                case.updated_at = case.updated_at.max(entry.at);
                put(c, &case).await?;
                append_entries(c, &id, &[entry], None).await
            })
        })
        .await
    }

    async fn close_case(&self, id: &CaseId, verdict: Verdict, entry: &TimelineEntry) -> Result<()> {
        let (id, entry) = (id.clone(), entry.clone());
        self.write(move |c| {
            Box::pin(async move {
                let mut case = existing(c, &id).await?;
                if case.state == CaseState::Closed {
                    return Err(closed(&id, "it has its verdict"));
                }
                case.state = CaseState::Closed;
                case.verdict = Some(verdict);
                case.closed_at = Some(entry.at);
                case.updated_at = case.updated_at.max(entry.at);
                put(c, &case).await?;
                let incidents: Vec<(String, String)> =
                    sqlx::query_as("SELECT id, doc FROM incidents WHERE case_id = ?1 AND closed = 0")
                        .bind(&id.0)
                        .fetch_all(&mut *c)
                        .await?;
                for (incident_id, doc) in incidents {
                    let incident: Incident = read_doc("incident", &incident_id, &doc)?;
                    let doc = write_doc("incident", &incident_id, &Incident { closed: true, ..incident })?;
                    sqlx::query("UPDATE incidents SET closed = 1, doc = ?2 WHERE id = ?1")
                        .bind(&incident_id)
                        .bind(doc)
                        .execute(&mut *c)
                        .await?;
                }
                append_entries(c, &id, &[entry], None).await
            })
        })
        .await
    }

    async fn append_timeline(&self, id: &CaseId, entry: &TimelineEntry, idempotency_key: Option<&str>) -> Result<()> {
        let (id, entry, key) = (id.clone(), entry.clone(), idempotency_key.map(str::to_owned));
        self.write(move |c| {
            Box::pin(async move {
                existing(c, &id).await?;
                append_entries(c, &id, &[entry], key.as_deref()).await
            })
        })
        .await
    }

    async fn timeline(&self, id: &CaseId, after: i64, limit: u32) -> Result<Vec<TimelineEntry>> {
        let rows: Vec<String> =
            sqlx::query_scalar("SELECT doc FROM timeline WHERE case_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3")
                .bind(&id.0)
                .bind(after)
                .bind(limit)
                .fetch_all(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        let read = |doc: String| read_doc("timeline", &id.0, &doc);
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn count_cases(&self, tenant: &TenantId) -> Result<Vec<(CaseState, u64)>> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, count(*) FROM cases WHERE ?1 = '*' OR tenant = ?1 GROUP BY state")
                .bind(&tenant.0)
                .fetch_all(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        let count = |state: CaseState| {
            let found = rows.iter().find(|(name, _)| name == state.as_str());
            found.map_or(0, |(_, n)| u64::try_from(*n).unwrap_or(0))
        };
        Ok(CaseState::ALL.into_iter().map(|state| (state, count(state))).collect())
    }
}
