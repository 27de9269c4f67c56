//! Row formats of text: segments are parsed independently, on several threads where there are
//! some, and their blocks given in the order of the input.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use base::{Error, Result, bail};
use bytes::Bytes;
use types::Schema;

use super::blocks::{BlockBuilder, ErrorAllowance};
use super::header::{self, FieldMap};
use super::segment::Segmenter;
use super::source::ByteSource;
use super::{BlockReader, InputBlock, RowKind, delimited, json_rows, values};
use crate::FormatSettings;
use crate::declaration::Header;
use crate::text::Cursor;

/// What all threads know.
pub(crate) struct Plan {
    pub(crate) kind: RowKind,
    pub(crate) wanted: Schema,
    pub(crate) settings: FormatSettings,
    /// Which column each field of a row goes to.
    pub(crate) fields: FieldMap,
    allowance: ErrorAllowance,
}

/// A parsed segment.
struct Parsed {
    blocks: Vec<InputBlock>,
    /// Rows that the segment has, good and bad.
    rows: u64,
    /// Rows that were skipped for their errors.
    errors: u64,
    /// The first error, with its row within the segment.
    error: Option<(u64, Error)>,
}

/// Parses a segment.
fn parse(plan: &Plan, segment: &[u8]) -> Parsed {
    let mut builder = BlockBuilder::new(&plan.wanted, &plan.settings);
    let mut parsed = Parsed { blocks: Vec::new(), rows: 0, errors: 0, error: None };
    let mut cursor = Cursor::new(segment);
    let mut json = json_rows::KeyOrder::new(&plan.wanted);
    let settings = &plan.settings;
    loop {
        let start = cursor.position();
        let row = match plan.kind {
            RowKind::Json => {
                json_rows::object(&mut cursor, &mut builder, &mut json, false, settings)
            }
            RowKind::JsonStrings => {
                json_rows::object(&mut cursor, &mut builder, &mut json, true, settings)
            }
            RowKind::JsonCompact => json_rows::list(&mut cursor, &mut builder, plan, false),
            RowKind::JsonCompactStrings => json_rows::list(&mut cursor, &mut builder, plan, true),
            RowKind::JsonAsString => json_rows::as_string(&mut cursor, &mut builder, settings),
            RowKind::Values => values::row(&mut cursor, &mut builder, plan),
            RowKind::KeyValue => delimited::key_values(&mut cursor, &mut builder, plan),
            RowKind::Line => delimited::line(&mut cursor, &mut builder, settings),
            RowKind::TabSeparated => delimited::tab_separated(&mut cursor, &mut builder, plan),
            RowKind::Raw => delimited::raw(&mut cursor, &mut builder, plan),
            RowKind::Csv => delimited::csv(&mut cursor, &mut builder, plan),
        };
        match row {
            Ok(false) => break,
            Ok(true) => {
                builder.end_row();
                parsed.rows += 1;
            }
            Err(error) => {
                builder.drop_row();
                parsed.rows += 1;
                parsed.errors += 1;
                let at = parsed.rows;
                parsed.error.get_or_insert((at, error));
                if !plan.allowance.any() {
                    break;
                }
                resume(plan.kind, &mut cursor, start);
            }
        }
        let full = builder.rows() >= settings.max_insert_block_size.max(1)
            || (builder.rows().is_multiple_of(256) && builder.memory() >= settings.max_block_bytes);
        if full && let Err(error) = flush(&mut builder, &mut parsed) {
            parsed.error = Some((parsed.rows, error));
            return parsed;
        }
    }
    if let Err(error) = flush(&mut builder, &mut parsed) {
        parsed.error = Some((parsed.rows, error));
    }
    parsed
}

fn flush(builder: &mut BlockBuilder, parsed: &mut Parsed) -> Result<()> {
    if builder.rows() > 0 {
        parsed.blocks.push(builder.finish()?);
    }
    Ok(())
}

/// Moves behind a row that failed.
fn resume(kind: RowKind, cursor: &mut Cursor<'_>, start: usize) {
    if matches!(kind, RowKind::Values) {
        cursor.seek(start + 1);
        values::skip_row(cursor);
        return;
    }
    // An error may have been noticed behind the line feed only if that was the row's own.
    let at = cursor.position();
    let line_ended = cursor.since(start).last() == Some(&b'\n') && at > start;
    if !line_ended {
        let rest = cursor.rest();
        cursor.advance(memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1));
    }
}

/// A segment to parse, and where its result is awaited.
type Job = (Bytes, Sender<Parsed>);

/// Reads a row format.
struct RowsReader {
    segmenter: Segmenter,
    plan: Arc<Plan>,
    threads: usize,
    jobs: Option<Sender<Job>>,
    in_flight: VecDeque<Receiver<Parsed>>,
    /// A segment of which the header was taken.
    first: Option<Bytes>,
    ready: VecDeque<InputBlock>,
    rows: u64,
    errors: u64,
    ended: bool,
    failed: bool,
}

/// A reader of a row format.
pub(crate) fn reader(
    kind: RowKind,
    kind_of_header: Header,
    source: Box<dyn ByteSource>,
    wanted: &Schema,
    settings: &FormatSettings,
    threads: usize,
) -> Result<Box<dyn BlockReader>> {
    if matches!(kind, RowKind::Line | RowKind::JsonAsString) {
        let one_string = wanted.len() == 1 && wanted.fields()[0].data_type.inner().is_string();
        if !one_string {
            bail!(
                IncorrectNumberOfColumns,
                "This input format is only suitable for tables with a single column of type \
                 String, but the number of columns is {}",
                wanted.len()
            );
        }
    }
    let mut segmenter = Segmenter::new(source, kind, settings.max_row_bytes);
    let (fields, first) = header::header(kind, kind_of_header, &mut segmenter, wanted, settings)?;
    let plan = Arc::new(Plan {
        kind,
        wanted: wanted.clone(),
        settings: settings.clone(),
        fields,
        allowance: ErrorAllowance::new(settings),
    });
    Ok(Box::new(RowsReader {
        segmenter,
        plan,
        threads,
        jobs: None,
        in_flight: VecDeque::new(),
        first,
        ready: VecDeque::new(),
        rows: 0,
        errors: 0,
        ended: false,
        failed: false,
    }))
}

/// Starts threads that parse what is sent to them until the sender is dropped.
fn start_threads(plan: &Arc<Plan>, threads: usize) -> Sender<Job> {
    let (jobs, queue) = channel::<Job>();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..threads {
        let (plan, queue) = (plan.clone(), queue.clone());
        std::thread::spawn(move || {
            loop {
                let job = match queue.lock() {
                    Ok(queue) => queue.recv(),
                    Err(_) => return,
                };
                let Ok((segment, done)) = job else { return };
                // Nobody waits any more when the reader was dropped.
                let _ = done.send(parse(&plan, &segment));
            }
        });
    }
    jobs
}

impl RowsReader {
    fn next_segment(&mut self) -> Result<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if self.ended {
            return Ok(None);
        }
        let segment = self.segmenter.next().map_err(|e| {
            let rows = self.rows;
            Error::new(e.code(), format!("{} (after row {rows})", e.message()))
        })?;
        self.ended = segment.is_none();
        Ok(segment)
    }

    /// The next parsed segment.
    fn next_parsed(&mut self) -> Result<Option<Parsed>> {
        if self.threads <= 1 {
            return Ok(self.next_segment()?.map(|segment| parse(&self.plan, &segment)));
        }
        while self.in_flight.len() <= self.threads {
            let Some(segment) = self.next_segment()? else { break };
            // One segment alone is not worth threads.
            if self.ended && self.jobs.is_none() {
                return Ok(Some(parse(&self.plan, &segment)));
            }
            let jobs = self.jobs.get_or_insert_with(|| start_threads(&self.plan, self.threads));
            let (done, result) = channel();
            if jobs.send((segment, done)).is_err() {
                return Err(Error::logical("the threads that parse have ended"));
            }
            self.in_flight.push_back(result);
        }
        let Some(result) = self.in_flight.pop_front() else { return Ok(None) };
        match result.recv() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(_) => Err(Error::logical("a thread that parses has died")),
        }
    }

    fn take(&mut self, parsed: Parsed) -> Result<()> {
        let before = self.rows;
        self.rows += parsed.rows;
        self.errors += parsed.errors;
        self.ready.extend(parsed.blocks);
        if let Some((row, error)) = parsed.error
            && (parsed.errors == 0 || self.plan.allowance.exceeded(self.errors, self.rows))
        {
            let place = format!("(at row {})", before + row);
            let skipped = if self.errors > 1 {
                format!(", {} rows with errors so far", self.errors)
            } else {
                String::new()
            };
            return Err(Error::new(error.code(), format!("{} {place}{skipped}", error.message())));
        }
        Ok(())
    }
}

impl BlockReader for RowsReader {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        loop {
            if let Some(block) = self.ready.pop_front() {
                return Ok(Some(block));
            }
            if self.failed {
                return Ok(None);
            }
            let outcome = match self.next_parsed() {
                Ok(None) => return Ok(None),
                Ok(Some(parsed)) => self.take(parsed),
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                self.failed = true;
                self.ready.clear();
                return Err(error);
            }
        }
    }
}
