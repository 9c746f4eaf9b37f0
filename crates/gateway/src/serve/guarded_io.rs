//! A connection that watches what passes: heads that are ambiguous, readers that stall, callers that leave.
//!
//! hyper notices that a caller has left only while it holds no unread byte of it: a second request sent ahead, or a stray
//! line break after the first, would keep the upstream at work for nobody. So what is sent ahead waits here.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::head_scan::HeadScan;
use crate::station::Connection;

/// Most bytes that may be sent ahead while a request is under way.
const AHEAD_BYTES_MAX: usize = 64 << 10;
/// Read at a time of what is sent ahead.
const AHEAD_STEP_BYTES: usize = 4 << 10;

/// Wraps a stream.
pub(super) struct GuardedIo<S> {
    inner: S,
    scan: HeadScan,
    connection: Arc<Connection>,
    /// Requests of which all bytes were handed on.
    received: u64,
    /// What was sent ahead.
    ahead: Vec<u8>,
    stalled_after: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> GuardedIo<S> {
    pub fn new(inner: S, connection: Arc<Connection>, stalled_after: Duration) -> Self {
        let scan = HeadScan::default();
        Self { inner, scan, connection, received: 0, ahead: Vec::new(), stalled_after, stalled: None }
    }

    /// Looks at bytes that are about to be handed on; how many of them may be.
    fn hand_on(&mut self, bytes: &[u8]) -> usize {
        let fed = self.scan.feed(bytes);
        if fed.ambiguous {
            // Set before hyper sees the bytes, so that the request they make is refused.
            self.connection.ambiguous.store(true, Ordering::Relaxed);
        }
        self.received += u64::from(fed.ended);
        fed.taken
    }

    /// A write that waits starts the clock; one that goes on stops it.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let after = self.stalled_after;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing"))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedIo<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.received > this.connection.answered.load(Ordering::Relaxed) {
            if this.ahead.len() >= AHEAD_BYTES_MAX {
                return Poll::Ready(Err(io::Error::other("the client sends too much ahead")));
            }
            let mut space = [0; AHEAD_STEP_BYTES];
            let mut step = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut step))?;
            if step.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.ahead.extend_from_slice(step.filled());
        }
        if !this.ahead.is_empty() {
            let ahead = std::mem::take(&mut this.ahead);
            let taken = this.hand_on(&ahead[..ahead.len().min(buf.remaining())]);
            buf.put_slice(&ahead[..taken]);
            this.ahead = ahead[taken..].to_vec();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let taken = before + this.hand_on(&buf.filled()[before..]);
        this.ahead.extend_from_slice(&buf.filled()[taken..]);
        buf.set_filled(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedIo<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, buf);
        this.watch(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        this.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.inner).poll_flush(cx);
        this.watch(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
