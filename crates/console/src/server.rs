//! The listener: limits on connections and on the time for a request's head, TLS, orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use casemate_store::Store;
use casemate_store::clock::Clock;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::app::{App, Extras, Parts};
use crate::config::ConsoleSettings;
use crate::entropy::NoEntropy;
use crate::limits::{CONNECTIONS_MAX, HANDSHAKE_MS_MAX, HEAD_MS_MAX, STREAMS_MAX};
use crate::people::{Passwords, Throttle};
use crate::routes;
use crate::tls::{self, TlsError};

/// The address that a request came from; an extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Why the console cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error(
        "console cannot listen on {listen}: {source}; another program may have it: set `console.listen` to a free port"
    )]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// The console.
#[derive(Debug)]
pub struct Console;

/// A console that serves.
#[derive(Debug)]
pub struct RunningConsole {
    /// Where it listens; the port is the one that was given out if the settings said 0.
    pub addr: SocketAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Console {
    /// Listens, and serves until the returned value is stopped.
    ///
    /// # Errors
    /// [`StartError`] says which setting to change.
    pub async fn start(
        settings: ConsoleSettings,
        store: Arc<dyn Store>,
        clock: Clock,
        extras: Extras,
    ) -> Result<RunningConsole, StartError> {
        let listen = settings.listen;
        let acceptor = settings.tls.as_ref().map(tls::acceptor).transpose()?;
        let listener = TcpListener::bind(listen).await.map_err(|source| StartError::Listen { listen, source })?;
        let addr = listener.local_addr().map_err(|source| StartError::Listen { listen, source })?;
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let (stop, stopping) = watch::channel(false);
        let app = App::new(Parts {
            store,
            clock,
            passwords: Passwords::new(&extras.entropy)?,
            throttle: Throttle::default(),
            form_key: extras.entropy.bytes()?,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            stopping: stopping.clone(),
            settings,
            extras,
        });
        let task = tokio::spawn(accept(listener, acceptor, routes::router(app), stopping));
        Ok(RunningConsole { addr, scheme, stop, task })
    }
}

impl RunningConsole {
    /// Where a browser goes.
    pub fn url(&self) -> String {
        format!("{}://{}/", self.scheme, self.addr)
    }

    /// Takes no more connections, lets open requests end, for at most five seconds.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let mut task = self.task;
        if tokio::time::timeout(Duration::from_secs(5), &mut task).await.is_err() {
            task.abort();
        }
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, app: Router, mut stopping: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => break,
        };
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                // Out of file descriptors, most likely: give the others time to end.
                tracing::warn!(%error, "console could not take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (app, tls, stopping) = (app.clone(), tls.clone(), stopping.clone());
        connections.spawn(async move {
            let _permit = permit;
            connect(stream, peer, tls, app, stopping).await;
        });
    }
    while connections.join_next().await.is_some() {}
}

async fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    app: Router,
    stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return serve(stream, peer, app, stopping).await };
    match tokio::time::timeout(Duration::from_millis(HANDSHAKE_MS_MAX), tls.accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, peer, app, stopping).await,
        Ok(Err(error)) => tracing::debug!(%error, "console: TLS handshake failed"),
        Err(_) => tracing::debug!("console: TLS handshake took too long"),
    }
}

async fn serve<S>(stream: S, peer: SocketAddr, app: Router, mut stopping: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(app.layer(axum::Extension(Peer(peer))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEAD_MS_MAX))
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "console: connection ended");
    }
}
