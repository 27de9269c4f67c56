//! Values of any type as bytes: for states of strings, arrays, tuples and of several arguments.
//!
//! A String or FixedString alone is its own bytes ("raw"); everything else is self-delimiting:
//! numbers little endian in the width of their type, strings and lists after their length as
//! LEB128, `Nullable` after a byte that is 1 where there is a value. Equal values have equal
//! bytes.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::builder::BinaryViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use base::{Error, Result, bail};
use types::{Column, DataType, Physical, Value, array_from_values};

use crate::scalar::order::{Missing, total};

use super::kind::{Kind, with_kind, wrong_layout};
use super::state_bytes::{
    Plain, corrupt, read_bytes, read_length, read_string, write_string, write_varint,
};

/// How rows of some argument types become bytes and back.
#[derive(Debug, Clone)]
pub(crate) struct Encoding {
    types: Arc<[DataType]>,
    raw: bool,
}

impl Encoding {
    /// Of rows of these types.
    pub(crate) fn new(types: &[DataType]) -> Encoding {
        let raw = matches!(types, [DataType::String | DataType::FixedString(_)]);
        Encoding { types: types.into(), raw }
    }

    /// How many columns a row has.
    pub(crate) fn width(&self) -> usize {
        self.types.len()
    }

    /// Calls for every row with its bytes.
    pub(crate) fn for_each(
        &self,
        columns: &[Column],
        rows: usize,
        mut take: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let columns = columns.get(..self.types.len()).ok_or_else(wrong_layout)?;
        if columns.iter().all(Column::is_constant) {
            let mut bytes = Vec::new();
            self.encode_row(columns, 0, &mut bytes)?;
            return (0..rows).try_for_each(|row| take(row, &bytes));
        }
        if let (true, Column::Flat(array)) = (self.raw, &columns[0]) {
            if let Some(views) = array.as_binary_view_opt() {
                return (0..rows).try_for_each(|row| take(row, views.value(row)));
            }
            let fixed = array.as_fixed_size_binary_opt().ok_or_else(wrong_layout)?;
            return (0..rows).try_for_each(|row| take(row, fixed.value(row)));
        }
        let mut bytes = Vec::new();
        for row in 0..rows {
            bytes.clear();
            self.encode_row(columns, row, &mut bytes)?;
            take(row, &bytes)?;
        }
        Ok(())
    }

    /// Appends the bytes of one row.
    pub(crate) fn encode_row(
        &self,
        columns: &[Column],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        for (column, data_type) in columns.iter().zip(self.types.iter()) {
            let (array, row) = match column {
                Column::Flat(array) => (array, row),
                Column::Constant { value, .. } => (value, 0),
                Column::Dictionary(_) => return Err(wrong_layout()),
            };
            if self.raw {
                match data_type {
                    DataType::String => {
                        let views = array.as_binary_view_opt().ok_or_else(wrong_layout)?;
                        out.extend_from_slice(views.value(row));
                    }
                    _ => {
                        let fixed = array.as_fixed_size_binary_opt().ok_or_else(wrong_layout)?;
                        out.extend_from_slice(fixed.value(row));
                    }
                }
            } else {
                encode(array, data_type, row, out)?;
            }
        }
        Ok(())
    }

    /// The value of a row of one type.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Value> {
        if self.raw {
            return Ok(Value::from(bytes));
        }
        match self.types.first() {
            Some(data_type) => decode(data_type, &mut &*bytes),
            None => bail!(LogicalError, "no type to decode"),
        }
    }

    /// The columns of rows.
    pub(crate) fn columns<'a>(
        &self,
        rows: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Vec<ArrayRef>> {
        if self.raw {
            return Ok(vec![self.array(rows.map(Some))?]);
        }
        let mut values: Vec<Vec<Value>> = vec![Vec::new(); self.types.len()];
        for mut bytes in rows {
            for (data_type, values) in self.types.iter().zip(&mut values) {
                values.push(decode(data_type, &mut bytes)?);
            }
        }
        self.types.iter().zip(&values).map(|(t, v)| array_from_values(t, v)).collect()
    }

    /// An array of values of one type; the type's default where there is none.
    pub(crate) fn array<'a>(
        &self,
        values: impl Iterator<Item = Option<&'a [u8]>>,
    ) -> Result<ArrayRef> {
        let Some(data_type) = self.types.first() else {
            bail!(LogicalError, "no type to decode");
        };
        if self.raw && *data_type == DataType::String {
            let mut out = BinaryViewBuilder::with_capacity(values.size_hint().0);
            for value in values {
                out.try_append_value(value.unwrap_or_default())
                    .map_err(|e| Error::logical(e.to_string()))?;
            }
            return Ok(Arc::new(out.finish()));
        }
        let mut decoded = Vec::with_capacity(values.size_hint().0);
        for value in values {
            decoded.push(match value {
                Some(bytes) => self.decode(bytes)?,
                None => data_type.default_value(),
            });
        }
        array_from_values(data_type, &decoded)
    }

    /// The order of two encoded values of one type.
    pub(crate) fn compare(&self, a: &[u8], b: &[u8], missing: Missing) -> Ordering {
        if self.raw {
            return a.cmp(b);
        }
        match (self.decode(a), self.decode(b), self.types.first()) {
            (Ok(a), Ok(b), Some(data_type)) => compare(data_type, &a, &b, missing),
            _ => a.cmp(b),
        }
    }

    /// Fails unless bytes are one row of the types and nothing else.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        if self.raw {
            return match self.types.first() {
                Some(DataType::FixedString(length)) if *length != bytes.len() => Err(corrupt()),
                _ => Ok(()),
            };
        }
        for data_type in self.types.iter() {
            let value = decode(data_type, &mut rest)?;
            array_from_values(data_type, &[value]).map_err(|_| corrupt())?;
        }
        if rest.is_empty() { Ok(()) } else { Err(corrupt()) }
    }
}

/// Appends a value's self-delimiting bytes.
fn encode(array: &dyn Array, data_type: &DataType, row: usize, out: &mut Vec<u8>) -> Result<()> {
    if data_type.is_nullable() {
        out.push(u8::from(array.is_valid(row)));
        if array.is_null(row) {
            return Ok(());
        }
    }
    with_kind!(data_type, K => {
        let values = array
            .as_primitive_opt::<<K as Kind>::Arrow>()
            .ok_or_else(wrong_layout)?;
        Plain::write(values.value(row), out);
        Ok(())
    }, otherwise encode_varying(array, data_type, row, out))
}

fn encode_varying(
    array: &dyn Array,
    data_type: &DataType,
    row: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    match data_type.physical() {
        Physical::Bytes => {
            write_string(array.as_binary_view_opt().ok_or_else(wrong_layout)?.value(row), out);
        }
        Physical::Fixed(_) => out.extend_from_slice(
            array.as_fixed_size_binary_opt().ok_or_else(wrong_layout)?.value(row),
        ),
        Physical::List => {
            let list = array.as_list_opt::<i32>().ok_or_else(wrong_layout)?;
            let item = data_type.list_item().ok_or_else(wrong_layout)?;
            let (start, end) = (list.value_offsets()[row], list.value_offsets()[row + 1]);
            write_varint((end - start) as u64, out);
            for at in start..end {
                encode(list.values(), &item, at as usize, out)?;
            }
        }
        _ => {
            let parts = array.as_struct_opt().ok_or_else(wrong_layout)?;
            let DataType::Tuple(fields) = data_type.inner() else { return Err(wrong_layout()) };
            if fields.is_empty() {
                out.push(0);
            }
            for (field, part) in fields.iter().zip(parts.columns()) {
                encode(part, &field.data_type, row, out)?;
            }
        }
    }
    Ok(())
}

/// Reads a value of a type.
pub(crate) fn decode(data_type: &DataType, bytes: &mut &[u8]) -> Result<Value> {
    if data_type.is_nullable() && !bool::read(bytes)? {
        return Ok(Value::Null);
    }
    with_kind!(data_type, K => {
        let value = <<K as Kind>::Native as Plain>::read(bytes)?;
        Ok(if <K as Kind>::FLOAT {
            Value::Float(<K as Kind>::to_f64(value))
        } else {
            Value::Int(<K as Kind>::to_i128(value))
        })
    }, otherwise decode_varying(data_type, bytes))
}

fn decode_varying(data_type: &DataType, bytes: &mut &[u8]) -> Result<Value> {
    Ok(match data_type.physical() {
        Physical::Bytes => Value::from(read_string(bytes)?),
        Physical::Fixed(length) => Value::from(read_bytes(bytes, length)?),
        Physical::List => {
            let item = data_type.list_item().ok_or_else(wrong_layout)?;
            let length = read_length(bytes, 1)?;
            let items: Vec<Value> =
                (0..length).map(|_| decode(&item, bytes)).collect::<Result<_>>()?;
            Value::Array(items.into())
        }
        _ => {
            let DataType::Tuple(fields) = data_type.inner() else { return Err(wrong_layout()) };
            if fields.is_empty() {
                read_bytes(bytes, 1)?;
            }
            let items: Vec<Value> =
                fields.iter().map(|f| decode(&f.data_type, bytes)).collect::<Result<_>>()?;
            Value::Tuple(items.into())
        }
    })
}

/// The order of values of one type: strings by bytes, lists and tuples by their first difference.
fn compare(data_type: &DataType, a: &Value, b: &Value, missing: Missing) -> Ordering {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => missing.order(a.is_null(), b.is_null()),
        (Value::Int(a), Value::Int(b)) if data_type.is_unsigned_128() => {
            (*a as u128).cmp(&(*b as u128))
        }
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => total(*a, *b, missing),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let item = data_type.list_item().unwrap_or(DataType::Nothing);
            let first = a.iter().zip(b.iter()).map(|(a, b)| compare(&item, a, b, missing));
            first.into_iter().find(|o| o.is_ne()).unwrap_or_else(|| a.len().cmp(&b.len()))
        }
        (Value::Tuple(a), Value::Tuple(b)) => {
            let DataType::Tuple(fields) = data_type.inner() else { return Ordering::Equal };
            let mut orders = fields
                .iter()
                .zip(a.iter().zip(b.iter()))
                .map(|(f, (a, b))| compare(&f.data_type, a, b, missing));
            orders.find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        }
        _ => Ordering::Equal,
    }
}
