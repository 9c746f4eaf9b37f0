//! Starting and stopping a gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use casemate_store::clock::Clock;
use casemate_store::{Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::abuse::Watch;
use crate::config::Settings;
use crate::control::{Generations, load_containments, load_feedback, load_keys, refresh, report};
use crate::core::Core;
use crate::serve::{ThreadParts, acceptor, listen, run_thread};
use crate::signal::{Outbox, drain};
use crate::station::ApprovalDesk;

/// Signals that still wait at shutdown have this long to be written.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Why a gateway cannot start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is in use or the address is not of this machine.
    #[error("{0}")]
    Listen(String),
    /// The TLS files cannot be used.
    #[error("{0}")]
    Tls(String),
    /// Keys or containments cannot be read: without them nobody could be told from anybody.
    #[error("cannot read keys and containments from the store: {0}")]
    Store(#[from] StoreError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// The data plane.
pub struct Gateway;

impl Gateway {
    /// Starts a gateway: its own threads for the requests, tasks on `control` for everything that speaks to the store.
    /// Returns once the port is listened on.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(
        settings: Settings,
        store: Arc<dyn Store>,
        clock: Clock,
        control: &Handle,
    ) -> Result<RunningGateway, StartError> {
        let tls = settings.tls.as_ref().map(acceptor).transpose().map_err(|e| StartError::Tls(e.to_string()))?;
        let (keys_generation, keys) = load_keys(&*store, &settings).await?;
        let (containments_generation, containments) = load_containments(&*store, clock.now()).await?;
        let (rulings_generation, feedback) = load_feedback(&*store, &settings, clock.now()).await?;
        let (sockets, addr) =
            listen(settings.listen, settings.threads).map_err(|e| StartError::Listen(e.to_string()))?;
        let (outbox, queue) = Outbox::new();
        let watch = Watch::new(settings.surge, &settings.abuse, outbox);
        let approvals = ApprovalDesk::new(store.clone(), control.clone());
        let core = Arc::new(Core::new(settings, (keys, containments, feedback), watch, approvals, clock));
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::with_capacity(sockets.len());
        for (n, listener) in sockets.into_iter().enumerate() {
            let parts = ThreadParts { core: core.clone(), listener, tls: tls.clone(), stop: stopped.clone() };
            let run = move || {
                if let Err(error) = run_thread(parts) {
                    tracing::error!(%error, "gateway thread failed");
                }
            };
            let spawned = std::thread::Builder::new().name(format!("gateway-{n}")).spawn(run);
            threads.push(spawned.map_err(StartError::Thread)?);
        }
        let generations =
            Generations { keys: keys_generation, containments: containments_generation, rulings: rulings_generation };
        let tasks = vec![
            control.spawn(refresh(core.clone(), store.clone(), generations, stopped.clone())),
            control.spawn(report(core, store.clone(), addr, stopped)),
        ];
        // Ends when the last holder of the queue is gone: all threads and tasks.
        let writer = control.spawn(drain(queue, store));
        tracing::info!(%addr, "gateway listens");
        Ok(RunningGateway { addr, stop, threads, tasks, writer })
    }
}

/// A gateway that runs. Dropping it without [`RunningGateway::shutdown`] stops it without waiting.
pub struct RunningGateway {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    writer: tokio::task::JoinHandle<()>,
}

impl RunningGateway {
    /// Where it listens; with the port that was chosen where the configuration says 0.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, lets requests under way end (20 s at most), writes what signals still wait, and returns.
    pub async fn shutdown(self) {
        // Fails only if every thread and task has ended already.
        let _ = self.stop.send(true);
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|t| t.join().is_ok())).await;
        if !matches!(joined, Ok(true)) {
            tracing::error!("a gateway thread panicked");
        }
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a gateway task failed");
            }
        }
        if tokio::time::timeout(LAST_WRITES, self.writer).await.is_err() {
            tracing::error!("signals that waited for the store at shutdown were lost");
        }
    }
}
