//! Playbook runs: their logs and intents.

use async_trait::async_trait;
use casemate_finding::UnixMs;
use serde_json::Value;
use sqlx::SqliteConnection;

use super::SqliteStore;
use super::fault::{Fault, read_doc, write_doc};
use crate::model::{Applied, CaseId, Intent, Run, RunEvent, RunId, RunState, TenantId};
use crate::traits::Runs;
use crate::{Result, StoreError};

const ALL_STATES: [RunState; 5] =
    [RunState::Running, RunState::Waiting, RunState::Completed, RunState::Failed, RunState::Cancelled];

type Row = (String, String, i64, String);

fn state_of(id: &str, name: &str) -> Result<RunState, Fault> {
    ALL_STATES.into_iter().find(|s| s.as_str() == name).ok_or_else(|| {
        StoreError::Corrupt { kind: "run", id: id.to_owned(), why: format!("unknown state {name}") }.into()
    })
}

fn read((id, state, updated_at, doc): Row) -> Result<Run, Fault> {
    let mut run: Run = read_doc("run", &id, &doc)?;
    run.state = state_of(&id, &state)?;
    run.updated_at = UnixMs(updated_at);
    Ok(run)
}

type IntentRow = (String, String, String, i64, String, String, Option<String>);

fn read_intent((key, run, step, at, command, undo, result): IntentRow) -> Result<Intent, Fault> {
    Ok(Intent {
        command: read_doc("intent", &key, &command)?,
        undo: read_doc("intent", &key, &undo)?,
        result: result.map(|r| read_doc("intent", &key, &r)).transpose()?,
        run: RunId(run),
        step,
        at: UnixMs(at),
        key,
    })
}

/// Appends to the log of a run that is not at its end, at the positions given.
async fn append(c: &mut SqliteConnection, id: &RunId, events: &[RunEvent], state: RunState) -> Result<(), Fault> {
    let row: Option<(String, i64)> = sqlx::query_as(
        "SELECT state, (SELECT coalesce(max(e.seq), 0) FROM run_events AS e WHERE e.run = ?1) FROM runs WHERE id = ?1",
    )
    .bind(&id.0)
    .fetch_optional(&mut *c)
    .await?;
    let (stands, last) = row.ok_or_else(|| StoreError::NotFound { kind: "run", id: id.0.clone() })?;
    let conflict = |why: String| StoreError::Conflict { kind: "run", id: id.0.clone(), state: stands.clone(), why };
    if state_of(&id.0, &stands)?.is_final() {
        return Err(conflict("nothing follows its end".into()).into());
    }
    for (event, expected) in events.iter().zip(last + 1..) {
        if event.seq != expected {
            return Err(conflict(format!("position {} was offered, the next is {expected}", event.seq)).into());
        }
        sqlx::query("INSERT INTO run_events (run, seq, at, event) VALUES (?1, ?2, ?3, ?4)")
            .bind(&id.0)
            .bind(event.seq)
            .bind(event.at.0)
            .bind(event.event.to_string())
            .execute(&mut *c)
            .await?;
    }
    sqlx::query("UPDATE runs SET state = ?2, updated_at = max(updated_at, ?3) WHERE id = ?1")
        .bind(&id.0)
        .bind(state.as_str())
        .bind(events.last().map_or(i64::MIN, |e| e.at.0))
        .execute(c)
        .await?;
    Ok(())
}

/// Begins a run once by its idempotency key.
pub(super) async fn begin(c: &mut SqliteConnection, run: &Run) -> Result<Applied<Run>, Fault> {
    let there: Option<Row> = sqlx::query_as("SELECT id, state, updated_at, doc FROM runs WHERE idempotency_key = ?1")
        .bind(&run.idempotency_key)
        .fetch_optional(&mut *c)
        .await?;
    if let Some(row) = there {
        return Ok(Applied::Already(read(row)?));
    }
    sqlx::query(
        "INSERT INTO runs (id, idempotency_key, tenant, case_id, state, updated_at, doc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )
    .bind(&run.id.0)
    .bind(&run.idempotency_key)
    .bind(&run.tenant.0)
    .bind(&run.case.0)
    .bind(run.state.as_str())
    .bind(run.updated_at.0)
    .bind(write_doc("run", &run.id.0, run)?)
    .execute(c)
    .await?;
    Ok(Applied::New(run.clone()))
}

/// Writes intents; each is written once.
async fn insert_intents(c: &mut SqliteConnection, intents: &[Intent]) -> Result<(), Fault> {
    for intent in intents {
        let added = sqlx::query(
            "INSERT INTO intents (key, run, step, at, command, undo, result)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key) DO NOTHING",
        )
        .bind(&intent.key)
        .bind(&intent.run.0)
        .bind(&intent.step)
        .bind(intent.at.0)
        .bind(intent.command.to_string())
        .bind(intent.undo.to_string())
        .bind(intent.result.as_ref().map(Value::to_string))
        .execute(&mut *c)
        .await?
        .rows_affected();
        if added == 0 {
            return Err(StoreError::Conflict {
                kind: "intent",
                id: intent.key.clone(),
                state: "written".into(),
                why: "the same effect is on its way or done".into(),
            }
            .into());
        }
    }
    Ok(())
}

#[async_trait]
impl Runs for SqliteStore {
    async fn start_run(&self, run: &Run) -> Result<Applied<Run>> {
        let run = run.clone();
        self.write(move |c| Box::pin(async move { begin(c, &run).await })).await
    }

    async fn append_run(&self, id: &RunId, events: &[RunEvent], intents: &[Intent], state: RunState) -> Result<()> {
        let (id, events, intents) = (id.clone(), events.to_vec(), intents.to_vec());
        self.write(move |c| {
            Box::pin(async move {
                append(c, &id, &events, state).await?;
                insert_intents(c, &intents).await
            })
        })
        .await
    }

    async fn record_result(
        &self,
        key: &str,
        result: &Value,
        events: &[RunEvent],
        intents: &[Intent],
        state: RunState,
    ) -> Result<()> {
        let (key, result, events, intents) = (key.to_owned(), result.to_string(), events.to_vec(), intents.to_vec());
        self.write(move |c| {
            Box::pin(async move {
                let row: Option<(String, Option<String>)> =
                    sqlx::query_as("SELECT run, result FROM intents WHERE key = ?1")
                        .bind(&key)
                        .fetch_optional(&mut *c)
                        .await?;
                let Some((run, there)) = row else {
                    return Err(StoreError::NotFound { kind: "intent", id: key }.into());
                };
                if there.is_some() {
                    return Err(StoreError::Conflict {
                        kind: "intent",
                        id: key,
                        state: "done".into(),
                        why: "it has its result".into(),
                    }
                    .into());
                }
                sqlx::query("UPDATE intents SET result = ?2 WHERE key = ?1")
                    .bind(&key)
                    .bind(result)
                    .execute(&mut *c)
                    .await?;
                append(c, &RunId(run), &events, state).await?;
                insert_intents(c, &intents).await
            })
        })
        .await
    }

    async fn run_events(&self, id: &RunId) -> Result<Vec<RunEvent>> {
        let rows: Vec<(i64, i64, String)> =
            sqlx::query_as("SELECT seq, at, event FROM run_events WHERE run = ?1 ORDER BY seq")
                .bind(&id.0)
                .fetch_all(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        rows.into_iter()
            .map(|(seq, at, event)| {
                Ok(RunEvent { seq, at: UnixMs(at), event: read_doc("run", &format!("{id} event {seq}"), &event)? })
            })
            .collect::<Result<_, _>>()
            .map_err(|e: Fault| self.explain(e))
    }

    async fn intent(&self, key: &str) -> Result<Option<Intent>> {
        let row: Option<IntentRow> =
            sqlx::query_as("SELECT key, run, step, at, command, undo, result FROM intents WHERE key = ?1")
                .bind(key)
                .fetch_optional(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        row.map(read_intent).transpose().map_err(|e| self.explain(e))
    }

    async fn run(&self, id: &RunId) -> Result<Run> {
        let row: Option<Row> = sqlx::query_as("SELECT id, state, updated_at, doc FROM runs WHERE id = ?1")
            .bind(&id.0)
            .fetch_optional(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        let row = row.ok_or_else(|| StoreError::NotFound { kind: "run", id: id.0.clone() })?;
        read(row).map_err(|e| self.explain(e))
    }

    async fn live_runs(&self) -> Result<Vec<Run>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, state, updated_at, doc FROM runs WHERE state IN ('running', 'waiting') ORDER BY seq",
        )
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn runs_of_case(&self, case: &CaseId) -> Result<Vec<Run>> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT id, state, updated_at, doc FROM runs WHERE case_id = ?1 ORDER BY seq")
                .bind(&case.0)
                .fetch_all(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn list_runs(&self, tenant: &TenantId, offset: u64, limit: u32) -> Result<Vec<Run>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, state, updated_at, doc FROM runs WHERE ?1 = '*' OR tenant = ?1
             ORDER BY seq DESC LIMIT ?3 OFFSET ?2",
        )
        .bind(&tenant.0)
        .bind(i64::try_from(offset).unwrap_or(i64::MAX))
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }
}
