//! Columns of Variant, Dynamic and JSON, and of what holds them.
//!
//! ```text
//! column   prefixes of all its parts from outside to inside, then their values
//!
//! Variant(...)
//! prefix   UInt64 0, prefixes of its types
//! values   a byte a row: the number of its type, 255 for NULL; then of each type the values that there are
//!
//! Dynamic: a Variant of the types that occur, and of SharedVariant among them, all sorted by name
//! prefix   UInt64 1, varint types, varint types (version 1); UInt64 2, varint types (from version 54473)
//!          names of the types (in binary form where `..._encode_types_in_binary_format`); prefix of the Variant
//! values   as a Variant. SharedVariant holds values of other types as strings of their type and value
//!
//! Dynamic, flattened
//! prefix   UInt64 3, varint types, their names; prefixes of the types
//! values   a number a row: that of its type, as many as there are for NULL, as wide as needed; then as a Variant
//!
//! JSON
//! prefix   UInt64 0, varint paths, varint paths (version 1); UInt64 2, varint paths (from version 54473);
//!          UInt64 3, varint paths (flattened); names of the paths; prefixes of the paths with a type of their
//!          own, sorted, then those of the others as Dynamic
//! values   those of the paths in the same order; then (unless flattened) of all further paths a column of
//!          Array(Tuple(String, String)): names, and types and values
//!
//! JSON as string: UInt64 1; strings
//!
//! LowCardinality within types of a Variant or Dynamic
//! prefix   UInt64 1
//! values   nothing where there are no rows; else UInt64 flags (0x600 and the width of the positions, 0 to 3 for
//!          1 to 8 bytes), UInt64 keys, the keys: the default (twice where there is NULL, which is the first),
//!          then others; UInt64 rows, a position a row
//! ```

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use base::Result;
use types::{DataType, Physical, Value, array_from_values, value_at};

use super::object::Object;
use super::several::Several;
use super::{encode_column, encode_ends, encode_nulls};
use crate::FormatSettings;
use crate::binary::layout;
use crate::text::array_to_text;

/// How Dynamic and JSON are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    WithLimits,
    Plain,
    Flattened,
}

/// What the client wants.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) version: Version,
    pub(super) settings: FormatSettings,
}

/// Whether values of a type bring types or paths along.
pub(super) fn has_several_types(data_type: &DataType) -> bool {
    match data_type {
        DataType::Variant(_) | DataType::Dynamic(_) | DataType::Json(_) => true,
        DataType::Array(inner) | DataType::Nullable(inner) | DataType::LowCardinality(inner) => {
            has_several_types(inner)
        }
        DataType::Map(pair) => has_several_types(&pair.0) || has_several_types(&pair.1),
        DataType::Tuple(fields) => fields.iter().any(|f| has_several_types(&f.data_type)),
        DataType::SimpleAggregateFunction(simple) => has_several_types(&simple.1),
        _ => false,
    }
}

fn has_keys(data_type: &DataType) -> bool {
    match data_type {
        DataType::LowCardinality(_) => true,
        DataType::Array(inner) | DataType::Nullable(inner) => has_keys(inner),
        DataType::Map(pair) => has_keys(&pair.0) || has_keys(&pair.1),
        DataType::Tuple(fields) => fields.iter().any(|field| has_keys(&field.data_type)),
        _ => false,
    }
}

/// A column, or a part of one.
pub(super) enum Part {
    /// Of one type, which needs no prefix.
    Plain(ArrayRef, DataType),
    /// NULLs apart.
    Nullable(ArrayRef, Box<Part>),
    /// Where the items of each row end, and the items.
    List(Vec<u8>, Box<Part>),
    Tuple(Vec<Part>),
    Keys(Keys),
    Several(Several),
    Object(Object),
    /// Objects as strings of JSON.
    Texts(ArrayRef),
}

impl Part {
    /// `keep_keys` within types of a Variant or Dynamic, where LowCardinality is not left out.
    pub(super) fn new(
        array: &dyn Array,
        data_type: &DataType,
        keep_keys: bool,
        about: &Layout,
    ) -> Result<Part> {
        let has_prefix = has_several_types(data_type) || keep_keys && has_keys(data_type);
        if !has_prefix {
            return Ok(Part::Plain(array.slice(0, array.len()), data_type.clone()));
        }
        match data_type {
            DataType::Nullable(inner) => {
                let values = Part::new(array, inner, keep_keys, about)?;
                return Ok(Part::Nullable(array.slice(0, array.len()), Box::new(values)));
            }
            DataType::LowCardinality(inner) if keep_keys => {
                return Keys::new(array, inner).map(Part::Keys);
            }
            DataType::Variant(members) => {
                return Several::of_variant(array, members, about).map(Part::Several);
            }
            DataType::Dynamic(most) => {
                let most = usize::from(*most);
                return Several::of_dynamic(array, None, most, about).map(Part::Several);
            }
            DataType::Json(_) if about.settings.output_format_native_write_json_as_string => {
                let array = array.slice(0, array.len());
                return Ok(Part::Texts(array_to_text(&array, data_type, &about.settings)?));
            }
            DataType::Json(paths) => return Object::new(array, paths, about).map(Part::Object),
            _ => {}
        }
        let inner = data_type.inner();
        match inner.physical() {
            Physical::List => {
                let mut ends = Vec::new();
                let items = encode_ends(array, &mut ends)?;
                let item = inner.list_item().ok_or_else(|| layout(array))?;
                let items = Part::new(&items, &item, keep_keys, about)?;
                Ok(Part::List(ends, Box::new(items)))
            }
            _ => {
                let parts = array.as_struct_opt().ok_or_else(|| layout(array))?;
                let DataType::Tuple(fields) = inner else { return Err(layout(array)) };
                let parts = fields.iter().zip(parts.columns());
                let parts =
                    parts.map(|(field, part)| Part::new(part, &field.data_type, keep_keys, about));
                Ok(Part::Tuple(parts.collect::<Result<_>>()?))
            }
        }
    }

    pub(super) fn prefix(&self, about: &Layout, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Part::Plain(..) => Ok(()),
            Part::Nullable(_, inner) | Part::List(_, inner) => inner.prefix(about, out),
            Part::Tuple(parts) => parts.iter().try_for_each(|part| part.prefix(about, out)),
            Part::Keys(_) | Part::Texts(_) => {
                out.extend_from_slice(&1_u64.to_le_bytes());
                Ok(())
            }
            Part::Several(several) => several.prefix(about, out),
            Part::Object(object) => object.prefix(about, out),
        }
    }

    pub(super) fn values(&self, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Part::Plain(array, data_type) => encode_column(array, data_type, out),
            Part::Nullable(array, inner) => {
                encode_nulls(array, out);
                inner.values(out)
            }
            Part::List(ends, items) => {
                out.extend_from_slice(ends);
                items.values(out)
            }
            Part::Tuple(parts) => parts.iter().try_for_each(|part| part.values(out)),
            Part::Keys(keys) => keys.values(out),
            Part::Several(several) => several.values(out),
            Part::Object(object) => object.values(out),
            Part::Texts(texts) => encode_column(texts, &DataType::String, out),
        }
    }
}

/// A column of LowCardinality.
pub(super) struct Keys {
    data_type: DataType,
    keys: ArrayRef,
    positions: Vec<u64>,
}

impl Keys {
    fn new(array: &dyn Array, inner: &DataType) -> Result<Keys> {
        let (data_type, nullable) = match inner {
            DataType::Nullable(bare) => (bare.as_ref().clone(), true),
            bare => (bare.clone(), false),
        };
        let default = data_type.default_value();
        let mut keys = vec![default.clone(); 1 + usize::from(nullable)];
        let mut known: HashMap<Value, u64> = HashMap::new();
        known.insert(default, u64::from(nullable));
        let mut positions = Vec::with_capacity(array.len());
        for row in 0..array.len() {
            let value = value_at(array, inner, row);
            if value.is_null() {
                positions.push(0);
                continue;
            }
            let next = keys.len() as u64;
            let position = *known.entry(value.clone()).or_insert(next);
            if position == next {
                keys.push(value);
            }
            positions.push(position);
        }
        let keys = array_from_values(&data_type, &keys)?;
        Ok(Keys { data_type, keys, positions })
    }

    fn values(&self, out: &mut Vec<u8>) -> Result<()> {
        /// That keys follow, and that they belong to these rows alone.
        const FLAGS: u64 = 0x600;
        if self.positions.is_empty() {
            return Ok(());
        }
        let width = width_of(self.keys.len());
        out.extend_from_slice(&(FLAGS | u64::from(width.trailing_zeros())).to_le_bytes());
        out.extend_from_slice(&(self.keys.len() as u64).to_le_bytes());
        encode_column(&self.keys, &self.data_type, out)?;
        out.extend_from_slice(&(self.positions.len() as u64).to_le_bytes());
        write_numbers(self.positions.iter().copied(), width, out);
        Ok(())
    }
}

/// Bytes that numbers below a bound need: 1, 2, 4 or 8.
pub(super) fn width_of(bound: usize) -> usize {
    match bound {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        0x1_0001..=0x1_0000_0000 => 4,
        _ => 8,
    }
}

pub(super) fn write_numbers(numbers: impl Iterator<Item = u64>, width: usize, out: &mut Vec<u8>) {
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes()[..width]);
    }
}
