//! Opening what is kept: the data folder, the store in it, and a runtime for commands that ask it something.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use casemate_store::clock::Clock;
use casemate_store::sqlite::{SqliteOptions, SqliteStore};
use casemate_store::{Store, StoreError};

use crate::cli::Global;
use crate::config::{self, Config};
use crate::failure::Failure;

/// A single-threaded runtime for one command.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::internal("cannot start the runtime", e))
}

/// Opens the configured store and runs `ask` on it.
pub(crate) fn with_store<T, F>(global: &Global, ask: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let config: Config = config::or_default(global.config.as_deref())?;
    runtime()?.block_on(async {
        let store = open(&config).await?;
        ask(store).await.map_err(|e| store_failure(&e))
    })
}

/// Opens the store of a configuration; makes the data folder if it is not there.
pub(crate) async fn open(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    make_private_dir(&config.data_dir)?;
    let path = config.store_path();
    let options = SqliteOptions { busy_timeout_ms: config.store.busy_timeout_ms, ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, Clock::system(), options).await.map_err(|e| store_failure(&e))?;
    Ok(store)
}

/// A store's error as a person is told of it.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    match error {
        StoreError::NotFound { kind, .. } | StoreError::Conflict { kind, .. } => {
            Failure::usage("cannot do that", error.to_string()).remedy(where_listed(kind))
        }
        _ => Failure::internal("the store did not answer", error)
            .remedy("`casemate doctor` tests the store and says more"),
    }
}

/// Where a person sees what there is of this kind, and how it stands.
fn where_listed(kind: &str) -> &'static str {
    match kind {
        "approval" => "`casemate approvals list --all` shows what there is and who may answer",
        "case" => "`casemate case list` shows what there is",
        "key" => "`casemate key list` shows what there is",
        "ruling" => "`casemate feedback list` shows what there is",
        _ => "look at the console, which shows what there is",
    }
}

/// Makes a folder that only its owner can enter.
pub(crate) fn make_private_dir(path: &Path) -> Result<PathBuf, Failure> {
    let fail = |e: std::io::Error| {
        Failure::usage("cannot use the data folder", e.to_string())
            .at(path.display().to_string())
            .remedy("set `data_dir:` to a folder that this user may write")
    };
    if !path.is_dir() {
        std::fs::create_dir_all(path).map_err(fail)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(fail)?;
        }
    }
    path.canonicalize().map_err(fail)
}

/// A runtime with workers for posts that serve.
pub(crate) fn workers() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::internal("cannot start the runtime", e))
}
