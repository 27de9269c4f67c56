//! The messages of an Arrow stream or file, looked at before they are decoded.
//!
//! ```text
//! file     := "ARROW1" 00 00, zeros, stream, footer...      the footer is not needed
//! stream   := message... [end]
//! message  := FF FF FF FF, length of the head (i32), head (flatbuffer), body
//! end      := FF FF FF FF, 00 00 00 00
//! ```
//!
//! The decoder behind takes lengths at their word, and memory that cannot be had would end the process.
//! So bodies grow with the bytes that come, and what a message says of its rows and of the size of its
//! compressed buffers is checked against what it holds.

use std::collections::VecDeque;
use std::io::Read;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::root_as_message;
use arrow_schema::SchemaRef;
use base::{Result, bail, error};

use super::arrow::guarded;
use crate::arrow_layout::arrow_error;

const CONTINUATION: [u8; 4] = [0xFF; 4];
const FILE_MAGIC: &[u8; 8] = b"ARROW1\0\0";

/// Words between a file's magic and its stream.
const MOST_PADDING: usize = 64;

/// A head has a few bytes for every column and buffer.
const MOST_HEAD: usize = 64 << 20;

/// Bytes that the buffers of one message may have when they are decompressed.
const MOST_DECOMPRESSED: u64 = 4 << 30;

/// Rows of a batch that need no bytes to prove it: those of columns of NULLs.
const MOST_UNPROVEN_ROWS: u64 = 1 << 20;

/// The record batches of a stream or file.
pub(super) struct Messages<R> {
    source: R,
    /// The first word of the first message of a file.
    first: Option<[u8; 4]>,
    decoder: StreamDecoder,
    ready: VecDeque<RecordBatch>,
    ended: bool,
}

impl<R: Read> Messages<R> {
    /// Reads up to the schema.
    pub(super) fn open(mut source: R, is_file: bool) -> Result<Messages<R>> {
        let mut first = None;
        if is_file {
            let mut magic = [0; 8];
            let read = source.read_exact(&mut magic);
            if read.is_err() || &magic != FILE_MAGIC {
                bail!(IncorrectData, "This is no Arrow file: it does not begin with ARROW1");
            }
            // Writers align the stream as they like; what is no zero begins the first message.
            for _ in 0..MOST_PADDING {
                let mut word = [0; 4];
                if source.read_exact(&mut word).is_err() {
                    break;
                }
                if word != [0; 4] {
                    first = Some(word);
                    break;
                }
            }
        }
        let mut messages = Messages {
            source,
            first,
            decoder: StreamDecoder::new(),
            ready: VecDeque::new(),
            ended: false,
        };
        while messages.decoder.schema().is_none() {
            if messages.ended {
                bail!(IncorrectData, "The Arrow input has no schema");
            }
            messages.advance()?;
        }
        Ok(messages)
    }

    pub(super) fn schema(&self) -> Result<SchemaRef> {
        self.decoder.schema().ok_or_else(|| error!(IncorrectData, "The Arrow input has no schema"))
    }

    /// The next batch.
    pub(super) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if self.ended {
                return Ok(None);
            }
            self.advance()?;
        }
    }

    /// Decodes one message.
    fn advance(&mut self) -> Result<()> {
        let mut bytes = match self.message()? {
            Some(bytes) => Buffer::from_vec(bytes),
            None => {
                self.ended = true;
                // A message without a body is decoded when the next one comes.
                Buffer::from_vec([CONTINUATION, [0; 4]].concat())
            }
        };
        let Messages { decoder, ready, .. } = self;
        guarded("Arrow", || {
            while !bytes.is_empty() {
                ready.extend(decoder.decode(&mut bytes).map_err(arrow_error)?);
            }
            Ok(())
        })
    }

    /// The bytes of the next message; `None` at the end.
    fn message(&mut self) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.first.take() {
            Some(word) => bytes.extend(word),
            None if !self.read(4, &mut bytes, true)? => return Ok(None),
            None => {}
        }
        if bytes == CONTINUATION && !self.read(4, &mut bytes, true)? {
            return Ok(None);
        }
        let length: [u8; 4] = bytes[bytes.len() - 4..].try_into().unwrap_or_default();
        let length = u32::from_le_bytes(length) as usize;
        if length == 0 {
            return Ok(None);
        }
        if length > MOST_HEAD {
            bail!(IncorrectData, "An Arrow message has a head of {length} bytes");
        }
        let head = bytes.len();
        self.read(length, &mut bytes, false)?;
        let body = body_length(&bytes[head..])?;
        let start = bytes.len();
        self.read(body, &mut bytes, false)?;
        let (head, body) = bytes[head..].split_at(start - head);
        check(head, body)?;
        Ok(Some(bytes))
    }

    /// Appends so many bytes; whether they were there, where the input may end.
    fn read(&mut self, count: usize, bytes: &mut Vec<u8>, may_end: bool) -> Result<bool> {
        let before = bytes.len();
        let mut limited = (&mut self.source).take(count as u64);
        limited.read_to_end(bytes).map_err(|e| match e.downcast::<base::Error>() {
            Ok(error) => error,
            Err(e) => error!(CannotReadAllData, "Cannot read the Arrow input: {e}"),
        })?;
        match bytes.len() - before {
            read if read == count => Ok(true),
            0 if may_end => Ok(false),
            read => bail!(
                CannotReadAllData,
                "The Arrow input ends within a message: {read} of {count} bytes are there"
            ),
        }
    }
}

fn body_length(head: &[u8]) -> Result<usize> {
    let message = root_as_message(head)
        .map_err(|e| error!(IncorrectData, "An Arrow message is broken: {e}"))?;
    usize::try_from(message.bodyLength())
        .map_err(|_| error!(IncorrectData, "An Arrow message has a body of negative length"))
}

/// Checks what a message says of itself.
fn check(head: &[u8], body: &[u8]) -> Result<()> {
    let message = root_as_message(head)
        .map_err(|e| error!(IncorrectData, "An Arrow message is broken: {e}"))?;
    let dictionary = message.header_as_dictionary_batch().and_then(|d| d.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else { return Ok(()) };
    let mut size = body.len() as u64;
    if batch.compression().is_some() {
        size = 0;
        for buffer in batch.buffers().into_iter().flatten() {
            let start = usize::try_from(buffer.offset()).ok();
            let length = start.and_then(|start| body.get(start..start + 8));
            let length = length.and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
            // -1 says that a buffer is not compressed; empty ones have no length at all.
            let known = length.filter(|length| *length > 0 && buffer.length() > 0).unwrap_or(0);
            size = size.saturating_add(known.unsigned_abs().max(buffer.length().unsigned_abs()));
        }
        if size > MOST_DECOMPRESSED {
            bail!(IncorrectData, "An Arrow message has {size} bytes when decompressed");
        }
    }
    let most = MOST_UNPROVEN_ROWS.max(size.saturating_mul(8));
    let counts = batch.nodes().into_iter().flatten().map(|node| node.length());
    for rows in counts.chain([batch.length()]) {
        if u64::try_from(rows).map_or(true, |rows| rows > most) {
            bail!(IncorrectData, "An Arrow message says it has {rows} rows in {size} bytes");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, RecordBatch, StringArray};
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use base::Result;

    use super::Messages;

    fn batch() -> RecordBatch {
        RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from_iter_values(0..1000)) as _),
            ("s", Arc::new(StringArray::from_iter_values((0..1000).map(|n| n.to_string()))) as _),
        ])
        .unwrap()
    }

    fn written(is_file: bool, compressed: bool, alignment: usize) -> Vec<u8> {
        let compression = compressed.then_some(CompressionType::LZ4_FRAME);
        let options =
            IpcWriteOptions::try_new(alignment, false, arrow_ipc::MetadataVersion::V5).unwrap();
        let options = options.try_with_compression(compression).unwrap();
        let (batch, mut out) = (batch(), Vec::new());
        if is_file {
            let schema = batch.schema();
            let mut writer = FileWriter::try_new_with_options(&mut out, &schema, options).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        } else {
            let schema = batch.schema();
            let mut writer =
                StreamWriter::try_new_with_options(&mut out, &schema, options).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
        out
    }

    fn rows(bytes: &[u8], is_file: bool) -> Result<usize> {
        let mut messages = Messages::open(bytes, is_file)?;
        let mut rows = 0;
        while let Some(batch) = messages.next_batch()? {
            rows += batch.num_rows();
        }
        Ok(rows)
    }

    #[test]
    fn files_and_streams_of_any_alignment_are_read() {
        for (is_file, compressed) in [(false, false), (false, true), (true, false), (true, true)] {
            for alignment in [8, 64] {
                let bytes = written(is_file, compressed, alignment);
                assert_eq!(rows(&bytes, is_file).unwrap(), 1000);
                let half = &bytes[..bytes.len() / 2];
                assert!(rows(half, is_file).is_err());
            }
        }
    }

    /// Every length and count of an input is replaced by one that no memory can hold.
    #[test]
    fn lengths_are_not_taken_at_their_word() {
        for compressed in [false, true] {
            let bytes = written(false, compressed, 8);
            for at in (0..bytes.len() - 8).step_by(4) {
                for wrong in [1i64 << 50, i64::MAX, -1, 1 << 33] {
                    let mut broken = bytes.clone();
                    broken[at..at + 8].copy_from_slice(&wrong.to_le_bytes());
                    // Where the bytes are values, they are read as such.
                    if let Ok(rows) = rows(&broken, false) {
                        assert!(rows <= 1000, "{rows} rows with {wrong} at {at}");
                    }
                }
            }
        }
    }
}
