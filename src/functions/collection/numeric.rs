//! Sums, extremes, products and differences of arrays, with a lambda or without.

mod wide;

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Decimal128Array, Float64Array, Int64Array, UInt64Array};
use base::{Error, Result, bail};
use expr::{Argument, Bound, FunctionDeclaration};
use types::{Column, DataType, Physical};

use super::keys::Keys;
use super::lists::{list_column, numbers, take, with_default};
use super::mapped::{Shape, element_types};
use crate::scalar::order::{Missing, comparator};
use crate::text::declare;

macro_rules! numeric {
    ($name:literal, $what:literal, $sql:literal => $answer:literal, $bind:expr) => {
        declare!("Array", $name, "array...([f,] array, ...)", $what, $sql => $answer, (1, usize::MAX), $bind, lambda: Some(element_types))
    };
}

pub(super) static FUNCTIONS: &[FunctionDeclaration] = &[
    numeric!("arrayMin", "The least element, or value of a lambda.",
        "SELECT arrayMin([3, 1, 2])" => "1", |_, a| extreme("arrayMin", a, false)),
    numeric!("arrayMax", "The greatest element, or value of a lambda.",
        "SELECT arrayMax([3, 1, 2])" => "3", |_, a| extreme("arrayMax", a, true)),
    numeric!("arraySum", "The sum of the elements, or of a lambda's values.",
        "SELECT arraySum([1, 2, 3])" => "6", |_, a| sum(a)),
    numeric!("arrayAvg", "The mean of the elements, or of a lambda's values.",
        "SELECT arrayAvg([1, 2])" => "1.5", |_, a| folded("arrayAvg", a, |v| v.iter().fold(0.0, |sum, x| sum + x) / v.len().max(1) as f64)),
    numeric!("arrayProduct", "The product of the elements, or of a lambda's values.",
        "SELECT arrayProduct([2, 3])" => "6", |_, a| folded("arrayProduct", a, |v| if v.is_empty() { 0.0 } else { v.iter().product() })),
    numeric!("arrayCumSum", "The sums of the elements up to each.",
        "SELECT arrayCumSum([1, 2, 3])" => "[1,3,6]", |_, a| running("arrayCumSum", a, false)),
    numeric!("arrayCumSumNonNegative", "As `arrayCumSum`, with sums below 0 taken as 0.",
        "SELECT arrayCumSumNonNegative([1, -5, 2])" => "[1,0,2]", |_, a| running("arrayCumSumNonNegative", a, true)),
    numeric!("arrayDifference", "The differences of each element and the one before; 0 for the first.",
        "SELECT arrayDifference([1, 4, 2])" => "[0,3,-2]", |_, a| difference(a)),
];

/// The numbers of an array as Float64; those under NULL are arbitrary.
pub(super) fn as_floats(array: &ArrayRef, data_type: &DataType) -> Result<Vec<f64>> {
    if *data_type.inner() == DataType::Nothing {
        return Ok(vec![0.0; array.len()]);
    }
    if data_type.wide_sign().is_some() {
        return wide::floats(array, data_type);
    }
    let wide = as_wide(array, data_type);
    if let Some(wide) = wide {
        let scale = match data_type.inner() {
            DataType::Decimal { scale, .. } => 10_f64.powi(i32::from(*scale)),
            _ => 1.0,
        };
        return Ok(wide.into_iter().map(|v| v as f64 / scale).collect());
    }
    let floats = arrow_cast::cast(array, &arrow_schema::DataType::Float64)
        .map_err(|e| Error::logical(e.to_string()))?;
    use arrow_array::cast::AsArray;
    Ok(floats.as_primitive::<Float64Type>().values().to_vec())
}

/// The integers, or unscaled decimals, of an array; `None` for floats.
pub(super) fn as_wide(array: &ArrayRef, data_type: &DataType) -> Option<Vec<i128>> {
    use crate::text::value_bits;
    let inner = data_type.inner();
    if inner.is_float() {
        return None;
    }
    let bits = value_bits(inner)?(array).ok()?;
    let signed = !(inner.is_unsigned_integer() || *inner == DataType::Bool);
    Some((0..array.len()).map(|at| bits.integer(at, signed)).collect())
}

/// What sums of a type are.
fn sum_type(function: &str, data_type: &DataType) -> Result<DataType> {
    Ok(match data_type.inner() {
        DataType::Decimal { precision: 39.., scale } => {
            DataType::Decimal { precision: 76, scale: *scale }
        }
        DataType::Decimal { scale, .. } => DataType::Decimal { precision: 38, scale: *scale },
        DataType::Bool => DataType::UInt64,
        t if t.is_integer() && t.bits() >= Some(128) => t.clone(),
        t if t.is_float() => DataType::Float64,
        t if t.is_unsigned_integer() => DataType::UInt64,
        t if t.is_signed_integer() => DataType::Int64,
        _ => bail!(
            IllegalTypeOfArgument,
            "Function {function} cannot add values of type {data_type}"
        ),
    })
}

/// Sums as an array of their type; they wrap around.
fn sums_array(data_type: &DataType, sums: Vec<i128>) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::UInt64 => Arc::new(UInt64Array::from_iter_values(sums.iter().map(|v| *v as u64))),
        DataType::Int64 => Arc::new(Int64Array::from_iter_values(sums.iter().map(|v| *v as i64))),
        _ => {
            let array = Decimal128Array::from(sums).with_precision_and_scale(38, 0);
            Arc::new(array.map_err(|e| Error::logical(e.to_string()))?)
        }
    })
}

fn sum(arguments: &[Argument]) -> Result<Bound> {
    let shape = Shape::new("arraySum", arguments)?;
    let return_type = sum_type("arraySum", &shape.value)?;
    let sums_type = return_type.clone();
    Ok(shape.bind("arraySum", return_type, move |shape, mapped, rows| {
        let bounds = |row: usize| mapped.lists.bounds(row);
        let valid = |at: &usize| mapped.values.is_valid(*at);
        if let Some(signed) = sums_type.wide_sign() {
            return wide::sums(&mapped.values, &bounds, rows, signed);
        }
        if sums_type == DataType::Float64 {
            let values = as_floats(&mapped.values, &shape.value)?;
            let sums = (0..rows).map(|row| {
                let (from, to) = bounds(row);
                (from..to).filter(valid).map(|at| values[at]).sum()
            });
            return Ok(numbers::<Float64Type>(sums.collect()));
        }
        let values = as_wide(&mapped.values, &shape.value).unwrap_or_default();
        let sums = (0..rows).map(|row| {
            let (from, to) = bounds(row);
            (from..to).filter(valid).fold(0_i128, |sum, at| sum.wrapping_add(values[at]))
        });
        Ok(Column::Flat(sums_array(&sums_type, sums.collect())?))
    }))
}

/// A result of Float64 of each row's numbers.
fn folded(function: &'static str, arguments: &[Argument], f: fn(&[f64]) -> f64) -> Result<Bound> {
    let shape = Shape::new(function, arguments)?;
    sum_type(function, &shape.value)?;
    Ok(shape.bind(function, DataType::Float64, move |shape, mapped, rows| {
        let values = as_floats(&mapped.values, &shape.value)?;
        // Only floats have a zero below 0.
        let exact = !shape.value.inner().is_float();
        let results = (0..rows).map(|row| {
            let (from, to) = mapped.lists.bounds(row);
            let result = f(&values[from..to]);
            if exact { result + 0.0 } else { result }
        });
        Ok(numbers::<Float64Type>(results.collect()))
    }))
}

fn extreme(function: &'static str, arguments: &[Argument], greatest: bool) -> Result<Bound> {
    let shape = Shape::new(function, arguments)?;
    if *shape.value.inner() == DataType::Nothing {
        bail!(IllegalTypeOfArgument, "Function {function} cannot be performed on type Nothing");
    }
    let return_type = shape.value.clone();
    Ok(shape.bind(function, return_type, move |shape, mapped, rows| {
        let nested = matches!(shape.value.physical(), Physical::List | Physical::Struct);
        // NaN and NULL are taken only where there is nothing else, inside of nested values too.
        let better: Box<dyn Fn(usize, usize) -> bool> = if nested {
            let missing = if greatest { Missing::Least } else { Missing::Greatest };
            let order = comparator(&shape.value, &mapped.values, &mapped.values, missing)?;
            let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
            Box::new(move |at, best| order(at, best) == wanted)
        } else {
            let keys = Keys::new(&mapped.values, &shape.value)?;
            Box::new(move |at, best| keys.compare(at, best, greatest).is_lt())
        };
        let missing = mapped.values.len();
        let places = (0..rows).map(|row| {
            let (from, to) = mapped.lists.bounds(row);
            let within = (from..to).filter(|at| mapped.values.is_valid(*at));
            // Of equal ones the first.
            let best = within.reduce(|best, at| if better(at, best) { at } else { best });
            best.unwrap_or(missing) as u32
        });
        let values = with_default(&mapped.values, &shape.value)?;
        Ok(Column::Flat(take(&values, places.collect())?))
    }))
}

fn running(function: &'static str, arguments: &[Argument], floor: bool) -> Result<Bound> {
    let shape = Shape::new(function, arguments)?;
    let item = sum_type(function, &shape.value)?;
    let items_type = item.clone();
    Ok(shape.bind(function, DataType::array(item), move |shape, mapped, rows| {
        let items: ArrayRef = if let Some(signed) = items_type.wide_sign() {
            wide::running(&mapped.values, &|row| mapped.lists.bounds(row), (rows, floor), signed)?
        } else if items_type == DataType::Float64 {
            let mut values = as_floats(&mapped.values, &shape.value)?;
            for row in 0..rows {
                let (from, to) = mapped.lists.bounds(row);
                let mut sum = 0.0;
                for value in &mut values[from..to] {
                    sum += *value;
                    if floor && sum < 0.0 {
                        sum = 0.0;
                    }
                    *value = sum;
                }
            }
            Arc::new(Float64Array::from(values))
        } else {
            let mut values = as_wide(&mapped.values, &shape.value).unwrap_or_default();
            for row in 0..rows {
                let (from, to) = mapped.lists.bounds(row);
                let mut sum = 0_i128;
                for value in &mut values[from..to] {
                    sum = sum.wrapping_add(*value);
                    if floor && sum < 0 {
                        sum = 0;
                    }
                    *value = sum;
                }
            }
            sums_array(&items_type, values)?
        };
        list_column(&items_type, mapped.lists.offsets, items)
    }))
}

fn difference(arguments: &[Argument]) -> Result<Bound> {
    let shape = Shape::new("arrayDifference", arguments)?;
    let item = match (shape.value.inner(), shape.value.bits()) {
        (t, _) if t.is_float() => DataType::Float64,
        (DataType::Decimal { precision: 39.., scale }, _) => {
            DataType::Decimal { precision: 76, scale: *scale }
        }
        (DataType::Decimal { scale, .. }, _) => DataType::Decimal { precision: 38, scale: *scale },
        (t, Some(256)) if t.is_integer() => DataType::Int256,
        (t, Some(8)) if t.is_integer() => DataType::Int16,
        (t, Some(16)) if t.is_integer() => DataType::Int32,
        (t, Some(32 | 64)) if t.is_integer() => DataType::Int64,
        _ => bail!(
            IllegalTypeOfArgument,
            "Function arrayDifference cannot process values of type {}",
            shape.value
        ),
    };
    let items_type = item.clone();
    Ok(shape.bind("arrayDifference", DataType::array(item), move |shape, mapped, rows| {
        let each = |f: &mut dyn FnMut(usize, Option<usize>)| {
            for row in 0..rows {
                let (from, to) = mapped.lists.bounds(row);
                (from..to).for_each(|at| f(at, (at > from).then(|| at - 1)));
            }
        };
        let items: ArrayRef = if items_type.wide_sign().is_some() {
            wide::differences(&mapped.values, shape.value.wide_sign() == Some(true), each)?
        } else if items_type == DataType::Float64 {
            let values = as_floats(&mapped.values, &shape.value)?;
            let mut out = Vec::with_capacity(values.len());
            each(&mut |at, before| out.push(before.map_or(0.0, |b| values[at] - values[b])));
            Arc::new(Float64Array::from(out))
        } else {
            let values = as_wide(&mapped.values, &shape.value).unwrap_or_default();
            let mut out: Vec<i128> = Vec::with_capacity(values.len());
            each(&mut |at, before| {
                out.push(before.map_or(0, |b| values[at].wrapping_sub(values[b])))
            });
            if matches!(items_type, DataType::Decimal { .. }) {
                sums_array(&items_type, out)?
            } else {
                let narrow: Vec<i64> = out.into_iter().map(|v| v as i64).collect();
                super::construct::narrow(&items_type, &narrow)
            }
        };
        list_column(&items_type, mapped.lists.offsets.clone(), items)
    }))
}
