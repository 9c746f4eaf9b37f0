//! An upstream on loopback whose answers the test decides, and which says what it saw.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

/// What the upstream got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// One piece of an answer.
pub enum Piece {
    Bytes(Bytes),
    Wait(Duration),
    /// Breaks the connection.
    Break,
}

pub enum Reply {
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    },
    /// A stream with this content type; pieces come from the channel until it is closed.
    Stream(mpsc::Receiver<Piece>),
    /// JSON without a length, which comes like a stream.
    Slow(mpsc::Receiver<Piece>),
    /// Never answers.
    Silence,
}

impl Reply {
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::status(200, body)
    }

    pub fn status(status: u16, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Whole { status, headers, body: body.into() }
    }

    /// An event stream of these chunks.
    pub fn chunks<T: Into<Bytes>>(chunks: impl IntoIterator<Item = T>) -> Self {
        let chunks: Vec<Bytes> = chunks.into_iter().map(Into::into).collect();
        let (tx, rx) = mpsc::channel(chunks.len().max(1));
        for chunk in chunks {
            assert!(tx.try_send(Piece::Bytes(chunk)).is_ok());
        }
        Self::Stream(rx)
    }
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

#[derive(Default)]
pub struct Record {
    pub seen: Mutex<Vec<Seen>>,
    /// Answers given up by the other side before their end.
    pub cancelled: AtomicUsize,
    pub cancelled_at: Mutex<Option<Instant>>,
    pub on_cancel: Notify,
    pub on_seen: Notify,
    /// Bytes of streams that were taken.
    pub sent_bytes: AtomicU64,
    pub connections: AtomicUsize,
}

pub struct Stub {
    pub addr: SocketAddr,
    pub record: Arc<Record>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Counts as cancelled if it is dropped before it is told that all went well.
struct Watcher(Arc<Record>, bool);

impl Drop for Watcher {
    fn drop(&mut self) {
        if !self.1 {
            self.0.cancelled.fetch_add(1, Ordering::SeqCst);
            *self.0.cancelled_at.lock().unwrap() = Some(Instant::now());
            self.0.on_cancel.notify_one();
        }
    }
}

enum StubBody {
    Whole(Option<Bytes>),
    Stream { pieces: mpsc::Receiver<Piece>, wait: Option<Pin<Box<tokio::time::Sleep>>>, watcher: Watcher },
}

impl Body for StubBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Stream { pieces, wait, watcher } => loop {
                if let Some(sleep) = wait {
                    std::task::ready!(sleep.as_mut().poll(cx));
                    *wait = None;
                }
                match std::task::ready!(pieces.poll_recv(cx)) {
                    Some(Piece::Bytes(bytes)) => {
                        watcher.0.sent_bytes.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                    Some(Piece::Wait(time)) => *wait = Some(Box::pin(tokio::time::sleep(time))),
                    Some(Piece::Break) => {
                        watcher.1 = true;
                        return Poll::Ready(Some(Err(std::io::Error::other("the test breaks it"))));
                    }
                    None => {
                        watcher.1 = true;
                        return Poll::Ready(None);
                    }
                }
            },
        }
    }
}

impl Stub {
    pub async fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let record = Arc::new(Record::default());
        let handler: Arc<Handler> = Arc::new(handler);
        let kept = record.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                stream.set_nodelay(true).unwrap();
                record.connections.fetch_add(1, Ordering::SeqCst);
                let (record, handler) = (record.clone(), handler.clone());
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(record.clone(), handler.clone(), request));
                    // A broken connection is what some tests are about.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { addr, record: kept, task }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.record.seen.lock().unwrap().clone()
    }

    /// Waits until an answer was given up; when that was.
    pub async fn cancelled(&self) -> Instant {
        tokio::time::timeout(Duration::from_secs(10), self.record.on_cancel.notified()).await.expect("cancelled");
        self.record.cancelled_at.lock().unwrap().expect("a time")
    }

    pub async fn reached(&self) {
        tokio::time::timeout(Duration::from_secs(10), self.record.on_seen.notified()).await.expect("reached");
    }
}

async fn answer(
    record: Arc<Record>,
    handler: Arc<Handler>,
    request: Request<Incoming>,
) -> Result<Response<StubBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let seen = Seen { path, headers: parts.headers, body };
    let reply = handler(&seen);
    record.seen.lock().unwrap().push(seen);
    record.on_seen.notify_one();
    let mut watcher = Watcher(record, false);
    Ok(match reply {
        Reply::Whole { status, headers, body } => {
            watcher.1 = true;
            let mut response = Response::new(StubBody::Whole(Some(body)));
            *response.status_mut() = status.try_into().unwrap();
            for (name, value) in headers {
                response.headers_mut().append(name, value.parse().unwrap());
            }
            response
        }
        Reply::Stream(pieces) => {
            let mut response = Response::new(StubBody::Stream { pieces, wait: None, watcher });
            response.headers_mut().insert("content-type", "text/event-stream; charset=utf-8".parse().unwrap());
            response
        }
        Reply::Slow(pieces) => {
            let mut response = Response::new(StubBody::Stream { pieces, wait: None, watcher });
            response.headers_mut().insert("content-type", "application/json".parse().unwrap());
            response
        }
        Reply::Silence => {
            let _watcher = watcher;
            std::future::pending().await
        }
    })
}
