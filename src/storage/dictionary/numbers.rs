//! Integers in dictionaries: as bytes that compare as the integers do, and back.
//!
//! A dictionary keeps an integer as its ordinal: unsigned, with the sign bit turned for signed types, big-endian,
//! all of one width. A column gets one where its values repeat and spread too far to be group numbers by
//! themselves: identifiers, addresses, hashes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, Int32Array, Int64Array, UInt32Array, UInt64Array,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use base::{Error, Result};
use types::DataType;

use super::table::NULL;

/// Values within so many bits number groups by themselves.
const NARROW_BITS: u32 = 24;
/// A dictionary must fit into memory when parts are merged.
const MOST_VALUES: usize = 1 << 24;
/// Below so many rows a dictionary costs more than it saves.
const LEAST_ROWS: usize = 128;
/// Rows by which it is guessed whether a dictionary pays.
pub(crate) const SAMPLE: usize = 65_536;
/// How many times values other than the commonest are met on average, so that a dictionary pays.
const REPEATS: u64 = 3;

const SIGN_32: u64 = 1 << 31;
const SIGN_64: u64 = 1 << 63;

/// How the integers of a dictionary are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    UInt32,
    Int32,
    UInt64,
    Int64,
}

/// Rows as codes of sorted distinct values.
#[derive(Debug)]
pub(crate) struct NumberCodes {
    /// One a row, in the order that was asked for, `NULL` where the row is.
    pub codes: Vec<u32>,
    /// The distinct values, ascending.
    pub ordinals: Vec<u64>,
}

impl Numbers {
    /// Of a column that may have a dictionary of integers.
    pub(crate) fn of(data_type: &DataType) -> Option<Numbers> {
        match data_type.inner() {
            DataType::UInt32 => Some(Numbers::UInt32),
            DataType::Int32 => Some(Numbers::Int32),
            DataType::UInt64 => Some(Numbers::UInt64),
            DataType::Int64 => Some(Numbers::Int64),
            _ => None,
        }
    }

    /// Bytes of a value.
    pub(crate) fn width(self) -> usize {
        match self {
            Numbers::UInt32 | Numbers::Int32 => 4,
            Numbers::UInt64 | Numbers::Int64 => 8,
        }
    }

    /// The ordinals of all rows, NULL or not.
    pub(crate) fn ordinals(self, array: &dyn Array) -> Result<Vec<u64>> {
        let wrong = || Error::logical(format!("a column of numbers is {}", array.data_type()));
        Ok(match self {
            Numbers::UInt32 => {
                let values = array.as_primitive_opt::<UInt32Type>().ok_or_else(wrong)?.values();
                values.iter().map(|v| u64::from(*v)).collect()
            }
            Numbers::Int32 => {
                let values = array.as_primitive_opt::<Int32Type>().ok_or_else(wrong)?.values();
                values.iter().map(|v| u64::from(*v as u32) ^ SIGN_32).collect()
            }
            Numbers::UInt64 => {
                array.as_primitive_opt::<UInt64Type>().ok_or_else(wrong)?.values().to_vec()
            }
            Numbers::Int64 => {
                let values = array.as_primitive_opt::<Int64Type>().ok_or_else(wrong)?.values();
                values.iter().map(|v| *v as u64 ^ SIGN_64).collect()
            }
        })
    }

    /// The integers of some ordinals.
    pub(crate) fn array(
        self,
        ordinals: impl Iterator<Item = u64>,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        match self {
            Numbers::UInt32 => {
                let values: ScalarBuffer<u32> = ordinals.map(|o| o as u32).collect();
                Arc::new(UInt32Array::new(values, nulls))
            }
            Numbers::Int32 => {
                let values: ScalarBuffer<i32> = ordinals.map(|o| (o ^ SIGN_32) as i32).collect();
                Arc::new(Int32Array::new(values, nulls))
            }
            Numbers::UInt64 => {
                Arc::new(UInt64Array::new(ordinals.collect::<ScalarBuffer<u64>>(), nulls))
            }
            Numbers::Int64 => {
                let values: ScalarBuffer<i64> = ordinals.map(|o| (o ^ SIGN_64) as i64).collect();
                Arc::new(Int64Array::new(values, nulls))
            }
        }
    }

    /// The bytes of an ordinal are the last `width` of these.
    pub(crate) fn bytes(self, ordinal: u64) -> ([u8; 8], usize) {
        (ordinal.to_be_bytes(), 8 - self.width())
    }

    /// Appends the ordinals of values that lie one after another.
    pub(crate) fn read(self, bytes: &[u8], ordinals: &mut Vec<u64>) {
        let eight = |value: &[u8; 8]| u64::from_be_bytes(*value);
        let four = |value: &[u8; 4]| u64::from(u32::from_be_bytes(*value));
        match self.width() {
            4 => ordinals.extend(bytes.as_chunks().0.iter().map(four)),
            _ => ordinals.extend(bytes.as_chunks().0.iter().map(eight)),
        }
    }

    /// The ordinal of a value; the error says whether it lies below all values of the type.
    pub(crate) fn ordinal_of(self, value: i128) -> std::result::Result<u64, bool> {
        let (least, most): (i128, i128) = match self {
            Numbers::UInt32 => (0, u32::MAX.into()),
            Numbers::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Numbers::UInt64 => (0, u64::MAX.into()),
            Numbers::Int64 => (i64::MIN.into(), i64::MAX.into()),
        };
        if value < least || value > most {
            return Err(value < least);
        }
        Ok(value.wrapping_sub(least) as u64)
    }

    /// Whether values between these are far enough apart for a dictionary.
    pub(crate) fn spread(min: i128, max: i128) -> bool {
        (max - min) >> NARROW_BITS > 0
    }

    /// The least and the greatest value, whatever stands under NULL included.
    fn bounds(self, array: &dyn Array) -> Option<(i128, i128)> {
        fn of<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<(i128, i128)>
        where
            T::Native: Ord + Into<i128>,
        {
            let values = array.as_primitive_opt::<T>()?.values();
            let (min, max) = (values.iter().copied().min()?, values.iter().copied().max()?);
            Some((min.into(), max.into()))
        }
        match self {
            Numbers::UInt32 => of::<UInt32Type>(array),
            Numbers::Int32 => of::<Int32Type>(array),
            Numbers::UInt64 => of::<UInt64Type>(array),
            Numbers::Int64 => of::<Int64Type>(array),
        }
    }

    /// The rows of an array as codes, where a dictionary pays; in another order of rows, if one is given: sorted
    /// rows often repeat the value before.
    pub(crate) fn codes(
        self,
        array: &dyn Array,
        order: Option<&[u32]>,
    ) -> Result<Option<NumberCodes>> {
        let rows = array.len();
        let nulls = array.nulls().filter(|n| n.null_count() > 0);
        if rows < LEAST_ROWS
            || rows >= NULL as usize
            || nulls.is_some_and(|n| n.null_count() == rows)
        {
            return Ok(None);
        }
        if self.bounds(array).is_none_or(|(min, max)| !Numbers::spread(min, max)) {
            return Ok(None);
        }
        let ordinals = self.ordinals(array)?;
        let valid = |row: usize| nulls.is_none_or(|n| n.is_valid(row));
        let Some(expected) = expected_values(&ordinals, &valid, rows) else { return Ok(None) };
        let mut gathered = Gathered::with_capacity(expected.min(MOST_VALUES));
        let mut codes = Vec::with_capacity(rows);
        let mut take = |row: usize| {
            codes.push(if valid(row) { gathered.id(ordinals[row]) } else { NULL });
            gathered.counts.len() <= MOST_VALUES
        };
        let fits = match order {
            None => (0..rows).all(&mut take),
            Some(order) => order.iter().all(|row| take(*row as usize)),
        };
        if !fits {
            return Ok(None);
        }
        if !gathered.pays() {
            return Ok(None);
        }
        let mut order: Vec<(u64, u32)> = gathered.ids.into_iter().collect();
        order.sort_unstable();
        let mut ranks = vec![0u32; order.len()];
        for (rank, (_, id)) in order.iter().enumerate() {
            ranks[*id as usize] = rank as u32;
        }
        codes.iter_mut().filter(|c| **c != NULL).for_each(|c| *c = ranks[*c as usize]);
        Ok(Some(NumberCodes { codes, ordinals: order.into_iter().map(|(o, _)| o).collect() }))
    }

    /// Whether a dictionary may pay, judged by the first of `rows` rows.
    pub(crate) fn likely_pays(self, first: &dyn Array, rows: usize) -> Result<bool> {
        let nulls = first.nulls().filter(|n| n.null_count() > 0);
        let valid = |row: usize| nulls.is_none_or(|n| n.is_valid(row));
        Ok(expected_values(&self.ordinals(first)?, &valid, rows).is_some())
    }

    /// Whether a dictionary of so many values pays when parts that have one are merged.
    pub(crate) fn merged_pays(distinct: u64, rows: u64) -> bool {
        distinct <= MOST_VALUES as u64 && distinct * REPEATS <= rows
    }
}

/// Distinct values with how often they were met.
#[derive(Default)]
struct Gathered {
    ids: HashMap<u64, u32, foldhash::fast::RandomState>,
    counts: Vec<u32>,
    last: Option<(u64, u32)>,
}

impl Gathered {
    fn with_capacity(values: usize) -> Gathered {
        Gathered {
            ids: HashMap::with_capacity_and_hasher(values, foldhash::fast::RandomState::default()),
            counts: Vec::with_capacity(values),
            last: None,
        }
    }

    fn id(&mut self, ordinal: u64) -> u32 {
        let id = match self.last {
            Some((last, id)) if last == ordinal => id,
            _ => {
                let next = self.counts.len() as u32;
                let id = *self.ids.entry(ordinal).or_insert(next);
                if id == next {
                    self.counts.push(0);
                }
                self.last = Some((ordinal, id));
                id
            }
        };
        self.counts[id as usize] += 1;
        id
    }

    /// Rows with other values than the commonest, and how many such values there are.
    fn uncommon(&self) -> (u64, u64) {
        let rows: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let most = self.counts.iter().max().copied().unwrap_or(0);
        (rows - u64::from(most), (self.counts.len() as u64).saturating_sub(1))
    }

    fn pays(&self) -> bool {
        let (rows, distinct) = self.uncommon();
        distinct > 0 && distinct * REPEATS <= rows
    }
}

/// Guesses from the first rows how many values there are, if they repeat often enough for a dictionary. Of N
/// equally likely values, m draws give about m * m / 2N equal pairs, which tells N; skew makes more pairs, so that
/// this errs towards trying.
fn expected_values(ordinals: &[u64], valid: &dyn Fn(usize) -> bool, rows: usize) -> Option<usize> {
    let sample = ordinals.len().min(SAMPLE);
    let mut gathered = Gathered::default();
    (0..sample).filter(|row| valid(*row)).for_each(|row| _ = gathered.id(ordinals[row]));
    let (drawn, distinct) = gathered.uncommon();
    if distinct == drawn {
        return (drawn == 0).then_some(1);
    }
    let drawn = drawn as f64;
    let population = drawn * drawn / (2.0 * (drawn - distinct as f64));
    let all = drawn * rows as f64 / sample as f64;
    let expected = population * (1.0 - (-all / population).exp());
    (expected * (REPEATS - 1) as f64 <= all).then_some(expected as usize + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int32Array, Int64Array, UInt32Array, UInt64Array};
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{NULL, Numbers};

    fn array_of(numbers: Numbers, values: &[i64]) -> ArrayRef {
        match numbers {
            Numbers::UInt32 => {
                Arc::new(UInt32Array::from_iter_values(values.iter().map(|v| *v as u32)))
            }
            Numbers::Int32 => {
                Arc::new(Int32Array::from_iter_values(values.iter().map(|v| *v as i32)))
            }
            Numbers::UInt64 => {
                Arc::new(UInt64Array::from_iter_values(values.iter().map(|v| *v as u64)))
            }
            Numbers::Int64 => Arc::new(Int64Array::from_iter_values(values.iter().copied())),
        }
    }

    proptest! {
        #[test]
        fn bytes_give_the_values_back_in_order(mut values: Vec<i64>, kind in 0usize..4) {
            let kinds = [Numbers::UInt32, Numbers::Int32, Numbers::UInt64, Numbers::Int64];
            let numbers = kinds[kind];
            values.extend([0, -1, 1, i64::MIN, i64::MAX, i64::from(i32::MIN), i64::from(u32::MAX)]);
            let array = array_of(numbers, &values);
            let ordinals = numbers.ordinals(&array).unwrap();
            let bytes: Vec<u8> = ordinals
                .iter()
                .flat_map(|o| {
                    let (bytes, skipped) = numbers.bytes(*o);
                    bytes[skipped..].to_vec()
                })
                .collect();
            let mut read = Vec::new();
            numbers.read(&bytes, &mut read);
            prop_assert_eq!(&read, &ordinals);
            prop_assert_eq!(&numbers.array(read.into_iter(), None), &array);
        }

        #[test]
        fn codes_point_at_their_values(seed: u64, distinct in 2u64..900, nullable: bool) {
            let value = |n: u64| (n % distinct).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
            let values: Vec<Option<u64>> = (0..3000u64)
                .map(|n| (!nullable || n % 7 != 3).then(|| value(n * n)))
                .collect();
            let array = UInt64Array::from(values.clone());
            let order: Vec<u32> = (0..values.len() as u32).rev().collect();
            let turned = Numbers::UInt64.codes(&array, Some(&order)).unwrap();
            if let Some(coded) = Numbers::UInt64.codes(&array, None).unwrap() {
                let turned = turned.unwrap();
                prop_assert_eq!(&turned.ordinals, &coded.ordinals);
                assert!(turned.codes.iter().rev().eq(&coded.codes));
                prop_assert_eq!(coded.codes.len(), values.len());
                assert!(coded.ordinals.windows(2).all(|pair| pair[0] < pair[1]));
                for (code, value) in coded.codes.iter().zip(&values) {
                    match value {
                        None => prop_assert_eq!(*code, NULL),
                        Some(value) => prop_assert_eq!(coded.ordinals[*code as usize], *value),
                    }
                }
            }
        }

        #[test]
        fn ordinals_of_values_outside_the_type_tell_the_side(value in any::<i64>()) {
            let wide = i128::from(value) * 8;
            for numbers in [Numbers::UInt32, Numbers::Int32, Numbers::UInt64, Numbers::Int64] {
                match numbers.ordinal_of(wide) {
                    Err(below) => prop_assert_eq!(below, wide < 0),
                    Ok(ordinal) => {
                        let back = numbers.array(std::iter::once(ordinal), None);
                        prop_assert_eq!(&back, &array_of(numbers, &[wide as i64]));
                    }
                }
            }
        }
    }

    #[test]
    fn only_columns_that_repeat_and_spread_get_a_dictionary() {
        let codes =
            |values: Vec<u64>| Numbers::UInt64.codes(&UInt64Array::from(values), None).unwrap();
        let wide = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert!(codes((0..100_000).map(|n| wide(n % 10_000)).collect()).is_some());
        assert!(codes((0..100_000).map(wide).collect()).is_none(), "all distinct");
        assert!(codes((0..100_000).map(|n| n % 10_000).collect()).is_none(), "narrow");
        assert!(codes((0..100).map(|n| wide(n % 10)).collect()).is_none(), "few rows");
        // Most rows have one value, the others are distinct.
        assert!(
            codes((0..100_000).map(|n| if n % 5 == 0 { wide(n) } else { 0 }).collect()).is_none()
        );
    }
}
