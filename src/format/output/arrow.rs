//! Parquet, Arrow and ArrowStream out.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_ipc::writer::{FileWriter, StreamWriter};
use arrow_schema::{DataType as ArrowType, Schema as ArrowSchema, SchemaRef};
use base::{Error, Result, bail};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{BrotliLevel, Compression, GzipLevel, LogicalType, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{SchemaDescriptor, Type as ParquetType, TypePtr};
use types::{Block, Schema};

use super::{BlockWriter, Statistics, flat};
use crate::FormatSettings;
use crate::arrow_layout::{arrow_error, arrow_field, check_parquet, from_layout, json_leaves};
use crate::declaration::FormatDeclaration;

/// Where a writer of another crate puts its bytes, and we take them.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().map_err(|_| io::Error::other("a writer has panicked"))?;
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn take(&self, out: &mut Vec<u8>) {
        if let Ok(mut held) = self.0.lock() {
            out.append(&mut held);
        }
    }
}

enum Inner {
    Parquet(Box<ArrowWriter<Sink>>),
    File(Box<FileWriter<Sink>>),
    Stream(Box<StreamWriter<Sink>>),
}

struct ArrowBlocks {
    schema: Schema,
    arrow: SchemaRef,
    sink: Sink,
    /// `None` when the end was written.
    inner: Option<Inner>,
}

/// The writer of one of these formats.
pub(crate) fn make(
    declaration: &FormatDeclaration,
    schema: &Schema,
    settings: &FormatSettings,
) -> Result<Box<dyn BlockWriter>> {
    let sink = Sink::default();
    let is_parquet = declaration.base_name == "Parquet";
    if is_parquet {
        schema.fields().iter().try_for_each(|f| check_parquet(&f.name, &f.data_type))?;
    }
    let arrow_schema = |text: &ArrowType| {
        let fields = schema.fields().iter();
        ArrowSchema::new(
            fields.map(|f| arrow_field(&f.name, &f.data_type, text)).collect::<Vec<_>>(),
        )
    };
    let as_text = arrow_schema(&ArrowType::Utf8);
    let arrow = Arc::new(if is_parquet {
        arrow_schema(&ArrowType::BinaryView)
    } else if settings.output_format_arrow_string_as_string {
        as_text.clone()
    } else {
        arrow_schema(&ArrowType::Binary)
    });
    let inner = match declaration.base_name {
        "Parquet" => {
            // Bytes are written as they are into columns that are marked as text.
            let as_text = ArrowSchemaConverter::new().convert(&as_text).map_err(parquet_error)?;
            let marked = mark_json(&as_text, schema)?;
            let properties = WriterProperties::builder()
                .set_compression(compression(&settings.output_format_parquet_compression_method)?)
                .set_max_row_group_row_count(Some(
                    settings.output_format_parquet_row_group_size.max(1),
                ))
                .build();
            let options = ArrowWriterOptions::new()
                .with_properties(properties)
                .with_parquet_schema(marked)
                .with_skip_arrow_metadata(true);
            let writer = ArrowWriter::try_new_with_options(sink.clone(), arrow.clone(), options);
            Inner::Parquet(Box::new(writer.map_err(parquet_error)?))
        }
        "Arrow" => {
            let writer = FileWriter::try_new(sink.clone(), &arrow).map_err(arrow_error)?;
            Inner::File(Box::new(writer))
        }
        _ => {
            let writer = StreamWriter::try_new(sink.clone(), &arrow).map_err(arrow_error)?;
            Inner::Stream(Box::new(writer))
        }
    };
    Ok(Box::new(ArrowBlocks { schema: schema.clone(), arrow, sink, inner: Some(inner) }))
}

/// The schema with the columns of objects marked as JSON.
fn mark_json(text: &SchemaDescriptor, schema: &Schema) -> Result<SchemaDescriptor> {
    let mut leaves = Vec::new();
    schema.fields().iter().for_each(|field| json_leaves(&field.data_type, &mut leaves));
    if !leaves.contains(&true) {
        return Ok(text.clone());
    }
    let root = marked(text.root_schema(), &mut leaves.into_iter()).map_err(parquet_error)?;
    Ok(SchemaDescriptor::new(root))
}

fn marked(
    part: &ParquetType,
    leaves: &mut std::vec::IntoIter<bool>,
) -> Result<TypePtr, parquet::errors::ParquetError> {
    if part.is_primitive() {
        if leaves.next() != Some(true) {
            return Ok(Arc::new(part.clone()));
        }
        let json = ParquetType::primitive_type_builder(part.name(), part.get_physical_type())
            .with_repetition(part.get_basic_info().repetition())
            .with_logical_type(Some(LogicalType::Json));
        return Ok(Arc::new(json.build()?));
    }
    let fields = part.get_fields().iter().map(|field| marked(field, leaves));
    let info = part.get_basic_info();
    let mut group = ParquetType::group_type_builder(part.name())
        .with_fields(fields.collect::<Result<_, _>>()?)
        .with_logical_type(info.logical_type_ref().cloned())
        .with_converted_type(info.converted_type());
    if info.has_repetition() {
        group = group.with_repetition(info.repetition());
    }
    Ok(Arc::new(group.build()?))
}

fn parquet_error(error: parquet::errors::ParquetError) -> Error {
    base::error!(UnknownExceptionInParquet, "Parquet: {error}")
}

fn compression(name: &str) -> Result<Compression> {
    Ok(match name {
        "none" => Compression::UNCOMPRESSED,
        "snappy" => Compression::SNAPPY,
        "lz4" => Compression::LZ4_RAW,
        "zstd" => Compression::ZSTD(ZstdLevel::default()),
        "gzip" => Compression::GZIP(GzipLevel::default()),
        "brotli" => Compression::BROTLI(BrotliLevel::default()),
        _ => bail!(
            BadArguments,
            "Unexpected value of ParquetCompression: '{name}'. \
             Must be one of ['none', 'snappy', 'zstd', 'gzip', 'lz4', 'brotli']"
        ),
    })
}

impl BlockWriter for ArrowBlocks {
    fn write(&mut self, block: &Block, out: &mut Vec<u8>) -> Result<()> {
        if block.rows() == 0 {
            return Ok(());
        }
        let columns = flat(block)?
            .iter()
            .zip(self.schema.fields())
            .zip(self.arrow.fields())
            .map(|((array, field), arrow)| from_layout(array, &field.data_type, arrow.data_type()))
            .collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(self.arrow.clone(), columns).map_err(arrow_error)?;
        match &mut self.inner {
            Some(Inner::Parquet(writer)) => writer.write(&batch).map_err(parquet_error)?,
            Some(Inner::File(writer)) => writer.write(&batch).map_err(arrow_error)?,
            Some(Inner::Stream(writer)) => writer.write(&batch).map_err(arrow_error)?,
            None => return Err(Error::logical("a block after the end of the result")),
        }
        self.sink.take(out);
        Ok(())
    }

    fn totals(&mut self, _: &Block) -> Result<()> {
        Ok(())
    }

    fn extremes(&mut self, _: &Block) -> Result<()> {
        Ok(())
    }

    fn finish(&mut self, _: &Statistics, out: &mut Vec<u8>) -> Result<()> {
        match self.inner.take() {
            Some(Inner::Parquet(writer)) => {
                writer.close().map_err(parquet_error)?;
            }
            Some(Inner::File(mut writer)) => writer.finish().map_err(arrow_error)?,
            Some(Inner::Stream(mut writer)) => writer.finish().map_err(arrow_error)?,
            None => {}
        }
        self.sink.take(out);
        Ok(())
    }
}
