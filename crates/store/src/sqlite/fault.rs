//! From the back end's failures to [`StoreError`].

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::StoreError;

/// What a piece of work inside the back end fails with: a refusal by rule, or SQLite itself.
#[derive(Debug)]
pub(super) enum Fault {
    /// The rules of the aggregate refuse; the transaction is sound.
    Refused(StoreError),
    /// SQLite failed.
    Sql(sqlx::Error),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Fault {
    /// True if only the work that met it fails, and others in the same transaction may go on.
    pub(super) fn is_private(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Sql(sqlx::Error::Database(e)) => primary_code(&**e) == Some(SQLITE_CONSTRAINT),
            Self::Sql(_) => false,
        }
    }

    /// As callers see it.
    pub(super) fn into_store_error(self, path: &Path, busy_timeout_ms: u64) -> StoreError {
        let error = match self {
            Self::Refused(error) => return error,
            Self::Sql(error) => error,
        };
        let code = error.as_database_error().and_then(primary_code);
        let extended = error.as_database_error().and_then(extended_code);
        let path = path.display().to_string();
        match (code, extended) {
            (Some(SQLITE_FULL), _) | (_, Some(SQLITE_IOERR_SHMSIZE)) => StoreError::Full { path },
            (Some(SQLITE_BUSY | SQLITE_LOCKED), _) => StoreError::Locked { path, waited_ms: busy_timeout_ms },
            _ => StoreError::Unavailable { why: format!("{path}: {error}") },
        }
    }
}

// https://www.sqlite.org/rescode.html
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_FULL: u32 = 13;
const SQLITE_CONSTRAINT: u32 = 19;
/// The shared-memory file could not grow, which is a full disk met at another door.
const SQLITE_IOERR_SHMSIZE: u32 = 4874;

fn extended_code(error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<u32> {
    error.code()?.parse().ok()
}

fn primary_code(error: &(dyn sqlx::error::DatabaseError + 'static)) -> Option<u32> {
    extended_code(error).map(|code| code & 0xff)
}

/// Reads a row's JSON back.
pub(super) fn read_doc<T: DeserializeOwned>(kind: &'static str, id: &str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text)
        .map_err(|e| StoreError::Corrupt { kind, id: id.to_owned(), why: e.to_string() })
        .map_err(Fault::Refused)
}

/// Writes a row's JSON. The model's types hold only what JSON can say, so that a failure is a defect of theirs.
pub(super) fn write_doc<T: serde::Serialize>(kind: &'static str, id: &str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Corrupt { kind, id: id.to_owned(), why: e.to_string() })
        .map_err(Fault::Refused)
}
