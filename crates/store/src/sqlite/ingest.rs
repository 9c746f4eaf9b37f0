//! Durable intake: the alerts of a whole group of callers in five statements, however many they are.

use std::collections::HashMap;

use casemate_finding::UnixMs;
use serde_json::{Value, json};
use sqlx::SqliteConnection;

use super::alerts::id_of;
use super::fault::{Fault, write_doc};
use super::writer::IngestJob;
use crate::model::{Ingested, NewAlert, TenantId};

/// Stores the alerts of a whole group: two bulk look-ups, then three bulk writes. Answers in the order given.
pub(super) async fn ingest_batch(c: &mut SqliteConnection, jobs: &[IngestJob]) -> Result<Vec<Ingested>, Fault> {
    let alerts: Vec<(&NewAlert, i64)> =
        jobs.iter().flat_map(|job| job.alerts.iter().map(|a| (a, job.window_ms))).collect();
    let mut known = KnownAlerts::look_up(c, &alerts).await?;
    let mut next: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) + 1 FROM alerts").fetch_one(&mut *c).await?;
    let mut answers = Vec::with_capacity(alerts.len());
    let (mut rows, mut deliveries) = (Vec::new(), Vec::new());
    let mut folded: HashMap<i64, (u64, i64)> = HashMap::new();
    for (i, (alert, window_ms)) in alerts.iter().enumerate() {
        if let Some(seq) = known.delivery(i, alert) {
            answers.push(Ingested::Duplicate(id_of(seq)));
            continue;
        }
        let seq = match known.content(i, alert, *window_ms) {
            Some(seq) => {
                let (count, last) = folded.entry(seq).or_insert((0, i64::MIN));
                *count += 1;
                *last = (*last).max(alert.received_at.0);
                answers.push(Ingested::Duplicate(id_of(seq)));
                seq
            }
            None => {
                let seq = next;
                next += 1;
                rows.push(json!([
                    seq,
                    alert.tenant,
                    alert.source,
                    alert.delivery_id,
                    alert.content_hash,
                    alert.received_at,
                    alert.raw.to_string()
                ]));
                answers.push(Ingested::New(id_of(seq)));
                seq
            }
        };
        if let Some(delivery) = &alert.delivery_id {
            deliveries.push(json!([alert.tenant, alert.source, delivery, seq]));
        }
        known.remember(alert, seq);
    }
    insert_all(c, &rows, &deliveries, folded).await?;
    Ok(answers)
}

async fn insert_all(
    c: &mut SqliteConnection,
    rows: &[Value],
    deliveries: &[Value],
    folded: HashMap<i64, (u64, i64)>,
) -> Result<(), Fault> {
    if !rows.is_empty() {
        sqlx::query(
            "INSERT INTO alerts (seq, tenant, source, delivery_id, content_hash, received_at, last_seen_at, count, state, raw)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 5, 1,
                    'received', value ->> 6
             FROM json_each(?1)",
        )
        .bind(write_doc("alert", "batch", &rows)?)
        .execute(&mut *c)
        .await?;
    }
    if !deliveries.is_empty() {
        sqlx::query(
            "INSERT INTO deliveries (tenant, source, delivery_id, alert)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)",
        )
        .bind(write_doc("alert", "batch", &deliveries)?)
        .execute(&mut *c)
        .await?;
    }
    if !folded.is_empty() {
        let folded: Vec<_> = folded.into_iter().map(|(seq, (count, last))| json!([seq, count, last])).collect();
        sqlx::query(
            "UPDATE alerts SET count = count + (j.value ->> 1), last_seen_at = max(last_seen_at, j.value ->> 2)
             FROM json_each(?1) AS j WHERE alerts.seq = j.value ->> 0",
        )
        .bind(write_doc("alert", "batch", &folded)?)
        .execute(c)
        .await?;
    }
    Ok(())
}

/// Alerts that a batch may repeat: those in the store, and those before it in the batch.
struct KnownAlerts<'a> {
    stored_delivery: HashMap<usize, i64>,
    stored_content: HashMap<usize, i64>,
    delivery: HashMap<(&'a TenantId, &'a str, &'a str), i64>,
    content: HashMap<(&'a TenantId, &'a str, &'a str), (i64, UnixMs)>,
}

impl<'a> KnownAlerts<'a> {
    async fn look_up(c: &mut SqliteConnection, alerts: &[(&'a NewAlert, i64)]) -> Result<Self, Fault> {
        let keys: Vec<_> = alerts
            .iter()
            .map(|(a, window_ms)| {
                json!([a.tenant, a.source, a.delivery_id, a.content_hash, a.received_at.plus_ms(-window_ms)])
            })
            .collect();
        let keys = write_doc("alert", "batch", &keys)?;
        let stored_delivery: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT j.key, d.alert FROM json_each(?1) AS j CROSS JOIN deliveries AS d
             ON d.tenant = j.value ->> 0 AND d.source = j.value ->> 1 AND d.delivery_id = j.value ->> 2",
        )
        .bind(&keys)
        .fetch_all(&mut *c)
        .await?;
        // What a closed case was about may come back as news.
        let stored_content: Vec<(i64, Option<i64>)> = sqlx::query_as(
            "SELECT j.key, (
               SELECT a.seq FROM alerts AS a
               WHERE a.tenant = j.value ->> 0 AND a.source = j.value ->> 1 AND a.content_hash = j.value ->> 3
                 AND a.received_at > j.value ->> 4 AND a.state <> 'dead'
                 AND NOT EXISTS (SELECT 1 FROM cases AS k WHERE k.id = a.case_id AND k.state = 'closed')
               ORDER BY a.received_at DESC LIMIT 1)
             FROM json_each(?1) AS j",
        )
        .bind(&keys)
        .fetch_all(&mut *c)
        .await?;
        let index = |i: i64| usize::try_from(i).unwrap_or(usize::MAX);
        Ok(Self {
            stored_delivery: stored_delivery.into_iter().map(|(i, seq)| (index(i), seq)).collect(),
            stored_content: stored_content.into_iter().filter_map(|(i, seq)| Some((index(i), seq?))).collect(),
            delivery: HashMap::new(),
            content: HashMap::new(),
        })
    }

    fn delivery(&self, i: usize, alert: &'a NewAlert) -> Option<i64> {
        let delivery = alert.delivery_id.as_deref()?;
        let here = self.delivery.get(&(&alert.tenant, alert.source.as_str(), delivery));
        self.stored_delivery.get(&i).or(here).copied()
    }

    fn content(&self, i: usize, alert: &'a NewAlert, window_ms: i64) -> Option<i64> {
        let key = (&alert.tenant, alert.source.as_str(), alert.content_hash.as_str());
        let here = self.content.get(&key).filter(|(_, first)| *first > alert.received_at.plus_ms(-window_ms));
        self.stored_content.get(&i).copied().or(here.map(|(seq, _)| *seq))
    }

    fn remember(&mut self, alert: &'a NewAlert, seq: i64) {
        if let Some(delivery) = &alert.delivery_id {
            self.delivery.insert((&alert.tenant, &alert.source, delivery), seq);
        }
        self.content.entry((&alert.tenant, &alert.source, &alert.content_hash)).or_insert((seq, alert.received_at));
    }
}
