//! How a store call fails.

/// Failure of a store call. Each says what to do next: `Full`, `Locked` and `Unavailable` stop acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk or quota is full; nothing was written.
    #[error("the disk that holds {path} is full: free space or move `store.path`, then retry")]
    Full {
        /// The database file.
        path: String,
    },
    /// Another process holds the write lock for longer than the busy time-out.
    #[error(
        "{path} is locked by another process for over {waited_ms} ms: stop the other writer or raise `store.busy_timeout_ms`"
    )]
    Locked {
        /// The database file.
        path: String,
        /// How long was waited.
        waited_ms: u64,
    },
    /// The store was opened by a newer program.
    #[error("{path} has schema version {found}, newer than this program's {known}: upgrade casemate")]
    TooNew {
        /// The database file.
        path: String,
        /// Version found.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// The row that the call is about does not exist.
    #[error("no {kind} {id}")]
    NotFound {
        /// Aggregate name.
        kind: &'static str,
        /// The id asked for.
        id: String,
    },
    /// The state of the row does not allow the change.
    #[error("{kind} {id} is {state}: {why}")]
    Conflict {
        /// Aggregate name.
        kind: &'static str,
        /// The id asked for.
        id: String,
        /// Its present state.
        state: String,
        /// Why that refuses the change.
        why: String,
    },
    /// Stored data could not be read back; names the row.
    #[error("{kind} {id} cannot be read back: {why}")]
    Corrupt {
        /// Aggregate name.
        kind: &'static str,
        /// The row.
        id: String,
        /// What was wrong.
        why: String,
    },
    /// Any other failure of the back end.
    #[error("the store is unavailable: {why}")]
    Unavailable {
        /// The back end's words.
        why: String,
    },
}
