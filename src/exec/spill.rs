//! Blocks that do not fit into a query's memory, in a temporary file.
//!
//! A query has at most one file. It has no name in its folder, so that nothing is left behind, a crash
//! included. Every piece is an Arrow IPC stream of one record batch, its buffers compressed with LZ4:
//!
//! ```text
//! file   := segment...          appended by any lane, read back in any order
//! ```
//!
//! Columns come back flat: dictionary codes and constants are written as the values they stand for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, ListArray, RecordBatch, RecordBatchOptions, StructArray, make_array,
};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::CompressionType;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, DataType as ArrowType, Field, Schema};
use base::{Error, Result, bail, error};
use parking_lot::Mutex;
use types::{Block, Column};

/// Where the operators of one query put what does not fit.
#[derive(Debug)]
pub struct Spill {
    folder: PathBuf,
    limit: u64,
    file: Mutex<Option<Arc<SpillFile>>>,
}

#[derive(Debug)]
struct SpillFile {
    file: File,
    end: AtomicU64,
}

/// A block in the file.
#[derive(Debug)]
pub(crate) struct Segment {
    file: Arc<SpillFile>,
    offset: u64,
    length: usize,
}

impl Spill {
    /// A file in `folder`, made when it is first needed, of at most `limit` bytes.
    pub fn new(folder: PathBuf, limit: u64) -> Spill {
        Spill { folder, limit, file: Mutex::new(None) }
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.file.lock().as_ref().map_or(0, |f| f.end.load(Ordering::Relaxed))
    }

    /// Appends a block.
    ///
    /// # Errors
    /// TOO_MANY_ROWS_OR_BYTES beyond the limit, NOT_ENOUGH_SPACE and others of the disk.
    pub(crate) fn write(&self, block: &Block) -> Result<Segment> {
        let bytes = encode(block)?;
        let file = self.file()?;
        let offset = file.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if offset + bytes.len() as u64 > self.limit {
            bail!(
                TooManyRowsOrBytes,
                "Limit for temporary files size exceeded: the query needs more than {} bytes in {}; raise \
                 max_temporary_data_on_disk_size_for_query or max_memory_usage",
                self.limit,
                self.folder.display()
            );
        }
        file.file.write_all_at(&bytes, offset).map_err(|e| self.failed("write", &e))?;
        Ok(Segment { file, offset, length: bytes.len() })
    }

    fn file(&self) -> Result<Arc<SpillFile>> {
        let mut slot = self.file.lock();
        if let Some(file) = &*slot {
            return Ok(file.clone());
        }
        std::fs::create_dir_all(&self.folder).map_err(|e| self.failed("make", &e))?;
        let file = tempfile::tempfile_in(&self.folder).map_err(|e| self.failed("make", &e))?;
        let file = Arc::new(SpillFile { file, end: AtomicU64::new(0) });
        *slot = Some(file.clone());
        Ok(file)
    }

    fn failed(&self, what: &str, cause: &io::Error) -> Error {
        let folder = self.folder.display();
        if cause.kind() == io::ErrorKind::StorageFull {
            return error!(NotEnoughSpace, "No space left for temporary data in {folder}");
        }
        error!(CannotWriteToFileDescriptor, "Cannot {what} temporary data in {folder}: {cause}")
    }
}

impl Segment {
    /// Reads the block back.
    pub(crate) fn read(&self) -> Result<Block> {
        let mut bytes = vec![0; self.length];
        self.file.file.read_exact_at(&mut bytes, self.offset).map_err(|e| {
            error!(CannotReadFromFileDescriptor, "Cannot read temporary data back: {e}")
        })?;
        let mut reader = StreamReader::try_new(bytes.as_slice(), None).map_err(broken)?;
        let Some(batch) = reader.next() else {
            bail!(LogicalError, "a segment without a block");
        };
        let batch = batch.map_err(broken)?;
        let columns = batch.columns().iter().cloned().map(Column::Flat).collect();
        Ok(Block::new(columns, batch.num_rows()))
    }
}

fn broken(cause: ArrowError) -> Error {
    Error::logical(format!("temporary data: {cause}"))
}

fn encode(block: &Block) -> Result<Vec<u8>> {
    let mut fields = Vec::with_capacity(block.columns().len());
    let mut arrays = Vec::with_capacity(block.columns().len());
    for (at, column) in block.columns().iter().enumerate() {
        let array = compact(&column.to_flat()?)?;
        fields.push(Field::new(at.to_string(), array.data_type().clone(), true));
        arrays.push(array);
    }
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(block.rows()));
    let batch =
        RecordBatch::try_new_with_options(schema.clone(), arrays, &options).map_err(broken)?;
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::LZ4_FRAME))
        .map_err(broken)?;
    let mut writer =
        StreamWriter::try_new_with_options(Vec::new(), &schema, options).map_err(broken)?;
    writer.write(&batch).map_err(broken)?;
    writer.into_inner().map_err(broken)
}

/// The array with no more bytes than its rows need: views and slices share buffers, and those would
/// be written whole.
pub(crate) fn compact(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        ArrowType::BinaryView => Arc::new(array.as_binary_view().gc()),
        ArrowType::List(field) => {
            let list = array.as_list::<i32>();
            let offsets = list.offsets();
            let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
            let values = list.values().slice(first as usize, (last - first) as usize);
            let offsets = OffsetBuffer::new(offsets.iter().map(|o| o - first).collect());
            let nulls = list.nulls().cloned();
            let list = ListArray::try_new(field.clone(), offsets, compact(&values)?, nulls);
            Arc::new(list.map_err(broken)?)
        }
        ArrowType::Struct(fields) if !fields.is_empty() => {
            let nulls = array.nulls().cloned();
            let columns = array.as_struct().columns();
            let columns = columns.iter().map(compact).collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new(fields.clone(), columns, nulls).map_err(broken)?)
        }
        _ => make_array(array.to_data()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{ArrayRef, BinaryViewArray, Int64Array, ListArray};
    use base::ErrorCode;
    use types::{Block, Column};

    use super::Spill;

    fn block(rows: i64) -> Block {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let texts: ArrayRef = Arc::new(
            (0..rows)
                .map(|n| (n % 7 != 0).then(|| format!("a text that is long enough, {n}")))
                .map(|t| t.map(String::into_bytes))
                .collect::<BinaryViewArray>(),
        );
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
            (0..rows).map(|n| Some((0..n as i32 % 3).map(Some).collect::<Vec<_>>())),
        ));
        Block::new([numbers, texts, lists].map(Column::Flat).into(), rows as usize)
    }

    #[test]
    fn blocks_come_back_and_slices_do_not_drag_their_buffers_along() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path().join("spill"), 1 << 20);
        let whole = block(5000);
        let slice = whole.slice(1234, 10);
        let first = spill.write(&slice).unwrap();
        assert!(spill.bytes() < 4096, "{} bytes for ten rows", spill.bytes());
        let second = spill.write(&whole).unwrap();
        let nothing = spill.write(&Block::new(Vec::new(), 3)).unwrap();
        for (segment, expected) in [(second, whole), (first, slice)] {
            let back = segment.read().unwrap();
            assert_eq!(back.rows(), expected.rows());
            for (a, b) in back.columns().iter().zip(expected.columns()) {
                assert_eq!(&a.to_flat().unwrap(), &b.to_flat().unwrap());
            }
        }
        assert_eq!(nothing.read().unwrap().rows(), 3);
        assert_eq!(std::fs::read_dir(folder.path().join("spill")).unwrap().count(), 0);
    }

    #[test]
    fn the_limit_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let spill = Spill::new(folder.path().to_path_buf(), 1000);
        let error = spill.write(&block(5000)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::TooManyRowsOrBytes);
    }
}
