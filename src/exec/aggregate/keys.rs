//! Key columns -> one integer a row.
//!
//! Every key column takes some bits of the packed key: its code in the dictionary that all blocks share as many
//! as codes need; else a value of at most 64 bits its own width, anything else 32 bits: its number among the
//! distinct values met so far (interned). A nullable column takes one bit more, set for NULL. Keys of more
//! than 128 bits together are interned as rows of bytes.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use base::{Result, bail};
use expr::Expr;
use types::{Column, DataType, Dictionary, DictionaryColumn, Value, array_from_values};

use crate::interner::Interner;
use crate::key_bits::{each_bits, fixed_width, from_bits, is_float, mask64};
use crate::pipeline::{Bounds, Source};
use crate::rows;

/// Packs key columns.
#[derive(Clone)]
pub(crate) struct KeyEncoder {
    columns: Vec<KeyColumn>,
    bits: u32,
    /// For keys of more than 128 bits: whole rows, interned.
    whole: Option<Interner>,
}

#[derive(Clone)]
struct KeyColumn {
    data_type: DataType,
    width: u32,
    nullable: bool,
    /// What is taken off the bits of every value, so that those within known bounds take few.
    base: u64,
    space: Space,
}

/// What the bits of a key column mean.
#[derive(Clone)]
enum Space {
    /// The value itself.
    Bits,
    /// Codes of a dictionary that all blocks share.
    Codes(Arc<dyn Dictionary>),
    /// Numbers of values met so far.
    Interned(Interner),
}

/// Packed keys of some rows.
pub(crate) enum Packed {
    /// At most 64 bits.
    Narrow(Vec<u64>),
    /// At most 128 bits.
    Wide(Vec<u128>),
}

/// Packed keys that lie elsewhere.
#[derive(Clone, Copy)]
pub(crate) enum PackedPart<'k> {
    Narrow(&'k [u64]),
    Wide(&'k [u128]),
}

impl Packed {
    /// All of them.
    pub(crate) fn all(&self) -> PackedPart<'_> {
        match self {
            Packed::Narrow(keys) => PackedPart::Narrow(keys),
            Packed::Wide(keys) => PackedPart::Wide(keys),
        }
    }

    /// Those of the rows `first..end`.
    pub(crate) fn part(&self, first: usize, end: usize) -> PackedPart<'_> {
        match self {
            Packed::Narrow(keys) => PackedPart::Narrow(&keys[first..end]),
            Packed::Wide(keys) => PackedPart::Wide(&keys[first..end]),
        }
    }

    /// The keys of some rows; none where there are no keys.
    pub(crate) fn slice(&self, first: usize, rows: usize) -> Packed {
        fn part<K: Copy>(keys: &[K], first: usize, rows: usize) -> Vec<K> {
            keys.get(first..first + rows).map(<[K]>::to_vec).unwrap_or_default()
        }
        match self {
            Packed::Narrow(keys) => Packed::Narrow(part(keys, first, rows)),
            Packed::Wide(keys) => Packed::Wide(part(keys, first, rows)),
        }
    }

    /// Drops keys that equal the one before; how many rows each of those that are left stands for.
    pub(crate) fn collapse(&mut self) -> Vec<u32> {
        fn runs<K: Copy + PartialEq>(keys: &mut Vec<K>) -> Vec<u32> {
            let mut lengths = Vec::with_capacity(keys.len());
            let (mut kept, mut start) = (0, 0);
            for row in 1..=keys.len() {
                if row == keys.len() || keys[row] != keys[start] {
                    keys[kept] = keys[start];
                    kept += 1;
                    lengths.push((row - start) as u32);
                    start = row;
                }
            }
            keys.truncate(kept);
            lengths
        }
        match self {
            Packed::Narrow(keys) => runs(keys),
            Packed::Wide(keys) => runs(keys),
        }
    }
}

impl KeyEncoder {
    /// For key columns of these types, the dictionaries that all blocks share where there is one, and
    /// the bounds of integers where they are known.
    pub(crate) fn new(
        types: &[DataType],
        dictionaries: &[Option<Arc<dyn Dictionary>>],
        bounds: &[Option<Bounds>],
    ) -> KeyEncoder {
        let mut columns = Vec::with_capacity(types.len());
        for (at, (data_type, dictionary)) in types.iter().zip(dictionaries).enumerate() {
            let nullable = data_type.is_nullable();
            let mut base = 0;
            let (width, space) = match (fixed_width(data_type), dictionary) {
                (Some(width), None) => match bounds.get(at).copied().flatten() {
                    Some((least, most)) if !is_float(data_type) => {
                        base = least as u64 & mask64(width);
                        let span = (most - least).clamp(0, i128::from(u64::MAX)) as u64;
                        (width.min(u64::BITS - span.leading_zeros()).max(1), Space::Bits)
                    }
                    _ => (width, Space::Bits),
                },
                (_, Some(dictionary)) => {
                    let width = 32 - (dictionary.len() as u32).leading_zeros();
                    (width.max(1), Space::Codes(dictionary.clone()))
                }
                (None, None) => (32, Space::Interned(Interner::default())),
            };
            columns.push(KeyColumn { data_type: data_type.clone(), width, nullable, base, space });
        }
        let bits = columns.iter().map(|c| c.width + u32::from(c.nullable)).sum();
        let whole = (bits > 128).then(Interner::default);
        KeyEncoder { columns, bits, whole }
    }

    /// For keys over the rows of a source, with what it knows of them.
    pub(crate) fn over(keys: &[Expr], source: &dyn Source) -> KeyEncoder {
        let types: Vec<DataType> =
            keys.iter().map(|k| k.data_type().without_low_cardinality()).collect();
        let column = |key: &Expr| match key {
            Expr::Column { index, .. } => Some(*index),
            _ => None,
        };
        let dictionaries: Vec<_> = keys.iter().map(|k| source.dictionary(column(k)?)).collect();
        let bounds: Vec<_> = keys.iter().map(|k| source.bounds(column(k)?)).collect();
        KeyEncoder::new(&types, &dictionaries, &bounds)
    }

    /// How many bits a key has.
    pub(crate) fn bits(&self) -> u32 {
        self.bits
    }

    /// Whether equal keys of two encoders for the same input are equal values.
    pub(crate) fn is_shared(&self) -> bool {
        self.whole.is_none() && !self.columns.iter().any(|c| matches!(c.space, Space::Interned(_)))
    }

    /// The number of values of the only key where it is a code of a dictionary and never NULL.
    pub(crate) fn only_dictionary(&self) -> Option<usize> {
        match self.columns.as_slice() {
            [KeyColumn { space: Space::Codes(dictionary), nullable: false, .. }] => {
                Some(dictionary.len())
            }
            _ => None,
        }
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> usize {
        let interned = self.columns.iter().map(|c| match &c.space {
            Space::Interned(interner) => interner.memory(),
            _ => 0,
        });
        interned.sum::<usize>() + self.whole.as_ref().map_or(0, Interner::memory)
    }

    /// Packs the keys of some rows.
    pub(crate) fn encode(&mut self, columns: &[Column], count: usize) -> Result<Packed> {
        if let Some(whole) = &mut self.whole {
            let flat: Vec<ArrayRef> = columns.iter().map(Column::to_flat).collect::<Result<_>>()?;
            let (mut keys, mut scratch) = (Vec::with_capacity(count), Vec::new());
            for row in 0..count {
                scratch.clear();
                for (array, column) in flat.iter().zip(&self.columns) {
                    rows::write(array, &column.data_type, row, &mut scratch);
                }
                keys.push(u64::from(whole.intern(&scratch)));
            }
            return Ok(Packed::Narrow(keys));
        }
        if self.bits <= 64 {
            let mut keys = vec![0u64; count];
            let mut shift = 0;
            for (column, key) in columns.iter().zip(&mut self.columns) {
                key.each(column, count, &mut |row, bits| keys[row] |= bits << shift)?;
                key.nulls(column, &mut |row| {
                    keys[row] = keys[row] & !(mask64(key.width) << shift) | 1 << (shift + key.width)
                });
                shift += key.width + u32::from(key.nullable);
            }
            return Ok(Packed::Narrow(keys));
        }
        let mut keys = vec![0u128; count];
        let mut shift = 0;
        for (column, key) in columns.iter().zip(&mut self.columns) {
            key.each(column, count, &mut |row, bits| keys[row] |= u128::from(bits) << shift)?;
            key.nulls(column, &mut |row| {
                keys[row] = keys[row] & !(u128::from(mask64(key.width)) << shift)
                    | 1 << (shift + key.width);
            });
            shift += key.width + u32::from(key.nullable);
        }
        Ok(Packed::Wide(keys))
    }

    /// The key columns of some packed keys.
    pub(crate) fn decode(&self, keys: &[u128]) -> Result<Vec<Column>> {
        if let Some(whole) = &self.whole {
            let mut values: Vec<Vec<Value>> =
                vec![Vec::with_capacity(keys.len()); self.columns.len()];
            for key in keys {
                let mut bytes = whole.value(*key as usize);
                for (column, values) in self.columns.iter().zip(&mut values) {
                    values.push(rows::read(&mut bytes, &column.data_type)?);
                }
            }
            let arrays = self.columns.iter().zip(values);
            return arrays
                .map(|(c, v)| array_from_values(&c.data_type, &v).map(Column::Flat))
                .collect();
        }
        let mut shift = 0;
        let mut columns = Vec::with_capacity(self.columns.len());
        for key in &self.columns {
            let bits: Vec<u64> =
                keys.iter().map(|k| (k >> shift) as u64 & mask64(key.width)).collect();
            let nulls = key.nullable.then(|| {
                keys.iter().map(|k| k >> (shift + key.width) & 1 == 0).collect::<NullBuffer>()
            });
            columns.push(key.decode(&bits, nulls.filter(|n| n.null_count() > 0))?);
            shift += key.width + u32::from(key.nullable);
        }
        Ok(columns)
    }
}

impl KeyColumn {
    /// Calls `put` with the bits of every row; whatever stands under NULL.
    fn each(
        &mut self,
        column: &Column,
        count: usize,
        put: &mut impl FnMut(usize, u64),
    ) -> Result<()> {
        match &mut self.space {
            Space::Bits => {
                let (array, one) = match column {
                    Column::Constant { value, .. } => (value.clone(), true),
                    other => (other.to_flat()?, false),
                };
                let (base, mask) = (self.base, mask64(self.width));
                let put = &mut |row, bits: u64| put(row, bits.wrapping_sub(base) & mask);
                if one {
                    let mut only = 0;
                    each_bits(&array, self.data_type.physical(), &mut |_, bits| only = bits)?;
                    (0..count).for_each(|row| put(row, only));
                } else {
                    each_bits(&array, self.data_type.physical(), put)?;
                }
            }
            Space::Codes(dictionary) => match column {
                Column::Dictionary(coded) if coded.dictionary.id() == dictionary.id() => {
                    coded
                        .codes
                        .iter()
                        .enumerate()
                        .for_each(|(row, code)| put(row, u64::from(*code)));
                }
                _ => bail!(LogicalError, "a block without the dictionary that was promised"),
            },
            Space::Interned(interner) => {
                let numbers = interner.column(column, &self.data_type)?;
                numbers
                    .into_iter()
                    .enumerate()
                    .for_each(|(row, number)| put(row, u64::from(number)));
            }
        }
        Ok(())
    }

    fn nulls(&self, column: &Column, put: &mut impl FnMut(usize)) {
        if !self.nullable {
            return;
        }
        if let Some(nulls) = column.nulls() {
            (0..nulls.len()).filter(|row| nulls.is_null(*row)).for_each(put);
        }
    }

    fn decode(&self, bits: &[u64], nulls: Option<NullBuffer>) -> Result<Column> {
        Ok(match &self.space {
            Space::Bits => {
                let bits: Vec<u64> = bits.iter().map(|b| b.wrapping_add(self.base)).collect();
                Column::Flat(from_bits(&bits, nulls, self.data_type.physical())?)
            }
            Space::Codes(dictionary) => Column::Dictionary(DictionaryColumn {
                codes: bits.iter().map(|b| *b as u32).collect(),
                nulls,
                dictionary: dictionary.clone(),
            }),
            Space::Interned(interner) => {
                let numbers: Vec<u32> = bits.iter().map(|b| *b as u32).collect();
                Column::Flat(interner.decode(&numbers, nulls, &self.data_type)?)
            }
        })
    }
}
