//! Opening the file and passing work to its writer and readers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};

use super::fault::Fault;
use super::schema::migrate;
use super::writer::{IngestJob, Job, TaskOf, Work, Writer};
use crate::clock::Clock;
use crate::model::{Ingested, NewAlert};
use crate::{Result, Store, StoreError};

/// Bounds of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How long to wait for another process's write lock; then the call fails with `Locked`. Default 5,000.
    pub busy_timeout_ms: u64,
    /// Connections that read. Default 4.
    pub readers: u32,
    /// Most jobs in one transaction. Default 1,024.
    pub group_jobs_max: usize,
    /// Jobs that may wait for the writer; further callers wait their turn. Default 8,192.
    pub queue_jobs_max: usize,
    /// Dead letters kept; beyond it the oldest go. Default 10,000.
    pub dead_letters_max: u32,
    /// Most pages of 4 KiB in the file; beyond it writes fail with `Full`. Default none: the disk is the limit.
    pub pages_max: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout_ms: 5_000,
            readers: 4,
            group_jobs_max: 1_024,
            queue_jobs_max: 8_192,
            dead_letters_max: 10_000,
            pages_max: None,
        }
    }
}

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    pub(super) clock: Clock,
    pub(super) options: SqliteOptions,
    queue: mpsc::Sender<Job>,
    readers: SqlitePool,
    changes: watch::Receiver<u64>,
}

impl SqliteStore {
    /// Opens the file, or makes it (readable by its owner only), and brings its schema up to date.
    ///
    /// # Errors
    /// `TooNew` if a newer program wrote it, `Locked` if another process holds it, `Full`, or `Unavailable` with
    /// SQLite's words (no such folder, not a database, no permission).
    pub async fn open(path: impl AsRef<Path>, clock: Clock, options: SqliteOptions) -> Result<Arc<Self>> {
        let path = path.as_ref().to_path_buf();
        let explain = |fault: Fault| fault.into_store_error(&path, options.busy_timeout_ms);
        create_private(&path).map_err(|e| StoreError::Unavailable { why: format!("{}: {e}", path.display()) })?;

        let mut write = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_millis(options.busy_timeout_ms))
            // Fewer, larger checkpoints: each costs two fsyncs.
            .pragma("wal_autocheckpoint", "4000");
        if let Some(pages) = options.pages_max {
            write = write.pragma("max_page_count", pages.to_string());
        }
        let read = write.clone().create_if_missing(false).pragma("query_only", "ON");
        let mut conn = SqliteConnection::connect_with(&write).await.map_err(|e| explain(e.into()))?;
        migrate(&mut conn, &path).await.map_err(explain)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(options.readers.max(1))
            .acquire_timeout(Duration::from_millis(options.busy_timeout_ms.max(1_000)))
            .connect_lazy_with(read);

        let (changed, changes) = watch::channel(0);
        let (queue, jobs) = mpsc::channel(options.queue_jobs_max.max(1));
        let writer = Writer {
            conn,
            path: path.clone(),
            busy_timeout_ms: options.busy_timeout_ms,
            group_jobs_max: options.group_jobs_max.max(1),
            changes: changed,
        };
        // A thread of its own: the store outlives the run-time that opened it and serves callers on any other.
        std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(writer.run(jobs)),
                Err(error) => tracing::error!(%error, "the store's writer has no run-time"),
            })
            .map_err(|e| StoreError::Unavailable { why: format!("no thread for the writer: {e}") })?;
        Ok(Arc::new(Self { path, clock, options, queue, readers, changes }))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the readers. The writer ends when the last handle to the store is gone.
    pub async fn close(&self) {
        self.readers.close().await;
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(super) fn explain(&self, fault: impl Into<Fault>) -> StoreError {
        fault.into().into_store_error(&self.path, self.options.busy_timeout_ms)
    }

    /// Runs `work` in the writer's next transaction; returns after its commit.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue
            .send(Job::Task(Box::new(TaskOf { work: Some(work), end: None, reply })))
            .await
            .map_err(|_closed| writer_gone())?;
        answer.await.map_err(|_dropped| writer_gone())?
    }

    /// Stores alerts in the writer's next transaction; returns after its commit.
    pub(super) async fn write_alerts(&self, alerts: Vec<NewAlert>, window_ms: i64) -> Result<Vec<Ingested>> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job::Ingest(IngestJob { alerts, window_ms, reply })).await.map_err(|_closed| writer_gone())?;
        answer.await.map_err(|_dropped| writer_gone())?
    }
}

impl Store for SqliteStore {
    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

fn writer_gone() -> StoreError {
    StoreError::Unavailable { why: "the store's writer has stopped; see the log for why".into() }
}

/// Makes the file with owner-only permissions if it is not there; SQLite gives its side files the same.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut open = std::fs::OpenOptions::new();
    open.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(path).map(drop)
}
