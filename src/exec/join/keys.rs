//! Key columns of a join -> one number a row, equal for equal keys of both sides.
//!
//! What the side that is built holds decides the form:
//! - Values of fixed width lose what all have in common: of every column the least value is taken off, and
//!   the differences, of as few bits as the greatest needs, stand side by side in 64 bits, or in 128.
//! - Anything else is interned: distinct keys are numbered as rows of bytes (a single string as it is).
//!
//! Rows that can match nothing, because a key is NULL or lies outside of what the built side holds, get
//! [`JoinKey::NONE`], which no key is.

use arrow_array::cast::AsArray;
use arrow_array::types::Decimal128Type;
use arrow_array::{Array, ArrayRef};
use base::Result;
use expr::TableKey;
use types::{Column, DataType, Physical};

use crate::interner::Interner;
use crate::key_bits::{each_bits, fixed_width};
use crate::rows;

/// A packed key.
pub(super) trait JoinKey: TableKey + Ord {
    /// Stands for a key that equals nothing.
    const NONE: Self;

    /// A part of a key in its place.
    fn part(code: u64, shift: u32) -> Self;

    /// Adds a part; nothing changes [`JoinKey::NONE`].
    fn add(&mut self, part: Self);
}

impl JoinKey for u64 {
    const NONE: u64 = u64::MAX;

    fn part(code: u64, shift: u32) -> u64 {
        code.unbounded_shl(shift)
    }

    fn add(&mut self, part: u64) {
        *self |= part;
    }
}

impl JoinKey for u128 {
    const NONE: u128 = u128::MAX;

    fn part(code: u64, shift: u32) -> u128 {
        u128::from(code).unbounded_shl(shift)
    }

    fn add(&mut self, part: u128) {
        *self |= part;
    }
}

/// The keys of some rows.
pub(super) enum Keys {
    Narrow(Vec<u64>),
    Wide(Vec<u128>),
}

/// How keys are made.
pub(super) struct KeyForm {
    columns: Vec<KeyColumn>,
    kind: FormKind,
}

enum FormKind {
    Narrow,
    Wide,
    Interned(Interner),
}

struct KeyColumn {
    data_type: DataType,
    /// The least value of the built side.
    base: i128,
    /// How far the greatest lies above it.
    span: u64,
    shift: u32,
}

impl KeyForm {
    /// The form for a built side with these key columns, block by block.
    pub(super) fn new(types: &[DataType], blocks: &[Vec<ArrayRef>]) -> KeyForm {
        let mut columns = Vec::with_capacity(types.len());
        let mut shift = 0;
        let mut largest = Some(0u128);
        for (at, data_type) in types.iter().enumerate() {
            let together = |all: Option<(i128, i128)>, block: &Vec<ArrayRef>| {
                Some(match (all, bounds(&block[at], data_type)?) {
                    (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                    (a, b) => a.or(b),
                })
            };
            let bounds = blocks.iter().try_fold(None, together);
            let (base, span) = match bounds {
                Some(Some((least, most))) => (least, u64::try_from(most.wrapping_sub(least)).ok()),
                Some(None) => (0, Some(0)),
                None => (0, None),
            };
            let width = span.map_or(129, |span| u64::BITS - span.leading_zeros());
            largest = match (largest, span) {
                (Some(all), Some(span)) if shift + width <= 128 => {
                    Some(all | u128::from(span).checked_shl(shift).unwrap_or(0))
                }
                _ => None,
            };
            let span = span.unwrap_or(0);
            columns.push(KeyColumn { data_type: data_type.clone(), base, span, shift });
            shift = (shift + width).min(200);
        }
        let kind = match largest {
            Some(largest) if shift <= 64 && largest < u128::from(u64::MAX) => FormKind::Narrow,
            Some(largest) if largest < u128::MAX => FormKind::Wide,
            _ => FormKind::Interned(Interner::default()),
        };
        KeyForm { columns, kind }
    }

    /// The greatest key that there can be, where keys are narrow.
    pub(super) fn greatest(&self) -> Option<u64> {
        match &self.kind {
            FormKind::Narrow => {
                Some(self.columns.iter().map(|c| c.span.checked_shl(c.shift).unwrap_or(0)).sum())
            }
            FormKind::Wide => None,
            FormKind::Interned(interner) => Some(interner.len() as u64),
        }
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        match &self.kind {
            FormKind::Interned(interner) => interner.memory(),
            _ => 0,
        }
    }

    /// The keys of rows of the built side.
    pub(super) fn build(&mut self, arrays: &[ArrayRef], rows: usize) -> Keys {
        if let FormKind::Interned(interner) = &mut self.kind {
            let mut keys = Vec::with_capacity(rows);
            each_row(&self.columns, arrays, rows, &mut |bytes| {
                keys.push(bytes.map_or(u64::NONE, |b| u64::from(interner.intern(b))));
            });
            return Keys::Narrow(keys);
        }
        self.packed(arrays, rows)
    }

    /// The keys of rows of the other side.
    pub(super) fn probe(&self, columns: &[Column], rows: usize) -> Result<Keys> {
        if let (FormKind::Interned(interner), [Column::Dictionary(coded)]) = (&self.kind, columns)
            && !coded.dictionary.is_empty()
        {
            return Ok(Keys::Narrow(of_codes(interner, coded)?));
        }
        let arrays: Vec<ArrayRef> = columns.iter().map(Column::to_flat).collect::<Result<_>>()?;
        if let FormKind::Interned(interner) = &self.kind {
            let mut keys = Vec::with_capacity(rows);
            each_row(&self.columns, &arrays, rows, &mut |bytes| {
                let found = bytes.and_then(|b| interner.find(b));
                keys.push(found.map_or(u64::NONE, u64::from));
            });
            return Ok(Keys::Narrow(keys));
        }
        Ok(self.packed(&arrays, rows))
    }

    fn packed(&self, arrays: &[ArrayRef], rows: usize) -> Keys {
        match self.kind {
            FormKind::Wide => Keys::Wide(self.pack(arrays, rows)),
            _ => Keys::Narrow(self.pack(arrays, rows)),
        }
    }

    fn pack<K: JoinKey>(&self, arrays: &[ArrayRef], rows: usize) -> Vec<K> {
        let mut keys = vec![K::default(); rows];
        for (array, column) in arrays.iter().zip(&self.columns) {
            column.pack(array, &mut keys);
            if let Some(nulls) = array.nulls().filter(|n| n.null_count() > 0) {
                for (row, key) in keys.iter_mut().enumerate() {
                    if nulls.is_null(row) {
                        *key = K::NONE;
                    }
                }
            }
        }
        keys
    }
}

impl KeyColumn {
    fn pack<K: JoinKey>(&self, array: &ArrayRef, keys: &mut [K]) {
        let (span, shift) = (self.span, self.shift);
        let mut put = |row: usize, above: u64| {
            let part = if above <= span { K::part(above, shift) } else { K::NONE };
            keys[row].add(part);
        };
        let physical = self.data_type.physical();
        if physical == Physical::Int128 {
            let values = array.as_primitive::<Decimal128Type>().values();
            for (row, value) in values.iter().enumerate() {
                put(row, u64::try_from(value.wrapping_sub(self.base)).unwrap_or(u64::MAX));
            }
            return;
        }
        let base = self.base as u64;
        let sign = sign_bit(physical);
        // Keys of other types are interned.
        drop(each_bits(array, physical, &mut |row, bits| {
            put(row, (bits ^ sign).wrapping_sub(base))
        }));
    }
}

/// What makes bits of signed integers compare as unsigned ones.
fn sign_bit(physical: Physical) -> u64 {
    match physical {
        Physical::Int8 => 1 << 7,
        Physical::Int16 => 1 << 15,
        Physical::Int32 => 1 << 31,
        Physical::Int64 => 1 << 63,
        _ => 0,
    }
}

/// The least and the greatest value that is not NULL, as [`KeyColumn::pack`] sees them; none for other types, and
/// none within where all are NULL.
#[allow(clippy::option_option)]
fn bounds(array: &ArrayRef, data_type: &DataType) -> Option<Option<(i128, i128)>> {
    let physical = data_type.physical();
    let nulls = array.nulls().filter(|n| n.null_count() > 0);
    let holds = |row: usize| nulls.is_none_or(|n| n.is_valid(row));
    if physical == Physical::Int128 {
        let values = array.as_primitive::<Decimal128Type>().values();
        let held = || values.iter().enumerate().filter(|(row, _)| holds(*row)).map(|(_, v)| *v);
        return Some(held().min().zip(held().max()));
    }
    fixed_width(data_type)?;
    let sign = sign_bit(physical);
    let (mut least, mut most) = (u64::MAX, 0);
    each_bits(array, physical, &mut |row, bits| {
        if holds(row) {
            least = least.min(bits ^ sign);
            most = most.max(bits ^ sign);
        }
    })
    .ok()?;
    Some((least <= most).then(|| (i128::from(least), i128::from(most))))
}

/// Gives every row's key as bytes; none where a part is NULL.
fn each_row(
    columns: &[KeyColumn],
    arrays: &[ArrayRef],
    rows: usize,
    give: &mut dyn FnMut(Option<&[u8]>),
) {
    if let [array] = arrays
        && columns[0].data_type.physical() == Physical::Bytes
    {
        let values = array.as_binary_view();
        (0..rows).for_each(|row| give(values.is_valid(row).then(|| values.value(row))));
        return;
    }
    let mut scratch = Vec::new();
    for row in 0..rows {
        scratch.clear();
        for (array, column) in arrays.iter().zip(columns) {
            rows::write(array, &column.data_type, row, &mut scratch);
        }
        let null = arrays.iter().any(|a| a.is_null(row));
        give((!null).then_some(scratch.as_slice()));
    }
}

/// The numbers of codes, each distinct one looked up once.
fn of_codes(interner: &Interner, coded: &types::DictionaryColumn) -> Result<Vec<u64>> {
    let mut distinct: Vec<u32> = coded.codes.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let values = coded.dictionary.lookup(&distinct)?;
    let values = values.as_binary_view();
    let numbers: Vec<u64> = (0..distinct.len())
        .map(|at| interner.find(values.value(at)).map_or(u64::NONE, u64::from))
        .collect();
    let number = |code: &u32| distinct.binary_search(code).map_or(u64::NONE, |at| numbers[at]);
    let mut keys: Vec<u64> = coded.codes.iter().map(number).collect();
    if let Some(nulls) = &coded.nulls {
        let missing = keys.iter_mut().zip(nulls.iter()).filter(|(_, valid)| !valid);
        missing.for_each(|(key, _)| *key = u64::NONE);
    }
    Ok(keys)
}
