//! Values of any type as keys that can be compared, sorted and hashed.
//!
//! The order is ClickHouse's: NaN after all numbers, NULL after all values; 0 and -0 are equal, unless keys are exact.
//! Nested values are encoded so that comparing bytes compares values.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BinaryViewArray, FixedSizeBinaryArray};
use arrow_buffer::NullBuffer;
use base::Result;
use types::{DataType, Physical};

use super::lists::Lists;

/// A value as a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Key<'a> {
    Word(u64),
    Wide(u128),
    Bytes(&'a [u8]),
    /// Not a number.
    Nan,
    Null,
}

/// The keys of an array's values.
pub(super) struct Keys {
    nulls: Option<NullBuffer>,
    values: Values,
}

enum Values {
    Words(Vec<u64>),
    /// Words of floats, with NaN as the greatest.
    Floats(Vec<u64>),
    Wide(Vec<u128>),
    Views(BinaryViewArray),
    Fixed(FixedSizeBinaryArray),
    Encoded(Vec<Vec<u8>>),
}

fn signed(number: i64) -> u64 {
    (number as u64) ^ (1 << 63)
}

/// Bits whose order as integers is that of the floats.
fn float(number: f64, exact: bool) -> u64 {
    if number.is_nan() {
        return u64::MAX;
    }
    let bits = if number == 0.0 && !exact { 0 } else { number.to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

impl Keys {
    /// The keys of an array of a type.
    pub(super) fn new(array: &ArrayRef, data_type: &DataType) -> Result<Keys> {
        Keys::of(array, data_type, false)
    }

    /// As `new`, with keys of their own for 0 and -0: for telling different values apart.
    pub(super) fn exact(array: &ArrayRef, data_type: &DataType) -> Result<Keys> {
        Keys::of(array, data_type, true)
    }

    fn of(array: &ArrayRef, data_type: &DataType, exact: bool) -> Result<Keys> {
        macro_rules! words {
            ($type:ty, $f:expr) => {
                Values::Words(array.as_primitive::<$type>().values().iter().map($f).collect())
            };
        }
        macro_rules! floats {
            ($type:ty) => {
                Values::Floats(
                    array
                        .as_primitive::<$type>()
                        .values()
                        .iter()
                        .map(|v| float(f64::from(*v), exact))
                        .collect(),
                )
            };
        }
        let values = match data_type.physical() {
            Physical::UInt8 => words!(UInt8Type, |v| u64::from(*v)),
            Physical::UInt16 => words!(UInt16Type, |v| u64::from(*v)),
            Physical::UInt32 => words!(UInt32Type, |v| u64::from(*v)),
            Physical::UInt64 => words!(UInt64Type, |v| *v),
            Physical::Int8 => words!(Int8Type, |v| signed(i64::from(*v))),
            Physical::Int16 => words!(Int16Type, |v| signed(i64::from(*v))),
            Physical::Int32 => words!(Int32Type, |v| signed(i64::from(*v))),
            Physical::Int64 => words!(Int64Type, |v| signed(*v)),
            Physical::Float32 => floats!(Float32Type),
            Physical::Float64 => floats!(Float64Type),
            Physical::Int128 => {
                let sign = if data_type.is_unsigned_128() { 0 } else { 1 << 127 };
                let numbers = array.as_primitive::<Decimal128Type>().values().iter();
                Values::Wide(numbers.map(|v| *v as u128 ^ sign).collect())
            }
            Physical::Bytes => Values::Views(array.as_binary_view().clone()),
            Physical::Fixed(_) => Values::Fixed(array.as_fixed_size_binary().clone()),
            Physical::List | Physical::Struct => Values::Encoded(encode(array, data_type, exact)?),
        };
        Ok(Keys { nulls: array.nulls().filter(|n| n.null_count() > 0).cloned(), values })
    }

    /// The key of a value.
    #[inline]
    pub(super) fn key(&self, at: usize) -> Key<'_> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(at)) {
            return Key::Null;
        }
        match &self.values {
            Values::Words(words) => Key::Word(words[at]),
            Values::Floats(words) if words[at] == u64::MAX => Key::Nan,
            Values::Floats(words) => Key::Word(words[at]),
            Values::Wide(numbers) => Key::Wide(numbers[at]),
            Values::Views(array) => Key::Bytes(array.value(at)),
            Values::Fixed(array) => Key::Bytes(array.value(at)),
            Values::Encoded(encoded) => Key::Bytes(&encoded[at]),
        }
    }

    /// The order of two values; descending keeps NaN and NULL at the end.
    #[inline]
    pub(super) fn compare(&self, a: usize, b: usize, descending: bool) -> Ordering {
        let (a, b) = (self.key(a), self.key(b));
        let last = |key: &Key<'_>| matches!(key, Key::Nan | Key::Null);
        if descending && !last(&a) && !last(&b) { b.cmp(&a) } else { a.cmp(&b) }
    }
}

impl Key<'_> {
    /// Whether two keys are of equal values: no number equals NaN, and it does not equal itself.
    pub(super) fn equals(&self, other: &Key<'_>) -> bool {
        self == other && *self != Key::Nan
    }
}

/// Nested values as bytes: parts one after another, each with a mark for NULL before it.
fn encode(array: &ArrayRef, data_type: &DataType, exact: bool) -> Result<Vec<Vec<u8>>> {
    let mut rows = vec![Vec::new(); array.len()];
    match data_type.physical() {
        Physical::List => {
            let lists = Lists::of_array(array)?;
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            let keys = Keys::of(&lists.items, &item, exact)?;
            for (row, out) in rows.iter_mut().enumerate() {
                let (from, to) = lists.bounds(row);
                for at in from..to {
                    out.push(1);
                    write_key(keys.key(at), out);
                }
                out.push(0);
            }
        }
        _ => {
            let DataType::Tuple(fields) = data_type.inner() else { return Ok(rows) };
            for (part, field) in array.as_struct().columns().iter().zip(fields.iter()) {
                let keys = Keys::of(part, &field.data_type, exact)?;
                for (row, out) in rows.iter_mut().enumerate() {
                    write_key(keys.key(row), out);
                }
            }
        }
    }
    Ok(rows)
}

fn write_key(key: Key<'_>, out: &mut Vec<u8>) {
    match key {
        Key::Word(word) => {
            out.push(0);
            out.extend_from_slice(&word.to_be_bytes());
        }
        Key::Wide(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Key::Bytes(bytes) => {
            out.push(0);
            for byte in bytes {
                out.push(*byte);
                if *byte == 0 {
                    out.push(0xFF);
                }
            }
            out.extend_from_slice(&[0, 0]);
        }
        Key::Nan => out.push(1),
        Key::Null => out.push(2),
    }
}
