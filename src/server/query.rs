//! One query over HTTP: reads the request, runs it on a thread of its own, and makes the response.
//!
//! The text is what the URL's `query` holds, then a line break, then the body. Of the body as
//! much is read into the text as `max_query_size` allows; the rest is an INSERT's data and
//! stays a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use base::{Error, Reservation, Result, bail, catch_panic, error};
use bytes::{Bytes, BytesMut};
use engine::Progress;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::answer::{Answer, Plan, Reply};
use crate::body::{Arriving, BodyReader, Source, drain};
use crate::call::{Call, Options, is_insert, only_reads};
use crate::connection::Link;
use crate::form;
use crate::kept;
use crate::reply::Guard;
use crate::response::{Answering, failed};
use crate::run::App;
use crate::service::Input;

/// How much of a body is read before its request takes a thread.
const PREFETCH: usize = 64 << 10;

/// How much of a body's text is held before its sender has shown who he is.
const FREE_TEXT: usize = 512 << 10;

/// The most `X-ClickHouse-Progress` headers of one response.
const MAX_PROGRESS_HEADERS: usize = 20;

/// Serves one query.
pub(crate) async fn query(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let link = parts.extensions.get::<Arc<Link>>().cloned();
    let arriving = Arriving::new(body, app.config.body_timeout);
    let response = match Call::read(&parts, app.config.max_session_timeout) {
        Ok(call) => serve(&app, call, arriving, link).await,
        Err((error, options)) => {
            drain(arriving);
            failed(&app, &error, options, &new_id(), None)
        }
    };
    app.counters.note_query(response.status(), started.elapsed());
    response
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

async fn serve(
    app: &Arc<App>,
    mut call: Call,
    mut arriving: Arriving,
    link: Option<Arc<Link>>,
) -> Response {
    if call.request.query_id.is_empty() {
        call.request.query_id = new_id();
    }
    let query_id = call.request.query_id.clone();
    call.request.client = link.as_ref().map(|link| link.peer.to_string()).unwrap_or_default();
    // A body that may be all text is read until the text is complete; encoded ones expand.
    let all_text = call.text.is_none() && call.options.body_encoding.is_none();
    let wanted = if all_text { call.options.max_query_size.min(256 << 10) } else { PREFETCH };
    if let Err(error) = arriving.prefetch(wanted).await {
        return failed(app, &error, call.options.answer, &query_id, None);
    }
    if let Some(reply) = kept::reply(app.service.as_ref(), &mut call, &arriving) {
        let answering = Answering::new(call.options.answer, query_id, Guard::none(), link);
        return answering.response(app, reply, &[]);
    }
    let Ok(permit) = Arc::clone(&app.running).try_acquire_owned() else {
        drain(arriving);
        let error = error!(
            TooManySimultaneousQueries,
            "Too many simultaneous requests. Maximum: {}", app.config.max_running_requests
        );
        return failed(app, &error, call.options.answer, &query_id, None);
    };

    let (sender, reply) = oneshot::channel();
    let cancel = call.request.cancel.clone();
    let progress = Arc::clone(&call.request.progress);
    let reads = Arc::new(AtomicBool::new(false));
    let guard = Guard::new(cancel.clone(), Arc::clone(&reads));
    let answering = Answering::new(call.options.answer, query_id, guard, link);
    let worker = Arc::clone(app);
    let registration = app.register(cancel);
    let interval = call.options.progress_interval;
    let body_options = std::mem::take(&mut call.options);
    tokio::task::spawn_blocking(move || {
        let _held = (permit, registration);
        run(&worker, call, body_options, arriving, sender, &reads);
    });

    let mut lines = Vec::new();
    let reply = match interval {
        None => reply.await,
        Some(interval) => watch(reply, &progress, interval, &mut lines).await,
    };
    let reply = reply.unwrap_or_else(|_| Reply::Failed {
        error: Error::logical("the thread of a request ended without an answer"),
        summary: engine::Summary::default(),
    });
    answering.response(app, reply, &lines)
}

/// Waits for the reply and notes the progress on the way, for the headers of the response.
async fn watch(
    mut reply: oneshot::Receiver<Reply>,
    progress: &Progress,
    interval: std::time::Duration,
    lines: &mut Vec<String>,
) -> Result<Reply, oneshot::error::RecvError> {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(interval);
    ticks.tick().await;
    loop {
        tokio::select! {
            biased;
            reply = &mut reply => return reply,
            _ = ticks.tick() => {
                let summary = progress.summary(started.elapsed());
                if lines.len() == MAX_PROGRESS_HEADERS {
                    lines.pop();
                }
                lines.push(crate::response::summary_json(&summary));
            }
        }
    }
}

/// Runs a query on the current thread, which may block.
fn run(
    app: &Arc<App>,
    mut call: Call,
    options: Options,
    arriving: Arriving,
    reply: oneshot::Sender<Reply>,
    reads: &AtomicBool,
) {
    let _running = app.counters.running();
    let handle = Handle::current();
    let hold = options.buffer_size.unwrap_or(if options.wait_end_of_query {
        app.config.answer_buffer_bytes.max(4 << 20)
    } else {
        app.config.answer_buffer_bytes
    });
    let mut answer = Answer::new(
        Plan {
            encoding: options.answer.encoding,
            hold,
            wait_for_end: options.wait_end_of_query,
            temporary_folder: app.config.temporary_folder.clone(),
            send_timeout: app.config.send_timeout,
            query_id: call.request.query_id.clone(),
            version: app.version.clone(),
            handle: handle.clone(),
            progress: Arc::clone(&call.request.progress),
        },
        reply,
    );
    let (reader, unread) = arriving.split(handle);
    let result = read_text(app, &mut call, &options, reader).and_then(|(input, _held)| {
        reads.store(only_reads(&call.request.query), Ordering::Release);
        let service = &app.service;
        catch_panic("the query's thread", || service.run(call.request, input, &mut answer))
    });
    answer.finish(result);
    unread.drain();
}

/// Reads the text of a query out of its body; what follows it is the input. The reservation
/// stands for the memory that the text (and the tables that came with it) takes.
fn read_text(
    app: &App,
    call: &mut Call,
    options: &Options,
    reader: BodyReader,
) -> Result<(Option<Input>, Reservation)> {
    let mut held = app.held.reservation();
    let mut source = Source::new(reader, options.body_encoding, options.body_framed)?;
    if let Some(boundary) = &options.boundary {
        app.service.authenticate(&call.request.credentials)?;
        let rest = form::read(app, call, source, boundary, &mut held)?;
        return Ok((rest, held));
    }
    let before = call.text.as_ref().map_or(0, Vec::len);
    let mut head = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    let mut ended = false;
    while before + joined.as_ref().map_or(head.len(), BytesMut::len) <= options.max_query_size {
        let Some(piece) = source.next()? else {
            ended = true;
            break;
        };
        if head.is_empty() && joined.is_none() {
            head = piece;
            continue;
        }
        let all = joined.get_or_insert_with(|| BytesMut::from(&head[..]));
        if all.len() <= FREE_TEXT && all.len() + piece.len() > FREE_TEXT {
            app.service.authenticate(&call.request.credentials)?;
        }
        if all.len() + piece.len() > FREE_TEXT {
            held.resize(all.len() + piece.len())?;
        }
        all.extend_from_slice(&piece);
    }
    call.join_text(joined.map_or(head, BytesMut::freeze));
    let text = &call.request.query;
    if text.len() > options.max_query_size && !is_insert(text) {
        bail!(
            SyntaxError,
            "Max query size exceeded: the text is longer than max_query_size, {} bytes. Raise the \
             setting, or send long lists as a table",
            options.max_query_size
        );
    }
    let input: Option<Input> = if ended { None } else { Some(Box::new(move || source.next())) };
    Ok((input, held))
}
