//! One connection's socket: counts bytes, and tells when everything written has left.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::metrics::Counters;

/// What requests know of the connection they came by.
pub(crate) struct Link {
    pub(crate) peer: SocketAddr,
    flushed: Mutex<(u64, Option<Waker>)>,
}

impl Link {
    pub(crate) fn new(peer: SocketAddr) -> Link {
        Link { peer, flushed: Mutex::new((0, None)) }
    }

    /// How often everything written had left.
    pub(crate) fn flushes(&self) -> u64 {
        self.flushed.lock().0
    }

    /// Waits until that has happened more than `count` times.
    pub(crate) fn poll_flushed_since(&self, count: u64, context: &Context<'_>) -> Poll<()> {
        let mut flushed = self.flushed.lock();
        if flushed.0 > count {
            return Poll::Ready(());
        }
        flushed.1 = Some(context.waker().clone());
        Poll::Pending
    }

    fn note_flush(&self) {
        let waker = {
            let mut flushed = self.flushed.lock();
            flushed.0 += 1;
            flushed.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A socket that counts, and that fails when its peer takes nothing for too long.
pub(crate) struct Socket {
    stream: TcpStream,
    link: Arc<Link>,
    counters: Arc<Counters>,
    send_timeout: Duration,
    /// Whether a write waits, and until when; the timer is kept for the next time.
    stalled: bool,
    deadline: Pin<Box<Sleep>>,
}

impl Socket {
    pub(crate) fn new(
        stream: TcpStream,
        link: Arc<Link>,
        counters: Arc<Counters>,
        send_timeout: Duration,
    ) -> Socket {
        let deadline = Box::pin(tokio::time::sleep(send_timeout));
        Socket { stream, link, counters, send_timeout, stalled: false, deadline }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, into);
        let count = (into.filled().len() - before) as u64;
        self.counters.received_bytes.fetch_add(count, Ordering::Relaxed);
        result
    }
}

impl Socket {
    /// Counts what was written; turns a write that has waited too long into a failed one.
    fn note_write(
        &mut self,
        result: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if result.is_pending() {
            if !self.stalled {
                self.stalled = true;
                self.deadline.as_mut().reset(Instant::now() + self.send_timeout);
            }
            ready!(self.deadline.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.stalled = false;
        if let Poll::Ready(Ok(count)) = result {
            self.counters.sent_bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_write(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note_write(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The HTTP library calls this when it has handed over all that it had buffered.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.stream).poll_flush(context));
        if result.is_ok() {
            self.link.note_flush();
        }
        Poll::Ready(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
