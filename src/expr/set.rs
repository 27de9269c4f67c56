//! The right-hand side of `IN`: distinct values, looked up by hash.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};
use base::Result;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};
use types::{DataType, Physical, Value, array_from_values, value_at};

use crate::bloom::Bloom;

/// A set of values of one type (a tuple for several columns).
///
/// Invariants: `values` has the layout of `data_type` and no NULL; whether NULL was among the
/// elements is kept apart. A set that was written and read again is exact.
#[derive(Serialize, Deserialize)]
#[serde(into = "PlainSet", try_from = "PlainSet")]
pub struct Set {
    data_type: DataType,
    values: ArrayRef,
    has_null: bool,
    /// Whether other values may pass as elements too.
    approximate: bool,
    bounds: OnceLock<Option<(i128, i128)>>,
    lookup: OnceLock<Lookup>,
}

#[derive(Serialize, Deserialize, Clone)]
struct PlainSet {
    data_type: DataType,
    values: Vec<Value>,
    has_null: bool,
}

/// Ranges up to so many times the number of values are looked up in a bitmap, and any up to the second number.
const DENSE: u64 = 64;
const SMALL_RANGE: u64 = 1 << 24;

/// The same for approximate sets, which are asked for many rows: a bit that lies near the one before costs less
/// than a hash.
const DENSE_ENOUGH: u64 = 128;
const LARGE_RANGE: u64 = 1 << 25;

enum Lookup {
    /// Integers from a base on, a bit each.
    Range(u64, BooleanBuffer),
    Bits(HashSet<u64>),
    Wide(HashSet<i128>),
    /// Any number of 64 or 128 bits, by its hash.
    Bloom(Bloom),
    Bytes(HashSet<Box<[u8]>>),
    Values(HashSet<Value>),
}

impl Set {
    /// A set of the rows of an array; NULLs are taken out and remembered.
    pub fn new(data_type: DataType, values: ArrayRef) -> Result<Set> {
        let data_type = match data_type {
            DataType::Nullable(inner) => inner.as_ref().clone(),
            other => other,
        };
        let has_null = values.null_count() > 0;
        let values = match values.nulls() {
            Some(nulls) if has_null => {
                let mask = BooleanArray::new(nulls.inner().clone(), None);
                let kept = arrow_select::filter::filter(&values, &mask);
                kept.map_err(|e| base::Error::logical(e.to_string()))?
            }
            _ => values,
        };
        let (bounds, lookup) = (OnceLock::new(), OnceLock::new());
        Ok(Set { data_type, values, has_null, approximate: false, bounds, lookup })
    }

    /// The same elements, among which others may be found too where that is cheaper. Of no use as a condition of
    /// a query, only for leaving out rows early that would be left out later.
    #[must_use]
    pub fn approximate(self) -> Set {
        Set { approximate: true, lookup: OnceLock::new(), ..self }
    }

    /// The set without tuples that have a NULL in them, which equal nothing.
    ///
    /// # Errors
    /// Those of taking values out of arrays.
    pub fn without_null_fields(self) -> Result<Set> {
        let DataType::Tuple(_) = &self.data_type else { return Ok(self) };
        let columns = self.values.as_struct().columns();
        let whole = columns
            .iter()
            .fold(None, |all, column| NullBuffer::union(all.as_ref(), column.nulls()));
        let Some(whole) = whole else { return Ok(self) };
        let mask = BooleanArray::new(whole.inner().clone(), None);
        let kept = arrow_select::filter::filter(&self.values, &mask);
        let values = kept.map_err(|e| base::Error::logical(e.to_string()))?;
        Ok(Set { values, ..self })
    }

    /// The type of the elements, not nullable.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The elements without NULL; the same one may stand there twice.
    pub fn values(&self) -> &ArrayRef {
        &self.values
    }

    /// Whether NULL was among the elements.
    pub fn has_null(&self) -> bool {
        self.has_null
    }

    /// Which rows of an array (of the set's type) are elements. NULL rows are not.
    pub fn contains(&self, array: &ArrayRef) -> BooleanBuffer {
        let lookup = self.lookup.get_or_init(|| self.build());
        let found = match lookup {
            Lookup::Range(base, set) => {
                let keys = bits(array, self.data_type.physical());
                BooleanBuffer::collect_bool(keys.len(), |row| {
                    let at = keys[row].wrapping_sub(*base);
                    at < set.len() as u64 && set.value(at as usize)
                })
            }
            Lookup::Bits(set) => {
                let keys = bits(array, self.data_type.physical());
                BooleanBuffer::collect_bool(keys.len(), |row| set.contains(&keys[row]))
            }
            Lookup::Bloom(bloom) if self.data_type.physical() == Physical::Int128 => {
                let keys = array.as_primitive::<Decimal128Type>().values();
                BooleanBuffer::collect_bool(keys.len(), |row| bloom.contains(keys[row] as u128))
            }
            Lookup::Bloom(bloom) => {
                let keys = bits(array, self.data_type.physical());
                BooleanBuffer::collect_bool(keys.len(), |row| bloom.contains(keys[row]))
            }
            Lookup::Wide(set) => {
                let keys = array.as_primitive::<Decimal128Type>().values();
                BooleanBuffer::collect_bool(keys.len(), |row| set.contains(&keys[row]))
            }
            Lookup::Bytes(set) => match self.data_type.physical() {
                Physical::Bytes => {
                    let keys = array.as_binary_view();
                    BooleanBuffer::collect_bool(keys.len(), |row| set.contains(keys.value(row)))
                }
                _ => {
                    let keys = array.as_fixed_size_binary();
                    BooleanBuffer::collect_bool(keys.len(), |row| set.contains(keys.value(row)))
                }
            },
            Lookup::Values(set) => BooleanBuffer::collect_bool(array.len(), |row| {
                set.contains(&value_at(array, &self.data_type, row))
            }),
        };
        match array.nulls() {
            Some(nulls) => &found & nulls.inner(),
            None => found,
        }
    }

    /// The least and the greatest element, of integers of at most 64 bits.
    pub fn bounds(&self) -> Option<(i128, i128)> {
        *self.bounds.get_or_init(|| self.find_bounds())
    }

    fn find_bounds(&self) -> Option<(i128, i128)> {
        let physical = self.data_type.physical();
        let signed = matches!(
            physical,
            Physical::Int8 | Physical::Int16 | Physical::Int32 | Physical::Int64
        );
        let unsigned = matches!(
            physical,
            Physical::UInt8 | Physical::UInt16 | Physical::UInt32 | Physical::UInt64
        );
        let values = bits(&self.values, physical);
        if signed {
            let least = values.iter().map(|v| *v as i64).min()?;
            return Some((least.into(), values.iter().map(|v| *v as i64).max()?.into()));
        }
        let bounds = values.iter().min().zip(values.iter().max()).filter(|_| unsigned);
        bounds.map(|(least, most)| (i128::from(*least), i128::from(*most)))
    }

    /// The bits of the least element and the length of the range, where a bitmap of it is not too large.
    fn range(&self) -> Option<(u64, usize)> {
        let (least, most) = self.bounds()?;
        let length = u64::try_from(most - least + 1).ok()?;
        let (small, dense) =
            if self.approximate { (LARGE_RANGE, DENSE_ENOUGH) } else { (SMALL_RANGE, DENSE) };
        let most = small.max(dense.saturating_mul(self.values.len() as u64));
        // A few values are found as fast in a hash set, without clearing a bitmap for them.
        let few = self.values.len() as u64 * 1024 < length && length > 1 << 16;
        (length <= most && !few).then_some((least as u64, length as usize))
    }

    fn build(&self) -> Lookup {
        match self.data_type.physical() {
            Physical::Int128 if self.approximate => {
                let values = self.values.as_primitive::<Decimal128Type>().values();
                Lookup::Bloom(Bloom::new(values.iter().map(|v| *v as u128)))
            }
            Physical::Int128 => {
                let values = self.values.as_primitive::<Decimal128Type>().values();
                Lookup::Wide(values.iter().copied().collect())
            }
            Physical::Bytes => {
                let values = self.values.as_binary_view();
                Lookup::Bytes((0..values.len()).map(|row| values.value(row).into()).collect())
            }
            Physical::Fixed(_) => {
                let values = self.values.as_fixed_size_binary();
                Lookup::Bytes((0..values.len()).map(|row| values.value(row).into()).collect())
            }
            Physical::List | Physical::Struct => Lookup::Values(
                (0..self.values.len())
                    .map(|row| value_at(&self.values, &self.data_type, row))
                    .collect(),
            ),
            physical => match self.range() {
                Some((base, length)) => {
                    let mut set = BooleanBufferBuilder::new(length);
                    set.append_n(length, false);
                    for value in bits(&self.values, physical).iter() {
                        set.set_bit(value.wrapping_sub(base) as usize, true);
                    }
                    Lookup::Range(base, set.finish())
                }
                None if self.approximate => {
                    Lookup::Bloom(Bloom::new(bits(&self.values, physical).iter().copied()))
                }
                None => Lookup::Bits(bits(&self.values, physical).iter().copied().collect()),
            },
        }
    }
}

/// The values of a primitive of at most 64 bits as 64 bits; equal values give equal bits.
fn bits(array: &ArrayRef, physical: Physical) -> Cow<'_, [u64]> {
    fn of<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        convert: impl Fn(T::Native) -> u64,
    ) -> Cow<'_, [u64]> {
        Cow::Owned(array.as_primitive::<T>().values().iter().map(|v| convert(*v)).collect())
    }
    fn same<T: ArrowPrimitiveType>(array: &ArrayRef) -> Cow<'_, [u64]> {
        Cow::Borrowed(array.as_primitive::<T>().values().inner().typed_data::<u64>())
    }
    match physical {
        Physical::UInt8 => of::<UInt8Type>(array, u64::from),
        Physical::UInt16 => of::<UInt16Type>(array, u64::from),
        Physical::UInt32 => of::<UInt32Type>(array, u64::from),
        Physical::UInt64 => same::<UInt64Type>(array),
        Physical::Int8 => of::<Int8Type>(array, |v| v as u64),
        Physical::Int16 => of::<Int16Type>(array, |v| v as u64),
        Physical::Int32 => of::<Int32Type>(array, |v| v as u64),
        Physical::Int64 => same::<Int64Type>(array),
        // 0 and -0 are elements of their own, as in ClickHouse.
        Physical::Float32 => of::<Float32Type>(array, |v| f64::from(v).to_bits()),
        Physical::Float64 => of::<Float64Type>(array, f64::to_bits),
        Physical::Int128
        | Physical::Bytes
        | Physical::Fixed(_)
        | Physical::List
        | Physical::Struct => Cow::Borrowed(&[]),
    }
}

impl From<Set> for PlainSet {
    fn from(set: Set) -> PlainSet {
        PlainSet {
            values: (0..set.values.len())
                .map(|r| value_at(&set.values, &set.data_type, r))
                .collect(),
            data_type: set.data_type,
            has_null: set.has_null,
        }
    }
}

impl TryFrom<PlainSet> for Set {
    type Error = base::Error;

    fn try_from(plain: PlainSet) -> Result<Set> {
        let values = array_from_values(&plain.data_type, &plain.values)?;
        let mut set = Set::new(plain.data_type, values)?;
        set.has_null = plain.has_null;
        Ok(set)
    }
}

impl Clone for Set {
    fn clone(&self) -> Set {
        Set {
            data_type: self.data_type.clone(),
            values: Arc::clone(&self.values),
            has_null: self.has_null,
            approximate: self.approximate,
            bounds: self.bounds.clone(),
            lookup: OnceLock::new(),
        }
    }
}

impl PartialEq for Set {
    fn eq(&self, other: &Set) -> bool {
        self.data_type == other.data_type
            && self.has_null == other.has_null
            && self.values.as_ref() == other.values.as_ref()
    }
}

impl Eq for Set {}

impl Hash for Set {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.data_type.hash(state);
        self.values.len().hash(state);
        for row in 0..self.values.len().min(64) {
            value_at(&self.values, &self.data_type, row).hash(state);
        }
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Set({} of {})", self.values.len(), self.data_type)
    }
}
