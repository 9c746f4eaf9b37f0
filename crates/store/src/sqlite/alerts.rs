//! Alerts: what triage records of them, and dead letters. Intake is in `ingest`.

use async_trait::async_trait;
use casemate_finding::{Entity, Severity, UnixMs};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row as _, SqliteConnection};

use super::SqliteStore;
use super::cases::{append_entries, read_case_row, upsert_case};
use super::fault::{Fault, read_doc, write_doc};
use super::runs::begin;
use crate::model::{
    Alert, AlertId, AlertState, CaseId, DeadLetter, Incident, IncidentId, Ingested, NewAlert, TenantId, Triaged,
};
use crate::traits::Alerts;
use crate::{Result, StoreError};

/// What triage adds to an alert; kept in one column.
#[derive(Serialize, Deserialize)]
struct Triage {
    title: String,
    rule: String,
    severity: Severity,
    entities: Vec<Entity>,
    atlas: Vec<String>,
    ocsf: Value,
}

struct Row {
    seq: i64,
    tenant: String,
    source: String,
    delivery_id: Option<String>,
    content_hash: String,
    received_at: i64,
    last_seen_at: i64,
    count: i64,
    state: String,
    incident: Option<String>,
    case_id: Option<String>,
    raw: String,
    triage: Option<String>,
}

impl<'r> FromRow<'r, SqliteRow> for Row {
    fn from_row(row: &'r SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            seq: row.try_get("seq")?,
            tenant: row.try_get("tenant")?,
            source: row.try_get("source")?,
            delivery_id: row.try_get("delivery_id")?,
            content_hash: row.try_get("content_hash")?,
            received_at: row.try_get("received_at")?,
            last_seen_at: row.try_get("last_seen_at")?,
            count: row.try_get("count")?,
            state: row.try_get("state")?,
            incident: row.try_get("incident")?,
            case_id: row.try_get("case_id")?,
            raw: row.try_get("raw")?,
            triage: row.try_get("triage")?,
        })
    }
}

/// The id of the alert in row `seq`.
pub(super) fn id_of(seq: i64) -> AlertId {
    AlertId(format!("alert-{seq:012}"))
}

fn seq_of(id: &AlertId) -> Result<i64, Fault> {
    let number = id.0.strip_prefix("alert-").and_then(|n| n.parse().ok());
    number.ok_or_else(|| StoreError::NotFound { kind: "alert", id: id.0.clone() }.into())
}

fn state_of(id: &AlertId, name: &str) -> Result<AlertState, Fault> {
    let all = [AlertState::Received, AlertState::Triaged, AlertState::Dead];
    all.into_iter().find(|s| s.as_str() == name).ok_or_else(|| {
        StoreError::Corrupt { kind: "alert", id: id.0.clone(), why: format!("unknown state {name}") }.into()
    })
}

fn read(row: Row) -> Result<Alert, Fault> {
    let id = id_of(row.seq);
    let triage = match row.triage {
        Some(doc) => read_doc("alert", &id.0, &doc)?,
        None => Triage {
            title: String::new(),
            rule: String::new(),
            severity: Severity::Info,
            entities: Vec::new(),
            atlas: Vec::new(),
            ocsf: Value::Null,
        },
    };
    Ok(Alert {
        state: state_of(&id, &row.state)?,
        intake: NewAlert {
            tenant: TenantId(row.tenant),
            source: row.source,
            delivery_id: row.delivery_id,
            content_hash: row.content_hash,
            received_at: UnixMs(row.received_at),
            raw: read_doc("alert", &id.0, &row.raw)?,
        },
        count: u64::try_from(row.count).unwrap_or(0),
        last_seen_at: UnixMs(row.last_seen_at),
        title: triage.title,
        rule: triage.rule,
        severity: triage.severity,
        entities: triage.entities,
        atlas: triage.atlas,
        ocsf: triage.ocsf,
        incident: row.incident.map(IncidentId),
        case: row.case_id.map(CaseId),
        id,
    })
}

#[async_trait]
impl Alerts for SqliteStore {
    async fn ingest(&self, alerts: &[NewAlert], window_ms: i64) -> Result<Vec<Ingested>> {
        if alerts.is_empty() {
            return Ok(Vec::new());
        }
        self.write_alerts(alerts.to_vec(), window_ms).await
    }

    async fn untriaged(&self, limit: u32) -> Result<Vec<Alert>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM alerts WHERE state = 'received' ORDER BY seq LIMIT ?1")
            .bind(limit)
            .fetch_all(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn record_triaged(&self, triaged: &Triaged) -> Result<bool> {
        let Triaged { alert, incident, memory, case, timeline, runs } = triaged.clone();
        self.write(move |c| {
            Box::pin(async move {
                if state_in_store(c, &alert.id).await? != AlertState::Received {
                    return Ok(false);
                }
                let closed: Option<i64> = sqlx::query_scalar("SELECT closed FROM incidents WHERE id = ?1")
                    .bind(&incident.id.0)
                    .fetch_optional(&mut *c)
                    .await?;
                let case_closed = read_case_row(c, &case.id).await?.is_some_and(|k| k.closed_at.is_some());
                if closed == Some(1) || case_closed {
                    return Err(StoreError::Conflict {
                        kind: "incident",
                        id: incident.id.0,
                        state: "closed".into(),
                        why: "alerts never join closed incidents: open another".into(),
                    }
                    .into());
                }
                let triage = Triage {
                    title: alert.title,
                    rule: alert.rule,
                    severity: alert.severity,
                    entities: alert.entities,
                    atlas: alert.atlas,
                    ocsf: alert.ocsf,
                };
                sqlx::query(
                    "UPDATE alerts SET state = 'triaged', incident = ?2, case_id = ?3, triage = ?4 WHERE seq = ?1",
                )
                .bind(seq_of(&alert.id)?)
                .bind(&incident.id.0)
                .bind(&case.id.0)
                .bind(write_doc("alert", &alert.id.0, &triage)?)
                .execute(&mut *c)
                .await?;
                upsert_case(c, &case).await?;
                sqlx::query(
                    "INSERT INTO incidents (id, tenant, closed, last_at, case_id, doc, memory) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (id) DO UPDATE SET closed = excluded.closed, last_at = excluded.last_at,
                       case_id = excluded.case_id, doc = excluded.doc,
                       memory = iif(excluded.memory = 'null', memory, excluded.memory)",
                )
                .bind(&incident.id.0)
                .bind(&incident.tenant.0)
                .bind(incident.closed)
                .bind(incident.last_at.0)
                .bind(&incident.case.0)
                .bind(write_doc("incident", &incident.id.0, &incident)?)
                .bind(memory.to_string())
                .execute(&mut *c)
                .await?;
                append_entries(c, &case.id, &timeline, None).await?;
                for run in &runs {
                    begin(c, run).await?;
                }
                Ok(true)
            })
        })
        .await
    }

    async fn bury(&self, id: &AlertId, reason: &str, at: UnixMs) -> Result<()> {
        let (id, reason, keep) = (id.clone(), reason.to_owned(), self.options.dead_letters_max);
        self.write(move |c| {
            Box::pin(async move {
                match state_in_store(c, &id).await? {
                    AlertState::Dead => return Ok(()),
                    AlertState::Triaged => {
                        return Err(StoreError::Conflict {
                            kind: "alert",
                            id: id.0,
                            state: "triaged".into(),
                            why: "it is in an incident already".into(),
                        }
                        .into());
                    }
                    AlertState::Received => {}
                }
                let (source, raw): (String, String) = sqlx::query_as(
                    "UPDATE alerts SET state = 'dead' WHERE seq = ?1 RETURNING source, substr(raw, 1, 1024)",
                )
                .bind(seq_of(&id)?)
                .fetch_one(&mut *c)
                .await?;
                let reason = format!("{id}: {reason}");
                insert_letter(c, &DeadLetter { seq: 0, source, received_at: at, reason, excerpt: raw }, keep).await
            })
        })
        .await
    }

    async fn dead_letter(&self, letter: &DeadLetter) -> Result<()> {
        let (letter, keep) = (letter.clone(), self.options.dead_letters_max);
        self.write(move |c| Box::pin(async move { insert_letter(c, &letter, keep).await })).await
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        let rows: Vec<(i64, String, i64, String, String)> = sqlx::query_as(
            "SELECT seq, source, received_at, reason, excerpt FROM dead_letters ORDER BY seq DESC LIMIT ?1",
        )
        .bind(limit)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        let read =
            |(seq, source, at, reason, excerpt)| DeadLetter { seq, source, received_at: UnixMs(at), reason, excerpt };
        Ok(rows.into_iter().map(read).collect())
    }

    async fn alert(&self, id: &AlertId) -> Result<Alert> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM alerts WHERE seq = ?1")
            .bind(seq_of(id).map_err(|e| self.explain(e))?)
            .fetch_optional(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        let row = row.ok_or_else(|| StoreError::NotFound { kind: "alert", id: id.0.clone() })?;
        read(row).map_err(|e| self.explain(e))
    }

    async fn alerts_of_case(&self, case: &CaseId, offset: u64, limit: u32) -> Result<Vec<Alert>> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT * FROM alerts WHERE case_id = ?1 ORDER BY seq DESC LIMIT ?3 OFFSET ?2")
                .bind(&case.0)
                .bind(i64::try_from(offset).unwrap_or(i64::MAX))
                .bind(limit)
                .fetch_all(self.readers())
                .await
                .map_err(|e| self.explain(e))?;
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn count_alerts(&self, state: AlertState) -> Result<u64> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM alerts WHERE state = ?1")
            .bind(state.as_str())
            .fetch_one(self.readers())
            .await
            .map_err(|e| self.explain(e))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn open_incidents(&self, tenant: &TenantId, since: UnixMs) -> Result<Vec<Incident>> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT id, doc FROM incidents WHERE closed = 0 AND tenant = ?1 AND last_at >= ?2 ORDER BY last_at, id",
        )
        .bind(&tenant.0)
        .bind(since.0)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        let read = |(id, doc): (String, String)| read_doc("incident", &id, &doc);
        rows.into_iter().map(read).collect::<Result<_, _>>().map_err(|e| self.explain(e))
    }

    async fn incident_memories(&self, tenant: &TenantId, since: UnixMs) -> Result<Vec<(Incident, Value)>> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(
            "SELECT id, doc, memory FROM incidents WHERE closed = 0 AND tenant = ?1 AND last_at >= ?2 ORDER BY last_at, id",
        )
        .bind(&tenant.0)
        .bind(since.0)
        .fetch_all(self.readers())
        .await
        .map_err(|e| self.explain(e))?;
        rows.into_iter()
            .map(|(id, doc, memory)| Ok((read_doc("incident", &id, &doc)?, read_doc("incident", &id, &memory)?)))
            .collect::<Result<_, _>>()
            .map_err(|e: Fault| self.explain(e))
    }
}

async fn state_in_store(c: &mut SqliteConnection, id: &AlertId) -> Result<AlertState, Fault> {
    let state: Option<String> =
        sqlx::query_scalar("SELECT state FROM alerts WHERE seq = ?1").bind(seq_of(id)?).fetch_optional(c).await?;
    let state = state.ok_or_else(|| StoreError::NotFound { kind: "alert", id: id.0.clone() })?;
    state_of(id, &state)
}

async fn insert_letter(c: &mut SqliteConnection, letter: &DeadLetter, keep: u32) -> Result<(), Fault> {
    let seq = sqlx::query("INSERT INTO dead_letters (source, received_at, reason, excerpt) VALUES (?1, ?2, ?3, ?4)")
        .bind(&letter.source)
        .bind(letter.received_at.0)
        .bind(&letter.reason)
        .bind(&letter.excerpt)
        .execute(&mut *c)
        .await?
        .last_insert_rowid();
    sqlx::query("DELETE FROM dead_letters WHERE seq <= ?1").bind(seq - i64::from(keep)).execute(c).await?;
    Ok(())
}
