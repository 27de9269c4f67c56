//! Parquet in.
//!
//! Threads share a row group by columns: each decodes the same rows of its own columns, in
//! batches, and the batches meet in the reader. So the order of rows is kept, and no more than
//! a few batches of each thread are in memory. Texts are read as bytes, whatever they are.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema};
use base::{Error, Result, bail};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::schema::types::{SchemaDescriptor, Type};
use types::Schema;

use super::arrow::{Arrangement, guarded};
use super::source::ByteSource;
use super::spool::{SpoolFile, Spooled, spool};
use super::{BlockReader, InputBlock};
use crate::FormatSettings;
use crate::arrow_layout::schema_of;

/// Batches that wait for each thread's consumer.
const WAITING: usize = 2;

/// A Parquet file that can be read at any place, by several readers at once.
#[derive(Debug, Clone)]
pub struct ParquetFile {
    place: Place,
    metadata: ArrowReaderMetadata,
}

#[derive(Debug, Clone)]
enum Place {
    Memory(Bytes),
    Spooled(SpoolFile),
    Path(Arc<Path>),
}

fn broken(error: ParquetError) -> Error {
    base::error!(
        IncorrectData,
        "Cannot read Parquet: {error}. The input may be cut off or be no Parquet file"
    )
}

impl ParquetFile {
    /// A file that lies in memory, or is mapped into it.
    ///
    /// # Errors
    /// INCORRECT_DATA when it is no Parquet file.
    pub fn in_memory(bytes: Bytes) -> Result<ParquetFile> {
        ParquetFile::load(Place::Memory(bytes))
    }

    /// A file on disk.
    ///
    /// # Errors
    /// CANNOT_OPEN_FILE; INCORRECT_DATA when it is no Parquet file.
    pub fn open(path: &Path) -> Result<ParquetFile> {
        ParquetFile::load(Place::Path(path.into()))
    }

    fn load(place: Place) -> Result<ParquetFile> {
        guarded("Parquet", || {
            let first =
                load_metadata(&place, ArrowReaderOptions::new().with_skip_arrow_metadata(true))?;
            // Strings as plain bytes: nothing is to be checked, and any bytes are welcome.
            let plain = Arc::new(SchemaDescriptor::new(without_text(
                first.metadata().file_metadata().schema_descr().root_schema(),
            )?));
            let options = ArrowReaderOptions::new()
                .with_skip_arrow_metadata(true)
                .with_parquet_schema(plain.clone());
            let second = load_metadata(&place, options.clone())?;
            let views = ArrowSchema::new(
                second.schema().fields().iter().map(|f| as_views(f)).collect::<Vec<_>>(),
            );
            let options = options.with_schema(Arc::new(views));
            let metadata = ArrowReaderMetadata::try_new(second.metadata().clone(), options);
            Ok(ParquetFile { place, metadata: metadata.map_err(broken)? })
        })
    }

    /// The columns with the types that they have by themselves.
    ///
    /// # Errors
    /// UNKNOWN_TYPE for columns of a type that has no counterpart.
    pub fn schema(&self) -> Result<Schema> {
        schema_of(self.metadata.schema())
    }

    /// How many rows each row group has.
    pub fn row_groups(&self) -> Vec<u64> {
        let groups = self.metadata.metadata().row_groups();
        groups.iter().map(|group| group.num_rows().max(0) as u64).collect()
    }

    /// Reads some row groups, in their order, into columns of the wanted schema.
    ///
    /// # Errors
    /// THERE_IS_NO_COLUMN, UNKNOWN_TYPE.
    pub fn read(
        &self,
        row_groups: Vec<usize>,
        wanted: &Schema,
        settings: &FormatSettings,
        threads: usize,
    ) -> Result<Box<dyn BlockReader>> {
        let count = self.metadata.metadata().num_row_groups();
        if let Some(group) = row_groups.iter().find(|group| **group >= count) {
            bail!(BadArguments, "There is no row group {group}: the file has {count}");
        }
        let arrangement = Arrangement::new(self.metadata.schema(), wanted, settings)?;
        let mut roots: Vec<usize> =
            arrangement.sources.iter().flatten().map(|(root, _)| *root).collect();
        roots.sort_unstable();
        roots.dedup();
        let batch_rows = self.batch_rows(&roots, settings);
        let shares = self.shares(&roots, threads);
        // Where each root comes out: which share, and where in its batches.
        let mut places = vec![(0, 0); self.metadata.schema().fields().len()];
        for (share, roots) in shares.iter().enumerate() {
            for (at, root) in roots.iter().enumerate() {
                places[*root] = (share, at);
            }
        }
        let mut lanes = Vec::new();
        for roots in &shares {
            let reader =
                guarded("Parquet", || self.batches(roots, row_groups.clone(), batch_rows))?;
            lanes.push(if shares.len() > 1 { Lane::spawn(reader) } else { Lane::Here(reader) });
        }
        let rows_left = row_groups.iter().map(|group| self.row_groups()[*group]).sum();
        Ok(Box::new(ParquetReader {
            lanes,
            places,
            arrangement,
            settings: settings.clone(),
            rows: 0,
            rows_left,
            batch_rows,
        }))
    }

    /// Rows of a batch, so that its bytes stay within the limits.
    fn batch_rows(&self, roots: &[usize], settings: &FormatSettings) -> usize {
        let metadata = self.metadata.metadata();
        let mut bytes = 0_u64;
        let mut rows = 0_u64;
        for group in metadata.row_groups() {
            rows += group.num_rows().max(0) as u64;
            for (leaf, column) in group.columns().iter().enumerate() {
                let root = self.metadata.parquet_schema().get_column_root_idx(leaf);
                if roots.contains(&root) {
                    bytes += column.uncompressed_size().max(0) as u64;
                }
            }
        }
        let row_bytes = (bytes / rows.max(1)).max(1);
        let fitting = settings.max_block_bytes as u64 / row_bytes;
        (fitting.max(1) as usize).min(settings.max_insert_block_size.max(1))
    }

    /// Shares the columns out so that every thread has about as many bytes to decode.
    fn shares(&self, roots: &[usize], threads: usize) -> Vec<Vec<usize>> {
        let threads = threads.clamp(1, roots.len().max(1));
        let mut weights: Vec<(u64, usize)> = roots.iter().map(|root| (0, *root)).collect();
        for group in self.metadata.metadata().row_groups() {
            for (leaf, column) in group.columns().iter().enumerate() {
                let root = self.metadata.parquet_schema().get_column_root_idx(leaf);
                if let Some(weight) = weights.iter_mut().find(|(_, r)| *r == root) {
                    weight.0 += column.uncompressed_size().max(0) as u64 + 1024;
                }
            }
        }
        weights.sort_unstable_by(|a, b| b.cmp(a));
        let mut shares = vec![(0, Vec::new()); threads];
        for (weight, root) in weights {
            if let Some(lightest) = shares.iter_mut().min_by_key(|(sum, _)| *sum) {
                lightest.0 += weight;
                lightest.1.push(root);
            }
        }
        shares
            .into_iter()
            .map(|(_, mut roots)| {
                roots.sort_unstable();
                roots
            })
            .collect()
    }

    fn batches(
        &self,
        roots: &[usize],
        row_groups: Vec<usize>,
        batch_rows: usize,
    ) -> Result<ParquetRecordBatchReader> {
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.iter().copied());
        let metadata = self.metadata.clone();
        macro_rules! build {
            ($reader:expr) => {
                ParquetRecordBatchReaderBuilder::new_with_metadata($reader, metadata)
                    .with_projection(mask)
                    .with_row_groups(row_groups)
                    .with_batch_size(batch_rows)
                    .build()
                    .map_err(broken)
            };
        }
        match &self.place {
            Place::Memory(bytes) => build!(bytes.clone()),
            Place::Spooled(file) => build!(file.clone()),
            Place::Path(path) => build!(open(path)?),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path)
        .map_err(|e| Error::io(base::ErrorCode::CannotOpenFile, "Cannot open", path, &e))
}

fn load_metadata(place: &Place, options: ArrowReaderOptions) -> Result<ArrowReaderMetadata> {
    match place {
        Place::Memory(bytes) => ArrowReaderMetadata::load(bytes, options),
        Place::Spooled(file) => ArrowReaderMetadata::load(file, options),
        Place::Path(path) => ArrowReaderMetadata::load(&open(path)?, options),
    }
    .map_err(broken)
}

/// A Parquet type with its texts as plain bytes.
fn without_text(parquet: &Type) -> Result<Arc<Type>> {
    const DEEPEST: usize = 100;
    rebuild(parquet, true, DEEPEST)
}

fn rebuild(parquet: &Type, is_root: bool, depth: usize) -> Result<Arc<Type>> {
    let info = parquet.get_basic_info();
    let id = info.has_id().then(|| info.id());
    if depth == 0 {
        bail!(IncorrectData, "The Parquet schema is nested too deeply");
    }
    if parquet.is_group() {
        let fields = parquet
            .get_fields()
            .iter()
            .map(|field| rebuild(field, false, depth - 1))
            .collect::<Result<_>>()?;
        let builder = Type::group_type_builder(parquet.name())
            .with_fields(fields)
            .with_converted_type(info.converted_type())
            .with_logical_type(info.logical_type_ref().cloned())
            .with_id(id);
        let builder = if is_root { builder } else { builder.with_repetition(info.repetition()) };
        return builder.build().map(Arc::new).map_err(broken);
    }
    let is_text = parquet.get_physical_type() == PhysicalType::BYTE_ARRAY
        && (matches!(info.logical_type_ref(), Some(LogicalType::String))
            || info.converted_type() == ConvertedType::UTF8);
    if !is_text {
        return Ok(Arc::new(parquet.clone()));
    }
    Type::primitive_type_builder(parquet.name(), PhysicalType::BYTE_ARRAY)
        .with_repetition(info.repetition())
        .with_id(id)
        .build()
        .map(Arc::new)
        .map_err(broken)
}

/// A field with views for its bytes.
fn as_views(field: &ArrowField) -> ArrowField {
    let nested = |field: &Arc<ArrowField>| Arc::new(as_views(field));
    let arrow = match field.data_type() {
        ArrowType::Binary => ArrowType::BinaryView,
        ArrowType::List(item) => ArrowType::List(nested(item)),
        ArrowType::Struct(fields) => ArrowType::Struct(fields.iter().map(nested).collect()),
        ArrowType::Map(entries, sorted) => ArrowType::Map(nested(entries), *sorted),
        other => other.clone(),
    };
    field.clone().with_data_type(arrow)
}

/// Batches of some columns.
enum Lane {
    Here(ParquetRecordBatchReader),
    Thread(Receiver<Result<RecordBatch>>),
}

fn next_batch(reader: &mut ParquetRecordBatchReader) -> Option<Result<RecordBatch>> {
    let batch = guarded("Parquet", || {
        reader.next().transpose().map_err(|e| broken(ParquetError::General(e.to_string())))
    });
    batch.transpose()
}

impl Lane {
    /// Decodes on a thread of its own, which ends when nobody takes batches any more.
    fn spawn(mut reader: ParquetRecordBatchReader) -> Lane {
        let (sender, receiver) = sync_channel(WAITING);
        std::thread::spawn(move || {
            while let Some(batch) = next_batch(&mut reader) {
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        Lane::Thread(receiver)
    }

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        match self {
            Lane::Here(reader) => next_batch(reader),
            Lane::Thread(batches) => batches.recv().ok(),
        }
    }
}

struct ParquetReader {
    lanes: Vec<Lane>,
    places: Vec<(usize, usize)>,
    arrangement: Arrangement,
    settings: FormatSettings,
    rows: u64,
    /// Rows that the footer announces and that are not read yet.
    rows_left: u64,
    batch_rows: usize,
}

impl ParquetReader {
    fn next_block(&mut self) -> Result<Option<InputBlock>> {
        if self.rows_left == 0 {
            return Ok(None);
        }
        let mut batches = Vec::with_capacity(self.lanes.len());
        for lane in &mut self.lanes {
            batches.push(lane.next().transpose()?);
        }
        // When no column is wanted the rows are counted all the same.
        let no_columns = self.arrangement.sources.iter().all(Option::is_none);
        let rows = match batches.iter().flatten().next() {
            _ if no_columns => self.rows_left.min(self.batch_rows as u64) as usize,
            Some(batch) => batch.num_rows(),
            None => bail!(
                IncorrectData,
                "The Parquet input has {} rows fewer than its footer says",
                self.rows_left
            ),
        };
        let same =
            |batch: &Option<RecordBatch>| batch.as_ref().is_some_and(|b| b.num_rows() == rows);
        if !no_columns && !batches.iter().all(same) {
            bail!(IncorrectData, "The columns of the Parquet input differ in length");
        }
        self.rows += rows as u64;
        self.rows_left = self.rows_left.saturating_sub(rows as u64);
        let places = &self.places;
        let column = |root: usize| -> Result<ArrayRef> {
            let (share, at) = places[root];
            match batches.get(share) {
                Some(Some(batch)) => Ok(batch.column(at).clone()),
                _ => Err(Error::logical("a column that was not read")),
            }
        };
        self.arrangement.block(rows, &self.settings, column).map(Some)
    }
}

impl BlockReader for ParquetReader {
    fn next(&mut self) -> Result<Option<InputBlock>> {
        let before = self.rows;
        let block = self.next_block();
        block.map_err(|error| {
            self.lanes.clear();
            self.rows_left = 0;
            Error::new(error.code(), format!("{} (after row {before})", error.message()))
        })
    }
}

fn spooled(source: &mut dyn ByteSource, settings: &FormatSettings) -> Result<ParquetFile> {
    ParquetFile::load(match spool(source, settings)? {
        Spooled::Memory(bytes) => Place::Memory(bytes),
        Spooled::File(file) => Place::Spooled(file),
    })
}

/// A reader of a stream.
pub(crate) fn reader(
    mut source: Box<dyn ByteSource>,
    wanted: &Schema,
    settings: &FormatSettings,
    threads: usize,
) -> Result<Box<dyn BlockReader>> {
    let file = spooled(&mut *source, settings)?;
    let groups = (0..file.row_groups().len()).collect();
    file.read(groups, wanted, settings, threads)
}

/// The columns of a stream.
pub(crate) fn infer(head: &mut dyn ByteSource, settings: &FormatSettings) -> Result<Schema> {
    spooled(head, settings)?.schema()
}
