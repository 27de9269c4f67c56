//! The answer of one query, from the engine's blocking writes to the body of a response.
//!
//! 1. Bytes are held back in memory until there are more than a limit, or writing has taken
//!    [`HOLD_TIME`]. An answer that ends before that goes out in one piece with its length and
//!    final summary, and an error before that becomes a status.
//! 2. After that the response begins, and pieces go through a bounded channel: the engine
//!    waits for a slow client. An error now ends the body as clients expect it.
//! 3. With `wait_end_of_query` nothing goes out before the end; what outgrows the limit waits
//!    in a temporary file.
//!
//! Invariant: exactly one [`Reply`] is sent for each query, by whoever takes it out of the slot.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Error, ErrorCode, Result, bail, error};
use bytes::Bytes;
use engine::{Head, Output, Progress, Summary};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::body::{from_io, into_io};
use crate::encoding::{AnswerEncoding, Encoder};
use crate::failure;

/// How long bytes of a slow query are held back.
const HOLD_TIME: Duration = Duration::from_millis(500);

/// Pieces between the engine and the socket.
const PIECES: usize = 2;

/// Encoders' small writes are gathered to pieces of this size.
const PIECE: usize = 64 << 10;

/// What becomes the response.
pub(crate) enum Reply {
    /// The whole answer.
    Whole { head: Head, summary: Summary, body: Bytes },
    /// The beginning of an answer; `summary` is as far as the query has come.
    Stream {
        head: Head,
        summary: Summary,
        tag: String,
        length: Option<u64>,
        pieces: mpsc::Receiver<Piece>,
    },
    /// An error before anything was sent.
    Failed { error: Error, summary: Summary },
}

/// A piece of a body.
pub(crate) enum Piece {
    Data(Bytes),
    /// The body is complete.
    End,
    /// The body has ended in an error, which its last bytes tell of.
    Broken,
}

/// How an answer is to be written.
pub(crate) struct Plan {
    pub(crate) encoding: AnswerEncoding,
    /// How many bytes to hold back.
    pub(crate) hold: usize,
    pub(crate) wait_for_end: bool,
    pub(crate) temporary_folder: Option<PathBuf>,
    pub(crate) send_timeout: Duration,
    pub(crate) query_id: String,
    pub(crate) version: String,
    pub(crate) handle: Handle,
    pub(crate) progress: Arc<Progress>,
}

type Slot = Arc<Mutex<Option<oneshot::Sender<Reply>>>>;

/// The answer of one query as the engine sees it.
pub(crate) struct Answer {
    plan: Arc<Plan>,
    started: Instant,
    slot: Slot,
    tag: String,
    encoder: Option<Encoder<Sink>>,
}

impl Answer {
    pub(crate) fn new(plan: Plan, reply: oneshot::Sender<Reply>) -> Answer {
        Answer {
            plan: Arc::new(plan),
            started: Instant::now(),
            slot: Arc::new(Mutex::new(Some(reply))),
            tag: tag(),
            encoder: None,
        }
    }

    /// Ends the answer as the query ended.
    pub(crate) fn finish(mut self, result: Result<Summary>) {
        let encoder = self.encoder.take();
        let summary = match result {
            Ok(summary) => summary,
            Err(error) => return self.fail(error, encoder),
        };
        let Some(encoder) = encoder else {
            let head = Head { query_id: self.plan.query_id.clone(), ..Head::default() };
            self.reply(Reply::Whole { head, summary, body: Bytes::new() });
            return;
        };
        let ended = encoder.finish().map_err(from_io).and_then(|sink| sink.end(summary));
        if let Err(error) = ended {
            self.fail(error, None);
        }
    }

    fn fail(&self, error: Error, encoder: Option<Encoder<Sink>>) {
        let summary = self.plan.progress.summary(self.started.elapsed());
        let Some(error) = self.reply(Reply::Failed { error, summary }) else { return };
        // The body has begun: the error goes to its end. Nobody is left to tell where that fails.
        let Some(mut encoder) = encoder else { return };
        let text = failure::text(&error, &self.plan.version);
        let _ = encoder
            .write_all(&failure::mid_stream(&text, &self.tag))
            .and_then(|()| encoder.finish())
            .map_err(from_io)
            .and_then(Sink::break_off);
    }

    /// Sends the reply; gives the error back where another reply was sent before.
    fn reply(&self, reply: Reply) -> Option<Error> {
        let slot = self.slot.lock().take();
        match (slot, reply) {
            (Some(slot), reply) => {
                // A client that has gone needs no reply.
                let _ = slot.send(reply);
                None
            }
            (None, Reply::Failed { error, .. }) => Some(error),
            (None, _) => None,
        }
    }
}

impl Output for Answer {
    fn start(&mut self, head: &Head) -> Result<()> {
        if self.encoder.is_some() {
            return Err(Error::logical("the answer of a query was started twice"));
        }
        let sink = Sink {
            plan: Arc::clone(&self.plan),
            started: self.started,
            slot: Arc::clone(&self.slot),
            tag: self.tag.clone(),
            head: head.clone(),
            held: Vec::new(),
            held_since: None,
            spilled: None,
            stream: None,
        };
        self.encoder = Some(Encoder::new(self.plan.encoding, sink).map_err(from_io)?);
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        match &mut self.encoder {
            Some(Encoder::Plain(sink)) => sink.push(bytes),
            Some(encoder) => encoder.write_all(&bytes).map_err(from_io),
            None => Err(Error::logical("bytes of an answer were written before its head")),
        }
    }
}

/// Where encoded bytes go.
struct Sink {
    plan: Arc<Plan>,
    started: Instant,
    slot: Slot,
    tag: String,
    head: Head,
    held: Vec<u8>,
    held_since: Option<Instant>,
    spilled: Option<File>,
    stream: Option<mpsc::Sender<Piece>>,
}

impl Sink {
    /// Takes bytes, without copying them where they go on at once.
    fn push(&mut self, bytes: Vec<u8>) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.stream.is_some() {
            self.send_held()?;
            return self.send(Piece::Data(Bytes::from(bytes)));
        }
        if self.held.is_empty() {
            self.held = bytes;
        } else {
            self.held.extend_from_slice(&bytes);
        }
        self.open_if_due()
    }

    /// Begins the response, or moves bytes to disk, where enough are held.
    fn open_if_due(&mut self) -> Result<()> {
        let since = *self.held_since.get_or_insert_with(Instant::now);
        let full = self.held.len() > self.plan.hold;
        if self.plan.wait_for_end {
            if full { self.spill() } else { Ok(()) }
        } else if full || since.elapsed() > HOLD_TIME {
            let summary = self.plan.progress.summary(self.started.elapsed());
            self.open(summary, None)?;
            self.send_held()
        } else {
            Ok(())
        }
    }

    fn spill(&mut self) -> Result<()> {
        let failed = |e: io::Error| {
            error!(CannotWriteToFileDescriptor, "Cannot keep an answer in a temporary file: {e}")
        };
        let file = match &mut self.spilled {
            Some(file) => file,
            empty => {
                let created = match &self.plan.temporary_folder {
                    Some(folder) => tempfile::tempfile_in(folder),
                    None => tempfile::tempfile(),
                };
                empty.insert(created.map_err(failed)?)
            }
        };
        file.write_all(&self.held).map_err(failed)?;
        self.held.clear();
        Ok(())
    }

    fn open(&mut self, summary: Summary, length: Option<u64>) -> Result<()> {
        let (sender, pieces) = mpsc::channel(PIECES);
        let reply = Reply::Stream {
            head: self.head.clone(),
            summary,
            tag: self.tag.clone(),
            length,
            pieces,
        };
        let slot = self.slot.lock().take();
        if slot.and_then(|slot| slot.send(reply).ok()).is_none() {
            return Err(gone());
        }
        self.stream = Some(sender);
        Ok(())
    }

    fn send_held(&mut self) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.send(Piece::Data(Bytes::from(held)))
    }

    fn send(&mut self, piece: Piece) -> Result<()> {
        let Some(stream) = &self.stream else { return Err(gone()) };
        let piece = match stream.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(gone()),
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
        };
        let limit = self.plan.send_timeout;
        // The future is made inside the runtime, where its timer finds the clock.
        let sent = self
            .plan
            .handle
            .block_on(async { tokio::time::timeout(limit, stream.send(piece)).await });
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(gone()),
            Err(_) => {
                self.stream = None;
                bail!(
                    NetworkError,
                    "The client has taken nothing of its answer for {} seconds",
                    limit.as_secs_f64()
                )
            }
        }
    }

    /// Sends what is left of a complete answer.
    fn end(mut self, summary: Summary) -> Result<()> {
        if self.stream.is_none() && self.spilled.is_none() {
            let body = Bytes::from(std::mem::take(&mut self.held));
            let slot = self.slot.lock().take();
            let head = self.head;
            return match slot.and_then(|s| s.send(Reply::Whole { head, summary, body }).ok()) {
                Some(()) => Ok(()),
                None => Err(gone()),
            };
        }
        if let Some(mut file) = self.spilled.take() {
            let failed = |e: io::Error| {
                Error::new(
                    ErrorCode::CannotReadFromFileDescriptor,
                    format!("Cannot read an answer from its temporary file: {e}"),
                )
            };
            let length = file.stream_position().map_err(failed)?;
            file.rewind().map_err(failed)?;
            let held = std::mem::take(&mut self.held);
            self.open(summary, Some(length + held.len() as u64))?;
            loop {
                let mut piece = Vec::new();
                let count = (&mut file).take(PIECE as u64 * 4).read_to_end(&mut piece);
                if count.map_err(failed)? == 0 {
                    break;
                }
                self.send(Piece::Data(Bytes::from(piece)))?;
            }
            self.held = held;
        }
        self.send_held()?;
        self.send(Piece::End)
    }

    /// Sends what is left of an answer that an error has ended.
    fn break_off(mut self) -> Result<()> {
        self.send_held()?;
        self.send(Piece::Broken)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.stream.is_none() {
            self.open_if_due().map_err(into_io)?;
        } else if self.held.len() >= PIECE {
            self.send_held().map_err(into_io)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gone() -> Error {
    error!(NetworkError, "The client has gone before its answer was complete")
}

/// Sixteen random letters.
fn tag() -> String {
    Uuid::new_v4().into_bytes().iter().map(|byte| (b'a' + byte % 26) as char).collect()
}
