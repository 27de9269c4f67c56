//! The body of a response, as the HTTP connection takes it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use base::CancelToken;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::answer::Piece;
use crate::connection::Link;

/// Cancels a query that only reads when its client has gone: when this is dropped before
/// [`Guard::release`].
pub(crate) struct Guard {
    cancel: CancelToken,
    only_reads: Arc<AtomicBool>,
    armed: bool,
}

impl Guard {
    /// Guards a query; `only_reads` is set once its text is known.
    pub(crate) fn new(cancel: CancelToken, only_reads: Arc<AtomicBool>) -> Guard {
        Guard { cancel, only_reads, armed: true }
    }

    /// Guards nothing.
    pub(crate) fn none() -> Guard {
        let only_reads = Arc::default();
        Guard { cancel: CancelToken::default(), only_reads, armed: false }
    }

    /// The query has ended.
    pub(crate) fn release(&mut self) {
        self.armed = false;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.armed && self.only_reads.load(Ordering::Acquire) {
            self.cancel.cancel();
        }
    }
}

/// A body that arrives in pieces. One that breaks off closes the connection without an end,
/// but only after all bytes before have been given to the socket: the HTTP library drops what
/// it has buffered when a body fails.
pub(crate) struct Streamed {
    pieces: mpsc::Receiver<Piece>,
    left: Option<u64>,
    guard: Guard,
    link: Option<Arc<Link>>,
    state: State,
}

enum State {
    Running,
    /// Broken; the error follows once the connection has flushed more often than this.
    Flushing(u64),
    Ended,
}

impl Streamed {
    pub(crate) fn new(
        pieces: mpsc::Receiver<Piece>,
        length: Option<u64>,
        guard: Guard,
        link: Option<Arc<Link>>,
    ) -> Streamed {
        Streamed { pieces, left: length, guard, link, state: State::Running }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        loop {
            match this.state {
                State::Running => {}
                State::Ended => return Poll::Ready(None),
                State::Flushing(count) => {
                    if let Some(link) = &this.link {
                        ready!(link.poll_flushed_since(count, context));
                    }
                    this.state = State::Ended;
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
            }
            match ready!(this.pieces.poll_recv(context)) {
                Some(Piece::Data(bytes)) => {
                    if let Some(left) = &mut this.left {
                        *left = left.saturating_sub(bytes.len() as u64);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Piece::End) => {
                    this.guard.release();
                    this.state = State::Ended;
                }
                Some(Piece::Broken) | None => {
                    this.guard.release();
                    let count = this.link.as_ref().map_or(0, |link| link.flushes());
                    this.state = State::Flushing(count);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// The body ended before its end.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl std::error::Error for BrokenOff {}
