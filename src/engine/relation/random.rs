//! generateRandom(structure[, seed[, longest string[, longest array]]]): rows of random values, without end.
//!
//! Each piece has a generator of its own, seeded by the seed and the piece's number, so that a seed gives the same rows
//! again, in any order of reading.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{
    ArrayRef, Int8Array, Int16Array, ListArray, StructArray, UInt8Array, make_array,
};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow_data::ArrayData;
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail};
use expr::Expr;
use plan::{BlockSource, BlockStream};
use types::{Block, Column, DataType, Physical, Schema, Value, array_from_values, struct_fields};

/// Rows of a block.
const BLOCK: usize = 8192;

/// Values that the arrays of one block hold together.
const MOST_VALUES: usize = 1 << 24;

/// Days from 1900-01-01 and up to 2299-12-31, as Date32 counts.
const DATE32_DAYS: (i64, i64) = (-25_567, 120_529);

/// How long strings and arrays get.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    /// Bytes.
    pub(super) string: usize,
    /// Elements.
    pub(super) array: usize,
}

/// `generateRandom(...)`
#[derive(Debug)]
pub(super) struct GenerateRandom {
    schema: Schema,
    seed: u64,
    lengths: Lengths,
}

impl GenerateRandom {
    /// # Errors
    /// NOT_IMPLEMENTED for states of aggregate functions, TOO_LARGE_ARRAY_SIZE for lengths beyond a block's bound.
    pub(super) fn new(
        schema: Schema,
        seed: Option<u64>,
        lengths: Lengths,
    ) -> Result<GenerateRandom> {
        if lengths.string.max(lengths.array) > MOST_VALUES / 16 {
            bail!(
                TooLargeArraySize,
                "generateRandom makes strings and arrays of at most {} elements",
                MOST_VALUES / 16
            );
        }
        for field in schema.fields() {
            check(&field.data_type)?;
        }
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        Ok(GenerateRandom { schema, seed, lengths })
    }
}

fn check(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::AggregateFunction(_) => {
            bail!(NotImplemented, "generateRandom cannot make values of type {data_type}")
        }
        DataType::Nullable(inner) | DataType::LowCardinality(inner) | DataType::Array(inner) => {
            check(inner)
        }
        DataType::Map(pair) => check(&pair.0).and_then(|()| check(&pair.1)),
        DataType::Tuple(fields) => fields.iter().try_for_each(|field| check(&field.data_type)),
        _ => Ok(()),
    }
}

impl BlockSource for GenerateRandom {
    fn name(&self) -> String {
        "generateRandom".to_owned()
    }

    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn pieces(&self) -> usize {
        usize::MAX / BLOCK
    }

    fn read(&self, piece: usize, columns: &[usize], _filter: &[Expr]) -> Result<BlockStream> {
        let mut read = Vec::with_capacity(columns.len());
        for column in columns {
            // A column has the same values whichever others are read.
            let seed = self.seed ^ (piece as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut random = Random(seed.wrapping_add((*column as u64) << 32));
            let data_type = &self.schema.fields()[*column].data_type;
            read.push(Column::Flat(random.array(data_type, BLOCK, self.lengths)?));
        }
        Ok(Box::new(std::iter::once(Ok(Block::new(read, BLOCK)))))
    }

    fn rows(&self) -> Option<u64> {
        None
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to before `end`, which is not 0.
    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    fn array(&mut self, data_type: &DataType, rows: usize, lengths: Lengths) -> Result<ArrayRef> {
        Ok(match data_type {
            DataType::Nullable(inner) => {
                let values = Column::Flat(self.array(inner, rows, lengths)?);
                let valid: NullBuffer = (0..rows).map(|_| self.below(16) != 0).collect();
                values.with_nulls(Some(valid))?.to_flat()?
            }
            DataType::LowCardinality(inner) => self.array(inner, rows, lengths)?,
            DataType::SimpleAggregateFunction(simple) => self.array(&simple.1, rows, lengths)?,
            DataType::Geo(kind) => self.array(kind.base(), rows, lengths)?,
            DataType::Bool => {
                Arc::new(UInt8Array::from_iter_values((0..rows).map(|_| self.below(2) as u8)))
            }
            DataType::Enum8(_) | DataType::Enum16(_) => self.enumeration(data_type, rows),
            DataType::String => self.strings(rows, lengths.string),
            DataType::Array(_) | DataType::Map(_) => self.lists(data_type, rows, lengths)?,
            DataType::Tuple(fields) => {
                let parts: Vec<ArrayRef> = fields
                    .iter()
                    .map(|field| self.array(&field.data_type, rows, lengths))
                    .collect::<Result<_>>()?;
                let types = parts.iter().map(|part| part.data_type().clone());
                Arc::new(
                    StructArray::try_new_with_length(struct_fields(types), parts, None, rows)
                        .map_err(wrong)?,
                )
            }
            DataType::Date32 | DataType::DateTime64(..) | DataType::Decimal { .. } => {
                let values: Vec<Value> = (0..rows).map(|_| self.bounded(data_type)).collect();
                array_from_values(data_type, &values)?
            }
            _ => self.plain(data_type, rows)?,
        })
    }

    /// Values of which every pattern of bits is one.
    fn plain(&mut self, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
        let arrow = data_type.arrow_type();
        let width = match (&arrow, data_type.physical()) {
            (ArrowType::Null, _) => return Ok(arrow_array::new_null_array(&arrow, rows)),
            (_, Physical::Fixed(width)) => width,
            (primitive, _) => primitive.primitive_width().unwrap_or_default(),
        };
        let bytes = Buffer::from(self.bytes(rows * width));
        let data = ArrayData::builder(arrow).len(rows).add_buffer(bytes).align_buffers(true);
        Ok(make_array(data.build().map_err(wrong)?))
    }

    /// A value of a type whose values are fewer than its bits could tell.
    fn bounded(&mut self, data_type: &DataType) -> Value {
        Value::Int(match data_type {
            DataType::DateTime64(precision, _) => {
                let ticks = 10_i128.pow(u32::from(*precision));
                i128::from(self.next() as u32) * ticks + i128::from(self.below(ticks as u64))
            }
            DataType::Decimal { precision, .. } => {
                let limit = 10_i128.pow(u32::from(*precision).min(38));
                let bits = u128::from(self.next()) << 64 | u128::from(self.next());
                (bits as i128) % limit
            }
            _ => {
                let (first, last) = DATE32_DAYS;
                i128::from(first + self.below((last - first + 1) as u64) as i64)
            }
        })
    }

    fn enumeration(&mut self, data_type: &DataType, rows: usize) -> ArrayRef {
        let numbers: Vec<i16> =
            data_type.enum_values().map(|v| v.iter().map(|(_, n)| n).collect()).unwrap_or_default();
        let mut any = || numbers[self.below(numbers.len() as u64) as usize];
        match data_type {
            DataType::Enum8(_) => {
                Arc::new(Int8Array::from_iter_values((0..rows).map(|_| any() as i8)))
            }
            _ => Arc::new(Int16Array::from_iter_values((0..rows).map(|_| any()))),
        }
    }

    /// Printable characters of ASCII.
    fn strings(&mut self, rows: usize, longest: usize) -> ArrayRef {
        let mut out = BinaryViewBuilder::with_capacity(rows);
        for _ in 0..rows {
            let length = self.below(longest as u64 + 1) as usize;
            let mut text = self.bytes(length);
            for byte in &mut text {
                *byte = b' ' + (u16::from(*byte) * 95 / 256) as u8;
            }
            out.append_value(text);
        }
        Arc::new(out.finish())
    }

    fn lists(&mut self, data_type: &DataType, rows: usize, lengths: Lengths) -> Result<ArrayRef> {
        let Some(item) = data_type.list_item() else { bail!(LogicalError, "a list without items") };
        let ArrowType::List(field) = data_type.arrow_type() else {
            bail!(LogicalError, "a list of another layout")
        };
        let counts: Vec<usize> =
            (0..rows).map(|_| self.below(lengths.array as u64 + 1) as usize).collect();
        let all: usize = counts.iter().sum();
        if all > MOST_VALUES {
            bail!(
                TooLargeArraySize,
                "generateRandom would make more than {MOST_VALUES} elements at once"
            );
        }
        let items = self.array(&item, all, lengths)?;
        let list = ListArray::try_new(field, OffsetBuffer::from_lengths(counts), items, None);
        Ok(Arc::new(list.map_err(wrong)?))
    }
}

fn wrong(error: arrow_schema::ArrowError) -> Error {
    Error::logical(format!("random values: {error}"))
}
