//! Messages of Arrow's IPC format, looked at before they are decoded.
//!
//! The decoder allocates what lengths in the input say, and a failing allocation ends the process.
//! So of each message these are checked first: the length of its metadata, of its body, and what its
//! compressed buffers say they will be. Bytes are kept only as far as they have arrived.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{Block, Message, MessageHeader, root_as_footer, root_as_message};
use arrow_schema::SchemaRef;
use base::{Result, bail, error};

use super::arrow::guarded;
use crate::arrow_layout::arrow_error;

/// The most bytes of a message's metadata.
const MOST_METADATA: u64 = 64 << 20;
/// The most bytes of a message's body, as it is and decompressed.
const MOST_BODY: u64 = 2 << 30;
/// What stands before the length of a message since format 0.15.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// How much is read at once.
const PIECE: usize = 1 << 20;

/// Record batches of an IPC stream.
pub(super) struct Frames<R> {
    read: R,
    decoder: StreamDecoder,
    schema: Option<SchemaRef>,
    ended: bool,
}

impl<R: Read> Frames<R> {
    /// Reads the beginning of a stream, up to its schema.
    ///
    /// # Errors
    /// INCORRECT_DATA
    pub(super) fn new(read: R) -> Result<(Frames<R>, SchemaRef)> {
        let decoder = StreamDecoder::new();
        let mut frames = Frames { read, decoder, schema: None, ended: false };
        frames.message()?;
        match frames.schema.clone() {
            Some(schema) => Ok((frames, schema)),
            None => bail!(IncorrectData, "The ArrowStream input does not begin with a schema"),
        }
    }

    /// The next batch.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        while !self.ended {
            if let Some(batch) = self.message()? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Reads one message, which may complete a batch.
    fn message(&mut self) -> Result<Option<RecordBatch>> {
        let mut head = Vec::with_capacity(8);
        self.take(4, &mut head)?;
        if head.is_empty() {
            self.ended = true;
            return Ok(None);
        }
        if head == CONTINUATION {
            self.take(4, &mut head)?;
        }
        let length = match head.last_chunk::<4>() {
            Some(bytes) if head.len() % 4 == 0 => i64::from(i32::from_le_bytes(*bytes)),
            _ => bail!(IncorrectData, "The ArrowStream input is cut off"),
        };
        if length == 0 {
            self.ended = true;
            return Ok(None);
        }
        let length = bounded(length, MOST_METADATA, "metadata")?;
        let mut metadata = Vec::new();
        self.take_all(length, &mut metadata)?;
        let body_length = {
            let message = parsed(&metadata)?;
            if let Some(schema) = message.header_as_schema() {
                let schema = guarded("ArrowStream", || Ok(fb_to_schema(schema)))?;
                self.schema = Some(Arc::new(schema));
            }
            bounded(message.bodyLength(), MOST_BODY, "a body")?
        };
        let mut body = Vec::new();
        self.take_all(body_length, &mut body)?;
        check_compressed(&parsed(&metadata)?, |offset| {
            let at = usize::try_from(offset).ok()?;
            Some(i64::from_le_bytes(*body.get(at..)?.first_chunk()?))
        })?;
        let decoder = &mut self.decoder;
        guarded("ArrowStream", || {
            // A message without a body is decoded when the next one comes; it has no rows.
            let mut batch = None;
            for piece in [head, metadata, body] {
                let mut piece = Buffer::from_vec(piece);
                batch = decoder.decode(&mut piece).map_err(arrow_error)?.or(batch);
            }
            Ok(batch)
        })
    }

    /// Reads up to so many bytes; fewer at the end.
    fn take(&mut self, count: u64, into: &mut Vec<u8>) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let before = into.len();
            into.reserve(left.min(PIECE as u64) as usize);
            let read = (&mut self.read).take(left.min(PIECE as u64)).read_to_end(into);
            read.map_err(|e| match e.downcast::<base::Error>() {
                Ok(ours) => ours,
                Err(other) => error!(IncorrectData, "Cannot read ArrowStream: {other}"),
            })?;
            if into.len() == before {
                break;
            }
            left -= (into.len() - before) as u64;
        }
        Ok(())
    }

    fn take_all(&mut self, count: u64, into: &mut Vec<u8>) -> Result<()> {
        self.take(count, into)?;
        if (into.len() as u64) < count {
            bail!(IncorrectData, "The ArrowStream input is cut off");
        }
        Ok(())
    }
}

/// Checks all lengths of an IPC file.
///
/// # Errors
/// INCORRECT_DATA
pub(super) fn check_file(file: &mut (impl Read + Seek)) -> Result<()> {
    let broken = |e: std::io::Error| error!(IncorrectData, "Cannot read Arrow: {e}");
    let size = file.seek(SeekFrom::End(0)).map_err(broken)?;
    let Some(end) = size.checked_sub(10) else {
        bail!(IncorrectData, "The Arrow input is too short");
    };
    let mut at = |offset: u64, length: u64| -> Result<Vec<u8>> {
        if offset.checked_add(length).is_none_or(|end| end > size) {
            bail!(IncorrectData, "The Arrow input points past its end");
        }
        let mut bytes = vec![0; length as usize];
        file.seek(SeekFrom::Start(offset)).map_err(broken)?;
        file.read_exact(&mut bytes).map_err(broken)?;
        Ok(bytes)
    };
    let length = at(end, 4)?.first_chunk().map_or(0, |b| i64::from(i32::from_le_bytes(*b)));
    let length = bounded(length, MOST_METADATA, "a footer")?;
    let Some(start) = end.checked_sub(length) else {
        bail!(IncorrectData, "The Arrow input is shorter than its footer");
    };
    let footer = at(start, length)?;
    let footer = root_as_footer(&footer)
        .map_err(|e| error!(IncorrectData, "The Arrow input has a broken footer: {e}"))?;
    let batches = footer.recordBatches().into_iter().flatten();
    for block in footer.dictionaries().into_iter().flatten().chain(batches) {
        check_block(block, &mut at)?;
    }
    Ok(())
}

fn check_block(block: &Block, at: &mut impl FnMut(u64, u64) -> Result<Vec<u8>>) -> Result<()> {
    let offset = bounded(block.offset(), u64::MAX, "a file")?;
    let metadata = bounded(i64::from(block.metaDataLength()), MOST_METADATA, "metadata")?;
    let body = bounded(block.bodyLength(), MOST_BODY, "a body")?;
    let bytes = at(offset, metadata)?;
    let start = if bytes.starts_with(&CONTINUATION) { 8 } else { 4 };
    let message = parsed(bytes.get(start..).unwrap_or_default())?;
    let body_start = offset.saturating_add(metadata);
    if body > 0 {
        at(body_start.saturating_add(body - 1), 1)?;
    }
    check_compressed(&message, |offset| {
        let bytes = at(body_start.checked_add(offset)?, 8).ok()?;
        Some(i64::from_le_bytes(*bytes.first_chunk()?))
    })
}

fn parsed(metadata: &[u8]) -> Result<Message<'_>> {
    root_as_message(metadata)
        .map_err(|e| error!(IncorrectData, "The Arrow input has a broken message: {e}"))
}

fn bounded(length: i64, most: u64, what: &str) -> Result<u64> {
    match u64::try_from(length) {
        Ok(length) if length <= most => Ok(length),
        _ => bail!(
            IncorrectData,
            "The Arrow input is broken, or too large: {what} of {length} bytes, the most is {most}"
        ),
    }
}

/// Checks what the compressed buffers of a message say of their lengths; `number` reads eight bytes
/// of its body.
fn check_compressed(
    message: &Message<'_>,
    mut number: impl FnMut(u64) -> Option<i64>,
) -> Result<()> {
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data())
        }
        _ => None,
    };
    let Some(batch) = batch.filter(|batch| batch.compression().is_some()) else { return Ok(()) };
    let mut total = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        if buffer.length() <= 0 {
            continue;
        }
        let length = u64::try_from(buffer.offset()).ok().and_then(&mut number);
        // -1 marks a buffer that is not compressed.
        let length = bounded(length.map_or(i64::MIN, |n| n.max(0)), MOST_BODY, "a buffer")?;
        total += length;
        bounded(i64::try_from(total).unwrap_or(i64::MAX), MOST_BODY, "decompressed buffers")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    use arrow_ipc::CompressionType;
    use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
    use base::{Error, ErrorCode, Result};

    use super::{Frames, check_file};

    fn batch() -> RecordBatch {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["some text"; 5000]));
        RecordBatch::try_from_iter([("s", text)]).unwrap()
    }

    fn written(file: bool, compression: Option<CompressionType>) -> Vec<u8> {
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let (mut out, schema) = (Vec::new(), batch().schema());
        if file {
            let mut writer = FileWriter::try_new_with_options(&mut out, &schema, options).unwrap();
            writer.write(&batch()).unwrap();
            writer.finish().unwrap();
        } else {
            let mut writer =
                StreamWriter::try_new_with_options(&mut out, &schema, options).unwrap();
            writer.write(&batch()).unwrap();
            writer.write(&batch()).unwrap();
            writer.finish().unwrap();
        }
        out
    }

    fn rows(bytes: &[u8]) -> Result<usize> {
        let (mut frames, _) = Frames::new(bytes)?;
        let mut rows = 0;
        while let Some(batch) = frames.next()? {
            rows += batch.num_rows();
        }
        Ok(rows)
    }

    /// The places where eight bytes hold a number.
    fn places(bytes: &[u8], number: i64) -> Vec<usize> {
        let wanted = number.to_le_bytes();
        (0..bytes.len().saturating_sub(8)).filter(|at| bytes[*at..*at + 8] == wanted).collect()
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for compression in [None, Some(CompressionType::ZSTD), Some(CompressionType::LZ4_FRAME)] {
            let stream = written(false, compression);
            assert_eq!(rows(&stream), Ok(10_000));
            check_file(&mut Cursor::new(written(true, compression))).unwrap();
            // The length of the strings: of the buffer, or what it says to be decompressed.
            let at = places(&stream, 45_000);
            assert!(!at.is_empty(), "{compression:?}");
            for huge in [1 << 50, i64::MAX, i64::MIN] {
                let mut bad = stream.clone();
                bad[at[0]..at[0] + 8].copy_from_slice(&i64::to_le_bytes(huge));
                let code = rows(&bad).map_err(|error: Error| error.code());
                assert!(code.is_err(), "{compression:?} {huge}");
            }
            for cut in [3, 7, 100, stream.len() / 2, stream.len() - 20] {
                let code = rows(&stream[..cut]).map_err(|error| error.code());
                assert_eq!(code, Err(ErrorCode::IncorrectData), "{compression:?} {cut}");
            }
        }
        let long = [&[0xff; 4][..], &i32::MAX.to_le_bytes(), &[0; 100]].concat();
        assert_eq!(rows(&long).map_err(|e| e.code()), Err(ErrorCode::IncorrectData));
        let mut file = written(true, None);
        let end = file.len() - 10;
        file[end..end + 4].copy_from_slice(&(60_i32 << 20).to_le_bytes());
        assert!(check_file(&mut Cursor::new(file)).is_err());
    }
}
