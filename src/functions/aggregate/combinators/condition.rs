//! `-If`: only rows in which the last argument is true.

use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use base::{Result, bail};
use expr::{Accumulator, AggregateArguments, BoundAggregate, FunctionContext, Registry};
use types::{Column, DataType};

use crate::aggregate::grouped::foreign_state;
use crate::aggregate::kind::wrong_layout;

pub(crate) fn bind(
    registry: &Registry,
    context: &FunctionContext,
    name: &str,
    call: &AggregateArguments<'_>,
) -> Result<BoundAggregate> {
    let (condition, types) = super::split_last(call, "If")?;
    if !matches!(condition.inner(), DataType::UInt8 | DataType::Bool | DataType::Nothing) {
        bail!(
            IllegalTypeOfArgument,
            "Illegal type {condition} of last argument for aggregate function with If suffix, \
             must be UInt8"
        );
    }
    let bound = super::inner(registry, context, name, call, types)?;
    let create = bound.create;
    Ok(BoundAggregate::new(bound.return_type, move || If { inner: create() }))
}

#[derive(Clone)]
struct If {
    inner: Box<dyn Accumulator>,
}

/// Which rows are to be taken.
#[derive(Clone)]
enum Chosen {
    All,
    None,
    Some(BooleanBuffer),
}

fn chosen(condition: &Column) -> Result<Chosen> {
    let flags = |array: &ArrayRef| -> Result<BooleanBuffer> {
        let values = array.as_primitive_opt::<UInt8Type>().ok_or_else(wrong_layout)?;
        let set = BooleanBuffer::collect_bool(values.len(), |row| values.values()[row] != 0);
        Ok(match values.nulls() {
            Some(nulls) => &set & nulls.inner(),
            None => set,
        })
    };
    Ok(match condition {
        Column::Constant { value, .. } if flags(value)?.value(0) => Chosen::All,
        Column::Constant { .. } => Chosen::None,
        Column::Flat(array) => {
            let flags = flags(array)?;
            match flags.count_set_bits() {
                0 => Chosen::None,
                set if set == flags.len() => Chosen::All,
                _ => Chosen::Some(flags),
            }
        }
        Column::Dictionary(_) => return Err(wrong_layout()),
    })
}

fn filtered(arguments: &[Column], rows: &BooleanBuffer) -> Result<Vec<Column>> {
    let mask = BooleanArray::new(rows.clone(), None);
    arguments.iter().map(|column| column.filter(&mask)).collect()
}

impl Accumulator for If {
    fn resize(&mut self, groups: usize) {
        self.inner.resize(groups);
    }

    fn update(&mut self, groups: &[u32], arguments: &[Column]) -> Result<()> {
        let (condition, arguments) = arguments.split_last().ok_or_else(wrong_layout)?;
        match chosen(condition)? {
            Chosen::None => Ok(()),
            Chosen::All => self.inner.update(groups, arguments),
            Chosen::Some(rows) => {
                let kept: Vec<u32> = rows.set_indices().map(|row| groups[row]).collect();
                self.inner.update(&kept, &filtered(arguments, &rows)?)
            }
        }
    }

    fn update_one(&mut self, group: u32, arguments: &[Column], rows: usize) -> Result<()> {
        let (condition, arguments) = arguments.split_last().ok_or_else(wrong_layout)?;
        match chosen(condition)? {
            Chosen::None => Ok(()),
            Chosen::All => self.inner.update_one(group, arguments, rows),
            Chosen::Some(kept) => {
                let left = kept.count_set_bits();
                self.inner.update_one(group, &filtered(arguments, &kept)?, left)
            }
        }
    }

    fn merge(&mut self, groups: &[u32], other: &dyn Accumulator) -> Result<()> {
        let other = other.as_any().downcast_ref::<If>().ok_or_else(foreign_state)?;
        self.inner.merge(groups, other.inner.as_ref())
    }

    fn serialize(&self, group: usize, out: &mut Vec<u8>) -> Result<()> {
        self.inner.serialize(group, out)
    }

    fn deserialize(&mut self, group: u32, bytes: &mut &[u8]) -> Result<()> {
        self.inner.deserialize(group, bytes)
    }

    fn finish(&mut self, groups: Range<usize>) -> Result<ArrayRef> {
        self.inner.finish(groups)
    }

    fn memory(&self) -> usize {
        self.inner.memory()
    }
}
