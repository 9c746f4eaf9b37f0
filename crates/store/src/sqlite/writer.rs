//! The one writer of this process: a thread with its own connection that takes whatever work is queued, does it in one
//! transaction, and answers after the commit. While one fsync runs the next group gathers, so that many callers share it.
//!
//! A refusal (a rule, a constraint) undoes only its own work, by savepoint; a failure of SQLite (disk full, locked)
//! undoes the group, and every caller in it hears why.

use std::path::PathBuf;
use std::pin::Pin;

use sqlx::{Connection, Row, SqliteConnection};
use tokio::sync::{mpsc, oneshot, watch};

use super::fault::Fault;
use super::ingest::ingest_batch;
use crate::model::{Ingested, NewAlert};
use crate::{Result, StoreError};

/// What work inside a transaction returns.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'c>>;

/// Something queued for the writer.
pub(super) enum Job {
    /// Alerts: those of one group are stored in one statement.
    Ingest(IngestJob),
    /// Anything else.
    Task(Box<dyn Task>),
}

/// Alerts of one caller.
pub(super) struct IngestJob {
    /// What came in.
    pub(super) alerts: Vec<NewAlert>,
    /// How far back equal content counts as the same alert.
    pub(super) window_ms: i64,
    /// Answered after the commit.
    pub(super) reply: oneshot::Sender<Result<Vec<Ingested>>>,
}

/// Work of one caller, erased.
pub(super) trait Task: Send {
    /// Does the work; keeps its result or refusal. Fails only with what fails the group.
    fn run<'c>(&'c mut self, conn: &'c mut SqliteConnection) -> Work<'c, Settled>;
    /// Answers the caller: with its result if the group was committed, else with why it was not.
    fn settle(self: Box<Self>, committed: Result<()>, writer: &Writer);
}

/// Whether a piece of work stands or is to be undone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// Keep it.
    Done,
    /// It refused; undo what it wrote.
    Refused,
}

/// Work with the channel of its caller.
pub(super) struct TaskOf<T, F> {
    /// The work, until it runs.
    pub(super) work: Option<F>,
    /// What came of it.
    pub(super) end: Option<Result<T, Fault>>,
    /// The caller.
    pub(super) reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Task for TaskOf<T, F>
where
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
{
    fn run<'c>(&'c mut self, conn: &'c mut SqliteConnection) -> Work<'c, Settled> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return Ok(Settled::Refused) };
            match work(conn).await {
                Err(fault) if !fault.is_private() => Err(fault),
                end => {
                    let settled = if end.is_ok() { Settled::Done } else { Settled::Refused };
                    self.end = Some(end);
                    Ok(settled)
                }
            }
        })
    }

    fn settle(self: Box<Self>, committed: Result<()>, writer: &Writer) {
        let answer = match (committed, self.end) {
            (_, Some(Err(refused))) => Err(writer.explain(refused)),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(why), _) => Err(why),
            (Ok(()), None) => Err(StoreError::Unavailable { why: "the work did not run".into() }),
        };
        // The caller may have gone; its work stands all the same.
        let _gone = self.reply.send(answer);
    }
}

/// The writer's connection and bounds.
pub(super) struct Writer {
    /// Its connection, the only one that writes.
    pub(super) conn: SqliteConnection,
    /// The file, for messages.
    pub(super) path: PathBuf,
    /// For messages.
    pub(super) busy_timeout_ms: u64,
    /// Most jobs in one transaction.
    pub(super) group_jobs_max: usize,
    /// Counts commits that wrote something.
    pub(super) changes: watch::Sender<u64>,
}

impl Writer {
    /// Works until every sender is gone, then closes the connection.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut group = Vec::new();
        while queue.recv_many(&mut group, self.group_jobs_max).await > 0 {
            self.commit_group(std::mem::take(&mut group)).await;
        }
        if let Err(error) = self.conn.close().await {
            tracing::warn!(%error, "closing the store's write connection failed");
        }
    }

    fn explain(&self, fault: Fault) -> StoreError {
        fault.into_store_error(&self.path, self.busy_timeout_ms)
    }

    async fn commit_group(&mut self, group: Vec<Job>) {
        let mut ingests = Vec::new();
        let mut tasks = Vec::new();
        for job in group {
            match job {
                Job::Ingest(job) => ingests.push(job),
                Job::Task(task) => tasks.push(task),
            }
        }
        let end = self.transact(&ingests, &mut tasks).await.map_err(|fault| self.explain(fault));
        let (committed, mut ingested) = match end {
            Ok(ingested) => (Ok(()), ingested.into_iter()),
            Err(error) => {
                tracing::error!(%error, jobs = ingests.len() + tasks.len(), "a group of writes was not committed");
                (Err(error), Vec::new().into_iter())
            }
        };
        for job in ingests {
            let answer = committed.clone().map(|()| ingested.by_ref().take(job.alerts.len()).collect());
            let _gone = job.reply.send(answer);
        }
        for task in tasks {
            task.settle(committed.clone(), self);
        }
    }

    async fn transact(&mut self, ingests: &[IngestJob], tasks: &mut [Box<dyn Task>]) -> Result<Vec<Ingested>, Fault> {
        sqlx::query("BEGIN IMMEDIATE").execute(&mut self.conn).await?;
        match self.work(ingests, tasks).await {
            Ok((ingested, wrote)) => {
                if wrote {
                    self.changes.send_modify(|n| *n += 1);
                }
                Ok(ingested)
            }
            Err(fault) => {
                // SQLite has rolled back by itself after some failures; then this one says so and means nothing.
                let _rolled_back = sqlx::query("ROLLBACK").execute(&mut self.conn).await;
                Err(fault)
            }
        }
    }

    async fn work(
        &mut self,
        ingests: &[IngestJob],
        tasks: &mut [Box<dyn Task>],
    ) -> Result<(Vec<Ingested>, bool), Fault> {
        let conn = &mut self.conn;
        let before = total_changes(conn).await?;
        let ingested = if ingests.is_empty() { Vec::new() } else { ingest_batch(conn, ingests).await? };
        for task in tasks {
            sqlx::query("SAVEPOINT one").execute(&mut *conn).await?;
            if task.run(conn).await? == Settled::Refused {
                sqlx::query("ROLLBACK TO one").execute(&mut *conn).await?;
            }
            sqlx::query("RELEASE one").execute(&mut *conn).await?;
        }
        let wrote = total_changes(conn).await? != before;
        sqlx::query("COMMIT").execute(&mut *conn).await?;
        Ok((ingested, wrote))
    }
}

async fn total_changes(conn: &mut SqliteConnection) -> Result<i64, Fault> {
    Ok(sqlx::query("SELECT total_changes()").fetch_one(conn).await?.try_get(0)?)
}
