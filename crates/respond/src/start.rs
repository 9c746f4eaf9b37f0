//! All of it in one process: started together, stopped together.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use casemate_store::Store;
use casemate_store::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::connectors::Surroundings;
use crate::egress::{Egress, EgressError};
use crate::intake::{Intake, router};
use crate::inventory::Inventory;
use crate::library::{Library, Unusable};
use crate::pump::Pump;
use crate::runner::Runner;
use crate::status::Status;
use crate::vault::{Vault, VaultError};

/// How long effects on their way may take when the program stops; what is not over then is asked about after the start.
const GRACE: Duration = Duration::from_secs(10);

/// The response engine.
pub struct Respond;

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken, or not this machine's.
    #[error("intake cannot listen on {addr}: {error}: stop what uses it, or change respond.listen")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// Another response engine works on this data.
    #[error("{} is held by another response engine: stop it, or change respond.data_dir", path.display())]
    Held {
        /// The lock file.
        path: PathBuf,
    },
    /// The data folder cannot be used.
    #[error("{}: {error}: check respond.data_dir", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The vault cannot be used.
    #[error("the evidence vault: {0}")]
    Vault(#[from] VaultError),
    /// Outgoing requests cannot be made.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// Playbooks that cannot be used.
    #[error("playbooks: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Playbooks(Vec<Unusable>),
}

/// A response engine that runs.
pub struct RunningRespond {
    /// Where intake listens.
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
    parts: Vec<JoinHandle<()>>,
    _lock: File,
}

impl Respond {
    /// Starts intake, pump and runner on the current run-time. Runs that a crash interrupted go on at once.
    ///
    /// # Errors
    /// What keeps it from starting, with what to do about it.
    pub async fn start(settings: Settings, store: Arc<dyn Store>, clock: Clock) -> Result<RunningRespond, StartError> {
        let library = match &settings.playbooks {
            Some(folder) => Library::read(folder),
            None => Library::shipped(),
        };
        let library = library.map_err(StartError::Playbooks)?;
        Self::start_with(settings, library, store, clock).await
    }

    /// The same with playbooks that are already in memory.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(
        settings: Settings,
        library: Library,
        store: Arc<dyn Store>,
        clock: Clock,
    ) -> Result<RunningRespond, StartError> {
        let lock = lock(&settings)?;
        let vault = Vault::open(&settings.data_dir.join("evidence"), settings.evidence.object_bytes_max)?;
        let around = Arc::new(Surroundings {
            store: store.clone(),
            clock: clock.clone(),
            inventory: Inventory::new(settings.inventory),
            vault: Arc::new(vault),
            evidence: settings.evidence,
            egress: Egress::new(settings.egress, settings.private_ranges)?,
            connections: settings.connections,
            handoffs: settings.data_dir.join("handoffs"),
            limits: settings.limits.clone(),
        });
        let library = Arc::new(library);
        let wake = Arc::new(Notify::new());
        let (stop, stopping) = watch::channel(false);
        let listen = |error| StartError::Listen { addr: settings.listen, error };
        let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;

        let pump = Pump::new(&around, &settings.sources, settings.tiers, library.clone(), wake.clone());
        let runner = Runner::new(around, library, wake);
        let intake = Arc::new(Intake::new(store.clone(), clock.clone(), settings.sources, settings.limits));
        let status = Status {
            store,
            clock,
            instance: addr.to_string(),
            intake: intake.clone(),
            pump: pump.figures(),
            runner: runner.figures(),
        };
        let mut ended = stopping.clone();
        let serve = axum::serve(listener, router(intake)).with_graceful_shutdown(async move {
            let _stopped = ended.wait_for(|stop| *stop).await;
        });
        let parts = vec![
            tokio::spawn(async move {
                if let Err(error) = serve.await {
                    tracing::error!(%error, "intake ended");
                }
            }),
            tokio::spawn(pump.run(stopping.clone())),
            tokio::spawn(runner.run(stopping.clone())),
            tokio::spawn(status.run(stopping)),
        ];
        tracing::info!(%addr, "response engine started");
        Ok(RunningRespond { addr, stop, parts, _lock: lock })
    }
}

impl RunningRespond {
    /// Stops: no new request, no new effect; waits for those on their way.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        for mut part in self.parts {
            if tokio::time::timeout(GRACE, &mut part).await.is_err() {
                part.abort();
                // Aborted or done: either way it is gone when this returns.
                let _ended = part.await;
            }
        }
    }
}

/// Two engines on one store would each carry out the other's intents. The lock goes with the process, however it ends.
fn lock(settings: &Settings) -> Result<File, StartError> {
    let data = |error| StartError::Data { path: settings.data_dir.clone(), error };
    std::fs::create_dir_all(&settings.data_dir).map_err(data)?;
    let path = settings.data_dir.join("respond.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(data)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::Held { path }),
        Err(std::fs::TryLockError::Error(error)) => Err(data(error)),
    }
}
