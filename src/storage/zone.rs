//! Zone maps: what is known of a granule's values without reading them.
//!
//! Invariants:
//! 1. `extremes`, where not `None`, hold for every row that is not NULL; of `Bytes` only for the
//!    values that are not empty, of floats for those that are not NaN.
//! 2. `nulls`, `defaults` and `sum` are exact.
//! 3. A zone of several granules is the merge of theirs.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_buffer::NullBuffer;
use base::{Result, bail};
use types::{DataType, Physical};

use crate::wire::{Reader, put, put_signed};

/// What is known of the values of some rows of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneMap {
    /// How many rows there are.
    pub rows: u32,
    /// How many of them are NULL.
    pub nulls: u32,
    /// How many hold the default of the type within `Nullable`; NULL is not counted.
    pub defaults: u32,
    /// Bounds of the values.
    pub extremes: Extremes,
    /// The sum of integers and decimals (unscaled); `None` for other types and where it is too
    /// large.
    pub sum: Option<i128>,
    /// The sum of floats.
    pub sum_float: Option<f64>,
    /// Of dictionary columns: the smallest code of a value that is not empty.
    pub min_filled_code: Option<u32>,
}

/// Bounds of the values of some rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extremes {
    /// Nothing is known, or all rows are NULL (or empty, of strings).
    None,
    /// Of all types whose layout is an integer. Absent for UInt128, UUID and IPv6 where a value
    /// exceeds i128.
    Int {
        /// The smallest value.
        min: i128,
        /// The largest value.
        max: i128,
    },
    /// Of floats.
    Float {
        /// The smallest value that is no NaN.
        min: f64,
        /// The largest value that is no NaN.
        max: f64,
        /// Whether there is a NaN.
        has_nan: bool,
    },
    /// Of dictionary columns, the empty string included.
    Codes {
        /// The smallest code.
        min: u32,
        /// The largest code.
        max: u32,
    },
    /// Of strings without a dictionary, those that are not empty.
    Bytes {
        /// The smallest prefix.
        min: Prefix16,
        /// The largest prefix.
        max: Prefix16,
    },
}

/// The first 16 bytes of a string, filled up with zeros. Prefixes compare as their strings do,
/// or equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix16(pub [u8; 16]);

impl Prefix16 {
    /// The prefix of a string.
    pub fn of(value: &[u8]) -> Prefix16 {
        let mut out = [0; 16];
        let length = value.len().min(16);
        out[..length].copy_from_slice(&value[..length]);
        Prefix16(out)
    }

    fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl ZoneMap {
    /// The zone of no rows; the start of merging.
    pub fn empty() -> ZoneMap {
        ZoneMap {
            rows: 0,
            nulls: 0,
            defaults: 0,
            extremes: Extremes::None,
            sum: None,
            sum_float: None,
            min_filled_code: None,
        }
    }

    /// The zone of an array of a type's layout.
    pub fn of_array(array: &dyn Array, data_type: &DataType) -> ZoneMap {
        let mut zone = ZoneMap {
            rows: array.len() as u32,
            nulls: array.null_count() as u32,
            ..ZoneMap::empty()
        };
        match data_type.physical() {
            Physical::UInt8 => zone.integers::<UInt8Type>(array, data_type),
            Physical::UInt16 => zone.integers::<UInt16Type>(array, data_type),
            Physical::UInt32 => zone.integers::<UInt32Type>(array, data_type),
            Physical::UInt64 => zone.integers::<UInt64Type>(array, data_type),
            Physical::Int8 => zone.integers::<Int8Type>(array, data_type),
            Physical::Int16 => zone.integers::<Int16Type>(array, data_type),
            Physical::Int32 => zone.integers::<Int32Type>(array, data_type),
            Physical::Int64 => zone.integers::<Int64Type>(array, data_type),
            Physical::Int128 => zone.wide_integers(array, data_type),
            Physical::Float32 => {
                let values = array.as_primitive::<Float32Type>().values();
                zone.floats(values.iter().map(|v| f64::from(*v)), array.nulls());
            }
            Physical::Float64 => {
                let values = array.as_primitive::<Float64Type>().values();
                zone.floats(values.iter().copied(), array.nulls());
            }
            // Of texts out of row only what is empty is known.
            Physical::Bytes if data_type.is_clob() => {
                let cells = array.as_binary_view();
                zone.defaults =
                    cells.iter().flatten().filter(|cell| cell.is_empty()).count() as u32;
            }
            Physical::Bytes => zone.strings(array),
            Physical::Fixed(_) => {
                let values = array.as_fixed_size_binary();
                let default = data_type.inner().default_value();
                let default = default.as_bytes().unwrap_or_default();
                for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
                    let value = values.value(row);
                    zone.defaults += u32::from(value == default);
                }
            }
            Physical::List => {
                let lists = array.as_list::<i32>();
                let empty = |row: &usize| lists.is_valid(*row) && lists.value_length(*row) == 0;
                zone.defaults = (0..lists.len()).filter(empty).count() as u32;
            }
            Physical::Struct => {}
        }
        zone
    }

    /// The zone of codes into a sorted dictionary; `has_empty`: code 0 is the empty string.
    pub fn of_codes(codes: &[u32], nulls: Option<&NullBuffer>, has_empty: bool) -> ZoneMap {
        let mut zone = ZoneMap {
            rows: codes.len() as u32,
            nulls: nulls.map_or(0, NullBuffer::null_count) as u32,
            ..ZoneMap::empty()
        };
        let (mut min, mut max, mut filled, mut empty) = (u32::MAX, 0, u32::MAX, 0u32);
        let mut add = |code: u32| {
            min = min.min(code);
            max = max.max(code);
            let is_empty = has_empty && code == 0;
            empty += u32::from(is_empty);
            filled = filled.min(if is_empty { u32::MAX } else { code });
        };
        match nulls.filter(|n| n.null_count() > 0) {
            None => codes.iter().for_each(|code| add(*code)),
            Some(nulls) => nulls.valid_indices().for_each(|row| add(codes[row])),
        }
        if zone.nulls < zone.rows {
            zone.extremes = Extremes::Codes { min, max };
        }
        zone.defaults = empty;
        zone.min_filled_code = (filled != u32::MAX).then_some(filled);
        zone
    }

    fn integers<T: ArrowPrimitiveType>(&mut self, array: &dyn Array, data_type: &DataType)
    where
        T::Native: Into<i128> + Ord + TryFrom<i128>,
    {
        let values = array.as_primitive::<T>();
        let default = data_type.inner().default_value().as_int().unwrap_or(0);
        let Ok(default) = T::Native::try_from(default) else { return };
        let nulls = values.nulls().filter(|n| n.null_count() > 0);
        let (mut sum, mut defaults) = (0i128, 0);
        let Some(first) = (0..values.len()).find(|row| values.is_valid(*row)) else { return };
        let (mut min, mut max) = (values.value(first), values.value(first));
        match nulls {
            None => {
                // Two loops over a chunk in cache: each is turned into vector instructions.
                for chunk in values.values().chunks(256) {
                    for value in chunk {
                        min = min.min(*value);
                        max = max.max(*value);
                    }
                    defaults += chunk.iter().map(|v| u32::from(*v == default)).sum::<u32>();
                    sum += sum_chunk::<T>(chunk);
                }
            }
            Some(nulls) => {
                for row in nulls.valid_indices() {
                    let value = values.value(row);
                    min = min.min(value);
                    max = max.max(value);
                    defaults += u32::from(value == default);
                    sum += value.into();
                }
            }
        }
        self.defaults = defaults;
        self.extremes = Extremes::Int { min: min.into(), max: max.into() };
        self.sum = Some(sum);
    }

    fn wide_integers(&mut self, array: &dyn Array, data_type: &DataType) {
        let values = array.as_primitive::<Decimal128Type>();
        let unsigned = data_type.is_unsigned_128();
        let (mut min, mut max, mut sum) = (i128::MAX, i128::MIN, Some(0i128));
        for value in values.iter().flatten() {
            min = min.min(value);
            max = max.max(value);
            self.defaults += u32::from(value == 0);
            sum = sum.and_then(|sum| sum.checked_add(value));
        }
        let beyond = unsigned && min < 0;
        if self.nulls < self.rows && !beyond {
            self.extremes = Extremes::Int { min, max };
            self.sum = sum;
        }
    }

    fn floats(&mut self, values: impl Iterator<Item = f64>, nulls: Option<&NullBuffer>) {
        let (mut min, mut max, mut has_nan, mut sum) =
            (f64::INFINITY, f64::NEG_INFINITY, false, 0.0);
        for (row, value) in values.enumerate() {
            if nulls.is_some_and(|n| n.is_null(row)) {
                continue;
            }
            sum += value;
            self.defaults += u32::from(value == 0.0);
            has_nan |= value.is_nan();
            min = min.min(value);
            max = max.max(value);
        }
        if self.nulls < self.rows {
            self.extremes = Extremes::Float { min, max, has_nan };
            self.sum_float = Some(sum);
        }
    }

    fn strings(&mut self, array: &dyn Array) {
        let (mut min, mut max, mut filled) = (u128::MAX, 0, false);
        for value in array.as_binary_view().iter().flatten() {
            if value.is_empty() {
                self.defaults += 1;
                continue;
            }
            let prefix = Prefix16::of(value).number();
            min = min.min(prefix);
            max = max.max(prefix);
            filled = true;
        }
        if filled {
            let prefix = |number: u128| Prefix16(number.to_be_bytes());
            self.extremes = Extremes::Bytes { min: prefix(min), max: prefix(max) };
        }
    }

    /// Adds the rows of another zone of the same column.
    pub fn merge(&mut self, other: &ZoneMap) {
        let (mine, others) = (self.has_values(), other.has_values());
        self.rows = self.rows.saturating_add(other.rows);
        self.nulls = self.nulls.saturating_add(other.nulls);
        self.defaults = self.defaults.saturating_add(other.defaults);
        self.min_filled_code = match (self.min_filled_code, other.min_filled_code) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        match (mine, others) {
            (_, false) => {}
            (false, true) => {
                (self.extremes, self.sum, self.sum_float) =
                    (other.extremes, other.sum, other.sum_float);
            }
            (true, true) => {
                self.extremes = self.extremes.merge(other.extremes);
                self.sum = self.sum.zip(other.sum).and_then(|(a, b)| a.checked_add(b));
                self.sum_float = self.sum_float.zip(other.sum_float).map(|(a, b)| a + b);
            }
        }
    }

    /// Whether the extremes speak of any row; strings only of those that are not empty.
    fn has_values(&self) -> bool {
        let silent = match self.extremes {
            // Of strings without extremes all values are empty, of other types the extremes
            // may be unknown, which must not be forgotten in a merge.
            Extremes::None => u64::from(self.nulls) + u64::from(self.defaults),
            _ => u64::from(self.nulls),
        };
        silent < u64::from(self.rows)
    }

    /// Appends everything but the number of rows.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put(out, u128::from(self.nulls));
        put(out, u128::from(self.defaults));
        match self.extremes {
            Extremes::None => out.push(0),
            Extremes::Int { min, max } => {
                out.push(1);
                put_signed(out, min);
                put(out, max.wrapping_sub(min) as u128);
            }
            Extremes::Float { min, max, has_nan } => {
                out.push(2 + u8::from(has_nan));
                out.extend_from_slice(&min.to_le_bytes());
                out.extend_from_slice(&max.to_le_bytes());
            }
            Extremes::Codes { min, max } => {
                out.push(4);
                put(out, u128::from(min));
                put(out, u128::from(max.wrapping_sub(min)));
                put(out, self.min_filled_code.map_or(0, |code| u128::from(code) + 1));
            }
            Extremes::Bytes { min, max } => {
                out.push(5);
                out.extend_from_slice(&min.0);
                out.extend_from_slice(&max.0);
            }
        }
        match (self.sum, self.sum_float) {
            (Some(sum), _) => {
                out.push(1);
                put_signed(out, sum);
            }
            (None, Some(sum)) => {
                out.push(2);
                out.extend_from_slice(&sum.to_le_bytes());
            }
            (None, None) => out.push(0),
        }
    }

    /// Reads what [`ZoneMap::put`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>, rows: u32) -> Result<ZoneMap> {
        let mut zone = ZoneMap { rows, ..ZoneMap::empty() };
        zone.nulls = reader.u32()?;
        zone.defaults = reader.u32()?;
        zone.extremes = match reader.byte()? {
            0 => Extremes::None,
            1 => {
                let min = reader.signed()?;
                Extremes::Int { min, max: min.wrapping_add(reader.unsigned()? as i128) }
            }
            tag @ (2 | 3) => Extremes::Float {
                min: f64::from_le_bytes(reader.array()?),
                max: f64::from_le_bytes(reader.array()?),
                has_nan: tag == 3,
            },
            4 => {
                let min = reader.u32()?;
                let max = min.wrapping_add(reader.u32()?);
                zone.min_filled_code = reader.u32()?.checked_sub(1);
                Extremes::Codes { min, max }
            }
            5 => Extremes::Bytes { min: Prefix16(reader.array()?), max: Prefix16(reader.array()?) },
            tag => bail!(CorruptedData, "unknown kind {tag} of extremes"),
        };
        match reader.byte()? {
            0 => {}
            1 => zone.sum = Some(reader.signed()?),
            2 => zone.sum_float = Some(f64::from_le_bytes(reader.array()?)),
            tag => bail!(CorruptedData, "unknown kind {tag} of sum"),
        }
        Ok(zone)
    }
}

impl Extremes {
    /// Bounds that hold for both; nothing is known where their kinds differ.
    fn merge(self, other: Extremes) -> Extremes {
        match (self, other) {
            (Extremes::Int { min, max }, Extremes::Int { min: low, max: high }) => {
                Extremes::Int { min: min.min(low), max: max.max(high) }
            }
            (
                Extremes::Float { min, max, has_nan },
                Extremes::Float { min: low, max: high, has_nan: also },
            ) => {
                Extremes::Float { min: min.min(low), max: max.max(high), has_nan: has_nan || also }
            }
            (Extremes::Codes { min, max }, Extremes::Codes { min: low, max: high }) => {
                Extremes::Codes { min: min.min(low), max: max.max(high) }
            }
            (Extremes::Bytes { min, max }, Extremes::Bytes { min: low, max: high }) => {
                Extremes::Bytes { min: min.min(low), max: max.max(high) }
            }
            _ => Extremes::None,
        }
    }
}

/// The sum of at most 256 values. Narrow ones are added in 64 bits; wide ones as a low and a high
/// half, since adding in 128 bits is not turned into vector instructions.
fn sum_chunk<T: ArrowPrimitiveType>(chunk: &[T::Native]) -> i128
where
    T::Native: Into<i128>,
{
    if size_of::<T::Native>() <= 4 {
        let wide = |value: &T::Native| -> i64 {
            let value: i128 = (*value).into();
            value as i64
        };
        return i128::from(chunk.iter().map(wide).sum::<i64>());
    }
    let (mut low, mut high) = (0u64, 0i64);
    for value in chunk {
        let value: i128 = (*value).into();
        low += value as u64 & 0xffff_ffff;
        high += (value >> 32) as i64;
    }
    (i128::from(high) << 32) + i128::from(low)
}

#[cfg(test)]
mod tests;
