//! Named counters: generations that move with every change, and running numbers for ids.

use sqlx::SqliteConnection;

use super::fault::Fault;

/// Adds one and returns the new value, from 1.
pub(super) async fn advance(conn: &mut SqliteConnection, name: &'static str) -> Result<i64, Fault> {
    Ok(sqlx::query_scalar(
        "INSERT INTO counters (name, value) VALUES (?1, 1)
         ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
    )
    .bind(name)
    .fetch_one(conn)
    .await?)
}

/// The value; 0 at first.
pub(super) async fn value(readers: &sqlx::SqlitePool, name: &'static str) -> Result<i64, Fault> {
    let found = sqlx::query_scalar("SELECT value FROM counters WHERE name = ?1").bind(name);
    Ok(found.fetch_optional(readers).await?.unwrap_or(0))
}
