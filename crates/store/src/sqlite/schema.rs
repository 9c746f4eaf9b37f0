//! The schema's versions: ordered files, forward only, applied under the write lock so that two processes may start
//! at once. `PRAGMA user_version` says how many have been applied.

use std::path::Path;

use sqlx::{Row, SqliteConnection};

use super::fault::Fault;
use crate::StoreError;

/// Every migration, oldest first; the version is the position from 1. Released ones are never edited.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/sqlite/0001_first.sql"),
    include_str!("../../migrations/sqlite/0002_rulings.sql"),
    include_str!("../../migrations/sqlite/0003_tool_calls.sql"),
];

/// Brings the file to this program's version.
pub(super) async fn migrate(conn: &mut SqliteConnection, path: &Path) -> Result<(), Fault> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version(conn).await? == known {
        return Ok(());
    }
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await?;
    let end = apply(conn, path, known).await;
    let close = if end.is_ok() { "COMMIT" } else { "ROLLBACK" };
    sqlx::query(close).execute(&mut *conn).await?;
    end
}

async fn apply(conn: &mut SqliteConnection, path: &Path, known: i64) -> Result<(), Fault> {
    let found = version(conn).await?;
    if found > known {
        return Err(StoreError::TooNew { path: path.display().to_string(), found, known }.into());
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*migration).execute(&mut *conn).await?;
    }
    // A pragma takes no bound values; the number is ours.
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {known}"))).execute(&mut *conn).await?;
    Ok(())
}

async fn version(conn: &mut SqliteConnection) -> Result<i64, Fault> {
    Ok(sqlx::query("PRAGMA user_version").fetch_one(&mut *conn).await?.try_get(0)?)
}
