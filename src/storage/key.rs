//! Sorting keys as numbers, and the order of rows.
//!
//! 1. Every key column becomes a column of unsigned numbers that compare as its values do: NULL
//!    after everything, NaN before NULL, -0.0 equal to 0.0. Strings become ranks.
//! 2. Numbers of all columns are packed, most significant first and each with as many bits as its
//!    range needs, into as few 64-bit words a row as possible.
//! 3. Rows are sorted by the first word, runs of equal ones by the next. Equal keys keep the
//!    order in which they came.

use std::cmp::Ordering;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray};
use arrow_buffer::NullBuffer;
use types::{DataType, Physical, Value, value_at};

use crate::dictionary::order::sort_ids;
use crate::dictionary::table::NULL;

/// One number a row, none with more than `bits` bits.
#[derive(Debug)]
pub(crate) struct Ordinals {
    values: Vec<u64>,
    bits: u32,
}

fn bits_of(largest: u64) -> u32 {
    u64::BITS - largest.leading_zeros()
}

impl Ordinals {
    /// Numbers that are ranks already; NULL is the largest.
    pub(crate) fn of_ranks(ranks: &[u32], distinct: usize) -> Ordinals {
        let null = distinct as u64;
        let values = ranks.iter().map(|r| if *r == NULL { null } else { u64::from(*r) }).collect();
        Ordinals { values, bits: bits_of(null) }
    }

    /// The numbers of an array: one column of them, or two for wide values.
    pub(crate) fn of_array(array: &ArrayRef, data_type: &DataType) -> Vec<Ordinals> {
        match data_type.physical() {
            Physical::UInt8 => integers::<UInt8Type>(array),
            Physical::UInt16 => integers::<UInt16Type>(array),
            Physical::UInt32 => integers::<UInt32Type>(array),
            Physical::UInt64 => integers::<UInt64Type>(array),
            Physical::Int8 => integers::<Int8Type>(array),
            Physical::Int16 => integers::<Int16Type>(array),
            Physical::Int32 => integers::<Int32Type>(array),
            Physical::Int64 => integers::<Int64Type>(array),
            Physical::Int128 => {
                let flip = if data_type.is_unsigned_128() { 0 } else { 1u128 << 127 };
                let values = array.as_primitive::<Decimal128Type>().values();
                wide(values.iter().map(|v| *v as u128 ^ flip), array.nulls())
            }
            Physical::Float32 => {
                let values = array.as_primitive::<Float32Type>().values();
                narrow(values.iter().map(|v| float(f64::from(*v))), array.nulls())
            }
            Physical::Float64 => {
                let values = array.as_primitive::<Float64Type>().values();
                narrow(values.iter().map(|v| float(*v)), array.nulls())
            }
            Physical::Bytes => {
                let ranks = rank_values(array.as_binary_view());
                vec![Ordinals::of_ranks(&ranks.0, ranks.1)]
            }
            Physical::Fixed(_) | Physical::List | Physical::Struct => {
                let (ranks, distinct) = rank_values(&comparable_bytes(array, data_type));
                vec![Ordinals::of_ranks(&ranks, distinct)]
            }
        }
    }
}

/// Where each value of an array stands among the distinct ones, and how many of those there are.
pub(crate) fn rank_values(values: &BinaryViewArray) -> (Vec<u32>, usize) {
    let order = sort_ids(values);
    let mut ranks = vec![NULL; values.len()];
    let mut next = 0u32;
    let mut before: Option<u32> = None;
    for id in order {
        if values.is_null(id as usize) {
            continue;
        }
        if before.is_some_and(|b| values.value(b as usize) != values.value(id as usize)) {
            next += 1;
        }
        ranks[id as usize] = next;
        before = Some(id);
    }
    (ranks, before.map_or(0, |_| next as usize + 1))
}

/// Each value of an array as bytes that compare as the values do.
pub(crate) fn comparable_bytes(array: &ArrayRef, data_type: &DataType) -> BinaryViewArray {
    let mut bytes = Vec::new();
    let mut out = BinaryViewBuilder::with_capacity(array.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        bytes.clear();
        comparable(&value_at(array, data_type, row), &mut bytes);
        out.append_value(&bytes);
    }
    out.finish()
}

/// Bytes that compare as values of one type do. The depth of a value is that of its type, which
/// the parser of types bounds.
fn comparable(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(3),
        Value::Int(number) => {
            out.push(1);
            out.extend_from_slice(&(*number as u128 ^ 1 << 127).to_be_bytes());
        }
        Value::Float(number) => {
            out.push(1);
            out.extend_from_slice(&float(*number).to_be_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(1);
            for byte in bytes.iter() {
                // A zero is followed by 255, so that the end (0, 0) compares less.
                out.push(*byte);
                if *byte == 0 {
                    out.push(255);
                }
            }
            out.extend_from_slice(&[0, 0]);
        }
        Value::Array(items) | Value::Tuple(items) => {
            for item in items.iter() {
                out.push(1);
                comparable(item, out);
            }
            out.push(0);
        }
    }
}

/// A number that compares as a float does.
fn float(value: f64) -> u64 {
    let bits = if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn integers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<Ordinals>
where
    T::Native: Into<i128>,
{
    let values = array.as_primitive::<T>().values();
    narrow(values.iter().map(shift::<T>), array.nulls())
}

/// Flips the sign bit, which makes signed numbers compare as unsigned ones.
fn shift<T: ArrowPrimitiveType>(value: &T::Native) -> u64
where
    T::Native: Into<i128>,
{
    let value: i128 = (*value).into();
    (value as u64).wrapping_add(if T::DATA_TYPE.is_signed_integer() { 1 << 63 } else { 0 })
}

fn narrow(values: impl Iterator<Item = u64>, nulls: Option<&NullBuffer>) -> Vec<Ordinals> {
    let mut values: Vec<u64> = values.collect();
    let nulls = nulls.filter(|n| n.null_count() > 0);
    let valid = |row: usize| nulls.is_none_or(|n| n.is_valid(row));
    let (mut min, mut max) = (u64::MAX, 0);
    match nulls {
        None => {
            for value in &values {
                min = min.min(*value);
                max = max.max(*value);
            }
        }
        Some(nulls) => {
            for row in nulls.valid_indices() {
                min = min.min(values[row]);
                max = max.max(values[row]);
            }
        }
    }
    let range = max.saturating_sub(min);
    match nulls {
        None => {
            values.iter_mut().for_each(|v| *v -= min);
            vec![Ordinals { values, bits: bits_of(range) }]
        }
        Some(_) if range < u64::MAX => {
            for (row, value) in values.iter_mut().enumerate() {
                *value = if valid(row) { *value - min } else { range + 1 };
            }
            vec![Ordinals { values, bits: bits_of(range + 1) }]
        }
        Some(_) => {
            let is_null = (0..values.len()).map(|row| u64::from(!valid(row))).collect();
            for (row, value) in values.iter_mut().enumerate() {
                *value = if valid(row) { *value - min } else { 0 };
            }
            vec![Ordinals { values: is_null, bits: 1 }, Ordinals { values, bits: 64 }]
        }
    }
}

fn wide(values: impl Iterator<Item = u128>, nulls: Option<&NullBuffer>) -> Vec<Ordinals> {
    let values: Vec<u128> = values.collect();
    let valid = |row: usize| nulls.is_none_or(|n| n.is_valid(row));
    let mut out = narrow(values.iter().map(|v| (v >> 64) as u64), nulls);
    let low = (0..values.len()).map(|row| if valid(row) { values[row] as u64 } else { 0 });
    out.extend(narrow(low, None));
    out
}

/// A key column in a form in which single rows of several arrays compare quickly. NULL comes last.
#[derive(Debug)]
pub(crate) struct KeyValues {
    nulls: Option<NullBuffer>,
    values: Comparable,
}

#[derive(Debug)]
enum Comparable {
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
    Bytes(BinaryViewArray),
}

impl KeyValues {
    pub(crate) fn new(array: &ArrayRef, data_type: &DataType) -> KeyValues {
        let nulls = array.nulls().filter(|n| n.null_count() > 0).cloned();
        let values = match data_type.physical() {
            Physical::UInt8 => Comparable::Narrow(shifted::<UInt8Type>(array)),
            Physical::UInt16 => Comparable::Narrow(shifted::<UInt16Type>(array)),
            Physical::UInt32 => Comparable::Narrow(shifted::<UInt32Type>(array)),
            Physical::UInt64 => Comparable::Narrow(shifted::<UInt64Type>(array)),
            Physical::Int8 => Comparable::Narrow(shifted::<Int8Type>(array)),
            Physical::Int16 => Comparable::Narrow(shifted::<Int16Type>(array)),
            Physical::Int32 => Comparable::Narrow(shifted::<Int32Type>(array)),
            Physical::Int64 => Comparable::Narrow(shifted::<Int64Type>(array)),
            Physical::Float32 => {
                let values = array.as_primitive::<Float32Type>().values();
                Comparable::Narrow(values.iter().map(|v| float(f64::from(*v))).collect())
            }
            Physical::Float64 => {
                let values = array.as_primitive::<Float64Type>().values();
                Comparable::Narrow(values.iter().map(|v| float(*v)).collect())
            }
            Physical::Int128 => {
                let flip = if data_type.is_unsigned_128() { 0 } else { 1u128 << 127 };
                let values = array.as_primitive::<Decimal128Type>().values();
                Comparable::Wide(values.iter().map(|v| *v as u128 ^ flip).collect())
            }
            Physical::Bytes => Comparable::Bytes(array.as_binary_view().clone()),
            Physical::Fixed(_) | Physical::List | Physical::Struct => {
                Comparable::Bytes(comparable_bytes(array, data_type))
            }
        };
        KeyValues { nulls, values }
    }

    /// Compares a row with a row of another array of the same type.
    pub(crate) fn compare(&self, row: usize, other: &KeyValues, other_row: usize) -> Ordering {
        if self.nulls.is_some() || other.nulls.is_some() {
            let null = self.nulls.as_ref().is_some_and(|n| n.is_null(row));
            let other_null = other.nulls.as_ref().is_some_and(|n| n.is_null(other_row));
            if null || other_null {
                return null.cmp(&other_null);
            }
        }
        match (&self.values, &other.values) {
            (Comparable::Narrow(a), Comparable::Narrow(b)) => a[row].cmp(&b[other_row]),
            (Comparable::Wide(a), Comparable::Wide(b)) => a[row].cmp(&b[other_row]),
            (Comparable::Bytes(a), Comparable::Bytes(b)) => a.value(row).cmp(b.value(other_row)),
            _ => Ordering::Equal,
        }
    }
}

fn shifted<T: ArrowPrimitiveType>(array: &ArrayRef) -> Vec<u64>
where
    T::Native: Into<i128>,
{
    array.as_primitive::<T>().values().iter().map(shift::<T>).collect()
}

/// The order of rows by several columns of numbers; `None` if they are in order already.
pub(crate) fn sort_rows(columns: &[Ordinals], rows: usize) -> Option<Vec<u32>> {
    let words = pack(columns, rows);
    if words.is_empty() || is_sorted(&words, rows) {
        return None;
    }
    let mut pairs: Vec<(u64, u32)> = words[0].iter().copied().zip(0..).collect();
    pairs.sort_unstable();
    let mut work = vec![(0, rows, 1usize)];
    while let Some((start, end, next)) = work.pop() {
        let Some(word) = words.get(next) else { continue };
        let mut at = start;
        while at < end {
            let key = pairs[at].0;
            let mut stop = at + 1;
            while stop < end && pairs[stop].0 == key {
                stop += 1;
            }
            if stop - at > 1 {
                let run = &mut pairs[at..stop];
                run.iter_mut().for_each(|(key, row)| *key = word[*row as usize]);
                run.sort_unstable();
                work.push((at, stop, next + 1));
            }
            at = stop;
        }
    }
    Some(pairs.into_iter().map(|(_, row)| row).collect())
}

/// Packs the numbers of each row into words, the first column into the highest bits of the first.
fn pack(columns: &[Ordinals], rows: usize) -> Vec<Vec<u64>> {
    let total: u32 = columns.iter().map(|c| c.bits).sum();
    let mut words = vec![vec![0u64; rows]; total.div_ceil(64) as usize];
    let mut position = 0;
    for column in columns.iter().filter(|c| c.bits > 0) {
        let word = (position / 64) as usize;
        let free = 64 - position % 64;
        if column.bits <= free {
            let shift = free - column.bits;
            for (word, value) in words[word].iter_mut().zip(&column.values) {
                *word |= value << shift;
            }
        } else {
            let rest = column.bits - free;
            let (first, second) = words.split_at_mut(word + 1);
            let both = first[word].iter_mut().zip(&mut second[0]);
            for ((high, low), value) in both.zip(&column.values) {
                *high |= value >> rest;
                *low |= value << (64 - rest);
            }
        }
        position += column.bits;
    }
    words
}

fn is_sorted(words: &[Vec<u64>], rows: usize) -> bool {
    let first = &words[0];
    (1..rows).all(|row| {
        first[row - 1] < first[row]
            || (first[row - 1] == first[row]
                && words[1..]
                    .iter()
                    .map(|word| word[row - 1].cmp(&word[row]))
                    .find(|order| order.is_ne())
                    .is_none_or(std::cmp::Ordering::is_lt))
    })
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use proptest::prelude::{Strategy, any, proptest};
    use types::{DataType, Value, array_from_values};

    use super::{Ordinals, sort_rows};

    fn compare(a: &Value, b: &Value) -> Ordering {
        match (a, b) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => Ordering::Less,
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => match (a.is_nan(), b.is_nan()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                _ => a.partial_cmp(b).unwrap(),
            },
            (Value::Array(a), Value::Array(b)) => {
                let first = a.iter().zip(b.iter()).map(|(a, b)| compare(a, b));
                first.into_iter().find(|o| o.is_ne()).unwrap_or(a.len().cmp(&b.len()))
            }
            _ => panic!("values of two types"),
        }
    }

    fn check(types: &[&str], columns: &[Vec<Value>]) {
        let rows = columns[0].len();
        let ordinals: Vec<Ordinals> = types
            .iter()
            .zip(columns)
            .flat_map(|(name, values)| {
                let data_type = DataType::parse(name).unwrap();
                Ordinals::of_array(&array_from_values(&data_type, values).unwrap(), &data_type)
            })
            .collect();
        let mut expected: Vec<u32> = (0..rows as u32).collect();
        expected.sort_by(|a, b| {
            let keys = columns.iter().map(|c| compare(&c[*a as usize], &c[*b as usize]));
            keys.into_iter().find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        });
        let order = sort_rows(&ordinals, rows).unwrap_or_else(|| (0..rows as u32).collect());
        assert_eq!(order, expected, "{types:?} {columns:?}");
    }

    fn int(values: impl Strategy<Value = i128>) -> impl Strategy<Value = Value> {
        values.prop_map(Value::Int)
    }

    proptest! {
        #[test]
        fn rows_sort_as_their_values(rows in proptest::collection::vec(
            (int(0..4i128), int(i128::from(i64::MIN)..=i128::from(i64::MAX)),
             proptest::option::of(int(any::<u64>().prop_map(i128::from))), any::<f64>(), "[a\0b]{0,20}",
             int(any::<i128>())),
            0..60,
        )) {
            #[allow(clippy::type_complexity, reason = "a row of a strategy")]
            let column = |pick: &dyn Fn(&(Value, Value, Option<Value>, f64, String, Value)) -> Value| {
                rows.iter().map(pick).collect::<Vec<Value>>()
            };
            let few = column(&|r| r.0.clone());
            let signed = column(&|r| r.1.clone());
            let null = column(&|r| r.2.clone().unwrap_or(Value::Null));
            let float = column(&|r| Value::Float(r.3));
            let text = column(&|r| Value::from(r.4.as_str()));
            let wide = column(&|r| r.5.clone());
            let list = rows.iter().map(|r| {
                Value::Array(r.4.bytes().map(|b| Value::Int(i128::from(b))).collect())
            }).collect::<Vec<_>>();
            check(&["UInt8", "Int64"], &[few.clone(), signed]);
            check(&["UInt8", "Nullable(UInt64)", "String"], &[few.clone(), null, text.clone()]);
            check(&["UInt8", "Float64"], &[few.clone(), float]);
            check(&["String", "Int128"], &[text, wide]);
            check(&["UInt8", "Array(UInt8)"], &[few, list]);
        }
    }
}
