//! `-Map`, and `sumMap` and its like of arrays of keys and of values: every key of a group is a
//! group of the functions inside.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, ListArray, StructArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType as ArrowType;
use base::{Error, Result, bail};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Column, DataType};

use super::arrays::{Elements, take_apart};
use super::subgroups::Subgroups;
use crate::aggregate::encoded::Encoding;
use crate::aggregate::grouped::foreign_state;
use crate::aggregate::kind::wrong_layout;
use crate::aggregate::state_bytes::{
    read_length, read_string, read_version, write_string, write_varint,
};
use crate::scalar::order::Missing;

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let [DataType::Map(pair)] = call.types else {
        // `sumMap(keys, values)` is an old name of `sumMappedArrays`.
        let arrays = format!("{name}MappedArrays");
        if registry.aggregate(&arrays).is_some() {
            return super::inner(registry, context, &arrays, call, call.types);
        }
        bail!(IllegalTypeOfArgument, "Aggregate function {name}Map requires map as argument");
    };
    let bound = super::inner(registry, context, name, call, std::slice::from_ref(&pair.1))?;
    let result = DataType::map(pair.0.clone(), bound.return_type.clone());
    Ok(mapped(result, Shape::Map, &pair.0, vec![bound], Vec::new()))
}

/// How keys and values come and leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As a map.
    Map,
    /// As arrays of keys and of values, several arguments.
    Arrays,
    /// As one tuple of arrays.
    Tuple,
}

/// A function that aggregates values key by key; keys are dropped whose values all equal what is
/// encoded in `dropped`, one for every value (none: no key is dropped).
pub(crate) fn mapped(
    result: DataType,
    shape: Shape,
    key: &DataType,
    values: Vec<BoundAggregate>,
    dropped: Vec<Vec<u8>>,
) -> BoundAggregate {
    let encoding = Encoding::new(std::slice::from_ref(key));
    let nullable = key.is_nullable();
    BoundAggregate::new(result.clone(), move || Keyed {
        shape,
        result: result.clone(),
        encoding: encoding.clone(),
        nullable,
        results: values.iter().map(|v| v.return_type.clone()).collect(),
        dropped: dropped.clone(),
        keys: Subgroups::default(),
        values: values.iter().map(|v| (v.create)()).collect(),
    })
}

#[derive(Clone)]
struct Keyed {
    shape: Shape,
    result: DataType,
    encoding: Encoding,
    /// Whether the first byte of an encoded key tells NULL, which is the first key.
    nullable: bool,
    results: Vec<DataType>,
    dropped: Vec<Vec<u8>>,
    keys: Subgroups,
    values: Vec<Box<dyn Accumulator>>,
}

const VERSION: u8 = 1;

fn arrow(error: arrow_schema::ArrowError) -> Error {
    Error::logical(error.to_string())
}

impl Keyed {
    /// Keys and values of a block, one below the other.
    fn elements(&self, arguments: &[Column]) -> Result<Elements> {
        match self.shape {
            Shape::Arrays => take_apart(arguments, "MappedArrays"),
            Shape::Tuple => {
                let array = arguments.first().ok_or_else(wrong_layout)?.to_flat()?;
                let parts = array.as_struct_opt().ok_or_else(wrong_layout)?;
                let parts: Vec<Column> =
                    parts.columns().iter().cloned().map(Column::Flat).collect();
                take_apart(&parts, "MappedArrays")
            }
            Shape::Map => {
                let mut pairs = take_apart(arguments, "Map")?;
                let [Column::Flat(items)] = pairs.items.as_slice() else {
                    return Err(wrong_layout());
                };
                let parts = items.as_struct_opt().ok_or_else(wrong_layout)?;
                pairs.items = parts.columns().iter().cloned().map(Column::Flat).collect();
                Ok(pairs)
            }
        }
    }

    fn take(&mut self, of: &[u32], items: &[Column]) -> Result<()> {
        let (key, values) = items.split_first().ok_or_else(wrong_layout)?;
        let mut numbers = Vec::with_capacity(of.len());
        let keys = &mut self.keys;
        self.encoding.for_each(std::slice::from_ref(key), of.len(), |row, key| {
            numbers.push(keys.number(of[row], key)?.0);
            Ok(())
        })?;
        self.resize_values();
        for (inner, column) in self.values.iter_mut().zip(values) {
            inner.update(&numbers, std::slice::from_ref(column))?;
        }
        Ok(())
    }

    fn resize_values(&mut self) {
        let length = self.keys.len();
        self.values.iter_mut().for_each(|inner| inner.resize(length));
    }

    /// Whether all values of a key are of those that are not shown.
    fn is_dropped(&self, columns: &[ArrayRef], number: usize) -> Result<bool> {
        if self.dropped.is_empty() {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        for ((column, data_type), dropped) in columns.iter().zip(&self.results).zip(&self.dropped) {
            bytes.clear();
            Encoding::new(std::slice::from_ref(data_type)).encode_row(
                &[Column::Flat(column.clone())],
                number,
                &mut bytes,
            )?;
            if bytes != *dropped {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Accumulator for Keyed {
    fn resize(&mut self, groups: usize) {
        self.keys.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let Elements { items, lengths } = self.elements(arguments)?;
        let mut of = Vec::with_capacity(items.first().map_or(0, Column::len));
        for (group, length) in groups.iter().zip(&lengths) {
            of.extend(std::iter::repeat_n(*group, *length as usize));
        }
        self.take(&of, &items)
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<Keyed>().ok_or_else(foreign_state)?;
        let mut numbers = Vec::with_capacity(other.keys.len());
        for number in 0..other.keys.len() {
            let (group, key) = other.keys.pair(number);
            let into = groups.get(group as usize).ok_or_else(foreign_state)?;
            numbers.push(self.keys.number(*into, key)?.0);
        }
        self.resize_values();
        for (inner, from) in self.values.iter_mut().zip(&other.values) {
            inner.merge(&numbers, from.as_ref())?;
        }
        Ok(())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        out.push(VERSION);
        write_varint(self.keys.count(group) as u64, out);
        for number in self.keys.of_group(group) {
            write_string(self.keys.pair(number as usize).1, out);
            for inner in &self.values {
                inner.serialize(number as usize, out)?;
            }
        }
        Ok(())
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        read_version(bytes, VERSION)?;
        for _ in 0..read_length(bytes, 1)? {
            let key = read_string(bytes)?;
            self.encoding.check(key)?;
            let (number, _) = self.keys.number(group, key)?;
            self.resize_values();
            for inner in &mut self.values {
                inner.deserialize(number, bytes)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        let all = 0..self.keys.len();
        let columns: Vec<ArrayRef> =
            self.values.iter_mut().map(|v| v.finish(all.clone())).collect::<Result<_>>()?;
        let mut order: Vec<u32> = Vec::new();
        let mut lengths = Vec::with_capacity(groups.len());
        for group in groups {
            let before = order.len();
            for number in self.keys.of_group(group) {
                if !self.is_dropped(&columns, number as usize)? {
                    order.push(number);
                }
            }
            order[before..].sort_by(|a, b| {
                let key = |number: u32| self.keys.pair(number as usize).1;
                let holds = |key: &[u8]| !self.nullable || key.first() != Some(&0);
                let (a, b) = (key(*a), key(*b));
                holds(a).cmp(&holds(b)).then_with(|| self.encoding.compare(a, b, Missing::Greatest))
            });
            lengths.push(order.len() - before);
        }
        let keys =
            self.encoding.array(order.iter().map(|n| Some(self.keys.pair(*n as usize).1)))?;
        let order = UInt32Array::from(order);
        let mut parts = vec![keys];
        for column in &columns {
            parts.push(arrow_select::take::take(column, &order, None).map_err(arrow)?);
        }
        let offsets = OffsetBuffer::from_lengths(lengths);
        match (self.result.arrow_type(), self.shape) {
            (ArrowType::List(item), Shape::Map) => {
                let ArrowType::Struct(fields) = item.data_type() else {
                    return Err(wrong_layout());
                };
                let pairs = StructArray::try_new(fields.clone(), parts, None).map_err(arrow)?;
                Ok(Arc::new(
                    ListArray::try_new(item, offsets, Arc::new(pairs), None).map_err(arrow)?,
                ))
            }
            (ArrowType::Struct(fields), _) => {
                let mut lists: Vec<ArrayRef> = Vec::with_capacity(parts.len());
                for (field, part) in fields.iter().zip(parts) {
                    let ArrowType::List(item) = field.data_type() else {
                        return Err(wrong_layout());
                    };
                    let list = ListArray::try_new(item.clone(), offsets.clone(), part, None);
                    lists.push(Arc::new(list.map_err(arrow)?));
                }
                Ok(Arc::new(StructArray::try_new(fields, lists, None).map_err(arrow)?))
            }
            _ => Err(wrong_layout()),
        }
    }

    fn memory(&self) -> usize {
        self.keys.memory() + self.values.iter().map(|v| v.memory()).sum::<usize>()
    }
}
