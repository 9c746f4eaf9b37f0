//! One thread: its runtime, its listener, its connections, its upstream pools.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::guarded_io::GuardedIo;
use crate::core::Core;
use crate::forward::Pools;
use crate::station::{Answering, Connection, Turn, handle};

/// Largest head of a request, and what is read ahead of a body.
const READ_BUFFER_MAX: usize = 64 << 10;
/// After a failed accept (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long requests under way may take to end at shutdown.
const DRAIN: Duration = Duration::from_secs(20);

/// What a thread is given.
pub(crate) struct ThreadParts {
    pub core: Arc<Core>,
    pub listener: TcpListener,
    pub tls: Option<TlsAcceptor>,
    pub stop: watch::Receiver<bool>,
}

/// Runs until it is told to stop and its requests have ended.
pub(crate) fn run_thread(parts: ThreadParts) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(accept(parts))
}

async fn accept(parts: ThreadParts) -> std::io::Result<()> {
    let ThreadParts { core, listener, tls, mut stop } = parts;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let pools = Arc::new(Pools::new(&core.settings));
    let max = core.settings.connections_max;
    let connections = Arc::new(Semaphore::new(max));
    loop {
        let permit = tokio::select! {
            permit = connections.clone().acquire_owned() => permit,
            _ = stop.changed() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (core, pools, tls, stop) = (core.clone(), pools.clone(), tls.clone(), stop.clone());
        tokio::spawn(async move {
            connection(core, pools, tls, stop, stream, peer).await;
            drop(permit);
        });
    }
    drop(listener);
    let all = u32::try_from(max).unwrap_or(u32::MAX);
    if tokio::time::timeout(DRAIN, connections.acquire_many(all)).await.is_err() {
        tracing::warn!("requests under way were cut off at shutdown");
    }
    Ok(())
}

async fn connection(
    core: Arc<Core>,
    pools: Arc<Pools>,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    match tls {
        None => serve(core, pools, stop, stream, peer).await,
        Some(tls) => {
            let shaken = tokio::time::timeout(core.settings.head_timeout, tls.accept(stream)).await;
            if let Ok(Ok(stream)) = shaken {
                serve(core, pools, stop, stream, peer).await;
            }
        }
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    core: Arc<Core>,
    pools: Arc<Pools>,
    mut stop: watch::Receiver<bool>,
    stream: S,
    peer: SocketAddr,
) {
    let known =
        Arc::new(Connection { peer: peer.ip(), ambiguous: AtomicBool::new(false), answered: AtomicU64::new(0) });
    let io = GuardedIo::new(stream, known.clone(), core.settings.stalled_reader_timeout);
    let head_timeout = core.settings.head_timeout;
    let service = service_fn(move |request| {
        let (core, pools, known) = (core.clone(), pools.clone(), known.clone());
        let turn = Turn(known.clone());
        async move {
            let answer = handle(core, pools, known, request).await;
            Ok::<_, Infallible>(answer.map(|body| Answering { body, _turn: turn }))
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(READ_BUFFER_MAX)
        .serve_connection(TokioIo::new(io), service);
    let mut served = std::pin::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        _ = stop.changed() => {
            served.as_mut().graceful_shutdown();
            served.as_mut().await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "connection ended");
    }
}
