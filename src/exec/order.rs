//! Comparing rows by sort keys.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, FixedSizeBinaryArray};
use arrow_buffer::NullBuffer;
use base::{Result, bail};
use plan::SortKey;
use types::{Column, DataType, Physical, Value, value_at};

/// The sort keys of some rows, ready to be compared.
pub(crate) struct Order {
    keys: Vec<OrderKey>,
}

struct OrderKey {
    values: Values,
    /// NULL and NaN: not compared, placed first or last.
    placed: Option<NullBuffer>,
    descending: bool,
    placed_first: bool,
}

/// Values in a form whose order is theirs.
enum Values {
    Same,
    Words(Vec<u64>),
    Wide(Vec<u128>),
    Bytes(BinaryViewArray),
    Fixed(FixedSizeBinaryArray),
    Any(ArrayRef, DataType),
}

impl Order {
    /// For the evaluated keys of some rows.
    pub(crate) fn new(columns: &[Column], types: &[DataType], keys: &[SortKey]) -> Result<Order> {
        let mut all = Vec::with_capacity(keys.len());
        for ((column, data_type), key) in columns.iter().zip(types).zip(keys) {
            let (values, placed) = match column {
                Column::Constant { .. } => (Values::Same, None),
                Column::Dictionary(coded) => (
                    Values::Words(coded.codes.iter().map(|c| u64::from(*c)).collect()),
                    coded.nulls.clone(),
                ),
                Column::Flat(array) => {
                    values_of(array, data_type, key.nulls_first == key.descending)
                }
            };
            all.push(OrderKey {
                values,
                placed,
                descending: key.descending,
                placed_first: key.nulls_first,
            });
        }
        Ok(Order { keys: all })
    }

    /// The order of two rows.
    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        for key in &self.keys {
            let ordering = key.compare(a as usize, b as usize);
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }

    /// Sorts row numbers; rows that are equal keep their order.
    pub(crate) fn sort(&self, rows: &mut [u32]) {
        if let [OrderKey { values: Values::Words(words), placed: None, descending, .. }] =
            self.keys.as_slice()
        {
            if *descending {
                rows.sort_by_key(|row| std::cmp::Reverse(words[*row as usize]));
            } else {
                rows.sort_by_key(|row| words[*row as usize]);
            }
            return;
        }
        rows.sort_by(|a, b| self.compare(*a, *b));
    }

    /// The numbers of the first `count` of `rows` rows in order.
    pub(crate) fn smallest(&self, rows: usize, count: usize) -> Vec<u32> {
        if count == 0 {
            return Vec::new();
        }
        if count < rows / 16 {
            return self.first(rows, count);
        }
        let mut numbers: Vec<u32> = (0..rows as u32).collect();
        if count < rows {
            let by_place = |a: &u32, b: &u32| self.compare(*a, *b).then(a.cmp(b));
            numbers.select_nth_unstable_by(count - 1, by_place);
            numbers.truncate(count);
            numbers.sort_unstable();
        }
        self.sort(&mut numbers);
        numbers
    }
}

impl Order {
    /// As `smallest` for few rows of many: rows are gathered until there are twice as many as wanted, then the
    /// worse half goes and its best row is what others must beat.
    fn first(&self, rows: usize, count: usize) -> Vec<u32> {
        let by_place = |a: &u32, b: &u32| self.compare(*a, *b).then(a.cmp(b));
        let mut numbers: Vec<u32> = Vec::with_capacity(count * 2);
        let mut bound: Option<u32> = None;
        for row in 0..rows as u32 {
            if bound.is_some_and(|bound| {
                self.is_surely_after(row, bound) || self.compare(row, bound) != Ordering::Less
            }) {
                continue;
            }
            numbers.push(row);
            if numbers.len() == count * 2 {
                numbers.select_nth_unstable_by(count - 1, by_place);
                numbers.truncate(count);
                bound = numbers.last().copied();
            }
        }
        numbers.sort_unstable_by(by_place);
        numbers.truncate(count);
        numbers
    }
}

impl Order {
    /// Whether the first key alone tells, without a look at its kind, that row `a` comes after row `b`.
    #[inline]
    fn is_surely_after(&self, a: u32, b: u32) -> bool {
        let Some(OrderKey { values: Values::Words(words), placed: None, descending, .. }) =
            self.keys.first()
        else {
            return false;
        };
        let (a, b) = (words[a as usize], words[b as usize]);
        if *descending { a < b } else { a > b }
    }
}

impl OrderKey {
    fn compare(&self, a: usize, b: usize) -> Ordering {
        if let Some(valid) = &self.placed {
            match (valid.is_valid(a), valid.is_valid(b)) {
                (true, true) => {}
                (false, false) => return Ordering::Equal,
                (false, true) if self.placed_first => return Ordering::Less,
                (true, false) if !self.placed_first => return Ordering::Less,
                _ => return Ordering::Greater,
            }
        }
        let ordering = match &self.values {
            Values::Same => Ordering::Equal,
            Values::Words(words) => words[a].cmp(&words[b]),
            Values::Wide(words) => words[a].cmp(&words[b]),
            Values::Bytes(array) => array.value(a).cmp(array.value(b)),
            Values::Fixed(array) => array.value(a).cmp(array.value(b)),
            Values::Any(array, data_type) => {
                let (a, b) = (value_at(array, data_type, a), value_at(array, data_type, b));
                compare_values(&a, &b, data_type, self.placed_first == self.descending)
            }
        };
        if self.descending { ordering.reverse() } else { ordering }
    }
}

/// The values to compare and where they are NULL. With `nan_greater` NaN is the greatest value, else the least, so
/// that it stands where NULLs do, on their inner side.
fn values_of(
    array: &ArrayRef,
    data_type: &DataType,
    nan_greater: bool,
) -> (Values, Option<NullBuffer>) {
    fn words<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        convert: impl Fn(T::Native) -> u64,
    ) -> Values {
        Values::Words(array.as_primitive::<T>().values().iter().map(|v| convert(*v)).collect())
    }
    let nulls = array.nulls().cloned();
    let signed = |v: i64| (v as u64) ^ (1 << 63);
    let values = match data_type.physical() {
        Physical::UInt8 => words::<UInt8Type>(array, u64::from),
        Physical::UInt16 => words::<UInt16Type>(array, u64::from),
        Physical::UInt32 => words::<UInt32Type>(array, u64::from),
        Physical::UInt64 => words::<UInt64Type>(array, |v| v),
        Physical::Int8 => words::<Int8Type>(array, |v| signed(i64::from(v))),
        Physical::Int16 => words::<Int16Type>(array, |v| signed(i64::from(v))),
        Physical::Int32 => words::<Int32Type>(array, |v| signed(i64::from(v))),
        Physical::Int64 => words::<Int64Type>(array, signed),
        Physical::Float32 => {
            words::<Float32Type>(array, |v| float_order(f64::from(v), nan_greater))
        }
        Physical::Float64 => words::<Float64Type>(array, |v| float_order(v, nan_greater)),
        Physical::Int128 => {
            let flip = if data_type.is_unsigned_128() { 0 } else { 1u128 << 127 };
            let values = array.as_primitive::<Decimal128Type>().values();
            Values::Wide(values.iter().map(|v| (*v as u128) ^ flip).collect())
        }
        Physical::Bytes => Values::Bytes(array.as_binary_view().clone()),
        Physical::Fixed(_) => Values::Fixed(array.as_fixed_size_binary().clone()),
        Physical::List | Physical::Struct => Values::Any(array.clone(), data_type.clone()),
    };
    (values, nulls)
}

/// Numbers, dates and times as integers of the same order, and which of them are neither NULL nor NaN.
pub(crate) fn ordered_numbers(
    column: &Column,
    data_type: &DataType,
) -> Result<(Vec<u128>, Option<NullBuffer>)> {
    let (values, placed) = values_of(&column.to_flat()?, data_type, true);
    match values {
        Values::Words(words) if data_type.inner().is_float() => {
            let numbers: NullBuffer = words.iter().map(|word| *word != u64::MAX).collect();
            let placed = NullBuffer::union(placed.as_ref(), Some(&numbers));
            Ok((words.into_iter().map(u128::from).collect(), placed))
        }
        Values::Words(words) => Ok((words.into_iter().map(u128::from).collect(), placed)),
        Values::Wide(words) => Ok((words, placed)),
        _ => bail!(LogicalError, "values of {data_type} are no numbers"),
    }
}

/// Bits of a float whose order as integers is the float's; both zeros are equal.
fn float_order(value: f64, nan_greater: bool) -> u64 {
    if value.is_nan() {
        return if nan_greater { u64::MAX } else { 0 };
    }
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The order of arrays and tuples: element by element; NaN and, beyond it, NULL are the greatest or the least.
fn compare_values(a: &Value, b: &Value, data_type: &DataType, null_greater: bool) -> Ordering {
    let beyond = |value: &Value| match value {
        Value::Null => 2,
        Value::Float(value) if value.is_nan() => 1,
        _ => 0,
    };
    match (beyond(a), beyond(b)) {
        (0, 0) => {}
        (a, b) if null_greater => return a.cmp(&b),
        (a, b) => return b.cmp(&a),
    }
    match (a, b) {
        (Value::Int(a), Value::Int(b)) if data_type.is_unsigned_128() => {
            (*a as u128).cmp(&(*b as u128))
        }
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            let pairs = a.iter().zip(b.iter());
            first_difference(pairs.map(|(a, b)| compare_values(a, b, &item, null_greater)))
                .then(a.len().cmp(&b.len()))
        }
        (Value::Tuple(a), Value::Tuple(b)) => {
            let DataType::Tuple(fields) = data_type.inner() else { return Ordering::Equal };
            let places = a.iter().zip(b.iter()).zip(fields.iter());
            first_difference(
                places.map(|((a, b), f)| compare_values(a, b, &f.data_type, null_greater)),
            )
        }
        _ => Ordering::Equal,
    }
}

fn first_difference(mut orderings: impl Iterator<Item = Ordering>) -> Ordering {
    orderings.find(|ordering| *ordering != Ordering::Equal).unwrap_or(Ordering::Equal)
}
