//! Arrays made of values, ranges and repetitions.

use arrow_array::Array;
use arrow_array::types::{
    Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionContext, FunctionDeclaration, Nulls, common_type};
use std::sync::Arc;
use types::{Column, DataType, default_array, require_supertype};

use super::convert::convert;
use super::lists::{Lists, illegal, list_column, take};
use crate::text::declare;
use crate::text::strings::{Integers, require_integer};

/// The most items that `range` makes in a block, as in ClickHouse.
const MOST_ITEMS: i64 = 500_000_000;

macro_rules! empty_array {
    ($name:literal, $type:expr, $sql:literal) => {
        declare!("Array", $name, "emptyArray...()", "An empty array of a type.", $sql => "[]", (0, 0), |_, _| empty($type))
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    declare!("Array", "array", "array(a, ...)", "An array of the arguments, brought to a common type.",
        "SELECT array(1, 2, 3)" => "[1,2,3]", (0, usize::MAX), array, nulls: Nulls::Custom),
    declare!("Array", "range", "range([start,] end[, step])", "The integers from start (0) to before end, step (1) apart.",
        "SELECT range(3), range(1, 10, 4)" => "[0,1,2]\t[1,5,9]", (1, 3), range),
    declare!("Array", "arrayWithConstant", "arrayWithConstant(n, x)", "An array of n times a value.",
        "SELECT arrayWithConstant(3, 'a')" => "['a','a','a']", (2, 2), with_constant, nulls: Nulls::Custom),
    declare!("Array", "replicate", "replicate(x, array, ...)", "An array of a value as often as another array has elements.",
        "SELECT replicate(1, ['a', 'b'])" => "[1,1]", (2, usize::MAX), replicate, nulls: Nulls::Custom),
    declare!("Array", "emptyArrayToSingle", "emptyArrayToSingle(array)", "The array, or one of the type's default value if it is empty.",
        "SELECT emptyArrayToSingle(emptyArrayUInt8())" => "[0]", (1, 1), to_single),
    empty_array!("emptyArrayUInt8", DataType::UInt8, "SELECT emptyArrayUInt8()"),
    empty_array!("emptyArrayUInt16", DataType::UInt16, "SELECT emptyArrayUInt16()"),
    empty_array!("emptyArrayUInt32", DataType::UInt32, "SELECT emptyArrayUInt32()"),
    empty_array!("emptyArrayUInt64", DataType::UInt64, "SELECT emptyArrayUInt64()"),
    empty_array!("emptyArrayInt8", DataType::Int8, "SELECT emptyArrayInt8()"),
    empty_array!("emptyArrayInt16", DataType::Int16, "SELECT emptyArrayInt16()"),
    empty_array!("emptyArrayInt32", DataType::Int32, "SELECT emptyArrayInt32()"),
    empty_array!("emptyArrayInt64", DataType::Int64, "SELECT emptyArrayInt64()"),
    empty_array!("emptyArrayFloat32", DataType::Float32, "SELECT emptyArrayFloat32()"),
    empty_array!("emptyArrayFloat64", DataType::Float64, "SELECT emptyArrayFloat64()"),
    empty_array!("emptyArrayDate", DataType::Date, "SELECT emptyArrayDate()"),
    empty_array!("emptyArrayDateTime", DataType::DateTime(None), "SELECT emptyArrayDateTime()"),
    empty_array!("emptyArrayString", DataType::String, "SELECT emptyArrayString()"),
];

fn array(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let item = match arguments.is_empty() {
        true => DataType::Nothing,
        false => common_type(arguments)?,
    };
    let context = context.clone();
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let count = columns.len();
        if count == 0 {
            return list_column(&item, vec![0; rows + 1], default_array(&item, 0)?);
        }
        let parts: Vec<ArrayRef> = columns
            .iter()
            .zip(&types)
            .map(|(column, from)| convert(&context, &column.to_flat()?, from, &item))
            .collect::<Result<_>>()?;
        let parts: Vec<&dyn Array> = parts.iter().map(|p| p.as_ref()).collect();
        let places: Vec<(usize, usize)> =
            (0..rows).flat_map(|row| (0..count).map(move |part| (part, row))).collect();
        let items = if count == 1 {
            arrow_select::concat::concat(&parts)
        } else {
            arrow_select::interleave::interleave(&parts, &places)
        };
        let items = items.map_err(|e| Error::logical(format!("array: {e}")))?;
        list_column(&item, (0..=rows).map(|row| (row * count) as i32).collect(), items)
    }))
}

fn range(context: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let setting = context.settings.get("function_range_max_elements_in_block");
    let most = setting.and_then(|v| v.parse().ok()).unwrap_or(MOST_ITEMS).min(i64::from(i32::MAX));
    for at in 0..arguments.len() {
        require_integer("range", arguments, at)?;
    }
    let types: Vec<DataType> = arguments.iter().map(|a| a.data_type.clone()).collect();
    let item = require_supertype(&types)?;
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let numbers: Vec<Integers> = columns.iter().map(Integers::new).collect::<Result<_>>()?;
        let (mut items, mut offsets) = (Vec::new(), vec![0]);
        for row in 0..rows {
            let (start, end) = match &numbers[..] {
                [end] => (0, end.get(row)),
                _ => (numbers[0].get(row), numbers[1].get(row)),
            };
            let step = numbers.get(2).map_or(1, |s| s.get(row));
            if step == 0 {
                bail!(
                    ArgumentOutOfBound,
                    "A call to function range overflows, the 3rd argument step can't be zero"
                );
            }
            let distance = i128::from(end) - i128::from(start);
            let step_wide = i128::from(step);
            let count = if (distance > 0) == (step > 0) && distance != 0 {
                (distance.abs() + step_wide.abs() - 1) / step_wide.abs()
            } else {
                0
            };
            if count + items.len() as i128 > i128::from(most) {
                bail!(
                    ArgumentOutOfBound,
                    "A call to function range would produce {count} array elements, which is greater than the allowed maximum {most}"
                );
            }
            items.extend((0..count as i64).map(|at| start.wrapping_add(at.wrapping_mul(step))));
            offsets.push(items.len() as i32);
        }
        list_column(&item, offsets, narrow(&item, &items))
    }))
}

/// Integers as an array of a type that holds them.
pub(super) fn narrow(data_type: &DataType, values: &[i64]) -> ArrayRef {
    fn of<T: ArrowPrimitiveType>(values: &[i64], f: fn(i64) -> T::Native) -> ArrayRef {
        let values: Vec<T::Native> = values.iter().map(|v| f(*v)).collect();
        Arc::new(PrimitiveArray::<T>::new(values.into(), None))
    }
    match data_type {
        DataType::UInt8 | DataType::Bool => of::<UInt8Type>(values, |v| v as u8),
        DataType::UInt16 => of::<UInt16Type>(values, |v| v as u16),
        DataType::UInt32 => of::<UInt32Type>(values, |v| v as u32),
        DataType::UInt64 => of::<UInt64Type>(values, |v| v as u64),
        DataType::Int8 => of::<Int8Type>(values, |v| v as i8),
        DataType::Int16 => of::<Int16Type>(values, |v| v as i16),
        DataType::Int32 => of::<Int32Type>(values, |v| v as i32),
        _ => of::<Int64Type>(values, |v| v),
    }
}

fn with_constant(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    require_integer("arrayWithConstant", arguments, 0)?;
    let item = arguments[1].data_type.clone();
    Ok(Bound::new(DataType::array(item.clone()), move |columns, rows| {
        let counts = Integers::new(&columns[0])?;
        let values = columns[1].to_flat()?;
        let (mut places, mut offsets) = (Vec::new(), vec![0]);
        for row in 0..rows {
            let count = counts.get(row);
            if count < 0 || count.saturating_add(places.len() as i64) > MOST_ITEMS {
                bail!(
                    TooLargeArraySize,
                    "Array size {count} is negative or too large in function arrayWithConstant"
                );
            }
            places.resize(places.len() + count as usize, row as u32);
            offsets.push(places.len() as i32);
        }
        list_column(&item, offsets, take(&values, places)?)
    }))
}

fn replicate(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    if let Some(other) = arguments[1..].iter().find(|a| a.data_type.list_item().is_none()) {
        return Err(illegal("replicate", other));
    }
    let item = arguments[0].data_type.clone();
    Ok(Bound::new(DataType::array(item.clone()), move |columns, _| {
        let lists = super::slice::same_lengths("replicate", &columns[1..])?;
        let Some(first) = lists.first() else { bail!(LogicalError, "replicate without arrays") };
        let items = take(&columns[0].to_flat()?, first.item_rows())?;
        list_column(&item, first.offsets.clone(), items)
    }))
}

fn to_single(_: &FunctionContext, arguments: &[Argument]) -> Result<Bound> {
    let DataType::Array(item) = &arguments[0].data_type else {
        return Err(illegal("emptyArrayToSingle", &arguments[0]));
    };
    let item = item.as_ref().clone();
    Ok(Bound::new(arguments[0].data_type.clone(), move |columns, rows| {
        let lists = Lists::new(&columns[0])?;
        let items = super::lists::with_default(&lists.items, &item)?;
        let mut picker = super::lists::Picker::new(rows);
        for row in 0..rows {
            let (from, to) = lists.bounds(row);
            (from..to).for_each(|at| picker.push(at));
            if from == to {
                picker.push(items.len() - 1);
            }
            picker.end_row();
        }
        picker.column(&item, &items)
    }))
}

fn empty(item: DataType) -> Result<Bound> {
    let return_type = DataType::array(item.clone());
    Ok(Bound::new(return_type, move |_, rows| -> Result<Column> {
        list_column(&item, vec![0; rows + 1], default_array(&item, 0)?)
    }))
}
