//! The engine within this process as a place where the shell's statements run.
//!
//! A statement runs on a thread of its own, which sends the answer through a bounded channel; who no
//! longer reads it ends the query at the next piece that it writes.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use base::Result;
use bytes::Bytes;
use cli::{AnswerHead, Pieces, Place, Query};
use engine::{Engine, Head, Output, Request, Summary};

/// Bytes that are read from standard input at once.
const PIECE: usize = 256 << 10;

/// An engine with the settings of all statements.
pub(crate) struct Embedded {
    engine: Arc<Engine>,
    settings: Vec<(String, String)>,
}

enum Event {
    Head(Head),
    Data(Vec<u8>),
    End(std::result::Result<Summary, String>),
}

impl Embedded {
    pub(crate) fn new(engine: Arc<Engine>, settings: Vec<(String, String)>) -> Embedded {
        Embedded { engine, settings }
    }
}

impl Place for Embedded {
    fn start(&self, query: Query) -> std::result::Result<(AnswerHead, Box<dyn Pieces>), String> {
        let request = Request {
            query: query.text.into(),
            query_id: query.id,
            session_id: Some("local".to_owned()),
            default_format: query.format,
            database: query.database.unwrap_or_default(),
            settings: self.settings.clone(),
            ..Request::default()
        };
        let input = query.data.map(pieces_of);
        let (sender, events) = sync_channel(4);
        let engine = Arc::clone(&self.engine);
        std::thread::spawn(move || {
            let done = engine.run(request, input, &mut Channel(&sender));
            // Nobody listens any more where this fails.
            let _ = sender.send(Event::End(done.map_err(|error| error.to_string())));
        });
        let mut answer = Box::new(Answer { events, summary: None });
        let mut head = AnswerHead::default();
        match answer.events.recv() {
            Ok(Event::Head(about)) => head.has_result = about.format.is_some(),
            Ok(Event::End(done)) => answer.summary = Some(done?),
            Ok(Event::Data(_)) | Err(_) => return Err(ENDED.to_owned()),
        }
        Ok((head, answer))
    }

    fn aside(&self, text: &str) -> std::result::Result<String, String> {
        let bytes = self.engine.query(text).map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What is said where a query's thread panicked.
const ENDED: &str = "The thread of the query ended without an answer";

/// The end of the channel at which the engine writes.
struct Channel<'a>(&'a SyncSender<Event>);

impl Channel<'_> {
    fn send(&self, event: Event) -> Result<()> {
        let gone = |_| base::error!(QueryWasCancelled, "Nobody reads the answer any more");
        self.0.send(event).map_err(gone)
    }
}

impl Output for Channel<'_> {
    fn start(&mut self, head: &Head) -> Result<()> {
        self.send(Event::Head(head.clone()))
    }

    fn write(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.send(Event::Data(bytes))
    }
}

/// The end at which the shell reads.
struct Answer {
    events: Receiver<Event>,
    /// What the query did, once it has ended.
    summary: Option<Summary>,
}

impl Pieces for Answer {
    fn next(&mut self) -> std::result::Result<Option<Vec<u8>>, String> {
        if self.summary.is_some() {
            return Ok(None);
        }
        loop {
            match self.events.recv() {
                Ok(Event::Data(bytes)) => return Ok(Some(bytes)),
                Ok(Event::Head(_)) => {}
                Ok(Event::End(done)) => {
                    self.summary = Some(done?);
                    return Ok(None);
                }
                Err(_) => return Err(ENDED.to_owned()),
            }
        }
    }

    fn summary(&self) -> String {
        let Some(did) = &self.summary else { return String::new() };
        format!(
            "{{\"read_rows\":\"{}\",\"read_bytes\":\"{}\",\"total_rows_to_read\":\"{}\",\
             \"memory_usage\":\"{}\",\"result_rows\":\"{}\",\"written_rows\":\"{}\"}}",
            did.read_rows,
            did.read_bytes,
            did.total_rows_to_read,
            did.peak_memory,
            did.result_rows,
            did.written_rows
        )
    }
}

/// Data to be inserted, read piece by piece.
fn pieces_of(mut data: Box<dyn Read + Send>) -> Box<dyn engine::ByteSource> {
    engine::pulled(Box::new(move || {
        let mut piece = vec![0; PIECE];
        loop {
            match data.read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(count) => {
                    piece.truncate(count);
                    return Ok(Some(Bytes::from(piece)));
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => base::bail!(
                    CannotReadFromFileDescriptor,
                    "Cannot read the data to insert: {error}"
                ),
            }
        }
    }))
}
