//! The body of a request, from the socket to blocking readers.
//!
//! 1. [`Arriving::prefetch`] reads the first bytes on the reactor, so that a client which sends
//!    slowly costs a task but no thread.
//! 2. On its own thread a request reads the rest through [`BodyReader`], which waits for one
//!    piece at a time: what the engine does not ask for stays in the socket, and the client waits.
//! 3. What nobody wanted is read away by [`drain`], so that the client, which may be sending
//!    still, comes to read its answer instead of a reset connection.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use base::{Error, ErrorCode, Result, error};
use bytes::{Buf, Bytes};
use http_body::Body as _;
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::encoding::{Encoding, frames};

/// How much of a decoded body is handed on at once.
const DECODED_PIECE: usize = 256 << 10;

/// How long an unwanted body is read, at most.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// An error of ours on its way through [`Read`] and `Write`.
pub(crate) fn into_io(error: Error) -> io::Error {
    io::Error::other(error)
}

/// The error that came through [`Read`]: ours as it was, a decoder's as CANNOT_DECOMPRESS.
pub(crate) fn from_io(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(other) => Error::new(
            ErrorCode::CannotDecompress,
            format!("Cannot decode the body of the request: {other}"),
        ),
    }
}

/// A body of which some pieces have arrived.
pub(crate) struct Arriving {
    pieces: VecDeque<Bytes>,
    rest: Option<Body>,
    timeout: Duration,
}

impl Arriving {
    pub(crate) fn new(body: Body, timeout: Duration) -> Arriving {
        let rest = if body.is_end_stream() { None } else { Some(body) };
        Arriving { pieces: VecDeque::new(), rest, timeout }
    }

    /// Waits until the body has ended or more than `wanted` bytes are here.
    pub(crate) async fn prefetch(&mut self, wanted: usize) -> Result<()> {
        let mut got: usize = self.pieces.iter().map(Bytes::len).sum();
        while got <= wanted {
            match self.next().await? {
                Some(piece) => {
                    got += piece.len();
                    self.pieces.push_back(piece);
                }
                None => break,
            }
        }
        Ok(())
    }

    /// The next piece from the socket.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(body) = &mut self.rest {
            let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
            match tokio::time::timeout(self.timeout, frame).await {
                Ok(Some(Ok(frame))) => {
                    // Trailers carry nothing for us.
                    if let Ok(piece) = frame.into_data()
                        && !piece.is_empty()
                    {
                        return Ok(Some(piece));
                    }
                }
                Ok(None) => self.rest = None,
                Ok(Some(Err(broken))) => {
                    self.rest = None;
                    return Err(error!(
                        NetworkError,
                        "The request's body broke off before its end: {broken}"
                    ));
                }
                Err(_) => {
                    self.rest = None;
                    return Err(error!(
                        NetworkError,
                        "The request's body paused for more than {} seconds",
                        self.timeout.as_secs_f64()
                    ));
                }
            }
        }
        Ok(None)
    }

    /// The body, where all of it is here in one piece.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        match (&self.rest, self.pieces.len()) {
            (None, 0) => Some(Bytes::new()),
            (None, 1) => self.pieces.front().cloned(),
            _ => None,
        }
    }

    /// Hands the body to a blocking reader, and what that leaves to the second.
    pub(crate) fn split(self, handle: Handle) -> (BodyReader, Unread) {
        let shared = Arc::new(Mutex::new(self));
        let unread = Unread(Arc::clone(&shared));
        (BodyReader { shared, handle, piece: Bytes::new() }, unread)
    }
}

/// What nobody has read of a body.
pub(crate) struct Unread(Arc<Mutex<Arriving>>);

impl Unread {
    /// Reads the rest in the background. The reader must have ended.
    pub(crate) fn drain(self) {
        let Some(arriving) = self.0.try_lock().map(|mut held| {
            let timeout = held.timeout;
            std::mem::replace(&mut *held, Arriving::new(Body::empty(), timeout))
        }) else {
            return;
        };
        drain(arriving);
    }
}

/// Reads the rest of a body in the background, within limits.
pub(crate) fn drain(mut arriving: Arriving) {
    if arriving.rest.is_some() {
        tokio::spawn(async move {
            let all = async { while let Ok(Some(_)) = arriving.next().await {} };
            let _ = tokio::time::timeout(DRAIN_LIMIT, all).await;
        });
    }
}

/// Reads a body from a thread that may block.
pub(crate) struct BodyReader {
    shared: Arc<Mutex<Arriving>>,
    handle: Handle,
    piece: Bytes,
}

impl BodyReader {
    fn next_piece(&mut self) -> Result<Option<Bytes>> {
        if !self.piece.is_empty() {
            return Ok(Some(std::mem::take(&mut self.piece)));
        }
        let mut arriving = self.shared.lock();
        match arriving.pieces.pop_front() {
            Some(piece) => Ok(Some(piece)),
            None if arriving.rest.is_none() => Ok(None),
            None => self.handle.block_on(arriving.next()),
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            match self.next_piece().map_err(into_io)? {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let taken = into.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut into[..taken]);
        Ok(taken)
    }
}

/// A body as the query sees it: decoded.
pub(crate) enum Source {
    Plain(BodyReader),
    Decoded(Box<dyn Read + Send>),
}

impl Source {
    /// The body without its content encoding and, where `framed`, ClickHouse's frames in it.
    pub(crate) fn new(
        reader: BodyReader,
        encoding: Option<Encoding>,
        framed: bool,
    ) -> Result<Source> {
        Ok(match (encoding, framed) {
            (None, false) => Source::Plain(reader),
            (None, true) => Source::Decoded(frames(reader)),
            (Some(encoding), false) => Source::Decoded(encoding.decoder(reader)?),
            (Some(encoding), true) => Source::Decoded(frames(encoding.decoder(reader)?)),
        })
    }

    /// The next bytes, never none; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>> {
        let decoder = match self {
            Source::Plain(reader) => return reader.next_piece(),
            Source::Decoded(decoder) => decoder,
        };
        let mut piece = vec![0; DECODED_PIECE];
        let mut len = 0;
        while len < piece.len() {
            match decoder.read(&mut piece[len..]) {
                Ok(0) => break,
                Ok(count) => len += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(from_io(error)),
            }
        }
        piece.truncate(len);
        Ok(if len == 0 { None } else { Some(Bytes::from(piece)) })
    }
}
